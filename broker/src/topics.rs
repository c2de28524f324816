//! The topics of this broker: their configuration, how they come to be, and their version.
//!
//! Source: `broker/topic/TopicConfigManager.java`.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{
    Text,
    body::{DataVersion, TopicConfig},
    names, permission,
};

use crate::{
    attributes::{self, Attributes},
    config::Config,
};

/// Written and read.
pub(crate) const PERM_READ_WRITE: i32 = permission::READ | permission::WRITE;
/// Most queues one topic may have. Ours: RocketMQ has no limit and would create files for each.
pub(crate) const QUEUES_MAX: i32 = 65_536;

/// What `topicSysFlag` says about unit mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnitMode(pub bool);

impl UnitMode {
    /// The flag of a topic that is created for a sender in this mode.
    pub(crate) fn sys_flag(self, topic: &str) -> i32 {
        match (self.0, topic.starts_with(names::RETRY_PREFIX)) {
            (false, _) => 0,
            (true, true) => 2,
            (true, false) => 1,
        }
    }
}

/// Every topic, and what changed since it was last told.
#[derive(Debug)]
pub(crate) struct Topics {
    table: BTreeMap<Text, TopicConfig>,
    /// Topics that belong to the system by their name.
    system: BTreeSet<Text>,
    /// Travels with the table.
    version: DataVersion,
    /// Grows with every change of the table.
    generation: u64,
    /// Topics that changed and are not yet registered.
    changed: BTreeSet<Text>,
    /// The generation that created a topic, until that is saved.
    created: BTreeMap<Text, u64>,
}

impl Topics {
    /// The system topics of a broker with this configuration.
    pub(crate) fn new(config: &Config, now_ms: i64) -> Self {
        let mut topics = Self {
            table: BTreeMap::new(),
            system: BTreeSet::new(),
            version: DataVersion { timestamp_ms: now_ms, ..DataVersion::default() },
            generation: 0,
            changed: BTreeSet::new(),
            created: BTreeMap::new(),
        };
        topics.system.extend(names::system_topics().map(Text::from_static));
        for topic in system_topics(config) {
            topics.system.insert(topic.topic_name.clone());
            topics.table.insert(topic.topic_name.clone(), topic);
        }
        topics
    }

    /// Takes over a saved table; the system topics keep what was saved of them.
    pub(crate) fn load(
        &mut self,
        saved: BTreeMap<Text, TopicConfig>,
        version: Option<DataVersion>,
    ) {
        self.table.extend(saved);
        if let Some(version) = version {
            self.version = version;
        }
    }

    /// One topic.
    pub(crate) fn get(&self, topic: &str) -> Option<&TopicConfig> {
        self.table.get(topic)
    }

    /// Whether it exists.
    pub(crate) fn contains(&self, topic: &str) -> bool {
        self.table.contains_key(topic)
    }

    /// Every topic by name.
    pub(crate) fn table(&self) -> &BTreeMap<Text, TopicConfig> {
        &self.table
    }

    /// The version of the table.
    pub(crate) fn version(&self) -> &DataVersion {
        &self.version
    }

    /// Grows with every change: what a saved file is compared with.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The generation that must be saved before a topic survives a crash; 0 if it is.
    pub(crate) fn created(&self, topic: &str) -> u64 {
        self.created.get(topic).copied().unwrap_or(0)
    }

    /// The table is saved as of a generation.
    pub(crate) fn saved(&mut self, generation: u64) {
        self.created.retain(|_, created| generation < *created);
    }

    /// Whether a topic of this name belongs to the system.
    pub(crate) fn is_system(&self, topic: &str) -> bool {
        self.system.contains(topic) || names::is_system_topic(topic)
    }

    /// Names that belong to the system.
    pub(crate) fn system(&self) -> &BTreeSet<Text> {
        &self.system
    }

    /// Whether a topic is consumed in order.
    pub(crate) fn is_ordered(&self, topic: &str) -> bool {
        self.get(topic).is_some_and(|config| config.order)
    }

    /// Puts a topic as it is.
    pub(crate) fn put(&mut self, config: TopicConfig, now_ms: i64) {
        let name = config.topic_name.detached();
        let config = TopicConfig { topic_name: name.clone(), ..config };
        let is_new = self.table.insert(name.clone(), config).is_none();
        self.touched(now_ms);
        if is_new {
            self.created.insert(name.clone(), self.generation);
        }
        self.changed.insert(name);
    }

    /// What a topic's attributes would be if an administrator's wish came true; else why not.
    pub(crate) fn check(&self, wanted: &TopicConfig) -> Result<Attributes, String> {
        for (what, queues) in [("read", wanted.read_queues), ("write", wanted.write_queues)] {
            if !(0..=QUEUES_MAX).contains(&queues) {
                return Err(format!("{what} queue number {queues} is not in 0..={QUEUES_MAX}"));
            }
        }
        let current = self.table.get(wanted.topic_name.as_str());
        attributes::alter(current.map(|topic| &topic.attributes), &wanted.attributes)
    }

    /// Changes or creates a topic as an administrator wants it; its attributes are a change to
    /// what they are. False if it already is so.
    pub(crate) fn update(&mut self, wanted: TopicConfig, now_ms: i64) -> Result<bool, String> {
        let wanted = TopicConfig { attributes: self.check(&wanted)?, ..wanted };
        if self.table.get(wanted.topic_name.as_str()) == Some(&wanted) {
            return Ok(false);
        }
        self.put(wanted, now_ms);
        Ok(true)
    }

    /// Creates a topic for the first message sent to it, after the example of another. Gives
    /// nothing if the example does not let others inherit.
    pub(crate) fn create_for_send(
        &mut self,
        topic: &str,
        example: &str,
        queues: i32,
        sys_flag: i32,
        now_ms: i64,
    ) -> Option<&TopicConfig> {
        if !self.table.contains_key(topic) {
            let example = self.table.get(example)?;
            if example.perm & permission::INHERIT == 0 {
                return None;
            }
            let queues = queues.min(example.write_queues).max(0);
            let created = TopicConfig {
                topic_sys_flag: sys_flag,
                topic_filter_type: example.topic_filter_type,
                ..TopicConfig::new(topic, queues, example.perm & !permission::INHERIT)
            };
            self.put(created, now_ms);
        }
        self.table.get(topic)
    }

    /// Creates a retry or dead letter topic if it is missing, and keeps its order flag as wanted.
    pub(crate) fn create_for_group(
        &mut self,
        topic: &str,
        queues: i32,
        ordered: Option<bool>,
        sys_flag: i32,
        now_ms: i64,
    ) {
        match self.table.get_mut(topic) {
            Some(existing) => {
                if let Some(ordered) = ordered.filter(|ordered| *ordered != existing.order) {
                    existing.order = ordered;
                    let name = existing.topic_name.clone();
                    self.touched(now_ms);
                    self.changed.insert(name);
                }
            }
            None => {
                let queues = queues.clamp(0, QUEUES_MAX);
                let created = TopicConfig {
                    order: ordered.unwrap_or(false),
                    topic_sys_flag: sys_flag,
                    ..TopicConfig::new(topic, queues, PERM_READ_WRITE)
                };
                self.put(created, now_ms);
            }
        }
    }

    /// Forgets a topic. False if there was none.
    pub(crate) fn remove(&mut self, topic: &str, now_ms: i64) -> bool {
        let removed = self.table.remove(topic).is_some();
        if removed {
            self.changed.remove(topic);
            self.touched(now_ms);
        }
        removed
    }

    /// Makes the version grow without a change of the table, so that name servers look again.
    pub(crate) fn touched(&mut self, now_ms: i64) {
        self.version.advance(now_ms);
        self.generation += 1;
    }

    /// Takes the topics that changed since the last call.
    pub(crate) fn take_changed(&mut self) -> Vec<TopicConfig> {
        std::mem::take(&mut self.changed)
            .into_iter()
            .filter_map(|name| self.table.get(name.as_str()).cloned())
            .collect()
    }

    /// A page of the table: at most `count` topics from the `from`-th by name.
    pub(crate) fn page(&self, from: usize, count: usize) -> BTreeMap<Text, TopicConfig> {
        self.table
            .iter()
            .skip(from)
            .take(count)
            .map(|(name, topic)| (name.clone(), topic.clone()))
            .collect()
    }
}

/// The topics that a broker has from its first start.
fn system_topics(config: &Config) -> Vec<TopicConfig> {
    let rw = PERM_READ_WRITE;
    let named =
        |enabled: bool| if enabled { rw | permission::INHERIT } else { permission::INHERIT };
    let cluster = config.broker_cluster_name.as_str();
    let broker = config.broker_name.as_str();
    let mut topics = vec![TopicConfig::new(names::SELF_TEST_TOPIC, 1, rw)];
    if config.auto_create_topic {
        topics.push(TopicConfig::new(
            names::AUTO_CREATE_TOPIC,
            config.default_topic_queue_nums,
            rw | permission::INHERIT,
        ));
    }
    topics.extend([
        TopicConfig::new(names::BENCHMARK_TOPIC, 1024, rw),
        TopicConfig::new(cluster, 16, named(config.cluster_topic)),
        TopicConfig::new(broker, 1, named(config.broker_topic)),
        TopicConfig::new(names::OFFSET_MOVED_EVENT, 1, rw),
        TopicConfig::new(names::SCHEDULE_TOPIC, 18, rw),
    ]);
    if config.trace_topic {
        topics.push(TopicConfig::new(config.trace_topic_name.as_str(), 1, rw));
    }
    topics.extend([
        TopicConfig::new(names::reply_topic(cluster), 1, rw),
        TopicConfig::new(
            [names::REVIVE_LOG_PREFIX, cluster].concat(),
            config.revive_queue_nums,
            rw,
        ),
        TopicConfig::new(
            [names::SYNC_BROKER_MEMBER_PREFIX, broker].concat(),
            1,
            permission::INHERIT,
        ),
        TopicConfig::new(names::TRANS_HALF_TOPIC, 1, rw),
        TopicConfig::new(names::TRANS_OP_HALF_TOPIC, 1, rw),
        TopicConfig::new(names::ROCKSDB_TRANS_HALF_TOPIC, 1, rw),
        TopicConfig::new(names::ROCKSDB_TRANS_OP_HALF_TOPIC, 1, rw),
    ]);
    if config.timer_wheel {
        topics.push(TopicConfig::new(names::TIMER_TOPIC, 1, rw));
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics() -> Topics {
        let mut config = Config::default();
        config.edit(|settings| {
            settings.broker_name = "broker-a".to_owned();
            settings.trace_topic = true;
        });
        Topics::new(&config, 1)
    }

    #[test]
    fn the_system_topics_are_those_a_5_5_0_broker_registers_at_boot() {
        let names: Vec<String> = topics()
            .table()
            .values()
            .map(|t| format!("{} {} {}", t.topic_name, t.read_queues, t.perm))
            .collect();
        assert_eq!(
            [
                "BenchmarkTest 1024 6",
                "DefaultCluster 16 7",
                "DefaultCluster_REPLY_TOPIC 1 6",
                "OFFSET_MOVED_EVENT 1 6",
                "RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC 1 6",
                "RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC 1 6",
                "RMQ_SYS_TRACE_TOPIC 1 6",
                "RMQ_SYS_TRANS_HALF_TOPIC 1 6",
                "RMQ_SYS_TRANS_OP_HALF_TOPIC 1 6",
                "SCHEDULE_TOPIC_XXXX 18 6",
                "SELF_TEST_TOPIC 1 6",
                "TBW102 8 7",
                "broker-a 1 7",
                "rmq_sys_REVIVE_LOG_DefaultCluster 8 6",
                "rmq_sys_SYNC_BROKER_MEMBER_broker-a 1 1",
                "rmq_sys_wheel_timer 1 6",
            ],
            names.as_slice()
        );
    }

    #[test]
    fn a_topic_is_created_after_its_example() {
        let mut topics = topics();
        let created = topics.create_for_send("orders", "TBW102", 4, 0, 2).unwrap();
        assert_eq!((4, 4, 6), (created.read_queues, created.write_queues, created.perm));
        assert_eq!(1, topics.version().counter);
        assert_eq!("orders", topics.take_changed()[0].topic_name);
        assert!(topics.take_changed().is_empty());
        let most = topics.create_for_send("many", "TBW102", 100, 0, 3).unwrap();
        assert_eq!(8, most.write_queues);
        assert!(topics.create_for_send("none", "orders", 4, 0, 3).is_none(), "not inheritable");
        assert!(topics.create_for_send("none", "absent", 4, 0, 3).is_none());
    }

    #[test]
    fn an_update_that_changes_nothing_is_no_change() {
        let mut topics = topics();
        assert_eq!(Ok(true), topics.update(TopicConfig::new("t", 4, 6), 2));
        let generation = topics.generation();
        assert_eq!(Ok(false), topics.update(TopicConfig::new("t", 4, 6), 3));
        assert_eq!(generation, topics.generation());
        assert!(topics.update(TopicConfig::new("t", -1, 6), 3).unwrap_err().contains("-1"));
        assert!(topics.update(TopicConfig::new("t", 70_000, 6), 3).is_err());
    }

    #[test]
    fn a_removed_topic_is_not_registered_again() {
        let mut topics = topics();
        topics.put(TopicConfig::new("t", 1, 6), 2);
        assert!(topics.remove("t", 3));
        assert!(!topics.remove("t", 3));
        assert!(topics.take_changed().is_empty());
    }
}
