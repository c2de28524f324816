//! Sending, sending back, and the second half of a transaction.

use super::Inherited;
use crate::header::{Member, Reader, header};
use crate::{Command, FieldError, Fields, RequestCode, Text};

/// One message or a batch: `SEND_MESSAGE` and its four siblings. The body is the message's.
///
/// The same header has two spellings, by code: words for `SEND_MESSAGE` and `SEND_REPLY_MESSAGE`,
/// single letters for `SEND_MESSAGE_V2`, `SEND_BATCH_MESSAGE` and `SEND_REPLY_MESSAGE_V2`. Both
/// read into this struct.
///
/// Java: `SendMessageRequestHeader`, `SendMessageRequestHeaderV2`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Send {
    /// `producerGroup`, `a`.
    pub producer_group: Text,
    /// `topic`, `b`.
    pub topic: Text,
    /// `defaultTopic`, `c`: the topic whose configuration a missing topic is made from.
    pub default_topic: Text,
    /// `defaultTopicQueueNums`, `d`: how many queues the sender wants a missing topic to have.
    pub default_topic_queues: i32,
    /// `queueId`, `e`; negative leaves the choice to the broker.
    pub queue_id: i32,
    /// `sysFlag`, `f`.
    pub sys_flag: i32,
    /// `bornTimestamp`, `g`.
    pub born_timestamp_ms: i64,
    /// `flag`, `h`: the user's.
    pub flag: i32,
    /// `properties`, `i`: see [`crate::properties`].
    pub properties: Option<Text>,
    /// `reconsumeTimes`, `j`.
    pub reconsume_times: Option<i32>,
    /// `unitMode`, `k`.
    pub unit_mode: Option<bool>,
    /// `maxReconsumeTimes`, `l`.
    pub max_reconsume_times: Option<i32>,
    /// `batch`, `m`: the body is a batch, see [`crate::batch`].
    pub batch: Option<bool>,
    /// What Java's `RpcRequestHeader` adds. Spelled in letters, the broker's name is `n`.
    pub inherited: Inherited,
}

/// How the fields of [`Send`] are spelled.
struct Spelling {
    header: &'static str,
    producer_group: &'static str,
    topic: &'static str,
    default_topic: &'static str,
    default_topic_queues: &'static str,
    queue_id: &'static str,
    sys_flag: &'static str,
    born_timestamp_ms: &'static str,
    flag: &'static str,
    properties: &'static str,
    reconsume_times: &'static str,
    unit_mode: &'static str,
    max_reconsume_times: &'static str,
    batch: &'static str,
    /// In letters the broker's name has one too.
    broker_name: Option<&'static str>,
}

const WORDS: Spelling = Spelling {
    header: "SendMessageRequestHeader",
    producer_group: "producerGroup",
    topic: "topic",
    default_topic: "defaultTopic",
    default_topic_queues: "defaultTopicQueueNums",
    queue_id: "queueId",
    sys_flag: "sysFlag",
    born_timestamp_ms: "bornTimestamp",
    flag: "flag",
    properties: "properties",
    reconsume_times: "reconsumeTimes",
    unit_mode: "unitMode",
    max_reconsume_times: "maxReconsumeTimes",
    batch: "batch",
    broker_name: None,
};

const LETTERS: Spelling = Spelling {
    header: "SendMessageRequestHeaderV2",
    producer_group: "a",
    topic: "b",
    default_topic: "c",
    default_topic_queues: "d",
    queue_id: "e",
    sys_flag: "f",
    born_timestamp_ms: "g",
    flag: "h",
    properties: "i",
    reconsume_times: "j",
    unit_mode: "k",
    max_reconsume_times: "l",
    batch: "m",
    broker_name: Some("n"),
};

impl Send {
    /// What a sender uses unless told otherwise.
    pub const CODE: RequestCode = RequestCode::SEND_MESSAGE_V2;

    /// The spelling that `code` uses.
    const fn spelling(code: i32) -> &'static Spelling {
        match RequestCode(code) {
            RequestCode::SEND_MESSAGE | RequestCode::SEND_REPLY_MESSAGE => &WORDS,
            _ => &LETTERS,
        }
    }

    /// Whether the body is a batch.
    pub fn is_batch(&self) -> bool {
        self.batch == Some(true)
    }

    /// Reads the header of `command`, in the spelling of its code.
    pub fn decode(command: &Command) -> Result<Self, FieldError> {
        let names = Self::spelling(command.code);
        let reader = Reader::new(names.header, command.fields.as_ref());
        let mut inherited = Inherited::take(&reader)?;
        if let Some(letter) = names.broker_name {
            inherited.broker_name = reader.take::<Option<Text>>(letter)?.or(inherited.broker_name);
        }
        Ok(Self {
            producer_group: reader.take(names.producer_group)?,
            topic: reader.take(names.topic)?,
            default_topic: reader.take(names.default_topic)?,
            default_topic_queues: reader.take(names.default_topic_queues)?,
            queue_id: reader.take(names.queue_id)?,
            sys_flag: reader.take(names.sys_flag)?,
            born_timestamp_ms: reader.take(names.born_timestamp_ms)?,
            flag: reader.take(names.flag)?,
            properties: reader.take(names.properties)?,
            reconsume_times: reader.take(names.reconsume_times)?,
            unit_mode: reader.take(names.unit_mode)?,
            max_reconsume_times: reader.take(names.max_reconsume_times)?,
            batch: reader.take(names.batch)?,
            inherited,
        })
    }

    /// Writes the header in letters.
    pub fn fields(&self) -> Fields {
        self.fields_as(Self::CODE)
    }

    /// Writes the header in the spelling of `code`.
    pub fn fields_as(&self, code: RequestCode) -> Fields {
        let names = Self::spelling(code.0);
        let mut fields = Fields::with_capacity(16);
        self.producer_group.put(names.producer_group, &mut fields);
        self.topic.put(names.topic, &mut fields);
        self.default_topic.put(names.default_topic, &mut fields);
        self.default_topic_queues.put(names.default_topic_queues, &mut fields);
        self.queue_id.put(names.queue_id, &mut fields);
        self.sys_flag.put(names.sys_flag, &mut fields);
        self.born_timestamp_ms.put(names.born_timestamp_ms, &mut fields);
        self.flag.put(names.flag, &mut fields);
        self.properties.put(names.properties, &mut fields);
        self.reconsume_times.put(names.reconsume_times, &mut fields);
        self.unit_mode.put(names.unit_mode, &mut fields);
        self.max_reconsume_times.put(names.max_reconsume_times, &mut fields);
        self.batch.put(names.batch, &mut fields);
        let mut inherited = self.inherited.clone();
        if let Some(letter) = names.broker_name {
            inherited.broker_name.take().put(letter, &mut fields);
        }
        inherited.put(&mut fields);
        fields
    }

    /// The request: `SEND_BATCH_MESSAGE` for a batch, else `SEND_MESSAGE_V2`. The body is still
    /// to be set.
    pub fn command(&self) -> Command {
        let code = if self.is_batch() { RequestCode::SEND_BATCH_MESSAGE } else { Self::CODE };
        self.command_as(code)
    }

    /// The request under another code, in its spelling.
    pub fn command_as(&self, code: RequestCode) -> Command {
        Command::request(code).with_fields(self.fields_as(code))
    }
}

header! {
    /// A consumer could not handle a message and wants it again later.
    SendBack "ConsumerSendMsgBackRequestHeader" for CONSUMER_SEND_MSG_BACK with inherited {
        /// Where the message lies in the commit log.
        offset: i64 = "offset",
        group: Text = "group",
        /// 0 lets the broker choose, negative is straight to the dead letters.
        delay_level: i32 = "delayLevel",
        origin_message_id: Option<Text> = "originMsgId",
        origin_topic: Option<Text> = "originTopic",
        unit_mode: bool = "unitMode" or false,
        max_reconsume_times: Option<i32> = "maxReconsumeTimes",
    }
}

header! {
    /// A producer decides a half message. One-way in Java.
    EndTransaction "EndTransactionRequestHeader" for END_TRANSACTION with inherited {
        topic: Option<Text> = "topic",
        producer_group: Text = "producerGroup",
        /// Where the half message stands in its queue.
        half_queue_offset: i64 = "tranStateTableOffset",
        commit_log_offset: i64 = "commitLogOffset",
        /// 8 commit, 12 rollback, 0 unknown.
        commit_or_rollback: i32 = "commitOrRollback",
        from_check: bool = "fromTransactionCheck" or false,
        message_id: Option<Text> = "msgId",
        transaction_id: Option<Text> = "transactionId",
    }
}

header! {
    /// The broker asks a producer to decide. The body is the half message's record.
    CheckTransactionState "CheckTransactionStateRequestHeader"
        for CHECK_TRANSACTION_STATE with inherited {
        topic: Option<Text> = "topic",
        half_queue_offset: i64 = "tranStateTableOffset",
        commit_log_offset: i64 = "commitLogOffset",
        message_id: Option<Text> = "msgId",
        transaction_id: Option<Text> = "transactionId",
        offset_message_id: Option<Text> = "offsetMsgId",
    }
}

header! {
    /// A producer takes back a message that is still waiting for its time.
    RecallMessage "RecallMessageRequestHeader" for RECALL_MESSAGE with inherited {
        producer_group: Option<Text> = "producerGroup",
        topic: Text = "topic",
        recall_handle: Text = "recallHandle",
    }
}

header! {
    /// The broker hands a reply to the client that asked. The body is the reply's.
    PushReply "ReplyMessageRequestHeader" for PUSH_REPLY_MESSAGE_TO_CLIENT with inherited {
        producer_group: Text = "producerGroup",
        topic: Text = "topic",
        default_topic: Text = "defaultTopic",
        default_topic_queues: i32 = "defaultTopicQueueNums",
        queue_id: i32 = "queueId",
        sys_flag: i32 = "sysFlag",
        born_timestamp_ms: i64 = "bornTimestamp",
        flag: i32 = "flag",
        properties: Option<Text> = "properties",
        reconsume_times: Option<i32> = "reconsumeTimes",
        unit_mode: bool = "unitMode" or false,
        /// Address and port, as `127.0.0.1:49472`.
        born_host: Text = "bornHost",
        /// Address and port.
        store_host: Text = "storeHost",
        store_timestamp_ms: i64 = "storeTimestamp",
    }
}
