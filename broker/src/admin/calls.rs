//! Questions that only a client can answer.

use protocol::{Command, RequestCode, Text, message_id::OffsetId, request};

use crate::{
    broker::Broker,
    event::Effect,
    requests::{Asked, Refusal, Reply},
};

/// Clients before this version do not know the question.
const RUNNING_INFO_VERSION: i32 = 62;

/// GET_CONSUMER_RUNNING_INFO: passed on to the client.
pub(crate) fn running_info(
    broker: &mut Broker,
    asked: &Asked,
    effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::ConsumerRunningInfo::decode(&asked.command)?;
    let code = RequestCode::GET_CONSUMER_RUNNING_INFO;
    let command = Command { fields: asked.command.fields.clone(), ..Command::request(code) };
    pass_on(broker, asked, (header.consumer_group, header.client_id), command, effects)
}

/// CONSUME_MESSAGE_DIRECTLY: passed on to the client, with the message.
pub(crate) fn consume_directly(
    broker: &mut Broker,
    asked: &Asked,
    effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let mut header = request::ConsumeMessageDirectly::decode(&asked.command)?;
    let id = header.message_id.clone().unwrap_or_default();
    let place: OffsetId =
        id.parse().map_err(|error| Refusal::system_error(format!("message id `{id}`: {error}")))?;
    let record = broker.look(place.physical_offset)?;
    header.broker_name = Some(Text::from(broker.config.broker_name.as_str()));
    let topic = header.topic.as_deref().and_then(|topic| broker.topics.get(topic));
    header.topic_sys_flag = topic.map(|topic| topic.topic_sys_flag).or(header.topic_sys_flag);
    let group = broker.groups.get(&header.consumer_group);
    header.group_sys_flag = group.map(|group| group.group_sys_flag).or(header.group_sys_flag);
    let command = header.command().with_body(record.bytes().clone());
    let client = header.client_id.clone().unwrap_or_default();
    pass_on(broker, asked, (header.consumer_group, client), command, effects)
}

fn pass_on(
    broker: &mut Broker,
    asked: &Asked,
    whom: (Text, Text),
    command: Command,
    effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let (group, id) = &whom;
    let Some((peer, client)) = broker.peers.member(group, id) else {
        return Err(Refusal::system_error(format!("The Consumer <{group}> <{id}> not online")));
    };
    if client.version < RUNNING_INFO_VERSION {
        return Err(Refusal::system_error(format!(
            "The Consumer <{id}> Version <{}> too low to finish, please upgrade it to \
             V3_1_8_SNAPSHOT",
            client.version
        )));
    }
    broker.forward(asked, peer, whom, command, effects);
    Ok(Reply::Later)
}

/// INVOKE_BROKER_TO_GET_CONSUMER_STATUS: every member's offsets, or one member's.
pub(crate) fn consumer_status(
    broker: &mut Broker,
    asked: &Asked,
    effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::ConsumerStatus::decode(&asked.command)?;
    let only = header.client_addr.clone().filter(|client| !client.is_empty());
    let members = broker.peers.group(&header.group);
    let clients: Vec<_> = members
        .into_iter()
        .flat_map(|group| &group.clients)
        .filter(|(_, client)| only.as_ref().is_none_or(|only| *only == client.id))
        .map(|(peer, client)| (*peer, client.id.clone()))
        .collect();
    if clients.is_empty() {
        let remark = format!("No Any Consumer online in the consumer group: [{}]", header.group);
        return Err(Refusal::system_error(remark));
    }
    let header = request::ConsumerStatus { client_addr: None, ..header };
    let command = header.command_as(RequestCode::GET_CONSUMER_STATUS_FROM_CLIENT);
    broker.ask_status(asked, clients, &command, effects);
    Ok(Reply::Later)
}
