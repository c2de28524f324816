//! The machines of a plan: name servers, brokers, topics, and what their network and disks are
//! like when nothing is wrong.

use std::collections::BTreeMap;

use checkers::promises::Flush;
use serde::{Deserialize, Serialize};

use crate::plan::PlanError;

/// A cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// The name servers.
    pub name_servers: Vec<NameServer>,
    /// The brokers.
    pub brokers: Vec<Broker>,
    /// The topics that exist before the clients start.
    pub topics: Vec<Topic>,
    /// The groups that are configured before the clients start; others are created on first use.
    pub groups: Vec<Group>,
    /// The network.
    pub network: Network,
    /// The disk of every broker and name server.
    pub disk: DiskModel,
}

/// One name server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameServer {
    /// Unique name of its node.
    pub name: String,
    /// Configuration by RocketMQ's names.
    pub properties: BTreeMap<String, String>,
}

/// One broker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broker {
    /// Unique name of its node, and its `brokerName`.
    pub name: String,
    /// When it answers a send.
    pub flush: FlushPolicy,
    /// After how many milliseconds everything written is flushed at the latest
    /// (`flushCommitLogThoroughInterval`).
    pub flush_within_ms: u64,
    /// Every how many milliseconds consumer offsets are persisted.
    pub offsets_within_ms: u64,
    /// `mappedFileSizeCommitLog`.
    pub segment_bytes: u64,
    /// `mappedFileSizeConsumeQueue` in units of 20 bytes.
    pub queue_file_units: u32,
    /// `maxHashSlotNum`.
    pub index_slots: u32,
    /// `maxIndexNum`.
    pub index_entries: u32,
    /// `fileReservedTime` in hours of the broker's clock.
    pub reserved_hours: u32,
    /// Anything else by RocketMQ's names. Wins over the fields above.
    pub properties: BTreeMap<String, String>,
}

/// When a broker answers a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlushPolicy {
    /// `ASYNC_FLUSH`.
    Async,
    /// `SYNC_FLUSH`.
    Sync,
}

impl FlushPolicy {
    /// As the promise table names it.
    #[must_use]
    pub const fn as_promised(self) -> Flush {
        match self {
            Self::Async => Flush::Async,
            Self::Sync => Flush::Sync,
        }
    }
}

impl Broker {
    /// Everything by RocketMQ's names, except what only the world knows: `brokerIP1`,
    /// `listenPort`, `namesrvAddr` and the directories.
    #[must_use]
    pub fn all_properties(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        let mut put = |key: &str, value: String| drop(all.insert(key.to_owned(), value));
        put("brokerName", self.name.clone());
        put("brokerClusterName", "gantry".to_owned());
        put("brokerId", "0".to_owned());
        put("brokerRole", "ASYNC_MASTER".to_owned());
        put("flushDiskType", self.flush.as_promised().name().to_owned());
        put("flushCommitLogThoroughInterval", self.flush_within_ms.to_string());
        put("flushConsumerOffsetInterval", self.offsets_within_ms.to_string());
        put("mappedFileSizeCommitLog", self.segment_bytes.to_string());
        put("mappedFileSizeConsumeQueue", (u64::from(self.queue_file_units) * 20).to_string());
        put("maxHashSlotNum", self.index_slots.to_string());
        put("maxIndexNum", self.index_entries.to_string());
        put("fileReservedTime", self.reserved_hours.to_string());
        all.extend(self.properties.iter().map(|(key, value)| (key.clone(), value.clone())));
        all
    }
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Queues per broker, for reading and for writing.
    pub queues: u32,
    /// The brokers that hold it; empty means all.
    pub brokers: Vec<String>,
}

/// One consumer group's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// `retryMaxTimes`.
    pub retries_max: u32,
}

/// What the network is like when nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Least time of one way, in microseconds.
    pub latency_us_min: u64,
    /// Most time of one way, in microseconds.
    pub latency_us_max: u64,
}

/// What a disk is like when nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskModel {
    /// Size of the file system in bytes.
    pub capacity_bytes: u64,
    /// Least time of one sync, in microseconds.
    pub sync_us_min: u64,
    /// Most time of one sync, in microseconds.
    pub sync_us_max: u64,
}

impl Cluster {
    /// Whether the parts fit one another.
    pub(crate) fn check(&self) -> Result<(), PlanError> {
        for topic in &self.topics {
            let known = |name: &String| self.brokers.iter().any(|broker| &broker.name == name);
            if let Some(name) = topic.brokers.iter().find(|name| !known(name)) {
                return Err(PlanError::Unknown {
                    what: format!("topic `{}`", topic.name),
                    name: name.clone(),
                    expected: "broker",
                });
            }
        }
        let ranges = [
            ("latency_us", self.network.latency_us_min, self.network.latency_us_max),
            ("sync_us", self.disk.sync_us_min, self.disk.sync_us_max),
        ];
        match ranges.iter().find(|(_, min, max)| max < min) {
            Some((what, min, max)) => Err(PlanError::OutOfRange {
                what: format!("{what}_max"),
                value: max.to_string(),
                limit: format!("at least the minimum, {min}"),
            }),
            None => Ok(()),
        }
    }
}
