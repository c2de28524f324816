//! PULL: every way it can end, and waiting.

use std::time::Duration;

use broker::Door;
use protocol::{RequestCode, ResponseCode};

use crate::{
    room::{CONSUMER, Happening, OTHER, PRODUCER, Room},
    words::{answers, bodies, message, number, pull, remark, tagged_pull, waiting_pull},
};

fn with_messages(count: usize) -> Room {
    let mut room = Room::new();
    room.topic("orders", 1);
    for number in 0..count {
        room.send("orders", 0, &format!("m{number}"));
    }
    room
}

#[test]
fn each_place_in_a_queue_has_its_code_and_a_better_offset() {
    let mut room = with_messages(3);
    for (from, code, status, next) in [
        (0, ResponseCode::SUCCESS, "FOUND", 3),
        (2, ResponseCode::SUCCESS, "FOUND", 3),
        (3, ResponseCode::PULL_NOT_FOUND, "OFFSET_OVERFLOW_ONE", 3),
        (99, ResponseCode::PULL_OFFSET_MOVED, "OFFSET_OVERFLOW_BADLY", 3),
        (-1, ResponseCode::PULL_OFFSET_MOVED, "OFFSET_TOO_SMALL", 0),
    ] {
        let answer = room.answer(CONSUMER, pull("g", "orders", 0, from));
        assert_eq!((code.0, status), (answer.code, remark(&answer)), "from {from}");
        assert_eq!(next, number(&answer, "nextBeginOffset"), "from {from}");
        assert_eq!((0, 3), (number(&answer, "minOffset"), number(&answer, "maxOffset")));
        assert_eq!(0, number(&answer, "suggestWhichBrokerId"));
    }
    room.topic("empty", 1);
    for (from, code) in [(0, ResponseCode::PULL_NOT_FOUND), (5, ResponseCode::PULL_OFFSET_MOVED)] {
        let answer = room.answer(CONSUMER, pull("g", "empty", 0, from));
        assert_eq!((code.0, "NO_MESSAGE_IN_QUEUE"), (answer.code, remark(&answer)));
        assert_eq!(0, number(&answer, "nextBeginOffset"));
    }
}

#[test]
fn tags_filter_and_the_next_offset_passes_what_was_filtered() {
    let mut room = Room::new();
    room.topic("orders", 1);
    for tag in ["A", "B", "A", "C"] {
        room.answer(PRODUCER, message("orders", 0, tag, &format!("TAGS\u{1}{tag}\u{2}")));
    }
    let answer = room.answer(CONSUMER, tagged_pull("g", "orders", 0, 0, "A || C"));
    assert_eq!(["A", "A", "C"], bodies(&answer).as_slice());
    let none = room.answer(CONSUMER, tagged_pull("g", "orders", 0, 0, "Z"));
    assert_eq!(ResponseCode::PULL_RETRY_IMMEDIATELY.0, none.code);
    assert_eq!("NO_MATCHED_MESSAGE", remark(&none));
    assert_eq!(4, number(&none, "nextBeginOffset"));
}

#[test]
fn the_number_of_messages_is_honoured() {
    let mut room = with_messages(10);
    let mut command = pull("g", "orders", 0, 0);
    command.set_field("maxMsgNums", "4");
    let answer = room.answer(CONSUMER, command);
    assert_eq!((4, 4), (bodies(&answer).len(), number(&answer, "nextBeginOffset")));
}

#[test]
fn a_pull_past_the_end_waits_and_is_answered_by_the_next_send() {
    let mut room = with_messages(1);
    assert!(answers(&room.ask(CONSUMER, waiting_pull("g", "orders", 1, "*"))).is_empty());
    let effects = room.ask(PRODUCER, message("orders", 0, "woken", ""));
    let told = answers(&effects);
    assert_eq!([PRODUCER, CONSUMER], [told[0].0, told[1].0]);
    assert_eq!(["woken"], bodies(&told[1].1).as_slice());
}

#[test]
fn a_waiting_pull_is_woken_only_by_a_message_with_its_tags() {
    let mut room = with_messages(1);
    room.ask(CONSUMER, waiting_pull("g", "orders", 1, "A"));
    let other = room.ask(PRODUCER, message("orders", 0, "b", "TAGS\u{1}B\u{2}"));
    assert_eq!(1, answers(&other).len(), "only the sender's");
    let mine = room.ask(PRODUCER, message("orders", 0, "a", "TAGS\u{1}A\u{2}"));
    assert_eq!(["a"], bodies(&answers(&mine)[1].1).as_slice());
}

#[test]
fn a_waiting_pull_is_answered_when_its_time_is_up() {
    let mut room = with_messages(1);
    room.ask(CONSUMER, waiting_pull("g", "orders", 1, "*"));
    assert!(answers(&room.pass(Duration::from_millis(14_900))).is_empty());
    let told = answers(&room.pass(Duration::from_millis(200)));
    assert_eq!(ResponseCode::PULL_NOT_FOUND.0, told[0].1.code);
    assert_eq!("OFFSET_OVERFLOW_ONE", remark(&told[0].1));
}

#[test]
fn without_long_polling_a_pull_waits_only_briefly() {
    let mut room = Room::with(|settings| settings.long_polling = false);
    room.topic("orders", 1);
    room.ask(CONSUMER, waiting_pull("g", "orders", 0, "*"));
    assert_eq!(1, answers(&room.pass(Duration::from_millis(1_000))).len());
}

#[test]
fn a_waiting_pull_is_forgotten_with_its_connection() {
    let mut room = with_messages(1);
    room.ask(CONSUMER, waiting_pull("g", "orders", 1, "*"));
    room.happen(Happening::Closed(CONSUMER));
    assert_eq!(1, answers(&room.ask(PRODUCER, message("orders", 0, "x", ""))).len());
}

#[test]
fn under_sync_flush_a_waiting_pull_is_woken_when_the_disk_has_the_message() {
    let mut room = Room::syncing();
    room.topic("orders", 1);
    room.ask(CONSUMER, waiting_pull("g", "orders", 0, "*"));
    assert!(answers(&room.ask(PRODUCER, message("orders", 0, "x", ""))).is_empty());
    let told = answers(&room.sync());
    assert_eq!(2, told.len());
    assert!(told.iter().any(|(peer, answer)| *peer == CONSUMER && bodies(answer) == ["x"]));
}

#[test]
fn a_pull_may_commit_an_offset_on_its_first_pass() {
    let mut room = with_messages(4);
    let mut command = pull("g", "orders", 0, 0);
    command.set_field("sysFlag", "5");
    command.set_field("commitOffset", "2");
    room.answer(CONSUMER, command);
    assert_eq!(Some(2), room.offset("g", "orders", 0));
}

#[test]
fn a_pull_with_the_groups_subscription_needs_one() {
    let mut room = with_messages(1);
    let mut command = pull("g", "orders", 0, 0);
    command.set_field("sysFlag", "0");
    let answer = room.answer(CONSUMER, command.clone());
    assert_eq!(ResponseCode::SUBSCRIPTION_NOT_EXIST.0, answer.code);
    room.join(CONSUMER, "c1", "g", &["orders"]);
    assert_eq!(["m0"], bodies(&room.answer(CONSUMER, command.clone())).as_slice());
    command.set_field("subVersion", "2");
    let answer = room.answer(CONSUMER, command);
    assert_eq!(ResponseCode::SUBSCRIPTION_NOT_LATEST.0, answer.code);
}

#[test]
fn what_may_not_be_read_says_who_forbids_it() {
    let mut room = Room::with(|settings| settings.broker_permission = 2);
    let answer = room.answer(CONSUMER, pull("g", "orders", 0, 0));
    assert_eq!(ResponseCode::NO_PERMISSION.0, answer.code);
    assert_eq!(1, number(&answer, "forbiddenType"));
    let mut room = with_messages(1);
    let queue = room.answer(CONSUMER, pull("g", "orders", 7, 0));
    assert_eq!(ResponseCode::INVALID_PARAMETER.0, queue.code);
    assert_eq!(
        "queueId[7] is illegal, topic:[orders] topicConfig.readQueueNums:[1] \
         consumer:[/127.0.0.1:40002]",
        remark(&queue)
    );
    let topic = room.answer(CONSUMER, pull("g", "nope", 0, 0));
    assert_eq!(ResponseCode::TOPIC_NOT_EXIST.0, topic.code);
}

#[test]
fn consuming_is_not_answered_at_the_fast_door() {
    let mut room = with_messages(1);
    let command = pull("g", "orders", 0, 0).with_opaque(9);
    let effects = room.happen(Happening::Asked(OTHER, Door::Fast, command));
    let told = answers(&effects);
    assert_eq!(ResponseCode::REQUEST_CODE_NOT_SUPPORTED.0, told[0].1.code);
    assert_eq!(" request type 11 not supported", remark(&told[0].1));
    let command = message("orders", 0, "x", "").with_opaque(10);
    let effects = room.happen(Happening::Asked(OTHER, Door::Fast, command));
    assert_eq!(0, answers(&effects)[0].1.code);
}

#[test]
fn a_lite_pull_is_a_pull() {
    let mut room = with_messages(1);
    let mut command = pull("g", "orders", 0, 0);
    command.code = RequestCode::LITE_PULL_MESSAGE.0;
    command.set_field("sysFlag", "20");
    assert_eq!(["m0"], bodies(&room.answer(CONSUMER, command)).as_slice());
}

#[test]
fn a_stopping_broker_answers_whoever_waits() {
    let mut room = with_messages(1);
    room.ask(CONSUMER, waiting_pull("g", "orders", 1, "*"));
    let effects = room.happen(Happening::Stopping);
    assert_eq!(ResponseCode::PULL_NOT_FOUND.0, answers(&effects)[0].1.code);
    let refused = room.answer(PRODUCER, message("orders", 0, "x", ""));
    assert_eq!(ResponseCode::SERVICE_NOT_AVAILABLE.0, refused.code);
}
