//! Situations that a sweep must reach: they measure the stand, not the product.
//!
//! A checker that never met a torn tail says nothing about torn tails. Each probe is a situation,
//! seen from outside where possible: in the history, on the disks, in the network, in the lives of
//! processes. The product may add some by a log line with a field `probe`. A sweep of enough seeds
//! that never reaches one of [`REQUIRED`] fails.

use std::collections::BTreeMap;

use checkers::{Consumed, FaultKind, History, Mode, NodeKind, Outcome, PullStatus, promises::Ack};

/// How often each situation was reached, by its words.
pub(crate) type Probes = BTreeMap<String, u64>;

/// Situations that only whoever plays can see.
pub(crate) mod seen {
    /// A process died between its start and its first service.
    pub(crate) const DEATH_BEFORE_SERVICE: &str = "a broker died while it recovered";
    /// The commit log held bytes past its last valid record when a broker was started.
    pub(crate) const TORN_TAIL: &str = "a torn tail was cut";
    /// A consume queue lacked units for records of the log.
    pub(crate) const QUEUE_BEHIND: &str = "a consume queue was behind the log at a start";
    /// More than one segment at a start.
    pub(crate) const SEGMENTS_AT_START: &str = "recovery met several segments";
    /// No name server ran.
    pub(crate) const NO_NAME_SERVER: &str = "all name servers were down";
    /// No broker ran.
    pub(crate) const NO_BROKER: &str = "all brokers were down";
    /// Un-synced sectors were lost in a power cut.
    pub(crate) const SECTORS_LOST: &str = "un-synced sectors were lost";
    /// Un-synced names were lost in a power cut.
    pub(crate) const NAMES_LOST: &str = "un-synced names were lost";
    /// A connection was reset while bytes were on their way.
    pub(crate) const RESET_MID_WAY: &str = "a connection was reset in the middle of an answer";
    /// Bytes waited for a way.
    pub(crate) const BYTES_WAITED: &str = "bytes waited for a partition to heal";
    /// A connect timed out or was refused.
    pub(crate) const CONNECT_FAILED: &str = "a connect failed";
    /// A read failed.
    pub(crate) const READ_FAILED: &str = "a read failed";
    /// A write failed.
    pub(crate) const WRITE_FAILED: &str = "a write failed";
    /// A sync failed.
    pub(crate) const SYNC_FAILED: &str = "a sync failed";
    /// A write found no space.
    pub(crate) const NO_SPACE: &str = "a write found no space";
    /// A segment was removed while the broker served.
    pub(crate) const SEGMENT_REMOVED: &str = "retention removed a segment";
}

const ROLLED: &str = "a segment was rolled";
const ACK_LOST: &str = "an ack was lost after the append";
const RETRIED: &str = "a message was consumed again after a failure";
const DEAD_LETTER: &str = "a message became a dead letter";
const MOVED: &str = "a rebalance moved a queue";
const LONG_POLL_OVER: &str = "a long poll ended without a message";
const LONG_POLL_WOKEN: &str = "a long poll was woken by a message";
const FLUSH_TIMEOUT: &str = "a send was answered FLUSH_DISK_TIMEOUT";
const FAILED_OVER: &str = "a send succeeded at a further try";
const REFUSED: &str = "a send was refused";
const DELAYED: &str = "a delayed message was delivered";
const CLOCK_BACK: &str = "a wall clock went back";
const ORDERLY_AGAIN: &str = "an orderly listener asked to wait";
const FILTERED: &str = "a pull met messages that it did not want";
const TWICE: &str = "a message was delivered twice";

/// What a sweep must reach.
pub(crate) const REQUIRED: [&str; 30] = [
    seen::DEATH_BEFORE_SERVICE,
    seen::TORN_TAIL,
    seen::QUEUE_BEHIND,
    seen::SEGMENTS_AT_START,
    seen::NO_NAME_SERVER,
    seen::NO_BROKER,
    seen::SECTORS_LOST,
    seen::NAMES_LOST,
    seen::RESET_MID_WAY,
    seen::BYTES_WAITED,
    seen::CONNECT_FAILED,
    seen::READ_FAILED,
    seen::WRITE_FAILED,
    seen::SYNC_FAILED,
    seen::NO_SPACE,
    seen::SEGMENT_REMOVED,
    ROLLED,
    ACK_LOST,
    RETRIED,
    DEAD_LETTER,
    MOVED,
    LONG_POLL_OVER,
    LONG_POLL_WOKEN,
    FLUSH_TIMEOUT,
    FAILED_OVER,
    REFUSED,
    DELAYED,
    CLOCK_BACK,
    ORDERLY_AGAIN,
    TWICE,
];

/// A pull that was answered later than this had been waiting at the broker.
const WAITED_US: u64 = 1_000_000;

/// Everything that was reached: by the history, by who played (`played`), and by the product's own
/// words (`heard`). Holds 0 for what is required and was not reached.
pub(crate) fn reached(history: &History, played: &Probes, heard: &Probes) -> Probes {
    let mut probes: Probes = REQUIRED.iter().map(|name| ((*name).to_owned(), 0)).collect();
    let mut add = |name: &str, count: u64| {
        if count != 0 {
            *probes.entry(name.to_owned()).or_default() += count;
        }
    };
    played.iter().chain(heard).for_each(|(name, count)| add(name, *count));
    of_stores(history, &mut add);
    of_sends(history, &mut add);
    of_consumers(history, &mut add);
    let back = |fault: &&checkers::FaultFact| {
        fault.kind == FaultKind::ClockStep && fault.words.contains(" by -")
    };
    add(CLOCK_BACK, history.faults.iter().filter(back).count() as u64);
    probes
}

fn of_stores(history: &History, add: &mut impl FnMut(&str, u64)) {
    let rolled = history.stores.iter().map(|image| image.segments.len().saturating_sub(1) as u64);
    add(ROLLED, rolled.sum());
    let dead = history.queue_ends.iter().filter(|end| {
        let fact = history.queue_fact(end.queue);
        fact.is_some_and(|fact| history.topic_name(fact.topic).starts_with("%DLQ%"))
    });
    add(DEAD_LETTER, dead.map(|end| end.records.len() as u64).sum());
}

fn of_sends(history: &History, add: &mut impl FnMut(&str, u64)) {
    let ends = history.queue_ends.iter().flat_map(|end| &end.records);
    let kept: std::collections::BTreeSet<_> =
        ends.filter_map(|record| record.content.message).collect();
    for send in &history.sends {
        let is_kept = send.content.message.is_some_and(|message| kept.contains(&message));
        match &send.outcome {
            // A send without an answer by its own wish lost none.
            Outcome::Unknown if is_kept && send.returned.is_some() => add(ACK_LOST, 1),
            Outcome::Acked { ack, .. } => {
                add(FLUSH_TIMEOUT, u64::from(*ack == Ack::FlushDiskTimeout));
                add(FAILED_OVER, u64::from(1 < send.tries));
            }
            Outcome::Refused { .. } => add(REFUSED, 1),
            Outcome::Unknown | Outcome::NeverSent => {}
        }
    }
}

fn of_consumers(history: &History, add: &mut impl FnMut(&str, u64)) {
    let mut given = std::collections::BTreeSet::new();
    let delayed: std::collections::BTreeSet<_> = history
        .sends
        .iter()
        .filter(|send| send.delay_ms != 0)
        .filter_map(|send| send.content.message)
        .collect();
    for delivery in &history.deliveries {
        add(RETRIED, u64::from(0 < delivery.reconsumed));
        let mode = history.group_fact(delivery.group).map(|fact| fact.mode);
        let waits = delivery.consumed == Some(Consumed::Later) && mode == Some(Mode::Orderly);
        add(ORDERLY_AGAIN, u64::from(waits));
        let Some(message) = delivery.content.message else { continue };
        add(DELAYED, u64::from(delayed.contains(&message)));
        if mode != Some(Mode::Broadcast) {
            add(TWICE, u64::from(!given.insert((delivery.group, message))));
        }
    }
    let mut holders = BTreeMap::new();
    for change in &history.rebalances {
        for queue in &change.queues {
            let before = holders.insert((change.group, *queue), change.consumer);
            add(MOVED, u64::from(before.is_some_and(|before| before != change.consumer)));
        }
    }
    for pull in &history.pulls {
        let waited = WAITED_US <= pull.returned.0.saturating_sub(pull.invoked.0);
        match pull.status {
            PullStatus::NoNew => add(LONG_POLL_OVER, u64::from(waited)),
            PullStatus::Found => add(LONG_POLL_WOKEN, u64::from(waited)),
            PullStatus::NoMatch => add(FILTERED, 1),
            PullStatus::Moved => {}
        }
    }
}

/// Whether none of a kind runs.
pub(crate) const fn outage(kind: NodeKind) -> Option<&'static str> {
    match kind {
        NodeKind::NameServer => Some(seen::NO_NAME_SERVER),
        NodeKind::Broker => Some(seen::NO_BROKER),
        _ => None,
    }
}
