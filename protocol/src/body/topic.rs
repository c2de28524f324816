//! How topics are set up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DataVersion, QueueMapping, QueueMappingDetail, TopicFilterType, bodies};
use crate::{Text, permission};

/// The configuration of one topic.
///
/// Java: `TopicConfig`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicConfig {
    /// Such as `message.type`.
    pub attributes: BTreeMap<Text, Text>,
    /// Whether its messages are ordered.
    pub order: bool,
    /// Bits of [`crate::permission`].
    pub perm: i32,
    /// How many queues may be read.
    #[serde(rename = "readQueueNums")]
    pub read_queues: i32,
    /// Without effect.
    pub topic_filter_type: TopicFilterType,
    /// The topic.
    pub topic_name: Text,
    /// Bits: 0 unit, 1 unit subscription.
    pub topic_sys_flag: i32,
    /// How many queues may be written.
    #[serde(rename = "writeQueueNums")]
    pub write_queues: i32,
}

impl Default for TopicConfig {
    fn default() -> Self {
        Self {
            attributes: BTreeMap::new(),
            order: false,
            perm: permission::READ | permission::WRITE,
            read_queues: 16,
            topic_filter_type: TopicFilterType::SingleTag,
            topic_name: Text::EMPTY,
            topic_sys_flag: 0,
            write_queues: 16,
        }
    }
}

impl TopicConfig {
    /// A topic with as many queues to read as to write, and Java's defaults for the rest.
    pub fn new(topic_name: impl Into<Text>, queues: i32, perm: i32) -> Self {
        let topic_name = topic_name.into();
        Self { topic_name, read_queues: queues, write_queues: queues, perm, ..Self::default() }
    }
}

/// The topics of a broker: the file `config/topics.json`.
///
/// Java: `TopicConfigSerializeWrapper`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicConfigTable {
    /// Grows with every change of a topic.
    pub data_version: DataVersion,
    /// Topics by name.
    pub topic_config_table: BTreeMap<Text, TopicConfig>,
}

/// The topics of a broker and its static queues: on the wire.
///
/// Java: `TopicConfigAndMappingSerializeWrapper`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicConfigs {
    /// Grows with every change of a topic.
    pub data_version: DataVersion,
    /// Grows with every change of a static queue.
    pub mapping_data_version: DataVersion,
    /// Topics by name.
    pub topic_config_table: BTreeMap<Text, TopicConfig>,
    /// Static topics by name, for other brokers.
    pub topic_queue_mapping_detail_map: BTreeMap<Text, QueueMappingDetail>,
    /// Static topics by name, for the name server.
    pub topic_queue_mapping_info_map: BTreeMap<Text, QueueMapping>,
}

/// Many topics to be made.
///
/// Java: `CreateTopicListRequestBody`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicConfigList {
    /// The topics.
    pub topic_config_list: Vec<TopicConfig>,
}

/// Names of topics.
///
/// Java: `TopicList`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicList {
    /// The broker they are on, where it matters.
    pub broker_addr: Option<Text>,
    /// The names.
    #[serde(rename = "topicList")]
    pub topics: Vec<Text>,
}

bodies!(TopicConfig, TopicConfigTable, TopicConfigs, TopicConfigList, TopicList);
