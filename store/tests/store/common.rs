//! What the tests of the store share.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use protocol::{
    Text,
    properties::{KEYS, TAGS, UNIQ_KEY, push},
    record::{Message, RecordView},
};
use runtime::{
    Disk, Monotonic, Now, OpenMode,
    memory::{MemoryDisk, finish},
};
use store::{OpenError, Opened, Store, StoreConfig};

pub(crate) const WALL_MS: i64 = 1_800_000_000_000;

/// So many milliseconds after the tests' beginning of time, on both clocks.
pub(crate) fn at_ms(ms: i64) -> Now {
    let span = Duration::from_millis(ms.unsigned_abs());
    Now { wall_ms: WALL_MS + ms, monotonic: Monotonic::default() + span }
}

/// A configuration in which everything rolls early.
pub(crate) fn small() -> StoreConfig {
    StoreConfig {
        segment_bytes: 4096,
        queue_file_slots: 16,
        index_slots: 16,
        index_entries: 32,
        ..StoreConfig::at("store")
    }
}

pub(crate) fn open(disk: &MemoryDisk, config: &StoreConfig) -> (Store, Opened) {
    try_open(disk, config).unwrap()
}

pub(crate) fn try_open(
    disk: &MemoryDisk,
    config: &StoreConfig,
) -> Result<(Store, Opened), OpenError> {
    finish(Store::open(Arc::new(disk.clone()), at_ms(0), config.clone()))
}

/// A message with a unique key, a key and a tag.
pub(crate) fn message(topic: &str, queue_id: i32, body: &str) -> Message {
    let mut properties = String::new();
    push(&mut properties, KEYS, &format!("key-{body} all"));
    push(&mut properties, UNIQ_KEY, &format!("unique-{body}"));
    push(&mut properties, TAGS, &format!("tag{}", body.len() % 3));
    Message {
        topic: Text::from(topic),
        queue_id,
        flag: 0,
        sys_flag: 0,
        born_timestamp: WALL_MS,
        born_host: SocketAddr::from(([10, 7, 0, 9], 34198)),
        store_host: SocketAddr::from(([127, 0, 0, 1], 10911)),
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body: Bytes::copy_from_slice(body.as_bytes()),
        properties: Text::from(properties),
    }
}

/// Syncs the log.
pub(crate) fn sync(store: &mut Store) {
    if let Some(job) = store.begin_sync() {
        let synced = finish(job.run());
        store.end_sync(synced).unwrap();
    }
}

/// Syncs log, queues and index, and writes the checkpoint.
pub(crate) fn checkpoint(store: &mut Store) {
    sync(store);
    if let Some(job) = store.begin_checkpoint().unwrap() {
        let done = finish(job.run());
        store.end_checkpoint(done).unwrap();
    }
}

pub(crate) fn parse(record: &Bytes) -> RecordView {
    RecordView::parse(record.clone()).unwrap()
}

/// Bodies of all messages of a queue, read as a consumer reads them.
pub(crate) fn bodies(store: &Store, topic: &str, queue_id: i32) -> Vec<String> {
    let mut bodies = Vec::new();
    let mut next = store.min_offset(topic, queue_id);
    while next < store.max_offset(topic, queue_id) {
        let got = store.get(topic, queue_id, next, store::Want::any(32)).unwrap();
        assert_eq!(got.status, store::GetStatus::Found, "{topic} {queue_id} at {next}");
        for (index, record) in got.records.iter().enumerate() {
            let record = parse(record);
            assert_eq!(record.queue_offset(), next + i64::try_from(index).unwrap());
            assert_eq!(&*record.topic(), topic);
            bodies.push(String::from_utf8(record.body().to_vec()).unwrap());
        }
        assert!(next < got.next_offset);
        next = got.next_offset;
    }
    bodies
}

/// The bodies of the messages with a key.
pub(crate) fn found(store: &Store, topic: &str, key: &str) -> Vec<String> {
    let queried = store.query(topic, key, 64, 0, i64::MAX).unwrap();
    let bodies = queried.records.iter().map(|record| parse(record).body());
    bodies.map(|body| String::from_utf8(body.to_vec()).unwrap()).collect()
}

/// Every file of a disk below a directory, with its content.
pub(crate) fn files(disk: &MemoryDisk, directory: &str) -> Vec<(String, Bytes)> {
    let mut files = Vec::new();
    collect(disk, Path::new(directory), &mut files);
    files
}

fn collect(disk: &MemoryDisk, directory: &Path, into: &mut Vec<(String, Bytes)>) {
    for entry in disk.list(directory).unwrap_or_default() {
        let path = directory.join(&entry.name);
        if entry.is_dir {
            collect(disk, &path, into);
        } else {
            into.push((path.display().to_string(), disk.read(&path).unwrap()));
        }
    }
}

/// Overwrites bytes of a file, as a bad disk does.
pub(crate) fn damage(disk: &MemoryDisk, path: &str, at: u64, bytes: &[u8]) {
    let file = disk.open(Path::new(path), OpenMode::Write).unwrap();
    file.write_all_at(at, bytes).unwrap();
    finish(file.sync()).unwrap();
}
