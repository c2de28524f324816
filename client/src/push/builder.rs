//! What a push consumer can be told before it starts.

use std::{
    collections::BTreeMap,
    future::Future,
    path::PathBuf,
    sync::{Arc, Mutex, atomic::AtomicU64},
    time::Duration,
};

use protocol::{Text, body::ConsumeType, names};
use runtime::Runtime;
use tokio::sync::mpsc;

use super::{Consumed, Core, Listener, PushConsumer, PushSettings, Reading, Sender, concurrent};
use crate::{
    Balance, ConsumeFrom, ConsumerEvent, Filter, MessageModel, ReceivedMessage, StartError,
    ahead::{Ahead, Limits},
    events::Observer,
    instance::Instance,
    local_offsets::LocalOffsets,
    member::{Manner, Member, Offsets, Reader},
    settings::Settings,
};

/// Sets a push consumer up. The defaults are RocketMQ's.
pub struct PushConsumerBuilder {
    runtime: Runtime,
    pub(crate) settings: Settings,
    push: PushSettings,
    limits: Limits,
    subscriptions: BTreeMap<Text, Filter>,
    model: MessageModel,
    from: ConsumeFrom,
    balance: Balance,
    rebalance_interval: Duration,
    offset_directory: PathBuf,
    listener: Option<(Listener, bool)>,
    observer: Option<Observer>,
}

crate::settings::shared_settings!(PushConsumerBuilder);

impl PushConsumer {
    /// Begins to set up a member of a group.
    #[must_use]
    pub fn builder(runtime: Runtime, group: impl Into<Text>) -> PushConsumerBuilder {
        PushConsumerBuilder {
            runtime,
            settings: Settings::new(group.into()),
            push: PushSettings {
                workers: 20,
                consume_batch: 1,
                max_reconsume_times: -1,
                suspend: Duration::from_secs(1),
                consume_timeout: Duration::from_secs(15 * 60),
            },
            limits: Limits::default(),
            subscriptions: BTreeMap::new(),
            model: MessageModel::default(),
            from: ConsumeFrom::default(),
            balance: Balance::default(),
            rebalance_interval: Duration::from_secs(20),
            offset_directory: PathBuf::from(".rocketmq_offsets"),
            listener: None,
            observer: None,
        }
    }
}

impl PushConsumerBuilder {
    /// Subscribes to a topic; the filter is a [`Filter`] or text like `*` or `eu || us`.
    #[must_use]
    pub fn subscribe(mut self, topic: impl Into<Text>, filter: impl Into<Filter>) -> Self {
        self.subscriptions.insert(topic.into(), filter.into());
        self
    }

    /// Gives messages to `listener` in any order, several at once.
    #[must_use]
    pub fn concurrent<F, R>(mut self, listener: F) -> Self
    where
        F: Fn(Vec<ReceivedMessage>) -> R + Send + Sync + 'static,
        R: Future<Output = Consumed> + Send + 'static,
    {
        self.listener = Some((Arc::new(move |messages| Box::pin(listener(messages))), false));
        self
    }

    /// Gives messages to `listener` queue by queue, in the order of each queue.
    #[must_use]
    pub fn orderly<F, R>(mut self, listener: F) -> Self
    where
        F: Fn(Vec<ReceivedMessage>) -> R + Send + Sync + 'static,
        R: Future<Output = Consumed> + Send + 'static,
    {
        self.listener = Some((Arc::new(move |messages| Box::pin(listener(messages))), true));
        self
    }

    /// `messageModel`: one member gets a message, or every member does. Clustering.
    #[must_use]
    pub fn message_model(mut self, model: MessageModel) -> Self {
        self.model = model;
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

    /// `persistConsumerOffsetInterval`: how often offsets are kept. 5 s.
    #[must_use]
    pub fn persist_interval(mut self, interval: Duration) -> Self {
        self.settings.persist_interval = interval;
        self
    }

    /// `maxReconsumeTimes`: how often a message comes again before it is a dead letter. 16 for
    /// concurrent listeners, without end for orderly ones.
    #[must_use]
    pub fn max_reconsume_times(mut self, times: i32) -> Self {
        self.push.max_reconsume_times = times.max(-1);
        self
    }

    /// `consumeThreadMax`: how many concurrent listeners are at work at the most. 20.
    #[must_use]
    pub fn consume_concurrency(mut self, listeners: usize) -> Self {
        self.push.workers = listeners.max(1);
        self
    }

    /// `consumeMessageBatchMaxSize`: how many messages a listener gets at once. 1.
    #[must_use]
    pub fn consume_batch_size(mut self, messages: usize) -> Self {
        self.push.consume_batch = messages.max(1);
        self
    }

    /// `pullBatchSize`: how many messages a pull asks for. 32.
    #[must_use]
    pub fn pull_batch_size(mut self, messages: i32) -> Self {
        self.limits.pull_batch = messages.max(1);
        self
    }

    /// `pullThresholdForQueue`, `pullThresholdSizeForQueue`: no more is pulled from a queue while
    /// this many messages or bytes of it wait. 1000 and 100 MiB.
    #[must_use]
    pub fn queue_limits(mut self, messages: usize, bytes: usize) -> Self {
        self.limits.queue_messages_max = messages.max(1);
        self.limits.queue_bytes_max = bytes.max(1);
        self
    }

    /// `consumeConcurrentlyMaxSpan`: no more is pulled from a queue while the offsets of its
    /// waiting messages are this far apart. 2000.
    #[must_use]
    pub fn queue_span(mut self, offsets: i64) -> Self {
        self.limits.queue_span_max = offsets.max(1);
        self
    }

    /// `suspendCurrentQueueTimeMillis`: how long an orderly queue rests after `Later`. 1 s.
    #[must_use]
    pub fn suspend(mut self, pause: Duration) -> Self {
        self.push.suspend = pause;
        self
    }

    /// How long a broker may hold a pull that finds nothing. 15 s.
    #[must_use]
    pub fn poll_time(mut self, span: Duration) -> Self {
        self.limits.poll = span;
        self
    }

    /// `consumeTimeout`: a message whose concurrent listener takes longer is sent back. 15 min.
    #[must_use]
    pub fn consume_timeout(mut self, timeout: Duration) -> Self {
        self.push.consume_timeout = timeout;
        self
    }

    /// Where a broadcasting consumer keeps its offsets, below a directory of its client id: give it
    /// an [instance name](Self::instance_name) too. `.rocketmq_offsets`.
    #[must_use]
    pub fn offset_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.offset_directory = directory.into();
        self
    }

    /// Is told what the listener does not see.
    #[must_use]
    pub fn on_event(mut self, observer: impl Fn(&ConsumerEvent) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Starts it. Brokers and name servers need not be there yet.
    pub async fn start(self) -> Result<PushConsumer, StartError> {
        names::check_group(&self.settings.group)?;
        for topic in self.subscriptions.keys() {
            names::check_topic(topic)?;
        }
        let missing = || StartError::Settings {
            setting: "listener",
            why: "set one with `concurrent` or `orderly`".to_owned(),
        };
        let (listener, is_orderly) = self.listener.ok_or_else(missing)?;
        let (instance, stop) = Instance::new(self.runtime, self.settings);
        let offsets = match self.model {
            MessageModel::Clustering => Offsets::AtBroker,
            MessageModel::Broadcasting => {
                let directory = self.offset_directory.join(&*instance.client_id);
                let path = directory.join(&*instance.settings.group).join("offsets.json");
                Offsets::InFile(LocalOffsets::open(instance.runtime.disk.clone(), path)?)
            }
        };
        let manner = Manner {
            model: self.model,
            consume_type: ConsumeType::Passively,
            from: self.from,
            balance: self.balance,
            locks: is_orderly && self.model == MessageModel::Clustering,
            keeps_offsets: true,
            rebalance_interval: self.rebalance_interval,
            observer: self.observer,
        };
        let sender = Sender::inner(&instance);
        let member = Member::new(instance, manner, offsets, self.subscriptions);
        let (work, to_do) = mpsc::unbounded_channel();
        let core = Arc::new_cyclic(|core| Core {
            ahead: Ahead { member: member.clone(), limits: self.limits, lite: false },
            member: member.clone(),
            settings: self.push,
            listener,
            is_orderly,
            work,
            later: Mutex::default(),
            next_later: AtomicU64::new(0),
            sender,
            reading: Arc::new(Reading(core.clone())),
        });
        concurrent::start_workers(&core, to_do);
        let reader: Arc<dyn Reader> = core.reading.clone();
        member.start(Arc::downgrade(&reader)).await;
        Ok(PushConsumer { core, stop })
    }
}

impl std::fmt::Debug for PushConsumerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PushConsumerBuilder({})", self.settings.group)
    }
}
