//! What many queues cost: handles and files, never time.

use crate::common::{at_ms, checkpoint, message, open};
use runtime::memory::{MemoryDisk, finish};
use store::{StoreConfig, Want};

#[test]
fn a_hundred_thousand_queues_are_a_handful_of_open_files_now_and_after_a_restart() {
    let config = StoreConfig {
        segment_bytes: 1024 * 1024,
        queue_file_slots: 16,
        index: false,
        memory: store::MemoryLimits { queue_files_open: 8, ..store::MemoryLimits::default() },
        ..StoreConfig::at("store")
    };
    let disk = MemoryDisk::new();
    let (mut store, _) = open(&disk, &config);
    for topic in 0..100 {
        let topic = format!("topic{topic}");
        for queue_id in 0..1000 {
            store.append(at_ms(0), &message(&topic, queue_id, "x")).unwrap();
        }
    }
    assert_eq!(store.queues().count(), 100_000);
    assert_eq!(store.queue_files_open(), 0, "a queue that waits in memory has no file");

    checkpoint(&mut store);
    assert!(store.queue_files_open() <= 8, "{}", store.queue_files_open());
    finish(store.close()).unwrap();

    let (store, opened) = open(&disk, &config);
    assert_eq!(opened.slots_rebuilt, 0);
    assert_eq!(store.queues().count(), 100_000);
    assert!(store.queue_files_open() <= 8, "{}", store.queue_files_open());
    for (topic, queue_id) in [("topic0", 0), ("topic57", 999), ("topic99", 500)] {
        assert_eq!(store.get(topic, queue_id, 0, Want::any(1)).unwrap().records.len(), 1);
        assert!(store.queue_files_open() <= 8);
    }
}
