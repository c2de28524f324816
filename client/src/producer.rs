//! Sending messages.
//!
//! A send is tried up to `1 + retry_times` times within one time-out for all of it, each time at
//! another broker if there is one. What the broker answered, or that nobody knows whether it got
//! the message, comes back as a value: see [`SendError`].
//!
//! Source: client/impl/producer/DefaultMQProducerImpl.java.

mod attempt;
mod batch;
mod builder;
mod error;
mod select;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use std::time::Duration;

use protocol::{ResponseCode, Text, body, message_id::UniqueIds, names, properties};
use runtime::Monotonic;

pub use builder::ProducerBuilder;
pub use error::{Attempt, AttemptFailure, SendError};

use crate::{
    Message, MessageQueue,
    faults::{Faults, Seen},
    instance::{Instance, Role, RouteError, Stop},
    routes::Way,
    time::{locked, within},
};
use attempt::Prepared;
use builder::ProducerSettings;

/// Where a message went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendResult {
    /// How safe it is.
    pub status: SendStatus,
    /// The unique id the message was given; for a batch those of all its messages, separated by
    /// commas.
    pub message_id: Text,
    /// The id that says where it lies; for a batch those of all.
    pub offset_message_id: Text,
    /// The queue.
    pub queue: MessageQueue,
    /// Its place in that queue; of a batch the place of the first message.
    pub queue_offset: i64,
    /// What takes a message with a delivery time back.
    pub recall_handle: Option<Text>,
    /// How often it was sent: more than once means that earlier attempts failed.
    pub attempts: usize,
    /// An earlier attempt had no answer: the message may be stored twice.
    pub maybe_duplicated: bool,
}

/// How safe a stored message is, as its broker is configured to care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SendStatus {
    /// As safe as was asked for.
    SendOk,
    /// Stored in memory; the disk did not confirm it in time.
    FlushDiskTimeout,
    /// Stored; the slave did not confirm it in time.
    FlushSlaveTimeout,
    /// Stored; there was no slave to copy it to.
    SlaveNotAvailable,
}

impl SendStatus {
    fn of(code: i32) -> Option<Self> {
        match ResponseCode::from(code) {
            ResponseCode::SUCCESS => Some(Self::SendOk),
            ResponseCode::FLUSH_DISK_TIMEOUT => Some(Self::FlushDiskTimeout),
            ResponseCode::FLUSH_SLAVE_TIMEOUT => Some(Self::FlushSlaveTimeout),
            ResponseCode::SLAVE_NOT_AVAILABLE => Some(Self::SlaveNotAvailable),
            _ => None,
        }
    }
}

/// Sends messages. Clones are the same producer; it stops when the last of them is dropped.
///
/// ```no_run
/// use client::{Message, Producer};
///
/// # async fn example(runtime: runtime::Runtime) -> Result<(), Box<dyn std::error::Error>> {
/// let producer = Producer::builder(runtime, "payments")
///     .name_servers("127.0.0.1:9876")
///     .retry_times(2)
///     .start()
///     .await?;
/// let sent = producer.send(&Message::new("orders", "paid").with_tag("eu")).await?;
/// println!("{} lies in {} at {}", sent.message_id, sent.queue, sent.queue_offset);
/// producer.stop().await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Producer(Arc<Handle>);

struct Handle {
    core: Arc<Core>,
    stop: Stop,
}

/// What the producer and its background tasks share.
pub(crate) struct Core {
    instance: Arc<Instance>,
    group: Text,
    settings: ProducerSettings,
    ids: Mutex<UniqueIds>,
    faults: Mutex<Faults>,
    /// Where the turn of queues is. Grows, wraps.
    turn: AtomicUsize,
}

impl Role for Core {
    fn heartbeat(&self) -> body::Heartbeat {
        let group_name = self.group.clone();
        body::Heartbeat {
            producers: vec![body::ProducerData { group_name }],
            ..body::Heartbeat::default()
        }
    }

    fn routes_changed(&self) {
        locked(&self.faults).keep(|name| self.instance.knows_broker(name));
    }
}

impl Producer {
    /// Sends to whichever queue is next, and to another broker when one fails.
    ///
    /// The future is the asynchronous form: several can run at once, and dropping one leaves the
    /// outcome of its message unknown.
    pub async fn send(&self, message: &Message) -> Result<SendResult, SendError> {
        self.0.core.send(message).await
    }

    /// Sends to one queue, once.
    pub async fn send_to(
        &self,
        message: &Message,
        queue: &MessageQueue,
    ) -> Result<SendResult, SendError> {
        let core = &*self.0.core;
        let prepared = core.prepare(message)?;
        core.send_once(&prepared, queue).await
    }

    /// Sends to the queue that a key belongs to, once. Messages of one key keep their order as
    /// long as the topic keeps its queues.
    pub async fn send_by_key(&self, message: &Message, key: &str) -> Result<SendResult, SendError> {
        self.send_chosen(message, |queues| select::by_hash(queues, key).cloned()).await
    }

    /// Sends to the queue that `choose` takes from all queues of the topic, once.
    pub async fn send_chosen(
        &self,
        message: &Message,
        choose: impl FnOnce(&[MessageQueue]) -> Option<MessageQueue>,
    ) -> Result<SendResult, SendError> {
        let core = &*self.0.core;
        let prepared = core.prepare(message)?;
        let deadline = core.deadline();
        let way = core.way(&prepared.topic, deadline).await?;
        let none = || SendError::NoQueue { topic: prepared.topic.clone() };
        let queue = choose(&way.publish).ok_or_else(none)?;
        core.send_once(&prepared, &queue).await
    }

    /// Sends several messages of one topic to one queue, in one request.
    pub async fn send_batch(&self, messages: &[Message]) -> Result<SendResult, SendError> {
        let core = &*self.0.core;
        let prepared = core.prepare_batch(messages)?;
        core.send_in_turn(&prepared).await
    }

    /// Hands a message over without waiting for an answer: it may get lost without notice.
    pub async fn send_oneway(&self, message: &Message) -> Result<(), SendError> {
        let core = &*self.0.core;
        let prepared = core.prepare(message)?;
        core.tell(&prepared).await
    }

    /// The queues of a topic that can be written, in the order all clients see.
    pub async fn queues(&self, topic: &str) -> Result<Vec<MessageQueue>, SendError> {
        let core = &*self.0.core;
        let way = core.way(&Text::from(topic), core.deadline()).await?;
        Ok(way.publish.clone())
    }

    /// The name brokers know this client by.
    #[must_use]
    pub fn client_id(&self) -> &Text {
        &self.0.core.instance.client_id
    }

    /// Says goodbye to the brokers and closes every connection. Sends that are under way fail.
    pub async fn stop(&self) {
        let instance = &self.0.core.instance;
        self.0.stop.now();
        instance.unregister(Some(&self.0.core.group), None).await;
        instance.wire.close();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.instance.wire.close();
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Producer({})", self.client_id())
    }
}

impl Core {
    /// Sends on behalf of a consumer, over its connections.
    pub(crate) fn inner(instance: &Arc<Instance>) -> Self {
        let group = Text::from_static(names::CLIENT_INNER_PRODUCER_GROUP);
        Self::new(instance.clone(), group, ProducerSettings::default())
    }

    fn new(instance: Arc<Instance>, group: Text, settings: ProducerSettings) -> Self {
        let runtime = &instance.runtime;
        let [a, b, c, d, e, f, g, h] = runtime.entropy.next_u64().to_be_bytes();
        let ids = UniqueIds::new(
            runtime.net.local_address(),
            u32::from_be_bytes([a, b, c, d]),
            i32::from_be_bytes([e, f, g, h]),
        );
        Self {
            group,
            ids: Mutex::new(ids),
            faults: Mutex::new(Faults::new(settings.avoid_slow_brokers)),
            turn: AtomicUsize::new(usize::from(u16::from_be_bytes([g, h]))),
            settings,
            instance,
        }
    }

    /// Sends one message, as [`Producer::send`] does.
    pub(crate) async fn send(&self, message: &Message) -> Result<SendResult, SendError> {
        let prepared = self.prepare(message)?;
        self.send_in_turn(&prepared).await
    }

    fn deadline(&self) -> Monotonic {
        self.instance.now() + self.settings.send_timeout
    }

    fn left(&self, deadline: Monotonic) -> Duration {
        deadline.since(self.instance.now())
    }

    /// The queues of a topic: its own, or those it will have when a broker creates it.
    async fn way(&self, topic: &Text, deadline: Monotonic) -> Result<Arc<Way>, SendError> {
        let find = async {
            match self.instance.way(topic).await {
                Ok(way) => Ok(way),
                Err(RouteError::UnknownTopic { .. }) => {
                    let template = &self.settings.create_topic_key;
                    let queues = self.settings.default_topic_queues;
                    self.instance.way_to_new(topic, template, queues).await
                }
                Err(error) => Err(error),
            }
        };
        let timed_out = || SendError::NoRouteInTime { topic: topic.clone() };
        let found = within(&self.instance.runtime, self.left(deadline), find).await;
        let way = found.ok_or_else(timed_out)?.map_err(|cause| match cause {
            // It is the template that is unknown; the caller asked for its own topic.
            RouteError::UnknownTopic { .. } => {
                SendError::Route(RouteError::UnknownTopic { topic: topic.clone() })
            }
            other => SendError::Route(other),
        })?;
        if way.publish.is_empty() {
            self.instance.suspect();
            return Err(SendError::NoQueue { topic: topic.clone() });
        }
        Ok(way)
    }

    /// Sends to the next queue, then to others.
    async fn send_in_turn(&self, prepared: &Prepared) -> Result<SendResult, SendError> {
        let deadline = self.deadline();
        let mut attempts: Vec<Attempt> = Vec::new();
        let mut refused_but_stored = None;
        while attempts.len() <= self.settings.retry_times && !self.instance.is_stopped() {
            let way = match self.way(&prepared.topic, deadline).await {
                Ok(way) => way,
                Err(error) if attempts.is_empty() => return Err(error),
                Err(_) => break,
            };
            let last = attempts.last().map(|attempt| attempt.queue.broker_name.clone());
            let queue = self.next_queue(&way, last.as_ref());
            let Some(left) = Some(self.left(deadline)).filter(|left| !left.is_zero()) else {
                break;
            };
            let is_last = attempts.len() == self.settings.retry_times;
            let timeout = match self.settings.attempt_timeout {
                Some(max) if !is_last => left.min(max),
                _ => left,
            };
            match self.try_once(prepared, &queue, timeout).await {
                Ok(mut sent) => {
                    sent.attempts = attempts.len() + 1;
                    sent.maybe_duplicated = attempts.iter().any(Attempt::is_unknown);
                    if sent.status == SendStatus::SendOk || !self.settings.retry_not_safe {
                        return Ok(sent);
                    }
                    let status = sent.status;
                    refused_but_stored = Some(sent);
                    attempts.push(Attempt { queue, failure: AttemptFailure::NotSafe { status } });
                }
                Err(failure) => {
                    let retry = failure.is_worth_another();
                    attempts.push(Attempt { queue, failure });
                    if !retry {
                        break;
                    }
                }
            }
        }
        match refused_but_stored {
            Some(sent) => Ok(sent),
            None => {
                Err(SendError::of(prepared.topic.clone(), attempts, self.settings.send_timeout))
            }
        }
    }

    /// Sends to one queue and no other.
    async fn send_once(
        &self,
        prepared: &Prepared,
        queue: &MessageQueue,
    ) -> Result<SendResult, SendError> {
        let timeout = self.settings.send_timeout;
        match self.try_once(prepared, queue, timeout).await {
            Ok(sent) => Ok(sent),
            Err(failure) => {
                let attempt = Attempt { queue: queue.clone(), failure };
                Err(SendError::of(prepared.topic.clone(), vec![attempt], timeout))
            }
        }
    }

    /// Hands over once, to the first broker that takes it.
    async fn tell(&self, prepared: &Prepared) -> Result<(), SendError> {
        let deadline = self.deadline();
        let way = self.way(&prepared.topic, deadline).await?;
        let queue = self.next_queue(&way, None);
        let timeout = self.left(deadline);
        let told = match self.instance.master_of(&queue).await {
            Some(address) => {
                let command = self.request(prepared, &queue);
                let told = self.instance.wire.tell(&address, command, timeout).await;
                told.map_err(AttemptFailure::Call)
            }
            None => Err(AttemptFailure::NoBroker),
        };
        told.map_err(|failure| {
            let attempts = vec![Attempt { queue, failure }];
            SendError::of(prepared.topic.clone(), attempts, timeout)
        })
    }

    /// One queue after the other, but not on the broker that just failed, nor on one to avoid.
    fn next_queue(&self, way: &Way, last: Option<&Text>) -> MessageQueue {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let faults = locked(&self.faults);
        let now = self.instance.now();
        let (queue, skipped) = select::in_turn(&way.publish, turn, last, &faults, now);
        // The next send goes on behind this one.
        self.turn.fetch_add(skipped, Ordering::Relaxed);
        queue.clone()
    }

    fn note(&self, queue: &MessageQueue, began: Monotonic, seen: Seen) {
        let now = self.instance.now();
        locked(&self.faults).note(now, &queue.broker_name, now.since(began), seen);
    }

    fn unique_id(&self) -> Text {
        locked(&self.ids).make(self.instance.runtime.clock.wall_ms())
    }

    /// Whether a message already carries an id of its own.
    fn id_of(&self, message: &Message) -> Text {
        match message.property(properties::UNIQ_KEY) {
            Some(id) => id.clone(),
            None => self.unique_id(),
        }
    }
}
