//! Which requests of a connection are unanswered, and since when. Answers may overtake each other.

use std::{collections::VecDeque, time::Instant};

use crate::frames::FIRST_OPAQUE;

/// The requests from the oldest unanswered one on.
#[derive(Default)]
pub(crate) struct Asked {
    since: VecDeque<Option<Instant>>,
    unanswered: usize,
    first: i32,
}

impl Asked {
    /// The number for a request that leaves at this time.
    pub(crate) fn ask(&mut self, at: Instant) -> i32 {
        let behind = i32::try_from(self.since.len()).unwrap_or(i32::MAX);
        self.since.push_back(Some(at));
        self.unanswered += 1;
        // Room for more than a thousand million: no run asks so often.
        FIRST_OPAQUE + self.first + behind
    }

    /// When the request with this number left; `None` if nobody waits for it.
    pub(crate) fn answered(&mut self, opaque: i32) -> Option<Instant> {
        let at =
            usize::try_from(opaque.checked_sub(FIRST_OPAQUE)?.checked_sub(self.first)?).ok()?;
        let since = self.since.get_mut(at)?.take()?;
        self.unanswered -= 1;
        while let Some(None) = self.since.front() {
            self.since.pop_front();
            self.first += 1;
        }
        Some(since)
    }

    /// How many have no answer yet.
    pub(crate) fn unanswered(&self) -> usize {
        self.unanswered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_overtake_find_their_own_times() {
        let mut asked = Asked::default();
        let start = Instant::now();
        let times: Vec<Instant> =
            (0..3).map(|ms| start + std::time::Duration::from_millis(ms)).collect();
        let numbers: Vec<i32> = times.iter().map(|time| asked.ask(*time)).collect();
        assert_eq!(asked.answered(numbers[2]), Some(times[2]));
        assert_eq!(asked.answered(numbers[2]), None);
        assert_eq!(asked.answered(numbers[0]), Some(times[0]));
        assert_eq!(asked.unanswered(), 1);
        let next = asked.ask(times[1]);
        assert_eq!(next, FIRST_OPAQUE + 3);
        assert_eq!(asked.answered(numbers[1]), Some(times[1]));
        assert_eq!(asked.answered(next), Some(times[1]));
        assert_eq!(asked.unanswered(), 0);
    }
}
