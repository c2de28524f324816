//! What nobody should send is refused with a reason, and does no harm.

use broker::REQUESTS;
use protocol::{Command, RequestCode, ResponseCode};

use crate::{
    room::{CONSUMER, OPERATOR, PRODUCER, Room},
    words::{asking, heartbeat, message, pull, remark, send_back},
};

/// What each message is answered, with a broker that has the topic "orders" with one queue.
#[test]
fn messages_that_cannot_be_stored_are_refused_with_the_reason() {
    let long = "x".repeat(128);
    let huge = "x".repeat(4 * 1024 * 1024 + 1);
    let properties = format!("a\u{1}{}\u{2}", "x".repeat(40_000));
    let invalid = ResponseCode::INVALID_PARAMETER;
    let illegal = ResponseCode::MESSAGE_ILLEGAL;
    for (topic, queue, body, properties, code, reason) in [
        ("", 0, "x", "", invalid, "the specified topic is blank"),
        ("a b", 0, "x", "", invalid, "The specified topic: "),
        ("../../etc", 0, "x", "", invalid, "The specified topic: "),
        (&long, 0, "x", "", invalid, "The specified topic: "),
        (
            "OFFSET_MOVED_EVENT",
            0,
            "x",
            "",
            ResponseCode::NO_PERMISSION,
            "Sending message to topic[",
        ),
        ("orders", 1, "x", "", invalid, "request queueId[1] is illegal"),
        ("orders", i32::MAX, "x", "", invalid, "request queueId[2147483647]"),
        ("orders", 0, &huge, "", illegal, "the message is illegal"),
        ("orders", 0, "x", &properties, illegal, "the message is illegal"),
    ] {
        let mut room = Room::new();
        room.topic("orders", 1);
        let answer = room.answer(PRODUCER, message(topic, queue, body, properties));
        assert_eq!(code.0, answer.code, "{topic:?} {:?}", answer.remark);
        let said = remark(&answer).to_lowercase();
        assert!(said.starts_with(&reason.to_lowercase()), "{topic:?}: {said}");
        assert_eq!((vec![], 0), room.pulled("g", "orders", 0, 0));
    }
}

#[test]
fn what_a_topic_may_not_be_called() {
    let mut room = Room::new();
    for name in ["", " ", "a b", "a/b", "..", "ä", "TBW102", &"x".repeat(200)] {
        let fields = [
            ("topic", name),
            ("readQueueNums", "1"),
            ("writeQueueNums", "1"),
            ("perm", "6"),
            ("topicFilterType", "SINGLE_TAG"),
            ("defaultTopic", "TBW102"),
            ("topicSysFlag", "0"),
            ("order", "false"),
        ];
        let answer = room.answer(OPERATOR, asking(RequestCode::UPDATE_AND_CREATE_TOPIC, &fields));
        assert_ne!(0, answer.code, "{name:?}");
        assert!(!remark(&answer).is_empty(), "{name:?}");
    }
}

#[test]
fn queue_numbers_of_a_topic_are_kept_in_bounds() {
    for (queues, created) in [("-1", false), ("0", true), ("1", true), ("2147483647", false)] {
        let mut room = Room::new();
        let fields = [
            ("topic", "orders"),
            ("readQueueNums", queues),
            ("writeQueueNums", queues),
            ("perm", "6"),
            ("topicFilterType", "SINGLE_TAG"),
            ("defaultTopic", "TBW102"),
            ("topicSysFlag", "0"),
            ("order", "false"),
        ];
        let answer = room.answer(OPERATOR, asking(RequestCode::UPDATE_AND_CREATE_TOPIC, &fields));
        assert_eq!(created, answer.code == 0, "{queues}: {answer:?}");
    }
}

/// Every request, without any field and with a body that is nothing: an answer comes, and it is
/// no success unless the request needs nothing.
#[test]
fn no_request_does_harm_when_everything_is_missing() {
    for entry in REQUESTS {
        for body in ["", "{", "[]", "null", "{\"a\":", "\u{0}\u{1}\u{2}", "9999999999999999999"] {
            let mut room = Room::new();
            room.topic("orders", 1);
            let asked = Command::request(entry.code).with_body(body.to_owned().into_bytes());
            let answer = room.answer(OPERATOR, asked);
            assert!(answer.code == 0 || !remark(&answer).is_empty(), "{entry:?} {answer:?}");
            assert_eq!(0, room.send("orders", 0, "still alive"), "{entry:?}");
        }
    }
}

/// Requests with all of their fields.
fn whole_requests() -> Vec<Command> {
    vec![
        message("orders", 0, "x", ""),
        pull("g", "orders", 0, 0),
        send_back("g", 0, 0),
        heartbeat("c1", "g", &["orders"]),
        asking(RequestCode::GET_MAX_OFFSET, &[("topic", "orders"), ("queueId", "0")]),
        asking(RequestCode::GET_MIN_OFFSET, &[("topic", "orders"), ("queueId", "0")]),
        asking(
            RequestCode::SEARCH_OFFSET_BY_TIMESTAMP,
            &[("topic", "orders"), ("queueId", "0"), ("timestamp", "0")],
        ),
        asking(RequestCode::GET_EARLIEST_MSG_STORETIME, &[("topic", "orders"), ("queueId", "0")]),
        asking(RequestCode::VIEW_MESSAGE_BY_ID, &[("offset", "0")]),
        asking(
            RequestCode::QUERY_MESSAGE,
            &[
                ("topic", "orders"),
                ("key", "k"),
                ("maxNum", "32"),
                ("beginTimestamp", "0"),
                ("endTimestamp", "9"),
            ],
        ),
        asking(
            RequestCode::UPDATE_CONSUMER_OFFSET,
            &[("consumerGroup", "g"), ("topic", "orders"), ("queueId", "0"), ("commitOffset", "0")],
        ),
        asking(
            RequestCode::QUERY_CONSUMER_OFFSET,
            &[("consumerGroup", "g"), ("topic", "orders"), ("queueId", "0")],
        ),
        asking(
            RequestCode::INVOKE_BROKER_TO_RESET_OFFSET,
            &[
                ("topic", "orders"),
                ("group", "g"),
                ("timestamp", "0"),
                ("isForce", "true"),
                ("queueId", "0"),
                ("offset", "0"),
            ],
        ),
        asking(
            RequestCode::QUERY_CONSUME_QUEUE,
            &[("topic", "orders"), ("queueId", "0"), ("index", "0"), ("count", "10")],
        ),
        asking(
            RequestCode::VIEW_BROKER_STATS_DATA,
            &[("statsName", "TOPIC_PUT_NUMS"), ("statsKey", "orders")],
        ),
    ]
}

/// Each field too small, too large, or no number.
#[test]
fn no_number_does_harm() {
    const NUMBERS: [&str; 8] = [
        "-1",
        "-2147483648",
        "2147483647",
        "9223372036854775807",
        "-9223372036854775808",
        "99999999999999999999",
        "",
        "x",
    ];
    for asked in whole_requests() {
        let names: Vec<String> =
            asked.fields.iter().flatten().map(|(name, _)| name.to_string()).collect();
        for name in names {
            for number in NUMBERS {
                let mut room = Room::new();
                room.topic("orders", 1);
                room.send("orders", 0, "x");
                let mut asked = asked.clone();
                asked.set_field(name.clone(), number);
                room.ask(CONSUMER, asked);
                assert_eq!(0, room.answer(PRODUCER, message("orders", 0, "y", "")).code);
            }
        }
    }
}

#[test]
fn an_unknown_request_is_named() {
    let mut room = Room::new();
    let answer = room.answer(OPERATOR, Command::request(RequestCode(9_999)));
    assert_eq!(ResponseCode::REQUEST_CODE_NOT_SUPPORTED.0, answer.code);
    assert_eq!(" request type 9999 not supported", remark(&answer));
}

#[test]
fn names_of_groups_that_would_leave_the_tables_are_refused() {
    let mut room = Room::new();
    for group in ["", "a b", "../g", &"g".repeat(300)] {
        room.join(CONSUMER, "c1", group, &["orders"]);
        assert_eq!(None, room.topic_config(&format!("%RETRY%{group}")), "{group:?}");
    }
}
