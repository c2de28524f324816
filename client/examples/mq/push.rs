//! The push consumer: a listener that is given messages.

use std::path::PathBuf;

use clap::Args;
use client::{ConsumeFrom, Consumed, MessageModel, PushConsumer, ReceivedMessage};
use runtime::Runtime;
use serde_json::json;

use crate::{Outcome, Place, shown};

/// What `push` can be told.
#[derive(Debug, Args)]
pub(crate) struct Push {
    #[command(flatten)]
    place: Place,
    /// Tags that are wanted, like `eu || us`
    #[arg(long, default_value = "*")]
    tags: String,
    /// One queue's messages one after the other
    #[arg(long)]
    orderly: bool,
    /// Every member gets every message, and keeps its offsets in a file
    #[arg(long)]
    broadcasting: bool,
    /// Where a broadcasting member keeps its offsets
    #[arg(long, default_value = ".rocketmq_offsets")]
    offset_directory: PathBuf,
    /// How often a message comes again before it is a dead letter
    #[arg(long, default_value_t = -1, allow_hyphen_values = true)]
    max_reconsume_times: i32,
    /// Bodies that are not consumed: they should come again
    #[arg(long)]
    refuse: Option<String>,
}

impl Push {
    pub(crate) async fn run(self, runtime: Runtime) -> Outcome {
        let mut builder = PushConsumer::builder(runtime.clone(), self.place.group.as_str())
            .name_servers(self.place.name_servers.as_str())
            .subscribe(self.place.topic.as_str(), self.tags.as_str())
            .consume_from(ConsumeFrom::First)
            .max_reconsume_times(self.max_reconsume_times)
            .offset_directory(self.offset_directory)
            .on_event(|event| {
                if let Some(line) = shown::event(event) {
                    shown::show(&line).ok();
                }
            });
        if let Some(name) = &self.place.instance_name {
            builder = builder.instance_name(name.as_str());
        }
        if self.broadcasting {
            builder = builder.message_model(MessageModel::Broadcasting);
        }
        let refused = self.refuse;
        let listener = move |messages: Vec<ReceivedMessage>| {
            let consumed = consume(&messages, refused.as_deref());
            async move { consumed }
        };
        let builder =
            if self.orderly { builder.orderly(listener) } else { builder.concurrent(listener) };
        let consumer = builder.start().await?;
        shown::show(&json!({ "event": "started", "clientId": consumer.client_id().as_str() }))?;
        runtime.tasks.asked_to_stop().await;
        consumer.stop().await;
        Ok(shown::show(&json!({ "event": "stopped" }))?)
    }
}

/// A message whose line nobody could read counts as not consumed.
fn consume(messages: &[ReceivedMessage], refused: Option<&str>) -> Consumed {
    let mut consumed = Consumed::Success;
    for message in messages {
        let is_refused = refused.is_some_and(|body| message.body == body.as_bytes());
        if shown::show(&shown::message(message)).is_err() || is_refused {
            consumed = Consumed::Later;
        }
    }
    consumed
}
