//! Which brokers are alive: who registered, through which connection, and when it was last heard.
//!
//! An entry leaves for one of four reasons: its broker unregisters, its connection closes, it stays
//! silent for longer than its time-out, or another broker takes its place. Silence is measured on
//! the monotonic clock.
//!
//! Differs from Java: deciding and removing are one step. There is no queue between them in which a
//! removal could wait while the broker registers again.

use std::{collections::BTreeMap, time::Duration};

use protocol::{Text, body::DataVersion};
use remoting::PeerId;
use runtime::Monotonic;

/// Silence after which a broker is gone, when it did not name a time-out itself.
pub(crate) const TIMEOUT_DEFAULT: Duration = Duration::from_secs(120);

/// A connection. Ordered by when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Peer {
    /// Grows with every connection.
    pub(crate) order: u64,
    pub(crate) id: PeerId,
}

/// One registered broker process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LiveBroker {
    pub(crate) cluster: Text,
    pub(crate) name: Text,
    pub(crate) peer: Peer,
    /// Grows when any frame of this broker's own arrives.
    pub(crate) heard: Monotonic,
    pub(crate) timeout: Duration,
    pub(crate) version: DataVersion,
    pub(crate) ha_address: Option<Text>,
}

/// Live brokers by address. One address is one process.
#[derive(Debug, Default)]
pub(crate) struct Liveness {
    brokers: BTreeMap<Text, LiveBroker>,
    scanned: Option<Monotonic>,
}

impl Liveness {
    pub(crate) fn get(&self, address: &Text) -> Option<&LiveBroker> {
        self.brokers.get(address)
    }

    pub(crate) fn put(&mut self, address: Text, broker: LiveBroker) {
        self.brokers.insert(address, broker);
    }

    pub(crate) fn remove(&mut self, address: &Text) -> Option<LiveBroker> {
        self.brokers.remove(address)
    }

    /// The data version this address registered with, if it did so in this cluster.
    pub(crate) fn version(&self, cluster: &str, address: &Text) -> Option<&DataVersion> {
        self.brokers.get(address).filter(|live| *live.cluster == *cluster).map(|live| &live.version)
    }

    /// A sign of life that is not a registration.
    pub(crate) fn heard(&mut self, now: Monotonic, cluster: &str, address: &Text) {
        if let Some(live) = self.brokers.get_mut(address)
            && *live.cluster == *cluster
        {
            live.heard = now;
        }
    }

    /// The addresses that were registered through a connection.
    pub(crate) fn behind(&self, peer: Peer) -> Vec<Text> {
        let behind = self.brokers.iter().filter(|(_, live)| live.peer == peer);
        behind.map(|(address, _)| address.clone()).collect()
    }

    /// The addresses that have been silent for too long. To be called about every `interval`.
    ///
    /// Differs from Java: when far more than the interval has passed since the last scan, it was
    /// this process that stood still. What its brokers sent meanwhile may still wait to be read, so
    /// that time is not held against them.
    pub(crate) fn silent(&mut self, now: Monotonic, interval: Duration) -> Vec<Text> {
        let since = self.scanned.map_or(Duration::ZERO, |scanned| now.since(scanned));
        self.scanned = Some(now);
        if interval * 2 < since {
            let stood_still = since - interval;
            for live in self.brokers.values_mut() {
                live.heard = now.min(live.heard + stood_still);
            }
        }
        let silent = self.brokers.iter().filter(|(_, live)| live.timeout < now.since(live.heard));
        silent.map(|(address, _)| address.clone()).collect()
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Text, &LiveBroker)> {
        self.brokers.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(5);

    fn at(seconds: u64) -> Monotonic {
        Monotonic(0) + Duration::from_secs(seconds)
    }

    fn one_broker(heard: u64) -> Liveness {
        let mut liveness = Liveness::default();
        let live = LiveBroker {
            cluster: Text::from("c"),
            name: Text::from("b"),
            peer: Peer { order: 1, id: PeerId(1) },
            heard: at(heard),
            timeout: TIMEOUT_DEFAULT,
            version: DataVersion::default(),
            ha_address: None,
        };
        liveness.put(Text::from("a:1"), live);
        liveness
    }

    #[test]
    fn a_broker_is_silent_only_after_its_whole_timeout() {
        let mut liveness = one_broker(0);
        for second in (0..=120).step_by(5) {
            assert!(liveness.silent(at(second), INTERVAL).is_empty(), "at {second}");
        }
        assert_eq!(liveness.silent(at(125), INTERVAL), [Text::from("a:1")]);
    }

    #[test]
    fn a_sign_of_life_counts_only_in_the_brokers_own_cluster() {
        let mut liveness = one_broker(0);
        liveness.heard(at(100), "other", &Text::from("a:1"));
        assert_eq!(liveness.get(&Text::from("a:1")).unwrap().heard, at(0));
        liveness.heard(at(100), "c", &Text::from("a:1"));
        assert_eq!(liveness.get(&Text::from("a:1")).unwrap().heard, at(100));
    }

    #[test]
    fn time_in_which_this_process_stood_still_is_not_silence() {
        let mut liveness = one_broker(0);
        liveness.silent(at(5), INTERVAL);

        assert!(liveness.silent(at(1000), INTERVAL).is_empty());

        let mut second = 1005;
        while liveness.silent(at(second), INTERVAL).is_empty() {
            second += 5;
        }
        assert!((1110..=1130).contains(&second), "gone at {second}");
    }
}
