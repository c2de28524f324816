//! What an append does, and what is left of one that fails.

use std::path::Path;

use crate::common::{at_ms, bodies, checkpoint, files, found, message, open, parse, small, sync};
use protocol::{
    Text,
    record::{Message, Placed},
    sys_flag,
};
use runtime::{
    Disk, OpenMode,
    memory::{MemoryDisk, finish},
};
use store::{AppendError, Store, StoreConfig, Want};

fn fresh() -> (MemoryDisk, Store) {
    let disk = MemoryDisk::new();
    let (store, _) = open(&disk, &small());
    (disk, store)
}

#[test]
fn a_message_is_in_the_log_in_its_queue_and_in_the_index_when_append_returns() {
    let (disk, mut store) = fresh();

    let sent = message("orders", 1, "one");
    let appended = store.append(at_ms(5), &sent).unwrap();

    assert_eq!((appended.physical_offset, appended.queue_offset), (0, 0));
    assert_eq!(u64::from(appended.size), store.max_physical());
    let mut expected = bytes::BytesMut::new();
    let place =
        Placed { queue_offset: 0, physical_offset: 0, store_timestamp: crate::common::WALL_MS + 5 };
    sent.encode_into(place, &mut expected).unwrap();
    assert_eq!(store.view(0).unwrap(), expected);
    let log = disk.read(Path::new("store/commitlog/00000000000000000000")).unwrap();
    assert_eq!(log.len(), 4096);
    assert_eq!(log[..expected.len()], expected);
    assert_eq!(bodies(&store, "orders", 1), ["one"]);
    assert_eq!(found(&store, "orders", "all"), ["one"]);
    assert_eq!(store.query_tag("orders", "tag0", 9, 0, i64::MAX).unwrap().records.len(), 1);
    assert!(store.query_tag("orders", "tag1", 9, 0, i64::MAX).unwrap().records.is_empty());
}

#[test]
fn offsets_of_a_queue_are_dense_and_in_the_order_of_the_log() {
    let (_, mut store) = fresh();
    let mut last = 0;
    for number in 0..100 {
        let appended = store.append(at_ms(0), &message("orders", number % 3, "x")).unwrap();
        assert_eq!(appended.queue_offset, i64::from(number / 3));
        assert!(last <= appended.physical_offset);
        last = appended.end();
    }
}

#[test]
fn a_clock_that_steps_back_does_not_step_the_log_back() {
    let (disk, mut store) = fresh();
    let stored = |store: &mut Store, ms| {
        store.append(at_ms(ms), &message("orders", 0, "x")).unwrap().store_timestamp
    };
    let times: Vec<_> = [50, 20, 49, 51].map(|ms| stored(&mut store, ms)).to_vec();
    assert_eq!(times, [50, 50, 50, 51].map(|ms| crate::common::WALL_MS + ms));
    drop(store);

    let (mut store, _) = open(&disk, &small());
    assert_eq!(stored(&mut store, 7), crate::common::WALL_MS + 51, "not even after a restart");
}

#[test]
fn a_record_that_leaves_no_room_for_a_blank_goes_to_the_next_file() {
    let (_, mut store) = fresh();
    let empty = message("orders", 0, "").encoded_len();
    let fitting = |rest: usize| message("orders", 0, &"x".repeat(rest - empty - 2));
    // Keys and unique key repeat the body: find the body that makes a record of the right length.
    let of_len = |len: usize| {
        let bodies = (0..len).map(|body| message("orders", 0, &"x".repeat(body)));
        bodies.into_iter().find(|message| message.encoded_len() == len)
    };
    let first = (900..).find_map(of_len).unwrap();
    assert!(fitting(900).encoded_len() > 0);
    store.append(at_ms(0), &first).unwrap();
    let rest = 4096 - first.encoded_len();

    // With the blank's eight bytes it fits exactly; one byte more, and it does not.
    let (exact, larger) = ((rest - 8, 0), (rest - 7, 4096));
    for (len, _) in [exact, larger] {
        let Some(message) = of_len(len) else { continue };
        let (_, mut store) = fresh();
        store.append(at_ms(0), &first).unwrap();
        let at = store.append(at_ms(0), &message).unwrap().physical_offset;
        let expected = if len + 8 <= rest { first.encoded_len() as u64 } else { 4096 };
        assert_eq!(at, expected, "a record of {len} bytes into {rest}");
    }
}

#[test]
fn what_is_too_long_or_impossible_is_refused_by_name_value_and_limit() {
    let disk = MemoryDisk::new();
    let config = StoreConfig { body_bytes_max: 100, ..small() };
    let (mut store, _) = open(&disk, &config);
    let cases: [(Message, &str); 7] = [
        (message("orders", 0, &"x".repeat(101)), "the body of 101 bytes exceeds the limit of 100"),
        (message("", 0, "x"), "topic \"\" is empty"),
        (message("../../etc", 0, "x"), "no name of a directory"),
        (message("orders", -1, "x"), "queue -1 of orders is negative"),
        (
            Message { properties: Text::from("p".repeat(32_768)), ..message("orders", 0, "x") },
            "the properties of 32768 bytes exceeds the limit of 32767",
        ),
        (
            Message { properties: Text::from("p".repeat(4100)), ..message("orders", 0, "x") },
            "exceeds the limit of 4088 bytes",
        ),
        (Message { sys_flag: sys_flag::INNER_BATCH, ..message("orders", 0, "x") }, "holds batches"),
    ];
    for (message, expected) in cases {
        let refused = store.append(at_ms(0), &message).unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
    }
    assert_eq!(store.max_physical(), 0);
    assert!(store.topics().is_empty());
}

#[test]
fn both_ends_of_a_transaction_are_in_the_log_and_in_no_queue() {
    let (disk, mut store) = fresh();
    let kinds = [
        (sys_flag::TRANSACTION_PREPARED, 0),
        (sys_flag::TRANSACTION_ROLLBACK, 0),
        (sys_flag::TRANSACTION_COMMIT, 0),
        (sys_flag::TRANSACTION_NOT, 1),
    ];
    for (index, (sys_flag, queue_offset)) in kinds.into_iter().enumerate() {
        let message = Message { sys_flag, ..message("orders", 0, &index.to_string()) };
        assert_eq!(store.append(at_ms(0), &message).unwrap().queue_offset, queue_offset);
    }
    for _ in 0..2 {
        assert_eq!(bodies(&store, "orders", 0), ["2", "3"]);
        assert_eq!(found(&store, "orders", "key-0"), ["0"], "a prepared message is indexed");
        assert!(found(&store, "orders", "key-1").is_empty(), "a rolled back one is not");
        drop(store);
        store = open(&disk, &small()).0;
    }
}

#[test]
fn a_batch_is_appended_whole_in_one_file_or_not_at_all() {
    let (disk, mut store) = fresh();
    store.append(at_ms(0), &message("orders", 0, &"x".repeat(1000))).unwrap();
    let batch: Vec<_> = (0..5).map(|n| message("orders", 0, &format!("b{n}"))).collect();

    let appended = store.append_batch(at_ms(0), &batch).unwrap();
    assert_eq!(appended.iter().map(|a| a.queue_offset).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(appended.windows(2).all(|pair| pair[0].end() == pair[1].physical_offset));

    let mut bad = batch.clone();
    bad[4].queue_id = -1;
    let end = store.max_physical();
    store.append_batch(at_ms(0), &bad).unwrap_err();
    disk.fail_writes(1);
    store.append_batch(at_ms(0), &batch).unwrap_err();
    assert_eq!(store.max_physical(), end);
    assert_eq!(store.max_offset("orders", 0), 6);
    drop(store);
    let (store, opened) = open(&disk, &small());
    assert_eq!((opened.end, opened.cut), (end, None));
    assert_eq!(bodies(&store, "orders", 0)[1..], ["b0", "b1", "b2", "b3", "b4"]);
}

#[test]
fn held_writes_reach_the_disk_in_one_go_and_a_failure_takes_all_of_them_back() {
    let (disk, mut store) = fresh();
    store.append(at_ms(0), &message("orders", 0, "before")).unwrap();
    let end = store.max_physical();
    let on_disk = || disk.read(Path::new("store/commitlog/00000000000000000000")).unwrap();

    store.begin_writes();
    for number in 0..3 {
        store.append(at_ms(9), &message("orders", number, "held")).unwrap();
    }
    assert!(on_disk()[usize::try_from(end).unwrap()..].iter().all(|&byte| byte == 0));
    assert_eq!(bodies(&store, "orders", 0), ["before", "held"], "reads see them already");
    assert!(store.begin_sync().is_none(), "nothing is synced that may be taken back");
    disk.fail_writes(1);
    let refused = store.end_writes().unwrap_err();
    assert!(matches!(refused, AppendError::Disk { verb: "write", .. }), "{refused}");
    assert_eq!(store.max_physical(), end);
    assert_eq!(bodies(&store, "orders", 0), ["before"]);
    assert_eq!(store.max_offset("orders", 1), 0);
    assert!(found(&store, "orders", "key-held").is_empty());

    store.begin_writes();
    for number in 0..40 {
        store.append(at_ms(1), &message("orders", 0, &format!("n{number}"))).unwrap();
    }
    store.end_writes().unwrap();
    let written = bodies(&store, "orders", 0);
    assert_eq!((written.len(), written[1].as_str()), (41, "n0"));
    drop(store);
    assert_eq!(bodies(&open(&disk, &small()).0, "orders", 0), written);
}

#[test]
fn a_failed_write_leaves_no_half_record_and_the_next_one_takes_its_place() {
    let (disk, mut store) = fresh();
    store.append(at_ms(0), &message("orders", 0, "one")).unwrap();
    let end = store.max_physical();

    disk.fail_writes(1);
    let refused = store.append(at_ms(0), &message("orders", 0, "two")).unwrap_err();
    assert!(refused.to_string().contains("cannot write store/commitlog/0000"), "{refused}");
    assert_eq!(store.max_physical(), end);

    let three = store.append(at_ms(0), &message("orders", 0, "three")).unwrap();
    assert_eq!((three.physical_offset, three.queue_offset), (end, 1));
    assert_eq!(bodies(&store, "orders", 0), ["one", "three"]);
}

#[test]
fn what_a_failed_write_left_behind_and_nobody_could_clear_closes_the_store() {
    for held in [false, true] {
        let (disk, mut store) = fresh();
        store.append(at_ms(0), &message("orders", 0, "one")).unwrap();
        if held {
            store.begin_writes();
            store.append(at_ms(0), &message("orders", 0, "two")).unwrap();
        }
        disk.fail_writes(2);
        let refused = if held {
            store.end_writes().unwrap_err()
        } else {
            store.append(at_ms(0), &message("orders", 0, "two")).unwrap_err()
        };
        assert!(matches!(refused, AppendError::Disk { verb: "write", .. }), "{refused}");
        let refused = store.append(at_ms(0), &message("orders", 0, "three")).unwrap_err();
        assert!(refused.to_string().contains("cannot be cleared"), "{refused}");
        assert_eq!(bodies(&store, "orders", 0), ["one"]);
        drop(store);
        let (mut store, _) = open(&disk, &small());
        store.append(at_ms(0), &message("orders", 0, "three")).unwrap();
        assert_eq!(bodies(&store, "orders", 0), ["one", "three"]);
    }
}

#[test]
fn keys_of_messages_that_are_taken_back_leave_no_trace_and_close_no_store() {
    let (disk, mut store) = fresh();
    // An index file of the test holds so few keys that the held ones begin another.
    for number in 0..30 {
        store.append(at_ms(number * 700), &message("orders", 0, &format!("n{number}"))).unwrap();
    }
    checkpoint(&mut store);
    let keys = |store: &Store| -> Vec<String> {
        (0..200).flat_map(|number| found(store, "orders", &format!("key-n{number}"))).collect()
    };
    let before = keys(&store);
    assert_eq!(before.len(), 30);

    for round in 0..3 {
        store.begin_writes();
        for number in 30..30 + 60 * round {
            let message = message("orders", 0, &format!("n{number}"));
            store.append(at_ms(50_000), &message).unwrap();
        }
        store.append(at_ms(50_000), &message("orders", 0, "n199")).unwrap();
        disk.fail_writes(1);
        store.end_writes().unwrap_err();
        assert_eq!((store.poisoned(), keys(&store)), (None, before.clone()), "round {round}");
    }
    for number in 30..150 {
        store.append(at_ms(60_000), &message("orders", 0, &format!("n{number}"))).unwrap();
    }
    assert_eq!(keys(&store).len(), 150);
    finish(store.close()).unwrap();
    let (store, opened) = open(&disk, &small());
    assert_eq!((opened.slots_rebuilt, opened.keys_rebuilt), (0, 0));
    assert_eq!(keys(&store).len(), 150);
}

#[test]
fn a_file_whose_creation_and_removal_failed_does_not_stand_in_the_way_of_the_next_attempt() {
    let (disk, mut store) = fresh();
    let large = message("orders", 0, &"x".repeat(900));
    store.append(at_ms(0), &large).unwrap();
    let path = Path::new("store/commitlog/00000000000000004096");
    let left = disk.open(path, OpenMode::CreateNew).unwrap();
    left.write_all_at(0, b"half").unwrap();

    let mut appended = store.append(at_ms(0), &large).unwrap();
    while appended.physical_offset < 4096 {
        appended = store.append(at_ms(0), &large).unwrap();
    }
    let content = disk.read(path).unwrap();
    assert_eq!((content.len(), appended.physical_offset), (4096, 4096));
    let end = usize::try_from(appended.size).unwrap();
    assert!(content[end..].iter().all(|&byte| byte == 0));
    drop((left, store));
    let (store, opened) = open(&disk, &small());
    assert_eq!((opened.end, opened.cut), (appended.end(), None));
    let kept = i64::try_from(bodies(&store, "orders", 0).len()).unwrap();
    assert_eq!(kept, appended.queue_offset + 1);
}

#[test]
fn a_disk_without_room_for_the_next_file_refuses_that_message_and_keeps_all_others() {
    let (disk, mut store) = fresh();
    for number in 0..7 {
        store.append(at_ms(0), &message("orders", 0, &number.to_string())).unwrap();
    }
    disk.set_free_bytes(1000);
    let large = message("orders", 0, &"x".repeat(900));

    while store.append(at_ms(0), &large).is_ok() {}
    let refused = store.append(at_ms(0), &large).unwrap_err();
    assert!(refused.to_string().contains("cannot create store/commitlog/00000000000000004096"));
    let small_one = store.append(at_ms(0), &message("orders", 0, "7")).unwrap();
    assert!(small_one.end() < 4096, "what still fits is taken");
    sync(&mut store);
    let names: Vec<_> = files(&disk, "store/commitlog").into_iter().map(|(path, _)| path).collect();
    assert_eq!(names, ["store/commitlog/00000000000000000000"]);

    disk.set_free_bytes(1 << 20);
    assert_eq!(store.append(at_ms(0), &large).unwrap().physical_offset, 4096);
    drop(store);
    disk.crash();
    let (store, _) = open(&disk, &small());
    assert_eq!(bodies(&store, "orders", 0)[..7], ["0", "1", "2", "3", "4", "5", "6"]);
}

#[test]
fn an_index_that_cannot_be_written_stops_no_message_and_is_caught_up_later() {
    let (disk, mut store) = fresh();
    store.append(at_ms(0), &message("orders", 0, "first")).unwrap();
    sync(&mut store);
    disk.fail_writes(1);
    assert!(store.begin_checkpoint().is_err());

    for number in 0..30 {
        store.append(at_ms(0), &message("orders", 0, &format!("n{number}"))).unwrap();
    }
    assert_eq!(found(&store, "orders", "key-n29"), ["n29"]);
    finish(store.close()).unwrap();

    let (store, opened) = open(&disk, &small());
    assert_eq!((opened.slots_rebuilt, opened.keys_rebuilt), (0, 0));
    assert_eq!(found(&store, "orders", "key-first"), ["first"]);
    assert_eq!(
        store.get("orders", 0, 30, Want::any(1)).map(|got| parse(&got.records[0]).body()).unwrap(),
        "n29"
    );
}
