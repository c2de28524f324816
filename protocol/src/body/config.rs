//! Versions of tables, and tables of text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bodies;
use crate::Text;

/// Which state a table is in. Two tables with equal versions are equal.
///
/// Java: `DataVersion`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DataVersion {
    /// How often the table changed. Grows.
    pub counter: i64,
    /// The state machine's version: grows with the epoch of the master.
    pub state_version: i64,
    /// When it last changed.
    #[serde(rename = "timestamp")]
    pub timestamp_ms: i64,
}

impl DataVersion {
    /// The table changed at `now_ms`.
    pub fn advance(&mut self, now_ms: i64) {
        self.timestamp_ms = now_ms;
        self.counter += 1;
    }
}

/// Values by name: runtime info, or a namespace of the name server's store.
///
/// Java: `KVTable`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyValueTable {
    /// The values.
    pub table: BTreeMap<Text, Text>,
}

/// The file in which the name server keeps its store: namespace to key to value.
///
/// Java: `KVConfigSerializeWrapper`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KvConfigTable {
    /// The namespaces.
    pub config_table: BTreeMap<Text, BTreeMap<Text, Text>>,
}

bodies!(DataVersion, KeyValueTable, KvConfigTable);
