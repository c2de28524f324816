//! What is said to the broker, and how its answers are read.

use broker::Effect;
use bytes::Bytes;
use protocol::{
    Command, RequestCode, Text,
    body::{self, ConsumerData, SubscriptionData},
    record::{RecordView, scan},
    request,
};
use remoting::PeerId;

use crate::room::MORNING_MS;

/// A message to send.
pub(crate) fn message(topic: &str, queue_id: i32, body: &str, properties: &str) -> Command {
    let header = request::Send {
        producer_group: Text::from("PG"),
        topic: Text::from(topic),
        default_topic: Text::from("TBW102"),
        default_topic_queues: 4,
        queue_id,
        born_timestamp_ms: MORNING_MS,
        properties: Some(Text::from(properties)),
        ..request::Send::default()
    };
    header.command().with_body(Bytes::copy_from_slice(body.as_bytes()))
}

/// A pull that carries its own subscription and does not wait.
pub(crate) fn pull(group: &str, topic: &str, queue_id: i32, from: i64) -> Command {
    tagged_pull(group, topic, queue_id, from, "*")
}

pub(crate) fn tagged_pull(
    group: &str,
    topic: &str,
    queue_id: i32,
    from: i64,
    tags: &str,
) -> Command {
    request::Pull {
        consumer_group: Text::from(group),
        topic: Text::from(topic),
        queue_id,
        queue_offset: from,
        max_messages: 32,
        sys_flag: 4,
        suspend_timeout_ms: 15_000,
        subscription: Some(Text::from(tags)),
        expression_type: Some(Text::from("TAG")),
        ..request::Pull::default()
    }
    .command()
}

/// A pull that waits for a message.
pub(crate) fn waiting_pull(group: &str, topic: &str, from: i64, tags: &str) -> Command {
    let mut command = tagged_pull(group, topic, 0, from, tags);
    command.set_field("sysFlag", "6");
    command
}

pub(crate) fn heartbeat(client: &str, group: &str, topics: &[&str]) -> Command {
    let subscription = |topic: &&str| SubscriptionData {
        topic: Text::from(*topic),
        expression: Text::from("*"),
        sub_version: 1,
        ..SubscriptionData::default()
    };
    let body = body::Heartbeat {
        client_id: Text::from(client),
        consumers: vec![ConsumerData {
            group_name: Text::from(group),
            subscriptions: topics.iter().map(subscription).collect(),
            ..ConsumerData::default()
        }],
        ..body::Heartbeat::default()
    };
    let mut command = Command::request(RequestCode::HEART_BEAT).with_body(body.to_json());
    command.version = 513;
    command
}

pub(crate) fn send_back(group: &str, offset: i64, delay_level: i32) -> Command {
    request::SendBack {
        offset,
        group: Text::from(group),
        delay_level,
        max_reconsume_times: Some(2),
        ..request::SendBack::default()
    }
    .command()
}

pub(crate) fn number(answer: &Command, field: &str) -> i64 {
    let text = answer.field(field).unwrap_or_else(|| panic!("{field} in {answer:?}"));
    text.parse().unwrap()
}

pub(crate) fn remark(answer: &Command) -> &str {
    answer.remark.as_deref().unwrap_or_default()
}

/// The records of an answer.
pub(crate) fn records(answer: &Command) -> Vec<RecordView> {
    scan(answer.body.clone()).map(|record| record.expect("a record")).collect()
}

/// The bodies of an answer's records.
pub(crate) fn bodies(answer: &Command) -> Vec<String> {
    records(answer)
        .iter()
        .map(|record| String::from_utf8(record.body().to_vec()).unwrap())
        .collect()
}

/// The answers among effects.
pub(crate) fn answers(effects: &[Effect]) -> Vec<(PeerId, Command)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Answer { peer, command } => Some((*peer, command.clone())),
            _ => None,
        })
        .collect()
}

/// Whom the broker tells that a group changed.
pub(crate) fn told(effects: &[Effect]) -> Vec<PeerId> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Tell { peer, command } => {
                assert_eq!(RequestCode::NOTIFY_CONSUMER_IDS_CHANGED.0, command.code);
                Some(*peer)
            }
            _ => None,
        })
        .collect()
}

/// A request of which only the fields matter.
pub(crate) fn asking(code: RequestCode, fields: &[(&'static str, &str)]) -> Command {
    let mut command = Command::request(code);
    for (name, value) in fields {
        command.set_field(*name, *value);
    }
    command
}
