//! Reading a queue ahead of its consumer: the loop of pulls that both consumers share.
//!
//! Source: client/impl/consumer/DefaultMQPushConsumerImpl.pullMessage.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use protocol::{ResponseCode, Text};

use crate::{
    ConsumerEvent, Filter, MessageQueue, PullError, PullStatus, Pulled, QueryError,
    assigned::{Assigned, Held},
    member::Member,
    pulling::Wish,
};

/// Between two attempts at something that failed.
pub(crate) const RETRY_PAUSE: Duration = Duration::from_secs(3);
/// A broker that refuses for now is asked again after this.
const FLOW_CONTROL_PAUSE: Duration = Duration::from_millis(20);
/// A broker that finds nothing should wait before it says so; if it does not, we do.
pub(crate) const EMPTY_ANSWER_MIN: Duration = Duration::from_millis(50);

/// How queues are pulled.
pub(crate) struct Ahead {
    pub(crate) member: Arc<Member>,
    pub(crate) limits: Limits,
    /// Send the filter along and use the request of lite consumers.
    pub(crate) lite: bool,
}

/// How far ahead queues are read.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) pull_batch: i32,
    pub(crate) queue_messages_max: usize,
    pub(crate) queue_bytes_max: usize,
    pub(crate) queue_span_max: i64,
    /// How long a broker may hold a pull that finds nothing.
    pub(crate) poll: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pull_batch: 32,
            queue_messages_max: 1000,
            queue_bytes_max: 100 * 1024 * 1024,
            queue_span_max: 2000,
            poll: Duration::from_secs(15),
        }
    }
}

impl Ahead {
    /// Pulls a queue until it is taken away; `deliver` gets what came, in order.
    pub(crate) async fn read(
        &self,
        assigned: &Arc<Assigned>,
        deliver: impl Fn(Vec<Arc<Held>>) + Send,
    ) {
        let Some(mut next) = self.begin_at(assigned).await else { return };
        let instance = &self.member.instance;
        while !assigned.is_dropped() && !instance.is_stopped() {
            if self.is_full(assigned) || assigned.is_paused() {
                tokio::select! {
                    biased;
                    () = instance.stopped() => return,
                    () = assigned.changed.notified() => {}
                    () = instance.runtime.clock.sleep(RETRY_PAUSE) => {}
                }
                continue;
            }
            let began = instance.now();
            let pulled = tokio::select! {
                biased;
                () = instance.stopped() => return,
                () = assigned.gone() => return,
                pulled = self.pull(assigned, next) => pulled,
            };
            match pulled {
                Ok(pulled) if pulled.status == PullStatus::OffsetMoved => {
                    self.moved(assigned, next, pulled.next_offset);
                    return;
                }
                Ok(pulled) => {
                    let stands = pulled.next_offset == next;
                    next = pulled.next_offset;
                    let held = assigned.put(pulled.messages, next);
                    if !held.is_empty() {
                        deliver(held);
                    }
                    if stands && instance.now().since(began) < EMPTY_ANSWER_MIN {
                        instance.pause(EMPTY_ANSWER_MIN).await;
                    }
                }
                Err(error) => {
                    if !self.after_pull(assigned, &error).await {
                        return;
                    }
                }
            }
        }
    }

    /// Where a queue is begun, asking until it is known; `None` if the queue or the consumer ends
    /// first.
    pub(crate) async fn begin_at(&self, assigned: &Assigned) -> Option<i64> {
        let instance = &self.member.instance;
        loop {
            let wanted = assigned.begin_at;
            let asked = tokio::select! {
                biased;
                () = instance.stopped() => return None,
                () = assigned.gone() => return None,
                asked = async {
                    match wanted {
                        Some(offset) => Ok(offset),
                        None => self.member.first_offset(&assigned.queue).await,
                    }
                } => asked,
            };
            match asked {
                Ok(offset) => {
                    assigned.state().consumed = Some(offset);
                    let queue = assigned.queue.clone();
                    self.member.tell(&ConsumerEvent::Began { queue, offset });
                    return Some(offset);
                }
                Err(error) => self.after(&assigned.queue, &error).await?,
            }
        }
    }

    /// The queue does not begin or end where it was to be read on: it is begun anew where the
    /// broker says.
    pub(crate) fn moved(&self, assigned: &Assigned, from: i64, to: i64) {
        tracing::warn!(queue = %assigned.queue, from, to, "the offset moved");
        assigned.give_up_at(to);
        self.member.rebalance_soon();
    }

    /// A question was not answered: says so, and waits a while. `None` if the consumer ends.
    async fn after(&self, queue: &MessageQueue, error: &QueryError) -> Option<()> {
        tracing::info!(%queue, %error, "asked again in a while");
        self.member.instance.suspect();
        self.member.instance.pause(RETRY_PAUSE).await.then_some(())
    }

    /// Whether enough of a queue waits already.
    fn is_full(&self, assigned: &Assigned) -> bool {
        let state = assigned.state();
        self.limits.queue_messages_max <= state.window.len()
            || self.limits.queue_bytes_max <= state.window.bytes()
            || self.limits.queue_span_max < state.window.span()
    }

    /// What is wanted of a topic, and the version brokers know it by.
    fn wanted(&self, topic: &Text) -> Option<(Filter, Option<i64>)> {
        match self.member.subscribed(topic) {
            Some(subscribed) if !self.lite => Some((subscribed.filter, Some(subscribed.version))),
            Some(subscribed) => Some((subscribed.filter, None)),
            None if self.lite => Some((Filter::all(), None)),
            None => None,
        }
    }

    /// One long poll.
    pub(crate) async fn pull(&self, assigned: &Assigned, from: i64) -> Result<Pulled, PullError> {
        let member = &self.member;
        let queue = &assigned.queue;
        let Some((filter, sub_version)) = self.wanted(&queue.topic) else {
            // The next rebalance takes the queue away.
            assigned.gone().await;
            return Err(PullError::Unsubscribed { topic: queue.topic.clone() });
        };
        let wish = Wish {
            group: &member.group,
            queue,
            offset: from,
            max_messages: self.limits.pull_batch,
            filter: &filter,
            sub_version,
            wait: Some(self.limits.poll),
            broker_id: assigned.broker_id.load(Ordering::Relaxed),
            lite: self.lite,
        };
        let pulled = member.instance.pull(&wish).await?;
        assigned.broker_id.store(pulled.next_broker, Ordering::Relaxed);
        assigned.state().last_pull_ms = member.instance.runtime.clock.wall_ms();
        member.tell(&ConsumerEvent::Pulled {
            queue: queue.clone(),
            from,
            status: pulled.status,
            next: pulled.next_offset,
            messages: pulled.messages.len(),
        });
        Ok(pulled)
    }

    /// A pull failed: waits as long as that deserves. `false` if the consumer ends.
    pub(crate) async fn after_pull(&self, assigned: &Assigned, error: &PullError) -> bool {
        let instance = &self.member.instance;
        let pause = match error.code() {
            Some(ResponseCode::FLOW_CONTROL) => FLOW_CONTROL_PAUSE,
            Some(code) => {
                tracing::info!(queue = %assigned.queue, %code, "a pull was refused");
                // It may have forgotten us, or not have heard of us yet.
                instance.greet();
                RETRY_PAUSE
            }
            None => {
                tracing::info!(queue = %assigned.queue, %error, "a pull failed");
                // The broker that was suggested may be the one that is gone.
                assigned.broker_id.store(0, Ordering::Relaxed);
                RETRY_PAUSE
            }
        };
        instance.pause(pause).await
    }
}
