//! The tables that outlive the process, as RocketMQ's `config/*.json` files.
//!
//! What Java wrote is read, and Java reads what is written here.

use std::path::PathBuf;

use bytes::Bytes;
use protocol::{
    body::{self, BodyError, DataVersion},
    json::Style,
};

use crate::{broker::Broker, event::Table};

/// A saved table that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read: {cause}", path.display())]
pub struct TableError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub cause: BodyError,
}

impl Broker {
    /// Where a table is saved.
    pub fn table_path(&self, table: Table) -> PathBuf {
        match self.config.path().filter(|_| table == Table::Configuration) {
            Some(path) => path.to_path_buf(),
            None => self.config.store_root.join("config").join(table.file_name()),
        }
    }

    /// Takes over a saved table.
    ///
    /// # Errors
    /// If it is not what it should be.
    pub fn load(&mut self, table: Table, saved: &Bytes) -> Result<(), TableError> {
        self.load_table(table, saved)
            .map_err(|cause| TableError { path: self.table_path(table), cause })
    }

    fn load_table(&mut self, table: Table, saved: &Bytes) -> Result<(), BodyError> {
        match table {
            // It was read before there was a broker.
            Table::Configuration => {}
            Table::Topics => {
                let saved = body::TopicConfigTable::from_json(saved)?;
                self.topics.load(saved.topic_config_table, known(saved.data_version));
            }
            Table::Groups => {
                let saved = body::SubscriptionGroupTable::from_json(saved)?;
                let version = known(saved.data_version);
                self.groups.load(saved.subscription_group_table, saved.forbidden_table, version);
            }
            Table::Offsets => {
                let saved = body::ConsumerOffsetTable::from_json(saved)?;
                let version = known(saved.data_version);
                let odd = self.offsets.load(saved.offset_table, saved.pull_offset_table, version);
                if !odd.is_empty() {
                    tracing::warn!(?odd, "consumer offsets of neither topic nor group are dropped");
                }
            }
            Table::Delays => {
                let saved = body::DelayOffsetTable::from_json(saved)?;
                self.load_delays(&saved);
            }
            Table::RequestModes => {
                self.request_modes.load(body::MessageRequestModes::from_json(saved)?);
            }
        }
        Ok(())
    }

    fn load_delays(&mut self, saved: &body::DelayOffsetTable) {
        let topic = protocol::names::SCHEDULE_TOPIC;
        let store = &self.store;
        let bounds = |queue| (store.min_offset(topic, queue), store.next_offset(topic, queue));
        self.delay.load(&saved.offset_table, known(saved.data_version), bounds);
    }

    /// After every table is loaded: offsets beyond the end of their queue are lowered to it.
    pub fn reconcile(&mut self) {
        let store = &self.store;
        let lowered = self.offsets.lower_to(|topic, queue| {
            if store.has_queue(topic, queue) { store.next_offset(topic, queue) } else { i64::MAX }
        });
        if 0 < lowered {
            tracing::warn!(lowered, "consumer offsets were beyond the end of their queues");
        }
    }

    /// A table as its file, and its generation.
    pub fn table_file(&self, table: Table) -> (u64, Bytes) {
        match table {
            Table::Topics => {
                let file = body::TopicConfigTable {
                    data_version: *self.topics.version(),
                    topic_config_table: self.topics.table().clone(),
                };
                (self.topics.generation(), file.to_json_as(Style::FILE))
            }
            Table::Groups => {
                let file = body::SubscriptionGroupTable {
                    data_version: *self.groups.version(),
                    forbidden_table: self.groups.forbidden().clone(),
                    subscription_group_table: self.groups.table().clone(),
                };
                (self.groups.generation(), file.to_json_as(Style::FILE))
            }
            Table::Offsets => {
                (self.offsets.generation(), self.offset_table().to_json_as(Style::FILE))
            }
            Table::Delays => (self.delay.generation(), self.delay_table().to_json_as(Style::FILE)),
            Table::RequestModes => {
                let file = self.request_modes.table().to_json_as(Style::FILE);
                (self.request_modes.generation(), file)
            }
            Table::Configuration => (self.config_changes, self.config.file()),
        }
    }

    /// Consumer offsets as file and wire have them.
    pub(crate) fn offset_table(&self) -> body::ConsumerOffsetTable {
        body::ConsumerOffsetTable {
            data_version: *self.offsets.version(),
            group_topic_map: self.offsets.group_topics(),
            offset_table: self.offsets.committed_table(),
            pull_offset_table: self.offsets.pulled_table(),
        }
    }

    /// The progress of delayed delivery as file and wire have it.
    pub(crate) fn delay_table(&self) -> body::DelayOffsetTable {
        body::DelayOffsetTable {
            data_version: *self.delay.version(),
            offset_table: self.delay.saved_table(),
        }
    }

    /// Whether the disk has a table as it is now.
    pub(crate) fn is_saved(&self, table: Table) -> bool {
        self.generation(table) <= self.saving.saved_generation(table)
    }

    /// The generation that a table is at.
    pub(crate) fn generation(&self, table: Table) -> u64 {
        match table {
            Table::Topics => self.topics.generation(),
            Table::Groups => self.groups.generation(),
            Table::Offsets => self.offsets.generation(),
            Table::Delays => self.delay.generation(),
            Table::RequestModes => self.request_modes.generation(),
            Table::Configuration => self.config_changes,
        }
    }
}

/// A version that says something.
fn known(version: DataVersion) -> Option<DataVersion> {
    (version != DataVersion::default()).then_some(version)
}
