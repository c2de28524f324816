//! The pull consumer: every pull and every commit by hand.

use clap::Args;
use client::{Filter, PullConsumer, PullStatus};
use runtime::Runtime;

use crate::{Outcome, Place, shown};

/// How many messages one pull asks for.
const BATCH: i32 = 32;

/// What `pull` can be told.
#[derive(Debug, Args)]
pub(crate) struct Pull {
    #[command(flatten)]
    place: Place,
    /// Tags that are wanted, like `eu || us`
    #[arg(long, default_value = "*")]
    tags: String,
}

impl Pull {
    pub(crate) async fn run(self, runtime: Runtime) -> Outcome {
        let mut builder = PullConsumer::builder(runtime, self.place.group.as_str())
            .name_servers(self.place.name_servers.as_str());
        if let Some(name) = &self.place.instance_name {
            builder = builder.instance_name(name.as_str());
        }
        let consumer = builder.start().await?;
        let filter = Filter::from(self.tags.as_str());
        for queue in consumer.queues(&self.place.topic).await? {
            let mut offset = match consumer.committed(&queue).await? {
                Some(offset) => offset,
                None => consumer.min_offset(&queue).await?,
            };
            loop {
                let pulled = consumer.pull(&queue, &filter, offset, BATCH).await?;
                for message in &pulled.messages {
                    shown::show(&shown::message(message))?;
                }
                if pulled.status == PullStatus::NoNewMessage {
                    break;
                }
                offset = pulled.next_offset;
            }
            consumer.commit(&queue, offset).await?;
        }
        consumer.stop().await;
        Ok(())
    }
}
