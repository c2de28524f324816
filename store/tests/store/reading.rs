//! What a reader gets.

use std::cell::Cell;

use crate::common::{at_ms, bodies, checkpoint, damage, found, message, open, parse, small, sync};
use runtime::memory::MemoryDisk;
use store::{Boundary, Flush, GetLimits, GetStatus, Got, ReadError, Store, StoreConfig, Want};

fn filled(config: &StoreConfig, count: usize) -> (MemoryDisk, Store) {
    let disk = MemoryDisk::new();
    let (mut store, _) = open(&disk, config);
    for number in 0..count {
        let now = at_ms(i64::try_from(number).unwrap() * 10);
        store.append(now, &message("orders", 0, &format!("b{number}"))).unwrap();
    }
    (disk, store)
}

fn get(store: &Store, from: i64, max: usize) -> Got {
    store.get("orders", 0, from, Want::any(max)).unwrap()
}

#[test]
fn every_place_a_reader_can_ask_for_has_its_status_and_where_to_go_on() {
    let (_, mut store) = filled(&small(), 10);
    store.append(at_ms(0), &message("other", 0, "x")).unwrap();
    let status = |topic: &str, from| {
        let got = store.get(topic, 0, from, Want::any(32)).unwrap();
        (got.status, got.next_offset, got.records.len())
    };
    assert_eq!(status("orders", 0), (GetStatus::Found, 10, 10));
    assert_eq!(status("orders", 9), (GetStatus::Found, 10, 1));
    assert_eq!(status("orders", 10), (GetStatus::OffsetOverflowOne, 10, 0));
    assert_eq!(status("orders", 11), (GetStatus::OffsetOverflowBadly, 10, 0));
    assert_eq!(status("orders", -1), (GetStatus::OffsetTooSmall, 0, 0));
    assert_eq!(status("nowhere", 5), (GetStatus::NoMatchedLogicQueue, 0, 0));
    let got = get(&store, 3, 2);
    assert_eq!((got.min_offset, got.max_offset, got.next_offset), (0, 10, 5));
}

#[test]
fn a_read_gives_no_more_messages_or_bytes_than_asked_for_or_allowed_but_one_at_least() {
    let (_, store) = filled(&small(), 60);
    assert_eq!(get(&store, 0, 5).records.len(), 5);
    assert_eq!(get(&store, 0, 100).records.len(), 32, "in memory");
    let bytes = get(&store, 0, 1).records[0].len() as u64;
    let want = |max_bytes| Want { max_bytes, ..Want::any(32) };
    assert_eq!(store.get("orders", 0, 0, want(3 * bytes)).unwrap().records.len(), 3);
    assert_eq!(store.get("orders", 0, 0, want(1)).unwrap().records.len(), 1);

    let get_limits = GetLimits { in_memory_bytes: 0, ..GetLimits::default() };
    let (_, store) = filled(&StoreConfig { get: get_limits, ..small() }, 60);
    let got = get(&store, 0, 100);
    assert_eq!((got.records.len(), got.far_behind), (8, true), "on disk");
}

#[test]
fn a_tag_is_judged_before_the_log_is_touched_and_everything_looked_at_is_passed_over() {
    // b0..b9 have tag2, b10.. have tag0.
    let (_, store) = filled(&small(), 40);
    let wanted = protocol::properties::tags_code("tag0");
    let touched = Cell::new(0);
    let want = Want {
        tag: &|tag| tag == wanted,
        record: &|_| {
            touched.set(touched.get() + 1);
            true
        },
        ..Want::any(5)
    };

    let got = store.get("orders", 0, 0, want).unwrap();
    let read: Vec<_> = got.records.iter().map(|record| parse(record).queue_offset()).collect();
    assert_eq!(read, [10, 11, 12, 13, 14]);
    assert_eq!((got.next_offset, touched.get()), (15, 5));

    let nothing = Want { tag: &|_| false, ..Want::any(5) };
    let got = store.get("orders", 0, 0, nothing).unwrap();
    assert_eq!((got.status, got.next_offset), (GetStatus::NoMatchedMessage, 40));
    let nothing = Want { record: &|_| false, ..Want::any(5) };
    let got = store.get("orders", 0, 0, nothing).unwrap();
    assert_eq!((got.status, got.next_offset, got.filtered), (GetStatus::NoMatchedMessage, 40, 40));
}

#[test]
fn a_read_without_a_match_looks_at_so_many_slots_and_no_more() {
    let config =
        StoreConfig { get: GetLimits { scan_bytes: 200, ..GetLimits::default() }, ..small() };
    let (_, store) = filled(&config, 40);
    let nothing = |max| Want { tag: &|_| false, ..Want::any(max) };
    assert_eq!(store.get("orders", 0, 0, nothing(1)).unwrap().next_offset, 10);
    assert_eq!(store.get("orders", 0, 0, nothing(20)).unwrap().next_offset, 20);
}

#[test]
fn nobody_reads_what_a_power_cut_may_take_away_when_flushing_synchronously() {
    let config = StoreConfig { flush: Flush::Sync, ..small() };
    let (_, mut store) = filled(&config, 5);
    assert_eq!(get(&store, 0, 9).status, GetStatus::NoMessageInQueue);
    assert_eq!((store.max_offset("orders", 0), store.next_offset("orders", 0)), (0, 5));

    let job = store.begin_sync().unwrap();
    store.append(at_ms(99), &message("orders", 0, "late")).unwrap();
    let synced = runtime::memory::finish(job.run());
    store.end_sync(synced).unwrap();
    assert_eq!(bodies(&store, "orders", 0), ["b0", "b1", "b2", "b3", "b4"]);
    assert_eq!(get(&store, 5, 9).status, GetStatus::OffsetOverflowOne);

    sync(&mut store);
    assert_eq!(store.max_offset("orders", 0), 6);
    let uncommitted = StoreConfig { read_uncommitted: true, ..config };
    assert_eq!(filled(&uncommitted, 5).1.max_offset("orders", 0), 5);
}

#[test]
fn reads_of_recent_messages_share_memory_and_old_ones_come_from_the_disk() {
    let config = StoreConfig {
        memory: store::MemoryLimits { tail_bytes: 2000, tail_chunk_bytes: 500, ..small().memory },
        ..small()
    };
    let (disk, store) = filled(&config, 60);
    let newest = get(&store, 59, 1).records[0].clone();
    assert_eq!(get(&store, 59, 1).records[0].as_ptr(), newest.as_ptr());

    disk.fail_reads(1);
    assert_eq!(get(&store, 59, 1).records.len(), 1, "no disk was asked");
    let refused = store.get("orders", 0, 0, Want::any(1)).unwrap_err();
    assert!(matches!(refused, ReadError::Disk { .. }), "{refused}");
    assert_eq!(bodies(&store, "orders", 0).len(), 60);
}

#[test]
fn a_damaged_message_is_never_given_and_says_where_it_lies() {
    let (disk, mut store) = filled(&small(), 5);
    checkpoint(&mut store);
    let third = store.slots("orders", 0, 3, 1).unwrap()[0].physical_offset;
    drop(store);
    damage(&disk, "store/commitlog/00000000000000000000", third + 88, b"?");
    let (store, _) = open(&disk, &small());

    let got = get(&store, 0, 32);
    assert_eq!((got.records.len(), got.next_offset), (3, 3));
    let refused = store.get("orders", 0, 3, Want::any(32)).unwrap_err();
    assert!(
        matches!(refused, ReadError::Corrupt { physical_offset, .. } if physical_offset == third)
    );
    assert!(refused.to_string().contains("CRC"), "{refused}");
    assert!(store.view(third).is_err());
    assert!(found(&store, "orders", "key-b3").is_empty());
    assert_eq!(found(&store, "orders", "key-b4"), ["b4"]);
}

#[test]
fn only_the_start_of_a_record_is_viewed() {
    let (_, store) = filled(&small(), 30);
    assert_eq!(parse(&store.view(0).unwrap()).body(), "b0");
    for at in [1, 91, 4095, store.max_physical(), u64::MAX / 2] {
        let refused = store.view(at).unwrap_err();
        assert!(matches!(refused, ReadError::NoRecord { .. }), "{at}: {refused}");
    }
    // A message whose body is a record is not one there.
    let (_, mut store) = filled(&small(), 1);
    let inner = store.view(0).unwrap();
    let mut outer = message("orders", 0, "outer");
    outer.body = inner;
    let appended = store.append(at_ms(0), &outer).unwrap();
    let refused = store.view(appended.physical_offset + 88).unwrap_err();
    assert!(matches!(refused, ReadError::NoRecord { .. }), "{refused}");
}

#[test]
fn a_key_finds_the_newest_messages_that_have_it_and_no_others() {
    let (_, mut store) = filled(&small(), 100);
    store.append(at_ms(0), &message("other", 0, "b7")).unwrap();
    checkpoint(&mut store);
    for number in 0..100 {
        let body = format!("b{number}");
        assert_eq!(found(&store, "orders", &format!("key-{body}")), [body]);
    }
    assert!(found(&store, "orders", "key-b").is_empty());
    assert!(found(&store, "orders", "nobody").is_empty());
    assert_eq!(found(&store, "other", "key-b7"), ["b7"]);
    assert_eq!(found(&store, "orders", "all").len(), 64);
    let newest = store.query("orders", "all", 3, 0, i64::MAX).unwrap();
    let offsets: Vec<_> = newest.records.iter().map(|r| parse(r).queue_offset()).collect();
    assert_eq!(offsets, [97, 98, 99]);
    assert_eq!(newest.index_last_update_timestamp, crate::common::WALL_MS + 990);
}

#[test]
fn a_query_is_bounded_by_time_to_the_millisecond() {
    let (_, mut store) = filled(&small(), 100);
    checkpoint(&mut store);
    let in_span = |begin: i64, end: i64| {
        let (begin, end) = (crate::common::WALL_MS + begin, crate::common::WALL_MS + end);
        store.query("orders", "all", 64, begin, end).unwrap().records.len()
    };
    assert_eq!(in_span(0, 0), 1);
    assert_eq!(in_span(10, 30), 3);
    assert_eq!(in_span(11, 29), 1);
    assert_eq!(in_span(985, 5000), 1);
    assert_eq!(in_span(-5000, -1), 0);
}

#[test]
fn a_key_that_stands_twice_in_a_message_gives_it_once() {
    let (_, mut store) = filled(&small(), 0);
    let mut twice = message("orders", 0, "x");
    twice.properties = "KEYS\u{1}k k u\u{2}UNIQ_KEY\u{1}u\u{2}".into();
    store.append(at_ms(0), &twice).unwrap();
    assert_eq!(found(&store, "orders", "k"), ["x"]);
    assert_eq!(found(&store, "orders", "u"), ["x"]);
}

#[test]
fn time_finds_the_first_or_the_last_message_of_an_instant() {
    let (_, mut store) = filled(&small(), 0);
    for ms in [10, 10, 10, 30, 30] {
        store.append(at_ms(ms), &message("orders", 0, "x")).unwrap();
    }
    let search = |ms: i64, boundary| {
        store.offset_by_time("orders", 0, crate::common::WALL_MS + ms, boundary).unwrap()
    };
    let both = |ms| (search(ms, Boundary::Lower), search(ms, Boundary::Upper));
    assert_eq!(both(9), (0, 0));
    assert_eq!(both(10), (0, 2));
    assert_eq!(both(20), (3, 2));
    assert_eq!(both(30), (3, 4));
    assert_eq!(both(31), (5, 4));
    assert_eq!(store.offset_by_time("nowhere", 0, 0, Boundary::Lower).unwrap(), 0);
    assert_eq!(store.store_time("orders", 0, 3).unwrap(), Some(crate::common::WALL_MS + 30));
    assert_eq!(store.store_time("orders", 0, 5).unwrap(), None);
    assert_eq!(store.earliest_store_time("orders", 0).unwrap(), Some(crate::common::WALL_MS + 10));
    assert_eq!(store.log_start_time().unwrap(), Some(crate::common::WALL_MS + 10));
}

#[test]
fn a_delayed_message_has_its_time_of_delivery_in_its_slot() {
    let (disk, mut store) = filled(&small(), 0);
    let mut delayed = message("SCHEDULE_TOPIC_XXXX", 2, "x");
    delayed.properties = "DELAY\u{1}3\u{2}TAGS\u{1}t\u{2}".into();
    store.append(at_ms(7), &delayed).unwrap();
    for _ in 0..2 {
        let slot = store.slots("SCHEDULE_TOPIC_XXXX", 2, 0, 9).unwrap()[0];
        assert_eq!(slot.tags_code, crate::common::WALL_MS + 7 + 10_000);
        drop(store);
        store = open(&disk, &small()).0;
    }
}
