//! Before the clients start: topics and groups as the plan has them.

use std::time::Duration;

use protocol::body::SubscriptionGroupConfig;

use super::{Stage, auditor::Auditor};
use crate::{Broker, Topic};

/// Creates the topics and groups of the plan on their brokers, and tries until it has.
pub(super) async fn play(mut stage: Stage) {
    let auditor = Auditor::start(&stage).await;
    let plan = stage.plan.clone();
    for broker in &plan.cluster.brokers {
        furnish(&mut stage, &auditor, broker).await;
    }
}

/// The same for one broker.
pub(super) async fn furnish(stage: &mut Stage, auditor: &Auditor, broker: &Broker) {
    let plan = stage.plan.clone();
    let holds = |topic: &&Topic| topic.brokers.is_empty() || topic.brokers.contains(&broker.name);
    for topic in plan.cluster.topics.iter().filter(holds) {
        while auditor.create_topic(&broker.name, &topic.name, topic.queues).await.is_err() {
            if !stage.pause(Duration::from_millis(50)).await {
                return;
            }
        }
    }
    for group in &plan.cluster.groups {
        let mut config = SubscriptionGroupConfig::new(group.name.as_str());
        config.retry_max_times = i32::try_from(group.retries_max).unwrap_or(16);
        while auditor.create_group(&broker.name, &config).await.is_err() {
            if !stage.pause(Duration::from_millis(50)).await {
                return;
            }
        }
    }
}
