//! The producer, and every way it can send.

use std::{collections::BTreeMap, io, time::Duration};

use clap::{Args, ValueEnum};
use client::{Message, Producer};
use runtime::Runtime;
use serde::Deserialize;
use tokio::task::JoinSet;

use crate::{Outcome, Place, shown};

/// What `send` can be told.
#[derive(Debug, Args)]
pub(crate) struct Send {
    #[command(flatten)]
    place: Place,
    /// How to send
    #[arg(short, long, value_enum, default_value_t = Way::Sync)]
    way: Way,
    /// Bodies of this many bytes and more are compressed
    #[arg(long, default_value_t = 4096)]
    compress_above: usize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Way {
    /// One after the other, each waiting for its answer
    Sync,
    /// All at once
    Async,
    /// Without waiting for an answer
    Oneway,
    /// All in one request
    Batch,
    /// The n-th message to the n-th queue, in turn
    Chosen,
    /// To the queue that the first key belongs to
    Key,
}

/// One line of standard input.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    body: String,
    tags: Option<String>,
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    properties: BTreeMap<String, String>,
    delay_level: Option<u8>,
}

impl Line {
    fn message(self, topic: &str) -> Message {
        let mut message = Message::new(topic, self.body);
        if let Some(tags) = self.tags {
            message = message.with_tag(tags);
        }
        if !self.keys.is_empty() {
            message = message.with_keys(&self.keys);
        }
        if let Some(level) = self.delay_level {
            message = message.with_delay_level(level);
        }
        for (name, value) in self.properties {
            message = message.with_property(name, value);
        }
        message
    }
}

impl Send {
    pub(crate) async fn run(self, runtime: Runtime) -> Outcome {
        let mut messages = Vec::new();
        for line in io::stdin().lines() {
            let line: Line = serde_json::from_str(&line?)?;
            messages.push(line.message(&self.place.topic));
        }
        let mut builder = Producer::builder(runtime, self.place.group.as_str())
            .name_servers(self.place.name_servers.as_str())
            .send_timeout(Duration::from_secs(10))
            .compress_above(self.compress_above);
        if let Some(name) = &self.place.instance_name {
            builder = builder.instance_name(name.as_str());
        }
        let producer = builder.start().await?;
        let outcome = match self.way {
            Way::Sync => in_turn(&producer, messages).await,
            Way::Async => all_at_once(&producer, messages).await,
            Way::Oneway => oneway(&producer, messages).await,
            Way::Batch => Ok(shown::show(&shown::sent(&producer.send_batch(&messages).await?))?),
            Way::Chosen => chosen(&producer, messages).await,
            Way::Key => by_key(&producer, messages).await,
        };
        producer.stop().await;
        outcome
    }
}

async fn in_turn(producer: &Producer, messages: Vec<Message>) -> Outcome {
    for message in &messages {
        shown::show(&shown::sent(&producer.send(message).await?))?;
    }
    Ok(())
}

/// A send that is not awaited yet is Java's asynchronous send.
async fn all_at_once(producer: &Producer, messages: Vec<Message>) -> Outcome {
    let mut sends = JoinSet::new();
    for message in messages {
        let producer = producer.clone();
        sends.spawn(async move { producer.send(&message).await });
    }
    while let Some(sent) = sends.join_next().await {
        shown::show(&shown::sent(&sent??))?;
    }
    Ok(())
}

async fn oneway(producer: &Producer, messages: Vec<Message>) -> Outcome {
    for message in &messages {
        producer.send_oneway(message).await?;
    }
    Ok(())
}

async fn chosen(producer: &Producer, messages: Vec<Message>) -> Outcome {
    for (number, message) in messages.iter().enumerate() {
        let sent =
            producer.send_chosen(message, |all| all.get(number % all.len()).cloned()).await?;
        shown::show(&shown::sent(&sent))?;
    }
    Ok(())
}

async fn by_key(producer: &Producer, messages: Vec<Message>) -> Outcome {
    for message in &messages {
        let key = message.property(protocol::properties::KEYS).map_or("", |keys| keys.as_str());
        shown::show(&shown::sent(&producer.send_by_key(message, key).await?))?;
    }
    Ok(())
}
