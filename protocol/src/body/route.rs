//! Where topics are: brokers, their addresses, their queues.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::bodies;
use crate::Text;

/// The brokers and queues of one topic.
///
/// Java: `TopicRouteData`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicRoute {
    /// The brokers that have queues of it.
    #[serde(rename = "brokerDatas")]
    pub brokers: Vec<BrokerData>,
    /// Broker address to filter servers; always empty today.
    pub filter_server_table: BTreeMap<Text, Vec<Text>>,
    /// For ordered topics, the queues as `broker-a:4;broker-b:4`.
    pub order_topic_conf: Option<Text>,
    /// How many queues each broker has.
    #[serde(rename = "queueDatas")]
    pub queues: Vec<QueueData>,
    /// Static topics: who hosts which queue.
    pub topic_queue_mapping_by_broker: Option<BTreeMap<Text, QueueMapping>>,
}

/// The brokers that share a name.
///
/// Java: `BrokerData`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerData {
    /// Address by broker id; 0 is the master.
    pub broker_addrs: BTreeMap<i64, Text>,
    /// The name they share.
    pub broker_name: Text,
    /// Their cluster.
    pub cluster: Text,
    /// Whether the smallest id may act for a missing master.
    pub enable_acting_master: bool,
    /// Where they stand.
    pub zone_name: Option<Text>,
}

/// The queues of a topic on the brokers of one name.
///
/// Java: `QueueData`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueData {
    /// The name of the brokers.
    pub broker_name: Text,
    /// Bits of [`crate::permission`].
    pub perm: i32,
    /// How many queues may be read.
    #[serde(rename = "readQueueNums")]
    pub read_queues: i32,
    /// Bits: 0 unit, 1 unit subscription.
    pub topic_sys_flag: i32,
    /// How many queues may be written.
    #[serde(rename = "writeQueueNums")]
    pub write_queues: i32,
}

/// Every broker a name server knows.
///
/// Java: `ClusterInfo`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterInfo {
    /// Brokers by name.
    pub broker_addr_table: BTreeMap<Text, BrokerData>,
    /// Broker names by cluster.
    pub cluster_addr_table: BTreeMap<Text, BTreeSet<Text>>,
}

/// The answer that holds a [`BrokerGroup`].
///
/// Java: `GetBrokerMemberGroupResponseBody`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerMemberGroup {
    /// The group, if there is one.
    pub broker_member_group: Option<BrokerGroup>,
}

/// The brokers that share a name, without more.
///
/// Java: `BrokerMemberGroup`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerGroup {
    /// Address by broker id.
    pub broker_addrs: BTreeMap<i64, Text>,
    /// The name they share.
    pub broker_name: Text,
    /// Their cluster.
    pub cluster: Text,
}

/// The queues of a static topic that one broker hosts now.
///
/// Java: `TopicQueueMappingInfo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueMapping {
    /// The broker.
    #[serde(rename = "bname")]
    pub broker_name: Option<Text>,
    /// Its own queue by queue of the static topic.
    #[serde(rename = "currIdMap")]
    pub current_ids: BTreeMap<i32, i32>,
    /// Whether it is being changed.
    pub dirty: bool,
    /// A larger one wins. Grows.
    pub epoch: i64,
    /// Which static topics share the numbering.
    pub scope: Text,
    /// The topic.
    pub topic: Option<Text>,
    /// How many queues the static topic has.
    pub total_queues: i32,
}

impl Default for QueueMapping {
    fn default() -> Self {
        Self {
            broker_name: None,
            current_ids: BTreeMap::new(),
            dirty: false,
            epoch: 0,
            scope: Text::from_static("__global__"),
            topic: None,
            total_queues: 0,
        }
    }
}

/// The same, with the history of every queue.
///
/// Java: `TopicQueueMappingDetail`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueMappingDetail {
    /// The broker.
    #[serde(rename = "bname")]
    pub broker_name: Option<Text>,
    /// Its own queue by queue of the static topic.
    #[serde(rename = "currIdMap")]
    pub current_ids: BTreeMap<i32, i32>,
    /// Whether it is being changed.
    pub dirty: bool,
    /// A larger one wins. Grows.
    pub epoch: i64,
    /// Where the messages of each queue were and are, oldest first.
    pub hosted_queues: BTreeMap<i32, Vec<QueueMappingItem>>,
    /// Which static topics share the numbering.
    pub scope: Text,
    /// The topic.
    pub topic: Option<Text>,
    /// How many queues the static topic has.
    pub total_queues: i32,
}

impl Default for QueueMappingDetail {
    fn default() -> Self {
        let QueueMapping { broker_name, current_ids, dirty, epoch, scope, topic, total_queues } =
            QueueMapping::default();
        let hosted_queues = BTreeMap::new();
        Self { broker_name, current_ids, dirty, epoch, hosted_queues, scope, topic, total_queues }
    }
}

/// Where a stretch of a static queue lies.
///
/// Java: `LogicQueueMappingItem`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueMappingItem {
    /// The broker.
    #[serde(rename = "bname")]
    pub broker_name: Option<Text>,
    /// The first offset after it in the broker's queue; -1 while it grows.
    pub end_offset: i64,
    /// Its number in the history.
    #[serde(rename = "gen")]
    pub generation: i32,
    /// The offset its first message has in the static queue.
    pub logic_offset: i64,
    /// The broker's queue.
    pub queue_id: i32,
    /// The first offset of it in the broker's queue.
    pub start_offset: i64,
    /// Reserved.
    pub time_of_end: i64,
    /// Reserved.
    pub time_of_start: i64,
}

impl Default for QueueMappingItem {
    fn default() -> Self {
        Self {
            broker_name: None,
            end_offset: -1,
            generation: 0,
            logic_offset: 0,
            queue_id: 0,
            start_offset: 0,
            time_of_end: -1,
            time_of_start: -1,
        }
    }
}

bodies!(TopicRoute, ClusterInfo, BrokerMemberGroup, QueueMapping, QueueMappingDetail);
