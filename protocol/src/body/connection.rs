//! Who is connected.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ConsumeFromWhere, ConsumeType, MessageModel, SubscriptionData, bodies};
use crate::{Language, Text};

/// One client's connection.
///
/// Java: `Connection`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Connection {
    /// Address and port.
    pub client_addr: Text,
    /// The client.
    pub client_id: Text,
    /// What it is written in.
    pub language: Language,
    /// Its version, as in its commands.
    pub version: i32,
}

/// The clients that consume in a group.
///
/// Java: `ConsumerConnection`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerConnection {
    /// The clients.
    #[serde(rename = "connectionSet")]
    pub connections: Vec<Connection>,
    /// Where the group begins without an offset.
    pub consume_from_where: Option<ConsumeFromWhere>,
    /// How it gets its messages.
    pub consume_type: Option<ConsumeType>,
    /// Who in it gets a message.
    pub message_model: Option<MessageModel>,
    /// What it wants, by topic.
    #[serde(rename = "subscriptionTable")]
    pub subscriptions: BTreeMap<Text, SubscriptionData>,
}

/// The clients that produce in a group.
///
/// Java: `ProducerConnection`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProducerConnection {
    /// The clients.
    #[serde(rename = "connectionSet")]
    pub connections: Vec<Connection>,
}

/// Every producer of a broker.
///
/// Java: `ProducerTableInfo`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProducerTable {
    /// Producers by group.
    pub data: BTreeMap<Text, Vec<ProducerInfo>>,
}

/// One producer.
///
/// Java: `ProducerInfo`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProducerInfo {
    /// The client.
    pub client_id: Text,
    /// What it is written in.
    pub language: Language,
    /// When its last heartbeat came.
    #[serde(rename = "lastUpdateTimestamp")]
    pub last_update_timestamp_ms: i64,
    /// Address and port, with a slash before.
    #[serde(rename = "remoteIP")]
    pub remote: Text,
    /// Its version, as in its commands.
    pub version: i32,
}

/// The ids of the clients of a group.
///
/// Java: `GetConsumerListByGroupResponseBody`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerList {
    /// The clients.
    #[serde(rename = "consumerIdList")]
    pub client_ids: Vec<Text>,
}

bodies!(ConsumerConnection, ProducerConnection, ProducerTable, ConsumerList);
