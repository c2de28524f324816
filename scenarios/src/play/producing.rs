//! A producer: sends numbered messages at its rate, and writes down what it was told.

use std::{sync::Arc, time::Duration};

use checkers::{Content, MessageId, Moment, NodeId, Outcome, SendFact, TopicId, promises::Ack};
use client::{AttemptFailure, Message, MessageQueue, Producer, SendError, SendResult, SendStatus};
use protocol::names;
use tokio::sync::Semaphore;

use super::Stage;
use crate::{
    delay_ms, payload,
    workload::{Producer as Spec, Way},
};

/// Asynchronous sends of one producer that may be under way.
const UNDER_WAY_MAX: u32 = 64;

/// Messages of one batch.
const BATCH_MESSAGES: u32 = 8;

/// Plays one producer until its time is over.
pub(super) async fn play(mut stage: Stage, spec: &Spec) {
    if !stage.wait_until(spec.from_ms).await {
        return;
    }
    let Some(producer) = start(&mut stage, spec).await else { return };
    let sender = Sender {
        producer,
        stage: stage.clone(),
        node: stage.recorder.node(&spec.name),
        streams: u64::from(spec.streams),
    };
    let under_way = Arc::new(Semaphore::new(usize::try_from(UNDER_WAY_MAX).unwrap_or(64)));
    let per_call = if spec.way == Way::Batch { u64::from(BATCH_MESSAGES) } else { 1 };
    let interval_us = per_call * 1_000_000 / u64::from(spec.per_second.max(1));
    let until = Moment::from_ms(spec.until_ms);
    let mut turn = 0;
    while stage.recorder.now() < until && !stage.stop.is_cancelled() {
        let began = stage.recorder.now();
        sender.send_one(spec, turn, &under_way).await;
        turn += 1;
        let spent_us = stage.recorder.now().0.saturating_sub(began.0);
        let rest = Duration::from_micros(interval_us.saturating_sub(spent_us).max(100));
        stage.pause(rest).await;
    }
    // What is under way still gets its answer.
    drop(under_way.acquire_many(UNDER_WAY_MAX).await);
    sender.producer.stop().await;
}

async fn start(stage: &mut Stage, spec: &Spec) -> Option<Producer> {
    let pace = stage.plan.workload.pace;
    loop {
        let producer = Producer::builder(stage.runtime.clone(), spec.group.as_str())
            .name_servers(stage.name_servers.as_str())
            .instance_name(spec.name.as_str())
            .heartbeat_interval(Duration::from_millis(pace.heartbeat_ms))
            .poll_name_server_interval(Duration::from_millis(pace.routes_ms))
            .send_timeout(Duration::from_millis(spec.timeout_ms))
            .retry_times(usize::try_from(spec.retries).unwrap_or(0))
            .send_latency_fault_enable(spec.retries != 0)
            .start()
            .await;
        match producer {
            Ok(producer) => return Some(producer),
            Err(_) if stage.pause(Duration::from_millis(200)).await => {}
            Err(_) => return None,
        }
    }
}

/// What every send of a producer needs.
#[derive(Clone)]
struct Sender {
    producer: Producer,
    stage: Stage,
    node: NodeId,
    /// 0 for none.
    streams: u64,
}

/// A message that is about to be sent.
struct Draft {
    message: Message,
    content: Content,
    /// 0 for a message that does not wait.
    delay_level: u8,
}

impl Sender {
    /// One call of send, in the way of the producer.
    async fn send_one(&self, spec: &Spec, turn: u64, under_way: &Arc<Semaphore>) {
        match spec.way {
            Way::Sync => self.send_sync(spec, turn).await,
            Way::Async => {
                let Ok(permit) = Arc::clone(under_way).acquire_owned().await else { return };
                let (sender, draft) = (self.clone(), self.draft(spec, turn));
                let tries = spec.retries + 1;
                let send = async move {
                    let fact = sender.begin(&draft, tries, None);
                    let result = sender.producer.send(&draft.message).await;
                    sender.end(fact, draft.delay_level, result);
                    drop(permit);
                };
                drop(self.stage.runtime.tasks.spawn("send", Box::pin(send)));
            }
            Way::Oneway => {
                let draft = self.draft(spec, turn);
                let fact = self.begin(&draft, spec.retries + 1, None);
                let outcome = match self.producer.send_oneway(&draft.message).await {
                    Ok(()) => Outcome::Unknown,
                    Err(error) => failed(&error),
                };
                self.close(fact, outcome, None);
            }
            Way::Batch => self.send_batch(spec, turn).await,
        }
    }

    async fn send_sync(&self, spec: &Spec, turn: u64) {
        let draft = self.draft(spec, turn);
        match turn.checked_rem(self.streams) {
            Some(stream) => {
                let fact = self.begin(&draft, 1, Some(stream));
                let key = format!("stream-{stream}");
                let result = self.producer.send_by_key(&draft.message, &key).await;
                self.end(fact, draft.delay_level, result);
            }
            None => {
                let fact = self.begin(&draft, spec.retries + 1, None);
                let result = self.producer.send(&draft.message).await;
                self.end(fact, draft.delay_level, result);
            }
        }
    }

    async fn send_batch(&self, spec: &Spec, turn: u64) {
        let mut drafts = Vec::new();
        for place in 0..BATCH_MESSAGES {
            // A batch goes to one topic and cannot wait.
            let mut draft = self.draft(spec, turn * u64::from(BATCH_MESSAGES) + u64::from(place));
            if draft.delay_level != 0 {
                draft = self.undelayed(spec, turn);
            }
            drafts.push(draft);
        }
        let Some(topic) = drafts.first().map(|draft| draft.message.topic().clone()) else { return };
        drafts.retain(|draft| *draft.message.topic() == topic);
        let messages: Vec<_> = drafts.iter().map(|draft| draft.message.clone()).collect();
        let tries = spec.retries + 1;
        let facts: Vec<_> = drafts.iter().map(|draft| self.begin(draft, tries, None)).collect();
        match self.producer.send_batch(&messages).await {
            Ok(sent) => {
                for (offset, fact) in (sent.queue_offset..).zip(facts) {
                    let mut one = sent.clone();
                    one.queue_offset = offset;
                    self.end(fact, 0, Ok(one));
                }
            }
            Err(error) => {
                for fact in facts {
                    self.end(fact, 0, Err(error.clone()));
                }
            }
        }
    }

    fn draft(&self, spec: &Spec, turn: u64) -> Draft {
        let level = in_turn(&spec.delay_levels, turn).copied().unwrap_or(0);
        self.draft_with(spec, turn, level)
    }

    fn undelayed(&self, spec: &Spec, turn: u64) -> Draft {
        self.draft_with(spec, turn, 0)
    }

    fn draft_with(&self, spec: &Spec, turn: u64, level: u8) -> Draft {
        let id = self.stage.recorder.next_message();
        let topic = in_turn(&spec.topics, turn).map_or("orders", String::as_str);
        let span = u64::from(spec.body_bytes_max.saturating_sub(spec.body_bytes_min)) + 1;
        let extra = self.stage.runtime.entropy.below(span);
        let bytes = spec.body_bytes_min + u32::try_from(extra).unwrap_or(0);
        let body = payload::body(id, bytes);
        let sent = format!("{}-{turn}", spec.name);
        let tag = in_turn(&spec.tags, turn).map(String::as_str);
        let keys = spec.keys.then(|| keys_of(id));
        let mut message =
            Message::new(topic, body.clone()).with_property("gantry-sent", sent.as_str());
        if let Some(tag) = tag {
            message = message.with_tag(tag);
        }
        if let Some(keys) = &keys {
            message = message.with_keys(keys.split(' '));
        }
        if level != 0 {
            message = message.with_delay_level(level);
        }
        let flag = i32::try_from(id.0 % 5).unwrap_or(0);
        let message = message.with_flag(flag);
        let properties = [("gantry-sent", sent.as_str())];
        let content = payload::content(&body, (tag, keys.as_deref()), flag, properties.into_iter());
        Draft { message, content, delay_level: level }
    }

    /// Writes down that a call began, and gives its place in the history.
    fn begin(&self, draft: &Draft, tries: u32, stream: Option<u64>) -> usize {
        let invoked = self.stage.recorder.now();
        self.stage.recorder.with(|history| {
            let topic: TopicId = history.topic(draft.message.topic());
            history.sends.push(SendFact {
                producer: self.node,
                topic,
                content: draft.content.clone(),
                invoked,
                returned: None,
                outcome: Outcome::Unknown,
                tries,
                stream,
                delay_ms: delay_ms(draft.delay_level),
                probe: false,
            });
            history.sends.len() - 1
        })
    }

    fn end(&self, fact: usize, delay_level: u8, result: Result<SendResult, SendError>) {
        let tries = match &result {
            Ok(sent) => sent.attempts,
            Err(error) => error.attempts().len(),
        };
        let outcome = match result {
            Ok(mut sent) => {
                if let Some(waits_in) = delay_level.checked_sub(1) {
                    // The answer names the queue that was asked for, and the offset in the queue
                    // of its delay level, where it waits.
                    sent.queue.topic = names::SCHEDULE_TOPIC.into();
                    sent.queue.queue_id = i32::from(waits_in);
                }
                acked(&self.stage, &sent)
            }
            Err(error) => failed(&error),
        };
        self.close(fact, outcome, u32::try_from(tries.max(1)).ok());
    }

    fn close(&self, fact: usize, outcome: Outcome, tries: Option<u32>) {
        let returned = self.stage.recorder.now();
        self.stage.recorder.with(|history| {
            // The history is gone when the run ended before this call did.
            if let Some(send) = history.sends.get_mut(fact) {
                send.returned = Some(returned);
                send.outcome = outcome;
                send.tries = tries.unwrap_or(send.tries);
            }
        });
    }
}

fn in_turn<T>(items: &[T], turn: u64) -> Option<&T> {
    let place = turn.checked_rem(u64::try_from(items.len()).ok()?)?;
    items.get(usize::try_from(place).ok()?)
}

/// A key of its own, and for every fifth message one that it shares with others.
fn keys_of(id: MessageId) -> String {
    if id.0.is_multiple_of(5) {
        format!("key-{} shared-{}", id.0, id.0 / 5 % 7)
    } else {
        format!("key-{}", id.0)
    }
}

/// What an answer means.
pub(super) fn acked(stage: &Stage, sent: &SendResult) -> Outcome {
    let MessageQueue { topic, broker_name, queue_id } = &sent.queue;
    let queue = stage.recorder.queue(broker_name, topic, *queue_id);
    Outcome::Acked { ack: ack(sent.status), queue, offset: sent.queue_offset }
}

/// How good an answer is.
pub(super) fn ack(status: SendStatus) -> Ack {
    match status {
        SendStatus::SendOk => Ack::SendOk,
        SendStatus::FlushDiskTimeout => Ack::FlushDiskTimeout,
        SendStatus::FlushSlaveTimeout => Ack::FlushSlaveTimeout,
        SendStatus::SlaveNotAvailable => Ack::SlaveNotAvailable,
    }
}

/// What a failure means: not knowing is never taken for "not stored".
pub(super) fn failed(error: &SendError) -> Outcome {
    if error.is_unknown() {
        return Outcome::Unknown;
    }
    let refused = error.attempts().iter().rev().find_map(|attempt| match &attempt.failure {
        AttemptFailure::Refused { code, .. } => Some(i32::from(*code)),
        _ => None,
    });
    refused.map_or(Outcome::NeverSent, |code| Outcome::Refused { code })
}
