//! The name of one queue.

use std::fmt;

use protocol::Text;

/// One queue of a topic on one broker. Ordered as every client must order them before sharing
/// them out: by topic, broker and number.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageQueue {
    /// The topic.
    pub topic: Text,
    /// The name of the broker set.
    pub broker_name: Text,
    /// The number of the queue on that broker, from 0.
    pub queue_id: i32,
}

impl MessageQueue {
    /// Names a queue.
    #[must_use]
    pub fn new(topic: impl Into<Text>, broker_name: impl Into<Text>, queue_id: i32) -> Self {
        Self { topic: topic.into(), broker_name: broker_name.into(), queue_id }
    }
}

impl fmt::Display for MessageQueue {
    /// As Java prints it; consistent hashing depends on these very characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, broker_name, queue_id } = self;
        write!(f, "MessageQueue [topic={topic}, brokerName={broker_name}, queueId={queue_id}]")
    }
}

impl From<protocol::body::MessageQueue> for MessageQueue {
    fn from(queue: protocol::body::MessageQueue) -> Self {
        Self {
            topic: queue.topic.detached(),
            broker_name: queue.broker_name.detached(),
            queue_id: queue.queue_id,
        }
    }
}

impl From<MessageQueue> for protocol::body::MessageQueue {
    fn from(queue: MessageQueue) -> Self {
        Self { topic: queue.topic, broker_name: queue.broker_name, queue_id: queue.queue_id }
    }
}
