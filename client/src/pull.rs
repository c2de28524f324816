//! Pulling by hand: every pull and every commit is a call, and nothing happens in between.
//!
//! Source: client/consumer/DefaultMQPullConsumer.java.

use std::{sync::Arc, time::Duration};

use protocol::{
    Text,
    body::{ConsumeType, ConsumerData, Heartbeat},
    names,
};
use runtime::Runtime;

use crate::{
    Boundary, Filter, MessageQueue, PullError, Pulled, QueryError, RouteError, StartError,
    instance::{Instance, Role, Stop},
    pulling::Wish,
    settings::Settings,
};

/// Sets a pull consumer up.
#[derive(Clone, Debug)]
pub struct PullConsumerBuilder {
    runtime: Runtime,
    pub(crate) settings: Settings,
}

crate::settings::shared_settings!(PullConsumerBuilder);

/// Pulls and commits when it is told to.
///
/// ```no_run
/// use client::{Filter, PullConsumer};
///
/// # async fn example(runtime: runtime::Runtime) -> Result<(), Box<dyn std::error::Error>> {
/// let consumer =
///     PullConsumer::builder(runtime, "audit").name_servers("127.0.0.1:9876").start().await?;
/// for queue in consumer.queues("orders").await? {
///     let from = consumer.committed(&queue).await?.unwrap_or(0);
///     let pulled = consumer.pull(&queue, &Filter::all(), from, 32).await?;
///     println!("{} messages", pulled.messages.len());
///     consumer.commit(&queue, pulled.next_offset).await?;
/// }
/// consumer.stop().await;
/// # Ok(()) }
/// ```
pub struct PullConsumer {
    instance: Arc<Instance>,
    role: Arc<PullRole>,
    stop: Stop,
}

struct PullRole {
    group: Text,
}

impl Role for PullRole {
    fn heartbeat(&self) -> Heartbeat {
        let data = ConsumerData {
            consume_type: ConsumeType::Actively,
            group_name: self.group.clone(),
            ..ConsumerData::default()
        };
        Heartbeat { consumers: vec![data], ..Heartbeat::default() }
    }
}

impl PullConsumerBuilder {
    /// Starts it. Brokers and name servers need not be there yet.
    pub async fn start(self) -> Result<PullConsumer, StartError> {
        names::check_group(&self.settings.group)?;
        let role = Arc::new(PullRole { group: self.settings.group.clone() });
        let (instance, stop) = Instance::new(self.runtime, self.settings);
        let weak: Arc<dyn Role> = role.clone();
        instance.start(Arc::downgrade(&weak)).await;
        Ok(PullConsumer { instance, role, stop })
    }
}

impl PullConsumer {
    /// Begins to set up a consumer of a group.
    #[must_use]
    pub fn builder(runtime: Runtime, group: impl Into<Text>) -> PullConsumerBuilder {
        PullConsumerBuilder { runtime, settings: Settings::new(group.into()) }
    }

    /// The name brokers know this client by.
    #[must_use]
    pub fn client_id(&self) -> &Text {
        &self.instance.client_id
    }

    /// The queues of a topic that can be read, sorted.
    pub async fn queues(&self, topic: &str) -> Result<Vec<MessageQueue>, RouteError> {
        Ok(self.instance.way(&Text::from(topic)).await?.subscribe.clone())
    }

    /// What is there now, at most `max` messages.
    pub async fn pull(
        &self,
        queue: &MessageQueue,
        filter: &Filter,
        offset: i64,
        max: i32,
    ) -> Result<Pulled, PullError> {
        self.pull_once(queue, filter, offset, max, None).await
    }

    /// What is there, or what comes while the broker holds the request, at most for `wait`.
    pub async fn pull_waiting(
        &self,
        queue: &MessageQueue,
        filter: &Filter,
        offset: i64,
        max: i32,
        wait: Duration,
    ) -> Result<Pulled, PullError> {
        self.pull_once(queue, filter, offset, max, Some(wait)).await
    }

    async fn pull_once(
        &self,
        queue: &MessageQueue,
        filter: &Filter,
        offset: i64,
        max: i32,
        wait: Option<Duration>,
    ) -> Result<Pulled, PullError> {
        let group = &self.role.group;
        let wish = Wish {
            group,
            queue,
            offset,
            max_messages: max,
            filter,
            sub_version: None,
            wait,
            broker_id: 0,
            lite: false,
        };
        self.instance.pull(&wish).await
    }

    /// What the group has committed; `None` if it never did.
    pub async fn committed(&self, queue: &MessageQueue) -> Result<Option<i64>, QueryError> {
        self.instance.committed(&self.role.group, queue).await
    }

    /// Commits an offset: everything below is done with.
    pub async fn commit(&self, queue: &MessageQueue, offset: i64) -> Result<(), QueryError> {
        self.instance.commit(&self.role.group, queue, offset).await
    }

    /// The offset of the first message a queue still has.
    pub async fn min_offset(&self, queue: &MessageQueue) -> Result<i64, QueryError> {
        self.instance.min_offset(queue).await
    }

    /// The offset the next message of a queue will get.
    pub async fn max_offset(&self, queue: &MessageQueue) -> Result<i64, QueryError> {
        self.instance.max_offset(queue).await
    }

    /// The offset of a message stored at a time.
    pub async fn search_offset(
        &self,
        queue: &MessageQueue,
        timestamp_ms: i64,
        boundary: Boundary,
    ) -> Result<i64, QueryError> {
        self.instance.search_offset(queue, timestamp_ms, boundary).await
    }

    /// Says goodbye to the brokers and closes every connection.
    pub async fn stop(&self) {
        self.stop.now();
        self.instance.unregister(None, Some(&self.role.group)).await;
        self.instance.wire.close();
    }
}

impl Drop for PullConsumer {
    fn drop(&mut self) {
        self.instance.wire.close();
    }
}

impl std::fmt::Debug for PullConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PullConsumer({})", self.client_id())
    }
}
