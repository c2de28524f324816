//! What was sent, as somebody remembers it who trusts no disk.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use protocol::{
    Text,
    properties::{KEYS, TAGS, UNIQ_KEY, push},
    record::Message,
    sys_flag::TRANSACTION_PREPARED,
};

use super::script::{Letter, Recipient};

pub(super) const LASTING: &str = "lasting";
pub(super) const FLEETING: &str = "fleeting";
/// Every message of a topic has this key besides its own.
pub(super) const COMMON_KEY: &str = "all";

/// A message that was appended.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) queue: Recipient,
    pub(super) offset: i64,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) key: String,
    pub(super) bytes: Bytes,
    /// How often the topic had been removed before.
    pub(super) life: u32,
}

impl Sent {
    pub(super) fn topic(&self) -> &'static str {
        topic_of(self.queue)
    }
}

pub(super) fn topic_of(queue: Recipient) -> &'static str {
    match queue {
        Recipient::Lasting(_) | Recipient::Prepared => LASTING,
        Recipient::Fleeting => FLEETING,
    }
}

/// The message of a letter, with a key of its own.
pub(super) fn message(letter: Letter, number: u64) -> (String, Message) {
    let key = format!("k{number}");
    let mut properties = String::new();
    push(&mut properties, KEYS, COMMON_KEY);
    push(&mut properties, UNIQ_KEY, &key);
    push(&mut properties, TAGS, &format!("t{}", number % 3));
    let (queue_id, sys_flag) = match letter.queue {
        Recipient::Lasting(queue_id) => (queue_id, 0),
        Recipient::Fleeting => (0, 0),
        Recipient::Prepared => (0, TRANSACTION_PREPARED),
    };
    let host = SocketAddr::from(([127, 0, 0, 1], 10911));
    let filling = format!("{number}-").into_bytes();
    let message = Message {
        topic: Text::from(topic_of(letter.queue)),
        queue_id,
        flag: 0,
        sys_flag,
        born_timestamp: super::WALL_MS,
        born_host: host,
        store_host: host,
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body: filling.into_iter().cycle().take(letter.body_bytes).collect(),
        properties: Text::from(properties),
    };
    (key, message)
}

/// What must hold, whatever a crash leaves, from the moment on when it was told.
#[derive(Clone, Debug, Default)]
pub(super) struct Promise {
    /// The log up to here was synced, and the store has said so.
    pub(super) durable: u64,
    /// The log up to here was handed to the operating system.
    pub(super) written: u64,
    /// Everything before this has been seen to be gone.
    pub(super) start: u64,
    /// The newest version of the table that was saved.
    pub(super) table: u64,
    /// How often the topic was removed.
    pub(super) life: u32,
    /// Whether nothing was sent to it since.
    pub(super) deleted: bool,
}

/// What must hold at a moment in the midst of an operation: at least what was promised before it,
/// at most what it will have done.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    pub(super) before: Promise,
    pub(super) after: Promise,
    /// Everything that was sent, the messages of this operation included, in the order of the log.
    pub(super) sent: Arc<Vec<Sent>>,
}
