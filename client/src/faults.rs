//! Which brokers to avoid for a while: `sendLatencyFaultEnable`.
//!
//! ```text
//! a send took    < 100 ms   < 550 ms   < 1.8 s   < 3 s   < 5 s   < 15 s   more      failed
//! avoid it for   0          0          2 s       5 s     6 s     10 s     30 s      10 s
//! ```
//! Source: client/latency/MQFaultStrategy.java, LatencyFaultToleranceImpl.java.

use std::{collections::BTreeMap, time::Duration};

use protocol::Text;
use runtime::Monotonic;

/// From this latency on, avoid for this long.
const AVOID: [(u64, u64); 7] = [
    (15_000, 30_000),
    (5_000, 10_000),
    (3_000, 6_000),
    (1_800, 5_000),
    (550, 2_000),
    (100, 0),
    (50, 0),
];

/// A send that failed counts as one that took this long.
const FAILED: Duration = Duration::from_secs(10);

/// What became of a request to a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It answered, with success or not a fault of the broker.
    Answered,
    /// It answered with an error.
    Refused,
    /// It did not answer.
    Silent,
}

/// The brokers that were slow or failed, by name.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    enabled: bool,
    brokers: BTreeMap<Text, Fault>,
}

#[derive(Debug)]
struct Fault {
    avoided_until: Monotonic,
    reachable: bool,
}

impl Faults {
    pub(crate) fn new(enabled: bool) -> Self {
        Self { enabled, brokers: BTreeMap::new() }
    }

    /// Notes how one send went.
    pub(crate) fn note(&mut self, now: Monotonic, broker: &Text, took: Duration, seen: Seen) {
        if !self.enabled {
            return;
        }
        let counted = if seen == Seen::Answered { took } else { FAILED };
        let avoid = avoid_for(counted);
        let fault = self
            .brokers
            .entry(broker.detached())
            .or_insert(Fault { avoided_until: now, reachable: true });
        if !avoid.is_zero() {
            fault.avoided_until = fault.avoided_until.max(now + avoid);
        }
        fault.reachable = seen != Seen::Silent;
    }

    /// Not being avoided.
    pub(crate) fn is_available(&self, now: Monotonic, broker: &str) -> bool {
        self.brokers.get(broker).is_none_or(|fault| fault.avoided_until <= now)
    }

    /// It answered when it was last asked.
    ///
    /// Differs from Java, where only a detector that is off by default makes a broker unreachable:
    /// here it is a preference among brokers that are being avoided, so nothing waits for it.
    pub(crate) fn is_reachable(&self, broker: &str) -> bool {
        self.brokers.get(broker).is_none_or(|fault| fault.reachable)
    }

    /// Forgets brokers that are in no route any more.
    pub(crate) fn keep(&mut self, known: impl Fn(&Text) -> bool) {
        self.brokers.retain(|name, _| known(name));
    }
}

fn avoid_for(took: Duration) -> Duration {
    let took_ms = took.as_millis();
    let row = AVOID.iter().find(|(from_ms, _)| u128::from(*from_ms) <= took_ms);
    Duration::from_millis(row.map_or(0, |(_, avoid_ms)| *avoid_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Monotonic {
        Monotonic(0) + Duration::from_millis(ms)
    }

    #[test]
    fn the_slower_the_longer_avoided() {
        let table = [(0, 0), (99, 0), (549, 0), (550, 2), (1_800, 5), (3_000, 6), (15_000, 30)];
        for (took_ms, seconds) in table {
            assert_eq!(avoid_for(Duration::from_millis(took_ms)), Duration::from_secs(seconds));
        }
    }

    #[test]
    fn a_broker_that_failed_is_avoided_for_ten_seconds_and_a_success_does_not_shorten_that() {
        let mut faults = Faults::new(true);
        let broker = Text::from("a");
        faults.note(at(0), &broker, Duration::from_millis(3), Seen::Silent);
        assert!(!faults.is_available(at(9_999), "a"));
        assert!(!faults.is_reachable("a"));
        faults.note(at(5_000), &broker, Duration::from_millis(3), Seen::Answered);
        assert!(!faults.is_available(at(9_999), "a"));
        assert!(faults.is_reachable("a"));
        assert!(faults.is_available(at(10_000), "a"));
        assert!(faults.is_available(at(0), "b"));
    }

    #[test]
    fn nothing_is_avoided_unless_asked_for() {
        let mut faults = Faults::new(false);
        faults.note(at(0), &Text::from("a"), Duration::from_secs(60), Seen::Silent);
        assert!(faults.is_available(at(0), "a"));
    }
}
