//! Leases on queues: which member of a group may consume a queue in order.
//!
//! A lease lives 60 seconds after its last renewal; clients renew every 20. Time is monotonic.
//!
//! Differs from Java, where a lease is measured on the wall clock, so that a step of it lets two
//! members own one queue.
//!
//! Source: `broker/client/rebalance/RebalanceLockManager.java`.

use std::{collections::BTreeMap, time::Duration};

use protocol::Text;
use runtime::Monotonic;

/// How long a lease lives without being renewed.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
struct Lease {
    holder: Text,
    until: Monotonic,
}

/// Every lease, by group, topic and queue.
#[derive(Debug, Default)]
pub(crate) struct QueueLocks {
    groups: BTreeMap<Text, BTreeMap<(Text, i32), Lease>>,
}

impl QueueLocks {
    /// Takes or renews the lease on one queue of this broker. False if somebody else holds it.
    pub(crate) fn lock(
        &mut self,
        now: Monotonic,
        group: &Text,
        queue: (&Text, i32),
        client: &Text,
    ) -> bool {
        let until = now + LEASE;
        let queues = match self.groups.get_mut(group.as_str()) {
            Some(queues) => queues,
            None => self.groups.entry(group.detached()).or_default(),
        };
        match queues.get_mut(&(queue.0.clone(), queue.1)) {
            Some(lease) if lease.holder == *client || lease.until <= now => {
                lease.holder = client.detached();
                lease.until = until;
                true
            }
            Some(_) => false,
            None => {
                let lease = Lease { holder: client.detached(), until };
                queues.insert((queue.0.detached(), queue.1), lease);
                true
            }
        }
    }

    /// Gives a lease back. Does nothing if somebody else holds it.
    pub(crate) fn unlock(&mut self, group: &Text, queue: (&Text, i32), client: &Text) {
        let Some(queues) = self.groups.get_mut(group.as_str()) else { return };
        let key = (queue.0.clone(), queue.1);
        if queues.get(&key).is_some_and(|lease| lease.holder == *client) {
            queues.remove(&key);
        }
        if queues.is_empty() {
            self.groups.remove(group.as_str());
        }
    }

    /// Whether a group holds any lease, and so consumes in order.
    pub(crate) fn is_held(&self, now: Monotonic, group: &str) -> bool {
        self.groups.get(group).is_some_and(|queues| queues.values().any(|lease| now < lease.until))
    }

    /// Forgets what ran out.
    pub(crate) fn expire(&mut self, now: Monotonic) {
        self.groups.retain(|_, queues| {
            queues.retain(|_, lease| now < lease.until);
            !queues.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic(seconds * 1_000_000_000)
    }

    #[test]
    fn a_lease_excludes_others_until_it_runs_out_or_is_given_back() {
        let (group, topic) = (Text::from("g"), Text::from("t"));
        let (one, two) = (Text::from("c1"), Text::from("c2"));
        let mut locks = QueueLocks::default();
        assert!(locks.lock(at(0), &group, (&topic, 0), &one));
        assert!(!locks.lock(at(59), &group, (&topic, 0), &two));
        assert!(locks.lock(at(59), &group, (&topic, 1), &two));
        assert!(locks.lock(at(59), &group, (&topic, 0), &one), "renewed");
        assert!(!locks.lock(at(118), &group, (&topic, 0), &two));
        assert!(locks.is_held(at(118), "g"));
        assert!(locks.lock(at(119), &group, (&topic, 0), &two), "ran out");
        locks.unlock(&group, (&topic, 0), &one);
        assert!(!locks.lock(at(119), &group, (&topic, 0), &one), "a stranger cannot unlock");
        locks.unlock(&group, (&topic, 0), &two);
        assert!(locks.lock(at(119), &group, (&topic, 0), &one));
    }

    #[test]
    fn expired_leases_are_forgotten() {
        let mut locks = QueueLocks::default();
        locks.lock(at(0), &Text::from("g"), (&Text::from("t"), 0), &Text::from("c"));
        locks.expire(at(61));
        assert!(!locks.is_held(at(0), "g"));
    }
}
