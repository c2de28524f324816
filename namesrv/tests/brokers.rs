//! Brokers that come, go, come back, and get confused with one another.

mod core;

use std::time::Duration;

use bytes::Bytes;
use namesrv::{Config, Effect, Event};
use protocol::{Command, RequestCode, ResponseCode, Text, body, record, request, response};
use remoting::PeerId;

use crate::core::{Broker, Core, PEER, answer_of, unhex};

const SECOND: Duration = Duration::from_secs(1);

fn config(pairs: &[(&str, &str)]) -> Config {
    let mut config = Config::default();
    let pairs: Vec<(String, String)> =
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    config.set_all(&pairs).expect("known keys");
    config
}

fn perm(core: &mut Core, topic: &str) -> i32 {
    core.route(topic).expect("a route").queues[0].perm
}

fn assert_registered(answer: &Command) {
    assert_eq!(answer.code, 0, "{answer:?}");
}

#[test]
fn a_registered_broker_is_in_the_routes_of_its_topics() {
    let mut core = Core::new();
    assert!(core.route("orders").is_none());
    assert_registered(&core.answer(Broker::new("a", 0, "a:1").command()));
    assert_registered(&core.answer(Broker::new("b", 0, "b:1").command()));

    let route = core.route("orders").unwrap();

    let names: Vec<&str> = route.brokers.iter().map(|b| b.broker_name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(route.queues.iter().map(|q| q.write_queues).collect::<Vec<_>>(), [4, 4]);
    core.assert_replays();
}

#[test]
fn a_first_registration_of_one_topic_is_refused_and_leaves_no_trace() {
    let mut core = Core::new();
    let before = core.snapshot();
    let only = Broker::new("a", 0, "a:1").only_topic("orders", 4);

    let answer = core.answer(only.command());

    assert_eq!(answer.code, i32::from(ResponseCode::SYSTEM_ERROR));
    assert_eq!(answer.remark.unwrap(), "register broker failed");
    assert_eq!(core.snapshot(), before);

    core.ask(Broker::new("a", 0, "a:1").command());
    let update = Broker::new("a", 0, "a:1").only_topic("new", 2).in_version(0, 2);
    assert_registered(&core.answer(update.command()));
    assert!(core.route("new").is_some() && core.route("orders").is_some());
}

#[test]
fn a_broker_that_restarted_is_not_removed_by_the_end_of_its_old_connection() {
    let mut core = Core::new();
    let broker = Broker::new("a", 0, "a:1");
    core.ask(broker.command());
    core.happens(Event::Opened { peer: PeerId(3) });
    core.ask_from(PeerId(3), broker.command());

    core.happens(Event::Closed { peer: PEER });
    assert_eq!(core.addresses("orders"), ["0=a:1"]);

    core.happens(Event::Closed { peer: PeerId(3) });
    assert!(core.route("orders").is_none());
}

#[test]
fn what_a_broker_sent_before_it_died_does_not_end_its_new_life() {
    let mut core = Core::new();
    let broker = Broker::new("a", 0, "a:1");
    core.ask(broker.command());
    core.happens(Event::Opened { peer: PeerId(3) });
    core.ask_from(PeerId(3), broker.command());

    // Frames of the dead process, read late.
    core.ask(broker.command());
    core.ask(broker.goodbye());
    core.happens(Event::Closed { peer: PEER });

    assert_eq!(core.addresses("orders"), ["0=a:1"]);
}

#[test]
fn a_broker_that_says_goodbye_is_gone_at_once_and_only_it() {
    let mut core = Core::new();
    core.ask(Broker::new("a", 0, "a:1").command());
    core.ask(Broker::new("a", 1, "a:2").command());
    core.ask(Broker::new("b", 0, "b:1").command());

    core.ask(Broker::new("a", 0, "a:1").goodbye());

    assert_eq!(core.addresses("orders"), ["1=a:2", "0=b:1"]);
}

#[test]
fn a_late_goodbye_of_an_old_master_does_not_remove_the_new_one() {
    let mut core = Core::new();
    core.ask(Broker::new("a", 0, "a:1").command());
    core.ask(Broker::new("a", 0, "a:2").in_version(1, 1).command());

    core.ask(Broker::new("a", 0, "a:1").goodbye());

    assert_eq!(core.addresses("orders"), ["0=a:2"]);
}

#[test]
fn a_slave_that_becomes_master_gives_up_its_old_id() {
    let mut core = Core::new();
    core.ask(Broker::new("a", 1, "a:2").command());
    core.ask(Broker::new("a", 0, "a:2").in_version(1, 1).command());
    assert_eq!(core.addresses("orders"), ["0=a:2"]);
}

#[test]
fn an_older_state_does_not_take_the_place_of_a_newer_one() {
    let mut core = Core::new();
    core.ask(Broker::new("a", 0, "a:1").in_version(5, 1).command());

    let answer = core.answer(Broker::new("a", 0, "a:2").in_version(4, 9).command());

    assert_registered(&answer);
    assert_eq!(core.addresses("orders"), ["0=a:1"]);
    core.ask(Broker::new("a", 0, "a:2").in_version(5, 9).command());
    assert_eq!(core.addresses("orders"), ["0=a:2"]);
}

#[test]
fn a_broker_that_was_renamed_leaves_no_ghost() {
    let mut core = Core::new();
    core.ask(Broker::new("old", 0, "a:1").command());
    core.ask(Broker::new("new", 0, "a:1").command());
    assert_eq!(core.addresses("orders"), ["0=a:1"]);
    assert!(core.route("old").is_none());
    assert!(!core.snapshot().contains("old"));
}

#[test]
fn a_silent_broker_leaves_after_its_timeout_and_its_connection_is_closed() {
    let mut core = Core::new();
    core.ask(Broker::new("a", 0, "a:1").command());

    assert_eq!(core.pass(120 * SECOND), []);
    assert_eq!(core.addresses("orders"), ["0=a:1"]);

    assert_eq!(core.pass(5 * SECOND), [Effect::Close { peer: PEER }]);
    assert!(core.route("orders").is_none());
    core.assert_replays();
}

#[test]
fn a_broker_may_name_its_own_timeout() {
    let mut core = Core::new();
    let mut broker = Broker::new("a", 0, "a:1");
    broker.header.heartbeat_timeout_ms = Some(10_000);
    core.ask(broker.command());
    core.pass(10 * SECOND);
    assert!(core.route("orders").is_some());
    core.pass(5 * SECOND);
    assert!(core.route("orders").is_none());
}

#[test]
fn heartbeats_of_every_kind_keep_a_broker_alive() {
    let mut core = Core::new();
    core.ask(Broker::new("a", 0, "a:1").command());
    let heartbeat = request::BrokerHeartbeat {
        cluster_name: Text::from("c"),
        broker_addr: Text::from("a:1"),
        broker_name: Text::from("a"),
        ..Default::default()
    };
    let version = request::QueryDataVersion {
        cluster_name: Text::from("c"),
        broker_addr: Text::from("a:1"),
        broker_name: Text::from("a"),
        broker_id: 0,
    };
    let version = version.command().with_body(body::DataVersion::default().to_json()).oneway();
    for beat in [heartbeat.command(), version] {
        core.pass(100 * SECOND);
        core.ask(beat);
    }
    core.pass(100 * SECOND);
    assert!(core.route("orders").is_some());
}

#[test]
fn a_step_of_the_wall_clock_makes_nobody_silent() {
    let mut core = Core::new();
    core.ask(Broker::new("a", 0, "a:1").command());
    core.step_wall_clock(3_600_000);
    core.pass(5 * SECOND);
    core.step_wall_clock(-7_200_000);
    core.pass(5 * SECOND);
    assert!(core.route("orders").is_some());
}

#[test]
fn a_broker_whose_expiry_was_due_is_kept_when_it_registers_first() {
    let mut core = Core::new();
    core.ask(Broker::new("a", 0, "a:1").command());
    core.pass(120 * SECOND);
    core.jump(4 * SECOND);
    core.ask(Broker::new("a", 0, "a:1").command());
    core.pass(5 * SECOND);
    assert!(core.route("orders").is_some());
}

#[test]
fn a_known_data_version_is_unchanged_and_any_other_is_changed() {
    let mut core = Core::new();
    let query = |version: &body::DataVersion| {
        let header = request::QueryDataVersion {
            cluster_name: Text::from("c"),
            broker_addr: Text::from("a:1"),
            broker_name: Text::from("a"),
            broker_id: 0,
        };
        header.command().with_body(version.to_json())
    };
    let broker = Broker::new("a", 0, "a:1").in_version(0, 8);
    let version = broker.body.topics.data_version;
    let changed = |answer: &Command| response::QueryDataVersion::decode(answer).unwrap().changed;

    let unknown = core.answer(query(&version));
    assert!(changed(&unknown) && unknown.body.is_empty());
    core.ask(broker.command());
    assert!(!changed(&core.answer(query(&version))));
    assert!(changed(&core.answer(query(&body::DataVersion::default()))));
}

#[test]
fn a_slave_learns_its_master_and_publishes_nothing_while_there_is_one() {
    let mut core = Core::new();
    core.ask(Broker::new("a", 0, "a:1").command());
    let slave = Broker::new("a", 2, "a:2").with_topic("only-on-slave", 1);

    let answer = core.answer(slave.command());

    let learned = response::RegisterBroker::decode(&answer).unwrap();
    assert_eq!(learned.master_addr.unwrap(), "a:1");
    assert_eq!(learned.ha_server_addr.unwrap(), "a:19");
    assert!(core.route("only-on-slave").is_none());
}

#[test]
fn a_set_without_master_is_read_only_and_its_smallest_slave_poses_as_master() {
    let mut core = Core::with(config(&[("supportActingMaster", "true")]));
    core.ask(Broker::new("a", 0, "a:1").acting().command());
    core.happens(Event::Opened { peer: PeerId(1) });
    core.ask_from(PeerId(1), Broker::new("a", 3, "a:3").acting().command());
    core.ask_from(PeerId(1), Broker::new("a", 2, "a:2").acting().command());
    assert_eq!(core.addresses("orders"), ["0=a:1", "2=a:2", "3=a:3"]);

    core.happens(Event::Closed { peer: PEER });
    assert_eq!(core.addresses("orders"), ["0=a:2", "3=a:3"]);
    assert_eq!(perm(&mut core, "orders"), 4);

    core.ask_from(PeerId(1), Broker::new("a", 2, "a:2").acting().in_version(0, 2).command());
    assert_eq!(perm(&mut core, "orders"), 4);

    core.happens(Event::Opened { peer: PeerId(9) });
    core.ask_from(PeerId(9), Broker::new("a", 0, "a:1").acting().command());
    assert_eq!(core.addresses("orders"), ["0=a:1", "2=a:2", "3=a:3"]);
    assert_eq!(perm(&mut core, "orders"), 6);
    core.assert_replays();
}

#[test]
fn a_set_that_wants_no_acting_master_gets_none() {
    let mut core = Core::with(config(&[("supportActingMaster", "true")]));
    core.ask(Broker::new("a", 0, "a:1").command());
    core.happens(Event::Opened { peer: PeerId(1) });
    core.ask_from(PeerId(1), Broker::new("a", 1, "a:2").command());
    core.happens(Event::Closed { peer: PEER });
    assert_eq!(core.addresses("orders"), ["1=a:2"]);
    assert_eq!(perm(&mut core, "orders"), 6);
}

#[test]
fn the_brokers_of_a_set_hear_that_their_smallest_id_changed_if_that_is_wanted() {
    for wanted in [true, false] {
        let notify = [("notifyMinBrokerIdChanged", if wanted { "true" } else { "false" })];
        let mut core = Core::with(config(&notify));
        core.ask(Broker::new("a", 1, "a:2").acting().command());
        let told = |effects: Vec<Effect>| -> Vec<(Text, request::MinBrokerIdChanged)> {
            let tell = |effect| match effect {
                Effect::Tell { address, command } => {
                    assert!(command.is_oneway());
                    let header = request::MinBrokerIdChanged::decode(&command).unwrap();
                    Some((address, header))
                }
                Effect::Answer { .. } | Effect::Save { .. } | Effect::Close { .. } => None,
            };
            effects.into_iter().filter_map(tell).collect()
        };

        let came = told(core.ask(Broker::new("a", 0, "a:1").acting().command()));
        let went = told(core.ask(Broker::new("a", 0, "a:1").goodbye()));

        if wanted {
            let (address, header) = &came[0];
            assert_eq!((address.as_str(), header.min_broker_id), ("a:2", Some(0)));
            assert_eq!(header.ha_broker_addr.as_deref(), Some("a:19"));
            let (address, header) = &went[0];
            assert_eq!((address.as_str(), header.min_broker_id), ("a:2", Some(1)));
            assert_eq!(header.offline_broker_addr.as_deref(), Some("a:1"));
        }
        assert_eq!(came.len() + went.len(), if wanted { 2 } else { 0 });
    }
}

#[test]
fn a_whole_registration_drops_missing_topics_if_that_is_wanted_and_a_partial_one_never() {
    for wanted in [true, false] {
        let drop = [("deleteTopicWithBrokerRegistration", if wanted { "true" } else { "false" })];
        let mut core = Core::with(config(&drop));
        core.ask(Broker::new("a", 0, "a:1").with_topic("gone", 1).command());
        core.ask(Broker::new("a", 0, "a:1").only_topic("new", 1).in_version(0, 2).command());
        assert!(core.route("gone").is_some() && core.route("new").is_some());
        core.ask(Broker::new("a", 0, "a:1").in_version(0, 3).command());
        assert_eq!(core.route("gone").is_none(), wanted);
        assert!(core.route("orders").is_some());
    }
}

#[test]
fn write_permission_is_taken_and_given_back_and_a_changed_table_restores_it() {
    let mut core = Core::new();
    core.ask(Broker::new("a", 0, "a:1").command());
    let wipe = request::WipeWritePerm { broker_name: Text::from("a") };
    let add = request::AddWritePerm { broker_name: Text::from("a") };

    let answer = core.answer(wipe.command());
    assert_eq!(response::WipeWritePerm::decode(&answer).unwrap().topics, 2);
    assert_eq!(perm(&mut core, "orders"), 4);
    core.ask(Broker::new("a", 0, "a:1").command());
    assert_eq!(perm(&mut core, "orders"), 4, "an unchanged table changes nothing");
    core.answer(add.command());
    assert_eq!(perm(&mut core, "orders"), 6);
    core.ask(wipe.command());
    core.ask(Broker::new("a", 0, "a:1").in_version(0, 2).command());
    assert_eq!(perm(&mut core, "orders"), 6);
}

#[test]
fn a_folded_body_made_by_java_is_read() {
    let compressed = "\
        78da636060b0a8564ace2fcd2b492d52b232d0512a2e492c490d4b2d2acecccf030b9464e6a602\
        05730b94ac0ccd2d4d8d0c0c0c0d0d2c2c0c6b1918189880582a24bf2033d949c11008cd14823d\
        fddc7d5ce3431cdd15aa412a8cc0b28e0a260ac668b24ada40738b13d353f54a2a0b5295ac94fc\
        fc837c1d7d94c0e646c70249060062cc294c";
    let body: Bytes = unhex(compressed);
    let mut broker = Broker::new("a", 0, "a:1");
    broker.header.compressed = true;
    broker.header.body_crc32 = record::body_crc(&body);
    let mut core = Core::new();
    assert_registered(&core.answer(broker.header.command().with_body(body)));
    assert!(core.route("TopicB").is_some());
}

#[test]
fn a_body_that_was_damaged_on_the_way_is_refused() {
    let mut core = Core::new();
    let mut broker = Broker::new("a", 0, "a:1");
    broker.header.body_crc32 = record::body_crc(&broker.command().body) ^ 1;
    let answer = core.answer(broker.command());
    assert_eq!(answer.remark.unwrap(), "crc32 not match");
    assert!(core.route("orders").is_none());
}

#[test]
fn a_registration_that_says_nonsense_is_refused_and_changes_nothing() {
    let mut core = Core::new();
    let before = core.snapshot();
    let good = Broker::new("a", 0, "a:1");
    let header = |change: fn(&mut Broker)| {
        let mut broker = Broker::new("a", 0, "a:1");
        change(&mut broker);
        broker.command()
    };
    let nonsense = [
        header(|broker| broker.header.broker_name = Text::EMPTY),
        header(|broker| broker.header.broker_addr = Text::from(" ")),
        header(|broker| broker.header.cluster_name = Text::EMPTY),
        header(|broker| broker.header.broker_id = -1),
        header(|broker| broker.header.compressed = true),
        good.command().with_body("{"),
        good.command().with_body(vec![0xff; 40]),
        good.command().with_body("[".repeat(100_000)),
        Command::request(RequestCode::REGISTER_BROKER),
        Command::request(RequestCode::UNREGISTER_BROKER),
        Command::request(RequestCode::QUERY_DATA_VERSION),
        Command::request(RequestCode::GET_ROUTEINFO_BY_TOPIC),
    ];
    for command in nonsense {
        let answer = core.answer(command.clone());
        assert_eq!(answer.code, i32::from(ResponseCode::SYSTEM_ERROR), "{command:?}");
        assert!(answer.remark.is_some_and(|remark| !remark.is_empty()), "{command:?}");
    }
    assert_eq!(core.snapshot(), before);
}

#[test]
fn nobody_answers_a_oneway_request() {
    let mut core = Core::new();
    assert_eq!(core.ask(Broker::new("a", 0, "a:1").command().oneway()), []);
    assert_eq!(core.ask(Command::request(9999).oneway()), []);
    assert!(core.route("orders").is_some());
}

#[test]
fn an_unknown_code_is_answered_as_not_supported_and_counted_once_for_all() {
    let mut core = Core::new();
    for code in [9999, -5, 310] {
        let answer = answer_of(&core.ask(Command::request(code)));
        assert_eq!(answer.code, i32::from(ResponseCode::REQUEST_CODE_NOT_SUPPORTED));
        assert_eq!(answer.remark.unwrap(), format!(" request type {code} not supported"));
    }
}
