//! The healed phase: sends work again, everything is consumed, then everything is looked at.

use std::{collections::BTreeSet, time::Duration};

use checkers::{Content, MessageId, Moment, NodeId, SendFact};
use client::{Message, MessageQueue, Producer};

use super::{
    Stage, auditing,
    auditor::Auditor,
    preparing,
    producing::{acked, failed},
};
use crate::{Fault, payload};

/// Between two probes of one broker.
const PROBE_EVERY: Duration = Duration::from_millis(500);

/// Length of the body of a probe.
const PROBE_BYTES: u32 = 64;

/// Plays the healed phase.
pub(super) async fn play(mut stage: Stage) {
    let healed = stage.recorder.now();
    stage.recorder.with(|history| {
        if history.healed.is_none() {
            history.healed = Some(healed);
        }
    });
    let timing = stage.plan.timing;
    refurnish(&mut stage).await;
    probe(&mut stage, healed.plus_ms(timing.send_within_ms)).await;
    let auditor = Auditor::start(&stage).await;
    let deadline = healed.plus_ms(timing.drain_within_ms);
    let drained = auditing::drained(&mut stage, &auditor, deadline).await;
    stage.recorder.with(|history| history.drained = drained);
    auditing::play(&mut stage, &auditor).await;
}

/// A broker that lost its disk has forgotten its topics; its operator makes them anew.
async fn refurnish(stage: &mut Stage) {
    let faults = stage.plan.faults.iter();
    let lost: BTreeSet<String> = faults
        .filter_map(|struck| match &struck.fault {
            Fault::DiskLoss { node } => Some(node.clone()),
            _ => None,
        })
        .collect();
    if lost.is_empty() {
        return;
    }
    let auditor = Auditor::start(stage).await;
    let plan = stage.plan.clone();
    for broker in plan.cluster.brokers.iter().filter(|broker| lost.contains(&broker.name)) {
        preparing::furnish(stage, &auditor, broker).await;
    }
}

/// Sends to every broker until each has taken one message.
async fn probe(stage: &mut Stage, deadline: Moment) {
    let builder = Producer::builder(stage.runtime.clone(), "probes")
        .name_servers(stage.name_servers.as_str())
        .poll_name_server_interval(Duration::from_secs(1))
        .send_timeout(Duration::from_secs(3))
        .retry_times(0);
    let Ok(producer) = builder.start().await else { return };
    let node =
        stage.recorder.with(|history| history.add_node("auditor", checkers::NodeKind::Admin));
    let mut left = stage.plan.cluster.brokers.clone();
    // All brokers in turn, so that one that is slow takes no time from the others.
    while stage.recorder.now() < deadline && !left.is_empty() && !stage.stop.is_cancelled() {
        let mut late = Vec::new();
        for broker in left {
            let topics = &stage.plan.cluster.topics;
            let topic = topics
                .iter()
                .find(|one| one.brokers.is_empty() || one.brokers.contains(&broker.name));
            let Some(topic) = topic else { continue };
            let queue = MessageQueue::new(topic.name.as_str(), broker.name.as_str(), 0);
            if !probe_once(stage, node, &producer, &queue).await {
                late.push(broker);
            }
        }
        left = late;
        if !left.is_empty() {
            stage.pause(PROBE_EVERY).await;
        }
    }
    producer.stop().await;
}

async fn probe_once(
    stage: &Stage,
    node: NodeId,
    producer: &Producer,
    queue: &MessageQueue,
) -> bool {
    let id: MessageId = stage.recorder.next_message();
    let body = payload::body(id, PROBE_BYTES);
    let content: Content = payload::content(&body, (None, None), 0, std::iter::empty());
    let message = Message::new(queue.topic.clone(), body);
    let invoked = stage.recorder.now();
    let result = producer.send_to(&message, queue).await;
    let (returned, took) = (stage.recorder.now(), result.is_ok());
    let outcome = match &result {
        Ok(sent) => acked(stage, sent),
        Err(error) => failed(error),
    };
    stage.recorder.with(|history| {
        let topic = history.topic(&queue.topic);
        history.sends.push(SendFact {
            producer: node,
            topic,
            content,
            invoked,
            returned: Some(returned),
            outcome,
            tries: 1,
            stream: None,
            delay_ms: 0,
            probe: true,
        });
    });
    took
}
