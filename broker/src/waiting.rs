//! Pulls that found nothing and wait for a message.
//!
//! A pull is parked under its queue and leaves when a matching message becomes visible there, when
//! its time is up, or when its connection closes. Whoever wakes it runs the pull again, without
//! the right to wait.
//!
//! Source: `broker/longpolling/PullRequestHoldService.java`.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{Command, Text};
use remoting::PeerId;
use runtime::Monotonic;

use crate::subscription::TagFilter;

/// A pull that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Who asked.
    pub peer: PeerId,
    /// The pull itself.
    pub command: Command,
    /// Its topic.
    pub topic: Text,
    /// Its queue.
    pub queue_id: i32,
    /// The queue offset it wants.
    pub from: i64,
    /// The tags it wants.
    pub filter: TagFilter,
    /// When it is answered even though nothing came.
    pub deadline: Monotonic,
    /// When it was asked.
    pub asked: Monotonic,
    /// The request, by its place in the table of requests.
    pub place: usize,
}

/// All waiting pulls.
#[derive(Debug, Default)]
pub(crate) struct WaitingPulls {
    pulls: BTreeMap<u64, Waiting>,
    by_queue: BTreeMap<Text, BTreeMap<i32, BTreeSet<u64>>>,
    by_deadline: BTreeSet<(Monotonic, u64)>,
    by_peer: BTreeMap<PeerId, BTreeSet<u64>>,
    next: u64,
    // Invariant: every pull is in all four.
}

impl WaitingPulls {
    /// How many wait.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.pulls.len()
    }

    /// Lets a pull wait.
    pub(crate) fn park(&mut self, waiting: Waiting) {
        let id = self.next;
        self.next += 1;
        match self.by_queue.get_mut(waiting.topic.as_str()) {
            Some(queues) => queues,
            None => self.by_queue.entry(waiting.topic.detached()).or_default(),
        }
        .entry(waiting.queue_id)
        .or_default()
        .insert(id);
        self.by_deadline.insert((waiting.deadline, id));
        self.by_peer.entry(waiting.peer).or_default().insert(id);
        self.pulls.insert(id, waiting);
    }

    /// Whether anybody waits on a queue.
    pub(crate) fn is_waited_for(&self, topic: &str, queue_id: i32) -> bool {
        self.by_queue.get(topic).is_some_and(|queues| queues.contains_key(&queue_id))
    }

    /// Takes the pulls of a queue that a new message concerns: those that want this offset or an
    /// earlier one, and these tags.
    pub(crate) fn wake(
        &mut self,
        topic: &str,
        queue_id: i32,
        queue_offset: i64,
        tags_code: i64,
    ) -> Vec<Waiting> {
        let Some(ids) = self.by_queue.get(topic).and_then(|queues| queues.get(&queue_id)) else {
            return Vec::new();
        };
        let woken: Vec<u64> = ids
            .iter()
            .copied()
            .filter(|id| {
                self.pulls
                    .get(id)
                    .is_some_and(|pull| pull.from <= queue_offset && pull.filter.matches(tags_code))
            })
            .collect();
        woken.into_iter().filter_map(|id| self.take(id)).collect()
    }

    /// Takes the next pull whose time is up.
    pub(crate) fn next_late(&mut self, now: Monotonic) -> Option<Waiting> {
        let (deadline, id) = self.by_deadline.first().copied()?;
        if deadline <= now { self.take(id) } else { None }
    }

    /// Forgets the pulls of a connection that closed.
    pub(crate) fn forget(&mut self, peer: PeerId) {
        for id in self.by_peer.get(&peer).cloned().unwrap_or_default() {
            self.take(id);
        }
    }

    /// Takes every pull: the broker stops.
    pub(crate) fn drain(&mut self) -> Vec<Waiting> {
        let ids: Vec<u64> = self.pulls.keys().copied().collect();
        ids.into_iter().filter_map(|id| self.take(id)).collect()
    }

    fn take(&mut self, id: u64) -> Option<Waiting> {
        let pull = self.pulls.remove(&id)?;
        self.by_deadline.remove(&(pull.deadline, id));
        if let Some(ids) = self.by_peer.get_mut(&pull.peer) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_peer.remove(&pull.peer);
            }
        }
        if let Some(queues) = self.by_queue.get_mut(pull.topic.as_str()) {
            if let Some(ids) = queues.get_mut(&pull.queue_id) {
                ids.remove(&id);
                if ids.is_empty() {
                    queues.remove(&pull.queue_id);
                }
            }
            if queues.is_empty() {
                self.by_queue.remove(pull.topic.as_str());
            }
        }
        Some(pull)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pull(peer: u64, from: i64, filter: TagFilter, deadline: u64) -> Waiting {
        Waiting {
            peer: PeerId(peer),
            command: Command::request(11),
            topic: Text::from("t"),
            queue_id: 0,
            from,
            filter,
            deadline: Monotonic(deadline),
            asked: Monotonic(0),
            place: 0,
        }
    }

    #[test]
    fn a_message_wakes_only_the_pulls_it_concerns() {
        let mut waiting = WaitingPulls::default();
        waiting.park(pull(1, 5, TagFilter::All, 100));
        waiting.park(pull(2, 6, TagFilter::All, 100));
        waiting.park(pull(3, 5, TagFilter::Codes(vec![7]), 100));
        assert!(waiting.wake("t", 1, 5, 0).is_empty(), "another queue");
        let woken: Vec<u64> = waiting.wake("t", 0, 5, 8).iter().map(|pull| pull.peer.0).collect();
        assert_eq!(vec![1], woken);
        assert!(waiting.is_waited_for("t", 0));
        assert_eq!(2, waiting.wake("t", 0, 6, 7).len());
        assert!(!waiting.is_waited_for("t", 0));
    }

    #[test]
    fn a_pull_leaves_at_its_deadline_or_with_its_connection() {
        let mut waiting = WaitingPulls::default();
        waiting.park(pull(1, 5, TagFilter::All, 100));
        waiting.park(pull(2, 5, TagFilter::All, 50));
        waiting.park(pull(3, 5, TagFilter::All, 60));
        assert_eq!(None, waiting.next_late(Monotonic(49)));
        assert_eq!(PeerId(2), waiting.next_late(Monotonic(70)).unwrap().peer);
        waiting.forget(PeerId(3));
        assert_eq!(None, waiting.next_late(Monotonic(70)));
        assert_eq!(1, waiting.len());
        assert_eq!(1, waiting.drain().len());
        assert_eq!(0, waiting.len());
    }
}
