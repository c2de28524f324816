//! Counters, and how far groups are behind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{MessageQueue, bodies};
use crate::Text;

/// The offsets of every queue of a topic.
///
/// Java: `TopicStatsTable`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicStats {
    /// Offsets by queue.
    pub offset_table: BTreeMap<MessageQueue, TopicOffset>,
    /// Messages stored per second.
    pub topic_put_tps: f64,
}

/// What a queue holds.
///
/// Java: `TopicOffset`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicOffset {
    /// When its last message was stored.
    #[serde(rename = "lastUpdateTimestamp")]
    pub last_update_timestamp_ms: i64,
    /// The offset its next message will have.
    pub max_offset: i64,
    /// The offset of its first message.
    pub min_offset: i64,
}

/// How far a group is.
///
/// Java: `ConsumeStats`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeStats {
    /// Messages consumed per second.
    pub consume_tps: f64,
    /// Offsets by queue.
    pub offset_table: BTreeMap<MessageQueue, OffsetWrapper>,
}

/// How far a group is in a queue.
///
/// Java: `OffsetWrapper`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OffsetWrapper {
    /// The offset the next message will have.
    pub broker_offset: i64,
    /// The offset up to which the group has consumed.
    pub consumer_offset: i64,
    /// When the last message it consumed was stored.
    #[serde(rename = "lastTimestamp")]
    pub last_timestamp_ms: i64,
    /// The offset up to which the group has pulled.
    pub pull_offset: i64,
}

/// How far every group of a broker is.
///
/// Java: `ConsumeStatsList`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerConsumeStats {
    /// The broker.
    pub broker_addr: Option<Text>,
    /// One table with one group each: its topics.
    pub consume_stats_list: Vec<BTreeMap<Text, Vec<ConsumeStats>>>,
    /// How many messages all groups together have not consumed.
    pub total_diff: i64,
    /// How many messages all groups together have pulled and not consumed.
    pub total_inflight_diff: i64,
}

/// One counter over three stretches of time.
///
/// Java: `BrokerStatsData`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerStats {
    /// The last day.
    pub stats_day: BrokerStatsItem,
    /// The last hour.
    pub stats_hour: BrokerStatsItem,
    /// The last minute.
    pub stats_minute: BrokerStatsItem,
}

/// One counter over a stretch of time.
///
/// Java: `BrokerStatsItem`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerStatsItem {
    /// The sum per event.
    #[serde(rename = "avgpt")]
    pub average: f64,
    /// The sum.
    pub sum: i64,
    /// The sum per second.
    #[serde(rename = "tps")]
    pub per_second: f64,
}

/// Between which times a group still has to consume.
///
/// Java: `QueryConsumeTimeSpanBody`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeTimeSpans {
    /// One per queue.
    #[serde(rename = "consumeTimeSpanSet")]
    pub spans: Vec<ConsumeTimeSpan>,
}

/// Times of the messages of one queue.
///
/// Java: `QueueTimeSpan`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeTimeSpan {
    /// When the last consumed message was stored.
    #[serde(rename = "consumeTimeStamp")]
    pub consume_timestamp_ms: i64,
    /// The same for people.
    #[serde(rename = "consumeTimeStampStr")]
    pub consume_time: Option<Text>,
    /// How far the group is behind.
    #[serde(rename = "delayTime")]
    pub delay_ms: i64,
    /// When the last message was stored.
    #[serde(rename = "maxTimeStamp")]
    pub max_timestamp_ms: i64,
    /// The same for people.
    #[serde(rename = "maxTimeStampStr")]
    pub max_time: Option<Text>,
    /// The queue.
    pub message_queue: MessageQueue,
    /// When the first message was stored.
    #[serde(rename = "minTimeStamp")]
    pub min_timestamp_ms: i64,
    /// The same for people.
    #[serde(rename = "minTimeStampStr")]
    pub min_time: Option<Text>,
}

bodies!(TopicStats, ConsumeStats, BrokerConsumeStats, BrokerStats, ConsumeTimeSpans);
