//! Messages that come later: delayed on purpose, or because somebody could not consume them.

use std::time::Duration;

use broker::{
    Effect, Table,
    config::{DelayLevels, Value as _},
};
use protocol::{
    RequestCode, ResponseCode, Text,
    message_id::OffsetId,
    properties::{self, Properties},
};

use crate::{
    room::{CONSUMER, PRODUCER, Room},
    words::{asking, bodies, message, number, pull, records, remark, send_back},
};

const DELAYED: &str = "SCHEDULE_TOPIC_XXXX";

/// Sends with a delay level.
fn send_later(room: &mut Room, topic: &str, body: &str, level: &str) {
    let text = format!("DELAY\u{1}{level}\u{2}TAGS\u{1}A\u{2}");
    let answer = room.answer(PRODUCER, message(topic, 0, body, &text));
    assert_eq!(0, answer.code, "{answer:?}");
}

/// The first message of a queue, with its properties.
fn first(room: &mut Room, topic: &str) -> (Properties, String) {
    let answer = room.answer(CONSUMER, pull("reader", topic, 0, 0));
    assert_eq!(0, answer.code, "{answer:?}");
    (records(&answer)[0].properties().clone(), bodies(&answer)[0].clone())
}

fn get<'a>(properties: &'a Properties, name: &str) -> Option<&'a str> {
    properties.get(name).map(Text::as_str)
}

#[test]
fn a_delayed_message_comes_when_its_level_has_passed_and_never_before() {
    for (level, seconds) in [("1", 1), ("2", 5), ("3", 10), ("4", 30), ("5", 60)] {
        let mut room = Room::new();
        room.topic("orders", 1);
        send_later(&mut room, "orders", "later", level);
        let (parked, _) = first_of_level(&mut room, level);
        assert_eq!(Some("orders"), get(&parked, properties::REAL_TOPIC));
        room.pass(Duration::from_millis(seconds * 1_000 - 100));
        assert_eq!((vec![], 0), room.pulled("g", "orders", 0, 0), "level {level} came early");
        room.pass(Duration::from_millis(300));
        let (stored, body) = first(&mut room, "orders");
        assert_eq!("later", body);
        assert_eq!(Some("A"), get(&stored, properties::TAGS));
        assert_eq!(Some("DefaultCluster"), get(&stored, properties::CLUSTER));
        room.pass(Duration::from_secs(70));
        assert_eq!(1, room.pulled("g", "orders", 0, 0).1, "once");
    }
}

fn first_of_level(room: &mut Room, level: &str) -> (Properties, String) {
    let queue_id = level.parse::<i32>().unwrap() - 1;
    let answer = room.answer(CONSUMER, pull("reader", DELAYED, queue_id, 0));
    (records(&answer)[0].properties().clone(), bodies(&answer)[0].clone())
}

#[test]
fn a_level_beyond_the_last_means_the_last_and_one_below_the_first_means_none() {
    let mut room = Room::new();
    room.topic("orders", 1);
    send_later(&mut room, "orders", "late", "99");
    assert_eq!("late", first_of_level(&mut room, "18").1);
    send_later(&mut room, "orders", "now", "0");
    assert_eq!("now", first(&mut room, "orders").1);
}

#[test]
fn the_wall_clock_may_jump_and_a_message_is_not_early() {
    let mut room = Room::new();
    room.topic("orders", 1);
    send_later(&mut room, "orders", "later", "2");
    room.jump(3_600_000);
    room.pass(Duration::from_millis(4_800));
    assert_eq!(0, room.pulled("g", "orders", 0, 0).1);
    room.jump(-7_200_000);
    room.pass(Duration::from_millis(400));
    assert_eq!(1, room.pulled("g", "orders", 0, 0).1);
}

#[test]
fn what_became_due_while_the_broker_was_down_is_caught_up() {
    let mut room = Room::new();
    room.topic("orders", 1);
    for body in ["a", "b", "c"] {
        send_later(&mut room, "orders", body, "1");
    }
    let mut room = room.kill();
    room.pass(Duration::from_secs(2));
    assert_eq!((vec!["a".into(), "b".into(), "c".into()], 3), room.pulled("g", "orders", 0, 0));
}

#[test]
fn what_was_delivered_is_not_delivered_again_after_a_clean_save() {
    let mut room = Room::new();
    room.topic("orders", 1);
    send_later(&mut room, "orders", "a", "1");
    room.pass(Duration::from_secs(2));
    room.sync();
    room.pass(Duration::from_secs(11));
    room.save();
    let mut room = room.kill();
    room.pass(Duration::from_secs(5));
    assert_eq!((vec!["a".to_owned()], 1), room.pulled("g", "orders", 0, 0));
}

#[test]
fn a_broker_that_is_killed_soon_after_its_start_has_saved_what_it_caught_up() {
    let mut room = Room::new();
    room.topic("orders", 1);
    send_later(&mut room, "orders", "a", "1");
    let wants_save = |effects: &[Effect]| {
        effects.iter().any(|effect| matches!(effect, Effect::Save { table: Table::Delays, .. }))
    };
    for _ in 0..5 {
        room = room.kill();
        // Due after a second, which the lives before this one were too short for.
        let effects = room.pass(Duration::from_millis(400));
        if effects.contains(&Effect::Sync) && wants_save(&room.sync()) {
            room.save();
        }
    }
    assert_eq!((vec!["a".to_owned()], 1), room.pulled("g", "orders", 0, 0));
}

/// A message that was consumed, and its place in the log.
fn consumed(room: &mut Room) -> i64 {
    room.topic("orders", 1);
    room.join(CONSUMER, "c1", "g", &["orders"]);
    let answer =
        room.answer(PRODUCER, message("orders", 0, "hard", "TAGS\u{1}A\u{2}KEYS\u{1}k\u{2}"));
    let id: OffsetId = answer.field("msgId").unwrap().parse().unwrap();
    id.physical_offset
}

#[test]
fn a_message_sent_back_comes_again_on_the_groups_retry_topic() {
    let mut room = Room::new();
    let place = consumed(&mut room);
    let answer = room.answer(CONSUMER, send_back("g", place, 0));
    assert_eq!(0, answer.code, "{answer:?}");
    room.pass(Duration::from_millis(9_900));
    assert_eq!(0, room.pulled("g", "%RETRY%g", 0, 0).1, "level 3 is 10 s");
    room.pass(Duration::from_millis(400));
    let answer = room.answer(CONSUMER, pull("g", "%RETRY%g", 0, 0));
    let record = &records(&answer)[0];
    assert_eq!((1, "hard"), (record.reconsume_times(), bodies(&answer)[0].as_str()));
    let stored = record.properties();
    assert_eq!(Some("orders"), get(&stored, properties::RETRY_TOPIC));
    assert_eq!(Some("A"), get(&stored, properties::TAGS));
    assert!(stored.contains(properties::ORIGIN_MESSAGE_ID));
}

#[test]
fn a_delay_chosen_by_the_client_is_taken_and_a_negative_one_gives_up() {
    let mut room = Room::new();
    let place = consumed(&mut room);
    assert_eq!(0, room.answer(CONSUMER, send_back("g", place, 1)).code);
    room.pass(Duration::from_millis(1_300));
    assert_eq!(1, room.pulled("g", "%RETRY%g", 0, 0).1);
    assert_eq!(0, room.answer(CONSUMER, send_back("g", place, -1)).code);
    assert_eq!("hard", first(&mut room, "%DLQ%g").1);
}

#[test]
fn a_message_that_was_tried_often_enough_ends_in_the_dead_letter_queue() {
    let mut room = Room::new();
    let mut place = consumed(&mut room);
    for round in 1..=2 {
        assert_eq!(0, room.answer(CONSUMER, send_back("g", place, 1)).code);
        room.pass(Duration::from_secs(2));
        let answer = room.answer(CONSUMER, pull("g", "%RETRY%g", 0, round - 1));
        assert_eq!(i64::from(records(&answer)[0].reconsume_times()), round);
        place = records(&answer)[0].physical_offset();
    }
    assert_eq!(0, room.answer(CONSUMER, send_back("g", place, 1)).code);
    let (stored, body) = first(&mut room, "%DLQ%g");
    assert_eq!("hard", body);
    assert_eq!(Some("%RETRY%g"), get(&stored, properties::REAL_TOPIC).or(Some("%RETRY%g")));
    let dead = room.topic_config("%DLQ%g").unwrap();
    assert_eq!((1, 6), (dead.write_queues, dead.perm));
}

#[test]
fn what_cannot_be_sent_back_says_why() {
    let mut room = Room::new();
    let place = consumed(&mut room);
    let nowhere = room.answer(CONSUMER, send_back("g", 999_999, 0));
    assert_eq!(ResponseCode::SYSTEM_ERROR.0, nowhere.code);
    assert_eq!("look message by offset failed, 999999", remark(&nowhere));
    let mut room = Room::with(|settings| settings.auto_create_group = false);
    let unknown = room.answer(CONSUMER, send_back("nobody", place, 0));
    assert_eq!(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST.0, unknown.code);
    assert!(remark(&unknown).starts_with("subscription group not exist, nobody"));
}

#[test]
fn a_client_may_send_a_message_back_as_a_new_one() {
    let mut room = Room::new();
    consumed(&mut room);
    let mut again = message("%RETRY%g", 0, "hard", "RETRY_TOPIC\u{1}orders\u{2}DELAY\u{1}1\u{2}");
    again.set_field("j", "4");
    again.set_field("l", "3");
    let answer = room.answer(PRODUCER, again);
    assert_eq!(0, answer.code, "{answer:?}");
    assert_eq!("hard", first(&mut room, "%DLQ%g").1, "three times were enough");
}

#[test]
fn delays_levels_of_the_operator_are_taken() {
    let levels = DelayLevels::parse("3s 7s").unwrap();
    let mut room = Room::with(|settings| settings.message_delay_level = levels);
    room.topic("orders", 1);
    send_later(&mut room, "orders", "x", "2");
    room.pass(Duration::from_millis(6_900));
    assert_eq!(0, room.pulled("g", "orders", 0, 0).1);
    room.pass(Duration::from_millis(300));
    assert_eq!(1, room.pulled("g", "orders", 0, 0).1);
}

#[test]
fn nobody_sends_to_the_delayed_topic_itself() {
    let mut room = Room::new();
    let answer = room.answer(PRODUCER, message(DELAYED, 0, "x", ""));
    assert_ne!(0, answer.code);
    let max = asking(RequestCode::GET_MAX_OFFSET, &[("topic", DELAYED), ("queueId", "0")]);
    assert_eq!(0, number(&room.answer(CONSUMER, max), "offset"));
}
