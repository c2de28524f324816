//! Who is connected, and who consumes what.

use protocol::{ResponseCode, Text, body, request};

use super::with_body;
use crate::{
    broker::Broker,
    event::Effect,
    requests::{Asked, Refusal, Reply},
};

/// GET_CONSUMER_CONNECTION_LIST.
pub(crate) fn consumers(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::ConsumerConnections::decode(&asked.command)?;
    let Some(group) = broker.peers.group(&header.consumer_group) else {
        let remark = format!("the consumer group[{}] not online", header.consumer_group);
        return Err(Refusal::new(ResponseCode::CONSUMER_NOT_ONLINE, remark));
    };
    let subscriptions = group
        .subscriptions
        .iter()
        .map(|(topic, subscription)| (topic.clone(), subscription.data.clone()))
        .collect();
    let body = body::ConsumerConnection {
        connections: group.clients.values().map(|client| client.connection()).collect(),
        consume_from_where: Some(group.from_where),
        consume_type: Some(group.consume_type),
        message_model: Some(group.message_model),
        subscriptions,
    };
    Ok(with_body(asked, body.to_json()))
}

/// GET_PRODUCER_CONNECTION_LIST.
pub(crate) fn producers(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::ProducerConnections::decode(&asked.command)?;
    let Some(clients) = broker.peers.producers(&header.producer_group) else {
        let remark = format!("the producer group[{}] not exist", header.producer_group);
        return Err(Refusal::system_error(remark));
    };
    let connections = clients.values().map(|client| client.connection()).collect();
    Ok(with_body(asked, body::ProducerConnection { connections }.to_json()))
}

/// GET_ALL_PRODUCER_INFO.
pub(crate) fn all_producers(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let info = |client: &crate::peers::Client| body::ProducerInfo {
        client_id: client.id.clone(),
        language: client.language,
        last_update_timestamp_ms: client.seen.wall_ms,
        remote: Text::from(format!("/{}", client.remote)),
        version: client.version,
    };
    let data = broker
        .peers
        .all_producers()
        .iter()
        .map(|(group, clients)| (group.clone(), clients.values().map(info).collect()))
        .collect();
    Ok(with_body(asked, body::ProducerTable { data }.to_json()))
}

/// QUERY_TOPIC_CONSUME_BY_WHO.
pub(crate) fn groups_of_topic(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::GroupsOfTopic::decode(&asked.command)?;
    let mut groups = broker.peers.groups_of(&header.topic);
    groups.extend(broker.offsets.groups_of(&header.topic));
    let body = body::GroupList { groups: groups.into_iter().collect() };
    Ok(with_body(asked, body.to_json()))
}

/// QUERY_TOPICS_BY_CONSUMER.
pub(crate) fn topics_of_group(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::TopicsOfConsumer::decode(&asked.command)?;
    let body = body::TopicList {
        broker_addr: Some(Text::from(broker.config.address())),
        topics: broker.offsets.topics_of(&header.group).into_iter().collect(),
    };
    Ok(with_body(asked, body.to_json()))
}

/// QUERY_SUBSCRIPTION_BY_CONSUMER.
pub(crate) fn subscription(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::SubscriptionOfConsumer::decode(&asked.command)?;
    let known =
        header.topic.as_deref().and_then(|topic| broker.peers.subscription(&header.group, topic));
    let body = body::SubscriptionAnswer {
        group: header.group.clone(),
        subscription_data: known.map(|subscription| subscription.data.clone()),
        topic: header.topic.clone(),
    };
    Ok(with_body(asked, body.to_json()))
}
