//! Stores that Apache RocketMQ 5.5.0 wrote open here, and answer what the Java broker answers.
//! The configuration is that of the broker which wrote them.

use std::{io::Read, path::Path};

use crate::common::{at_ms, files, open, parse};
use protocol::{
    properties::KEYS,
    record::{Message, Placed, RecordView},
};
use runtime::{
    Disk, OpenMode,
    memory::{MemoryDisk, finish},
};
use serde_json::Value;
use store::{Opened, Store, StoreConfig, Want};

/// Unpacks an archive, all of it durable.
fn unpack(name: &str) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let archive = match name {
        "clean" => &include_bytes!("golden/clean/store.tar.gz")[..],
        "crashed" => &include_bytes!("golden/crashed/store.tar.gz")[..],
        "crashed_props" => &include_bytes!("golden/crashed_props/store.tar.gz")[..],
        _ => &include_bytes!("golden/rolled/store.tar.gz")[..],
    };
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        if entry.header().entry_type().is_dir() {
            disk.create_dir_all(&path).unwrap();
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        disk.create_dir_all(&disk.parent(&path)).unwrap();
        let file = disk.open(&path, OpenMode::Create).unwrap();
        file.set_len(content.len() as u64).unwrap();
        for (index, chunk) in content.chunks(4096).enumerate() {
            if chunk.iter().any(|&byte| byte != 0) {
                file.write_all_at(index as u64 * 4096, chunk).unwrap();
            }
        }
        finish(file.sync()).unwrap();
    }
    sync_names(&disk, Path::new(""));
    disk
}

fn sync_names(disk: &MemoryDisk, directory: &Path) {
    finish(disk.sync_dir(directory)).unwrap();
    for entry in disk.list(directory).unwrap().into_iter().filter(|entry| entry.is_dir) {
        sync_names(disk, &directory.join(entry.name));
    }
}

fn expected(name: &str) -> Value {
    let text = match name {
        "clean" => include_str!("golden/clean/EXPECT.json"),
        "crashed" => include_str!("golden/crashed/EXPECT.json"),
        "crashed_props" => include_str!("golden/crashed_props/EXPECT.json"),
        _ => include_str!("golden/rolled/EXPECT.json"),
    };
    serde_json::from_str(text).unwrap()
}

fn config(name: &str) -> StoreConfig {
    let rolled = name == "rolled";
    StoreConfig {
        segment_bytes: if rolled { 65_536 } else { 262_144 },
        queue_file_slots: if rolled { 100 } else { 300 },
        index_slots: 1000,
        index_entries: 4000,
        ..StoreConfig::at("store")
    }
}

fn open_golden(name: &str) -> (MemoryDisk, Store, Opened) {
    let disk = unpack(name);
    let (store, opened) = open(&disk, &config(name));
    (disk, store, opened)
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Every queue of the expectation except those of batches.
fn queues(expected: &Value) -> Vec<(String, i32, Value)> {
    let mut queues = Vec::new();
    for (topic, ids) in expected["topics"].as_object().unwrap() {
        for (id, queue) in ids.as_object().unwrap() {
            if topic != "StoreInner" {
                queues.push((topic.clone(), id.parse().unwrap(), queue.clone()));
            }
        }
    }
    queues
}

fn assert_answers(store: &Store, expected: &Value) {
    for (topic, id, queue) in queues(expected) {
        let name = format!("queue {id} of {topic}");
        assert_eq!(store.min_offset(&topic, id), number(&queue["minOffset"]), "min of {name}");
        assert_eq!(store.max_offset(&topic, id), number(&queue["maxOffset"]), "max of {name}");
        assert_units(store, (&topic, id), &queue);
        let messages = queue["messages"].as_array().unwrap();
        let mut next = store.min_offset(&topic, id);
        let mut read = 0;
        while next < store.max_offset(&topic, id) {
            let got = store.get(&topic, id, next, Want::any(32)).unwrap();
            for record in &got.records {
                assert_message(&parse(record), &messages[read]);
                read += 1;
            }
            next = got.next_offset;
        }
        assert_eq!(read, messages.len(), "messages of {name}");
    }
    for (key, offsets) in expected["indexQueries"].as_object().unwrap() {
        let (topic, key) = key.split_once('#').unwrap();
        let queried = store.query(topic, key, 64, 0, i64::MAX).unwrap();
        let found: Vec<_> = queried.records.iter().map(|r| parse(r).physical_offset()).collect();
        let expected: Vec<_> = offsets.as_array().unwrap().iter().map(number).collect();
        assert_eq!(found, expected, "{topic}#{key}");
    }
    let runtime = &expected["runtime"];
    assert_eq!(store.min_physical().to_string(), runtime["commitLogMinOffset"]);
    assert_eq!(store.max_physical().to_string(), runtime["commitLogMaxOffset"]);
}

fn assert_units(store: &Store, (topic, id): (&str, i32), queue: &Value) {
    let Some(units) = queue["consumeQueueUnits"].as_array() else { return };
    let slots = store.slots(topic, id, 0, units.len()).unwrap();
    let slots: Vec<_> = slots
        .iter()
        .map(|slot| serde_json::json!([slot.physical_offset, slot.size, slot.tags_code]))
        .collect();
    assert_eq!(&slots, units, "queue {id} of {topic}");
}

fn assert_message(record: &RecordView, expected: &Value) {
    let name = format!("message at {}", record.physical_offset());
    assert_eq!(record.queue_offset(), number(&expected["queueOffset"]), "{name}");
    assert_eq!(record.physical_offset(), number(&expected["physicalOffset"]), "{name}");
    assert_eq!(record.total_size() as u64, expected["storeSize"].as_u64().unwrap(), "{name}");
    assert_eq!(record.store_timestamp(), number(&expected["storeTimestamp"]), "{name}");
    assert_eq!(record.born_timestamp(), number(&expected["bornTimestamp"]), "{name}");
    assert_eq!(i64::from(record.sys_flag()), number(&expected["sysFlag"]), "{name}");
    assert_eq!(i64::from(record.body_crc()), number(&expected["bodyCRC"]), "{name}");
    assert_eq!(record.body().len() as u64, expected["bodyLength"].as_u64().unwrap(), "{name}");
    assert_eq!(format!("/{}", record.store_host()), expected["storeHost"], "{name}");
    let keys = record.property(KEYS).map_or(Value::Null, Value::from);
    assert_eq!(keys, expected["keys"], "{name}");
    for (key, value) in expected["properties"].as_object().unwrap() {
        assert_eq!(record.property(key).unwrap(), value, "{name} {key}");
    }
}

#[test]
fn a_store_that_java_closed_answers_as_it_did_in_java() {
    let (_, store, opened) = open_golden("clean");

    assert_answers(&store, &expected("clean"));
    assert!(!opened.crashed);
    assert_eq!(opened.cut, None);
    assert_eq!((opened.slots_rebuilt, opened.keys_rebuilt), (0, 0));
    assert_eq!(opened.end, 17_134);
}

#[test]
fn a_store_whose_files_have_rolled_and_whose_first_files_are_deleted_answers_as_it_did_in_java() {
    let (_, store, opened) = open_golden("rolled");

    assert_answers(&store, &expected("rolled"));
    assert_eq!(opened.cut, None);
    assert_eq!((opened.slots_rebuilt, opened.keys_rebuilt), (0, 0));
}

#[test]
fn a_store_that_java_left_with_a_torn_body_loses_that_record_and_nothing_else() {
    let (_, store, opened) = open_golden("crashed");

    assert_answers(&store, &expected("crashed"));
    assert!(opened.crashed);
    let cut = opened.cut.unwrap();
    assert_eq!((cut.at, cut.segments, cut.kept_in), (14_533, 0, None));
    assert_eq!(cut.reason, "a record of 256 bytes has parts of 107 bytes");
}

/// Differs from Java, which keeps the last record with its properties zeroed: 46 messages, one of
/// them with garbage for properties.
#[test]
fn a_store_that_java_left_with_torn_properties_loses_that_record_too() {
    let (_, store, opened) = open_golden("crashed_props");

    // But for that record, what Java answers is what it answers for the store with the torn body.
    assert_answers(&store, &expected("crashed"));
    assert_eq!(opened.cut.unwrap().at, 14_533);
    let java = expected("crashed_props");
    let max = |queue: &str| number(&java["topics"]["StoreCrash"][queue]["maxOffset"]);
    assert_eq!(max("0") + max("1"), 46);
    assert_eq!(store.max_offset("StoreCrash", 0) + store.max_offset("StoreCrash", 1), 45);
}

#[test]
fn a_java_store_without_queues_and_index_gets_them_back_from_its_log() {
    for (name, start) in [("clean", 0), ("crashed", 0), ("rolled", 131_072)] {
        let disk = unpack(name);
        disk.remove_dir_all(Path::new("store/consumequeue")).unwrap();
        disk.remove_dir_all(Path::new("store/index")).unwrap();

        let (store, opened) = open(&disk, &config(name));

        assert_eq!(opened.scanned_from, start, "{name}");
        assert!(0 < opened.slots_rebuilt && 0 < opened.keys_rebuilt, "{name}");
        assert_answers(&store, &expected(name));
    }
}

#[test]
fn a_java_store_goes_on_where_java_stopped_and_opens_again() {
    for name in ["clean", "crashed", "rolled"] {
        let (disk, mut store, _) = open_golden(name);
        let end = store.max_physical();
        let topic = if name == "rolled" { "StoreRoll" } else { "StoreCrash" };
        let offset = store.max_offset(topic, 0);

        let appended = store.append(at_ms(0), &crate::common::message(topic, 0, "ours")).unwrap();
        assert_eq!((appended.physical_offset, appended.queue_offset), (end, offset));
        finish(store.close()).unwrap();

        let (store, opened) = open(&disk, &config(name));
        assert!(!opened.crashed);
        assert_eq!(opened.cut, None);
        let got = store.get(topic, 0, offset, Want::any(1)).unwrap();
        assert_eq!(parse(&got.records[0]).body(), "ours");
        assert_eq!(crate::common::found(&store, topic, "key-ours"), ["ours"]);
    }
}

#[test]
fn what_other_parts_of_java_keep_in_the_store_is_left_alone() {
    let ours = ["store/abort", "store/commitlog/", "store/consumequeue/", "store/index/"];
    let is_foreign = |path: &str| {
        path != "store/abort"
            && path != "store/checkpoint"
            && !ours.iter().any(|prefix| prefix.ends_with('/') && path.starts_with(prefix))
    };
    let disk = unpack("clean");
    let before = files(&disk, "store");

    let (store, _) = open(&disk, &config("clean"));
    finish(store.close()).unwrap();

    let foreign = |files: Vec<(String, bytes::Bytes)>| -> Vec<_> {
        files.into_iter().filter(|(path, _)| is_foreign(path)).collect()
    };
    let before = foreign(before);
    assert!(before.iter().any(|(path, _)| path.contains("rocksdbstore")));
    assert!(before.iter().any(|(path, _)| path.contains("batchconsumequeue")));
    assert!(before == foreign(files(&disk, "store")));
}

#[test]
fn a_record_appended_here_has_the_bytes_that_java_wrote_for_the_same_message() {
    let (_, java, _) = open_golden("clean");
    let mut compared = 0;
    for (topic, id, _) in queues(&expected("clean")) {
        let got = java.get(&topic, id, 0, Want::any(32)).unwrap();
        for bytes in got.records {
            let record = parse(&bytes);
            let place = Placed {
                queue_offset: record.queue_offset(),
                physical_offset: record.physical_offset(),
                store_timestamp: record.store_timestamp(),
            };
            let mut encoded = bytes::BytesMut::new();
            Message::from_record(&record).encode_into(place, &mut encoded).unwrap();
            assert_eq!(encoded, bytes);
            compared += 1;
        }
    }
    assert!(20 < compared, "{compared}");
}

/// All files that are derived from the log, made from the same messages at the same times, are
/// byte for byte those of Java.
#[test]
fn queue_and_index_files_made_here_are_those_that_java_made() {
    for name in ["rolled", "crashed"] {
        let javas = unpack(name);
        let disk = unpack(name);
        disk.remove_dir_all(Path::new("store/consumequeue")).unwrap();
        let (mut store, _) = open(&disk, &config(name));
        crate::common::checkpoint(&mut store);
        for (path, content) in files(&javas, "store/consumequeue") {
            // Java kept a file of a queue whose slots all point to deleted files.
            if name == "rolled" && path.ends_with("/00000000000000000000") {
                let ours = disk.read(Path::new(&path)).unwrap();
                assert_eq!(ours[45 * 20..], content[45 * 20..], "{path}");
            } else if name == "crashed" {
                // The slot of the torn record is gone.
                let ours = disk.read(Path::new(&path)).unwrap();
                let torn = 14_533u64.to_be_bytes();
                let end = content.windows(8).position(|at| at == torn).unwrap_or(content.len());
                assert_eq!(ours[..end], content[..end], "{path}");
                assert!(ours[end..].iter().all(|&byte| byte == 0), "{path}");
            } else {
                assert_eq!(disk.read(Path::new(&path)).unwrap(), content, "{path}");
            }
        }
    }
    // An index file that is made anew begins with the first record that is still there: compare
    // one of a log that begins at 0, without what Java wrote for the torn record.
    let (javas, disk) = (unpack("clean"), unpack("clean"));
    disk.remove_dir_all(Path::new("store/index")).unwrap();
    let (mut store, _) = open(&disk, &config("clean"));
    crate::common::checkpoint(&mut store);
    let [(_, ours)] = &files(&disk, "store/index")[..] else { panic!("one index file") };
    let [(_, theirs)] = &files(&javas, "store/index")[..] else { panic!("one index file") };
    let differ: Vec<_> = (0..theirs.len()).filter(|&at| ours[at] != theirs[at]).take(20).collect();
    assert!(
        ours == theirs,
        "index files differ at {differ:?}: {:?} {:?}",
        &ours[..40],
        &theirs[..40]
    );
}
