//! What happens inside a consumer, told as it happens.

use protocol::Text;

use crate::{MessageQueue, PullStatus, SendStatus};

/// Something a consumer did that its listener does not see.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConsumerEvent {
    /// The queues of a topic were shared out anew; these are this client's.
    Balanced {
        /// The topic.
        topic: Text,
        /// Its share, sorted.
        queues: Vec<MessageQueue>,
    },
    /// A queue was begun to be read.
    Began {
        /// The queue.
        queue: MessageQueue,
        /// The first offset.
        offset: i64,
    },
    /// A pull was answered.
    Pulled {
        /// The queue.
        queue: MessageQueue,
        /// Where it began.
        from: i64,
        /// What was found.
        status: PullStatus,
        /// Where the next one begins.
        next: i64,
        /// How many messages came.
        messages: usize,
    },
    /// An offset is about to be committed.
    Committing {
        /// The queue.
        queue: MessageQueue,
        /// Everything below is done with.
        offset: i64,
    },
    /// The broker, or the file of a broadcasting consumer, has that offset.
    Committed {
        /// The queue.
        queue: MessageQueue,
        /// The offset.
        offset: i64,
    },
    /// A message was sent back, to come again later or to the dead letters.
    SentBack {
        /// Its unique id.
        message_id: Text,
        /// How often it had been sent back before.
        reconsume_times: i32,
        /// The broker that has it now.
        broker_name: Text,
        /// How safe it is there.
        status: SendStatus,
    },
    /// A queue is not read any more.
    Released {
        /// The queue.
        queue: MessageQueue,
    },
}

/// Is told every event of one consumer, in the task in which it happens: it must not block.
pub(crate) type Observer = std::sync::Arc<dyn Fn(&ConsumerEvent) + Send + Sync>;
