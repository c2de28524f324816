//! The clients of a plan and what they do, as data. [`crate::play`] is the code that does it.

use serde::{Deserialize, Serialize};

use crate::{cluster::Cluster, plan::PlanError};

/// All clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Those who send.
    pub producers: Vec<Producer>,
    /// Those who receive.
    pub consumers: Vec<Consumer>,
    /// What an administrator does meanwhile, in the order of time.
    pub admin: Vec<AdminOp>,
    /// How often clients look around.
    pub pace: Pace,
}

/// How often clients look around, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// Between two heartbeats to the brokers.
    pub heartbeat_ms: u64,
    /// Between two looks at the routes.
    pub routes_ms: u64,
    /// Between two looks at the shares of a group.
    pub rebalance_ms: u64,
}

impl Pace {
    /// After this nothing moves between the members of a group that are all there: whoever forgot a
    /// broker while it was away has found it again, and every member has looked at the shares.
    #[must_use]
    pub fn settle_ms(&self) -> u64 {
        self.rebalance_ms.max(self.routes_ms) + 5_000
    }
}

impl Default for Pace {
    /// RocketMQ's.
    fn default() -> Self {
        Self { heartbeat_ms: 30_000, routes_ms: 30_000, rebalance_ms: 20_000 }
    }
}

/// How a producer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// One after the other, waiting for each answer.
    Sync,
    /// Without waiting; up to 64 are under way.
    Async,
    /// Without an answer.
    Oneway,
    /// Several in one request, waiting for the answer.
    Batch,
}

/// One producer, a node of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Producer {
    /// Unique name of its node.
    pub name: String,
    /// Its producer group.
    pub group: String,
    /// It sends to these topics in turn.
    pub topics: Vec<String>,
    /// How.
    pub way: Way,
    /// When it starts, in milliseconds.
    pub from_ms: u64,
    /// When it stops, in milliseconds.
    pub until_ms: u64,
    /// Messages per second.
    pub per_second: u32,
    /// Shortest body in bytes, at least 16.
    pub body_bytes_min: u32,
    /// Longest body in bytes.
    pub body_bytes_max: u32,
    /// Tags given in turn; empty means none.
    pub tags: Vec<String>,
    /// Every message carries a key of its own; every fifth shares one with others, too.
    pub keys: bool,
    /// Further requests after a failed one (`retryTimesWhenSendFailed`).
    pub retries: u32,
    /// Time for one call in milliseconds.
    pub timeout_ms: u64,
    /// Messages of one stream go to one queue, one after the other. 0: no streams, any queue.
    pub streams: u32,
    /// Delay levels given in turn, 0 for none; empty means none.
    pub delay_levels: Vec<u8>,
}

/// How a consumer receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Pushed, in any order.
    Concurrent,
    /// Pushed, in the order of each queue.
    Orderly,
    /// Pushed, every member gets everything.
    Broadcast,
    /// Pulls by itself, and commits by itself.
    Pull,
}

/// How queues are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// Neighbouring queues to one member.
    Averagely,
    /// Dealt round.
    AveragelyByCircle,
    /// By consistent hashing.
    ConsistentHash,
}

/// One subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// The topic.
    pub topic: String,
    /// The tags wanted; empty means all messages.
    pub tags: Vec<String>,
}

/// One consumer, a node of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consumer {
    /// Unique name of its node.
    pub name: String,
    /// Its group. Members of a group must subscribe to the same.
    pub group: String,
    /// How.
    pub kind: Kind,
    /// To what.
    pub subscriptions: Vec<Subscription>,
    /// How queues are shared out in its group.
    pub sharing: Sharing,
    /// When it joins, in milliseconds.
    pub from_ms: u64,
    /// When it leaves politely and when it comes back, in turn. It is back after the heal.
    pub leaves_ms: Vec<u64>,
    /// How long its listener thinks about one message, at most.
    pub think_ms_max: u64,
    /// How many of a thousand deliveries fail.
    pub fails_per_mille: u32,
    /// One of so many messages fails always; 0 for none.
    pub always_fails_one_of: u32,
    /// `maxReconsumeTimes`.
    pub retries_max: u32,
    /// At most this many messages per pull.
    pub pull_batch: u32,
    /// Every how many milliseconds offsets are told to the broker.
    pub commit_every_ms: u64,
}

/// Something an administrator does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminOp {
    /// When, in milliseconds.
    pub at_ms: u64,
    /// What.
    pub op: AdminDo,
}

/// What an administrator does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum AdminDo {
    /// Creates a topic, or changes its number of queues, on every broker.
    UpdateTopic {
        /// The topic.
        topic: String,
        /// Queues per broker.
        queues: u32,
    },
    /// Deletes a topic on every broker.
    DeleteTopic {
        /// The topic.
        topic: String,
    },
    /// Reads a group's offsets in all queues of a topic, as a sample.
    ReadOffsets {
        /// The group.
        group: String,
        /// The topic.
        topic: String,
    },
}

impl AdminOp {
    /// The topic that it creates.
    pub(crate) fn creates(&self) -> Option<&str> {
        match &self.op {
            AdminDo::UpdateTopic { topic, .. } => Some(topic),
            AdminDo::DeleteTopic { .. } | AdminDo::ReadOffsets { .. } => None,
        }
    }

    /// Whether it is about that topic.
    pub(crate) fn names_topic(&self, name: &str) -> bool {
        match &self.op {
            AdminDo::UpdateTopic { topic, .. }
            | AdminDo::DeleteTopic { topic }
            | AdminDo::ReadOffsets { topic, .. } => topic == name,
        }
    }
}

impl Workload {
    /// Whether the parts fit one another and the cluster.
    pub(crate) fn check(&self, cluster: &Cluster) -> Result<(), PlanError> {
        let created = self.admin.iter().filter_map(AdminOp::creates);
        let known: Vec<&str> =
            cluster.topics.iter().map(|topic| topic.name.as_str()).chain(created).collect();
        for producer in &self.producers {
            producer.check()?;
            all_known(&known, &producer.name, producer.topics.iter())?;
        }
        for consumer in &self.consumers {
            let topics = consumer.subscriptions.iter().map(|one| &one.topic);
            all_known(&known, &consumer.name, topics)?;
        }
        Ok(())
    }
}

impl Producer {
    fn check(&self) -> Result<(), PlanError> {
        let wrong = |what: &str, value: u32, limit: &str| {
            let what = format!("{what} of producer `{}`", self.name);
            Err(PlanError::OutOfRange { what, value: value.to_string(), limit: limit.to_owned() })
        };
        if self.body_bytes_min < 16 {
            return wrong("body_bytes_min", self.body_bytes_min, "at least 16");
        }
        if self.body_bytes_max < self.body_bytes_min {
            return wrong("body_bytes_max", self.body_bytes_max, "at least body_bytes_min");
        }
        if self.per_second == 0 || 100_000 < self.per_second {
            return wrong("per_second", self.per_second, "1 to 100000");
        }
        Ok(())
    }
}

fn all_known<'a>(
    known: &[&str],
    who: &str,
    mut topics: impl Iterator<Item = &'a String>,
) -> Result<(), PlanError> {
    match topics.find(|topic| !known.contains(&topic.as_str())) {
        Some(topic) => Err(PlanError::Unknown {
            what: format!("client `{who}`"),
            name: topic.clone(),
            expected: "topic",
        }),
        None => Ok(()),
    }
}
