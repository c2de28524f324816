//! Messages that could not be consumed go back to the broker.
//!
//! Source: client/impl/consumer/DefaultMQPushConsumerImpl.sendMessageBack.

use std::time::Duration;

use protocol::{
    Text, names, properties,
    request::{self, Inherited},
};

use super::Core;
use crate::{ConsumerEvent, Message, ReceivedMessage, SendStatus};

/// How long a broker may take to take a message back.
const SEND_BACK_TIMEOUT: Duration = Duration::from_secs(5);
/// What -1 means for concurrent listeners.
const RECONSUME_TIMES_DEFAULT: i32 = 16;
/// The delay level of the first retry when this client has to choose it.
const FIRST_RETRY_LEVEL: i32 = 3;

impl Core {
    /// Gives a message back to its broker, or when that is not there to any other. `true` once
    /// somebody has it.
    pub(super) async fn send_back(&self, message: &ReceivedMessage, delay_level: i32) -> bool {
        match self.return_to_broker(message, delay_level).await {
            Ok(()) => {
                self.tell_sent_back(message, &message.broker_name, SendStatus::SendOk);
                true
            }
            Err(cause) => {
                tracing::warn!(id = %message.message_id, %cause, "not taken back by its broker");
                self.send_as_retry(message, self.reconsume_max(RECONSUME_TIMES_DEFAULT)).await
            }
        }
    }

    fn tell_sent_back(&self, message: &ReceivedMessage, broker_name: &Text, status: SendStatus) {
        self.member.tell(&ConsumerEvent::SentBack {
            message_id: message.message_id.clone(),
            reconsume_times: message.reconsume_times,
            broker_name: broker_name.clone(),
            status,
        });
    }

    /// `maxReconsumeTimes`, or what it means when it is not set.
    pub(super) fn reconsume_max(&self, default: i32) -> i32 {
        match self.settings.max_reconsume_times {
            -1 => default,
            times => times,
        }
    }

    async fn return_to_broker(
        &self,
        message: &ReceivedMessage,
        delay_level: i32,
    ) -> Result<(), String> {
        let instance = &self.member.instance;
        let address = instance.master(&message.broker_name).ok_or("its broker is not known")?;
        let header = request::SendBack {
            offset: message.physical_offset,
            group: self.member.group.clone(),
            delay_level,
            origin_message_id: Some(message.message_id.clone()),
            origin_topic: Some(message.topic.clone()),
            unit_mode: false,
            max_reconsume_times: Some(self.reconsume_max(RECONSUME_TIMES_DEFAULT)),
            inherited: Inherited {
                broker_name: Some(message.broker_name.clone()),
                ..Inherited::default()
            },
        };
        let asked = instance.ask(&address, header.command(), SEND_BACK_TIMEOUT).await;
        asked.map(drop).map_err(|error| error.to_string())
    }

    /// Sends a copy to the retry topic, as a broker would write it.
    pub(super) async fn send_as_retry(&self, message: &ReceivedMessage, max: i32) -> bool {
        let origin = message
            .property(properties::ORIGIN_MESSAGE_ID)
            .filter(|id| !id.trim().is_empty())
            .unwrap_or(&message.message_id)
            .clone();
        let level = message.reconsume_times.saturating_add(FIRST_RETRY_LEVEL);
        let mut copy = Message::new(names::retry_topic(&self.member.group), message.body.clone())
            .with_flag(message.flag);
        for (name, value) in &message.properties {
            if name != properties::TRANSACTION_PREPARED {
                copy = copy.with_property(name.clone(), value.clone());
            }
        }
        let times = message.reconsume_times.saturating_add(1);
        let copy = copy
            .with_property(properties::ORIGIN_MESSAGE_ID, origin)
            .with_property(properties::RETRY_TOPIC, message.topic.clone())
            .with_property(properties::RECONSUME_TIME, times.to_string())
            .with_property(properties::MAX_RECONSUME_TIMES, max.to_string())
            .with_property(properties::DELAY, level.to_string());
        match self.sender.send(&copy).await {
            Ok(sent) => {
                self.tell_sent_back(message, &sent.queue.broker_name, sent.status);
                true
            }
            Err(error) => {
                tracing::warn!(id = %message.message_id, %error, "not sent back");
                false
            }
        }
    }
}
