//! What the broker does from time to time, and when it is next due.

use std::time::Duration;

use runtime::Monotonic;

/// A thing done from time to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Chore {
    /// Register with the name servers.
    Register,
    /// Save consumer offsets.
    SaveOffsets,
    /// Save the progress of delayed delivery.
    SaveDelays,
    /// Forget clients and leases that ran out.
    Expire,
}

const CHORES: [Chore; 4] = [Chore::Register, Chore::SaveOffsets, Chore::SaveDelays, Chore::Expire];

/// When each chore was last done.
#[derive(Debug)]
pub(crate) struct Timetable {
    done: [Monotonic; CHORES.len()],
}

impl Timetable {
    /// Every chore counts as just done.
    pub(crate) fn new(now: Monotonic) -> Self {
        Self { done: [now; CHORES.len()] }
    }

    /// Whether a chore is due; if so it counts as done.
    pub(crate) fn is_due(&mut self, chore: Chore, period: Duration, now: Monotonic) -> bool {
        let place = CHORES.iter().position(|each| *each == chore);
        let Some(done) = place.and_then(|place| self.done.get_mut(place)) else { return false };
        let due = *done + period <= now;
        if due {
            *done = now;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chore_is_due_once_per_period() {
        let mut timetable = Timetable::new(Monotonic(0));
        let period = Duration::from_nanos(10);
        assert!(!timetable.is_due(Chore::Expire, period, Monotonic(9)));
        assert!(timetable.is_due(Chore::Expire, period, Monotonic(12)));
        assert!(!timetable.is_due(Chore::Expire, period, Monotonic(21)));
        assert!(timetable.is_due(Chore::Register, period, Monotonic(21)));
    }
}
