//! Answers that wait until what they promise is durable.
//!
//! A SEND under SYNC_FLUSH is answered when the disk has its record, and when the topic it may
//! have created is saved; an administrator's change of a topic or group when its table is saved.
//! All conditions only grow with the order of arrival, so the answers leave in the order in which
//! they came.

use std::collections::VecDeque;

use protocol::Command;
use remoting::PeerId;
use runtime::Monotonic;

/// What must be durable before an answer may leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Need {
    /// The commit log up to this physical offset.
    pub log: u64,
    /// The topic table as of this generation.
    pub topics: u64,
    /// The group table as of this generation.
    pub groups: u64,
}

impl Need {
    /// Whether everything needed is there.
    pub(crate) fn is_met_by(self, durable: Self) -> bool {
        self.log <= durable.log && self.topics <= durable.topics && self.groups <= durable.groups
    }
}

/// One parked answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Who asked.
    pub peer: PeerId,
    /// The answer if all goes well.
    pub command: Command,
    /// What it waits for.
    pub need: Need,
    /// When the producer is told that the disk is slow.
    pub deadline: Monotonic,
    /// When it was asked.
    pub asked: Monotonic,
    /// The request, by its place in the table of requests.
    pub place: usize,
    /// Where the message ends in the log that it tells a producer about; otherwise it tells about a
    /// saved table. Not every message waits for the log: some only wait for their topic.
    pub stored_to: Option<u64>,
}

impl Answer {
    fn is_beyond(&self, end: u64) -> bool {
        self.stored_to.is_some_and(|to| end < to)
    }
}

/// All parked answers, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Parked {
    answers: VecDeque<Answer>,
    // Invariant: the log needs and the deadlines of `answers` only grow.
}

impl Parked {
    /// Parks one more. It leaves no earlier than those before it.
    pub(crate) fn park(&mut self, mut answer: Answer) {
        if let Some(last) = self.answers.back() {
            answer.need.log = answer.need.log.max(last.need.log);
            answer.deadline = answer.deadline.max(last.deadline);
        }
        self.answers.push_back(answer);
    }

    /// How many are parked.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.answers.len()
    }

    /// Takes the next answer whose needs are met.
    pub(crate) fn next_ready(&mut self, durable: Need) -> Option<Answer> {
        let first = self.answers.front()?;
        if first.need.is_met_by(durable) { self.answers.pop_front() } else { None }
    }

    /// Takes the next answer whose deadline has passed.
    pub(crate) fn next_late(&mut self, now: Monotonic) -> Option<Answer> {
        let first = self.answers.front()?;
        if first.deadline <= now { self.answers.pop_front() } else { None }
    }

    /// Whether an answer waits for more of the log than this.
    pub(crate) fn needs_log_beyond(&self, durable: u64) -> bool {
        self.answers.back().is_some_and(|last| durable < last.need.log)
    }

    /// Changes the answers about messages that the log does not hold, and lets them wait no longer.
    pub(crate) fn change_beyond(&mut self, end: u64, change: impl Fn(&mut Command)) {
        for answer in &mut self.answers {
            if answer.is_beyond(end) {
                change(&mut answer.command);
                (answer.need, answer.stored_to) = (Need::default(), None);
            }
            // The log never reaches what was raised by such a message.
            answer.need.log = answer.need.log.min(end);
        }
    }

    /// Forgets the answers about messages that lie beyond this.
    pub(crate) fn forget_beyond(&mut self, end: u64) {
        self.answers.retain(|answer| !answer.is_beyond(end));
    }

    /// Takes everything: the disk failed.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Answer> + '_ {
        self.answers.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(log: u64, topics: u64, deadline: u64) -> Answer {
        Answer {
            peer: PeerId(1),
            command: Command::request(0).with_opaque(i32::try_from(log).unwrap()),
            need: Need { log, topics, groups: 0 },
            deadline: Monotonic(deadline),
            asked: Monotonic(0),
            place: 0,
            stored_to: Some(log),
        }
    }

    #[test]
    fn answers_leave_in_order_when_both_needs_are_met() {
        let mut parked = Parked::default();
        parked.park(answer(10, 0, 5));
        parked.park(answer(20, 1, 6));
        assert_eq!(None, parked.next_ready(Need { log: 9, topics: 9, groups: 0 }));
        assert_eq!(10, parked.next_ready(Need { log: 15, topics: 0, groups: 0 }).unwrap().need.log);
        assert_eq!(None, parked.next_ready(Need { log: 20, topics: 0, groups: 0 }));
        assert_eq!(20, parked.next_ready(Need { log: 20, topics: 1, groups: 0 }).unwrap().need.log);
        assert_eq!(0, parked.len());
    }

    #[test]
    fn late_answers_leave_at_their_deadline() {
        let mut parked = Parked::default();
        parked.park(answer(10, 0, 5));
        assert_eq!(None, parked.next_late(Monotonic(4)));
        assert!(parked.next_late(Monotonic(5)).is_some());
    }

    #[test]
    fn what_was_not_stored_is_told_also_to_those_who_only_wait_for_their_topic() {
        let mut parked = Parked::default();
        for (stored_to, log, topics) in [(10, 10, 0), (20, 0, 1), (30, 0, 2)] {
            parked.park(Answer { stored_to: Some(stored_to), ..answer(log, topics, 5) });
        }
        parked.change_beyond(20, |command| command.code = 14);
        let durable = Need { log: 20, topics: 1, groups: 0 };
        let codes: Vec<_> = std::iter::from_fn(|| parked.next_ready(durable))
            .map(|answer| answer.command.code)
            .collect();
        assert_eq!(codes, [0, 0, 14]);
    }
}
