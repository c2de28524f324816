//! Looking inside, and modes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ConsumeOutcome, DataVersion, MessageRequestMode, SubscriptionData, bodies};
use crate::Text;

/// Entries of a consume queue.
///
/// Java: `QueryConsumeQueueResponseBody`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeQueueEntries {
    /// The SQL filter of the group, or why there is none.
    pub filter_data: Option<Text>,
    /// The offset the next entry will have.
    pub max_queue_index: i64,
    /// The offset of the first entry.
    pub min_queue_index: i64,
    /// The entries.
    #[serde(rename = "queueData")]
    pub entries: Option<Vec<ConsumeQueueEntry>>,
    /// What the group subscribes to.
    pub subscription_data: Option<SubscriptionData>,
}

/// One entry.
///
/// Java: `ConsumeQueueData`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeQueueEntry {
    /// The bits of the SQL filter.
    pub bit_map: Option<Text>,
    /// Whether the group's filter lets it through.
    pub eval: bool,
    /// The extension of the entry.
    pub extend_data_json: Option<Text>,
    /// Why it could not be read.
    pub msg: Option<Text>,
    /// Where the record lies in the commit log.
    #[serde(rename = "physicOffset")]
    pub physical_offset: i64,
    /// How large the record is.
    #[serde(rename = "physicSize")]
    pub physical_bytes: i32,
    /// The hash of the tag.
    pub tags_code: i64,
}

/// What came of consuming one message by order of an operator.
///
/// Java: `ConsumeMessageDirectlyResult`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumedDirectly {
    /// Whether an orderly listener commits by itself.
    pub auto_commit: bool,
    /// What came of it.
    pub consume_result: Option<ConsumeOutcome>,
    /// Whether the listener is orderly.
    pub order: bool,
    /// What went wrong.
    pub remark: Option<Text>,
    /// How long it took. The misspelling is Java's.
    #[serde(rename = "spentTimeMills")]
    pub spent_ms: i64,
}

impl Default for ConsumedDirectly {
    fn default() -> Self {
        Self { auto_commit: true, consume_result: None, order: false, remark: None, spent_ms: 0 }
    }
}

/// How groups get the messages of topics: `config/messageRequestMode.json`.
///
/// Java: `MessageRequestModeSerializeWrapper`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MessageRequestModes {
    /// By group, by topic.
    pub message_request_mode_map: BTreeMap<Text, BTreeMap<Text, MessageRequestModeSetting>>,
}

/// How a group gets the messages of a topic.
///
/// Java: `SetMessageRequestModeRequestBody`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MessageRequestModeSetting {
    /// The group.
    pub consumer_group: Text,
    /// The mode.
    pub mode: MessageRequestMode,
    /// How many clients share a queue; 0 is all of them.
    #[serde(rename = "popShareQueueNum")]
    pub pop_share_queues: i32,
    /// The topic.
    pub topic: Text,
}

/// How many messages wait for their time.
///
/// Java: `TimerMetricsSerializeWrapper`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TimerMetrics {
    /// Grows with changes.
    pub data_version: DataVersion,
    /// By topic.
    #[serde(rename = "timingCount")]
    pub counts: BTreeMap<Text, TimerCount>,
}

/// How many messages of a topic wait for their time.
///
/// Java: `TimerMetrics.Metric`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimerCount {
    /// How many.
    pub count: i64,
    /// When that last changed.
    #[serde(rename = "timeStamp")]
    pub timestamp_ms: i64,
}

bodies!(
    ConsumeQueueEntries,
    ConsumedDirectly,
    MessageRequestModes,
    MessageRequestModeSetting,
    TimerMetrics,
);
