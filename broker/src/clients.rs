//! Requests by which clients announce themselves, find each other and share queues.
//!
//! Source: `broker/processor/{ClientManageProcessor,ConsumerManageProcessor}.java`.

use protocol::{
    Fields, ResponseCode, Text,
    body::{self, ConsumeType, ConsumerData},
    names, request, response,
};
use remoting::PeerId;

use crate::{
    broker::Broker,
    event::Effect,
    peers::Client,
    requests::{Asked, Refusal, Reply},
    subscription::is_tag_type,
    topics::UnitMode,
};

/// A body that cannot be read.
pub(crate) fn unreadable(error: &body::BodyError) -> Refusal {
    Refusal::system_error(error.to_string())
}

/// HEART_BEAT.
pub(crate) fn heartbeat(
    broker: &mut Broker,
    asked: &Asked,
    effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let heartbeat =
        body::Heartbeat::from_json(&asked.command.body).map_err(|error| unreadable(&error))?;
    let client = Client {
        id: heartbeat.client_id.detached(),
        language: asked.command.language,
        version: asked.command.version,
        remote: broker.peers.remote(asked.peer),
        seen: asked.now,
    };
    let is_second_version = heartbeat.fingerprint != 0;
    let mut is_changed = false;
    for data in &heartbeat.consumers {
        if broker.config.reject_pull_consumer && data.consume_type == ConsumeType::Actively {
            continue;
        }
        let is_new = broker.peers.is_new_fingerprint(&data.group_name, heartbeat.fingerprint);
        let with_subscriptions = !(is_second_version && heartbeat.without_sub);
        // Differs from Java: a broker that was started anew asks for what it does not know, and
        // not only for what changed; its clients would never send their subscriptions again.
        let is_missed = !with_subscriptions && !broker.peers.has_subscriptions(&data.group_name);
        is_changed |= is_second_version && (is_new || is_missed);
        broker.consumer_seen(asked, &client, data, with_subscriptions, effects);
    }
    if broker.config.register_producers {
        for producer in &heartbeat.producers {
            broker.peers.produce(asked.peer, &client, &producer.group_name);
        }
    }
    let fields = response::Heartbeat {
        supports_heartbeat_v2: Some(true),
        subscription_changed: Some(!is_second_version || is_changed),
    };
    Ok(Reply::Answer(asked.command.answer(ResponseCode::SUCCESS).with_fields(fields.fields())))
}

/// UNREGISTER_CLIENT.
pub(crate) fn unregister(
    broker: &mut Broker,
    asked: &Asked,
    effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::UnregisterClient::decode(&asked.command)?;
    if let Some(group) = header.producer_group {
        broker.peers.stop_producing(asked.peer, &group);
    }
    if let Some(group) = header.consumer_group {
        broker.leave(asked.peer, &group, effects);
    }
    Ok(empty(asked))
}

/// GET_CONSUMER_LIST_BY_GROUP.
pub(crate) fn consumer_list(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::ConsumerList::decode(&asked.command)?;
    let client_ids = broker
        .peers
        .group(&header.consumer_group)
        .map(|group| group.client_ids())
        .unwrap_or_default();
    if client_ids.is_empty() {
        let remark = format!("no consumer for this group, {}", header.consumer_group);
        return Err(Refusal::system_error(remark).with_fields(Fields::new()));
    }
    let body = body::ConsumerList { client_ids };
    let answer = asked.command.answer(ResponseCode::SUCCESS).with_fields(Fields::new());
    Ok(Reply::Answer(answer.with_body(body.to_json())))
}

/// CHECK_CLIENT_CONFIG.
pub(crate) fn check_config(
    _broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let check =
        body::CheckClient::from_json(&asked.command.body).map_err(|error| unreadable(&error))?;
    match check.subscription_data {
        Some(data) if !is_tag_type(Some(&data.expression_type)) => {
            Err(unsupported_filter(&data.expression_type))
        }
        _ => Ok(Reply::Answer(asked.command.answer(ResponseCode::SUCCESS))),
    }
}

/// An expression that is not about tags.
pub(crate) fn unsupported_filter(expression_type: &str) -> Refusal {
    Refusal::system_error(format!(
        "The broker does not support consumer to filter message by {expression_type}"
    ))
}

/// LOCK_BATCH_MQ.
pub(crate) fn lock_queues(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let mut wanted =
        body::LockBatch::from_json(&asked.command.body).map_err(|error| unreadable(&error))?;
    let now = asked.now.monotonic;
    wanted.queues.retain(|queue| {
        broker.locks.lock(
            now,
            &wanted.consumer_group,
            (&queue.topic, queue.queue_id),
            &wanted.client_id,
        )
    });
    let body = body::LockedBatch { queues: wanted.queues };
    let answer = asked.command.answer(ResponseCode::SUCCESS).with_body(body.to_json());
    Ok(Reply::Answer(answer))
}

/// UNLOCK_BATCH_MQ.
pub(crate) fn unlock_queues(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let given =
        body::LockBatch::from_json(&asked.command.body).map_err(|error| unreadable(&error))?;
    for queue in &given.queues {
        let key = (&queue.topic, queue.queue_id);
        broker.locks.unlock(&given.consumer_group, key, &given.client_id);
    }
    Ok(Reply::Answer(asked.command.answer(ResponseCode::SUCCESS)))
}

/// Success, with a header that has no fields.
fn empty(asked: &Asked) -> Reply {
    Reply::Answer(asked.command.answer(ResponseCode::SUCCESS).with_fields(Fields::new()))
}

impl Broker {
    /// A consumer is alive: its group gets a retry topic, and the other members learn of it.
    fn consumer_seen(
        &mut self,
        asked: &Asked,
        client: &Client,
        data: &ConsumerData,
        with_subscriptions: bool,
        effects: &mut Vec<Effect>,
    ) {
        let now_ms = asked.now.wall_ms;
        let ordered = data.subscriptions.iter().any(|wanted| self.topics.is_ordered(&wanted.topic));
        let Some(group) = self.groups.find_or_create(&data.group_name, &self.config, now_ms) else {
            return;
        };
        let (queues, notify) = (group.retry_queues, group.notify_consumer_ids_changed_enable);
        let retry = names::retry_topic(&data.group_name);
        let sys_flag = UnitMode(data.unit_mode).sys_flag(&retry);
        self.topics.create_for_group(&retry, queues, Some(ordered), sys_flag, now_ms);
        let changed = self.peers.consume(asked.peer, client, data, with_subscriptions);
        if changed {
            tracing::info!(group = %data.group_name, client = %client.id, "consumers changed");
            if notify {
                self.notify_members(&data.group_name, effects);
            }
        }
    }

    /// A connection leaves a group.
    pub(crate) fn leave(&mut self, peer: PeerId, group: &str, effects: &mut Vec<Effect>) {
        if !self.peers.stop_consuming(peer, group) {
            return;
        }
        tracing::info!(%group, peer = peer.0, "a consumer left");
        let notify =
            self.groups.get(group).is_none_or(|group| group.notify_consumer_ids_changed_enable);
        if self.peers.prune(group) && notify {
            self.notify_members(group, effects);
        }
    }

    /// A connection leaves every group.
    pub(crate) fn leave_all(&mut self, peer: PeerId, effects: &mut Vec<Effect>) {
        for group in self.peers.consuming(peer) {
            self.leave(peer, &group, effects);
        }
    }

    /// Tells the members of a group that it changed; members that broadcast do not care.
    fn notify_members(&self, group: &str, effects: &mut Vec<Effect>) {
        let Some(members) = self.peers.group(group) else { return };
        let cares = members.message_model != body::MessageModel::Broadcasting;
        if !self.config.notify_consumer_ids_changed || !cares {
            return;
        }
        let header = request::ConsumerIdsChanged {
            consumer_group: Text::from(group),
            ..request::ConsumerIdsChanged::default()
        };
        let command = header.command().oneway();
        for peer in members.clients.keys() {
            effects.push(Effect::Tell { peer: *peer, command: command.clone() });
        }
    }
}
