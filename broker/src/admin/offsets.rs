//! Offsets in the hands of operators: reset, clone, compare.

use std::collections::BTreeMap;

use protocol::{ResponseCode, Text, body, request};
use store::Boundary;

use super::{done, with_body};
use crate::{
    broker::Broker,
    event::Effect,
    query::unreadable,
    requests::{Asked, Refusal, Reply},
};

/// INVOKE_BROKER_TO_RESET_OFFSET: to a time, to the end, or to an offset. The next pull of a
/// member brings it to the client; members that are connected are told at once.
pub(crate) fn reset(
    broker: &mut Broker,
    asked: &Asked,
    effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::ResetOffset::decode(&asked.command)?;
    let (topic, group) = (&header.topic, &header.group);
    let Some(config) = broker.topics.get(topic) else {
        let remark = format!("Topic {topic} does not exist");
        return Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, remark));
    };
    let read_queues = config.read_queues;
    if broker.groups.get(group).is_none() {
        let remark = format!("Group {group} does not exist");
        return Err(Refusal::new(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, remark));
    }
    let queues = if header.queue_id < 0 {
        0..read_queues
    } else {
        header.queue_id..header.queue_id.saturating_add(1)
    };
    let mut targets: BTreeMap<i32, i64> = BTreeMap::new();
    for queue_id in queues {
        targets.insert(queue_id, target(broker, &header, queue_id)?);
    }
    if targets.is_empty() {
        return Err(Refusal::system_error("No queues to reset."));
    }
    let mut body = body::ResetOffset::default();
    for (queue_id, offset) in targets {
        broker.offsets.reset(group, (topic, queue_id), offset);
        body.offset_table.insert(broker.queue_name(topic, queue_id), offset);
    }
    tracing::info!(%topic, %group, queues = body.offset_table.len(), "offsets were reset");
    if !broker.config.server_side_reset_offset {
        tell_members(broker, &header, &body, effects);
    }
    Ok(with_body(asked, body.to_json()))
}

/// The offset that one queue is set to.
fn target(broker: &Broker, header: &request::ResetOffset, queue_id: i32) -> Result<i64, Refusal> {
    let topic = &header.topic;
    let (min, max) =
        (broker.store.min_offset(topic, queue_id), broker.store.max_offset(topic, queue_id));
    let wanted = header.offset.filter(|offset| 0 <= header.queue_id && *offset != -1);
    if let Some(offset) = wanted {
        if offset < min || max + 1 < offset {
            return Err(Refusal::system_error(format!(
                "Target offset {offset} not in consume queue range [{min}-{max}]"
            )));
        }
        return Ok(offset.min(max));
    }
    if header.timestamp_ms < 0 {
        return Ok(max);
    }
    broker
        .store
        .offset_by_time(topic, queue_id, header.timestamp_ms, Boundary::Lower)
        .map_err(|error| unreadable(&error))
}

/// Tells the connected members of a group what their offsets are now.
fn tell_members(
    broker: &Broker,
    header: &request::ResetOffset,
    body: &body::ResetOffset,
    effects: &mut Vec<Effect>,
) {
    let Some(members) = broker.peers.group(&header.group) else { return };
    let header = request::ResetOffset { queue_id: -1, ..header.clone() };
    let code = protocol::RequestCode::RESET_CONSUMER_CLIENT_OFFSET;
    for (peer, client) in &members.clients {
        // Clients in C++ cannot read objects as keys.
        let body =
            if client.language == protocol::Language::Cpp { for_c(body) } else { body.to_json() };
        let command = header.command_as(code).oneway().with_body(body);
        effects.push(Effect::Tell { peer: *peer, command });
    }
}

fn for_c(body: &body::ResetOffset) -> bytes::Bytes {
    let entry = |(queue, offset): (&body::MessageQueue, &i64)| body::ResetOffsetForCEntry {
        broker_name: queue.broker_name.clone(),
        offset: *offset,
        queue_id: queue.queue_id,
        topic: queue.topic.clone(),
    };
    body::ResetOffsetForC { offset_table: body.offset_table.iter().map(entry).collect() }.to_json()
}

/// CLONE_GROUP_OFFSET.
pub(crate) fn clone_group(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::CloneGroupOffset::decode(&asked.command)?;
    let named = header.topic.clone().filter(|topic| !topic.trim().is_empty());
    let topics: Vec<Text> = match named {
        Some(topic) => vec![topic],
        None => broker.offsets.topics_of(&header.source_group).into_iter().collect(),
    };
    for topic in topics {
        if broker.topics.contains(&topic) {
            broker.offsets.clone_group(&header.source_group, &header.target_group, &topic);
        }
    }
    Ok(done(asked))
}

/// QUERY_CORRECTION_OFFSET: the least offset of all groups in each queue, or the greatest number
/// there is where the compared group is behind it.
pub(crate) fn correction(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::CorrectionOffset::decode(&asked.command)?;
    let topic = &header.topic;
    // Differs from Java, where asking removes the offsets of the groups to leave out.
    let left_out: Vec<&str> =
        header.filter_groups.as_deref().unwrap_or_default().split(',').collect();
    let mut least: BTreeMap<i32, i64> = BTreeMap::new();
    for group in broker.offsets.groups_of(topic) {
        if left_out.contains(&group.as_str()) {
            continue;
        }
        for (queue_id, offset) in broker.offsets.committed_of(&group, topic) {
            if broker.store.min_offset(topic, queue_id) <= offset {
                let known = least.entry(queue_id).or_insert(offset);
                *known = (*known).min(offset);
            }
        }
    }
    for (queue_id, offset) in broker.offsets.committed_of(&header.compare_group, topic) {
        if let Some(known) = least.get_mut(&queue_id).filter(|known| offset < **known) {
            *known = i64::MAX;
        }
    }
    let body = body::CorrectionOffsets { correction_offsets: least };
    Ok(with_body(asked, body.to_json()))
}
