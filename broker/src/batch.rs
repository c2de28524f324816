//! SEND_BATCH_MESSAGE: several messages of one queue, stored all or none.
//!
//! Each becomes a record of its own, one after another, with the properties it came with.
//!
//! Source: `SendMessageProcessor.sendBatchMessage`.

use protocol::{ResponseCode, Text, batch, names, properties, record::Message, request, sys_flag};

use crate::{
    attributes,
    broker::Broker,
    event::Effect,
    requests::{Asked, Refusal, Reply},
    send::Receipt,
    send_checks::{self, Properties},
};

/// SEND_BATCH_MESSAGE.
pub(crate) fn send_batch(
    broker: &mut Broker,
    asked: &Asked,
    effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::Send::decode(&asked.command)?;
    store_batch(broker, asked, &header, effects).map_err(|refusal| broker.with_region(refusal))
}

fn illegal(remark: impl Into<Text>) -> Refusal {
    Refusal::new(ResponseCode::MESSAGE_ILLEGAL, remark)
}

/// Stores a batch.
pub(crate) fn store_batch(
    broker: &mut Broker,
    asked: &Asked,
    header: &request::Send,
    effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    send_checks::check(broker, asked, header)?;
    let text = header.properties.clone().unwrap_or_default();
    let whole = Properties::scan(&text);
    check_whole(broker, header, &whole)?;
    let queue_id = send_checks::queue(broker, header);
    let messages = messages(broker, asked, header, queue_id)?;
    let appended = broker.append_all(asked, &messages)?;
    let ids: Vec<Text> = appended.iter().map(|appended| broker.offset_id(appended)).collect();
    let (Some(first), Some(last)) = (appended.first(), appended.last()) else {
        return Err(illegal("the batch is empty"));
    };
    let receipt = Receipt {
        message_id: Text::from(ids.join(",")),
        topic: header.topic.clone(),
        queue_id,
        queue_offset: first.queue_offset,
        unique_key: whole.unique_key.map(|key| text.slice_ref(key)),
        log_end: last.end(),
        waits: whole.waits,
    };
    Ok(broker.acknowledge(asked, receipt, effects))
}

fn check_whole(
    broker: &Broker,
    header: &request::Send,
    whole: &Properties<'_>,
) -> Result<(), Refusal> {
    let topic = &header.topic;
    if names::is_retry_topic(topic) {
        return Err(illegal(format!("batch request does not support retry group {topic}")));
    }
    let config = broker.topics.get(topic);
    let is_batch_queue = config
        .and_then(|topic| topic.attributes.get(attributes::QUEUE_TYPE))
        .is_some_and(|kind| *kind == "BatchCQ");
    if is_batch_queue {
        return Err(illegal("batches stored as one record are not supported yet"));
    }
    check_ordinary(whole, header.sys_flag)
}

/// Messages of a batch cannot wait, and cannot be undecided.
fn check_ordinary(wanted: &Properties<'_>, flags: i32) -> Result<(), Refusal> {
    if wanted.delay_level.is_some_and(|level| 0 < level) || wanted.is_timed {
        return Err(illegal("a message of a batch cannot be delayed"));
    }
    if wanted.is_half || sys_flag::transaction(flags) != sys_flag::TRANSACTION_NOT {
        return Err(illegal("a message of a batch cannot be part of a transaction"));
    }
    Ok(())
}

fn messages(
    broker: &Broker,
    asked: &Asked,
    header: &request::Send,
    queue_id: i32,
) -> Result<Vec<Message>, Refusal> {
    let body_limit = usize::try_from(broker.config.max_message_bytes).unwrap_or(usize::MAX);
    if body_limit < asked.command.body.len() {
        return Err(send_checks::too_large(&broker.config));
    }
    let items = batch::decode(asked.command.body.clone())
        .map_err(|error| illegal(format!("the batch cannot be read: {error}")))?;
    let topic = broker
        .topics
        .get(&header.topic)
        .map_or_else(|| header.topic.clone(), |config| config.topic_name.clone());
    let born_host = broker.peers.remote(asked.peer);
    let mut messages = Vec::with_capacity(items.len());
    for item in items {
        check_ordinary(&Properties::scan(&item.properties), header.sys_flag)?;
        if item.body.is_empty() {
            return Err(send_checks::too_large(&broker.config));
        }
        messages.push(Message {
            topic: topic.clone(),
            queue_id,
            flag: item.flag,
            sys_flag: header.sys_flag,
            born_timestamp: header.born_timestamp_ms,
            born_host,
            store_host: broker.identity.store_host,
            reconsume_times: header.reconsume_times.unwrap_or(0),
            prepared_transaction_offset: 0,
            body: item.body,
            properties: item.properties,
        });
    }
    Ok(messages)
}

impl Broker {
    fn append_all(
        &mut self,
        asked: &Asked,
        messages: &[Message],
    ) -> Result<Vec<store::Appended>, Refusal> {
        self.check_writable()?;
        let appended = match self.store.append_batch(asked.now, messages) {
            Ok(appended) => appended,
            Err(error) => return Err(self.append_failed(&error)),
        };
        for (message, appended) in messages.iter().zip(&appended) {
            let tags = properties::find(&message.properties, properties::TAGS);
            self.note_appended(asked.now, message, tags, appended);
        }
        Ok(appended)
    }
}
