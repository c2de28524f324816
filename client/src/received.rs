//! Records of an answer become messages.

use bytes::Bytes;
use protocol::{
    Text, batch,
    compress::plain_body,
    limits::UNCOMPRESSED_BYTES_MAX,
    message_id::OffsetId,
    names,
    properties::{self, Properties},
    record::{self, RecordError, RecordView},
    sys_flag,
};

use crate::ReceivedMessage;

/// The messages in the body of an answer of `broker`, in order, and what was wrong with the first
/// record that cannot be read, if there is one.
pub(crate) fn messages(broker: &Text, body: Bytes) -> (Vec<ReceivedMessage>, Option<RecordError>) {
    let mut messages = Vec::new();
    for read in record::scan(body) {
        match read {
            Ok(view) => push(broker, &view, &mut messages),
            Err(error) => return (messages, Some(error)),
        }
    }
    (messages, None)
}

/// One record: a message, or the several that were stored as one.
fn push(broker: &Text, view: &RecordView, messages: &mut Vec<ReceivedMessage>) {
    let outer = message(broker, view);
    let flag = view.sys_flag();
    if !sys_flag::has(flag, sys_flag::NEEDS_UNWRAP) || !sys_flag::has(flag, sys_flag::INNER_BATCH) {
        messages.push(outer);
        return;
    }
    let first = outer.property(properties::INNER_BASE).and_then(|base| base.parse().ok());
    let first: i64 = first.unwrap_or(outer.queue_offset);
    let items = match batch::decode(outer.body.clone()) {
        Ok(items) => items,
        Err(error) => {
            tracing::warn!(%broker, %error, "a batch cannot be read");
            messages.push(outer);
            return;
        }
    };
    for (queue_offset, item) in (first..).zip(items) {
        let properties = Properties::parse(&item.properties);
        let unique = properties.get(properties::UNIQ_KEY).cloned();
        messages.push(ReceivedMessage {
            queue_offset,
            flag: item.flag,
            body: item.body,
            message_id: unique.unwrap_or_else(|| outer.offset_message_id.clone()),
            properties,
            ..outer.clone()
        });
    }
}

pub(crate) fn message(broker: &Text, view: &RecordView) -> ReceivedMessage {
    let properties = view.properties();
    let offset_message_id =
        OffsetId { store_host: view.store_host(), physical_offset: view.physical_offset() }.text();
    let unique = properties.get(properties::UNIQ_KEY).cloned();
    let flag = view.sys_flag();
    // Differs from Java, which leaves out a message it cannot unfold and so loses it: whoever gets
    // it sees the bytes that were stored, and the flag that they are compressed.
    let body = plain_body(flag, view.body(), UNCOMPRESSED_BYTES_MAX).unwrap_or_else(|error| {
        tracing::warn!(id = %offset_message_id, %error, "given as it was stored");
        view.body()
    });
    ReceivedMessage {
        topic: view.topic(),
        queue_topic: view.topic(),
        broker_name: broker.clone(),
        queue_id: view.queue_id(),
        queue_offset: view.queue_offset(),
        physical_offset: view.physical_offset(),
        message_id: unique.unwrap_or_else(|| offset_message_id.clone()),
        offset_message_id,
        flag: view.flag(),
        sys_flag: flag,
        born_timestamp: view.born_timestamp(),
        born_host: view.born_host(),
        store_timestamp: view.store_timestamp(),
        store_host: view.store_host(),
        reconsume_times: view.reconsume_times(),
        prepared_transaction_offset: view.prepared_transaction_offset(),
        body,
        properties,
    }
}

/// A message that was sent back shows the topic it was sent to first.
pub(crate) fn show_original_topic(message: &mut ReceivedMessage, group: &str) {
    if message.queue_topic == names::retry_topic(group)
        && let Some(original) = message.properties.get(properties::RETRY_TOPIC)
    {
        message.topic = original.clone();
    }
}
