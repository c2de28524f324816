//! What was asked of the brokers when everything was over, and the bounds of the healed phase.

use crate::{
    history::Content,
    ids::{GroupId, NodeId, QueueId, TopicId},
};

/// What the audit at the end read from one queue, from its min to its max offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueEnd {
    /// The queue.
    pub queue: QueueId,
    /// First offset that the broker says it has.
    pub min: i64,
    /// One past the last offset.
    pub max: i64,
    /// Every record that pulls gave, in the order given.
    pub records: Vec<EndRecord>,
    /// Whether the audit could read it to the end.
    pub complete: bool,
}

/// One record of a queue at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndRecord {
    /// Queue offset.
    pub offset: i64,
    /// Where it lies in the commit log.
    pub physical: u64,
    /// Store time stamp in milliseconds, by the broker's wall clock.
    pub store_ms: i64,
    /// What it is.
    pub content: Content,
    /// How often it was consumed before, by its own account.
    pub reconsumed: i32,
    /// For a retry or dead letter copy: the topic it first had.
    pub origin: Option<TopicId>,
}

/// Which side of equal time stamps a search by time returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// The first.
    Lower,
    /// The last.
    Upper,
}

/// A search by time during the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeSearch {
    /// The queue.
    pub queue: QueueId,
    /// The time asked for, by the broker's wall clock.
    pub timestamp_ms: i64,
    /// Which of several.
    pub boundary: Boundary,
    /// The offset answered.
    pub answered: i64,
}

/// A search by key during the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyQuery {
    /// The broker asked.
    pub broker: NodeId,
    /// The topic.
    pub topic: TopicId,
    /// The key.
    pub key: String,
    /// At most this many.
    pub messages_max: u32,
    /// From this store time, in milliseconds.
    pub begin_ms: i64,
    /// To this store time, inclusive.
    pub end_ms: i64,
    /// Commit log positions of what was answered.
    pub answered: Vec<u64>,
}

/// Where a group stands in a queue at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupEnd {
    /// The group.
    pub group: GroupId,
    /// The queue.
    pub queue: QueueId,
    /// The group's committed offset; `None` if it has none.
    pub committed: Option<i64>,
    /// One past the last offset of the queue.
    pub max: i64,
}

/// Within which times a healed cluster must work again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// A send must succeed this long after the heal.
    pub send_within_ms: u64,
    /// Every group must have consumed everything this long after the heal.
    pub drain_within_ms: u64,
    /// A broker must be ready this long after its start.
    pub boot_within_ms: u64,
    /// This long after everything was consumed, the shares of groups do not change any more.
    pub settle_ms: u64,
    /// A queue that a member consumed in order may stay locked this long after the member died.
    pub lock_ms: u64,
    /// A message that was sent back is delivered again within this.
    pub retry_within_ms: u64,
    /// How much earlier than asked a delayed message may be seen.
    pub early_ms: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            send_within_ms: 60_000,
            drain_within_ms: 120_000,
            boot_within_ms: 30_000,
            settle_ms: 25_000,
            lock_ms: 60_000,
            retry_within_ms: 15_000,
            early_ms: 0,
        }
    }
}
