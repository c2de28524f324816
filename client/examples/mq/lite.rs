//! The lite pull consumer: messages are asked for, queues are shared out.

use std::time::Duration;

use clap::Args;
use client::{ConsumeFrom, LitePullConsumer};
use runtime::Runtime;
use serde_json::json;

use crate::{Outcome, Place, shown};

/// What `lite` can be told.
#[derive(Debug, Args)]
pub(crate) struct Lite {
    #[command(flatten)]
    place: Place,
    /// Tags that are wanted, like `eu || us`
    #[arg(long, default_value = "*")]
    tags: String,
    /// Ends after this many messages or a few more
    #[arg(long, default_value_t = usize::MAX)]
    count: usize,
}

impl Lite {
    pub(crate) async fn run(self, runtime: Runtime) -> Outcome {
        let mut builder = LitePullConsumer::builder(runtime.clone(), self.place.group.as_str())
            .name_servers(self.place.name_servers.as_str())
            .subscribe(self.place.topic.as_str(), self.tags.as_str())
            .consume_from(ConsumeFrom::First);
        if let Some(name) = &self.place.instance_name {
            builder = builder.instance_name(name.as_str());
        }
        let consumer = builder.start().await?;
        shown::show(&json!({ "event": "started", "clientId": consumer.client_id().as_str() }))?;
        let mut asked = runtime.tasks.asked_to_stop();
        let mut seen = 0;
        while seen < self.count {
            let messages = tokio::select! {
                biased;
                _ = &mut asked => break,
                messages = consumer.poll(Duration::from_secs(1)) => messages,
            };
            for message in &messages {
                shown::show(&shown::message(message))?;
            }
            seen += messages.len();
        }
        consumer.commit().await?;
        consumer.stop().await;
        Ok(shown::show(&json!({ "event": "stopped" }))?)
    }
}
