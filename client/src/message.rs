//! A message to be sent, and a message that was received.

use std::net::SocketAddr;

use bytes::Bytes;
use protocol::{
    Text, names,
    properties::{self, Properties},
};
use thiserror::Error;

/// A message to be sent.
///
/// ```
/// use client::Message;
/// let message = Message::new("orders", "paid").with_tag("eu").with_keys(["order-7"]);
/// assert_eq!(message.tag().map(|tag| tag.as_str()), Some("eu"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    topic: Text,
    body: Bytes,
    flag: i32,
    properties: Properties,
}

/// Why a message cannot be sent as it is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IllegalMessage {
    /// The topic cannot be one.
    #[error(transparent)]
    Topic(#[from] names::NameError),
    /// Only brokers write into these topics.
    #[error("sending to topic `{topic}` is forbidden")]
    ForbiddenTopic {
        /// The topic.
        topic: Text,
    },
    /// There is nothing to send.
    #[error("the message has no body")]
    NoBody,
    /// The body is too big.
    #[error("a body of {bytes} bytes exceeds the limit of {limit} bytes")]
    BodyTooLong {
        /// Its size.
        bytes: usize,
        /// `max_message_size` of the producer.
        limit: usize,
    },
    /// All properties together are too big for a record.
    #[error("properties of {bytes} bytes exceed the limit of {limit} bytes")]
    PropertiesTooLong {
        /// Their size when encoded.
        bytes: usize,
        /// What a record holds.
        limit: usize,
    },
    /// A property's name or value has characters that separate properties, or is empty.
    #[error("property `{name}` is empty or contains a separator")]
    Property {
        /// Its name.
        name: Text,
    },
    /// A batch holds messages of one topic, without delay, and not to a retry topic.
    #[error("not a batch: {why}")]
    Batch {
        /// What is wrong with it.
        why: &'static str,
    },
}

impl Message {
    /// A message for a topic.
    #[must_use]
    pub fn new(topic: impl Into<Text>, body: impl Into<Bytes>) -> Self {
        Self { topic: topic.into(), body: body.into(), flag: 0, properties: Properties::new() }
    }

    /// The same message with a tag, by which consumers can filter.
    #[must_use]
    pub fn with_tag(self, tag: impl Into<Text>) -> Self {
        self.with_property(properties::TAGS, tag)
    }

    /// The same message with keys, by which it can be found.
    #[must_use]
    pub fn with_keys(self, keys: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut joined = String::new();
        for key in keys {
            if !joined.is_empty() {
                joined.push(properties::KEY_SEPARATOR);
            }
            joined.push_str(key.as_ref());
        }
        self.with_property(properties::KEYS, joined)
    }

    /// The same message with a property of your own.
    #[must_use]
    pub fn with_property(mut self, name: impl Into<Text>, value: impl Into<Text>) -> Self {
        self.properties.set(name, value);
        self
    }

    /// The same message, delivered after one of the 18 delay levels.
    #[must_use]
    pub fn with_delay_level(self, level: u8) -> Self {
        self.with_property(properties::DELAY, level.to_string())
    }

    /// The same message, delivered at a time in milliseconds since 1970.
    #[must_use]
    pub fn with_delivery_time_ms(self, at_ms: i64) -> Self {
        self.with_property(properties::TIMER_DELIVER_MS, at_ms.to_string())
    }

    /// The same message with the key that keeps it in order with others of that key.
    #[must_use]
    pub fn with_sharding_key(self, key: impl Into<Text>) -> Self {
        self.with_property(properties::SHARDING_KEY, key)
    }

    /// The same message with the user's flag.
    #[must_use]
    pub fn with_flag(mut self, flag: i32) -> Self {
        self.flag = flag;
        self
    }

    /// The same message; `false` lets the broker answer before it is on disk and on replicas.
    #[must_use]
    pub fn waiting_for_store(self, wait: bool) -> Self {
        self.with_property(properties::WAIT, if wait { "true" } else { "false" })
    }

    /// Its topic.
    #[must_use]
    pub fn topic(&self) -> &Text {
        &self.topic
    }

    /// Its body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The user's flag.
    #[must_use]
    pub fn flag(&self) -> i32 {
        self.flag
    }

    /// Its tag.
    #[must_use]
    pub fn tag(&self) -> Option<&Text> {
        self.properties.tags()
    }

    /// One of its properties.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Text> {
        self.properties.get(name)
    }

    pub(crate) fn properties(&self) -> &Properties {
        &self.properties
    }

    /// Whether a producer may send it.
    pub(crate) fn check(&self, limit: usize) -> Result<(), IllegalMessage> {
        names::check_topic(&self.topic)?;
        if names::is_send_forbidden(&self.topic) {
            return Err(IllegalMessage::ForbiddenTopic { topic: self.topic.clone() });
        }
        if self.body.is_empty() {
            return Err(IllegalMessage::NoBody);
        }
        if limit < self.body.len() {
            return Err(IllegalMessage::BodyTooLong { bytes: self.body.len(), limit });
        }
        let separators = [properties::NAME_VALUE_SEPARATOR, properties::PROPERTY_SEPARATOR];
        for (name, value) in &self.properties {
            if [name, value].iter().any(|text| text.is_empty() || text.contains(separators)) {
                return Err(IllegalMessage::Property { name: name.clone() });
            }
        }
        Ok(())
    }
}

/// A message as a consumer gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The topic it was sent to; for a retried message the original one.
    pub topic: Text,
    /// The broker set it came from.
    pub broker_name: Text,
    /// The queue it came from.
    pub queue_id: i32,
    /// Its place in that queue.
    pub queue_offset: i64,
    /// Its place in the broker's commit log.
    pub physical_offset: i64,
    /// The id its producer gave it; the offset id when it gave none.
    pub message_id: Text,
    /// The id that says where it lies.
    pub offset_message_id: Text,
    /// The user's flag.
    pub flag: i32,
    /// The bits of `protocol::sys_flag`.
    pub sys_flag: i32,
    /// When its producer made it, by the producer's clock.
    pub born_timestamp: i64,
    /// Where its producer was.
    pub born_host: SocketAddr,
    /// When the broker stored it, by the broker's clock.
    pub store_timestamp: i64,
    /// The broker that stored it.
    pub store_host: SocketAddr,
    /// How often it was sent back before.
    pub reconsume_times: i32,
    /// Where its half message lies, for a committed transaction.
    pub prepared_transaction_offset: i64,
    /// What was sent, decompressed.
    pub body: Bytes,
    /// All properties.
    pub properties: Properties,
    /// The topic of the queue it came from: the retry topic of the group for a retried message.
    pub queue_topic: Text,
}

impl ReceivedMessage {
    /// Its tag.
    #[must_use]
    pub fn tag(&self) -> Option<&Text> {
        self.properties.tags()
    }

    /// Its keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.properties.keys()
    }

    /// One of its properties.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Text> {
        self.properties.get(name)
    }
}
