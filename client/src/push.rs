//! Consuming with a listener: messages are pulled ahead and handed over as they come.
//!
//! ```text
//!  broker --long poll--> one task per queue --window--> workers --> listener
//!                                    ^                      |
//!                                    +---- done with <------+---> Later: back to the broker
//! ```
//! A listener that keeps order gets one queue's messages one after the other, from the task that
//! pulls them, and only while the broker's lock on that queue is held.
//!
//! Source: client/impl/consumer/DefaultMQPushConsumerImpl.java.

mod builder;
mod concurrent;
mod orderly;
mod returned;

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, atomic::AtomicU64},
    time::Duration,
};

use protocol::{Command, Text};
use remoting::Connection;
use runtime::Monotonic;
use tokio::sync::mpsc;

pub use builder::PushConsumerBuilder;

use crate::{
    Filter, MessageQueue, ReceivedMessage,
    ahead::Ahead,
    assigned::{Assigned, Batch, Held},
    instance::Stop,
    member::{Member, Reader},
    producer::Core as Sender,
};

/// What a listener says of the messages it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumed {
    /// They are done with.
    Success,
    /// They should come again: a concurrent consumer sends them back to the broker, which delivers
    /// them later to any member, and after too many times moves them to the dead letters; an
    /// orderly one tries the same messages again after a while.
    Later,
}

/// A listener as the consumer holds it.
type Listener = Arc<
    dyn Fn(Vec<ReceivedMessage>) -> Pin<Box<dyn Future<Output = Consumed> + Send>> + Send + Sync,
>;

/// Consumes with a listener. It stops when it is dropped, without saying goodbye;
/// [`PushConsumer::stop`] says goodbye.
///
/// ```no_run
/// use client::{Consumed, ConsumeFrom, PushConsumer};
///
/// # async fn example(runtime: runtime::Runtime) -> Result<(), Box<dyn std::error::Error>> {
/// let consumer = PushConsumer::builder(runtime, "billing")
///     .name_servers("127.0.0.1:9876")
///     .subscribe("orders", "eu || us")
///     .consume_from(ConsumeFrom::First)
///     .concurrent(|messages| async move {
///         for message in messages {
///             println!("{}: {} bytes", message.message_id, message.body.len());
///         }
///         Consumed::Success
///     })
///     .start()
///     .await?;
/// consumer.stop().await;
/// # Ok(()) }
/// ```
pub struct PushConsumer {
    core: Arc<Core>,
    stop: Stop,
}

/// What the consumer and its tasks share.
struct Core {
    ahead: Ahead,
    member: Arc<Member>,
    settings: PushSettings,
    listener: Listener,
    is_orderly: bool,
    work: mpsc::UnboundedSender<Work>,
    /// Batches that wait before they are given to the listener again.
    later: Mutex<BTreeMap<(Monotonic, u64), Batch>>,
    /// Tells batches apart that are due at the same time. Grows.
    next_later: AtomicU64,
    /// Sends messages back that their broker does not take.
    sender: Sender,
    reading: Arc<Reading>,
}

#[derive(Clone, Debug)]
struct PushSettings {
    workers: usize,
    consume_batch: usize,
    /// -1 is RocketMQ's default for the kind of listener.
    max_reconsume_times: i32,
    suspend: Duration,
    consume_timeout: Duration,
}

/// Something for the workers.
enum Work {
    /// Messages of one queue, for the listener.
    Messages(Arc<Assigned>, Vec<Arc<Held>>),
    /// A message an operator wants consumed now.
    Direct(Connection, Command, Box<ReceivedMessage>),
}

impl PushConsumer {
    /// The name brokers know this client by.
    #[must_use]
    pub fn client_id(&self) -> &Text {
        &self.core.member.instance.client_id
    }

    /// The queues this client reads now, sorted.
    #[must_use]
    pub fn queues(&self) -> Vec<MessageQueue> {
        self.core.member.all_assigned().iter().map(|each| each.queue.clone()).collect()
    }

    /// Subscribes to one more topic, or changes what is wanted of it.
    pub fn subscribe(&self, topic: impl Into<Text>, filter: impl Into<Filter>) {
        self.core.member.subscribe(topic.into(), filter.into());
    }

    /// Ends a subscription.
    pub fn unsubscribe(&self, topic: &str) {
        self.core.member.unsubscribe(topic);
    }

    /// Ends everything in order: waits for the listeners that are at work, keeps the offsets, gives
    /// the queues back and says goodbye to the brokers.
    pub async fn stop(&self) {
        self.stop.now();
        let patience = self.core.member.instance.settings.call_timeout;
        self.core.member.end(patience).await;
    }
}

impl Drop for PushConsumer {
    fn drop(&mut self) {
        self.core.member.instance.wire.close();
    }
}

impl std::fmt::Debug for PushConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PushConsumer({})", self.client_id())
    }
}

/// The reader of a member holds its core weakly, so the core is reached through this.
struct Reading(std::sync::Weak<Core>);

impl Reader for Reading {
    fn begin(&self, assigned: Arc<Assigned>) {
        let Some(core) = self.0.upgrade() else { return };
        let member = core.member.clone();
        if core.is_orderly {
            member.spawn("consumer queue", orderly::read(core, assigned));
        } else {
            member.spawn("consumer queue", concurrent::read(core, assigned));
        }
    }

    fn asked(&self, connection: &Connection, command: &Command) -> Option<Command> {
        self.0.upgrade()?.consume_directly(connection, command)
    }
}
