//! CONSUMER_SEND_MSG_BACK: a consumer could not handle a message and wants it again later.
//!
//! A copy goes to the group's retry topic by way of a delay level, or, after too many times, to
//! its dead letters.
//!
//! Source: `AbstractSendMessageProcessor.consumerSendMsgBack`.

use protocol::{
    ResponseCode, Text, names, permission,
    properties::{self, Properties},
    record::{Message, RecordView},
    request,
};

use crate::{
    broker::Broker,
    event::Effect,
    requests::{Asked, Refusal, Reply},
    send_checks,
    topics::UnitMode,
};

/// From this version on a client's own limit of retries counts.
const OWN_RETRY_LIMIT_VERSION: i32 = 121;
/// The delay level of a first retry, when the broker chooses.
const FIRST_LEVEL: i32 = 3;

/// CONSUMER_SEND_MSG_BACK.
pub(crate) fn send_back(
    broker: &mut Broker,
    asked: &Asked,
    effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::SendBack::decode(&asked.command)?;
    let group = &header.group;
    let now_ms = asked.now.wall_ms;
    let Some(config) = broker.groups.find_or_create(group, &broker.config, now_ms) else {
        return Err(send_checks::no_such_group(group));
    };
    let (retry_queues, retry_max) = (config.retry_queues, config.retry_max_times);
    if !permission::is_writable(broker.config.broker_permission) {
        let remark =
            format!("the broker[{}] sending message is forbidden", broker.config.broker_ip1);
        return Err(Refusal::new(ResponseCode::NO_PERMISSION, remark));
    }
    if retry_queues <= 0 {
        return Ok(Reply::Answer(asked.command.answer(ResponseCode::SUCCESS)));
    }
    let retry = names::retry_topic(group);
    let sys_flag = UnitMode(header.unit_mode).sys_flag(&retry);
    broker.topics.create_for_group(&retry, retry_queues, None, sys_flag, now_ms);
    if broker.topics.get(&retry).is_some_and(|topic| !permission::is_writable(topic.perm)) {
        let remark = format!("the topic[{retry}] sending message is forbidden");
        return Err(Refusal::new(ResponseCode::NO_PERMISSION, remark));
    }
    let record = broker.look(header.offset)?;
    let own_limit =
        header.max_reconsume_times.filter(|_| OWN_RETRY_LIMIT_VERSION <= asked.command.version);
    let limit = own_limit.unwrap_or(retry_max);
    let is_dead = header.delay_level < 0 || limit <= record.reconsume_times();
    let (topic, queues, level) = if is_dead {
        let dead = names::dlq_topic(group);
        broker.topics.create_for_group(&dead, 1, None, 0, now_ms);
        (dead, 1, 0)
    } else {
        let chosen = FIRST_LEVEL.saturating_add(record.reconsume_times());
        (retry, retry_queues, if header.delay_level == 0 { chosen } else { header.delay_level })
    };
    let real_topic = topic.clone();
    let queue_id = broker.dice.below(queues);
    let mut message = copy(broker, &record, topic, queue_id, level);
    let origin = Text::from(
        properties::find(&message.properties, properties::RETRY_TOPIC).unwrap_or_default(),
    );
    if 0 < level {
        broker.divert(&mut message, level);
    }
    let tags = record.property(properties::TAGS).filter(|_| level == 0);
    let appended = broker.append(asked.now, &message, tags)?;
    broker.stats.sent_back(&origin, group);
    if is_dead {
        tracing::info!(%group, %origin, "a message goes to the dead letters");
    }
    let answer = asked.command.answer(ResponseCode::SUCCESS);
    // Differs from Java, which answers before the copy is durable: the consumer then commits an
    // offset beyond the message, and a power cut that takes the copy loses it for this group.
    let need = broker.need(appended.end(), &real_topic);
    Ok(broker.answer_when(asked, answer, need, Some(appended.end()), effects))
}

/// A copy of a record for another try.
fn copy(broker: &Broker, record: &RecordView, topic: Text, queue_id: i32, level: i32) -> Message {
    let mut properties: Properties = record.properties();
    if !properties.contains(properties::RETRY_TOPIC) {
        properties.set(properties::RETRY_TOPIC, record.topic());
    }
    if !properties.contains(properties::ORIGIN_MESSAGE_ID) {
        let id = protocol::message_id::OffsetId {
            store_host: record.store_host(),
            physical_offset: record.physical_offset(),
        };
        properties.set(properties::ORIGIN_MESSAGE_ID, id.text());
    }
    properties.set(properties::WAIT, "false");
    properties.set(properties::DELAY, level.to_string());
    Message {
        topic,
        queue_id,
        reconsume_times: record.reconsume_times().saturating_add(1),
        store_host: broker.identity.store_host,
        prepared_transaction_offset: 0,
        properties: properties.encode(),
        ..Message::from_record(record)
    }
}

impl Broker {
    /// The record at a place in the log.
    pub(crate) fn look(&self, physical_offset: i64) -> Result<RecordView, Refusal> {
        let failed =
            || Refusal::system_error(format!("look message by offset failed, {physical_offset}"));
        let place = u64::try_from(physical_offset).map_err(|_| failed())?;
        let bytes = self.store.view(place).map_err(|_| failed())?;
        RecordView::parse(bytes).map_err(|_| failed())
    }
}
