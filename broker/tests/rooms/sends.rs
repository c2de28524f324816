//! SEND: what is stored, what is answered, and when.

use broker::{Effect, config::FlushDiskType};
use protocol::{
    RequestCode, ResponseCode, Text, batch,
    message_id::OffsetId,
    properties::{self, Properties},
};

use crate::{
    room::{CONSUMER, Happening, PRODUCER, Room},
    words::{answers, bodies, message, number, pull, records, remark},
};

#[test]
fn a_message_is_stored_with_what_the_broker_adds_and_answered_as_java_does() {
    let mut room = Room::new();
    room.topic("orders", 2);
    let answer =
        room.answer(PRODUCER, message("orders", 1, "hello", "KEYS\u{1}k\u{2}TAGS\u{1}A\u{2}"));
    assert_eq!(ResponseCode::SUCCESS.0, answer.code);
    assert_eq!(None, answer.remark);
    assert_eq!((1, 0), (number(&answer, "queueId"), number(&answer, "queueOffset")));
    assert_eq!("DefaultRegion", answer.field("MSG_REGION").unwrap());
    assert_eq!("true", answer.field("TRACE_ON").unwrap());
    let id: OffsetId = answer.field("msgId").unwrap().parse().unwrap();
    assert_eq!("127.0.0.1:20911", id.store_host.to_string());
    let unique = answer.field("transactionId").unwrap().clone();
    assert_eq!(32, unique.len());

    let pulled = room.answer(CONSUMER, pull("g", "orders", 1, 0));
    let record = &records(&pulled)[0];
    assert_eq!("hello", bodies(&pulled)[0]);
    assert_eq!("127.0.0.1:40001", record.born_host().to_string());
    let stored = record.properties();
    for (name, value) in [
        (properties::KEYS, "k"),
        (properties::TAGS, "A"),
        (properties::UNIQ_KEY, unique.as_str()),
        (properties::CLUSTER, "DefaultCluster"),
        (properties::MSG_REGION, "DefaultRegion"),
        (properties::TRACE_SWITCH, "true"),
    ] {
        assert_eq!(Some(value), stored.get(name).map(Text::as_str), "{name}");
    }
}

#[test]
fn a_producers_own_unique_key_is_kept_and_a_pop_handle_is_not() {
    let mut room = Room::new();
    room.topic("orders", 1);
    let text = "UNIQ_KEY\u{1}ABC\u{2}POP_CK\u{1}x\u{2}CLUSTER\u{1}mine\u{2}a\u{1}b";
    let answer = room.answer(PRODUCER, message("orders", 0, "x", text));
    assert_eq!("ABC", answer.field("transactionId").unwrap());
    let pulled = room.answer(CONSUMER, pull("g", "orders", 0, 0));
    let stored = records(&pulled)[0].properties();
    assert_eq!(Some("ABC"), stored.get("UNIQ_KEY").map(Text::as_str));
    assert_eq!(Some("DefaultCluster"), stored.get("CLUSTER").map(Text::as_str));
    assert_eq!(Some("b"), stored.get("a").map(Text::as_str));
    assert!(!stored.contains("POP_CK"));
}

#[test]
fn a_topic_is_created_for_its_first_message_registered_and_saved_before_the_answer() {
    let mut room = Room::new();
    let effects = room.ask(PRODUCER, message("fresh", 0, "x", ""));
    assert!(answers(&effects).is_empty(), "not before the topic is saved");
    let registered: Vec<&Effect> =
        effects.iter().filter(|effect| matches!(effect, Effect::Register { .. })).collect();
    let [Effect::Register { index: None, command }] = registered.as_slice() else {
        panic!("one registration: {registered:?}");
    };
    assert_eq!(RequestCode::REGISTER_BROKER.0, command.code);
    let body = protocol::body::RegisterBroker::from_json(&command.body).unwrap();
    let names: Vec<&str> = body.topics.topic_config_table.keys().map(Text::as_str).collect();
    assert_eq!(["fresh"], names.as_slice(), "only the topic that changed");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Save { .. })));

    assert_eq!(1, answers(&room.save()).len());
    let topic = room.topic_config("fresh").unwrap();
    assert_eq!((4, 4, 6), (topic.read_queues, topic.write_queues, topic.perm));
    assert_eq!(1, answers(&room.ask(PRODUCER, message("fresh", 0, "y", ""))).len());
}

#[test]
fn a_topic_is_not_created_when_that_is_switched_off() {
    let mut room = Room::with(|settings| settings.auto_create_topic = false);
    let answer = room.answer(PRODUCER, message("fresh", 0, "x", ""));
    assert_eq!(ResponseCode::TOPIC_NOT_EXIST.0, answer.code);
    assert!(remark(&answer).starts_with("topic[fresh] not exist, apply first please!"));
    assert_eq!("DefaultRegion", answer.field("MSG_REGION").unwrap());
}

#[test]
fn a_negative_queue_lets_the_broker_choose_one_of_the_topics() {
    let mut room = Room::new();
    room.topic("orders", 3);
    for _ in 0..20 {
        let answer = room.answer(PRODUCER, message("orders", -1, "x", ""));
        assert!((0..3).contains(&number(&answer, "queueId")));
    }
}

#[test]
fn under_sync_flush_an_answer_waits_for_the_disk_and_a_reader_too() {
    let mut room = Room::syncing();
    room.topic("orders", 1);
    let effects = room.ask(PRODUCER, message("orders", 0, "x", ""));
    assert!(answers(&effects).is_empty());
    assert!(effects.contains(&Effect::Sync));
    assert_eq!((vec![], 0), room.pulled("g", "orders", 0, 0));
    let released = answers(&room.sync());
    assert_eq!(1, released.len());
    assert_eq!(ResponseCode::SUCCESS.0, released[0].1.code);
    assert_eq!((vec!["x".to_owned()], 1), room.pulled("g", "orders", 0, 0));
}

#[test]
fn a_message_that_does_not_want_to_wait_is_answered_at_once_even_under_sync_flush() {
    let mut room = Room::syncing();
    room.topic("orders", 1);
    let effects = room.ask(PRODUCER, message("orders", 0, "x", "WAIT\u{1}false\u{2}"));
    assert_eq!(1, answers(&effects).len());
    assert!(effects.contains(&Effect::Sync), "readers wait for it all the same");
}

#[test]
fn a_slow_disk_is_told_as_flush_disk_timeout_with_the_place_of_the_message() {
    let mut room = Room::syncing();
    room.topic("orders", 1);
    room.ask(PRODUCER, message("orders", 0, "x", ""));
    assert!(answers(&room.pass(std::time::Duration::from_millis(4_900))).is_empty());
    let late = answers(&room.pass(std::time::Duration::from_millis(200)));
    assert_eq!(ResponseCode::FLUSH_DISK_TIMEOUT.0, late[0].1.code);
    assert_eq!(0, number(&late[0].1, "queueOffset"));
    assert!(answers(&room.sync()).is_empty(), "answered once");
}

#[test]
fn after_a_failed_sync_a_message_may_be_lost_and_nothing_more_is_stored() {
    let mut room = Room::syncing();
    room.topic("orders", 1);
    room.ask(PRODUCER, message("orders", 0, "x", ""));
    room.disk.fail_syncs(1);
    let failed = answers(&room.sync());
    assert_eq!(ResponseCode::FLUSH_DISK_TIMEOUT.0, failed[0].1.code);
    assert!(remark(&failed[0].1).starts_with("the message may be lost: "));
    let refused = room.answer(PRODUCER, message("orders", 0, "y", ""));
    assert_eq!(ResponseCode::SERVICE_NOT_AVAILABLE.0, refused.code);
    assert!(answers(&room.sync()).is_empty());
}

#[test]
fn a_batch_is_stored_all_or_none_and_its_items_keep_their_own_properties() {
    let mut room = Room::new();
    room.topic("orders", 1);
    let items: Vec<batch::Item> = (0..3)
        .map(|number| batch::Item {
            flag: number,
            body: format!("item {number}").into(),
            properties: Properties::new().with("KEYS", format!("k{number}")).encode(),
        })
        .collect();
    let mut command = message("orders", 0, "", "UNIQ_KEY\u{1}B\u{2}");
    command.code = RequestCode::SEND_BATCH_MESSAGE.0;
    command.set_field("m", "true");
    let whole = batch::encode(&items).unwrap();
    let answer = room.answer(PRODUCER, command.clone().with_body(whole.clone()));
    assert_eq!(0, answer.code, "{answer:?}");
    assert_eq!(3, answer.field("msgId").unwrap().split(',').count());
    assert_eq!("B", answer.field("transactionId").unwrap());
    let pulled = room.answer(CONSUMER, pull("g", "orders", 0, 0));
    assert_eq!(["item 0", "item 1", "item 2"], bodies(&pulled).as_slice());
    let stored = records(&pulled)[1].properties();
    assert_eq!(1, stored.len(), "{stored:?}");
    assert_eq!(Some("k1"), stored.get("KEYS").map(Text::as_str));

    let cut = whole.slice(..whole.len() - 1);
    let refused = room.answer(PRODUCER, command.with_body(cut));
    assert_eq!(ResponseCode::MESSAGE_ILLEGAL.0, refused.code);
    assert_eq!(3, room.pulled("g", "orders", 0, 0).1);
}

#[test]
fn an_undecided_or_precisely_timed_message_is_refused_and_not_stored_as_an_ordinary_one() {
    let mut room = Room::new();
    room.topic("orders", 1);
    for (text, code) in [
        ("TRAN_MSG\u{1}true\u{2}", ResponseCode::NO_PERMISSION),
        ("TIMER_DELAY_SEC\u{1}5\u{2}", ResponseCode::MESSAGE_ILLEGAL),
        ("TIMER_DELIVER_MS\u{1}99\u{2}", ResponseCode::MESSAGE_ILLEGAL),
        ("INNER_NUM\u{1}2\u{2}", ResponseCode::MESSAGE_ILLEGAL),
    ] {
        let answer = room.answer(PRODUCER, message("orders", 0, "x", text));
        assert_eq!(code.0, answer.code, "{text:?}: {answer:?}");
    }
    assert_eq!((vec![], 0), room.pulled("g", "orders", 0, 0));
}

#[test]
fn a_oneway_send_is_stored_and_never_answered() {
    for flush in [FlushDiskType::AsyncFlush, FlushDiskType::SyncFlush] {
        let mut room = Room::with(|settings| settings.flush_disk_type = flush);
        room.topic("orders", 1);
        let effects = room.ask(PRODUCER, message("orders", 0, "x", "").oneway());
        assert!(answers(&effects).is_empty());
        assert!(answers(&room.sync()).is_empty());
        assert_eq!(1, room.pulled("g", "orders", 0, 0).1);
    }
}

#[test]
fn requests_of_one_read_are_written_in_one_go_and_answered_in_their_order() {
    let mut room = Room::new();
    room.topic("orders", 1);
    let commands: Vec<_> =
        (0..5).map(|n| message("orders", 0, &format!("m{n}"), "").with_opaque(100 + n)).collect();
    let effects = room.happen(Happening::AskedTogether(PRODUCER, commands));
    let opaques: Vec<i32> = answers(&effects).iter().map(|(_, answer)| answer.opaque).collect();
    assert_eq!([100, 101, 102, 103, 104], opaques.as_slice());
    assert_eq!(5, room.pulled("g", "orders", 0, 0).1);
}

#[test]
fn when_one_write_for_many_fails_all_of_them_are_told_so() {
    let mut room = Room::new();
    room.topic("orders", 1).send("orders", 0, "before");
    room.disk.fail_writes(1);
    let mut commands: Vec<_> =
        (0..3).map(|n| message("orders", 0, "x", "").with_opaque(100 + n)).collect();
    commands.push(pull("g", "orders", 0, 0).with_opaque(103));
    let effects = room.happen(Happening::AskedTogether(PRODUCER, commands));
    let told = answers(&effects);
    assert_eq!(4, told.len());
    for (_, answer) in told {
        assert_eq!(ResponseCode::SERVICE_NOT_AVAILABLE.0, answer.code);
        assert!(answer.body.is_empty());
    }
    assert_eq!(1, room.send("orders", 0, "after"), "the places are free again");
    assert_eq!((vec!["after".to_owned()], 2), room.pulled("g", "orders", 0, 1));
    assert_eq!(None, room.broker.disk_failure());
}

#[test]
fn a_failed_write_is_told_also_to_those_who_wait_for_their_topic_and_to_nobody_else() {
    let mut room = Room::new();
    let fresh = |body, opaque| message("fresh", 0, body, "").with_opaque(opaque);
    assert!(answers(&room.ask(PRODUCER, fresh("older", 1))).is_empty(), "its topic is not saved");
    room.disk.fail_writes(1);
    let effects = room.happen(Happening::AskedTogether(PRODUCER, vec![fresh("void", 2)]));
    assert!(answers(&effects).is_empty());
    let effects = room.save();
    let told: Vec<_> =
        answers(&effects).iter().map(|(_, answer)| (answer.opaque, answer.code)).collect();
    let void = ResponseCode::SERVICE_NOT_AVAILABLE.0;
    assert_eq!([(1, ResponseCode::SUCCESS.0), (2, void)], told.as_slice());
}

#[test]
fn when_a_failed_write_cannot_be_undone_nobody_hears_yes_or_no_and_the_broker_must_end() {
    for make in [Room::new, Room::syncing] {
        let mut room = make();
        room.topic("orders", 1);
        room.ask(PRODUCER, message("orders", 0, "before", ""));
        room.sync();
        // The write fails, and so does clearing what it may have left behind.
        room.disk.fail_writes(2);
        let commands: Vec<_> =
            (0..3).map(|n| message("orders", 0, "x", "").with_opaque(100 + n)).collect();
        let effects = room.happen(Happening::AskedTogether(PRODUCER, commands));
        assert!(answers(&effects).is_empty(), "{effects:?}");
        let failure = room.broker.disk_failure().unwrap();
        assert!(failure.contains("cannot be cleared"), "{failure}");
        let refused = room.answer(PRODUCER, message("orders", 0, "y", ""));
        assert_eq!(ResponseCode::SERVICE_NOT_AVAILABLE.0, refused.code);
    }
}
