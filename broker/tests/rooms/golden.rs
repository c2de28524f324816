//! What Apache RocketMQ 5.5.0 was asked and what it answered, frame by frame, and what this broker
//! answers.

use std::{collections::BTreeSet, time::Duration};

use bytes::BytesMut;
use protocol::{Command, RequestCode, body::KeyValueTable, frame::take_frame};
use serde_json::Value;

use crate::{
    room::{PRODUCER, Room},
    words::{answers, asking, message},
};

const FILES: [(&str, &str); 6] = [
    ("setup", include_str!("../../../protocol/tests/golden/frames/client_admin_setup.jsonl")),
    ("sends", include_str!("../../../protocol/tests/golden/frames/client_send.jsonl")),
    ("pulls", include_str!("../../../protocol/tests/golden/frames/client_pull_raw.jsonl")),
    ("clients", include_str!("../../../protocol/tests/golden/frames/client_heartbeat.jsonl")),
    ("orderly", include_str!("../../../protocol/tests/golden/frames/client_orderly.jsonl")),
    ("admin", include_str!("../../../protocol/tests/golden/frames/admin_raw.jsonl")),
];

/// Requests that are answered in another way, and why. The name is the beginning of file, action
/// and code.
const DIFFERENCES: &[(&str, &str)] = &[
    ("sends timer_", "precise delivery times are not built yet"),
    ("sends recall", "nor is their recall"),
    ("sends err_missing_field 310", "Java shows a NullPointerException"),
    ("sends err_batch_bad_body 320", "Java shows a BufferUnderflowException"),
    ("pulls bad_sql 11", "SQL92 is not built yet"),
    ("pulls sql_ok 11", "SQL92 is not built yet"),
    ("pulls view_message 33", "Java shows an IllegalArgumentException for what is no record"),
    ("admin get_all_offsets 60", "the timer is not built yet"),
    ("admin get_all_offsets 61", "the timer is not built yet"),
    ("admin ha 906", "replication is not built yet"),
    ("admin ha 1007", "the controller is not built yet"),
    ("admin maintenance 908", "replication is not built yet"),
    ("admin maintenance 2001", "there is no control of cold reads"),
    ("admin maintenance 2002", "there is no control of cold reads"),
    ("admin maintenance 2003", "there is no control of cold reads"),
    ("admin maintenance 2004", "the log is not mapped into memory"),
    ("admin auth 300", "users and rules are not built yet"),
    ("admin auth 3010", "users and rules are not built yet"),
    ("admin lite_5_5 20007", "lite topics are not built"),
    ("admin lite_5_5 5001", "there is one timer engine"),
    ("admin lite_5_5 354", "there is no RocksDB"),
    ("admin lite_5_5 14", "a queue that never had a message begins at 0, whoever asks"),
    ("admin lite_5_5 11", "their topics had other messages in them"),
];

/// A captured exchange.
struct Exchange {
    /// The file's name, the action's, and the request's code.
    name: String,
    asked: Command,
    /// Nothing for a one-way request.
    java: Option<Command>,
}

fn exchanges(file: &str, text: &str) -> Vec<Exchange> {
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let mut exchanges = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        if line["dir"] != "c2b" || line["response"] == true {
            continue;
        }
        let is_answer = |answer: &&Value| {
            answer["dir"] == "b2c"
                && answer["opaque"] == line["opaque"]
                && answer["response"] == true
        };
        let java = lines[place + 1..].iter().find(is_answer);
        if java.is_none() && line["oneway"] == false {
            continue;
        }
        let Some(asked) = command(line) else { continue };
        let name = format!("{file} {} {}", line["label"].as_str().expect("a label"), asked.code);
        exchanges.push(Exchange { name, asked, java: java.and_then(command) });
    }
    exchanges
}

/// Nothing for a frame that was cut when it was captured.
fn command(line: &Value) -> Option<Command> {
    let hex = line["frame_hex"].as_str().expect("bytes");
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(digits).collect();
    take_frame(&mut BytesMut::from(&bytes[..])).expect("a frame")
}

/// A remark without the port that a client happened to have. Beside success it says nothing:
/// Java often answers "not set any response code".
fn remark(command: &Command) -> String {
    let text = command.remark.as_deref().filter(|_| command.code != 0).unwrap_or_default();
    let Some((before, port)) = text.split_once("127.0.0.1:") else { return text.to_owned() };
    let after = port.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}127.0.0.1:PORT{after}")
}

/// The fields, without what depends on the moment or on what was stored before.
fn fields(command: &Command) -> Vec<(String, String)> {
    const VARY: [&str; 9] = [
        "msgId",
        "transactionId",
        "queueOffset",
        "timestamp",
        "indexLastUpdatePhyoffset",
        "indexLastUpdateTimestamp",
        "totalTopicNum",
        "totalGroupNum",
        "topicConfigListLength",
    ];
    let value =
        |name: &str, value: &str| if VARY.contains(&name) { "varies" } else { value }.to_owned();
    let mut fields: Vec<(String, String)> = command
        .fields
        .iter()
        .flatten()
        .map(|(name, text)| (name.to_string(), value(name, text)))
        .collect();
    fields.sort();
    fields
}

/// What kind of thing a body is: its outermost names.
fn shape(body: &[u8]) -> String {
    match protocol::json::read::<Value>(body) {
        _ if body.is_empty() => "nothing".to_owned(),
        Ok(Value::Object(object)) => {
            let names: BTreeSet<&str> = object.keys().map(String::as_str).collect();
            format!("{names:?}")
        }
        _ => "bytes".to_owned(),
    }
}

fn seen(command: &Command) -> (i32, String, Vec<(String, String)>, String) {
    (command.code, remark(command), fields(command), shape(&command.body))
}

fn ask(room: &mut Room, asked: Command) -> Option<Command> {
    let mut effects = room.ask(PRODUCER, asked);
    effects.extend(room.save());
    if answers(&effects).is_empty() {
        effects.extend(room.pass(Duration::from_secs(31)));
    }
    answers(&effects).pop().map(|(_, answer)| answer)
}

/// The room after all that Java was asked, and every pair of answers.
fn played() -> (Room, Vec<(String, Command, Command)>) {
    let mut room = Room::new();
    let mut pairs = Vec::new();
    for (file, text) in FILES {
        for Exchange { name, asked, java } in exchanges(file, text) {
            let is_oneway = asked.is_oneway();
            let ours = ask(&mut room, asked);
            assert_eq!(is_oneway, ours.is_none(), "{name}");
            pairs.extend(ours.zip(java).map(|(ours, java)| (name, ours, java)));
        }
        if file == "sends" {
            // In place of those that Java's timer delivered.
            for _ in 0..3 {
                room.send("GoldenTopic", 0, "timely");
            }
        }
    }
    (room, pairs)
}

#[test]
fn every_captured_request_is_answered_as_java_answered_it() {
    let (_, pairs) = played();
    let mut used = BTreeSet::new();
    let mut same = 0;
    let mut wrong = Vec::new();
    for (name, ours, java) in &pairs {
        let known = DIFFERENCES.iter().position(|(known, _)| name.starts_with(known));
        match (seen(ours) == seen(java), known) {
            (true, _) => same += 1,
            (false, Some(place)) => _ = used.insert(place),
            (false, None) => wrong.push((name, seen(ours), seen(java))),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (place, (name, why)) in DIFFERENCES.iter().enumerate() {
        assert!(used.contains(&place), "no longer different: {name} ({why})");
    }
    assert!(120 <= same, "{same} of {}", pairs.len());
}

#[test]
fn the_runtime_information_has_the_same_names() {
    let (mut room, pairs) = played();
    let (_, _, java) = pairs.iter().find(|(name, ..)| name.ends_with(" 28")).expect("it was asked");
    room.answer(PRODUCER, message("GoldenTopic", 0, "x", "DELAY\u{1}1\u{2}"));
    room.pass(Duration::from_secs(2));
    room.look_at_disk();
    room.sync();
    room.pass(Duration::from_secs(11));
    let ours = ask(&mut room, asking(RequestCode::GET_BROKER_RUNTIME_INFO, &[])).unwrap();
    let names = |command: &Command| -> BTreeSet<String> {
        let table = KeyValueTable::from_json(&command.body).expect("a table");
        table.table.keys().map(|name| name.replace("store-a", "/store")).collect()
    };
    assert_eq!(names(java), names(&ours));
}
