//! A consumer that is pushed to: thinks, fails as often as its plan says, leaves and comes back,
//! and writes down what it was given.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use checkers::{Begin, Commit, Delivery, GroupId, NodeId, QueueId, Rebalance, SentBack};
use client::{
    Balance, ConsumeFrom, Consumed, ConsumerEvent, Filter, MessageModel, MessageQueue,
    PushConsumer, ReceivedMessage,
};
use protocol::properties;

use super::{Stage, producing};
use crate::{
    payload,
    recorder::Recorder,
    workload::{Consumer as Spec, Kind, Sharing},
};

/// How long an orderly queue rests after a failure.
const ORDERLY_REST: Duration = Duration::from_millis(200);

/// Plays one consumer until it is told to stop.
pub(super) async fn play(mut stage: Stage, spec: &Spec) {
    let notes = Arc::new(Notes::new(&stage, spec));
    loop {
        // After a crash of the node, its plan goes on where true time is now.
        let Some(until_ms) = wait_to_join(&mut stage, spec).await else { return };
        let Some(consumer) = start(&mut stage, spec, &notes).await else { return };
        match until_ms {
            Some(until_ms) => drop(stage.wait_until(until_ms).await),
            None => stage.told_to_stop().await,
        }
        consumer.stop().await;
        notes.left();
        if stage.stop.is_cancelled() {
            return;
        }
    }
}

/// Waits until the consumer should be there, and gives the time at which it leaves again. `None`
/// when told to stop first.
pub(super) async fn wait_to_join(stage: &mut Stage, spec: &Spec) -> Option<Option<u64>> {
    let heal_ms = stage.plan.timing.heal_at_ms;
    if !stage.wait_until(spec.from_ms).await {
        return None;
    }
    loop {
        let now_ms = stage.recorder.now().ms();
        let turns = spec.leaves_ms.iter().filter(|&&at| at < heal_ms);
        let past = turns.clone().filter(|&&at| at <= now_ms).count();
        let next = turns.copied().find(|&at| now_ms < at);
        if past.is_multiple_of(2) || heal_ms <= now_ms {
            return Some(next);
        }
        if !stage.wait_until(next.unwrap_or(heal_ms)).await {
            return None;
        }
    }
}

async fn start(stage: &mut Stage, spec: &Spec, notes: &Arc<Notes>) -> Option<PushConsumer> {
    let pace = stage.plan.workload.pace;
    loop {
        let mut builder = PushConsumer::builder(stage.runtime.clone(), spec.group.as_str())
            .name_servers(stage.name_servers.as_str())
            .instance_name(spec.name.as_str())
            .heartbeat_interval(Duration::from_millis(pace.heartbeat_ms))
            .poll_name_server_interval(Duration::from_millis(pace.routes_ms))
            .rebalance_interval(Duration::from_millis(pace.rebalance_ms))
            .persist_interval(Duration::from_millis(spec.commit_every_ms))
            .consume_from(ConsumeFrom::First)
            .pull_batch_size(i32::try_from(spec.pull_batch).unwrap_or(32))
            .balance(balance(spec.sharing))
            .suspend(ORDERLY_REST);
        for subscription in &spec.subscriptions {
            builder = builder.subscribe(subscription.topic.as_str(), filter(&subscription.tags));
        }
        let (told, listening) = (Arc::clone(notes), Arc::clone(notes));
        builder = builder.on_event(move |event| told.happened(event));
        let listener = move |messages: Vec<ReceivedMessage>| {
            let notes = Arc::clone(&listening);
            async move { notes.listen(messages).await }
        };
        builder = match spec.kind {
            Kind::Orderly => builder.orderly(listener),
            Kind::Broadcast => {
                builder.message_model(MessageModel::Broadcasting).concurrent(listener)
            }
            Kind::Concurrent | Kind::Pull => builder
                .max_reconsume_times(i32::try_from(spec.retries_max).unwrap_or(16))
                .concurrent(listener),
        };
        match builder.start().await {
            Ok(consumer) => return Some(consumer),
            Err(_) if stage.pause(Duration::from_millis(200)).await => {}
            Err(_) => return None,
        }
    }
}

/// A subscription as the client wants it.
pub(super) fn filter(tags: &[String]) -> Filter {
    if tags.is_empty() { Filter::all() } else { Filter::tags(tags.iter().map(String::as_str)) }
}

fn balance(sharing: Sharing) -> Balance {
    match sharing {
        Sharing::Averagely => Balance::averagely(),
        Sharing::AveragelyByCircle => Balance::averagely_by_circle(),
        Sharing::ConsistentHash => Balance::consistent_hash(),
    }
}

/// What a consumer writes down.
pub(super) struct Notes {
    stage: Stage,
    spec: Spec,
    node: NodeId,
    group: GroupId,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Its share of each topic.
    shares: BTreeMap<String, Vec<QueueId>>,
    /// Where the last commit of a queue stands in the history.
    commits: BTreeMap<(QueueId, i64), usize>,
}

impl Notes {
    pub(super) fn new(stage: &Stage, spec: &Spec) -> Self {
        Self {
            stage: stage.clone(),
            spec: spec.clone(),
            node: stage.recorder.node(&spec.name),
            group: stage.recorder.with(|history| history.group(&spec.group)),
            known: Mutex::default(),
        }
    }

    fn recorder(&self) -> &Recorder {
        &self.stage.recorder
    }

    fn queue(&self, queue: &MessageQueue) -> QueueId {
        self.recorder().queue(&queue.broker_name, &queue.topic, queue.queue_id)
    }

    /// Takes messages one by one; the first failure ends it.
    pub(super) async fn listen(&self, messages: Vec<ReceivedMessage>) -> Consumed {
        for message in messages {
            let fact = self.begin(&message);
            let think_us = self.stage.runtime.entropy.below(self.spec.think_ms_max * 1_000 + 1);
            self.stage.runtime.clock.sleep(Duration::from_micros(think_us)).await;
            let consumed = self.decide(&message);
            self.end(fact, consumed);
            if consumed == Consumed::Later {
                return consumed;
            }
        }
        Consumed::Success
    }

    /// Fails as often as the plan says.
    fn decide(&self, message: &ReceivedMessage) -> Consumed {
        let always = payload::owner(&message.body)
            .and_then(|id| id.0.checked_rem(u64::from(self.spec.always_fails_one_of)));
        let drawn = self.stage.runtime.entropy.below(1_000);
        if always == Some(0) || drawn < u64::from(self.spec.fails_per_mille) {
            Consumed::Later
        } else {
            Consumed::Success
        }
    }

    fn begin(&self, message: &ReceivedMessage) -> usize {
        let began = self.recorder().now();
        let (broker, topic) = (&message.broker_name, &message.queue_topic);
        let queue = self.recorder().queue(broker, topic, message.queue_id);
        let content = content(message);
        self.recorder().with(|history| {
            let topic = history.topic(&message.topic);
            history.deliveries.push(Delivery {
                consumer: self.node,
                group: self.group,
                queue,
                offset: message.queue_offset,
                topic,
                content,
                reconsumed: message.reconsume_times,
                began,
                ended: None,
                consumed: None,
            });
            history.deliveries.len() - 1
        })
    }

    fn end(&self, fact: usize, consumed: Consumed) {
        let ended = self.recorder().now();
        self.recorder().with(|history| {
            // The history is gone when the run ended before this listener did.
            if let Some(delivery) = history.deliveries.get_mut(fact) {
                delivery.ended = Some(ended);
                delivery.consumed = Some(match consumed {
                    Consumed::Success => checkers::Consumed::Success,
                    Consumed::Later => checkers::Consumed::Later,
                });
            }
        });
    }

    fn happened(&self, event: &ConsumerEvent) {
        match event {
            ConsumerEvent::Balanced { topic, queues } => {
                let queues: Vec<_> = queues.iter().map(|queue| self.queue(queue)).collect();
                self.shared(topic, queues);
            }
            ConsumerEvent::Began { queue, offset } => {
                let (queue, at) = (self.queue(queue), self.recorder().now());
                let (consumer, group, offset) = (self.node, self.group, *offset);
                let begin = Begin { consumer, group, queue, at, offset };
                self.recorder().with(|history| history.begins.push(begin));
            }
            ConsumerEvent::SentBack { message_id, reconsume_times, broker_name, status } => {
                let sent_back = SentBack {
                    group: self.group,
                    unique_key: message_id.as_str().to_owned(),
                    reconsumed: *reconsume_times,
                    broker: self.recorder().node(broker_name),
                    ack: producing::ack(*status),
                    at: self.recorder().now(),
                };
                self.recorder().with(|history| history.sent_back.push(sent_back));
            }
            ConsumerEvent::Committing { queue, offset } => {
                self.committing(self.queue(queue), *offset);
            }
            ConsumerEvent::Committed { queue, offset } => {
                self.committed(self.queue(queue), *offset);
            }
            _ => {}
        }
    }

    fn shared(&self, topic: &str, queues: Vec<QueueId>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.shares.insert(topic.to_owned(), queues.clone());
        if before.as_ref() == Some(&queues) {
            return;
        }
        let all = known.shares.values().flatten().copied().collect();
        drop(known);
        self.hold(all);
    }

    fn hold(&self, queues: Vec<QueueId>) {
        let at = self.recorder().now();
        let (consumer, group) = (self.node, self.group);
        self.recorder().with(|history| {
            history.rebalances.push(Rebalance { consumer, group, at, queues });
        });
    }

    /// It left politely and holds nothing.
    pub(super) fn left(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).shares.clear();
        self.hold(Vec::new());
    }

    pub(super) fn committing(&self, queue: QueueId, offset: i64) {
        let invoked = self.recorder().now();
        let commit = Commit {
            consumer: self.node,
            group: self.group,
            queue,
            offset,
            invoked,
            confirmed: None,
        };
        let place = self.recorder().with(|history| {
            history.commits.push(commit);
            history.commits.len() - 1
        });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.commits.insert((queue, offset), place);
    }

    pub(super) fn committed(&self, queue: QueueId, offset: i64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = known.commits.remove(&(queue, offset)) else { return };
        drop(known);
        let confirmed = self.recorder().now();
        self.recorder().with(|history| {
            if let Some(commit) = history.commits.get_mut(place) {
                commit.confirmed = Some(confirmed);
            }
        });
    }
}

/// What a history keeps of a received message.
pub(super) fn content(message: &ReceivedMessage) -> checkers::Content {
    let tags = message.property(properties::TAGS).map(|text| text.as_str());
    let keys = message.property(properties::KEYS).map(|text| text.as_str());
    let all = message.properties.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut content = payload::content(&message.body, (tags, keys), message.flag, all);
    content.unique_key =
        message.property(properties::UNIQ_KEY).map(|text| text.as_str().to_owned());
    content.born_ms = Some(message.born_timestamp);
    content
}
