//! Finding messages by key, or by tag.

use std::collections::BTreeSet;

use bytes::Bytes;
use protocol::record::Record;

use crate::{
    get::ReadError,
    index::{key_hash, tag_hash},
    marks::{Marks, is_indexed},
    store::Store,
};

/// What a query by key gives.
#[derive(Clone, Debug, Default)]
pub struct Queried {
    /// The records, in the order of the log.
    pub records: Vec<Bytes>,
    /// When the newest record of the index was stored; 0 if there is none.
    pub index_last_update_timestamp: i64,
    /// Where the newest record of the index lies; 0 if there is none.
    pub index_last_update_physical: u64,
}

impl Store {
    /// The newest messages of a topic that have a key and were stored in a span of time, both ends
    /// included.
    ///
    /// Differs from Java, which gives whatever has the key's hash and leaves it to the client to
    /// look: here a record is given once, and only if it has the key.
    ///
    /// # Errors
    /// If the index or the log cannot be read.
    pub fn query(
        &self,
        topic: &str,
        key: &str,
        max: usize,
        begin_ms: i64,
        end_ms: i64,
    ) -> Result<Queried, ReadError> {
        let has_key = |marks: Marks<'_>| marks.all_keys().any(|each| each == key);
        self.query_by(topic, key_hash(topic, key), &has_key, (max, begin_ms, end_ms))
    }

    /// As [`Self::query`], by tag (`indexType` T).
    ///
    /// # Errors
    /// If the index or the log cannot be read.
    pub fn query_tag(
        &self,
        topic: &str,
        tag: &str,
        max: usize,
        begin_ms: i64,
        end_ms: i64,
    ) -> Result<Queried, ReadError> {
        let has_tag = |marks: Marks<'_>| marks.has_tag(tag);
        self.query_by(topic, tag_hash(topic, tag), &has_tag, (max, begin_ms, end_ms))
    }

    fn query_by(
        &self,
        topic: &str,
        hash: u32,
        wanted: &dyn Fn(Marks<'_>) -> bool,
        (max, begin_ms, end_ms): (usize, i64, i64),
    ) -> Result<Queried, ReadError> {
        let Some(index) = &self.index else { return Ok(Queried::default()) };
        let max = max.min(self.config.get.query_messages);
        let mut seen = BTreeSet::new();
        let mut records = Vec::new();
        let mut failed = None;
        let found = index.find(hash, (begin_ms, end_ms), |physical| {
            if max <= records.len() {
                return false;
            }
            if !seen.insert(physical) {
                return true;
            }
            match self.view(physical) {
                Ok(record) if is_wanted(&record, topic, wanted, (begin_ms, end_ms)) => {
                    records.push((physical, record));
                }
                // Another key with the same hash, or a record that has expired.
                Ok(_) | Err(ReadError::NoRecord { .. }) => {}
                Err(cause @ ReadError::Corrupt { .. }) => {
                    tracing::error!(%cause, "a damaged record is left out of a query");
                }
                Err(cause @ ReadError::Disk { .. }) => {
                    failed = Some(cause);
                    return false;
                }
            }
            true
        });
        found.map_err(|cause| ReadError::Disk { what: "the index".to_owned(), cause })?;
        if let Some(cause) = failed {
            return Err(cause);
        }
        records.sort_by_key(|(physical, _)| *physical);
        let last = index.last().unwrap_or_default();
        Ok(Queried {
            records: records.into_iter().map(|(_, record)| record).collect(),
            index_last_update_timestamp: last.stored_ms,
            index_last_update_physical: last.physical,
        })
    }
}

fn is_wanted(
    record: &[u8],
    topic: &str,
    wanted: &dyn Fn(Marks<'_>) -> bool,
    (begin_ms, end_ms): (i64, i64),
) -> bool {
    let Ok(record) = Record::look(record) else { return false };
    let properties = String::from_utf8_lossy(record.properties_bytes());
    record.topic_bytes() == topic.as_bytes()
        && is_indexed(record.sys_flag())
        && (begin_ms..=end_ms).contains(&record.store_timestamp())
        && wanted(Marks::of(&properties))
}
