//! An administrator: does what the plan says at its times, and meanwhile asks for the offsets of
//! all groups now and then.

use std::{collections::BTreeSet, time::Duration};

use checkers::{Admin as AdminFact, AdminDeed, Moment, OffsetRead};
use client::MessageQueue;

use super::{Stage, auditing::queues_of, auditor::Auditor};
use crate::workload::{AdminDo, AdminOp};

/// Between two rounds of asking for offsets while faults strike, in milliseconds.
const ROUND_MS: u64 = 2_000;

/// The same after the heal, when little moves: the audit asks for them once more in the end.
const HEALED_ROUND_MS: u64 = 10_000;

/// Plays the administrator until told to stop.
pub(super) async fn play(mut stage: Stage) {
    let auditor = Auditor::start(&stage).await;
    let plan = stage.plan.clone();
    let mut ops = plan.workload.admin.iter().peekable();
    let places: BTreeSet<(&str, &str)> = plan
        .workload
        .consumers
        .iter()
        .flat_map(|one| one.subscriptions.iter().map(|to| (one.group.as_str(), to.topic.as_str())))
        .collect();
    let mut round_ms = ROUND_MS;
    loop {
        let next_ms = ops.peek().map_or(round_ms, |op| op.at_ms.min(round_ms));
        if !stage.wait_until(next_ms).await {
            return;
        }
        match ops.next_if(|op| op.at_ms <= next_ms) {
            Some(op) => play_one(&stage, &auditor, op).await,
            None => {
                for (group, topic) in &places {
                    sample(&stage, &auditor, group, topic).await;
                }
                let now_ms = stage.recorder.now().ms();
                let is_healed = plan.timing.heal_at_ms <= now_ms;
                round_ms = now_ms + if is_healed { HEALED_ROUND_MS } else { ROUND_MS };
            }
        }
    }
}

async fn play_one(stage: &Stage, auditor: &Auditor, op: &AdminOp) {
    let invoked = stage.recorder.now();
    let brokers = stage.plan.cluster.brokers.iter();
    let (topic, deed): (&str, fn(checkers::TopicId) -> AdminDeed) = match &op.op {
        AdminDo::UpdateTopic { topic, .. } => (topic, AdminDeed::TopicUpdated),
        AdminDo::DeleteTopic { topic } => (topic, AdminDeed::TopicDeleted),
        AdminDo::ReadOffsets { group, topic } => {
            sample(stage, auditor, group, topic).await;
            return;
        }
    };
    // Written down before it begins: it may have happened whether or not an answer comes.
    let place = stage.recorder.with(|history| {
        let deed = deed(history.topic(topic));
        history.admin.push(AdminFact { invoked, confirmed: None, deed });
        history.admin.len() - 1
    });
    let mut confirmed = true;
    for broker in brokers {
        let done = match &op.op {
            AdminDo::UpdateTopic { queues, .. } => {
                auditor.create_topic(&broker.name, topic, *queues).await
            }
            _ => auditor.delete_topic(&broker.name, topic).await,
        };
        confirmed &= done.is_ok();
    }
    if confirmed {
        let at: Moment = stage.recorder.now();
        stage.recorder.with(|history| {
            if let Some(fact) = history.admin.get_mut(place) {
                fact.confirmed = Some(at);
            }
        });
    }
}

/// Asks for a group's offset in every queue of a topic, and writes down what is answered.
pub(super) async fn sample(stage: &Stage, auditor: &Auditor, group: &str, topic: &str) {
    for queue in queues_of(stage, topic) {
        if stage.stop.is_cancelled() {
            return;
        }
        let invoked = stage.recorder.now();
        if let Ok(offset) = auditor.committed(group, &queue).await {
            read(stage, group, &queue, (invoked, offset));
        } else {
            // A broker that does not answer holds up nobody but this round.
            stage.runtime.clock.sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Writes down an offset that was asked for at a moment.
pub(super) fn read(
    stage: &Stage,
    group: &str,
    queue: &MessageQueue,
    (invoked, offset): (Moment, Option<i64>),
) {
    let returned = stage.recorder.now();
    let id = stage.recorder.queue(&queue.broker_name, &queue.topic, queue.queue_id);
    stage.recorder.with(|history| {
        let group = history.group(group);
        history.offset_reads.push(OffsetRead { group, queue: id, invoked, returned, offset });
    });
}
