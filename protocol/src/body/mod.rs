//! What the bodies say: one struct per JSON body.
//!
//! Every body has `from_json`, `to_json` (as on the wire) and `to_json_as` (any
//! [`Style`](crate::json::Style): the route for strict readers, the files under `config/`).
//! Members that a body does not declare are ignored on reading; a missing one has Java's default.
//! Members are declared in alphabetical order, which is the order on the wire: the writer insists.
//!
//! Source: `remoting/protocol/{body,route,heartbeat,subscription,admin}/*.java`.

use crate::json::JsonError;

mod admin;
mod config;
mod connection;
mod group;
mod heartbeat;
mod names;
mod offset;
mod queue;
mod register;
mod route;
mod running;
mod stats;
mod topic;

pub use admin::{
    ConsumeQueueEntries, ConsumeQueueEntry, ConsumedDirectly, MessageRequestModeSetting,
    MessageRequestModes, TimerCount, TimerMetrics,
};
pub use config::{DataVersion, KeyValueTable, KvConfigTable};
pub use connection::{
    Connection, ConsumerConnection, ConsumerList, ProducerConnection, ProducerInfo, ProducerTable,
};
pub use group::{
    CustomizedRetryPolicy, ExponentialRetryPolicy, GroupForbidden, GroupList, GroupRetryPolicy,
    SimpleSubscription, SubscriptionGroupConfig, SubscriptionGroupList, SubscriptionGroupTable,
};
pub use heartbeat::{
    CheckClient, ConsumerData, Heartbeat, ProducerData, SubscriptionAnswer, SubscriptionData,
};
pub use names::{
    ConsumeFromWhere, ConsumeOutcome, ConsumeType, MessageModel, MessageRequestMode,
    RetryPolicyType, TopicFilterType,
};
pub use offset::{
    ConsumerOffsetTable, ConsumerStatus, CorrectionOffsets, DelayOffsetTable, ResetOffset,
    ResetOffsetForC, ResetOffsetForCEntry,
};
pub use queue::{LockBatch, LockedBatch, MessageQueue};
pub use register::{RegisterBroker, TopicText};
pub use route::{
    BrokerData, BrokerGroup, BrokerMemberGroup, ClusterInfo, QueueData, QueueMapping,
    QueueMappingDetail, QueueMappingItem, TopicRoute,
};
pub use running::{ConsumeStatus, ConsumerRunningInfo, PopQueueInfo, ProcessQueueInfo};
pub use stats::{
    BrokerConsumeStats, BrokerStats, BrokerStatsItem, ConsumeStats, ConsumeTimeSpan,
    ConsumeTimeSpans, OffsetWrapper, TopicOffset, TopicStats,
};
pub use topic::{TopicConfig, TopicConfigList, TopicConfigTable, TopicConfigs, TopicList};

/// A body that is not what its code says it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// Not JSON, or not of the right shape.
    #[error("the body is not a {body}: {cause}")]
    Json {
        /// The body that was expected.
        body: &'static str,
        /// What is wrong, and where.
        #[source]
        cause: JsonError,
    },
    /// A compressed body that does not unfold.
    #[error("the compressed body does not unfold after {unfolded_bytes} bytes")]
    Compressed {
        /// How much of it did.
        unfolded_bytes: usize,
    },
    /// A compressed body that unfolds to too much.
    #[error("the compressed body unfolds to more than {limit_bytes} bytes")]
    TooLong {
        /// The most that is taken.
        limit_bytes: usize,
    },
    /// A part of a compressed body is longer than what is left of it.
    #[error("{part} should have {part_bytes} bytes, but only {left_bytes} are left")]
    PartCut {
        /// Which part.
        part: &'static str,
        /// The length it is said to have.
        part_bytes: i32,
        /// What there is.
        left_bytes: usize,
    },
    /// A part of a compressed body says it has a negative number of entries.
    #[error("{part} cannot have {entries} entries")]
    Count {
        /// Which part.
        part: &'static str,
        /// How many it says it has.
        entries: i32,
    },
    /// A topic in a compressed body that cannot be read.
    #[error("`{text}` is not a topic: {wanted}")]
    Topic {
        /// The text, shortened.
        text: String,
        /// What it should be.
        wanted: &'static str,
    },
}

/// Gives bodies their three functions.
macro_rules! bodies {
    ($($name:ident),* $(,)?) => {
        $(
            impl $name {
                /// Reads the body.
                pub fn from_json(text: &[u8]) -> Result<Self, $crate::body::BodyError> {
                    $crate::json::read(text).map_err(|cause| {
                        $crate::body::BodyError::Json { body: stringify!($name), cause }
                    })
                }

                /// Writes the body as it goes on the wire.
                pub fn to_json(&self) -> bytes::Bytes {
                    self.to_json_as($crate::json::Style::WIRE)
                }

                /// Writes the body in another style.
                pub fn to_json_as(&self, style: $crate::json::Style) -> bytes::Bytes {
                    $crate::json::write(self, style).into()
                }
            }
        )*
    };
}

pub(crate) use bodies;
