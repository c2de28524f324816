//! What operators ask.

use std::time::Duration;

use broker::{CallOutcome, Effect, REQUESTS};
use bytes::Bytes;
use protocol::{
    Command, RequestCode, ResponseCode, Text,
    body::{self, SubscriptionGroupConfig, TopicConfigTable},
};
use runtime::memory::MemoryDisk;
use serde_json::Value;

use crate::{
    room::{CONSUMER, Happening, MORNING_MS, OPERATOR, OTHER, PRODUCER, Room, start_of_day},
    words::{answers, asking, heartbeat, message, number, remark},
};

fn text(answer: &Command) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

fn json(answer: &Command) -> Value {
    assert_eq!(0, answer.code, "{answer:?}");
    protocol::json::read(&answer.body).unwrap()
}

/// What was registered with the name servers among effects.
fn registered(effects: &[Effect]) -> Vec<Command> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Register { command, .. } => Some(command.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_topic_is_changed_registered_and_deleted_with_everything_of_it() {
    let mut room = Room::new();
    room.topic("orders", 2);
    room.topic("orders", 4);
    assert_eq!(4, room.topic_config("orders").unwrap().write_queues);
    room.send("orders", 0, "x");
    room.join(CONSUMER, "c1", "g", &["orders"]);
    room.commit(CONSUMER, "g", "orders", 1);
    let delete = asking(RequestCode::DELETE_TOPIC_IN_BROKER, &[("topic", "orders")]);
    assert_eq!(0, room.answer(OPERATOR, delete).code);
    assert_eq!(None, room.topic_config("orders"));
    room.topic("orders", 1);
    assert_eq!(0, room.send("orders", 0, "y"), "a new life");
    assert_eq!(Some(0), room.offset("g", "orders", 0));
}

#[test]
fn the_whole_table_is_registered_with_a_name_server_that_joins_and_from_time_to_time() {
    let mut room = Room::new();
    room.topic("orders", 1);
    let effects = room.happen(Happening::Joined(3));
    let [Effect::Register { index: Some(3), command }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let whole = body::RegisterBroker::from_json(&command.body).unwrap();
    assert!(whole.topics.topic_config_table.contains_key("orders"));
    assert!(whole.topics.topic_config_table.contains_key("TBW102"));
    assert_eq!("127.0.0.1:20911", command.field("brokerAddr").unwrap());
    assert_eq!("0", command.field("brokerId").unwrap());
    room.pass(Duration::from_secs(1));
    assert_eq!(1, registered(&room.pass(Duration::from_secs(30))).len());
    let gone = registered(&room.happen(Happening::Stopping));
    assert_eq!(RequestCode::UNREGISTER_BROKER.0, gone[0].code);
}

#[test]
fn the_permission_of_the_broker_limits_that_of_its_topics_in_routes() {
    let mut room = Room::with(|settings| settings.broker_permission = 4);
    let joined = room.happen(Happening::Joined(0));
    let whole = body::RegisterBroker::from_json(&registered(&joined)[0].body).unwrap();
    assert!(whole.topics.topic_config_table.values().all(|topic| topic.perm & !4 == 0));
}

#[test]
fn tables_are_given_whole_or_in_parts() {
    let mut room = Room::new();
    room.topic("orders", 1);
    let whole = room.answer(OPERATOR, asking(RequestCode::GET_ALL_TOPIC_CONFIG, &[]));
    let table = TopicConfigTable::from_json(&whole.body).unwrap();
    assert!(table.topic_config_table.contains_key("orders"));
    let offsets = json(&room.answer(OPERATOR, asking(RequestCode::GET_ALL_CONSUMER_OFFSET, &[])));
    assert!(offsets.get("offsetTable").is_some());
    let delays = json(&room.answer(OPERATOR, asking(RequestCode::GET_ALL_DELAY_OFFSET, &[])));
    assert!(delays.get("offsetTable").is_some());
}

#[test]
fn groups_are_made_changed_and_deleted() {
    let mut room = Room::new();
    let config = SubscriptionGroupConfig {
        group_name: Text::from("g"),
        retry_max_times: 3,
        retry_queues: 2,
        ..SubscriptionGroupConfig::default()
    };
    let create = Command::request(RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP)
        .with_body(config.to_json());
    assert_eq!(0, room.answer(OPERATOR, create).code);
    room.join(CONSUMER, "c1", "g", &["orders"]);
    assert_eq!(2, room.topic_config("%RETRY%g").unwrap().write_queues);
    let delete = [("groupName", "g"), ("cleanOffset", "true")];
    let delete = asking(RequestCode::DELETE_SUBSCRIPTIONGROUP, &delete);
    assert_eq!(0, room.answer(OPERATOR, delete).code);
    let get = asking(RequestCode::GET_ALL_SUBSCRIPTIONGROUP_CONFIG, &[]);
    let groups = json(&room.answer(OPERATOR, get));
    assert!(groups["subscriptionGroupTable"].get("g").is_none());
}

#[test]
fn configuration_is_shown_and_changed_all_or_nothing() {
    let mut room = Room::new();
    let get = || asking(RequestCode::GET_BROKER_CONFIG, &[]);
    assert!(text(&room.answer(OPERATOR, get())).contains("\nautoCreateTopicEnable=true\n"));
    let change = |body: &str| {
        Command::request(RequestCode::UPDATE_BROKER_CONFIG).with_body(body.to_owned().into_bytes())
    };
    let wrong = room.answer(OPERATOR, change("autoCreateTopicEnable=false\nmaxMessageSize=lots"));
    assert_eq!(ResponseCode::INVALID_PARAMETER.0, wrong.code);
    assert!(remark(&wrong).contains("maxMessageSize"), "{wrong:?}");
    let unknown = room.answer(OPERATOR, change("autoCreateTopicsEnable=false"));
    assert!(remark(&unknown).contains("autoCreateTopicEnable"), "the nearest: {unknown:?}");
    assert_eq!(0, room.send("fresh", 0, "x"), "nothing has changed");
    assert_eq!(0, room.answer(OPERATOR, change("autoCreateTopicEnable=false")).code);
    let refused = room.answer(PRODUCER, message("another", 0, "x", ""));
    assert_eq!(ResponseCode::TOPIC_NOT_EXIST.0, refused.code);
    assert!(text(&room.answer(OPERATOR, get())).contains("\nautoCreateTopicEnable=false\n"));
}

#[test]
fn a_change_is_written_into_the_file_the_configuration_came_from() {
    let content = Bytes::from_static(b"# ours\nautoCreateTopicEnable=true\nbrokerName=b\n");
    let config = Room::new().config().clone().from_file("/store/my.conf".into(), content);
    let mut room = Room::on(MemoryDisk::new(), config, start_of_day());
    let body = "autoCreateTopicEnable=false\nmaxMessageSize=1000";
    let change =
        Command::request(RequestCode::UPDATE_BROKER_CONFIG).with_body(body.to_owned().into_bytes());
    let effects = room.ask(OPERATOR, change);
    assert!(effects.iter().any(|effect| {
        matches!(effect, Effect::Save { table: broker::Table::Configuration, .. })
    }));
    room.save();
    let file = room.file("my.conf");
    let wanted = "# ours\nautoCreateTopicEnable=false\nbrokerName=b\nmaxMessageSize=1000\n";
    assert_eq!(wanted, std::str::from_utf8(&file).unwrap());
}

/// What only the start looked at would keep the broker from starting again.
#[test]
fn a_change_that_the_next_start_would_refuse_is_refused_now() {
    let content = Bytes::from_static(b"deleteWhen=04\n");
    let config = Room::new().config().clone().from_file("/store/my.conf".into(), content);
    let mut room = Room::on(MemoryDisk::new(), config, start_of_day());
    let change = |body: &str| {
        Command::request(RequestCode::UPDATE_BROKER_CONFIG).with_body(body.to_owned().into_bytes())
    };
    let shown =
        |room: &mut Room| text(&room.answer(OPERATOR, asking(RequestCode::GET_BROKER_CONFIG, &[])));
    let before = shown(&mut room);
    for (body, reason) in [
        ("deleteWhen=25", "`deleteWhen` = `25`: expected hours from 00 to 23, separated by `;`"),
        ("messageDelayLevel=1s 5x", "`messageDelayLevel` = `1s 5x`: expected whole numbers"),
        ("messageDelayLevel=9223372036854775s", "of at most 36500d"),
        ("mappedFileSizeCommitLog=7", "mappedFileSizeCommitLog is 7, but must be between 100"),
        ("mappedFileSizeCommitLog=65536", "expected 1073741824, with which the files"),
        ("maxMessageSize=0", "maxMessageSize is 0, but must be between 1 and"),
        ("namesrvAddr=10.0.0.1", "The Name Server Address[10.0.0.1] illegal"),
        ("bindAddress=every where", "`bindAddress` = `every where`: expected an IP address"),
    ] {
        let body = format!("autoCreateTopicEnable=false\n{body}");
        let effects = room.ask(OPERATOR, change(&body));
        let [Effect::Answer { command: answer, .. }] = effects.as_slice() else {
            panic!("nothing is saved: {effects:?}")
        };
        assert_eq!(ResponseCode::INVALID_PARAMETER.0, answer.code);
        assert!(remark(answer).contains(reason), "{body}: {answer:?}");
        assert_eq!(before, shown(&mut room), "{body}");
    }
    assert_eq!(0, room.answer(OPERATOR, change("deleteWhen=04;16")).code);
    room.save();
    assert_eq!("deleteWhen=04;16\n", std::str::from_utf8(&room.file("my.conf")).unwrap());
}

#[test]
fn statistics_of_topics_and_groups_count_what_happened() {
    let mut room = Room::new();
    room.topic("orders", 2);
    for n in 0..5 {
        room.send("orders", n % 2, "x");
    }
    room.join(CONSUMER, "c1", "g", &["orders"]);
    room.commit(CONSUMER, "g", "orders", 2);
    let topic = asking(RequestCode::GET_TOPIC_STATS_INFO, &[("topic", "orders")]);
    let stats = text(&room.answer(OPERATOR, topic));
    assert!(stats.contains("\"maxOffset\":3") && stats.contains("\"maxOffset\":2"), "{stats}");
    let group = asking(RequestCode::GET_CONSUME_STATS, &[("consumerGroup", "g"), ("topic", "")]);
    let stats = text(&room.answer(OPERATOR, group));
    assert!(stats.contains("\"brokerOffset\":3,\"consumerOffset\":2"), "{stats}");
    let unknown = asking(RequestCode::GET_TOPIC_STATS_INFO, &[("topic", "nope")]);
    let unknown = room.answer(OPERATOR, unknown);
    assert_eq!(ResponseCode::TOPIC_NOT_EXIST.0, unknown.code);
    assert_eq!("topic[nope] not exist", remark(&unknown));
}

#[test]
fn who_is_connected_is_shown() {
    let mut room = Room::new();
    room.topic("orders", 1);
    room.join(CONSUMER, "c1", "g", &["orders"]);
    let ask = asking(RequestCode::GET_CONSUMER_CONNECTION_LIST, &[("consumerGroup", "g")]);
    let shown = json(&room.answer(OPERATOR, ask));
    assert_eq!("c1", shown["connectionSet"][0]["clientId"]);
    assert_eq!("127.0.0.1:40002", shown["connectionSet"][0]["clientAddr"]);
    let ask = asking(RequestCode::QUERY_TOPIC_CONSUME_BY_WHO, &[("topic", "orders")]);
    assert_eq!(json(&room.answer(OPERATOR, ask))["groupList"], serde_json::json!(["g"]));
    let nobody = asking(RequestCode::GET_CONSUMER_CONNECTION_LIST, &[("consumerGroup", "h")]);
    let nobody = room.answer(OPERATOR, nobody);
    assert_eq!(ResponseCode::CONSUMER_NOT_ONLINE.0, nobody.code);
    assert_eq!("the consumer group[h] not online", remark(&nobody));
}

#[test]
fn a_queue_is_looked_at_slot_by_slot() {
    let mut room = Room::new();
    room.topic("orders", 1);
    for _ in 0..3 {
        room.send("orders", 0, "x");
    }
    let fields = [("topic", "orders"), ("queueId", "0"), ("index", "1"), ("count", "10")];
    let shown = json(&room.answer(OPERATOR, asking(RequestCode::QUERY_CONSUME_QUEUE, &fields)));
    assert_eq!(2, shown["queueData"].as_array().unwrap().len());
    assert_eq!(3, shown["maxQueueIndex"]);
}

/// The question that a client is asked, among effects.
fn call(effects: &[Effect]) -> (broker::CallId, Command) {
    effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Call { call, command, .. } => Some((*call, command.clone())),
            _ => None,
        })
        .expect("a call")
}

#[test]
fn what_only_a_client_knows_is_asked_there() {
    let mut room = Room::new();
    room.topic("orders", 1);
    room.join(CONSUMER, "c1", "g", &["orders"]);
    let fields = [("consumerGroup", "g"), ("clientId", "c1")];
    let ask = || asking(RequestCode::GET_CONSUMER_RUNNING_INFO, &fields);
    let effects = room.ask(OPERATOR, ask());
    assert!(answers(&effects).is_empty());
    let (id, question) = call(&effects);
    assert_eq!(RequestCode::GET_CONSUMER_RUNNING_INFO.0, question.code);
    let said = question.answer(ResponseCode::SUCCESS).with_body(&b"{\"a\":1}"[..]);
    let told = answers(&room.happen(Happening::Called(id, CallOutcome::Answered(said))));
    assert_eq!((OPERATOR, &b"{\"a\":1}"[..]), (told[0].0, &told[0].1.body[..]));

    let (id, _) = call(&room.ask(OPERATOR, ask()));
    let told = answers(&room.happen(Happening::Called(id, CallOutcome::TimedOut)));
    assert_eq!(ResponseCode::CONSUME_MSG_TIMEOUT.0, told[0].1.code);
    let offline = [("consumerGroup", "g"), ("clientId", "c2")];
    let offline = asking(RequestCode::GET_CONSUMER_RUNNING_INFO, &offline);
    assert_eq!("The Consumer <g> <c2> not online", remark(&room.answer(OPERATOR, offline)));
}

#[test]
fn every_member_is_asked_how_far_it_is() {
    let mut room = Room::new();
    room.topic("orders", 1);
    room.join(CONSUMER, "c1", "g", &["orders"]);
    room.join(OTHER, "c2", "g", &["orders"]);
    let ask = [("topic", "orders"), ("group", "g")];
    let ask = asking(RequestCode::INVOKE_BROKER_TO_GET_CONSUMER_STATUS, &ask);
    let effects = room.ask(OPERATOR, ask);
    let calls: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Call { call, command, .. } => Some((*call, command.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(2, calls.len());
    let body = b"{\"messageQueueTable\":{{\"brokerName\":\"broker-a\",\"queueId\":0,\"topic\":\"orders\"}:7}}";
    let said = calls[0].1.answer(ResponseCode::SUCCESS).with_body(&body[..]);
    assert!(
        answers(&room.happen(Happening::Called(calls[0].0, CallOutcome::Answered(said))))
            .is_empty()
    );
    let told = answers(&room.happen(Happening::Called(calls[1].0, CallOutcome::TimedOut)));
    assert!(text(&told[0].1).contains("\"c1\""), "{told:?}");
    assert!(!text(&told[0].1).contains("\"c2\""));
}

#[test]
fn messages_are_found_by_key_by_id_and_by_time() {
    let mut room = Room::new();
    room.topic("orders", 1);
    for n in 0..3 {
        let text = format!("KEYS\u{1}k{n}\u{2}");
        room.answer(PRODUCER, message("orders", 0, &format!("m{n}"), &text));
        room.pass(Duration::from_secs(1));
    }
    let fields = [
        ("topic", "orders"),
        ("key", "k1"),
        ("maxNum", "32"),
        ("beginTimestamp", "0"),
        ("endTimestamp", "9999999999999"),
    ];
    let found = room.answer(OPERATOR, asking(RequestCode::QUERY_MESSAGE, &fields));
    assert_eq!(["m1"], crate::words::bodies(&found).as_slice());
    let now = (MORNING_MS + 1_000).to_string();
    let fields = [("topic", "orders"), ("queueId", "0"), ("timestamp", now.as_str())];
    let at = room.answer(OPERATOR, asking(RequestCode::SEARCH_OFFSET_BY_TIMESTAMP, &fields));
    assert_eq!(1, number(&at, "offset"));
    let missing = [("topic", "orders"), ("key", "nope"), fields[2], fields[2], fields[2]];
    let mut missing = asking(RequestCode::QUERY_MESSAGE, &missing);
    for (name, value) in [("maxNum", "1"), ("beginTimestamp", "0"), ("endTimestamp", "1")] {
        missing.set_field(name, value);
    }
    let missing = room.answer(OPERATOR, missing);
    assert_eq!(ResponseCode::QUERY_NOT_FOUND.0, missing.code);
    assert_eq!("can not find message, maybe time range not correct", remark(&missing));
}

#[test]
fn unused_topics_and_old_queues_are_cleaned_when_somebody_asks() {
    let mut room = Room::new();
    for code in [
        RequestCode::CLEAN_EXPIRED_CONSUMEQUEUE,
        RequestCode::CLEAN_UNUSED_TOPIC,
        RequestCode::DELETE_EXPIRED_COMMITLOG,
    ] {
        assert_eq!(0, room.answer(OPERATOR, asking(code, &[])).code, "{code}");
    }
    room.topic("orders", 1).send("orders", 0, "x");
    room.answer(OPERATOR, asking(RequestCode::CLEAN_UNUSED_TOPIC, &[]));
    assert_eq!(1, room.pulled("g", "orders", 0, 0).1);
}

#[test]
fn every_request_is_counted() {
    let mut room = Room::new();
    room.topic("orders", 1);
    room.send("orders", 0, "x");
    room.answer(PRODUCER, message("orders", 9, "x", ""));
    room.answer(OPERATOR, Command::request(RequestCode(9_999)));
    room.ask(CONSUMER, heartbeat("c1", "g", &["orders"]));
    let meters = room.broker.meters();
    assert_eq!(1, meters.unknown);
    let is_send = |place: usize| REQUESTS[place].code == RequestCode::SEND_MESSAGE_V2;
    let (_, sends) = meters.iter().find(|(place, _)| is_send(*place)).expect("it was asked");
    assert_eq!((2, 1), (sends.asked, sends.refused));
}
