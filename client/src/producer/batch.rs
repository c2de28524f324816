//! Several messages in one request.
//!
//! Source: common/message/MessageBatch.java, client/producer/DefaultMQProducer.java.

use protocol::{
    Text,
    batch::{self, Item},
    names,
    properties::{self, Properties},
};

use super::{
    Core,
    attempt::{Prepared, encoded},
};
use crate::{IllegalMessage, Message, SendError};

impl Core {
    pub(super) fn prepare_batch(&self, messages: &[Message]) -> Result<Prepared, SendError> {
        let first = messages.first().ok_or(IllegalMessage::Batch { why: "it is empty" })?;
        let waits = first.property(properties::WAIT);
        let mut items = Vec::with_capacity(messages.len());
        let mut ids = String::new();
        for message in messages {
            message.check(self.settings.max_message_size)?;
            check(first, message)?;
            let id = self.id_of(message);
            let mut properties = message.properties().clone();
            properties.set(properties::UNIQ_KEY, id.clone());
            if !properties.contains(properties::WAIT) {
                properties.set(properties::WAIT, "true");
            }
            if !ids.is_empty() {
                ids.push(',');
            }
            ids.push_str(&id);
            items.push(Item {
                flag: message.flag(),
                body: message.body().clone(),
                properties: encoded(&properties)?,
            });
        }
        let bytes = items.iter().map(Item::encoded_len).sum();
        let limit = self.settings.max_message_size;
        if limit < bytes {
            return Err(IllegalMessage::BodyTooLong { bytes, limit }.into());
        }
        let too_long = |_| IllegalMessage::BodyTooLong { bytes, limit };
        let body = batch::encode(&items).map_err(too_long)?;
        let wait = waits.cloned().unwrap_or(Text::from_static("true"));
        let of_batch = Properties::new()
            .with(properties::UNIQ_KEY, self.unique_id())
            .with(properties::WAIT, wait);
        Ok(Prepared {
            topic: first.topic().clone(),
            message_id: Text::from(ids),
            body,
            properties: encoded(&of_batch)?,
            is_batch: true,
            ..Prepared::default()
        })
    }
}

fn check(first: &Message, message: &Message) -> Result<(), IllegalMessage> {
    let why = if message.topic() != first.topic() {
        "its messages have different topics"
    } else if names::is_retry_topic(message.topic()) {
        "it is for a retry topic"
    } else if message.properties().delay_level() != 0 {
        "a message of it has a delay"
    } else if message.property(properties::WAIT) != first.property(properties::WAIT) {
        "its messages differ in whether to wait for the store"
    } else {
        return Ok(());
    };
    Err(IllegalMessage::Batch { why })
}
