//! The properties of a message: named texts, stored as one text.
//!
//! ```text
//!  KEYS 0x01 order-17 0x02  TAGS 0x01 paid 0x02  ..
//! ```
//!
//! At most 32767 bytes. Read as Java reads: an entry of fewer than 3 characters, without a name or
//! without a value is dropped, the last 0x02 may be missing, the last of two equal names wins. Java
//! keeps them in a HashMap, so their order has no meaning; we keep the order they came in.
//!
//! Source: common/message/{MessageConst, MessageDecoder}.java, common/message/Message.java.

use std::collections::BTreeMap;

use crate::{Fields, Text, seek};

/// Between a name and its value.
pub const NAME_VALUE_SEPARATOR: char = '\u{1}';
/// After a value.
pub const PROPERTY_SEPARATOR: char = '\u{2}';
/// Between the keys of [`KEYS`].
pub const KEY_SEPARATOR: char = ' ';

macro_rules! names {
    ($($(#[$meta:meta])* $name:ident $value:literal)*) => {
        $($(#[$meta])* pub const $name: &str = $value;)*
    };
}

names! {
    /// Index keys, separated by spaces.
    KEYS "KEYS"
    /// The tag.
    TAGS "TAGS"
    /// `false`: the answer waits neither for the disk nor for replicas.
    WAIT "WAIT"
    /// Delay level, 1 to 18.
    DELAY "DELAY"
    /// Topic of which a retried message is a copy.
    RETRY_TOPIC "RETRY_TOPIC"
    /// Topic a message will have when its time has come.
    REAL_TOPIC "REAL_TOPIC"
    /// Queue a message will have when its time has come.
    REAL_QUEUE_ID "REAL_QID"
    /// `true`: first half of a transaction.
    TRANSACTION_PREPARED "TRAN_MSG"
    /// Producer group of a transaction.
    PRODUCER_GROUP "PGROUP"
    /// Smallest offset of the queue, set by the consumer's client.
    MIN_OFFSET "MIN_OFFSET"
    /// Greatest offset of the queue, set by the consumer's client.
    MAX_OFFSET "MAX_OFFSET"
    /// Of old.
    BUYER_ID "BUYER_ID"
    /// Offset id of the first copy of a retried message.
    ORIGIN_MESSAGE_ID "ORIGIN_MESSAGE_ID"
    /// Of old.
    TRANSFER_FLAG "TRANSFER_FLAG"
    /// Of old.
    CORRECTION_FLAG "CORRECTION_FLAG"
    /// Of old.
    MQ2_FLAG "MQ2_FLAG"
    /// Moved into the header of a send by the client that sends a message back.
    RECONSUME_TIME "RECONSUME_TIME"
    /// Region of the broker.
    MSG_REGION "MSG_REGION"
    /// Whether the broker wants traces.
    TRACE_SWITCH "TRACE_ON"
    /// The client's unique id.
    UNIQ_KEY "UNIQ_KEY"
    /// More to the unique id.
    EXTEND_UNIQ_INFO "EXTEND_UNIQ_INFO"
    /// Moved into the header of a send by the client that sends a message back.
    MAX_RECONSUME_TIMES "MAX_RECONSUME_TIMES"
    /// When the client began to consume it.
    CONSUME_START_TIMESTAMP "CONSUME_START_TIME"
    /// Messages in an inner batch.
    INNER_NUM "INNER_NUM"
    /// Queue offset of the first message in an inner batch.
    INNER_BASE "INNER_BASE"
    /// Where the first copy lies, in duplication mode.
    DUP_INFO "DUP_INFO"
    /// When a transaction may first be checked.
    CHECK_IMMUNITY_TIME_IN_SECONDS "CHECK_IMMUNITY_TIME_IN_SECONDS"
    /// Queue offset of the first copy of a half message.
    TRANSACTION_PREPARED_QUEUE_OFFSET "TRAN_PREPARED_QUEUE_OFFSET"
    /// Id of the transaction.
    TRANSACTION_ID "__transactionId__"
    /// How often a transaction was checked.
    TRANSACTION_CHECK_TIMES "TRANSACTION_CHECK_TIMES"
    /// Instance of a namespace.
    INSTANCE_ID "INSTANCE_ID"
    /// Joins a reply and its request.
    CORRELATION_ID "CORRELATION_ID"
    /// Client that waits for the reply.
    MESSAGE_REPLY_TO_CLIENT "REPLY_TO_CLIENT"
    /// How long the request waits.
    MESSAGE_TTL "TTL"
    /// When the reply arrived.
    REPLY_MESSAGE_ARRIVE_TIME "ARRIVE_TIME"
    /// When the reply was passed on.
    PUSH_REPLY_TIME "PUSH_REPLY_TIME"
    /// Cluster of the broker.
    CLUSTER "CLUSTER"
    /// `reply` for a reply.
    MESSAGE_TYPE "MSG_TYPE"
    /// Receipt handle of a pop.
    POP_CK "POP_CK"
    /// Offset of a popped message.
    POP_CK_OFFSET "POP_CK_OFFSET"
    /// When it was first popped.
    FIRST_POP_TIME "1ST_POP_TIME"
    /// Group of which a retried pop is.
    ORIGIN_GROUP "ORIGIN_GROUP"
    /// Messages of one key keep their order.
    SHARDING_KEY "__SHARDINGKEY"
    /// Queue a message is passed on to.
    FORWARD_QUEUE_ID "PROPERTY_FORWARD_QUEUE_ID"
    /// Whether a message was passed on.
    REDIRECT "REDIRECT"
    /// Light queues a message also belongs to, separated by commas.
    INNER_MULTI_DISPATCH "INNER_MULTI_DISPATCH"
    /// Its offsets in these queues.
    INNER_MULTI_QUEUE_OFFSET "INNER_MULTI_QUEUE_OFFSET"
    /// A trace's context.
    TRACE_CONTEXT "TRACE_CONTEXT"
    /// Delay in seconds.
    TIMER_DELAY_SEC "TIMER_DELAY_SEC"
    /// Delay in milliseconds.
    TIMER_DELAY_MS "TIMER_DELAY_MS"
    /// When to deliver, in milliseconds of the epoch.
    TIMER_DELIVER_MS "TIMER_DELIVER_MS"
    /// When the timer lets go.
    TIMER_OUT_MS "TIMER_OUT_MS"
    /// When the timer took it.
    TIMER_ENQUEUE_MS "TIMER_ENQUEUE_MS"
    /// When the timer delivered it.
    TIMER_DEQUEUE_MS "TIMER_DEQUEUE_MS"
    /// How often it went round the wheel.
    TIMER_ROLL_TIMES "TIMER_ROLL_TIMES"
    /// Unique id of the message to be recalled.
    TIMER_DEL_UNIQKEY "TIMER_DEL_UNIQKEY"
    /// Delay level on the timer.
    TIMER_DELAY_LEVEL "TIMER_DELAY_LEVEL"
    /// Where a proxy's client sits.
    BORN_HOST "__BORNHOST"
    /// When a proxy's client sent it.
    BORN_TIMESTAMP "BORN_TIMESTAMP"
    /// Topic a dead letter came from.
    DLQ_ORIGIN_TOPIC "DLQ_ORIGIN_TOPIC"
    /// Id a dead letter had.
    DLQ_ORIGIN_MESSAGE_ID "DLQ_ORIGIN_MESSAGE_ID"
    /// CRC of the whole record: always the last property.
    CRC32 "__CRC32#"
}

/// Names that belong to RocketMQ: a user's property must not be called so.
pub const RESERVED: &[&str] = &[
    TRACE_SWITCH,
    MSG_REGION,
    KEYS,
    TAGS,
    WAIT,
    DELAY,
    RETRY_TOPIC,
    REAL_TOPIC,
    REAL_QUEUE_ID,
    TRANSACTION_PREPARED,
    PRODUCER_GROUP,
    MIN_OFFSET,
    MAX_OFFSET,
    BUYER_ID,
    ORIGIN_MESSAGE_ID,
    TRANSFER_FLAG,
    CORRECTION_FLAG,
    MQ2_FLAG,
    RECONSUME_TIME,
    UNIQ_KEY,
    MAX_RECONSUME_TIMES,
    CONSUME_START_TIMESTAMP,
    POP_CK,
    POP_CK_OFFSET,
    FIRST_POP_TIME,
    TRANSACTION_PREPARED_QUEUE_OFFSET,
    DUP_INFO,
    EXTEND_UNIQ_INFO,
    INSTANCE_ID,
    CORRELATION_ID,
    MESSAGE_REPLY_TO_CLIENT,
    MESSAGE_TTL,
    REPLY_MESSAGE_ARRIVE_TIME,
    PUSH_REPLY_TIME,
    CLUSTER,
    MESSAGE_TYPE,
    INNER_MULTI_QUEUE_OFFSET,
    TIMER_DELAY_MS,
    TIMER_DELAY_SEC,
    TIMER_DELIVER_MS,
    TIMER_ENQUEUE_MS,
    TIMER_DEQUEUE_MS,
    TIMER_ROLL_TIMES,
    TIMER_OUT_MS,
    TIMER_DEL_UNIQKEY,
    TIMER_DELAY_LEVEL,
    BORN_HOST,
    BORN_TIMESTAMP,
    DLQ_ORIGIN_TOPIC,
    DLQ_ORIGIN_MESSAGE_ID,
    CRC32,
];

/// Properties that begin so are never stored.
pub const TRANSIENT_PREFIX: &str = "__RMQ.TRANSIENT.";
/// System flag of the topic, set by the consumer's client.
pub const TRANSIENT_TOPIC_CONFIG: &str = "__RMQ.TRANSIENT.TOPIC_SYS_FLAG";
/// System flag of the group, set by the consumer's client.
pub const TRANSIENT_GROUP_CONFIG: &str = "__RMQ.TRANSIENT.GROUP_SYS_FLAG";

/// Below this many entries it is cheaper to walk them than to build a table.
const WALKED_MAX: usize = 32;

/// The properties of a message, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties(Fields);

impl Properties {
    /// No properties.
    pub const fn new() -> Self {
        Self(Fields::new())
    }

    /// Read the stored text. Names and values share its memory.
    pub fn parse(text: &Text) -> Self {
        let pairs: Vec<(&str, &str)> = entries(text).collect();
        let shared = |(name, value): (&str, &str)| (text.slice_ref(name), text.slice_ref(value));
        if pairs.len() <= WALKED_MAX {
            return Self(pairs.into_iter().map(shared).collect());
        }
        // Thousands of entries fit into one message: with a table they cost no more than a sort.
        let mut places = BTreeMap::new();
        let mut kept: Vec<(&str, &str)> = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            let place = *places.entry(name).or_insert(kept.len());
            match kept.get_mut(place) {
                Some(old) => old.1 = value,
                None => kept.push((name, value)),
            }
        }
        Self(Fields::from_distinct(kept.into_iter().map(shared).collect()))
    }

    /// The text to be stored.
    pub fn encode(&self) -> Text {
        let bytes = self.0.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
        let mut text = String::with_capacity(bytes);
        for (name, value) in &self.0 {
            push(&mut text, name, value);
        }
        Text::from(text)
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&Text> {
        self.0.get(name)
    }

    /// Whether `name` has a value.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Give `name` a value: in its old place when it had one, else at the end.
    pub fn set(&mut self, name: impl Into<Text>, value: impl Into<Text>) {
        self.0.set(name, value);
    }

    /// The same properties and one more.
    #[must_use]
    pub fn with(mut self, name: impl Into<Text>, value: impl Into<Text>) -> Self {
        self.set(name, value);
        self
    }

    /// Take `name` out.
    pub fn remove(&mut self, name: &str) -> Option<Text> {
        self.0.remove(name)
    }

    /// Names and values in order.
    pub fn iter(&self) -> std::slice::Iter<'_, (Text, Text)> {
        self.0.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tag.
    pub fn tags(&self) -> Option<&Text> {
        self.get(TAGS)
    }

    /// The index keys, one by one.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let keys = self.get(KEYS).map(Text::as_str).unwrap_or_default();
        keys.split(KEY_SEPARATOR).filter(|key| !key.is_empty())
    }

    /// The delay level; 0 when there is none.
    pub fn delay_level(&self) -> i32 {
        self.get(DELAY).and_then(|level| level.parse().ok()).unwrap_or(0)
    }

    /// Whether the answer waits for the disk and the replicas.
    pub fn waits_for_store(&self) -> bool {
        self.get(WAIT).is_none_or(|wait| wait.eq_ignore_ascii_case("true"))
    }
}

impl<N: Into<Text>, V: Into<Text>> FromIterator<(N, V)> for Properties {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl<'a> IntoIterator for &'a Properties {
    type Item = &'a (Text, Text);
    type IntoIter = std::slice::Iter<'a, (Text, Text)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// Names and values in a stored text, in order, doubles included, as Java reads them.
pub fn entries(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = Some(text);
    // Both separators are one byte long, and no part of another character.
    let cut = |text: &'_ str, separator: char| {
        let [.., byte] = u32::from(separator).to_be_bytes();
        seek::byte(text.as_bytes(), byte)
    };
    std::iter::from_fn(move || {
        loop {
            let text = rest?;
            let entry = match cut(text, PROPERTY_SEPARATOR) {
                Some(end) => {
                    rest = Some(&text[end + 1..]);
                    &text[..end]
                }
                None => {
                    rest = None;
                    text
                }
            };
            // Java counts to 3 in UTF-16 units, but a name, a separator and a value are 3 of
            // anything.
            if let Some(at) = cut(entry, NAME_VALUE_SEPARATOR)
                && 0 < at
                && at + 1 < entry.len()
            {
                return Some((&entry[..at], &entry[at + 1..]));
            }
        }
    })
}

/// The value of one name in a stored text, without reading the rest into a table.
pub fn find<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    entries(text).filter(|(each, _)| *each == name).last().map(|(_, value)| value)
}

/// Append one property to a text to be stored.
pub fn push(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    text.push(NAME_VALUE_SEPARATOR);
    text.push_str(value);
    text.push(PROPERTY_SEPARATOR);
}

/// Whether a name or a value can be stored and read again: not empty, and without separators.
pub fn is_storable(text: &str) -> bool {
    !text.is_empty() && !text.contains([NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR])
}

/// Java's `String.hashCode`: `s[0]*31^(n-1) + .. + s[n-1]` over UTF-16 units.
pub fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// What a consume queue keeps of a tag to filter by: its Java hash, 0 when there is none.
pub fn tags_code(tags: &str) -> i64 {
    i64::from(java_hash(tags))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_read_as_java_reads_them() {
        let text = Text::from("KEYS\u{1}a b\u{2}\u{1}v\u{2}n\u{1}\u{2}x\u{2}\u{2}TAGS\u{1}t\u{1}u");
        let properties = Properties::parse(&text);
        let read: Vec<_> = properties.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(read, [("KEYS", "a b"), ("TAGS", "t\u{1}u")]);
        assert_eq!(properties.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(find(&text, "TAGS"), Some("t\u{1}u"));
        assert_eq!(find(&text, "n"), None);
    }

    #[test]
    fn the_last_of_two_equal_names_wins_however_many_there_are() {
        for count in [2, 10_000] {
            let mut text = String::new();
            for index in 0..count {
                push(&mut text, &format!("p{}", index / 2), &index.to_string());
            }
            let text = Text::from(text);
            let properties = Properties::parse(&text);
            assert_eq!(properties.len(), count / 2);
            assert_eq!(properties.get("p0").map(Text::as_str), Some("1"));
            assert_eq!(find(&text, "p0"), Some("1"));
        }
    }

    #[test]
    fn what_is_encoded_is_read_again() {
        let properties: Properties = [("a", "1"), ("ключ", "значение")].into_iter().collect();
        let text = properties.encode();
        assert_eq!(text, "a\u{1}1\u{2}ключ\u{1}значение\u{2}");
        assert_eq!(Properties::parse(&text), properties);
    }

    #[test]
    fn a_hash_is_javas() {
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("TagA"), 2_598_919);
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
        assert_eq!(java_hash("😀"), 1_772_899);
        assert_eq!(tags_code("polygenelubricants"), -2_147_483_648);
    }

    #[test]
    fn waiting_is_the_default_and_only_true_says_so() {
        let with = |value: &str| Properties::new().with(WAIT, value).waits_for_store();
        assert!(Properties::new().waits_for_store() && with("TRUE"));
        assert!(!with("false") && !with("no"));
    }
}
