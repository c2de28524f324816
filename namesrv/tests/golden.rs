//! What Apache RocketMQ 5.5.0 was asked and what it answered, frame by frame.

mod core;

use namesrv::Config;
use protocol::{Command, RequestCode, Serialization};
use serde_json::Value;

use crate::core::{Core, answer_of, frames};

const BROKER: &str = include_str!("../../protocol/tests/golden/frames/broker_namesrv.jsonl");
const CLIENT: &str = include_str!("../../protocol/tests/golden/frames/client_namesrv.jsonl");
const ACTING: &str = include_str!("../../protocol/tests/golden/frames/acting_master.jsonl");

/// Equal in everything that has a meaning: Java's maps have no order, and a remark beside success
/// says nothing.
fn assert_same(label: &str, ours: &Command, java: &Command) {
    assert_eq!(ours.code, java.code, "{label}: {ours:?}");
    assert_eq!(ours.opaque, java.opaque, "{label}");
    assert_eq!(ours.flag, java.flag, "{label}");
    assert_eq!(ours.serialization, Serialization::Json);
    if java.code != 0 {
        assert_eq!(ours.remark, java.remark, "{label}");
    }
    let sorted = |command: &Command| {
        let mut fields: Vec<_> =
            command.fields.iter().flatten().map(|(n, v)| (n.clone(), v.clone())).collect();
        fields.sort();
        fields
    };
    assert_eq!(sorted(ours), sorted(java), "{label}");
    assert_eq!(meaning(&ours.body), meaning(&java.body), "{label}");
}

fn meaning(body: &[u8]) -> Value {
    if body.is_empty() || !body.starts_with(b"{") {
        return Value::from(String::from_utf8(body.to_vec()).expect("text"));
    }
    let mut value: Value = protocol::json::read(body).expect("JSON");
    if let Some(Value::Array(topics)) = value.get_mut("topicList") {
        // The two names of a cluster and a broker come in Java's order; all others in none.
        topics.sort_by_key(ToString::to_string);
    }
    value
}

fn play(core: &mut Core, text: &str, asks: &str, answers: &str) -> usize {
    let frames = frames(text);
    let mut compared = 0;
    for (index, frame) in frames.iter().enumerate() {
        if frame.direction != asks {
            continue;
        }
        let effects = core.ask(frame.command.clone());
        let Some(java) = frames[index + 1..]
            .iter()
            .find(|each| each.direction == answers && each.command.opaque == frame.command.opaque)
        else {
            continue;
        };
        if frame.label == "ns_config" && frame.command.code == 319 {
            continue; // paths and ports of the machine it was captured on; has a test of its own
        }
        assert_same(&frame.label, &answer_of(&effects), &java.command);
        compared += 1;
    }
    compared
}

#[test]
fn every_captured_request_is_answered_as_java_answered_it() {
    let mut core = Core::new();
    let before = core.snapshot();
    // Routes of a topic that was made known in frames that were not captured are left out.
    let lines = |wanted: &[&str]| -> String {
        let has = |line: &&str| wanted.iter().any(|word| line.contains(word));
        BROKER.lines().filter(has).map(|line| format!("{line}\n")).collect()
    };
    let coming = lines(&["\"REGISTER_BROKER\"", "\"GET_BROKER_CLUSTER_INFO\""]);
    let leaving = lines(&["\"UNREGISTER_BROKER\""]);

    assert_eq!(play(&mut core, &coming, "b2n", "n2b"), 10);
    assert_eq!(play(&mut core, CLIENT, "c2n", "n2c"), 26);
    assert_eq!(play(&mut core, &leaving, "b2n", "n2b"), 1);

    assert_eq!(core.snapshot(), before, "nothing is left of a broker that unregistered");
    core.assert_replays();
}

#[test]
fn a_master_with_a_slave_that_may_act_for_it_is_answered_as_java_answered_it() {
    let mut core = Core::new();
    let compared = play(&mut core, ACTING, "b2n", "n2b");
    assert_eq!(compared, 10);
    core.assert_replays();
}

#[test]
fn the_configuration_is_shown_key_for_key_as_java_shows_it() {
    let java = frames(CLIENT)
        .into_iter()
        .find(|frame| frame.label == "ns_config" && frame.command.body.starts_with(b"bindAddress"))
        .expect("the captured configuration");
    let mut config = Config::default();
    config.set_all(&[("supportActingMaster".into(), "true".into())]).expect("a known key");
    let answer = Core::with(config).answer(Command::request(RequestCode::GET_NAMESRV_CONFIG));
    let of_the_machine = ["configStorePath=", "kvConfigPath=", "listenPort=", "rocketmqHome="];
    let lines = |command: &Command| -> Vec<String> {
        let text = String::from_utf8(command.body.to_vec()).expect("text");
        let general = |line: &&str| !of_the_machine.iter().any(|key| line.starts_with(key));
        text.lines().filter(general).map(str::to_owned).collect()
    };
    assert_eq!(lines(&answer), lines(&java.command));
}
