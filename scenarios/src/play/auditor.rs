//! What the administrator and the audit ask a cluster, on top of `client`.

use std::collections::BTreeMap;

use client::{Admin, AdminError, Boundary, MessageQueue, QueryError, ReceivedMessage, Stretch};
use protocol::{ResponseCode, body::SubscriptionGroupConfig};

use super::Stage;

/// Asks brokers.
pub(super) struct Auditor {
    admin: Admin,
    /// The brokers of the plan.
    brokers: Vec<String>,
}

impl Auditor {
    /// Starts one.
    pub(super) async fn start(stage: &Stage) -> Self {
        let name_servers = stage.name_servers.as_str();
        let admin = Admin::start(stage.runtime.clone(), name_servers).await;
        let brokers = stage.plan.cluster.brokers.iter().map(|one| one.name.clone()).collect();
        Self { admin, brokers }
    }

    /// Creates a topic on a broker, or changes it.
    pub(super) async fn create_topic(
        &self,
        broker: &str,
        topic: &str,
        queues: u32,
    ) -> Result<(), AdminError> {
        self.admin.update_topic(broker, topic, i32::try_from(queues).unwrap_or(4)).await
    }

    /// Deletes a topic on a broker.
    pub(super) async fn delete_topic(&self, broker: &str, topic: &str) -> Result<(), AdminError> {
        self.admin.delete_topic(broker, topic).await
    }

    /// Creates a group on a broker, or changes it.
    pub(super) async fn create_group(
        &self,
        broker: &str,
        group: &SubscriptionGroupConfig,
    ) -> Result<(), AdminError> {
        self.admin.update_group(broker, group).await
    }

    /// What a group has committed in a queue.
    pub(super) async fn committed(
        &self,
        group: &str,
        queue: &MessageQueue,
    ) -> Result<Option<i64>, AdminError> {
        self.admin.committed(group, queue).await
    }

    /// The offset that a search by time gives.
    pub(super) async fn search(
        &self,
        queue: &MessageQueue,
        timestamp_ms: i64,
        boundary: Boundary,
    ) -> Result<i64, AdminError> {
        self.admin.search_offset(queue, timestamp_ms, boundary).await
    }

    /// What a queue holds from an offset on; `None` when the broker has no such topic.
    pub(super) async fn read(
        &self,
        queue: &MessageQueue,
        offset: i64,
        messages_max: i32,
    ) -> Result<Option<Stretch>, AdminError> {
        match self.admin.read_queue(queue, offset, messages_max).await {
            Ok(stretch) => Ok(Some(stretch)),
            Err(AdminError::Query(QueryError::Refused {
                code: ResponseCode::TOPIC_NOT_EXIST,
                ..
            })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Messages with a key, by the broker that has them: an entry for every broker that answered.
    pub(super) async fn query(
        &self,
        (topic, key): (&str, &str),
        messages_max: u32,
        range: (i64, i64),
    ) -> BTreeMap<String, Vec<ReceivedMessage>> {
        let mut answers = BTreeMap::new();
        let max = i32::try_from(messages_max).unwrap_or(64);
        for broker in &self.brokers {
            if let Ok(answer) = self.admin.query_by_key(broker, (topic, key), max, range).await {
                answers.insert(broker.clone(), answer);
            }
        }
        answers
    }
}
