//! Tables of offsets.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{DataVersion, MessageQueue, bodies};
use crate::Text;

/// How far the groups of a broker are: `config/consumerOffset.json`, and the same on the wire.
///
/// Java: `ConsumerOffsetManager`, `ConsumerOffsetSerializeWrapper`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerOffsetTable {
    /// Grows with changes, not with every one.
    pub data_version: DataVersion,
    /// The topics each group has offsets in.
    pub group_topic_map: BTreeMap<Text, BTreeSet<Text>>,
    /// Offset by queue, by `topic@group`.
    pub offset_table: BTreeMap<Text, BTreeMap<i32, i64>>,
    /// How far the groups have pulled, which is further than they have consumed.
    pub pull_offset_table: BTreeMap<Text, BTreeMap<i32, i64>>,
}

/// How far the queues of delayed messages are delivered: `config/delayOffset.json`.
///
/// Java: `DelayOffsetSerializeWrapper`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DelayOffsetTable {
    /// Grows with changes.
    pub data_version: DataVersion,
    /// Offset by delay level.
    pub offset_table: BTreeMap<i32, i64>,
}

/// Where the queues of a group are set to.
///
/// Java: `ResetOffsetBody`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResetOffset {
    /// Offset by queue.
    pub offset_table: BTreeMap<MessageQueue, i64>,
}

/// The same for clients written in C++, which cannot read objects as keys.
///
/// Java: `ResetOffsetBodyForC`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResetOffsetForC {
    /// The queues.
    pub offset_table: Vec<ResetOffsetForCEntry>,
}

/// One queue and its offset.
///
/// Java: `MessageQueueForC`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResetOffsetForCEntry {
    /// The broker.
    pub broker_name: Text,
    /// Where it is set to.
    pub offset: i64,
    /// The number of the queue.
    pub queue_id: i32,
    /// The topic.
    pub topic: Text,
}

/// The smallest offsets of the groups of a topic.
///
/// Java: `QueryCorrectionOffsetBody`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CorrectionOffsets {
    /// Offset by queue.
    pub correction_offsets: BTreeMap<i32, i64>,
}

/// The offsets the clients of a group are at.
///
/// Java: `GetConsumerStatusBody`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerStatus {
    /// By client: what the broker answers.
    pub consumer_table: BTreeMap<Text, BTreeMap<MessageQueue, i64>>,
    /// What one client answers.
    pub message_queue_table: BTreeMap<MessageQueue, i64>,
}

bodies!(
    ConsumerOffsetTable,
    DelayOffsetTable,
    ResetOffset,
    ResetOffsetForC,
    CorrectionOffsets,
    ConsumerStatus,
);
