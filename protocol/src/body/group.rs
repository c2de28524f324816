//! How groups are set up.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{DataVersion, RetryPolicyType, bodies};
use crate::Text;

/// The configuration of one group.
///
/// Java: `SubscriptionGroupConfig`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriptionGroupConfig {
    /// Such as `priority.factor`.
    pub attributes: BTreeMap<Text, Text>,
    /// The broker that should be read from.
    pub broker_id: i64,
    /// Whether it may consume by broadcast.
    pub consume_broadcast_enable: bool,
    /// Whether it may consume at all.
    pub consume_enable: bool,
    /// Whether it may begin with the oldest message.
    pub consume_from_min_enable: bool,
    /// Whether it consumes in order.
    pub consume_message_orderly: bool,
    /// How long a client may take for a message.
    #[serde(rename = "consumeTimeoutMinute")]
    pub consume_timeout_minutes: i32,
    /// The group.
    pub group_name: Text,
    /// The waits between retries.
    pub group_retry_policy: GroupRetryPolicy,
    /// Bits: 0 unit.
    pub group_sys_flag: i32,
    /// Whether its clients are told when one comes or goes.
    pub notify_consumer_ids_changed_enable: bool,
    /// How often a message is tried again before it is dead.
    pub retry_max_times: i32,
    /// How many queues its retry topic has.
    #[serde(rename = "retryQueueNums")]
    pub retry_queues: i32,
    /// What it may subscribe to, where that is fixed.
    #[serde(rename = "subscriptionDataSet")]
    pub subscriptions: Option<BTreeSet<SimpleSubscription>>,
    /// The broker to read from when it lags.
    pub which_broker_when_consume_slowly: i64,
}

impl Default for SubscriptionGroupConfig {
    fn default() -> Self {
        Self {
            attributes: BTreeMap::new(),
            broker_id: 0,
            consume_broadcast_enable: true,
            consume_enable: true,
            consume_from_min_enable: true,
            consume_message_orderly: false,
            consume_timeout_minutes: 15,
            group_name: Text::EMPTY,
            group_retry_policy: GroupRetryPolicy::default(),
            group_sys_flag: 0,
            notify_consumer_ids_changed_enable: true,
            retry_max_times: 16,
            retry_queues: 1,
            subscriptions: None,
            which_broker_when_consume_slowly: 1,
        }
    }
}

impl SubscriptionGroupConfig {
    /// A group with Java's defaults.
    pub fn new(group_name: impl Into<Text>) -> Self {
        Self { group_name: group_name.into(), ..Self::default() }
    }
}

/// How the waits between retries grow.
///
/// Java: `GroupRetryPolicy`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupRetryPolicy {
    /// Used by [`RetryPolicyType::Customized`].
    pub customized_retry_policy: Option<CustomizedRetryPolicy>,
    /// Used by [`RetryPolicyType::Exponential`].
    pub exponential_retry_policy: Option<ExponentialRetryPolicy>,
    /// Which of them counts.
    #[serde(rename = "type")]
    pub policy: RetryPolicyType,
}

/// The waits as a list.
///
/// Java: `CustomizedRetryPolicy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CustomizedRetryPolicy {
    /// In milliseconds; the last one is repeated.
    #[serde(rename = "next")]
    pub next_ms: Vec<i64>,
}

impl Default for CustomizedRetryPolicy {
    /// The delay levels from the first on, in Java's own order of units.
    fn default() -> Self {
        const SECOND: i64 = 1_000;
        const MINUTE: i64 = 60 * SECOND;
        const HOUR: i64 = 60 * MINUTE;
        let mut next_ms = [1, 5, 10, 30].map(|seconds| seconds * SECOND).to_vec();
        next_ms.extend([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30].map(|minutes| minutes * MINUTE));
        next_ms.extend([1, 2].map(|hours| hours * HOUR));
        Self { next_ms }
    }
}

/// The waits as a law.
///
/// Java: `ExponentialRetryPolicy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExponentialRetryPolicy {
    /// The first wait.
    #[serde(rename = "initial")]
    pub initial_ms: i64,
    /// The longest wait.
    #[serde(rename = "max")]
    pub max_ms: i64,
    /// By how much each is longer than the one before.
    pub multiplier: i64,
}

impl Default for ExponentialRetryPolicy {
    fn default() -> Self {
        Self { initial_ms: 5_000, max_ms: 2 * 60 * 60 * 1_000, multiplier: 2 }
    }
}

/// A subscription a group is held to.
///
/// Java: `SimpleSubscriptionData`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SimpleSubscription {
    /// The expression.
    pub expression: Option<Text>,
    /// `TAG` or `SQL92`.
    pub expression_type: Option<Text>,
    /// The topic.
    pub topic: Text,
    /// When it was made.
    pub version: i64,
}

/// The groups of a broker: `config/subscriptionGroup.json`, and the same on the wire.
///
/// Java: `SubscriptionGroupWrapper`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriptionGroupTable {
    /// Grows with every change.
    pub data_version: DataVersion,
    /// What is forbidden: bits by topic, by group. Bit 2 is reading.
    pub forbidden_table: BTreeMap<Text, BTreeMap<Text, i32>>,
    /// Groups by name.
    pub subscription_group_table: BTreeMap<Text, SubscriptionGroupConfig>,
}

/// Many groups to be made.
///
/// Java: `SubscriptionGroupList`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriptionGroupList {
    /// The groups.
    pub group_config_list: Vec<SubscriptionGroupConfig>,
}

/// Names of groups.
///
/// Java: `GroupList`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupList {
    /// The names.
    #[serde(rename = "groupList")]
    pub groups: Vec<Text>,
}

/// Whether a group may read a topic.
///
/// Java: `GroupForbidden`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupForbidden {
    /// The group.
    pub group: Text,
    /// Whether it may.
    pub readable: Option<bool>,
    /// The topic.
    pub topic: Text,
}

bodies!(
    SubscriptionGroupConfig,
    SubscriptionGroupTable,
    SubscriptionGroupList,
    GroupList,
    GroupForbidden,
);
