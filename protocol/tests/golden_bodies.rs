//! Every header and JSON body that Apache RocketMQ 5.5.0 sent, for the codes we have types for:
//! each reads into its type and writes back to the same.
//!
//! Java writes maps and sets in the order of its hash tables. Where that order shows, the two texts
//! are compared with members and lists sorted; where Java's text is in order already, byte by byte.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use protocol::body::{self, BodyError};
use protocol::json::{Key, Style, Value};
use protocol::{Command, FieldError, Fields, ResponseCode, frame, request, response};

#[cfg(test)]
#[path = "bytes/captured.rs"]
mod captured;

/// One captured frame.
struct Captured {
    /// Where it stands, and what the capture did when it saw the frame.
    place: String,
    label: String,
    /// The code of the request, also for a response.
    request_code: i32,
    command: Command,
    /// Whether the capture cut the body.
    is_cut: bool,
}

fn captured() -> impl Iterator<Item = Captured> {
    captured::frames().into_iter().map(|captured| {
        let mut frame = captured.padded();
        let command = frame::take_frame(&mut frame).expect("a frame").expect("a whole frame");
        let facts = &captured.facts;
        let code = facts["request_code"].as_i64().or(facts["code"].as_i64());
        Captured {
            label: facts["label"].as_str().unwrap_or_default().to_owned(),
            request_code: code.and_then(|code| i32::try_from(code).ok()).expect("a code"),
            command,
            is_cut: captured.frame.len() < captured.whole_bytes,
            place: captured.place,
        }
    })
}

/// Reads the header of `$command` into `$type` and writes it again.
macro_rules! header {
    ($command:ident, $type:ty) => {
        <$type>::decode($command).map(|header| header.fields())
    };
}

/// The header of a request, read into its type and written again; `None` when the code has none.
fn request_header(command: &Command) -> Option<Result<Fields, FieldError>> {
    use request as r;
    let code = protocol::RequestCode(command.code);
    Some(match command.code {
        10 | 310 | 320 | 324 | 325 => r::Send::decode(command).map(|send| send.fields_as(code)),
        11 | 361 => header!(command, r::Pull),
        12 => header!(command, r::QueryMessage),
        14 => header!(command, r::QueryConsumerOffset),
        15 => header!(command, r::UpdateConsumerOffset),
        17 => header!(command, r::CreateTopic),
        18 => header!(command, r::CreateTopicList),
        21 => header!(command, r::AllTopicConfig),
        29 => header!(command, r::SearchOffset),
        30 => header!(command, r::MaxOffset),
        31 => header!(command, r::MinOffset),
        32 => header!(command, r::EarliestStoreTime),
        33 => header!(command, r::ViewMessage),
        34 => header!(command, r::Heartbeat),
        35 => header!(command, r::UnregisterClient),
        36 => header!(command, r::SendBack),
        37 => header!(command, r::EndTransaction),
        38 => header!(command, r::ConsumerList),
        39 => header!(command, r::CheckTransactionState),
        40 => header!(command, r::ConsumerIdsChanged),
        100 => header!(command, r::PutKvConfig),
        101 => header!(command, r::GetKvConfig),
        102 => header!(command, r::DeleteKvConfig),
        103 => header!(command, r::RegisterBroker),
        104 => header!(command, r::UnregisterBroker),
        105 => header!(command, r::RouteInfo),
        201 => header!(command, r::AllSubscriptionGroups),
        202 => header!(command, r::TopicStats),
        203 => header!(command, r::ConsumerConnections),
        204 => header!(command, r::ProducerConnections),
        205 => header!(command, r::WipeWritePerm),
        207 => header!(command, r::DeleteGroup),
        208 => header!(command, r::ConsumeStats),
        215 => header!(command, r::DeleteTopic),
        216 => header!(command, r::DeleteTopicInNamesrv),
        217 => header!(command, r::RegisterTopic),
        219 => header!(command, r::KvList),
        220 | 222 => header!(command, r::ResetOffset),
        221 | 223 => header!(command, r::ConsumerStatus),
        224 => header!(command, r::TopicsOfCluster),
        300 => header!(command, r::GroupsOfTopic),
        303 => header!(command, r::ConsumeTimeSpan),
        307 => header!(command, r::ConsumerRunningInfo),
        308 => header!(command, r::CorrectionOffset),
        309 => header!(command, r::ConsumeMessageDirectly),
        314 => header!(command, r::CloneGroupOffset),
        315 => header!(command, r::BrokerStats),
        317 => header!(command, r::BrokerConsumeStats),
        321 => header!(command, r::ConsumeQueue),
        322 => header!(command, r::QueryDataVersion),
        323 => header!(command, r::ResumeHalfMessageCheck),
        326 => header!(command, r::PushReply),
        327 => header!(command, r::AddWritePerm),
        343 => header!(command, r::TopicsOfConsumer),
        345 => header!(command, r::SubscriptionOfConsumer),
        351 => header!(command, r::TopicConfig),
        352 => header!(command, r::SubscriptionGroup),
        353 => header!(command, r::GroupForbidden),
        370 => header!(command, r::RecallMessage),
        901 => header!(command, r::BrokerMemberGroup),
        904 => header!(command, r::BrokerHeartbeat),
        905 => header!(command, r::MinBrokerIdChanged),
        _ => return None,
    })
}

/// The header of a response, read into its type and written again.
fn response_header(request_code: i32, command: &Command) -> Option<Result<Fields, FieldError>> {
    use response as r;
    // A refusal leaves its header empty or half filled.
    let is_pull = matches!(request_code, 11 | 361);
    if ResponseCode::SUCCESS != command.code && !(is_pull && (19..=21).contains(&command.code)) {
        return None;
    }
    Some(match request_code {
        10 | 310 | 320 | 324 | 325 => header!(command, r::Send),
        11 | 361 => header!(command, r::Pull),
        12 => header!(command, r::QueryMessage),
        14 | 29 | 30 | 31 => header!(command, r::Offset),
        21 => header!(command, r::AllTopicConfig),
        26 => header!(command, r::BrokerConfig),
        32 => header!(command, r::EarliestStoreTime),
        34 => header!(command, r::Heartbeat),
        101 => header!(command, r::KvConfig),
        103 => header!(command, r::RegisterBroker),
        201 => header!(command, r::AllSubscriptionGroups),
        205 => header!(command, r::WipeWritePerm),
        322 => header!(command, r::QueryDataVersion),
        327 => header!(command, r::AddWritePerm),
        370 => header!(command, r::RecallMessage),
        _ => return None,
    })
}

/// Reads the body of `$command` into `$type` and writes it again.
macro_rules! again {
    ($command:ident, $type:ty) => {
        <$type>::from_json(&$command.body).map(|body| body.to_json())
    };
}

/// The body of a request, read into its type and written again; `None` when it has none.
fn request_body(command: &Command) -> Option<Result<Bytes, BodyError>> {
    use body as b;
    Some(match command.code {
        18 => again!(command, b::TopicConfigList),
        34 => again!(command, b::Heartbeat),
        41 | 42 => again!(command, b::LockBatch),
        46 => again!(command, b::CheckClient),
        103 => again!(command, b::RegisterBroker),
        200 => again!(command, b::SubscriptionGroupConfig),
        217 => again!(command, b::TopicRoute),
        220 => again!(command, b::ResetOffset),
        225 => again!(command, b::SubscriptionGroupList),
        322 => again!(command, b::DataVersion),
        401 => again!(command, b::MessageRequestModeSetting),
        _ => return None,
    })
}

/// The body of a response, read into its type and written again.
fn response_body(request_code: i32, command: &Command) -> Option<Result<Bytes, BodyError>> {
    use body as b;
    let is_standard = command.body.windows(15).any(|part| part == b"brokerAddrs\":{\"");
    let style = if is_standard { Style::STANDARD } else { Style::WIRE };
    Some(match request_code {
        21 => again!(command, b::TopicConfigs),
        28 | 103 | 219 => again!(command, b::KeyValueTable),
        38 => again!(command, b::ConsumerList),
        41 => again!(command, b::LockedBatch),
        43 => again!(command, b::ConsumerOffsetTable),
        45 => again!(command, b::DelayOffsetTable),
        61 => again!(command, b::TimerMetrics),
        105 => b::TopicRoute::from_json(&command.body).map(|route| route.to_json_as(style)),
        106 => again!(command, b::ClusterInfo),
        201 => again!(command, b::SubscriptionGroupTable),
        202 => again!(command, b::TopicStats),
        203 => again!(command, b::ConsumerConnection),
        204 => again!(command, b::ProducerConnection),
        206 | 224 | 304 | 305 | 311 | 312 | 313 | 343 => again!(command, b::TopicList),
        208 => again!(command, b::ConsumeStats),
        221 | 223 => again!(command, b::ConsumerStatus),
        222 => again!(command, b::ResetOffset),
        300 => again!(command, b::GroupList),
        303 => again!(command, b::ConsumeTimeSpans),
        307 => again!(command, b::ConsumerRunningInfo),
        308 => again!(command, b::CorrectionOffsets),
        309 => again!(command, b::ConsumedDirectly),
        315 => again!(command, b::BrokerStats),
        317 => again!(command, b::BrokerConsumeStats),
        321 => again!(command, b::ConsumeQueueEntries),
        322 => again!(command, b::DataVersion),
        328 => again!(command, b::ProducerTable),
        345 => again!(command, b::SubscriptionAnswer),
        351 => again!(command, b::TopicConfig),
        352 => again!(command, b::SubscriptionGroupConfig),
        353 => again!(command, b::GroupForbidden),
        402 => again!(command, b::MessageRequestModes),
        901 => again!(command, b::BrokerMemberGroup),
        _ => return None,
    })
}

/// Fields that stand beside a header without belonging to it: sent by the tools of old, or by the
/// capture to see whether they matter.
fn is_foreign(request_code: i32, field: &str) -> bool {
    matches!((request_code, field), (204, "topic") | (207, "removeOffset"))
}

/// Frames that the capture wrote by hand, without what a real client always sends. There we add the
/// defaults that Java assumes.
const HAND_MADE: &[&str] = &[
    "consumer_paused_filtered_group",
    "get_consumer_status",
    "lock_raw",
    "misc",
    "offset_overflow_one_no_suspend",
    "offsets",
    "reset_offset_pushed_to_client",
    "send_back_raw",
    "topic_group_lists",
];

/// Whether everything that `java` says is also in `ours`.
fn holds(ours: &Value, java: &Value) -> bool {
    match (ours, java) {
        (Value::List(ours), Value::List(java)) => {
            ours.len() == java.len() && ours.iter().zip(java).all(|(ours, java)| holds(ours, java))
        }
        (Value::Object(ours), Value::Object(java)) => java.iter().all(|(name, java)| {
            let same = |member: &&(Key, Value)| member.0 == *name;
            ours.iter().find(same).is_some_and(|(_, ours)| holds(ours, java))
        }),
        _ => ours == java,
    }
}

/// The same value with members and lists in the order of their text.
fn sorted(value: &Value) -> Value {
    match value {
        Value::List(items) => {
            let mut items: Vec<Value> = items.iter().map(sorted).collect();
            items.sort_by_key(|item| item.to_json(Style::WIRE));
            Value::List(items)
        }
        Value::Object(members) => {
            let mut members: Vec<(Key, Value)> =
                members.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            members.sort_by_key(|member| Value::Object(vec![member.clone()]).to_json(Style::WIRE));
            Value::Object(members)
        }
        other => other.clone(),
    }
}

/// How well two texts agree.
#[derive(Debug, PartialEq, Eq)]
enum Agreement {
    Bytes,
    Sorted,
    No,
}

fn agreement(ours: &[u8], java: &[u8]) -> Agreement {
    if ours == java {
        return Agreement::Bytes;
    }
    let text = |bytes| sorted(&Value::from_json(bytes).expect("JSON")).to_json(Style::WIRE);
    if text(ours) == text(java) { Agreement::Sorted } else { Agreement::No }
}

#[test]
fn every_captured_header_reads_into_its_type_and_writes_back() {
    let mut codes = BTreeSet::new();
    let mut wrong = Vec::new();
    for Captured { place, label, request_code, command, .. } in captured() {
        let again = if command.is_response() {
            response_header(request_code, &command)
        } else {
            request_header(&command)
        };
        let Some(again) = again else { continue };
        let java: BTreeMap<_, _> = command.fields.clone().unwrap_or_default().into_iter().collect();
        match again {
            Ok(fields) => {
                let ours: BTreeMap<_, _> = fields.into_iter().collect();
                let differs = |name: &str| ours.get(name) != java.get(name);
                let names: BTreeSet<_> = ours.keys().chain(java.keys()).collect();
                for name in names {
                    let is_default =
                        !java.contains_key(name) && HAND_MADE.contains(&label.as_str());
                    if differs(name) && !is_default && !is_foreign(request_code, name) {
                        let (ours, java) = (ours.get(name), java.get(name));
                        wrong.push(format!(
                            "{place} {request_code} {name}: {ours:?}, in Java {java:?}"
                        ));
                    }
                }
                codes.insert((request_code, command.is_response()));
            }
            Err(cause) if label == "err_missing_field" => assert_eq!(
                cause.to_string(),
                "the field c of SendMessageRequestHeaderV2 is missing"
            ),
            Err(cause) => wrong.push(format!("{place} {request_code}: {cause}")),
        }
    }

    assert!(wrong.is_empty(), "{} headers differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(70 < codes.len(), "only {} headers were seen", codes.len());
}

#[test]
fn every_captured_body_reads_into_its_type_and_writes_back() {
    let mut bodies = BTreeMap::new();
    let mut wrong = Vec::new();
    for Captured { place, label, request_code, command, is_cut } in captured() {
        if command.body.is_empty() || is_cut {
            continue;
        }
        let again = if !command.is_response() {
            request_body(&command)
        } else if ResponseCode::SUCCESS == command.code {
            response_body(request_code, &command)
        } else {
            None
        };
        let java = String::from_utf8_lossy(&command.body);
        match again {
            None => {}
            Some(Err(cause)) => wrong.push(format!("{place} {request_code}: {cause}\n{java}")),
            Some(Ok(ours)) => {
                let agreement = agreement(&ours, &command.body);
                let in_order = sorted(&Value::from_json(&command.body).unwrap());
                let must_be_bytes = in_order.to_json(Style::WIRE) == command.body;
                let values = (Value::from_json(&ours), Value::from_json(&command.body));
                let is_fine = if HAND_MADE.contains(&label.as_str()) {
                    holds(&values.0.unwrap(), &values.1.unwrap())
                } else if must_be_bytes {
                    agreement == Agreement::Bytes
                } else {
                    agreement != Agreement::No
                };
                if !is_fine {
                    let ours = String::from_utf8_lossy(&ours);
                    wrong.push(format!("{place} {request_code}:\n{ours}\n{java}"));
                }
                *bodies.entry((request_code, command.is_response())).or_insert(0) += 1;
            }
        }
    }

    assert!(wrong.is_empty(), "{} bodies differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(45 < bodies.len(), "only {} kinds of bodies were seen: {bodies:?}", bodies.len());
}

/// The lines of a file, without the commas between them, in any order.
fn lines(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text).into_owned();
    let mut lines: Vec<_> = text.lines().map(|line| line.trim_end_matches(',').into()).collect();
    lines.sort();
    lines
}

/// Reads a file into its type and writes it again, as a file.
macro_rules! file_again {
    ($type:ty, $name:literal) => {{
        let java: &[u8] = include_bytes!(concat!("golden/config/", $name));
        let ours = <$type>::from_json(java).unwrap().to_json_as(Style::FILE);
        assert_eq!(lines(&ours), lines(java), $name);
        agreement(&ours, java)
    }};
}

#[test]
fn every_config_file_of_java_is_read_and_written_with_the_same_lines() {
    use Agreement::{Bytes, Sorted};

    assert_eq!(file_again!(body::TopicConfigTable, "topics.json"), Sorted);
    assert_eq!(file_again!(body::SubscriptionGroupTable, "subscriptionGroup.json"), Sorted);
    assert_eq!(file_again!(body::ConsumerOffsetTable, "consumerOffset.json"), Sorted);
    assert_eq!(file_again!(body::MessageRequestModes, "messageRequestMode.json"), Bytes);
    assert_eq!(file_again!(body::DelayOffsetTable, "delayOffset.json"), Bytes);
}

#[test]
fn the_timer_metrics_are_a_file_of_one_line() {
    let java = include_bytes!("golden/config/timermetrics");
    let ours = body::TimerMetrics::from_json(java).unwrap().to_json();

    assert_ne!(agreement(&ours, java), Agreement::No);
    assert_eq!(ours.len(), java.len());
}

#[test]
fn a_folded_registration_of_java_says_what_the_plain_one_says() {
    let sheet: serde_json::Value =
        serde_json::from_str(include_str!("golden/register_body_compressed.json")).unwrap();
    let hex = sheet["compressed_hex"].as_str().unwrap();
    let folded: Vec<u8> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
        .collect();

    let unfolded = body::RegisterBroker::from_folded(&folded, 513).unwrap();
    let plain =
        body::RegisterBroker::from_json(sheet["plain_json"].as_str().unwrap().as_bytes()).unwrap();

    assert_eq!(unfolded.topics.topic_config_table, plain.topics.topic_config_table);
    assert_eq!(unfolded.filter_servers, plain.filter_servers);
    let again = body::RegisterBroker::from_folded(&unfolded.to_folded(), 513);
    assert_eq!(again, Ok(unfolded));
}
