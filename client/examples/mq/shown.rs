//! What the verbs print: one JSON object per line, told apart by `event`.

use std::io::{self, Write};

use client::{ConsumerEvent, MessageQueue, ReceivedMessage, SendResult};
use serde_json::{Map, Value, json};

/// Prints one line at once, so that whoever reads it need not wait.
pub(crate) fn show(line: &Value) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

pub(crate) fn sent(result: &SendResult) -> Value {
    json!({
        "event": "sent",
        "status": format!("{:?}", result.status),
        "messageId": result.message_id.as_str(),
        "offsetMessageId": result.offset_message_id.as_str(),
        "queueId": result.queue.queue_id,
        "queueOffset": result.queue_offset,
        "attempts": result.attempts,
    })
}

pub(crate) fn message(message: &ReceivedMessage) -> Value {
    let properties: Map<String, Value> = message
        .properties
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_str().into()))
        .collect();
    json!({
        "event": "message",
        "topic": message.topic.as_str(),
        "queueId": message.queue_id,
        "queueOffset": message.queue_offset,
        "messageId": message.message_id.as_str(),
        "reconsumeTimes": message.reconsume_times,
        "body": String::from_utf8_lossy(&message.body),
        "tags": message.tag().map(|tag| tag.as_str()),
        "keys": message.keys().collect::<Vec<_>>(),
        "properties": properties,
    })
}

/// The events that tell who reads which queues; the others pass in silence.
pub(crate) fn event(event: &ConsumerEvent) -> Option<Value> {
    let ConsumerEvent::Balanced { topic, queues } = event else { return None };
    let queues: Vec<i32> = queues.iter().map(|queue: &MessageQueue| queue.queue_id).collect();
    Some(json!({ "event": "balanced", "topic": topic.as_str(), "queues": queues }))
}
