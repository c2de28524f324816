//! Consuming by asking for the next messages: pulled ahead as for a listener, handed out by
//! [`LitePullConsumer::poll`].
//!
//! What `poll` gave counts as done with when `poll` is called again, or `commit`: a crash in
//! between repeats messages and never skips one.
//!
//! Differs from Java, which counts messages as done with as soon as `poll` has given them.
//!
//! Source: client/impl/consumer/DefaultLitePullConsumerImpl.java.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use protocol::{Text, body::ConsumeType, names};
use runtime::Runtime;
use tokio::sync::Notify;

use crate::{
    Balance, CommitError, ConsumeFrom, ConsumerEvent, Filter, MessageModel, MessageQueue,
    QueryError, ReceivedMessage, RouteError, StartError,
    ahead::{Ahead, Limits},
    assigned::{Assigned, Batch, Held},
    events::Observer,
    instance::{Instance, Stop},
    member::{Manner, Member, Offsets, Reader},
    queries::Boundary,
    settings::Settings,
    time::{locked, within},
};

/// Sets a lite pull consumer up. The defaults are RocketMQ's.
pub struct LitePullConsumerBuilder {
    runtime: Runtime,
    pub(crate) settings: Settings,
    limits: Limits,
    subscriptions: BTreeMap<Text, Filter>,
    from: ConsumeFrom,
    balance: Balance,
    rebalance_interval: Duration,
    auto_commit: bool,
    observer: Option<Observer>,
}

crate::settings::shared_settings!(LitePullConsumerBuilder);

/// Consumes by asking for the next messages.
///
/// ```no_run
/// use std::time::Duration;
/// use client::LitePullConsumer;
///
/// # async fn example(runtime: runtime::Runtime) -> Result<(), Box<dyn std::error::Error>> {
/// let consumer = LitePullConsumer::builder(runtime, "reports")
///     .name_servers("127.0.0.1:9876")
///     .subscribe("orders", "*")
///     .start()
///     .await?;
/// for message in consumer.poll(Duration::from_secs(5)).await {
///     println!("{}", message.message_id);
/// }
/// consumer.commit().await?;
/// consumer.stop().await;
/// # Ok(()) }
/// ```
pub struct LitePullConsumer {
    core: Arc<Core>,
    stop: Stop,
}

struct Core {
    ahead: Ahead,
    member: Arc<Member>,
    /// Messages that nobody has asked for yet.
    ready: Mutex<VecDeque<Batch>>,
    /// Messages that were given out and not yet asked beyond.
    given: Mutex<Vec<(Arc<Assigned>, Vec<i64>)>>,
    /// Rung when messages come.
    bell: Notify,
    reading: Arc<Reading>,
}

struct Reading(Weak<Core>);

impl Reader for Reading {
    fn begin(&self, assigned: Arc<Assigned>) {
        let Some(core) = self.0.upgrade() else { return };
        core.member.clone().spawn("consumer queue", async move {
            let deliver = |held: Vec<Arc<Held>>| {
                locked(&core.ready).push_back((assigned.clone(), held));
                core.bell.notify_one();
            };
            core.ahead.read(&assigned, deliver).await;
        });
    }
}

impl LitePullConsumer {
    /// Begins to set up a member of a group.
    #[must_use]
    pub fn builder(runtime: Runtime, group: impl Into<Text>) -> LitePullConsumerBuilder {
        let limits = Limits { pull_batch: 10, ..Limits::default() };
        LitePullConsumerBuilder {
            runtime,
            settings: Settings::new(group.into()),
            limits,
            subscriptions: BTreeMap::new(),
            from: ConsumeFrom::default(),
            balance: Balance::default(),
            rebalance_interval: Duration::from_secs(20),
            auto_commit: true,
            observer: None,
        }
    }

    /// The name brokers know this client by.
    #[must_use]
    pub fn client_id(&self) -> &Text {
        &self.core.member.instance.client_id
    }

    /// The next messages of one queue; none if none came within `timeout`. Whatever was given
    /// before counts as done with from now on.
    pub async fn poll(&self, timeout: Duration) -> Vec<ReceivedMessage> {
        self.core.finish_given();
        let instance = &self.core.member.instance;
        let next = async {
            loop {
                if let Some(messages) = self.core.take() {
                    return messages;
                }
                tokio::select! {
                    biased;
                    () = instance.stopped() => return Vec::new(),
                    () = self.core.bell.notified() => {}
                }
            }
        };
        within(&instance.runtime, timeout, next).await.unwrap_or_default()
    }

    /// Keeps the offsets of everything that `poll` has given so far, and says whether that worked
    /// for every queue.
    pub async fn commit(&self) -> Result<(), CommitError> {
        self.core.finish_given();
        for assigned in self.core.member.all_assigned() {
            self.core.member.commit_at_broker(&assigned).await?;
        }
        Ok(())
    }

    /// Commits an offset of one queue: everything below is done with.
    pub async fn commit_at(&self, queue: &MessageQueue, offset: i64) -> Result<(), CommitError> {
        let member = &self.core.member;
        let none = || CommitError::NotAssigned { queue: queue.clone() };
        member.assigned(queue).ok_or_else(none)?;
        member.instance.commit(&member.group, queue, offset).await?;
        Ok(())
    }

    /// What the group has committed in a queue; `None` if it never did.
    pub async fn committed(&self, queue: &MessageQueue) -> Result<Option<i64>, QueryError> {
        self.core.member.instance.committed(&self.core.member.group, queue).await
    }

    /// Reads these queues from now on, whoever else reads them, instead of subscribing.
    pub fn assign(&self, queues: impl IntoIterator<Item = MessageQueue>) {
        self.core.member.choose(queues);
    }

    /// Subscribes to one more topic, or changes what is wanted of it.
    pub fn subscribe(&self, topic: impl Into<Text>, filter: impl Into<Filter>) {
        self.core.member.subscribe(topic.into(), filter.into());
    }

    /// Ends a subscription.
    pub fn unsubscribe(&self, topic: &str) {
        self.core.member.unsubscribe(topic);
    }

    /// The queues this client reads now, sorted.
    #[must_use]
    pub fn assignment(&self) -> Vec<MessageQueue> {
        self.core.member.all_assigned().iter().map(|each| each.queue.clone()).collect()
    }

    /// The queues of a topic that can be read, sorted.
    pub async fn queues(&self, topic: &str) -> Result<Vec<MessageQueue>, RouteError> {
        Ok(self.core.member.instance.way(&Text::from(topic)).await?.subscribe.clone())
    }

    /// Goes on reading a queue from `offset`. What was pulled and not yet given is forgotten.
    pub fn seek(&self, queue: &MessageQueue, offset: i64) -> Result<(), CommitError> {
        if self.core.member.seek(queue, offset) {
            Ok(())
        } else {
            Err(CommitError::NotAssigned { queue: queue.clone() })
        }
    }

    /// Goes on reading a queue from its first message.
    pub async fn seek_to_begin(&self, queue: &MessageQueue) -> Result<(), CommitError> {
        let offset = self.core.member.instance.min_offset(queue).await?;
        self.seek(queue, offset)
    }

    /// Goes on reading a queue behind its last message.
    pub async fn seek_to_end(&self, queue: &MessageQueue) -> Result<(), CommitError> {
        let offset = self.core.member.instance.max_offset(queue).await?;
        self.seek(queue, offset)
    }

    /// The offset of a message stored at a time.
    pub async fn search_offset(
        &self,
        queue: &MessageQueue,
        timestamp_ms: i64,
        boundary: Boundary,
    ) -> Result<i64, QueryError> {
        self.core.member.instance.search_offset(queue, timestamp_ms, boundary).await
    }

    /// Pulls nothing more from these queues until they are resumed.
    pub fn pause(&self, queues: &[MessageQueue]) {
        self.set_paused(queues, true);
    }

    /// Pulls from these queues again.
    pub fn resume(&self, queues: &[MessageQueue]) {
        self.set_paused(queues, false);
    }

    fn set_paused(&self, queues: &[MessageQueue], paused: bool) {
        for queue in queues {
            if let Some(assigned) = self.core.member.assigned(queue) {
                assigned.set_paused(paused);
            }
        }
    }

    /// Gives the queues back and says goodbye to the brokers. What `poll` gave last will come
    /// again, unless it is committed before.
    pub async fn stop(&self) {
        self.stop.now();
        let patience = self.core.member.instance.settings.call_timeout;
        self.core.member.end(patience).await;
    }
}

impl Core {
    /// The next messages that are still ours to give.
    fn take(&self) -> Option<Vec<ReceivedMessage>> {
        loop {
            let (assigned, held) = locked(&self.ready).pop_front()?;
            if assigned.is_dropped() {
                continue;
            }
            let messages: Vec<ReceivedMessage> = held.iter().map(|each| each.message()).collect();
            let offsets = messages.iter().map(|message| message.queue_offset).collect();
            locked(&self.given).push((assigned, offsets));
            return Some(messages);
        }
    }

    fn finish_given(&self) {
        let given = std::mem::take(&mut *locked(&self.given));
        for (assigned, offsets) in given {
            assigned.finish(offsets);
        }
    }
}

impl Drop for LitePullConsumer {
    fn drop(&mut self) {
        self.core.member.instance.wire.close();
    }
}

impl std::fmt::Debug for LitePullConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LitePullConsumer({})", self.client_id())
    }
}

impl LitePullConsumerBuilder {
    /// Subscribes to a topic; the filter is a [`Filter`] or text like `*` or `eu || us`. Without
    /// any, queues are [assigned](LitePullConsumer::assign) by hand.
    #[must_use]
    pub fn subscribe(mut self, topic: impl Into<Text>, filter: impl Into<Filter>) -> Self {
        self.subscriptions.insert(topic.into(), filter.into());
        self
    }

    /// `autoCommit`: offsets are kept every 5 s, and when the consumer stops. On.
    #[must_use]
    pub fn auto_commit(mut self, auto: bool) -> Self {
        self.auto_commit = auto;
        self
    }

    /// `autoCommitIntervalMillis`. 5 s.
    #[must_use]
    pub fn auto_commit_interval(mut self, interval: Duration) -> Self {
        self.settings.persist_interval = interval;
        self
    }

    /// `consumeFromWhere`: where a group without offsets begins. At the end.
    #[must_use]
    pub fn consume_from(mut self, from: ConsumeFrom) -> Self {
        self.from = from;
        self
    }

    /// `allocateMessageQueueStrategy`: the same for all members of a group. Averagely.
    #[must_use]
    pub fn balance(mut self, balance: Balance) -> Self {
        self.balance = balance;
        self
    }

    /// How often queues are shared out without anything having changed. 20 s.
    #[must_use]
    pub fn rebalance_interval(mut self, interval: Duration) -> Self {
        self.rebalance_interval = interval;
        self
    }

    /// `pullBatchSize`: how many messages a pull asks for, and `poll` gives at the most. 10.
    #[must_use]
    pub fn pull_batch_size(mut self, messages: i32) -> Self {
        self.limits.pull_batch = messages.max(1);
        self
    }

    /// How long a broker may hold a pull that finds nothing. 15 s.
    #[must_use]
    pub fn poll_time(mut self, span: Duration) -> Self {
        self.limits.poll = span;
        self
    }

    /// Is told what `poll` does not show.
    #[must_use]
    pub fn on_event(mut self, observer: impl Fn(&ConsumerEvent) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Starts it. Brokers and name servers need not be there yet.
    pub async fn start(self) -> Result<LitePullConsumer, StartError> {
        names::check_group(&self.settings.group)?;
        for topic in self.subscriptions.keys() {
            names::check_topic(topic)?;
        }
        let (instance, stop) = Instance::new(self.runtime, self.settings);
        let manner = Manner {
            model: MessageModel::Clustering,
            consume_type: ConsumeType::Actively,
            from: self.from,
            balance: self.balance,
            locks: false,
            keeps_offsets: self.auto_commit,
            rebalance_interval: self.rebalance_interval,
            observer: self.observer,
        };
        let member = Member::new(instance, manner, Offsets::AtBroker, self.subscriptions);
        let core = Arc::new_cyclic(|core| Core {
            ahead: Ahead { member: member.clone(), limits: self.limits, lite: true },
            member: member.clone(),
            ready: Mutex::default(),
            given: Mutex::default(),
            bell: Notify::new(),
            reading: Arc::new(Reading(core.clone())),
        });
        let reader: Arc<dyn Reader> = core.reading.clone();
        member.start(Arc::downgrade(&reader)).await;
        Ok(LitePullConsumer { core, stop })
    }
}

impl std::fmt::Debug for LitePullConsumerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LitePullConsumerBuilder({})", self.settings.group)
    }
}
