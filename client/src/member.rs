//! A member of a consumer group: what it subscribes to, which queues are its, and how far it is.
//!
//! Used by both consumers that subscribe; what is done with a queue is the business of their
//! [`Reader`].
//!
//! Source: client/impl/consumer/RebalanceImpl.java, RebalancePushImpl.java.

mod asked;
mod offsets;
mod share;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, OnceLock, Weak},
    time::Duration,
};

use protocol::{
    Command, Text,
    body::{self, ConsumeFromWhere, ConsumeType, ConsumerData, Heartbeat},
};
use remoting::Connection;
use tokio::sync::{Notify, mpsc};

pub(crate) use offsets::Offsets;

use crate::{
    Balance, ConsumerEvent, Filter, MessageQueue,
    assigned::Assigned,
    events::Observer,
    instance::{Instance, Role},
    subscription,
    time::locked,
};

/// Where a group begins to read a queue in which it has no offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConsumeFrom {
    /// With what comes after the first start. As for the Java client, a broker answers with the
    /// beginning of a queue that is so young that its first message is still in memory.
    #[default]
    Last,
    /// With the oldest message there is.
    First,
    /// With the first message stored at or after a time in milliseconds since 1970.
    Timestamp(i64),
}

/// Who in a group gets a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MessageModel {
    /// One member.
    #[default]
    Clustering,
    /// Every member.
    Broadcasting,
}

/// What is done with queues.
pub(crate) trait Reader: Send + Sync {
    /// A queue is this member's from now on, until it is dropped.
    fn begin(&self, assigned: Arc<Assigned>);

    /// A request from a broker that a member cannot answer by itself.
    fn asked(&self, _connection: &Connection, _command: &Command) -> Option<Command> {
        None
    }
}

/// What kind of member this is.
pub(crate) struct Manner {
    pub(crate) model: MessageModel,
    pub(crate) consume_type: ConsumeType,
    pub(crate) from: ConsumeFrom,
    pub(crate) balance: Balance,
    /// Queues are locked at the broker before they are read.
    pub(crate) locks: bool,
    /// Offsets are kept regularly, and at the end.
    pub(crate) keeps_offsets: bool,
    pub(crate) rebalance_interval: Duration,
    pub(crate) observer: Option<Observer>,
}

pub(crate) struct Member {
    pub(crate) instance: Arc<Instance>,
    pub(crate) group: Text,
    pub(crate) manner: Manner,
    pub(crate) offsets: Offsets,
    subscriptions: Mutex<BTreeMap<Text, Subscribed>>,
    assigned: Mutex<BTreeMap<MessageQueue, Arc<Assigned>>>,
    /// Queues that were given up and whose reader has not ended yet.
    leaving: Mutex<BTreeSet<MessageQueue>>,
    /// Queues that a broker may have locked for this member.
    leased: Mutex<BTreeSet<MessageQueue>>,
    /// Held from before the locks of queues are renewed or given back until that is done: a lock
    /// that was given back must not be renewed.
    leasing: tokio::sync::Mutex<()>,
    /// The queues to read when they are not shared out but chosen.
    by_hand: Mutex<Option<BTreeSet<MessageQueue>>>,
    reader: OnceLock<Weak<dyn Reader>>,
    /// Rung when queues may have to be shared out anew.
    bell: Notify,
    /// Every task holds a clone of the first; the second ends when all of them have.
    alive: Mutex<Option<mpsc::Sender<()>>>,
    ended: tokio::sync::Mutex<mpsc::Receiver<()>>,
}

#[derive(Clone)]
pub(crate) struct Subscribed {
    pub(crate) filter: Filter,
    pub(crate) version: i64,
}

impl Member {
    pub(crate) fn new(
        instance: Arc<Instance>,
        manner: Manner,
        offsets: Offsets,
        subscriptions: BTreeMap<Text, Filter>,
    ) -> Arc<Self> {
        let (alive, ended) = mpsc::channel(1);
        let member = Self {
            group: instance.settings.group.clone(),
            instance,
            manner,
            offsets,
            subscriptions: Mutex::default(),
            assigned: Mutex::default(),
            leaving: Mutex::default(),
            leased: Mutex::default(),
            leasing: tokio::sync::Mutex::default(),
            by_hand: Mutex::default(),
            reader: OnceLock::new(),
            bell: Notify::new(),
            alive: Mutex::new(Some(alive)),
            ended: tokio::sync::Mutex::new(ended),
        };
        for (topic, filter) in subscriptions {
            member.add(topic, filter);
        }
        if !member.subscriptions().is_empty() {
            member.add_retries();
        }
        Arc::new(member)
    }

    /// Begins to share queues and to keep offsets.
    pub(crate) async fn start(self: &Arc<Self>, reader: Weak<dyn Reader>) {
        // A member is started once.
        drop(self.reader.set(reader));
        let role: Arc<dyn Role> = self.clone();
        self.instance.start(Arc::downgrade(&role)).await;
        for topic in self.subscriptions().into_keys() {
            if let Err(error) = self.instance.way(&topic).await {
                tracing::info!(%error, "the route is not known yet");
            }
        }
        self.instance.heartbeat().await;
        self.spawn("consumer rebalance", share::keep_sharing(self.clone()));
        if self.manner.keeps_offsets {
            self.spawn("consumer offsets", offsets::keep_committing(self.clone()));
        }
        if self.manner.locks {
            self.spawn("consumer locks", share::keep_locking(self.clone()));
        }
    }

    /// Starts a task that `stop` waits for.
    pub(crate) fn spawn(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let Some(alive) = locked(&self.alive).clone() else { return };
        let task = async move {
            task.await;
            drop(alive);
        };
        self.instance.runtime.tasks.spawn(name, Box::pin(task));
    }

    /// After the instance was stopped: waits for every task, at most for `patience`, and keeps the
    /// offsets.
    pub(crate) async fn end(&self, patience: Duration) {
        locked(&self.alive).take();
        for assigned in self.all_assigned() {
            assigned.changed.notify_one();
        }
        let ended = async { while self.ended.lock().await.recv().await.is_some() {} };
        if crate::time::within(&self.instance.runtime, patience, ended).await.is_none() {
            tracing::warn!("not every listener has returned; its messages will come again");
        }
        if !self.manner.locks && self.manner.keeps_offsets {
            self.commit_all().await;
        }
        self.unlock_leftovers().await;
        self.instance.unregister(None, Some(&self.group)).await;
        self.instance.wire.close();
    }

    pub(crate) fn subscribe(&self, topic: Text, filter: Filter) {
        let first = self.subscriptions().is_empty();
        self.add(topic, filter);
        *locked(&self.by_hand) = None;
        if first {
            self.add_retries();
        }
        self.instance.greet();
        self.rebalance_soon();
    }

    pub(crate) fn unsubscribe(&self, topic: &str) {
        locked(&self.subscriptions).remove(topic);
        self.rebalance_soon();
    }

    /// Who sends messages back must get them again.
    fn add_retries(&self) {
        let pushed = self.manner.consume_type == ConsumeType::Passively;
        if pushed && self.manner.model == MessageModel::Clustering {
            let (topic, filter) = subscription::to_retries(&self.group);
            self.add(topic, filter);
        }
    }

    fn add(&self, topic: Text, filter: Filter) {
        let version = self.instance.runtime.clock.wall_ms();
        locked(&self.subscriptions).insert(topic, Subscribed { filter, version });
    }

    pub(crate) fn subscriptions(&self) -> BTreeMap<Text, Subscribed> {
        locked(&self.subscriptions).clone()
    }

    pub(crate) fn subscribed(&self, topic: &str) -> Option<Subscribed> {
        locked(&self.subscriptions).get(topic).cloned()
    }

    /// Reads these queues from now on, whoever else reads them.
    pub(crate) fn choose(&self, queues: impl IntoIterator<Item = MessageQueue>) {
        *locked(&self.by_hand) = Some(queues.into_iter().collect());
        self.rebalance_soon();
    }

    pub(crate) fn rebalance_soon(&self) {
        self.bell.notify_one();
    }

    pub(crate) fn assigned(&self, queue: &MessageQueue) -> Option<Arc<Assigned>> {
        locked(&self.assigned).get(queue).cloned()
    }

    pub(crate) fn all_assigned(&self) -> Vec<Arc<Assigned>> {
        locked(&self.assigned).values().cloned().collect()
    }

    pub(crate) fn tell(&self, event: &ConsumerEvent) {
        if let Some(observer) = &self.manner.observer {
            observer(event);
        }
    }

    fn data(&self) -> ConsumerData {
        let subscriptions = self.subscriptions();
        ConsumerData {
            consume_from_where: match self.manner.from {
                ConsumeFrom::Last => ConsumeFromWhere::LastOffset,
                ConsumeFrom::First => ConsumeFromWhere::FirstOffset,
                ConsumeFrom::Timestamp(_) => ConsumeFromWhere::Timestamp,
            },
            consume_type: self.manner.consume_type,
            group_name: self.group.clone(),
            message_model: match self.manner.model {
                MessageModel::Clustering => body::MessageModel::Clustering,
                MessageModel::Broadcasting => body::MessageModel::Broadcasting,
            },
            subscriptions: subscriptions
                .iter()
                .map(|(topic, each)| each.filter.subscription(topic, each.version))
                .collect(),
            unit_mode: false,
        }
    }
}

impl Role for Member {
    fn heartbeat(&self) -> Heartbeat {
        Heartbeat { consumers: vec![self.data()], ..Heartbeat::default() }
    }

    fn group_changed(&self, group: &str) {
        if *self.group == *group {
            self.rebalance_soon();
        }
    }

    fn routes_changed(&self) {
        self.rebalance_soon();
    }

    fn topics(&self) -> Vec<Text> {
        self.subscriptions().into_keys().collect()
    }

    fn asked(&self, connection: &Connection, command: &Command) -> Option<Command> {
        self.answer(command).or_else(|| self.reader.get()?.upgrade()?.asked(connection, command))
    }
}
