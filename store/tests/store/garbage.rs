//! Whatever bytes lie on the disk: an error or an answer, never a panic.

use crate::common::{at_ms, files, message, open, small, try_open};
use proptest::prelude::*;
use runtime::{
    Disk, OpenMode,
    memory::{MemoryDisk, finish},
};
use store::{Boundary, Store, Want};

/// A store with some of everything.
fn filled(crashed: bool) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let (mut store, _) = open(&disk, &small());
    for number in 0..90 {
        let topic = if number % 7 == 0 { "SCHEDULE_TOPIC_XXXX" } else { "orders" };
        let mut message = message(topic, number % 2, &format!("b{number}"));
        if number % 7 == 0 {
            message.properties = "DELAY\u{1}3\u{2}KEYS\u{1}k\u{2}".into();
        }
        store.append(at_ms(i64::from(number)), &message).unwrap();
        if number == 60 {
            crate::common::checkpoint(&mut store);
        }
    }
    if crashed {
        crate::common::checkpoint(&mut store);
    } else {
        finish(store.close()).unwrap();
    }
    disk
}

/// Asks for everything there is to ask for.
fn read_everything(store: &mut Store) {
    for topic in ["orders", "SCHEDULE_TOPIC_XXXX"] {
        for queue_id in 0..2 {
            let (min, max) = (store.min_offset(topic, queue_id), store.max_offset(topic, queue_id));
            assert!(0 <= min && min <= max);
            for from in [0, min, max / 2, max - 1, max, i64::MAX] {
                store.get(topic, queue_id, from, Want::any(32)).ok();
                store.store_time(topic, queue_id, from).ok();
            }
            store.slots(topic, queue_id, 0, 100).ok();
            for boundary in [Boundary::Lower, Boundary::Upper] {
                store.offset_by_time(topic, queue_id, crate::common::WALL_MS, boundary).ok();
            }
        }
        for key in ["all", "k", "key-b5"] {
            store.query(topic, key, 64, 0, i64::MAX).ok();
            store.query(topic, key, 64, i64::MIN, i64::MAX).ok();
        }
    }
    for at in (store.min_physical()..store.max_physical()).step_by(97) {
        store.view(at).ok();
    }
    store.append(at_ms(0), &message("orders", 0, "after")).ok();
    crate::common::sync(store);
    store.flush_queues().ok();
}

#[derive(Clone, Debug)]
struct Damage {
    file: prop::sample::Index,
    at: prop::sample::Index,
    bytes: Vec<u8>,
}

fn damage() -> impl Strategy<Value = Damage> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..64),
        prop::collection::vec(Just(0u8), 1..600),
        prop::collection::vec(Just(0xffu8), 1..32),
        Just(vec![0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    ];
    (any::<prop::sample::Index>(), any::<prop::sample::Index>(), bytes)
        .prop_map(|(file, at, bytes)| Damage { file, at, bytes })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_give_errors_or_answers_and_never_a_panic(
        damages in prop::collection::vec(damage(), 1..6),
        crashed: bool,
    ) {
        let disk = filled(crashed);
        let all = files(&disk, "store");
        for damage in damages {
            let (path, content) = damage.file.get(&all);
            if !content.is_empty() {
                let at = damage.at.index(content.len());
                let len = damage.bytes.len().min(content.len() - at);
                let file = disk.open(path.as_ref(), OpenMode::Write).unwrap();
                file.write_all_at(at as u64, &damage.bytes[..len]).unwrap();
            }
        }
        if let Ok((mut store, _)) = try_open(&disk, &small()) {
            read_everything(&mut store);
            finish(store.close()).ok();
            if let Ok((mut store, _)) = try_open(&disk, &small()) {
                read_everything(&mut store);
            }
        }
    }
}
