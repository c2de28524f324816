//! What operators ask: topics, groups, offsets, statistics, configuration.
//!
//! Source: `broker/processor/AdminBrokerProcessor.java`.

pub(crate) mod calls;
pub(crate) mod configuration;
pub(crate) mod connections;
pub(crate) mod groups;
pub(crate) mod offsets;
pub(crate) mod runtime_info;
pub(crate) mod stats;
pub(crate) mod tables;
pub(crate) mod topics;
pub(crate) mod upkeep;

use bytes::Bytes;
use protocol::{Command, ResponseCode, Text, body::MessageQueue};

use crate::{
    broker::Broker,
    requests::{Asked, Refusal, Reply},
};

/// Success without anything else.
fn done(asked: &Asked) -> Reply {
    Reply::Answer(succeeded(asked))
}

fn succeeded(asked: &Asked) -> Command {
    asked.command.answer(ResponseCode::SUCCESS)
}

/// Success with a body.
fn with_body(asked: &Asked, body: Bytes) -> Reply {
    Reply::Answer(succeeded(asked).with_body(body))
}

fn no_such_topic(topic: &str) -> Refusal {
    Refusal::new(ResponseCode::TOPIC_NOT_EXIST, format!("topic[{topic}] not exist"))
}

impl Broker {
    /// One queue of this broker, as bodies name it.
    fn queue_name(&self, topic: &Text, queue_id: i32) -> MessageQueue {
        let broker_name = Text::from(self.config.broker_name.as_str());
        MessageQueue { broker_name, queue_id, topic: topic.clone() }
    }
}
