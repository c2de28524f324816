//! Headers and bodies from peers that err or lie, and round trips of what we make ourselves.

use std::collections::BTreeMap;

use proptest::prelude::*;
use protocol::body::{self, BodyError};
use protocol::json::Style;
use protocol::{Command, FieldError, Fields, RequestCode, Text, request, response};

fn command(code: RequestCode, fields: &[(&str, &str)]) -> Command {
    let fields: Fields = fields.iter().copied().collect();
    Command::request(code).with_fields(fields)
}

const SEND_LETTERS: [(&str, &str); 8] = [
    ("a", "PG"),
    ("b", "Orders"),
    ("c", "TBW102"),
    ("d", "4"),
    ("e", "-1"),
    ("f", "0"),
    ("g", "1795197273587"),
    ("h", "7"),
];

#[test]
fn a_missing_field_is_named_as_java_names_it() {
    let asked = command(RequestCode::GET_MIN_OFFSET, &[("topic", "Orders")]);

    let error = request::MinOffset::decode(&asked).unwrap_err();

    let header = "GetMinOffsetRequestHeader";
    assert_eq!(error, FieldError::Missing { header, field: "queueId" });
    assert_eq!(error.to_string(), "the field queueId of GetMinOffsetRequestHeader is missing");
}

#[test]
fn a_request_without_any_fields_misses_its_first_one() {
    let asked = Command::request(RequestCode::PULL_MESSAGE);

    assert_eq!(request::Pull::decode(&asked).unwrap_err().field(), "consumerGroup");
}

#[test]
fn a_wrong_number_is_shown_and_shortened() {
    let wrong = |value: &str| {
        let fields = [("topic", "Orders"), ("queueId", value)];
        request::MinOffset::decode(&command(RequestCode::GET_MIN_OFFSET, &fields))
            .unwrap_err()
            .to_string()
    };

    assert_eq!(
        wrong("2147483648"),
        "the field queueId of GetMinOffsetRequestHeader is `2147483648`, \
         not a whole number of 32 bits"
    );
    assert!(wrong("").contains("is ``, not"));
    assert!(wrong(" 1").contains("is ` 1`, not"));
    assert!(wrong(&"9".repeat(1 << 20)).len() < 200);
}

#[test]
fn anything_but_true_is_false() {
    let order = |value| {
        let fields = [
            ("topic", "T"),
            ("readQueueNums", "1"),
            ("writeQueueNums", "1"),
            ("perm", "6"),
            ("topicFilterType", "SINGLE_TAG"),
            ("order", value),
        ];
        request::CreateTopic::decode(&command(RequestCode::UPDATE_AND_CREATE_TOPIC, &fields))
            .unwrap()
            .order
    };

    assert_eq!(["true", "TRUE", "1", "yes", ""].map(order), [true, true, false, false, false]);
}

#[test]
fn both_spellings_of_a_send_read_to_the_same_header() {
    let letters = command(RequestCode::SEND_MESSAGE_V2, &SEND_LETTERS);
    let send = request::Send::decode(&letters).unwrap();
    let words = send.command_as(RequestCode::SEND_MESSAGE);

    assert_eq!(send.topic, "Orders");
    assert_eq!((send.queue_id, send.flag), (-1, 7));
    assert_eq!(words.field("producerGroup").map(Text::as_str), Some("PG"));
    assert_eq!(words.field("a"), None);
    assert_eq!(request::Send::decode(&words), Ok(send.clone()));
    assert_eq!(send.command().fields, letters.fields);
}

#[test]
fn the_name_of_the_broker_is_a_letter_in_one_spelling_only() {
    let mut letters = command(RequestCode::SEND_BATCH_MESSAGE, &SEND_LETTERS);
    letters.set_field("m", "true");
    letters.set_field("n", "broker-a");

    let send = request::Send::decode(&letters).unwrap();
    let words = send.fields_as(RequestCode::SEND_MESSAGE);

    assert_eq!(send.inherited.broker_name, Some(Text::from("broker-a")));
    assert_eq!(words.get("bname").map(Text::as_str), Some("broker-a"));
    assert_eq!(send.command().code, RequestCode::SEND_BATCH_MESSAGE.into());
    assert_eq!(send.command().fields, letters.fields);
}

#[test]
fn a_4_9_client_leaves_out_what_came_later() {
    let asked = command(RequestCode::GET_MAX_OFFSET, &[("topic", "T"), ("queueId", "0")]);
    assert!(request::MaxOffset::decode(&asked).unwrap().committed);

    let asked = command(RequestCode::GET_ALL_TOPIC_CONFIG, &[]);
    assert_eq!(request::AllTopicConfig::decode(&asked), Ok(request::AllTopicConfig::default()));

    let fields = [("group", "G"), ("topic", "T"), ("timestamp", "-1"), ("isForce", "true")];
    let asked = command(RequestCode::INVOKE_BROKER_TO_RESET_OFFSET, &fields);
    let reset = request::ResetOffset::decode(&asked).unwrap();
    assert_eq!((reset.queue_id, reset.offset, reset.is_force), (-1, None, true));
}

#[test]
fn a_body_that_is_not_json_says_which_body_and_where() {
    let error = body::Heartbeat::from_json(br#"{"clientID":"c","producerDataSet":[{]}"#);

    assert_eq!(
        error.unwrap_err().to_string(),
        "the body is not a Heartbeat: producerDataSet: found `]` where a value should be (byte 36)"
    );
    assert!(matches!(
        body::TopicRoute::from_json(b"").unwrap_err(),
        BodyError::Json { body: "TopicRoute", .. }
    ));
}

#[test]
fn a_name_that_no_enum_has_is_refused_by_name() {
    let text = br#"{"consumerDataSet":[{"groupName":"G","messageModel":"SHOUTING"}]}"#;

    let shown = body::Heartbeat::from_json(text).unwrap_err().to_string();

    assert!(shown.contains("consumerDataSet.messageModel"), "{shown}");
    assert!(shown.contains("`SHOUTING` is none of BROADCASTING, CLUSTERING"), "{shown}");
}

#[test]
fn a_missing_member_has_javas_default() {
    let group = body::SubscriptionGroupConfig::from_json(br#"{"groupName":"G"}"#).unwrap();
    assert_eq!(group, body::SubscriptionGroupConfig::new("G"));
    assert!(group.consume_enable && group.retry_max_times == 16);

    let topic = body::TopicConfig::from_json(br#"{"topicName":"T"}"#).unwrap();
    assert_eq!((topic.read_queues, topic.write_queues, topic.perm), (16, 16, 6));
}

#[test]
fn every_body_writes_its_members_in_alphabetical_order() {
    // The writer panics when a struct declares them in another order.
    macro_rules! write_each {
        ($($type:ident),* $(,)?) => {
            $(
                let empty = body::$type::default();
                assert_eq!(body::$type::from_json(&empty.to_json()), Ok(empty), stringify!($type));
            )*
        };
    }
    write_each!(
        BrokerConsumeStats,
        BrokerMemberGroup,
        BrokerStats,
        CheckClient,
        ClusterInfo,
        ConsumeQueueEntries,
        ConsumeStats,
        ConsumeTimeSpans,
        ConsumedDirectly,
        ConsumerConnection,
        ConsumerList,
        ConsumerOffsetTable,
        ConsumerRunningInfo,
        ConsumerStatus,
        CorrectionOffsets,
        DataVersion,
        DelayOffsetTable,
        GroupForbidden,
        GroupList,
        Heartbeat,
        KeyValueTable,
        KvConfigTable,
        LockBatch,
        LockedBatch,
        MessageQueue,
        MessageRequestModeSetting,
        MessageRequestModes,
        ProducerConnection,
        ProducerTable,
        QueueMapping,
        QueueMappingDetail,
        RegisterBroker,
        ResetOffset,
        ResetOffsetForC,
        SubscriptionAnswer,
        SubscriptionData,
        SubscriptionGroupConfig,
        SubscriptionGroupList,
        SubscriptionGroupTable,
        TimerMetrics,
        TopicConfig,
        TopicConfigList,
        TopicConfigTable,
        TopicConfigs,
        TopicList,
        TopicRoute,
        TopicStats,
    );
}

#[test]
fn queues_are_ordered_as_javas_allocation_strategies_need_them() {
    let queue = |topic: &str, broker: &str, queue_id| body::MessageQueue {
        topic: topic.into(),
        broker_name: broker.into(),
        queue_id,
    };
    let mut queues =
        [queue("b", "a", 0), queue("a", "b", 0), queue("a", "a", 10), queue("a", "a", 9)];

    queues.sort();

    let order = queues.each_ref().map(|queue| (&*queue.topic, &*queue.broker_name, queue.queue_id));
    assert_eq!(order, [("a", "a", 9), ("a", "a", 10), ("a", "b", 0), ("b", "a", 0)]);
}

fn any_text() -> impl Strategy<Value = Text> {
    prop_oneof!["[%a-zA-Z0-9_-]{0,20}", ".{0,10}"].prop_map(Text::from)
}

fn any_queue() -> impl Strategy<Value = body::MessageQueue> {
    (any_text(), any_text(), any::<i32>()).prop_map(|(broker_name, topic, queue_id)| {
        body::MessageQueue { broker_name, topic, queue_id }
    })
}

fn any_topic() -> impl Strategy<Value = body::TopicConfig> {
    let attributes = proptest::collection::btree_map(any_text(), any_text(), 0..3);
    ("[%a-zA-Z0-9_-]{1,20}", any::<(i32, i32, i32, i32, bool)>(), attributes).prop_map(
        |(name, (read_queues, write_queues, perm, topic_sys_flag, order), attributes)| {
            body::TopicConfig {
                attributes,
                order,
                read_queues,
                write_queues,
                topic_sys_flag,
                ..body::TopicConfig::new(name, 1, perm)
            }
        },
    )
}

fn any_topics() -> impl Strategy<Value = BTreeMap<Text, body::TopicConfig>> {
    proptest::collection::vec(any_topic(), 0..5).prop_map(|topics| {
        topics.into_iter().map(|topic| (topic.topic_name.clone(), topic)).collect()
    })
}

proptest! {
    #[test]
    fn any_send_comes_back_in_both_spellings(
        texts in (any_text(), any_text(), any_text(), proptest::option::of(any_text())),
        numbers in any::<(i32, i32, i32, i64, i32)>(),
        options in any::<(Option<i32>, Option<bool>, Option<i32>, Option<bool>)>(),
        broker_name in proptest::option::of(any_text()),
    ) {
        let send = request::Send {
            producer_group: texts.0,
            topic: texts.1,
            default_topic: texts.2,
            properties: texts.3,
            default_topic_queues: numbers.0,
            queue_id: numbers.1,
            sys_flag: numbers.2,
            born_timestamp_ms: numbers.3,
            flag: numbers.4,
            reconsume_times: options.0,
            unit_mode: options.1,
            max_reconsume_times: options.2,
            batch: options.3,
            inherited: request::Inherited { broker_name, ..Default::default() },
        };

        let letters = send.command();
        prop_assert_eq!(request::Send::decode(&letters), Ok(send.clone()));
        let words = send.command_as(RequestCode::SEND_MESSAGE);
        prop_assert_eq!(request::Send::decode(&words), Ok(send));
    }

    #[test]
    fn any_pull_answer_comes_back(offsets in any::<(i64, i64, i64, i64)>(), flag: Option<i32>) {
        let pulled = response::Pull {
            suggest_which_broker_id: offsets.0,
            next_begin_offset: offsets.1,
            min_offset: offsets.2,
            max_offset: offsets.3,
            forbidden_type: flag,
            ..Default::default()
        };
        let answer = Command::request(0).with_fields(pulled.fields());

        prop_assert_eq!(response::Pull::decode(&answer), Ok(pulled));
    }

    #[test]
    fn any_topics_come_back_plain_and_pretty(topic_config_table in any_topics()) {
        let table = body::TopicConfigTable { topic_config_table, ..Default::default() };

        for style in [Style::WIRE, Style::STANDARD, Style::FILE] {
            let text = table.to_json_as(style);
            prop_assert_eq!(body::TopicConfigTable::from_json(&text), Ok(table.clone()));
        }
    }

    #[test]
    fn any_registration_comes_back_folded_but_for_order_and_flag(
        topic_config_table in any_topics(),
        version in any::<(i64, i64, i64)>(),
    ) {
        let data_version = body::DataVersion {
            counter: version.0,
            state_version: version.1,
            timestamp_ms: version.2,
        };
        let topics =
            body::TopicConfigs { data_version, topic_config_table, ..Default::default() };
        let mut whole = body::RegisterBroker { topics, ..Default::default() };

        let folded = body::RegisterBroker::from_folded(&whole.to_folded(), 513);

        for topic in whole.topics.topic_config_table.values_mut() {
            topic.order = false;
            topic.topic_sys_flag = 0;
        }
        prop_assert_eq!(folded, Ok(whole));
    }

    #[test]
    fn any_offsets_by_queue_come_back(
        offset_table in proptest::collection::btree_map(any_queue(), any::<i64>(), 0..5),
    ) {
        let reset = body::ResetOffset { offset_table };

        prop_assert_eq!(body::ResetOffset::from_json(&reset.to_json()), Ok(reset));
    }

    #[test]
    fn fields_of_any_kind_never_panic_a_header(
        code in any::<i32>(),
        fields in proptest::collection::vec(
            ("[a-n]|topic|queueId|queueOffset|bname|isForce", "[-+]?[0-9]{0,25}|.{0,5}"),
            0..20,
        ),
    ) {
        let fields: Fields = fields.into_iter().collect();
        let asked = Command::request(code).with_fields(fields);
        drop(request::Send::decode(&asked));
        drop(request::Pull::decode(&asked));
        drop(request::ResetOffset::decode(&asked));
        drop(request::RegisterBroker::decode(&asked));
        drop(response::Send::decode(&asked));
    }

    #[test]
    fn a_bent_body_never_panics(at: usize, byte: u8, topics in any_topics(), queue in any_queue()) {
        let mut route = body::TopicRoute::default();
        route.brokers.push(body::BrokerData::default());
        route.brokers[0].broker_addrs.insert(0, "127.0.0.1:10911".into());
        route.queues.push(body::QueueData::default());
        let table = body::TopicConfigTable { topic_config_table: topics, ..Default::default() };
        let reset = body::ResetOffset { offset_table: [(queue, 7)].into() };
        for text in [route.to_json(), table.to_json(), reset.to_json()] {
            let mut bent = text.to_vec();
            let place = at % bent.len();
            drop(body::TopicRoute::from_json(&bent[..place]));
            bent[place] = byte;
            drop(body::TopicRoute::from_json(&bent));
            drop(body::TopicConfigTable::from_json(&bent));
            drop(body::ResetOffset::from_json(&bent));
            drop(body::ConsumerOffsetTable::from_json(&bent));
        }
    }
}
