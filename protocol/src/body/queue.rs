//! Queues by name, and locking them.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::bodies;
use crate::Text;

/// One queue of a topic on a broker.
///
/// Ordered as in Java, by topic, broker and number: the strategies that share queues among
/// consumers depend on every client having the same order.
///
/// Java: `MessageQueue`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MessageQueue {
    /// The broker.
    pub broker_name: Text,
    /// The number of the queue.
    pub queue_id: i32,
    /// The topic.
    pub topic: Text,
}

impl Ord for MessageQueue {
    fn cmp(&self, other: &Self) -> Ordering {
        // Java compares UTF-16 units; names are ASCII, where that is the order of bytes.
        (&self.topic, &self.broker_name, self.queue_id).cmp(&(
            &other.topic,
            &other.broker_name,
            other.queue_id,
        ))
    }
}

impl PartialOrd for MessageQueue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Lock queues for a client, or unlock them.
///
/// Java: `LockBatchRequestBody`, `UnlockBatchRequestBody`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LockBatch {
    /// Who wants them.
    pub client_id: Text,
    /// For which group.
    pub consumer_group: Text,
    /// Which queues.
    #[serde(rename = "mqSet")]
    pub queues: BTreeSet<MessageQueue>,
    /// Whether the other brokers of the name need not agree.
    pub only_this_broker: bool,
}

/// The queues that are now locked for the client.
///
/// Java: `LockBatchResponseBody`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LockedBatch {
    /// Which queues.
    #[serde(rename = "lockOKMQSet")]
    pub queues: BTreeSet<MessageQueue>,
}

bodies!(MessageQueue, LockBatch, LockedBatch);
