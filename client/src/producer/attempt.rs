//! One message on its way to one broker.

use std::time::Duration;

use bytes::Bytes;
use protocol::{
    Command, ResponseCode, Text,
    compress::{Compression, DEFAULT_LEVEL},
    limits::PROPERTIES_BYTES_MAX,
    names,
    properties::{self, Properties},
    request::{self, Inherited},
    response, sys_flag,
};

use super::{AttemptFailure, Core, SendResult, SendStatus};
use crate::{IllegalMessage, Message, MessageQueue, SendError, faults::Seen, time::within};

/// A message ready for the wire: the same for every attempt, so that a retry sends the same bytes
/// and the same id.
pub(super) struct Prepared {
    pub(super) topic: Text,
    pub(super) message_id: Text,
    pub(super) body: Bytes,
    pub(super) flag: i32,
    pub(super) sys_flag: i32,
    pub(super) properties: Text,
    pub(super) reconsume_times: i32,
    pub(super) max_reconsume_times: Option<i32>,
    pub(super) is_batch: bool,
}

impl Core {
    pub(super) fn prepare(&self, message: &Message) -> Result<Prepared, SendError> {
        message.check(self.settings.max_message_size)?;
        let message_id = self.id_of(message);
        let mut properties = message.properties().clone();
        properties.set(properties::UNIQ_KEY, message_id.clone());
        if !properties.contains(properties::WAIT) {
            properties.set(properties::WAIT, "true");
        }
        let (reconsume_times, max_reconsume_times) = send_back_fields(message, &mut properties);
        let mut sys_flag = 0;
        let body = self.squeeze(message.body(), &mut sys_flag);
        Ok(Prepared {
            topic: message.topic().clone(),
            message_id,
            body,
            flag: message.flag(),
            sys_flag,
            properties: encoded(&properties)?,
            reconsume_times,
            max_reconsume_times,
            is_batch: false,
        })
    }

    /// Compresses a body that is worth it.
    fn squeeze(&self, body: &Bytes, sys_flag: &mut i32) -> Bytes {
        if body.len() < self.settings.compress_above {
            return body.clone();
        }
        match Compression::Zlib.compress(body, DEFAULT_LEVEL) {
            Ok(squeezed) => {
                *sys_flag = Compression::Zlib.mark(*sys_flag);
                squeezed
            }
            Err(error) => {
                tracing::warn!(%error, "sent as it is");
                body.clone()
            }
        }
    }

    pub(super) fn request(&self, prepared: &Prepared, queue: &MessageQueue) -> Command {
        let header = request::Send {
            producer_group: self.group.clone(),
            topic: prepared.topic.clone(),
            default_topic: self.settings.create_topic_key.clone(),
            default_topic_queues: self.settings.default_topic_queues,
            queue_id: queue.queue_id,
            sys_flag: prepared.sys_flag,
            born_timestamp_ms: self.instance.runtime.clock.wall_ms(),
            flag: prepared.flag,
            properties: Some(prepared.properties.clone()),
            reconsume_times: Some(prepared.reconsume_times),
            unit_mode: Some(false),
            max_reconsume_times: prepared.max_reconsume_times,
            batch: Some(prepared.is_batch),
            inherited: Inherited {
                broker_name: Some(queue.broker_name.clone()),
                ..Inherited::default()
            },
        };
        header.command().with_body(prepared.body.clone())
    }

    /// One request to one broker.
    pub(super) async fn try_once(
        &self,
        prepared: &Prepared,
        queue: &MessageQueue,
        timeout: Duration,
    ) -> Result<SendResult, AttemptFailure> {
        let began = self.instance.now();
        let known = within(&self.instance.runtime, timeout, self.instance.master_of(queue)).await;
        let Some(address) = known.flatten() else {
            self.note(queue, began, Seen::Silent);
            self.instance.suspect();
            return Err(AttemptFailure::NoBroker);
        };
        let command = self.request(prepared, queue);
        let timeout = timeout.saturating_sub(self.instance.now().since(began));
        let began = self.instance.now();
        match self.instance.wire.call(&address, command, timeout).await {
            Ok(answer) => match SendStatus::of(answer.code) {
                Some(status) => {
                    self.note(queue, began, Seen::Answered);
                    sent(prepared, queue, status, &answer)
                }
                None => {
                    self.note(queue, began, Seen::Refused);
                    let code = ResponseCode::from(answer.code);
                    let remark = answer.remark.unwrap_or_default();
                    Err(AttemptFailure::Refused { code, remark })
                }
            },
            Err(failure) => {
                self.note(queue, began, Seen::Silent);
                self.instance.suspect();
                Err(AttemptFailure::Call(failure))
            }
        }
    }
}

fn sent(
    prepared: &Prepared,
    queue: &MessageQueue,
    status: SendStatus,
    answer: &Command,
) -> Result<SendResult, AttemptFailure> {
    let header = response::Send::decode(answer)
        .map_err(|wrong| AttemptFailure::Unreadable { cause: wrong.to_string() })?;
    let queue =
        MessageQueue::new(prepared.topic.clone(), queue.broker_name.clone(), header.queue_id);
    Ok(SendResult {
        status,
        message_id: prepared.message_id.clone(),
        offset_message_id: header.message_id,
        queue,
        queue_offset: header.queue_offset,
        recall_handle: header.recall_handle,
        attempts: 1,
        maybe_duplicated: false,
    })
}

/// Messages to a retry topic say in the header, not in their properties, how often they were tried.
fn send_back_fields(message: &Message, properties: &mut Properties) -> (i32, Option<i32>) {
    if !names::is_retry_topic(message.topic()) {
        return (0, None);
    }
    let mut take = |name| properties.remove(name).and_then(|text| text.parse().ok());
    (take(properties::RECONSUME_TIME).unwrap_or(0), take(properties::MAX_RECONSUME_TIMES))
}

/// The text of the properties, if a record can hold it.
pub(super) fn encoded(properties: &Properties) -> Result<Text, IllegalMessage> {
    let text = properties.encode();
    if PROPERTIES_BYTES_MAX < text.len() {
        let limit = PROPERTIES_BYTES_MAX;
        return Err(IllegalMessage::PropertiesTooLong { bytes: text.len(), limit });
    }
    Ok(text)
}

impl Default for Prepared {
    fn default() -> Self {
        Self {
            topic: Text::EMPTY,
            message_id: Text::EMPTY,
            body: Bytes::new(),
            flag: 0,
            sys_flag: sys_flag::TRANSACTION_NOT,
            properties: Text::EMPTY,
            reconsume_times: 0,
            max_reconsume_times: None,
            is_batch: false,
        }
    }
}
