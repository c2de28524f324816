//! What is asked: one struct per request header.
//!
//! `decode` reads the header of a [`crate::Command`], `command` makes the request, `fields` only
//! its header fields. A required field that is missing, or one that holds something else than it
//! should, is a [`FieldError`] that names the header and the field as Java does.
//! Requests whose code has no header of its own (`GET_BROKER_CLUSTER_INFO` and such) have no
//! struct here: their code and their [`crate::body`] are all there is.
//!
//! Source: `remoting/protocol/header/*.java`.

use crate::FieldError;
use crate::header::{Member, Reader};
use crate::{Fields, Text};

mod admin;
mod group;
mod heartbeat;
mod kv;
mod offset;
mod pull;
mod register;
mod route;
mod send;
mod topic;

pub use admin::{
    BrokerConsumeStats, BrokerStats, ConsumeMessageDirectly, ConsumeQueue, ConsumerRunningInfo,
    ConsumerStatus, ResumeHalfMessageCheck,
};
pub use group::{
    AllSubscriptionGroups, ConsumeStats, ConsumeTimeSpan, ConsumerConnections, DeleteGroup,
    GroupForbidden, ProducerConnections, SubscriptionGroup, SubscriptionOfConsumer,
    TopicsOfConsumer,
};
pub use heartbeat::{ConsumerIdsChanged, ConsumerList, Heartbeat, UnregisterClient};
pub use kv::{DeleteKvConfig, GetKvConfig, KvList, PutKvConfig};
pub use offset::{
    Boundary, CloneGroupOffset, CorrectionOffset, EarliestStoreTime, MaxOffset, MinOffset,
    QueryConsumerOffset, ResetOffset, SearchOffset, UpdateConsumerOffset,
};
pub use pull::{Pull, QueryMessage, ViewMessage};
pub use register::{
    BrokerHeartbeat, BrokerMemberGroup, MinBrokerIdChanged, QueryDataVersion, RegisterBroker,
    UnregisterBroker,
};
pub use route::{AddWritePerm, RouteInfo, WipeWritePerm};
pub use send::{CheckTransactionState, EndTransaction, PushReply, RecallMessage, Send, SendBack};
pub use topic::{
    AllTopicConfig, CreateTopic, CreateTopicList, DeleteTopic, DeleteTopicInNamesrv, GroupsOfTopic,
    RegisterTopic, TopicConfig, TopicStats, TopicsOfCluster,
};

/// The fields that most request headers inherit.
///
/// Java: `RpcRequestHeader`, `TopicRequestHeader`, and the `ReqT` mark that every pull client puts
/// on its requests. A server may ignore all of them as long as it has no static topics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inherited {
    /// `lo`: the queue is a logical one, of a static topic.
    pub logical: Option<bool>,
    /// `ns`: the namespace.
    pub namespace: Option<Text>,
    /// `nsd`: whether the names already carry the namespace.
    pub namespaced: Option<bool>,
    /// `bname`: the broker the sender means.
    pub broker_name: Option<Text>,
    /// `oway`: whether nobody waits for the answer.
    pub oneway: Option<bool>,
    /// `ReqT`: the kind of client; 0 is one that streams.
    pub request_type: Option<i32>,
}

impl Inherited {
    pub(crate) fn take(reader: &Reader<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            logical: reader.take("lo")?,
            namespace: reader.take("ns")?,
            namespaced: reader.take("nsd")?,
            broker_name: reader.take("bname")?,
            oneway: reader.take("oway")?,
            request_type: reader.take("ReqT")?,
        })
    }

    pub(crate) fn put(&self, fields: &mut Fields) {
        self.logical.put("lo", fields);
        self.namespace.put("ns", fields);
        self.namespaced.put("nsd", fields);
        self.broker_name.put("bname", fields);
        self.oneway.put("oway", fields);
        self.request_type.put("ReqT", fields);
    }
}
