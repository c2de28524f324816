//! Requests about topics, KV configuration and the name server's own settings.

mod core;

use std::time::Duration;

use namesrv::{Config, Effect, Event};
use protocol::{
    Command, Fields, RequestCode, ResponseCode, Text, body::TopicList, properties_file, request,
};

use crate::core::{Broker, Core, PEER, answer_of};

fn with(key: &str, value: &str) -> Core {
    let mut config = Config::default();
    config.set_all(&[(key.to_owned(), value.to_owned())]).expect("a known key");
    Core::with(config)
}

fn code(code: ResponseCode) -> i32 {
    code.into()
}

fn put(namespace: &str, key: &str, value: &str) -> Command {
    let [namespace, key, value] = [namespace, key, value].map(Text::from);
    request::PutKvConfig { namespace, key, value }.command()
}

fn get(namespace: &str, key: &str) -> Command {
    let [namespace, key] = [namespace, key].map(Text::from);
    request::GetKvConfig { namespace, key }.command()
}

#[test]
fn a_value_is_acknowledged_only_when_it_is_durable() {
    let mut core = Core::new();

    let effects = core.happens_alone(Event::Asked { peer: PEER, command: put("n", "k", "v") });
    let [Effect::Save { ticket, path, content }] = &effects[..] else { panic!("{effects:?}") };
    assert!(path.ends_with("namesrv/kvConfig.json"));
    assert_eq!(content, r#"{"configTable":{"n":{"k":"v"}}}"#);

    let saved = Event::Saved { ticket: *ticket, error: None };
    assert_eq!(answer_of(&core.happens_alone(saved)).code, 0);
    assert_eq!(core.answer(get("n", "k")).field("value").unwrap(), "v");
    core.assert_replays();
}

#[test]
fn a_value_that_could_not_be_saved_is_not_acknowledged() {
    let mut core = Core::new();
    core.happens_alone(Event::Asked { peer: PEER, command: put("n", "k", "v") });
    let failed = Event::Saved { ticket: 0, error: Some("disk full".to_owned()) };

    let answer = answer_of(&core.happens_alone(failed.clone()));

    assert_eq!(answer.code, code(ResponseCode::SYSTEM_ERROR));
    assert!(answer.remark.unwrap().contains("disk full"));
    assert_eq!(core.happens_alone(failed), [], "one request has one answer");
}

#[test]
fn nobody_is_answered_whose_connection_closed_meanwhile() {
    let mut core = Core::new();
    core.happens_alone(Event::Asked { peer: PEER, command: put("n", "k", "v") });
    core.happens_alone(Event::Closed { peer: PEER });
    assert_eq!(core.happens_alone(Event::Saved { ticket: 0, error: None }), []);
}

#[test]
fn an_ordered_topic_has_its_order_in_the_route_if_that_is_wanted() {
    for wanted in [true, false] {
        let mut core = with("orderMessageEnable", if wanted { "true" } else { "false" });
        core.ask(put("ORDER_TOPIC_CONFIG", "orders", "a:4"));
        let answer = core.answer(Broker::new("a", 0, "a:1").command());
        assert_eq!(answer.body, r#"{"table":{"orders":"a:4"}}"#);
        let order = core.route("orders").unwrap().order_topic_conf;
        assert_eq!(order.as_deref(), wanted.then_some("a:4"));
    }
}

#[test]
fn a_route_is_refused_during_warm_up_and_served_after_it() {
    let mut core = with("needWaitForService", "true");
    core.ask(Broker::new("a", 0, "a:1").command());
    let ask = request::RouteInfo { topic: Text::from("orders"), ..Default::default() };

    let early = core.answer(ask.command());
    assert_eq!(early.code, code(ResponseCode::SYSTEM_ERROR));
    assert_eq!(early.remark.unwrap(), "name server not ready");

    core.jump(Duration::from_secs(45));
    assert!(core.route("orders").is_some());
    assert!(core.route("unknown").is_none());
    assert!(core.route("orders").is_some());
}

#[test]
fn integers_as_keys_are_quoted_for_who_asks_so_and_for_new_clients() {
    let mut core = Core::new();
    core.ask(Broker::new("a", 0, "a:1").command());
    let text = |core: &mut Core, version: i32, standard: Option<bool>| {
        let ask = request::RouteInfo {
            topic: Text::from("orders"),
            accept_standard_json_only: standard,
            ..Default::default()
        };
        let mut command = ask.command();
        command.version = version;
        String::from_utf8(core.answer(command).body.to_vec()).unwrap()
    };
    assert!(text(&mut core, 400, None).contains(r#"{0:"a:1"}"#));
    assert!(text(&mut core, 400, Some(false)).contains(r#"{0:"a:1"}"#));
    assert!(text(&mut core, 400, Some(true)).contains(r#"{"0":"a:1"}"#));
    assert!(text(&mut core, 401, None).contains(r#"{"0":"a:1"}"#));
}

#[test]
fn a_zone_is_heeded_only_in_zone_mode() {
    let mut core = Core::new();
    for (name, zone) in [("a", "east"), ("b", "west")] {
        let mut broker = Broker::new(name, 0, &format!("{name}:1"));
        broker.header.zone_name = Some(Text::from(zone));
        core.ask(broker.command());
    }
    let brokers = |core: &mut Core, mode: &str| {
        let fields: Fields = [("topic", "orders"), ("__ZONE_NAME", "west"), ("__ZONE_MODE", mode)]
            .into_iter()
            .collect();
        let command = Command::request(RequestCode::GET_ROUTEINFO_BY_TOPIC).with_fields(fields);
        let answer = core.answer(command);
        protocol::body::TopicRoute::from_json(&answer.body).unwrap().brokers.len()
    };
    assert_eq!(brokers(&mut core, "true"), 1);
    assert_eq!(brokers(&mut core, "false"), 2);
}

#[test]
fn lists_of_topics_can_be_forbidden() {
    use RequestCode as Ask;
    let lists = [
        (Ask::GET_ALL_TOPIC_LIST_FROM_NAMESERVER, "enableAllTopicList"),
        (Ask::GET_TOPICS_BY_CLUSTER, "enableTopicList"),
        (Ask::GET_UNIT_TOPIC_LIST, "enableTopicList"),
        (Ask::GET_HAS_UNIT_SUB_TOPIC_LIST, "enableTopicList"),
        (Ask::GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST, "enableTopicList"),
    ];
    for (ask, key) in lists {
        let command = Command::request(ask).with_fields(Fields::new().with("cluster", "c"));
        assert_eq!(with(key, "true").answer(command.clone()).code, 0);
        let answer = with(key, "false").answer(command);
        assert_eq!((answer.code, answer.remark.unwrap().as_str()), (1, "disable"));
    }
}

#[test]
fn topics_are_listed_by_their_unit_flags() {
    let mut core = Core::new();
    let mut broker = Broker::new("a", 0, "a:1");
    for (topic, flag) in [("none", 0), ("unit", 1), ("sub", 2), ("both", 3)] {
        broker = broker.with_topic(topic, 1);
        let topics = &mut broker.body.topics.topic_config_table;
        topics.get_mut(topic).unwrap().topic_sys_flag = flag;
    }
    core.ask(broker.command());
    let mut topics = |ask| {
        let answer = core.answer(Command::request(ask));
        TopicList::from_json(&answer.body).unwrap().topics
    };
    assert_eq!(topics(RequestCode::GET_UNIT_TOPIC_LIST), ["both", "unit"]);
    assert_eq!(topics(RequestCode::GET_HAS_UNIT_SUB_TOPIC_LIST), ["both", "sub"]);
    assert_eq!(topics(RequestCode::GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST), ["sub"]);
}

#[test]
fn a_topic_is_forgotten_in_one_cluster_or_everywhere() {
    let mut core = Core::new();
    for (name, cluster) in [("a", "c"), ("b", "other")] {
        let mut broker = Broker::new(name, 0, &format!("{name}:1"));
        broker.header.cluster_name = Text::from(cluster);
        core.ask(broker.command());
    }
    let delete = |cluster: Option<&str>| {
        let header = request::DeleteTopicInNamesrv {
            topic: Text::from("orders"),
            cluster_name: cluster.map(Text::from),
            ..Default::default()
        };
        header.command()
    };
    core.ask(delete(Some("unknown")));
    assert_eq!(core.addresses("orders").len(), 2);
    core.ask(delete(Some("other")));
    assert_eq!(core.addresses("orders"), ["0=a:1"]);
    core.ask(delete(None));
    assert!(core.route("orders").is_none());
}

#[test]
fn a_topic_is_made_known_only_on_known_brokers() {
    let mut core = Core::new();
    core.ask(Broker::new("a", 0, "a:1").command());
    let register = |brokers: &str| {
        let header = request::RegisterTopic { topic: Text::from("made"), ..Default::default() };
        header.command().with_body(format!(r#"{{"queueDatas":[{brokers}]}}"#))
    };
    let on = |name: &str| format!(r#"{{"brokerName":"{name}","perm":6,"writeQueueNums":2}}"#);
    assert_eq!(core.answer(register(&format!("{},{}", on("a"), on("z")))).code, 0);
    assert!(core.route("made").is_none());
    assert_eq!(core.answer(register(&on("a"))).code, 0);
    assert_eq!(core.addresses("made"), ["0=a:1"]);
}

/// A value may hold whatever an escape can say; as a line of its own it would be another key.
#[test]
fn a_saved_setting_reads_back_as_it_was_and_sets_no_other() {
    let mut core = Core::new();
    let body = "productEnvName=C:\\\\users\\nkvConfigPath=/etc/passwd\\n\\u00e9";
    let effects =
        core.ask(Command::request(RequestCode::UPDATE_NAMESRV_CONFIG).with_body(body.to_owned()));
    let saved = effects.iter().find_map(|effect| match effect {
        Effect::Save { content, .. } => Some(content.clone()),
        Effect::Answer { .. } | Effect::Tell { .. } | Effect::Close { .. } => None,
    });
    let saved = properties_file::read(&saved.expect("a file")).expect("the next start reads it");
    let values = |key: &str| -> Vec<&str> {
        let found = saved.iter().filter(|property| property.key == key);
        found.map(|property| property.value.as_str()).collect()
    };
    assert_eq!(values("productEnvName"), ["C:\\users\nkvConfigPath=/etc/passwd\né"]);
    assert_eq!(values("kvConfigPath").len(), 1);
    assert_ne!(values("kvConfigPath"), ["/etc/passwd"]);
}

/// What is saved must be short enough for the next start.
#[test]
fn a_setting_too_long_for_the_file_is_refused_and_changes_nothing() {
    let mut core = Core::new();
    let get = || Command::request(RequestCode::GET_NAMESRV_CONFIG);
    let before = core.answer(get()).body;
    let long = format!("productEnvName={}", "x".repeat(1024 * 1024 - 20));
    let effects = core.ask(Command::request(RequestCode::UPDATE_NAMESRV_CONFIG).with_body(long));
    assert_eq!(effects.len(), 1, "nothing is saved");
    let remark = answer_of(&effects).remark.unwrap_or_default();
    assert!(remark.contains("exceed the limit of 1048576 bytes"), "{remark}");
    assert_eq!(core.answer(get()).body, before);
}

#[test]
fn changed_settings_hold_at_once_and_are_saved() {
    let mut core = Core::new();
    let update = |text: &str| {
        Command::request(RequestCode::UPDATE_NAMESRV_CONFIG).with_body(text.to_owned())
    };
    let effects = core.ask(update("enableTopicList=false\n"));
    let saved = effects.iter().find_map(|effect| match effect {
        Effect::Save { path, content, .. } => Some((path.clone(), content.clone())),
        Effect::Answer { .. } | Effect::Tell { .. } | Effect::Close { .. } => None,
    });
    let (path, content) = saved.expect("a file");
    assert!(path.ends_with("namesrv/namesrv.properties"));
    assert!(String::from_utf8(content.to_vec()).unwrap().contains("enableTopicList=false\n"));
    let list = core.answer(Command::request(RequestCode::GET_UNIT_TOPIC_LIST));
    assert_eq!(list.remark.unwrap(), "disable");

    for (text, wanted) in [
        ("kvConfigPath=/etc/passwd", ResponseCode::NO_PERMISSION),
        ("configStorePath=x", ResponseCode::NO_PERMISSION),
        ("configBlackList=", ResponseCode::NO_PERMISSION),
        ("rocketmqHome=/", ResponseCode::NO_PERMISSION),
        ("enableTopicLst=true", ResponseCode::SYSTEM_ERROR),
        ("enableTopicList=perhaps", ResponseCode::SYSTEM_ERROR),
        ("enableTopicList=\\u12", ResponseCode::SYSTEM_ERROR),
    ] {
        let effects = core.ask(update(text));
        assert_eq!(effects.len(), 1, "{text}");
        assert_eq!(answer_of(&effects).code, code(wanted), "{text}");
    }
}
