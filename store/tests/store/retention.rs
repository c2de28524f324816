//! What expires, and what never does.

use std::path::Path;

use crate::common::{at_ms, bodies, checkpoint, damage, files, found, message, open, small, sync};
use runtime::{
    Disk, Now,
    memory::{MemoryDisk, finish},
};
use store::{AppendError, GetStatus, RetentionConfig, RetentionReport, Store, StoreConfig, Want};

const HOUR_MS: i64 = 3_600_000;

fn config() -> StoreConfig {
    let delete_when_hours = (0..24).collect();
    let retention = RetentionConfig { delete_when_hours, ..RetentionConfig::default() };
    StoreConfig { retention, ..small() }
}

/// One file of the log per hour, ten of them, all durable. The last change of each is the blank
/// that ends it, an hour later.
fn hourly(config: &StoreConfig) -> (MemoryDisk, Store) {
    let disk = MemoryDisk::new();
    let (mut store, _) = open(&disk, config);
    for number in 0..20 {
        let now = at_ms(i64::from(number / 2) * HOUR_MS);
        disk.set_wall_ms(now.wall_ms);
        store.append(now, &message("orders", 0, &format!("{number}-{}", "x".repeat(500)))).unwrap();
    }
    checkpoint(&mut store);
    assert_eq!(store.max_physical() / 4096, 9);
    (disk, store)
}

fn retain(store: &mut Store, now: Now) -> Option<RetentionReport> {
    let job = store.begin_retention(now).unwrap()?;
    let removed = finish(job.run());
    Some(store.end_retention(removed).unwrap())
}

fn hours(hours: i64) -> Now {
    at_ms(hours * HOUR_MS)
}

#[test]
fn only_the_oldest_files_go_and_only_when_their_time_is_over() {
    let (disk, mut store) = hourly(&config());
    assert_eq!(retain(&mut store, hours(72)), None);

    let report = retain(&mut store, hours(75)).unwrap();
    assert_eq!((report.segments, report.min_physical), (3, 3 * 4096));
    assert_eq!(store.min_physical(), 3 * 4096);
    assert_eq!(store.min_offset("orders", 0), 6);
    assert_eq!(store.max_offset("orders", 0), 20);
    let got = store.get("orders", 0, 0, Want::any(1)).unwrap();
    assert_eq!((got.status, got.next_offset), (GetStatus::OffsetTooSmall, 6));
    assert_eq!(bodies(&store, "orders", 0).len(), 14);
    assert!(found(&store, "orders", "all").len() == 14);
    assert!(store.view(0).is_err());

    drop(store);
    disk.crash();
    let (store, opened) = open(&disk, &config());
    assert_eq!(opened.cut, None);
    assert_eq!(store.min_physical(), 3 * 4096, "what is gone does not come back");
    assert_eq!(store.min_offset("orders", 0), 6);
    assert_eq!(bodies(&store, "orders", 0).len(), 14);
}

#[test]
fn queues_that_could_not_be_read_are_put_right_in_the_next_round() {
    let config = StoreConfig { queue_file_slots: 4, ..config() };
    let (disk, mut store) = hourly(&config);
    for _ in 0..8 {
        store.append(hours(10), &message("aside", 0, "small")).unwrap();
    }
    checkpoint(&mut store);
    let job = store.begin_retention(hours(75)).unwrap().unwrap();
    let removed = finish(job.run());
    disk.fail_reads(1);
    store.end_retention(removed).unwrap_err();
    assert_eq!(store.min_physical(), 3 * 4096);

    let report = retain(&mut store, hours(75)).unwrap();
    assert_eq!((report.segments, report.min_physical), (0, 3 * 4096));
    assert_eq!(store.min_offset("orders", 0), 6);
    assert_eq!(bodies(&store, "orders", 0).len(), 14);
    let queue_files = files(&disk, "store/consumequeue/orders/0");
    assert!(queue_files[0].0.ends_with("/00000000000000000080"), "{}", queue_files[0].0);
    assert_eq!(retain(&mut store, hours(75)), None);
}

/// A power cut may bring back the name of any file of a queue whose removal was not yet durable.
#[test]
fn a_removed_file_of_a_queue_that_comes_back_does_not_take_its_successors_with_it() {
    let all_at_once = RetentionConfig { batch_max: 100, ..config().retention };
    let config = StoreConfig { retention: all_at_once, queue_file_slots: 4, ..config() };
    let (disk, mut store) = hourly(&config);
    for _ in 0..4 {
        store.append(hours(11), &message("others", 0, &"x".repeat(1000))).unwrap();
    }
    checkpoint(&mut store);
    let before = files(&disk, "store/consumequeue/orders/0");
    assert!(2 <= retain(&mut store, hours(1000)).unwrap().queue_files);
    drop(store);
    disk.crash();
    // All names are back. Those between the first and the last one would not have been.
    let [(oldest, _), between @ .., _] = &before[..] else { panic!("{} files", before.len()) };
    for (path, _) in between {
        disk.remove_file(Path::new(path)).unwrap();
    }
    assert!(disk.exists(Path::new(oldest)));

    let (store, _) = open(&disk, &config);
    assert_eq!(store.max_offset("orders", 0), 20, "no offset is given twice");
    assert!(!disk.exists(Path::new(oldest)));
}

#[test]
fn the_last_file_stays_however_old_it_is() {
    let (_, mut store) = hourly(&StoreConfig {
        retention: RetentionConfig { batch_max: 100, ..config().retention },
        ..config()
    });
    let report = retain(&mut store, hours(1000)).unwrap();
    assert_eq!((report.segments, report.min_physical), (9, 9 * 4096));
    assert_eq!(bodies(&store, "orders", 0).len(), 2);
    assert_eq!(retain(&mut store, hours(2000)), None);
}

#[test]
fn a_file_that_is_not_old_enough_protects_all_behind_it() {
    let (disk, mut store) = hourly(&config());
    // Somebody touched the second file.
    disk.set_wall_ms(hours(70).wall_ms);
    damage(&disk, "store/commitlog/00000000000000004096", 0, b"");
    let file =
        disk.open(Path::new("store/commitlog/00000000000000004096"), runtime::OpenMode::Write);
    file.unwrap().set_len(4096).unwrap();

    assert_eq!(retain(&mut store, hours(80)).unwrap().segments, 1);
}

#[test]
fn a_round_deletes_so_many_files_and_no_more_and_only_at_the_hour_or_when_asked() {
    let one_hour =
        RetentionConfig { delete_when_hours: vec![4], batch_max: 2, ..RetentionConfig::default() };
    let (_, mut store) = hourly(&StoreConfig { retention: one_hour, ..small() });
    // The tests' time begins at 08:00 UTC.
    assert_eq!(retain(&mut store, hours(100)), None, "12:00");
    assert_eq!(retain(&mut store, hours(116)).unwrap().segments, 2, "04:00");
    assert_eq!(retain(&mut store, hours(117)), None, "05:00");
    store.delete_expired_soon();
    assert_eq!(retain(&mut store, hours(117)).unwrap().segments, 2);
}

#[test]
fn a_clock_that_jumps_ahead_expires_nothing() {
    let (_, mut store) = hourly(&config());
    let jumped = Now { wall_ms: hours(1000).wall_ms, ..hours(12) };
    assert_eq!(retain(&mut store, jumped), None);
}

#[test]
fn a_full_disk_takes_expired_files_at_any_hour_then_unexpired_ones_then_refuses_messages() {
    let no_hour = RetentionConfig { delete_when_hours: vec![], ..RetentionConfig::default() };
    let (disk, mut store) = hourly(&StoreConfig { retention: no_hour, ..small() });
    let used = |disk: &MemoryDisk, percent: u64| {
        let usage = disk.usage(Path::new("store")).unwrap();
        let used = usage.total_bytes - usage.free_bytes;
        disk.set_free_bytes(used * 100 / percent - used);
    };
    assert_eq!(retain(&mut store, hours(80)), None, "no hour");

    used(&disk, 80);
    assert_eq!(retain(&mut store, hours(73)).unwrap().segments, 1, "expired");
    used(&disk, 80);
    assert_eq!(retain(&mut store, hours(73)), None);

    used(&disk, 95);
    assert!(2 <= retain(&mut store, hours(73)).unwrap().segments, "by force");
    assert!(store.is_disk_full());
    let refused = store.append(hours(73), &message("orders", 0, "x")).unwrap_err();
    assert!(matches!(refused, AppendError::DiskFull { limit_percent: 90, .. }), "{refused}");

    disk.set_free_bytes(1 << 30);
    assert_eq!(retain(&mut store, hours(73)), None);
    store.append(hours(73), &message("orders", 0, "x")).unwrap();
}

#[test]
fn nothing_is_deleted_that_log_queues_and_index_do_not_have_on_disk() {
    let disk = MemoryDisk::new();
    let (mut store, _) = open(&disk, &config());
    for number in 0..40 {
        store.append(at_ms(0), &message("orders", 0, &format!("{number}"))).unwrap();
    }
    disk.set_wall_ms(0);
    assert_eq!(retain(&mut store, hours(1000)), None);
    sync(&mut store);
    assert_eq!(retain(&mut store, hours(1000)), None, "slots and keys are not");
    checkpoint(&mut store);
    assert!(retain(&mut store, hours(1000)).is_some());
}

#[test]
fn files_of_queues_and_of_the_index_follow_the_log() {
    let (disk, mut store) =
        hourly(&StoreConfig { queue_file_slots: 4, index_entries: 12, ..config() });
    store.append(hours(9), &message("quiet", 0, "x")).unwrap();
    checkpoint(&mut store);
    let count = |directory| files(&disk, directory).len();
    let before = (count("store/consumequeue/orders/0"), count("store/index"));

    let report = retain(&mut store, hours(79)).unwrap();

    assert_eq!(report.segments, 7);
    assert_eq!(report.queue_files, 3);
    assert!(0 < report.index_files);
    let after = (count("store/consumequeue/orders/0"), count("store/index"));
    assert_eq!(after, (before.0 - report.queue_files, before.1 - report.index_files));
    assert_eq!(store.min_offset("orders", 0), 14);
    assert_eq!(store.min_offset("quiet", 0), 0);
    finish(store.close()).unwrap();
    let config = StoreConfig { queue_file_slots: 4, index_entries: 12, ..config() };
    let (store, opened) = open(&disk, &config);
    assert_eq!((opened.slots_rebuilt, opened.keys_rebuilt), (0, 0));
    assert_eq!((store.min_offset("orders", 0), store.max_offset("orders", 0)), (14, 20));
}

#[test]
fn a_queue_whose_messages_have_all_expired_keeps_its_offset_until_its_topic_is_swept() {
    let (disk, mut store) = hourly(&config());
    checkpoint(&mut store);
    for number in 0..20 {
        let body = format!("{number}-{}", "x".repeat(500));
        store.append(hours(10), &message("other", 0, &body)).unwrap();
    }
    checkpoint(&mut store);
    disk.set_wall_ms(0);
    let many = RetentionConfig { batch_max: 100, ..config().retention };
    drop(store);
    let config = StoreConfig { retention: many, ..config() };
    let (mut store, _) = open(&disk, &config);
    retain(&mut store, hours(200)).unwrap();

    assert_eq!((store.min_offset("orders", 0), store.max_offset("orders", 0)), (20, 20));
    let got = store.get("orders", 0, 3, Want::any(1)).unwrap();
    assert_eq!((got.status, got.next_offset), (GetStatus::OffsetTooSmall, 20));
    checkpoint(&mut store);
    drop(store);
    let (mut store, _) = open(&disk, &config);
    assert_eq!((store.min_offset("orders", 0), store.max_offset("orders", 0)), (20, 20));

    assert!(store.delete_expired_topics(&|topic| topic == "orders").unwrap().is_empty());
    assert_eq!(store.delete_expired_topics(&|_| false).unwrap(), ["orders"]);
    assert!(!store.has_queue("orders", 0));
}
