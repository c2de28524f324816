//! Groups of consumers: who is in, what they own, how far they are.

use std::time::Duration;

use broker::{Effect, config::FlushDiskType};
use protocol::{
    Command, RequestCode, ResponseCode, Text,
    body::{self, LockBatch, LockedBatch, MessageQueue},
};

use crate::{
    room::{CONSUMER, Happening, OPERATOR, OTHER, Room},
    words::{answers, asking, heartbeat, number, pull, remark, told},
};

fn members(room: &mut Room, group: &str) -> Vec<String> {
    let fields = [("consumerGroup", group)];
    let answer = room.answer(OPERATOR, asking(RequestCode::GET_CONSUMER_LIST_BY_GROUP, &fields));
    if answer.code != 0 {
        assert_eq!(format!("no consumer for this group, {group}"), remark(&answer));
        return Vec::new();
    }
    let list = body::ConsumerList::from_json(&answer.body).unwrap();
    list.client_ids.iter().map(Text::to_string).collect()
}

#[test]
fn whoever_joins_or_leaves_makes_the_broker_tell_the_others() {
    let mut room = Room::new();
    room.topic("orders", 1);
    assert!(members(&mut room, "g").is_empty());
    assert_eq!([CONSUMER], told(&room.join(CONSUMER, "c1", "g", &["orders"])).as_slice());
    assert!(told(&room.join(CONSUMER, "c1", "g", &["orders"])).is_empty(), "nothing changed");
    assert_eq!([CONSUMER, OTHER], told(&room.join(OTHER, "c2", "g", &["orders"])).as_slice());
    assert_eq!(["c1", "c2"], members(&mut room, "g").as_slice());

    let leaving = [("clientID", "c2"), ("consumerGroup", "g")];
    let effects = room.ask(OTHER, asking(RequestCode::UNREGISTER_CLIENT, &leaving));
    assert_eq!([CONSUMER], told(&effects).as_slice());
    room.join(OTHER, "c2", "g", &["orders"]);
    assert_eq!([CONSUMER], told(&room.happen(Happening::Closed(OTHER))).as_slice());
    assert_eq!(["c1"], members(&mut room, "g").as_slice());
}

#[test]
fn a_changed_subscription_is_told_too() {
    let mut room = Room::new();
    room.join(CONSUMER, "c1", "g", &["orders"]);
    assert_eq!([CONSUMER], told(&room.join(CONSUMER, "c1", "g", &["orders", "bills"])).as_slice());
    assert_eq!([CONSUMER], told(&room.join(CONSUMER, "c1", "g", &["bills"])).as_slice());
}

#[test]
fn who_is_silent_for_two_minutes_is_out() {
    let mut room = Room::new();
    room.join(CONSUMER, "c1", "g", &["orders"]);
    room.join(OTHER, "c2", "g", &["orders"]);
    room.pass(Duration::from_secs(60));
    room.join(OTHER, "c2", "g", &["orders"]);
    assert!(told(&room.pass(Duration::from_secs(59))).is_empty());
    assert_eq!([OTHER], told(&room.pass(Duration::from_secs(12))).as_slice());
    assert_eq!(["c2"], members(&mut room, "g").as_slice());
}

#[test]
fn a_jump_of_the_wall_clock_puts_nobody_out() {
    let mut room = Room::new();
    room.join(CONSUMER, "c1", "g", &["orders"]);
    room.jump(86_400_000);
    assert!(told(&room.pass(Duration::from_secs(20))).is_empty());
    room.jump(-2 * 86_400_000);
    assert!(told(&room.pass(Duration::from_secs(20))).is_empty());
}

#[test]
fn a_groups_first_heartbeat_makes_its_retry_topic() {
    let mut room = Room::new();
    room.join(CONSUMER, "c1", "g", &["orders"]);
    let retry = room.topic_config("%RETRY%g").unwrap();
    assert_eq!((1, 1, 6), (retry.read_queues, retry.write_queues, retry.perm));
    let group = asking(RequestCode::GET_SUBSCRIPTIONGROUP_CONFIG, &[("group", "g")]);
    let answer = room.answer(OPERATOR, group);
    let group = body::SubscriptionGroupConfig::from_json(&answer.body).unwrap();
    assert_eq!(
        ("g", 16, 1),
        (group.group_name.as_str(), group.retry_max_times, group.retry_queues)
    );
}

#[test]
fn groups_are_not_made_when_that_is_switched_off() {
    let mut room = Room::with(|settings| settings.auto_create_group = false);
    room.join(CONSUMER, "c1", "g", &["orders"]);
    assert_eq!(None, room.topic_config("%RETRY%g"));
    assert!(members(&mut room, "g").is_empty());
}

#[test]
fn a_second_version_heartbeat_may_leave_its_subscriptions_out() {
    let mut room = Room::new();
    let full = |fingerprint: i32, without: bool| {
        let plain = heartbeat("c1", "g", if without { &[] } else { &["orders"] });
        let mut body = body::Heartbeat::from_json(&plain.body).unwrap();
        body.fingerprint = fingerprint;
        body.without_sub = without;
        plain.with_body(body.to_json())
    };
    let changed = |answer: &Command| answer.field("IS_SUB_CHANGE").unwrap().to_string();
    let first = room.answer(CONSUMER, full(77, false));
    assert_eq!("true", first.field("IS_SUPPORT_HEART_BEAT_V2").unwrap());
    assert_eq!("false", changed(&first));
    assert_eq!("false", changed(&room.answer(CONSUMER, full(77, true))));
    let subscription = [("group", "g"), ("topic", "orders")];
    let asked = asking(RequestCode::QUERY_SUBSCRIPTION_BY_CONSUMER, &subscription);
    let body = room.answer(OPERATOR, asked).body;
    assert!(std::str::from_utf8(&body).unwrap().contains("\"subString\":\"*\""), "{body:?}");
    assert_eq!("true", changed(&room.answer(CONSUMER, full(78, true))), "send me everything");
    let mut room = room.kill();
    assert_eq!("true", changed(&room.answer(CONSUMER, full(78, true))), "I know nothing");
    assert_eq!("false", changed(&room.answer(CONSUMER, full(78, false))));
    assert_eq!("false", changed(&room.answer(CONSUMER, full(78, true))));
}

fn lock(client: &str, queues: &[i32]) -> Command {
    let queue = |queue_id: &i32| MessageQueue {
        broker_name: Text::from("broker-a"),
        topic: Text::from("orders"),
        queue_id: *queue_id,
    };
    let body = LockBatch {
        client_id: Text::from(client),
        consumer_group: Text::from("g"),
        queues: queues.iter().map(queue).collect(),
        ..LockBatch::default()
    };
    Command::request(RequestCode::LOCK_BATCH_MQ).with_body(body.to_json())
}

fn locked(answer: &Command) -> Vec<i32> {
    let body = LockedBatch::from_json(&answer.body).unwrap();
    body.queues.iter().map(|queue| queue.queue_id).collect()
}

#[test]
fn a_queue_is_owned_by_one_client_until_it_gives_it_up_or_its_lease_ends() {
    let mut room = Room::new();
    assert_eq!([0, 1], locked(&room.answer(CONSUMER, lock("c1", &[0, 1]))).as_slice());
    assert_eq!([2], locked(&room.answer(OTHER, lock("c2", &[0, 1, 2]))).as_slice());
    room.jump(3_600_000);
    assert!(locked(&room.answer(OTHER, lock("c2", &[0]))).is_empty(), "no time has passed");
    room.pass(Duration::from_secs(40));
    room.answer(CONSUMER, lock("c1", &[1]));
    room.pass(Duration::from_secs(21));
    assert_eq!([0], locked(&room.answer(OTHER, lock("c2", &[0, 1]))).as_slice());
    let mut give_up = lock("c1", &[1]);
    give_up.code = RequestCode::UNLOCK_BATCH_MQ.0;
    assert_eq!(0, room.answer(CONSUMER, give_up).code);
    assert_eq!([1], locked(&room.answer(OTHER, lock("c2", &[1]))).as_slice());
}

#[test]
fn offsets_are_asked_and_told() {
    let mut room = Room::new();
    room.topic("orders", 2);
    let unknown = room.commit(CONSUMER, "g", "orders", 2);
    assert_eq!(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST.0, unknown.code);
    assert_eq!("Group g not exist!", remark(&unknown));
    room.join(OTHER, "c1", "g", &["orders"]);
    for _ in 0..3 {
        room.send("orders", 0, "x");
    }
    assert_eq!(Some(0), room.offset("g", "orders", 0), "all of the queue is still in memory");
    room.commit(CONSUMER, "g", "orders", 2);
    assert_eq!(Some(2), room.offset("g", "orders", 0));
    assert_eq!(0, room.commit(CONSUMER, "g", "orders", 1).code, "who is no member may go back");
    assert_eq!(Some(1), room.offset("g", "orders", 0));
}

#[test]
fn an_offset_beyond_the_end_of_its_queue_is_lowered_to_it() {
    let mut room = Room::new();
    room.topic("orders", 1);
    for _ in 0..3 {
        room.send("orders", 0, "x");
    }
    room.join(CONSUMER, "c1", "g", &["orders"]);
    assert_eq!(0, room.commit(CONSUMER, "g", "orders", 9).code);
    assert_eq!(Some(3), room.offset("g", "orders", 0), "what comes next was not consumed");
    room.commit(CONSUMER, "g", "orders", 2);
    assert_eq!(Some(2), room.offset("g", "orders", 0));
}

#[test]
fn a_queue_that_lost_everything_is_begun_at_its_beginning_by_whoever_comes() {
    let mut room = Room::new();
    room.topic("orders", 1);
    room.join(CONSUMER, "c1", "g", &["orders"]);
    room.join(OTHER, "c2", "g", &["orders"]);
    room.commit(CONSUMER, "g", "orders", 40);
    assert_eq!(Some(0), room.offset("g", "orders", 0), "told by one who knew the old disk");
    room.commit(OTHER, "g", "orders", 0);
    assert_eq!(Some(0), room.offset("g", "orders", 0));
}

#[test]
fn who_left_does_not_take_back_what_its_successor_has_done() {
    let mut room = Room::new();
    room.topic("orders", 1);
    for _ in 0..5 {
        room.send("orders", 0, "x");
    }
    room.join(CONSUMER, "c1", "g", &["orders"]);
    room.join(OTHER, "c2", "g", &["orders"]);
    room.commit(OTHER, "g", "orders", 4);
    room.commit(CONSUMER, "g", "orders", 2);
    assert_eq!(Some(4), room.offset("g", "orders", 0));
}

#[test]
fn offsets_are_saved_every_five_seconds_if_they_changed() {
    let mut room = Room::with(|settings| settings.flush_disk_type = FlushDiskType::AsyncFlush);
    room.topic("orders", 1).send("orders", 0, "x");
    room.join(CONSUMER, "c1", "g", &["orders"]);
    room.pass(Duration::from_secs(6));
    room.save();
    let saves = |effects: &[Effect]| {
        effects.iter().filter(|effect| matches!(effect, Effect::Save { .. })).count()
    };
    room.commit(CONSUMER, "g", "orders", 1);
    assert_eq!(1, saves(&room.pass(Duration::from_millis(5_100))));
    room.save();
    assert_eq!(0, saves(&room.pass(Duration::from_secs(11))));
    let mut room = room.kill();
    assert_eq!(Some(1), room.offset("g", "orders", 0));
}

#[test]
fn a_reset_reaches_members_and_their_next_pull_and_is_not_undone_by_a_late_commit() {
    let mut room = Room::new();
    room.topic("orders", 1);
    for _ in 0..5 {
        room.send("orders", 0, "x");
    }
    room.join(CONSUMER, "c1", "g", &["orders"]);
    room.commit(CONSUMER, "g", "orders", 5);
    let fields = [
        ("topic", "orders"),
        ("group", "g"),
        ("timestamp", "0"),
        ("isForce", "true"),
        ("queueId", "-1"),
    ];
    let answer = room.answer(OPERATOR, asking(RequestCode::INVOKE_BROKER_TO_RESET_OFFSET, &fields));
    assert_eq!(0, answer.code, "{answer:?}");
    let body = body::ResetOffset::from_json(&answer.body).unwrap();
    assert_eq!([0], body.offset_table.values().copied().collect::<Vec<i64>>().as_slice());

    let late = room.commit(CONSUMER, "g", "orders", 5);
    assert_eq!((0, "Offset has been previously reset"), (late.code, remark(&late)));
    let moved = room.answer(CONSUMER, pull("g", "orders", 0, 5));
    assert_eq!(ResponseCode::PULL_OFFSET_MOVED.0, moved.code);
    assert_eq!(0, number(&moved, "nextBeginOffset"));
    assert_eq!(ResponseCode::SUCCESS.0, room.answer(CONSUMER, pull("g", "orders", 0, 0)).code);
    room.commit(CONSUMER, "g", "orders", 3);
    assert_eq!(Some(3), room.offset("g", "orders", 0));
}

#[test]
fn a_reset_on_the_client_side_is_told_to_every_member() {
    let mut room = Room::with(|settings| settings.server_side_reset_offset = false);
    room.topic("orders", 1).send("orders", 0, "x");
    room.join(CONSUMER, "c1", "g", &["orders"]);
    room.join(OTHER, "c2", "g", &["orders"]);
    let fields = [("topic", "orders"), ("group", "g"), ("timestamp", "-1"), ("isForce", "true")];
    let effects = room.ask(OPERATOR, asking(RequestCode::INVOKE_BROKER_TO_RESET_OFFSET, &fields));
    let told: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Tell { peer, command } => Some((*peer, command.code)),
            _ => None,
        })
        .collect();
    let code = RequestCode::RESET_CONSUMER_CLIENT_OFFSET.0;
    assert_eq!([(CONSUMER, code), (OTHER, code)], told.as_slice());
    assert_eq!(1, answers(&effects).len());
}

#[test]
fn one_group_may_start_where_another_is() {
    let mut room = Room::new();
    room.topic("orders", 1);
    for _ in 0..5 {
        room.send("orders", 0, "x");
    }
    room.join(CONSUMER, "c1", "g", &["orders"]);
    room.commit(CONSUMER, "g", "orders", 4);
    let fields = [("srcGroup", "g"), ("destGroup", "h"), ("topic", "orders"), ("offline", "false")];
    assert_eq!(0, room.answer(OPERATOR, asking(RequestCode::CLONE_GROUP_OFFSET, &fields)).code);
    assert_eq!(Some(4), room.offset("h", "orders", 0));
}
