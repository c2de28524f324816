//! The consumer groups of this broker: their configuration and what they may not read.
//!
//! Source: `broker/subscription/SubscriptionGroupManager.java`.

use std::collections::BTreeMap;

use protocol::{
    Text,
    body::{DataVersion, SubscriptionGroupConfig},
    names,
};

use crate::config::Config;

/// Groups that exist from the start.
const SYSTEM_GROUPS: [&str; 8] = [
    names::TOOLS_CONSUMER_GROUP,
    names::FILTERSRV_CONSUMER_GROUP,
    names::SELF_TEST_CONSUMER_GROUP,
    names::ONS_HTTP_PROXY_GROUP,
    names::CID_ONSAPI_PULL_GROUP,
    names::CID_ONSAPI_PERMISSION_GROUP,
    names::CID_ONSAPI_OWNER_GROUP,
    names::TRANS_GROUP,
];

/// The bit of a forbidden entry that forbids reading.
const FORBIDDEN_READ: i32 = 1 << 2;

/// Every group.
#[derive(Debug)]
pub(crate) struct Groups {
    table: BTreeMap<Text, SubscriptionGroupConfig>,
    /// By group and topic: bits of what is forbidden.
    forbidden: BTreeMap<Text, BTreeMap<Text, i32>>,
    version: DataVersion,
    /// Grows with every change.
    generation: u64,
}

impl Groups {
    /// The groups every broker has.
    pub(crate) fn new(now_ms: i64) -> Self {
        let table = SYSTEM_GROUPS
            .iter()
            .map(|name| (Text::from_static(name), SubscriptionGroupConfig::new(*name)))
            .collect();
        let version = DataVersion { timestamp_ms: now_ms, ..DataVersion::default() };
        Self { table, forbidden: BTreeMap::new(), version, generation: 0 }
    }

    /// Takes over a saved table.
    pub(crate) fn load(
        &mut self,
        saved: BTreeMap<Text, SubscriptionGroupConfig>,
        forbidden: BTreeMap<Text, BTreeMap<Text, i32>>,
        version: Option<DataVersion>,
    ) {
        self.table.extend(saved);
        self.forbidden.extend(forbidden);
        if let Some(version) = version {
            self.version = version;
        }
    }

    /// One group, if it exists.
    pub(crate) fn get(&self, name: &str) -> Option<&SubscriptionGroupConfig> {
        self.table.get(name)
    }

    /// One group; created if the configuration allows it and the name is legal.
    pub(crate) fn find_or_create(
        &mut self,
        name: &str,
        config: &Config,
        now_ms: i64,
    ) -> Option<&SubscriptionGroupConfig> {
        if !self.table.contains_key(name) {
            let allowed = config.auto_create_group || names::is_system_group(name);
            if !allowed || names::check_group(name).is_err() {
                return None;
            }
            self.put(SubscriptionGroupConfig::new(name), now_ms);
        }
        self.table.get(name)
    }

    /// Puts a group as it is.
    pub(crate) fn put(&mut self, config: SubscriptionGroupConfig, now_ms: i64) {
        let name = config.group_name.detached();
        self.table.insert(name.clone(), SubscriptionGroupConfig { group_name: name, ..config });
        self.changed(now_ms);
    }

    /// Forgets a group.
    pub(crate) fn remove(&mut self, name: &str, now_ms: i64) {
        self.forbidden.remove(name);
        if self.table.remove(name).is_some() {
            self.changed(now_ms);
        }
    }

    /// Whether a group may not read a topic.
    pub(crate) fn is_read_forbidden(&self, group: &str, topic: &str) -> bool {
        self.forbidden
            .get(group)
            .and_then(|topics| topics.get(topic))
            .is_some_and(|bits| bits & FORBIDDEN_READ != 0)
    }

    /// Forbids or allows a group to read a topic.
    pub(crate) fn forbid_read(&mut self, group: &str, topic: &str, forbidden: bool, now_ms: i64) {
        let topics = self.forbidden.entry(Text::from(group)).or_default();
        let bits = topics.entry(Text::from(topic)).or_insert(0);
        *bits = if forbidden { *bits | FORBIDDEN_READ } else { *bits & !FORBIDDEN_READ };
        if *bits == 0 {
            topics.remove(topic);
        }
        if topics.is_empty() {
            self.forbidden.remove(group);
        }
        self.changed(now_ms);
    }

    fn changed(&mut self, now_ms: i64) {
        self.version.advance(now_ms);
        self.generation += 1;
    }

    /// Every group by name.
    pub(crate) fn table(&self) -> &BTreeMap<Text, SubscriptionGroupConfig> {
        &self.table
    }

    /// What is forbidden, by group and topic.
    pub(crate) fn forbidden(&self) -> &BTreeMap<Text, BTreeMap<Text, i32>> {
        &self.forbidden
    }

    /// The version of the table.
    pub(crate) fn version(&self) -> &DataVersion {
        &self.version
    }

    /// Grows with every change: what a saved file is compared with.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_group_is_created_only_when_allowed_and_legal() {
        let mut groups = Groups::new(1);
        let mut config = Config::default();
        assert_eq!("g", groups.find_or_create("g", &config, 2).unwrap().group_name);
        assert!(groups.find_or_create("no good", &config, 2).is_none());
        config.edit(|settings| settings.auto_create_group = false);
        assert!(groups.find_or_create("h", &config, 2).is_none());
        assert!(groups.find_or_create("CID_RMQ_SYS_X", &config, 2).is_some());
        assert_eq!(2, groups.generation());
    }

    #[test]
    fn reading_is_forbidden_and_allowed_again() {
        let mut groups = Groups::new(1);
        groups.forbid_read("g", "t", true, 2);
        assert!(groups.is_read_forbidden("g", "t"));
        assert!(!groups.is_read_forbidden("g", "u"));
        assert_eq!(Some(&4), groups.forbidden()["g"].get("t"));
        groups.forbid_read("g", "t", false, 2);
        assert!(!groups.is_read_forbidden("g", "t"));
        assert!(groups.forbidden().is_empty());
    }
}
