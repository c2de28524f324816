//! What a crash leaves, and what recovery makes of it.

use std::path::Path;

use crate::common::{
    at_ms, bodies, checkpoint, damage, files, found, message, open, small, sync, try_open,
};
use runtime::{
    Disk, OpenMode,
    memory::{MemoryDisk, finish},
};
use store::{OpenError, Store, StoreConfig};

const LOG: &str = "store/commitlog/00000000000000000000";

fn append(store: &mut Store, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let queue_id = i32::try_from(number % 3).unwrap();
        let now = at_ms(i64::try_from(number).unwrap());
        store.append(now, &message("orders", queue_id, &format!("b{number}"))).unwrap();
    }
}

fn assert_holds(store: &Store, count: usize) {
    for queue_id in 0..3 {
        let numbers = (0..count).filter(|number| number % 3 == queue_id);
        let expected: Vec<_> = numbers.map(|number| format!("b{number}")).collect();
        assert_eq!(bodies(store, "orders", i32::try_from(queue_id).unwrap()), expected);
    }
    for number in 0..count + 3 {
        let expected = if number < count { vec![format!("b{number}")] } else { vec![] };
        assert_eq!(found(store, "orders", &format!("key-b{number}")), expected);
        assert_eq!(found(store, "orders", &format!("unique-b{number}")), expected);
    }
}

/// A store of that many messages whose process died.
fn killed(count: usize) -> (MemoryDisk, u64) {
    let disk = MemoryDisk::new();
    let (mut store, _) = open(&disk, &small());
    append(&mut store, 0..count);
    let end = store.max_physical();
    (disk, end)
}

fn path_of(at: u64) -> String {
    format!("store/commitlog/{:020}", at - at % 4096)
}

#[test]
fn messages_survive_the_death_of_the_process_without_any_sync() {
    let (disk, end) = killed(100);

    let (store, opened) = open(&disk, &small());

    assert!(opened.crashed);
    assert_eq!((opened.end, opened.cut), (end, None));
    assert_eq!(opened.slots_rebuilt, 100);
    assert_holds(&store, 100);
}

#[test]
fn a_clean_stop_leaves_nothing_to_rebuild() {
    let disk = MemoryDisk::new();
    let (mut store, _) = open(&disk, &small());
    append(&mut store, 0..100);
    finish(store.close()).unwrap();
    assert!(!disk.exists(Path::new("store/abort")));
    disk.crash();

    let (store, opened) = open(&disk, &small());

    assert!(!opened.crashed);
    assert_eq!((opened.slots_rebuilt, opened.keys_rebuilt, opened.cut), (0, 0, None));
    assert_holds(&store, 100);
}

#[test]
fn a_power_cut_takes_what_was_not_synced_and_nothing_else() {
    let disk = MemoryDisk::new();
    let (mut store, _) = open(&disk, &small());
    append(&mut store, 0..40);
    checkpoint(&mut store);
    append(&mut store, 40..70);
    sync(&mut store);
    let durable = store.extent().durable;
    append(&mut store, 70..100);
    store.flush_queues().unwrap();
    drop(store);
    disk.crash();

    let (store, opened) = open(&disk, &small());

    assert_eq!(opened.end, durable);
    assert_eq!(opened.slots_rebuilt, 31, "from the last record before the checkpoint on");
    assert_holds(&store, 70);
}

#[test]
fn slots_and_keys_never_reach_a_file_before_their_record_is_durable() {
    let disk = MemoryDisk::new();
    let config = StoreConfig {
        memory: store::MemoryLimits { queue_tail_slots: 0, ..small().memory },
        ..small()
    };
    let (mut store, _) = open(&disk, &config);
    append(&mut store, 0..30);

    store.flush_queues().unwrap();
    assert!(store.begin_checkpoint().unwrap().is_none());
    assert!(files(&disk, "store/consumequeue").is_empty());

    sync(&mut store);
    append(&mut store, 30..60);
    store.flush_queues().unwrap();
    let slots: usize = files(&disk, "store/consumequeue")
        .iter()
        .flat_map(|(_, content)| content.chunks(20).filter(|slot| slot[8..12] != [0; 4]))
        .count();
    assert_eq!(slots, 30);
    assert_holds(&store, 60);
}

#[test]
fn a_torn_tail_is_cut_at_the_last_whole_record_and_its_bytes_are_zeroed() {
    // Each byte of the last record may be the first that did not reach the disk.
    let (disk, end) = killed(7);
    let (_, before_last) = killed(6);
    let record = disk.read(Path::new(LOG)).unwrap();
    let last = &record[usize::try_from(before_last).unwrap()..usize::try_from(end).unwrap()];
    for kept in 0..last.len() {
        let (disk, _) = killed(7);
        let torn = vec![0; last.len() - kept];
        damage(&disk, LOG, before_last + kept as u64, &torn);

        let (store, opened) = open(&disk, &small());

        assert_eq!(opened.end, before_last, "{kept} bytes of the last record kept");
        let cut = opened.cut.map(|cut| cut.at);
        assert_eq!(
            cut,
            if last[..kept].iter().all(|&b| b == 0) { None } else { Some(before_last) }
        );
        let log = disk.read(Path::new(LOG)).unwrap();
        assert!(log[usize::try_from(before_last).unwrap()..].iter().all(|&byte| byte == 0));
        assert_eq!(store.max_offset("orders", 0), 2);
    }
}

#[test]
fn bytes_that_were_cut_off_never_come_back() {
    let (disk, _) = killed(6);
    let (_, third) = killed(3);
    damage(&disk, LOG, third + 88, b"?");
    let (mut store, opened) = open(&disk, &small());
    assert_eq!(opened.end, third);

    // A message of the very length of the damaged one ends where a whole record used to begin.
    store.append(at_ms(9), &message("orders", 0, "n3")).unwrap();
    drop(store);

    let (store, opened) = open(&disk, &small());
    assert_eq!(opened.cut, None);
    assert_eq!(bodies(&store, "orders", 0), ["b0", "n3"]);
    assert_eq!(bodies(&store, "orders", 1), ["b1"]);
    assert_eq!(bodies(&store, "orders", 2), ["b2"]);
    assert!(found(&store, "orders", "key-b4").is_empty());
}

#[test]
fn recovering_twice_is_recovering_once() {
    let (disk, end) = killed(60);
    damage(&disk, &path_of(end - 1), (end - 30) % 4096, &[0; 30]);

    let (store, first) = open(&disk, &small());
    let after_first = files(&disk, "store/commitlog");
    drop(store);
    let (store, second) = open(&disk, &small());

    assert_eq!(first.end, second.end);
    assert!(first.cut.is_some());
    assert_eq!(second.cut, None);
    assert!(after_first == files(&disk, "store/commitlog"));
    assert_holds(&store, 59);
}

#[test]
fn a_recovery_that_fails_or_dies_is_repeated_with_the_same_outcome() {
    type Failure = fn(&MemoryDisk, u32);
    let failures: [Failure; 3] = [
        |disk, count| disk.fail_writes(count),
        |disk, count| disk.fail_reads(count),
        |disk, count| disk.fail_syncs(count),
    ];
    for power_cut in [false, true] {
        for fail in failures {
            for count in 1..4 {
                let (disk, end) = killed(60);
                damage(&disk, &path_of(end - 1), (end - 30) % 4096, &[0; 30]);
                for path in ["", "store", "store/commitlog"] {
                    finish(disk.sync_dir(Path::new(path))).unwrap();
                }
                for at in (0..end).step_by(4096) {
                    let file = disk.open(Path::new(&path_of(at)), OpenMode::Write).unwrap();
                    finish(file.sync()).unwrap();
                }
                fail(&disk, count);
                try_open(&disk, &small()).unwrap_err();
                fail(&disk, 0);
                if power_cut {
                    disk.crash();
                }

                let (store, opened) = open(&disk, &small());
                assert!(opened.crashed);
                assert_holds(&store, 59);
            }
        }
    }
}

#[test]
fn a_log_of_many_files_is_recovered_across_their_blank_ends() {
    let (disk, end) = killed(300);
    assert!(8 * 4096 < end);

    let (store, opened) = open(&disk, &small());

    assert_eq!((opened.end, opened.cut), (end, None));
    assert_holds(&store, 300);
    for at in (0..end - 4096).step_by(4096) {
        let content = disk.read(Path::new(&path_of(at))).unwrap();
        let blank =
            content.windows(4).rposition(|magic| magic == [0xCB, 0xD4, 0x31, 0x94]).unwrap();
        let size = u32::from_be_bytes(*content[blank - 4..].first_chunk().unwrap());
        assert_eq!(blank - 4 + size as usize, 4096, "a blank covers the rest of its file");
    }
}

#[test]
fn the_last_file_without_length_is_removed_and_made_again() {
    let (disk, end) = killed(60);
    let next = path_of(end + 4096);
    disk.open(Path::new(&next), OpenMode::CreateNew).unwrap();

    let (mut store, opened) = open(&disk, &small());

    assert_eq!((opened.end, opened.cut), (end, None));
    assert!(!disk.exists(Path::new(&next)));
    append(&mut store, 60..120);
    assert_holds(&store, 120);
}

#[test]
fn a_prepared_file_that_was_never_written_is_no_loss() {
    let (disk, end) = killed(60);
    let next = path_of(end + 4096);
    disk.open(Path::new(&next), OpenMode::CreateNew).unwrap().set_len(4096).unwrap();

    let (mut store, opened) = open(&disk, &small());

    assert_eq!((opened.end, opened.cut), (end, None));
    append(&mut store, 60..120);
    assert_holds(&store, 120);
}

#[test]
fn files_of_another_size_are_refused_by_name_and_nothing_is_touched() {
    let disk = MemoryDisk::new();
    let (mut store, _) = open(&disk, &small());
    append(&mut store, 0..60);
    finish(store.close()).unwrap();
    let before = files(&disk, "store");
    let other_segments = StoreConfig { segment_bytes: 8192, ..small() };
    let other_queues = StoreConfig { queue_file_slots: 32, ..small() };
    let other_index = StoreConfig { index_entries: 64, ..small() };

    for (config, name, len, expected) in [
        (other_segments, "commitlog/00000000000000000000", 4096, 8192),
        (other_queues, "consumequeue/orders/0/00000000000000000000", 320, 640),
        (other_index, "index/", 40 + 64 + 640, 40 + 64 + 1280),
    ] {
        let refused = try_open(&disk, &config).unwrap_err();
        let OpenError::FileLength { path, len: found, expected: wanted, .. } = &refused else {
            panic!("{refused}");
        };
        assert!(path.display().to_string().contains(name), "{refused}");
        assert_eq!((*found, *wanted), (len, expected), "{refused}");
        assert!(before == files(&disk, "store"), "{refused}");
    }
    assert_holds(&open(&disk, &small()).0, 60);
}

#[test]
fn two_processes_do_not_share_a_store() {
    let disk = MemoryDisk::new();
    let (store, _) = open(&disk, &small());

    let refused = try_open(&disk, &small()).unwrap_err();
    assert_eq!(refused.to_string(), "another process uses this store: store/lock is locked");

    drop(store);
    open(&disk, &small());
}

#[test]
fn damage_below_the_durable_point_is_refused_loudly_and_nothing_is_touched() {
    let disk = MemoryDisk::new();
    let (mut store, _) = open(&disk, &small());
    append(&mut store, 0..30);
    finish(store.close()).unwrap();
    // Without its slots every record is looked at.
    disk.remove_dir_all(Path::new("store/consumequeue")).unwrap();
    damage(&disk, LOG, 2000, b"????????????????????????????????????????????????????????????????");
    let before = files(&disk, "store/commitlog");

    let refused = try_open(&disk, &small()).unwrap_err();

    let OpenError::Corrupt { path, at, durable, .. } = &refused else { panic!("{refused}") };
    assert_eq!(path, Path::new(LOG));
    assert!(1800 < *at && *at < 2100 && 2100 < *durable, "{refused}");
    assert!(before == files(&disk, "store/commitlog"));
}

#[test]
fn a_file_of_the_log_that_was_durable_and_is_missing_is_refused_by_name() {
    for (lost, name) in [(1, "00000000000000004096"), (3, "00000000000000012288")] {
        let disk = MemoryDisk::new();
        let (mut store, _) = open(&disk, &small());
        append(&mut store, 0..100);
        assert_eq!(store.max_physical() / 4096, 3);
        checkpoint(&mut store);
        drop(store);
        disk.remove_file(Path::new(&path_of(lost * 4096))).unwrap();

        let refused = try_open(&disk, &small()).unwrap_err();

        assert!(matches!(refused, OpenError::SegmentMissing { .. }), "{refused}");
        assert!(refused.to_string().contains(name), "{refused}");
    }
}

#[test]
fn whole_messages_behind_damage_are_kept_aside_if_nobody_knows_what_was_durable() {
    let (disk, end) = killed(200);
    assert!(!disk.exists(Path::new("store/checkpoint")));
    damage(&disk, &path_of(4096), 100, &[0; 50]);

    let (store, opened) = open(&disk, &small());

    let cut = opened.cut.unwrap();
    assert_eq!(cut.at, 4096);
    assert!(2 < cut.segments);
    let aside = cut.kept_in.unwrap();
    let kept = files(&disk, aside.to_str().unwrap());
    let names: Vec<_> = kept.iter().map(|(path, _)| path.rsplit('/').next().unwrap()).collect();
    assert_eq!(names[0], "00000000000000004096");
    assert_eq!(names.len() as u64, end / 4096);
    assert_eq!(store.max_physical(), 4096);
    drop(store);
    let (_, again) = open(&disk, &small());
    assert_eq!((again.end, again.cut), (4096, None));
}

#[test]
fn lost_queues_come_back_from_the_log_after_a_crash_and_after_a_clean_stop() {
    for crashed in [false, true] {
        for lost in ["consumequeue", "consumequeue/orders/0", "consumequeue/orders/1", "index"] {
            let disk = MemoryDisk::new();
            let (mut store, _) = open(&disk, &small());
            append(&mut store, 0..100);
            checkpoint(&mut store);
            if crashed {
                drop(store)
            } else {
                finish(store.close()).unwrap()
            }
            disk.remove_dir_all(&Path::new("store").join(lost)).unwrap();

            let (mut store, opened) = open(&disk, &small());

            assert!(0 < opened.slots_rebuilt + opened.keys_rebuilt, "{lost}");
            assert_holds(&store, 100);
            append(&mut store, 100..130);
            assert_holds(&store, 130);
        }
    }
}

#[test]
fn a_queue_whose_middle_file_is_missing_comes_back_from_the_log() {
    for crashed in [false, true] {
        let disk = MemoryDisk::new();
        let (mut store, _) = open(&disk, &small());
        append(&mut store, 0..200);
        checkpoint(&mut store);
        if crashed {
            drop(store)
        } else {
            finish(store.close()).unwrap()
        }
        let middle = "store/consumequeue/orders/1/00000000000000000320";
        disk.remove_file(Path::new(middle)).unwrap();

        let (mut store, _) = open(&disk, &small());
        assert_holds(&store, 200);

        checkpoint(&mut store);
        finish(store.close()).unwrap();
        let (store, opened) = open(&disk, &small());
        assert_eq!(opened.slots_rebuilt, 0);
        assert_holds(&store, 200);
    }
}

#[test]
fn a_queue_that_is_longer_than_the_log_is_cut() {
    // As a Java broker leaves it after a power cut: slots written, their records lost.
    let (disk, _) = killed(10);
    let (_, sixth) = killed(6);
    let (mut store, _) = open(&disk, &small());
    checkpoint(&mut store);
    drop(store);
    disk.remove_file(Path::new("store/checkpoint")).unwrap();
    damage(&disk, LOG, sixth, &vec![0; 4096 - usize::try_from(sixth).unwrap()]);

    let (mut store, opened) = open(&disk, &small());

    assert_eq!(opened.end, sixth);
    assert_holds(&store, 6);
    append(&mut store, 6..12);
    checkpoint(&mut store);
    finish(store.close()).unwrap();
    assert_holds(&open(&disk, &small()).0, 12);
}

#[test]
fn a_topic_that_was_deleted_and_made_again_is_not_mixed_with_its_former_self() {
    let disk = MemoryDisk::new();
    let (mut store, _) = open(&disk, &small());
    append(&mut store, 0..20);
    store.append(at_ms(20), &message("other", 0, "x")).unwrap();
    checkpoint(&mut store);
    append(&mut store, 20..30);
    assert!(store.delete_topic("orders").unwrap());
    for body in ["new0", "new1"] {
        store.append(at_ms(40), &message("orders", 0, body)).unwrap();
    }
    drop(store);

    let (mut store, _) = open(&disk, &small());

    assert_eq!(bodies(&store, "orders", 0), ["new0", "new1"]);
    assert_eq!(bodies(&store, "other", 0), ["x"]);
    checkpoint(&mut store);
    finish(store.close()).unwrap();
    assert_eq!(bodies(&open(&disk, &small()).0, "orders", 0), ["new0", "new1"]);
}

#[test]
fn a_crash_right_after_the_first_open_is_a_store_like_any_other() {
    let disk = MemoryDisk::new();
    drop(open(&disk, &small()));
    disk.crash();
    let (mut store, opened) = open(&disk, &small());
    assert!(opened.crashed);
    append(&mut store, 0..1);
    drop(store);
    disk.crash();
    let (mut store, opened) = open(&disk, &small());
    assert_eq!((opened.end, opened.cut), (0, None));
    append(&mut store, 0..9);
    assert_holds(&store, 9);
}

#[test]
fn files_that_a_dead_process_created_are_durable_once_the_next_one_says_so() {
    let disk = MemoryDisk::new();
    let config = StoreConfig {
        memory: store::MemoryLimits { queue_tail_slots: 0, ..small().memory },
        ..small()
    };
    let (mut store, _) = open(&disk, &config);
    append(&mut store, 0..10);
    sync(&mut store);
    store.flush_queues().unwrap();
    drop(store);
    let (mut store, _) = open(&disk, &config);
    checkpoint(&mut store);
    finish(store.close()).unwrap();
    disk.crash();

    let (store, opened) = open(&disk, &config);
    assert_eq!((opened.slots_rebuilt, opened.keys_rebuilt), (0, 0));
    assert_holds(&store, 10);
}

#[test]
fn a_log_that_nobody_managed_to_sync_is_written_again_before_it_is_called_durable() {
    let (disk, end) = killed(10);
    let (mut store, _) = open(&disk, &small());
    append(&mut store, 10..20);
    disk.fail_syncs(1);
    let job = store.begin_sync().unwrap();
    drop(finish(job.run()));
    disk.fail_syncs(0);
    drop(store);

    let (store, opened) = open(&disk, &small());
    assert!(end < opened.end);
    drop(store);
    disk.crash();
    assert_holds(&open(&disk, &small()).0, 20);
}

#[test]
fn offsets_of_expired_messages_are_never_given_out_again() {
    let config = StoreConfig {
        retention: store::RetentionConfig {
            reserved_hours: 0,
            delete_when_hours: (0..24).collect(),
            batch_max: 100,
            ..small().retention
        },
        ..small()
    };
    let disk = MemoryDisk::new();
    let (mut store, _) = open(&disk, &config);
    append(&mut store, 0..3);
    checkpoint(&mut store);
    append(&mut store, 3..30);
    for number in 0..60 {
        store.append(at_ms(0), &message("other", 0, &number.to_string())).unwrap();
    }
    sync(&mut store);
    let next = store.next_offset("orders", 0);
    for _ in 0..2 {
        if let Some(job) = store.begin_retention(at_ms(0)).unwrap() {
            let removed = finish(job.run());
            store.end_retention(removed).unwrap();
        }
        drop(store);
        disk.crash();
        store = open(&disk, &config).0;
        assert_eq!(store.next_offset("orders", 0), next);
        checkpoint(&mut store);
    }
    assert_eq!(store.min_offset("orders", 0), next, "all of them have expired");
}

#[test]
fn a_file_that_an_interrupted_recovery_left_short_is_made_whole() {
    let disk = MemoryDisk::new();
    let (mut store, _) = open(&disk, &small());
    append(&mut store, 0..40);
    checkpoint(&mut store);
    append(&mut store, 40..45);
    let end = store.max_physical();
    drop(store);
    let path = path_of(end);
    let file = disk.open(Path::new(&path), OpenMode::Write).unwrap();
    file.set_len(end % 4096).unwrap();

    let (mut store, opened) = open(&disk, &small());
    assert_eq!((opened.end, opened.cut), (end, None));
    append(&mut store, 45..90);
    assert_holds(&store, 90);
    drop(store);

    // Not if that would be to misread a store of another configuration.
    let other = StoreConfig { segment_bytes: 8192, ..small() };
    let refused = try_open(&disk, &other).unwrap_err();
    assert!(matches!(refused, OpenError::FileLength { .. }), "{refused}");
    // Nor if durable bytes are missing.
    let (mut store, _) = open(&disk, &small());
    checkpoint(&mut store);
    let end = store.max_physical();
    drop(store);
    let file = disk.open(Path::new(&path_of(end)), OpenMode::Write).unwrap();
    file.set_len(end % 4096 - 1).unwrap();
    let refused = try_open(&disk, &small()).unwrap_err();
    assert!(matches!(refused, OpenError::FileLength { .. }), "{refused}");
}
