//! KV configuration: namespaces of keys and values that operators keep in name servers.
//!
//! Kept in one file, `{"configTable":{"<namespace>":{"<key>":"<value>"}}}`.
//! Source: namesrv/kvconfig/KVConfigManager.java, KVConfigSerializeWrapper.java.

use bytes::Bytes;
use protocol::{
    Text,
    body::{BodyError, KeyValueTable, KvConfigTable},
};

/// The namespace that tells which queues an ordered topic has.
pub(crate) const ORDER_TOPICS: &str = "ORDER_TOPIC_CONFIG";

/// Values by namespace and key. A namespace whose last key was deleted is still there, empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KvConfig(KvConfigTable);

impl KvConfig {
    /// Reads the content of a KV configuration file.
    pub fn from_file(content: &[u8]) -> Result<Self, BodyError> {
        KvConfigTable::from_json(content).map(Self)
    }

    /// The content of the file.
    #[must_use]
    pub fn to_file(&self) -> Bytes {
        self.0.to_json()
    }

    pub(crate) fn put(&mut self, namespace: &Text, key: &Text, value: &Text) {
        let table = self.0.config_table.entry(namespace.detached()).or_default();
        table.insert(key.detached(), value.detached());
    }

    pub(crate) fn delete(&mut self, namespace: &str, key: &str) {
        if let Some(table) = self.0.config_table.get_mut(namespace) {
            table.remove(key);
        }
    }

    pub(crate) fn get(&self, namespace: &str, key: &str) -> Option<&Text> {
        self.0.config_table.get(namespace)?.get(key)
    }

    /// One namespace as the body of an answer: `{"table":{"<key>":"<value>"}}`.
    pub(crate) fn list(&self, namespace: &str) -> Option<Bytes> {
        let table = self.0.config_table.get(namespace)?.clone();
        Some(KeyValueTable { table }.to_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Text {
        Text::from(text)
    }

    #[test]
    fn what_was_put_is_found_in_memory_and_after_a_restart() {
        let mut kv = KvConfig::default();
        kv.put(&text(ORDER_TOPICS), &text("orders"), &text("broker-a:2"));
        kv.put(&text("other"), &text("k"), &text("中\"\\\n"));
        assert_eq!(kv.get(ORDER_TOPICS, "orders"), Some(&text("broker-a:2")));

        let read_back = KvConfig::from_file(&kv.to_file()).unwrap();

        assert_eq!(read_back, kv);
    }

    #[test]
    fn the_file_is_the_one_java_writes() {
        let mut kv = KvConfig::default();
        kv.put(&text("n"), &text("k"), &text("v"));
        assert_eq!(kv.to_file(), r#"{"configTable":{"n":{"k":"v"}}}"#);
    }

    #[test]
    fn a_namespace_outlives_its_last_key() {
        let mut kv = KvConfig::default();
        assert_eq!(kv.list("n"), None);
        kv.put(&text("n"), &text("k"), &text("v"));
        kv.delete("n", "k");
        kv.delete("absent", "k");
        assert_eq!(kv.list("n").unwrap(), r#"{"table":{}}"#);
    }

    #[test]
    fn a_file_that_is_something_else_is_refused() {
        for content in ["", "[]", "{", r#"{"configTable":1}"#] {
            assert!(KvConfig::from_file(content.as_bytes()).is_err(), "{content}");
        }
        assert_eq!(KvConfig::from_file(b"{}").unwrap(), KvConfig::default());
        let deep = "[".repeat(100_000);
        assert!(KvConfig::from_file(deep.as_bytes()).is_err());
    }
}
