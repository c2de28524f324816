//! What name servers are told: all topics from time to time and after a connection was made, the
//! topics that changed at once, and a farewell.
//!
//! Source: `broker/out/BrokerOuterAPI.java`, `BrokerController.registerBrokerAll`.

use std::collections::BTreeMap;

use protocol::{
    Command, Text,
    body::{self, DataVersion, TopicConfig},
    permission,
    record::body_crc,
    request,
};

use crate::{broker::Broker, event::Effect};

impl Broker {
    /// Registers everything, with one name server or with all.
    pub(crate) fn register_whole(&mut self, index: Option<usize>, effects: &mut Vec<Effect>) {
        if !self.is_stopping {
            let command = self.registration(self.topics.table().clone());
            effects.push(Effect::Register { index, command });
        }
    }

    /// Registers the topics that changed.
    pub(crate) fn register_changes(&mut self, effects: &mut Vec<Effect>) {
        let changed = self.topics.take_changed();
        if changed.is_empty() || self.is_stopping {
            return;
        }
        let table = changed.into_iter().map(|topic| (topic.topic_name.clone(), topic)).collect();
        effects.push(Effect::Register { index: None, command: self.registration(table) });
    }

    /// Says good-bye.
    pub(crate) fn unregister(&self, effects: &mut Vec<Effect>) {
        let header = request::UnregisterBroker {
            broker_name: Text::from(self.config.broker_name.as_str()),
            broker_addr: Text::from(self.config.address()),
            cluster_name: Text::from(self.config.broker_cluster_name.as_str()),
            broker_id: self.config.broker_id,
        };
        effects.push(Effect::Register { index: None, command: header.command() });
    }

    fn registration(&self, table: BTreeMap<Text, TopicConfig>) -> Command {
        let topics = body::TopicConfigs {
            data_version: *self.topics.version(),
            mapping_data_version: DataVersion {
                timestamp_ms: self.started.wall_ms,
                ..DataVersion::default()
            },
            topic_config_table: self.limit_permissions(table),
            ..body::TopicConfigs::default()
        };
        let body = body::RegisterBroker { topics, ..body::RegisterBroker::default() };
        let compressed = self.config.compressed_register;
        // Differs from Java, whose header says "not compressed" even if the body is.
        let body = if compressed { body.to_folded() } else { body.to_json() };
        let header = request::RegisterBroker {
            broker_name: Text::from(self.config.broker_name.as_str()),
            broker_addr: Text::from(self.config.address()),
            cluster_name: Text::from(self.config.broker_cluster_name.as_str()),
            ha_server_addr: Text::from(self.config.ha_address()),
            broker_id: self.config.broker_id,
            enable_acting_master: Some(false),
            compressed,
            body_crc32: body_crc(&body),
            ..request::RegisterBroker::default()
        };
        header.command().with_body(body)
    }

    /// A broker that may not be written to or read from says so for each of its topics.
    fn limit_permissions(
        &self,
        mut table: BTreeMap<Text, TopicConfig>,
    ) -> BTreeMap<Text, TopicConfig> {
        let own = self.config.broker_permission;
        if !permission::is_readable(own) || !permission::is_writable(own) {
            for topic in table.values_mut() {
                topic.perm &= own;
            }
        }
        table
    }
}
