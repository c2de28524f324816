//! What is due, and when.
//!
//! Ordered by time and then by the order of asking, cancellable, exact to the nanosecond. madsim's
//! own timers are none of these: they are never cancelled, round up to a millisecond, and those of
//! one instant fire in the order of a heap.

use std::{collections::BTreeMap, sync::Arc, task::Waker};

use super::World;

/// Something that the world itself does when its time has come.
pub(crate) type Call = Box<dyn FnOnce(&Arc<World>) + Send>;

/// Names one entry: its time in nanoseconds, and its number among all that were ever asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket {
    pub(crate) at: u64,
    pub(crate) number: u64,
}

/// What happens when an entry is due.
pub(crate) enum Due {
    /// A sleeper of a node wakes and looks at its own clock.
    Wake { node: u32, waker: Waker },
    /// Something that the world itself had planned.
    Call(Call),
}

/// All that is due, in order.
#[derive(Default)]
pub(crate) struct Queue {
    entries: BTreeMap<Ticket, Due>,
    asked: u64,
}

impl Queue {
    /// Plans `due` for `at`.
    pub(crate) fn add(&mut self, at: u64, due: Due) -> Ticket {
        self.asked += 1;
        let ticket = Ticket { at, number: self.asked };
        self.entries.insert(ticket, due);
        ticket
    }

    /// Takes an entry back. `None` if it has been due.
    pub(crate) fn cancel(&mut self, ticket: Ticket) -> Option<Due> {
        self.entries.remove(&ticket)
    }

    /// The time of the next entry.
    pub(crate) fn next_at(&self) -> Option<u64> {
        self.entries.first_key_value().map(|(ticket, _)| ticket.at)
    }

    /// The next entry, if it is due at `now`.
    pub(crate) fn take_due(&mut self, now: u64) -> Option<Due> {
        let entry = self.entries.first_entry()?;
        (entry.key().at <= now).then(|| entry.remove())
    }

    /// Wakers of every sleeper of `node`; their entries are gone.
    pub(crate) fn take_sleepers(&mut self, node: u32) -> Vec<Waker> {
        let mine = |due: &Due| matches!(due, Due::Wake { node: of, .. } if *of == node);
        let tickets: Vec<_> =
            self.entries.iter().filter(|(_, due)| mine(due)).map(|(ticket, _)| *ticket).collect();
        let due = tickets.into_iter().filter_map(|ticket| self.entries.remove(&ticket));
        due.filter_map(|due| match due {
            Due::Wake { waker, .. } => Some(waker),
            Due::Call(_) => None,
        })
        .collect()
    }

    /// Replaces the waker of a sleeper that was polled again. False if it has been due.
    pub(crate) fn rewake(&mut self, ticket: Ticket, with: &Waker) -> bool {
        match self.entries.get_mut(&ticket) {
            Some(Due::Wake { waker, .. }) => {
                waker.clone_from(with);
                true
            }
            _ => false,
        }
    }
}
