//! When everything was consumed: every queue is read, every group's place is asked, and searches
//! by time and by key are made.

use std::{collections::BTreeSet, time::Duration};

use checkers::{Boundary, EndRecord, FaultKind, GroupEnd, KeyQuery, Moment, QueueEnd, TimeSearch};
use client::{MessageQueue, ReceivedMessage};
use protocol::{names, properties};

use super::{Stage, auditor::Auditor, consuming::content, watching};
use crate::{
    fault::{Fault, Struck},
    recorder::LOCK_MS,
    workload::Kind,
};

/// Messages per pull of the audit.
const BATCH: i32 = 32;

/// How often a question is asked again before the audit gives up on a queue.
const TRIES: u32 = 20;

/// Most that a query by key may answer.
const ANSWERS_MAX: u32 = 64;

/// Messages of a queue whose keys are asked for.
const KEYS_MAX: usize = 12;

/// Queues of the topic in which delayed messages wait, one per level.
const DELAY_LEVELS: i32 = 18;

/// Every queue that a topic of the plan, or a retry or dead letter topic of its groups, has.
pub(super) fn queues_of(stage: &Stage, topic: &str) -> Vec<MessageQueue> {
    let cluster = &stage.plan.cluster;
    let planned = cluster.topics.iter().find(|one| one.name == topic);
    let of_its_own = if topic == names::SCHEDULE_TOPIC { DELAY_LEVELS } else { 1 };
    let count = planned.map_or(of_its_own, |one| i32::try_from(one.queues).unwrap_or(1));
    let mut queues = Vec::new();
    for broker in &cluster.brokers {
        let holds =
            planned.is_none_or(|one| one.brokers.is_empty() || one.brokers.contains(&broker.name));
        if holds {
            queues.extend((0..count).map(|id| MessageQueue::new(topic, broker.name.as_str(), id)));
        }
    }
    queues
}

/// Every topic that has messages of the workload.
fn topics(stage: &Stage) -> Vec<String> {
    let plan = &stage.plan;
    let mut all: Vec<String> = plan.cluster.topics.iter().map(|one| one.name.clone()).collect();
    let groups: BTreeSet<&String> =
        plan.workload.consumers.iter().map(|consumer| &consumer.group).collect();
    for group in groups {
        all.push(names::retry_topic(group).to_string());
        all.push(names::dlq_topic(group).to_string());
    }
    all.push(names::SCHEDULE_TOPIC.to_owned());
    all
}

/// Reads everything there is.
pub(super) async fn play(stage: &mut Stage, auditor: &Auditor) {
    for topic in topics(stage) {
        for queue in queues_of(stage, &topic) {
            let end = read_queue(stage, auditor, &queue).await;
            search(stage, auditor, &queue, &end).await;
            stage.recorder.with(|history| history.queue_ends.push(end));
        }
    }
    groups(stage, auditor).await;
    queries(stage, auditor).await;
}

/// Reads a queue from its first to its last message.
async fn read_queue(stage: &mut Stage, auditor: &Auditor, queue: &MessageQueue) -> QueueEnd {
    let id = stage.recorder.queue(&queue.broker_name, &queue.topic, queue.queue_id);
    let mut end = QueueEnd { queue: id, min: 0, max: 0, records: Vec::new(), complete: false };
    let (mut offset, mut tries) = (0, 0);
    while tries < TRIES {
        let stretch = match auditor.read(queue, offset, BATCH).await {
            Ok(Some(stretch)) => stretch,
            Ok(None) => {
                end.complete = true;
                return end;
            }
            Err(_) => {
                tries += 1;
                stage.runtime.clock.sleep(Duration::from_millis(250)).await;
                continue;
            }
        };
        if end.records.is_empty() {
            end.min = stretch.min_offset.max(0);
        }
        end.max = stretch.max_offset.max(0);
        if stretch.messages.is_empty() && stretch.next_offset <= offset {
            end.complete = end.max <= offset;
            if end.complete {
                return end;
            }
            // The first message that is still there lies ahead, or the broker is not ready.
            tries += 1;
            offset = offset.max(stretch.min_offset);
            continue;
        }
        for message in &stretch.messages {
            end.records.push(record(stage, message));
        }
        offset = stretch.next_offset.max(offset);
    }
    end
}

fn record(stage: &Stage, message: &ReceivedMessage) -> EndRecord {
    let from = [properties::RETRY_TOPIC, properties::DLQ_ORIGIN_TOPIC];
    let origin = from.iter().find_map(|name| message.property(name)).cloned();
    EndRecord {
        offset: message.queue_offset,
        physical: u64::try_from(message.physical_offset).unwrap_or(0),
        store_ms: message.store_timestamp,
        content: content(message),
        reconsumed: message.reconsume_times,
        origin: origin.map(|topic| stage.recorder.with(|history| history.topic(&topic))),
    }
}

/// Searches by the times of some records, and by times before, between and after.
async fn search(stage: &Stage, auditor: &Auditor, queue: &MessageQueue, end: &QueueEnd) {
    let mut times = BTreeSet::new();
    let len = end.records.len();
    for place in [0, len / 3, len / 2, len.saturating_sub(1)] {
        if let Some(record) = end.records.get(place) {
            times.extend([record.store_ms - 1, record.store_ms, record.store_ms + 1]);
        }
    }
    for timestamp_ms in times {
        for boundary in [Boundary::Lower, Boundary::Upper] {
            let asked = match boundary {
                Boundary::Lower => client::Boundary::Lower,
                Boundary::Upper => client::Boundary::Upper,
            };
            if let Ok(answered) = auditor.search(queue, timestamp_ms, asked).await {
                let search = TimeSearch { queue: end.queue, timestamp_ms, boundary, answered };
                stage.recorder.with(|history| history.time_searches.push(search));
            }
        }
    }
}

/// Where every group stands, in its topics and in its retry topic.
async fn groups(stage: &Stage, auditor: &Auditor) {
    for (group, queue) in positions(stage) {
        let invoked = stage.recorder.now();
        let Some((committed, max)) = position(auditor, &group, &queue).await else { continue };
        watching::read(stage, &group, &queue, (invoked, committed));
        let id = stage.recorder.queue(&queue.broker_name, &queue.topic, queue.queue_id);
        stage.recorder.with(|history| {
            let group = history.group(&group);
            history.group_ends.push(GroupEnd { group, queue: id, committed, max });
        });
    }
}

/// Every group with every queue that it must consume.
pub(super) fn positions(stage: &Stage) -> Vec<(String, MessageQueue)> {
    let mut all = BTreeSet::new();
    for consumer in &stage.plan.workload.consumers {
        if consumer.kind == Kind::Broadcast {
            continue;
        }
        let mut topics: Vec<String> =
            consumer.subscriptions.iter().map(|one| one.topic.clone()).collect();
        if consumer.kind != Kind::Pull {
            topics.push(names::retry_topic(&consumer.group).to_string());
        }
        for topic in topics {
            let queues = queues_of(stage, &topic).into_iter();
            all.extend(queues.map(|queue| (consumer.group.clone(), queue)));
        }
    }
    all.into_iter().collect()
}

/// A group's offset and the end of the queue; `None` if the broker does not say.
pub(super) async fn position(
    auditor: &Auditor,
    group: &str,
    queue: &MessageQueue,
) -> Option<(Option<i64>, i64)> {
    let committed = auditor.committed(group, queue).await.ok()?;
    let stretch = auditor.read(queue, committed.unwrap_or(0).max(0), 1).await.ok()?;
    Some((committed, stretch.map_or(0, |stretch| stretch.max_offset.max(0))))
}

/// Queries by key, for some keys of every topic.
async fn queries(stage: &Stage, auditor: &Auditor) {
    let wanted: BTreeSet<(String, String)> = stage.recorder.with(|history| {
        let mut wanted = BTreeSet::new();
        for end in &history.queue_ends {
            let Some(fact) = history.queue_fact(end.queue) else { continue };
            let step = (end.records.len() / KEYS_MAX).max(1);
            for record in end.records.iter().step_by(step) {
                let keys = record.content.keys.iter().flat_map(|keys| keys.split(' '));
                let unique = record.content.unique_key.iter().map(String::as_str);
                let topic = history.topic_name(fact.topic);
                wanted.extend(keys.chain(unique).map(|key| (topic.to_owned(), key.to_owned())));
            }
        }
        wanted
    });
    for (topic, key) in wanted {
        let range = (0, i64::MAX / 4);
        let answers = auditor.query((&topic, &key), ANSWERS_MAX, range).await;
        for (broker, messages) in answers {
            let answered =
                messages.iter().map(|one| u64::try_from(one.physical_offset).unwrap_or(0));
            let answered = answered.collect();
            let broker = stage.recorder.node(&broker);
            stage.recorder.with(|history| {
                let topic = history.topic(&topic);
                history.key_queries.push(KeyQuery {
                    broker,
                    topic,
                    key: key.clone(),
                    messages_max: ANSWERS_MAX,
                    begin_ms: range.0,
                    end_ms: range.1,
                    answered,
                });
            });
        }
    }
}

/// Waits until every group has consumed everything and nothing more is delivered, at most until
/// `deadline`. Gives the moment from which on that was so.
pub(super) async fn drained(
    stage: &mut Stage,
    auditor: &Auditor,
    deadline: Moment,
) -> Option<Moment> {
    // The longest delay level, and a rest: after this nothing comes back by itself. Members must
    // have had the time to share what nobody holds.
    let quiet_ms = (crate::delay_ms(18) + 2_000).max(stage.plan.workload.pace.settle_ms() + 1_000);
    let settled = settled(stage);
    let mut quiet_since: Option<(Moment, usize)> = None;
    let mut asked = false;
    while stage.recorder.now() < deadline {
        let deliveries = stage.recorder.with(|history| history.deliveries.len());
        let now = stage.recorder.now();
        match quiet_since {
            Some((since, known)) if known == deliveries => {
                // Brokers are asked only when nothing moves any more: at first, and at the end.
                let is_over = quiet_ms <= now.ms_since(since) && settled <= now;
                let ask = !asked || is_over;
                if ask && !no_lag(stage, auditor).await {
                    (quiet_since, asked) = (None, false);
                } else if is_over {
                    return Some(since);
                } else {
                    asked = true;
                }
            }
            _ => (quiet_since, asked) = (Some((now, deliveries)), false),
        }
        if !stage.pause(Duration::from_millis(1_000)).await {
            return None;
        }
    }
    None
}

/// A fault may strike this much later than planned, in milliseconds, and never after the heal.
const STRIKES_WITHIN_MS: u64 = 10_000;

/// When every queue can have an owner again: a member that was struck may have left locks behind.
fn settled(stage: &Stage) -> Moment {
    let plan = &stage.plan;
    if !plan.workload.consumers.iter().any(|consumer| consumer.kind == Kind::Orderly) {
        return Moment(0);
    }
    let heal_ms = plan.timing.heal_at_ms;
    let over_ms = |struck: &Struck| match struck.fault.kind() {
        Some(_) if matches!(struck.fault, Fault::Ambush { .. }) => Some(heal_ms),
        Some(kind) if kind.hit().is_some() || kind == FaultKind::Reset => {
            Some(heal_ms.min(struck.at_ms + STRIKES_WITHIN_MS))
        }
        Some(kind) if kind.parts() => Some(heal_ms),
        _ => None,
    };
    let Some(last_ms) = plan.faults.iter().filter_map(over_ms).max() else { return Moment(0) };
    let settle_ms = plan.workload.pace.settle_ms();
    Moment::from_ms(last_ms).plus_ms(LOCK_MS + settle_ms + 1_000)
}

async fn no_lag(stage: &Stage, auditor: &Auditor) -> bool {
    for (group, queue) in positions(stage) {
        let invoked = stage.recorder.now();
        match position(auditor, &group, &queue).await {
            Some((committed, max)) => {
                watching::read(stage, &group, &queue, (invoked, committed));
                if committed.unwrap_or(0) < max {
                    return false;
                }
            }
            None => return false,
        }
    }
    true
}
