//! What is there after the process died, or the power went.

use std::{collections::BTreeSet, time::Duration};

use protocol::{ResponseCode, body::TopicConfigTable};
use runtime::memory::MemoryDisk;

use crate::{
    room::{CONSUMER, Happening, PRODUCER, Room, start_of_day},
    words::{answers, bodies, message, number, pull},
};

#[test]
fn what_was_answered_under_sync_flush_survives_a_power_cut() {
    let mut room = Room::syncing();
    room.ask(PRODUCER, message("fresh", 0, "first", ""));
    assert!(answers(&room.sync()).is_empty(), "its topic is not saved yet");
    let told = answers(&room.save());
    assert_eq!(1, told.len());
    let mut told = Vec::new();
    for n in 0..10 {
        room.ask(PRODUCER, message("fresh", 0, &format!("m{n}"), ""));
        if n == 6 {
            told = answers(&room.sync());
        }
    }
    assert_eq!(7, told.len());
    let mut room = room.power_cut();
    assert!(room.topic_config("fresh").is_some());
    let (found, _) = room.pulled("g", "fresh", 0, 0);
    assert!(8 <= found.len(), "{found:?}");
    assert_eq!(["first", "m0", "m1", "m2", "m3", "m4", "m5", "m6"], found[..8]);
}

#[test]
fn what_was_answered_under_async_flush_survives_the_death_of_the_process() {
    let mut room = Room::new();
    room.topic("orders", 1);
    for n in 0..5 {
        room.send("orders", 0, &format!("m{n}"));
    }
    let mut room = room.kill();
    assert_eq!(5, room.pulled("g", "orders", 0, 0).1);
    assert_eq!(5, room.send("orders", 0, "after"));
}

#[test]
fn offsets_beyond_the_end_of_a_shortened_queue_are_lowered() {
    let mut room = Room::new();
    room.topic("orders", 1);
    room.join(CONSUMER, "c1", "g", &["orders"]);
    for _ in 0..3 {
        room.send("orders", 0, "kept");
    }
    room.sync();
    for _ in 0..3 {
        room.send("orders", 0, "lost");
    }
    room.commit(CONSUMER, "g", "orders", 6);
    room.save();
    let mut room = room.power_cut();
    assert_eq!(Some(3), room.offset("g", "orders", 0));
    room.join(CONSUMER, "c1", "g", &["orders"]);
    assert_eq!(3, room.send("orders", 0, "new"));
    assert_eq!((vec!["new".to_owned()], 4), room.pulled("g", "orders", 0, 3));
}

#[test]
fn a_delayed_message_is_rather_delivered_twice_than_never() {
    let mut room = Room::new();
    room.topic("orders", 1);
    room.answer(PRODUCER, message("orders", 0, "later", "DELAY\u{1}1\u{2}"));
    room.sync();
    room.pass(Duration::from_secs(2));
    assert_eq!(1, room.pulled("g", "orders", 0, 0).1);
    // Its delivery is not on the disk, and the place in its level is not either.
    room.pass(Duration::from_secs(11));
    room.save();
    let mut room = room.power_cut();
    assert_eq!(0, room.pulled("g", "orders", 0, 0).1);
    room.pass(Duration::from_secs(2));
    assert_eq!((vec!["later".to_owned()], 1), room.pulled("g", "orders", 0, 0));
}

#[test]
fn a_table_that_cannot_be_saved_is_tried_again_and_its_answer_waits() {
    let mut room = Room::new();
    assert!(answers(&room.ask(PRODUCER, message("fresh", 0, "x", ""))).is_empty());
    assert!(answers(&room.happen(Happening::Saved(broker::Table::Topics, false))).is_empty());
    assert!(answers(&room.pass(Duration::from_secs(1))).is_empty());
    assert_eq!(1, answers(&room.save()).len());
}

#[test]
fn a_topic_that_is_never_saved_is_told_as_a_slow_disk() {
    let mut room = Room::new();
    room.ask(PRODUCER, message("fresh", 0, "x", ""));
    let late = answers(&room.pass(Duration::from_millis(5_200)));
    assert_eq!(ResponseCode::FLUSH_DISK_TIMEOUT.0, late[0].1.code);
}

#[test]
fn a_clean_stop_leaves_nothing_to_recover() {
    let mut room = Room::new();
    room.topic("orders", 1).send("orders", 0, "x");
    room.happen(Happening::Stopping);
    room.save();
    let mut room = room.close();
    assert!(!room.was_crashed);
    assert_eq!(1, room.pulled("g", "orders", 0, 0).1);
    let room = room.kill();
    assert!(room.was_crashed);
}

/// Tables that RocketMQ 5.5.0 wrote.
const JAVA: [(&str, &[u8]); 5] = [
    ("topics.json", include_bytes!("../../../protocol/tests/golden/config/topics.json")),
    (
        "subscriptionGroup.json",
        include_bytes!("../../../protocol/tests/golden/config/subscriptionGroup.json"),
    ),
    (
        "consumerOffset.json",
        include_bytes!("../../../protocol/tests/golden/config/consumerOffset.json"),
    ),
    ("delayOffset.json", include_bytes!("../../../protocol/tests/golden/config/delayOffset.json")),
    (
        "messageRequestMode.json",
        include_bytes!("../../../protocol/tests/golden/config/messageRequestMode.json"),
    ),
];

#[test]
fn the_tables_of_a_java_broker_are_taken_over_and_written_back_with_the_same_meaning() {
    let disk = MemoryDisk::new();
    for (name, content) in JAVA {
        Room::put_file(&disk, &format!("config/{name}"), content);
    }
    let mut room = Room::on(disk, Room::new().config().clone(), start_of_day());
    let written = TopicConfigTable::from_json(JAVA[0].1).unwrap();
    for (name, topic) in &written.topic_config_table {
        assert_eq!(Some(topic), room.topic_config(name).as_ref(), "{name}");
    }
    room.save();
    for (name, content) in JAVA {
        let before: serde_json::Value = protocol::json::read(content).unwrap();
        let after = room.file(&format!("config/{name}"));
        let after: serde_json::Value = protocol::json::read(&after).unwrap();
        assert_same(name, &before, &after);
    }
}

/// Everything that Java wrote is still there and says the same; there may be more.
fn assert_same(place: &str, before: &serde_json::Value, after: &serde_json::Value) {
    use serde_json::Value;
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (name, before) in before {
                // Offsets are lowered to the end of queues, of which there are none here.
                if name == "dataVersion" || name == "offsetTable" {
                    continue;
                }
                let after = after.get(name).unwrap_or_else(|| panic!("{name} is gone in {place}"));
                assert_same(&format!("{place}/{name}"), before, after);
            }
        }
        // Sets have no order.
        (Value::Array(before), Value::Array(after)) => {
            let sorted = |values: &[Value]| -> BTreeSet<String> {
                values.iter().map(ToString::to_string).collect()
            };
            assert_eq!(sorted(before), sorted(after), "{place}");
        }
        _ => assert_eq!(before, after, "{place}"),
    }
}

#[test]
fn a_damaged_table_is_taken_from_its_backup() {
    let mut room = Room::new();
    room.topic("orders", 1).topic("bills", 1);
    room.save();
    let room = room.kill();
    Room::put_file(&room.disk, "config/topics.json", b"{\"topicConf");
    let mut room = room.kill();
    assert!(room.topic_config("orders").is_some());
}

#[test]
fn many_deaths_lose_nothing_that_was_written() {
    let mut room = Room::new();
    room.topic("orders", 1);
    for round in 0..4 {
        for n in 0..20 {
            assert_eq!(round * 20 + n, room.send("orders", 0, "x"));
        }
        room = room.kill();
    }
    let answer = room.answer(CONSUMER, pull("g", "orders", 0, 0));
    assert_eq!((32, 80), (bodies(&answer).len(), number(&answer, "maxOffset")));
}
