//! What a consumer is doing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{MessageQueue, SubscriptionData, bodies};
use crate::Text;

/// Everything a running consumer tells of itself.
///
/// Java: `ConsumerRunningInfo`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerRunningInfo {
    /// What its threads are doing, if that was asked for.
    pub jstack: Option<Text>,
    /// The queues it pops from.
    #[serde(rename = "mqPopTable")]
    pub pop_queues: BTreeMap<MessageQueue, PopQueueInfo>,
    /// The queues it pulls from.
    #[serde(rename = "mqTable")]
    pub queues: BTreeMap<MessageQueue, ProcessQueueInfo>,
    /// Its settings.
    pub properties: BTreeMap<Text, Text>,
    /// How fast it is, by topic.
    #[serde(rename = "statusTable")]
    pub status: BTreeMap<Text, ConsumeStatus>,
    /// What it wants.
    #[serde(rename = "subscriptionSet")]
    pub subscriptions: Vec<SubscriptionData>,
    /// What its user adds.
    pub user_consumer_info: BTreeMap<Text, Text>,
}

/// A queue that is pulled from.
///
/// Java: `ProcessQueueInfo`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProcessQueueInfo {
    /// How many messages wait in the client.
    #[serde(rename = "cachedMsgCount")]
    pub cached_messages: i32,
    /// The offset of the last of them.
    #[serde(rename = "cachedMsgMaxOffset")]
    pub cached_max_offset: i64,
    /// The offset of the first of them.
    #[serde(rename = "cachedMsgMinOffset")]
    pub cached_min_offset: i64,
    /// How large they are.
    #[serde(rename = "cachedMsgSizeInMiB")]
    pub cached_mib: i32,
    /// The offset up to which the client has consumed.
    pub commit_offset: i64,
    /// Whether the queue was given away. The misspelling is Java's.
    #[serde(rename = "droped")]
    pub dropped: bool,
    /// When a message was last consumed.
    #[serde(rename = "lastConsumeTimestamp")]
    pub last_consume_timestamp_ms: i64,
    /// When the queue was last locked.
    #[serde(rename = "lastLockTimestamp")]
    pub last_lock_timestamp_ms: i64,
    /// When messages were last asked for.
    #[serde(rename = "lastPullTimestamp")]
    pub last_pull_timestamp_ms: i64,
    /// Whether the queue is locked.
    pub locked: bool,
    /// How many messages an orderly listener holds.
    #[serde(rename = "transactionMsgCount")]
    pub transaction_messages: i32,
    /// The offset of the last of them.
    #[serde(rename = "transactionMsgMaxOffset")]
    pub transaction_max_offset: i64,
    /// The offset of the first of them.
    #[serde(rename = "transactionMsgMinOffset")]
    pub transaction_min_offset: i64,
    /// How often unlocking was tried.
    pub try_unlock_times: i64,
}

/// A queue that is popped from.
///
/// Java: `PopProcessQueueInfo`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PopQueueInfo {
    /// Whether the queue was given away. The misspelling is Java's.
    #[serde(rename = "droped")]
    pub dropped: bool,
    /// When messages were last asked for.
    #[serde(rename = "lastPopTimestamp")]
    pub last_pop_timestamp_ms: i64,
    /// How many messages are not acknowledged.
    #[serde(rename = "waitAckCount")]
    pub waiting_acks: i32,
}

/// How fast a consumer is.
///
/// Java: `ConsumeStatus`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumeStatus {
    /// Messages that failed in the last hour.
    #[serde(rename = "consumeFailedMsgs")]
    pub failed: i64,
    /// Messages per second that fail.
    #[serde(rename = "consumeFailedTPS")]
    pub failed_per_second: f64,
    /// Messages per second that do not.
    #[serde(rename = "consumeOKTPS")]
    pub consumed_per_second: f64,
    /// Milliseconds per message in the listener.
    #[serde(rename = "consumeRT")]
    pub consume_ms: f64,
    /// Milliseconds per pull.
    #[serde(rename = "pullRT")]
    pub pull_ms: f64,
    /// Messages pulled per second.
    #[serde(rename = "pullTPS")]
    pub pulled_per_second: f64,
}

bodies!(ConsumerRunningInfo);
