//! What a client says it produces and consumes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{ConsumeFromWhere, ConsumeType, MessageModel, bodies};
use crate::Text;

/// Everything one client does.
///
/// Java: `HeartbeatData`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Heartbeat {
    /// The client.
    #[serde(rename = "clientID")]
    pub client_id: Text,
    /// The groups it consumes in.
    #[serde(rename = "consumerDataSet")]
    pub consumers: Vec<ConsumerData>,
    /// A hash of the subscriptions; 0 in the first version of the heartbeat.
    #[serde(rename = "heartbeatFingerprint")]
    pub fingerprint: i32,
    /// The groups it produces in.
    #[serde(rename = "producerDataSet")]
    pub producers: Vec<ProducerData>,
    /// Whether the subscriptions were left out because they did not change.
    pub without_sub: bool,
}

/// A group a client produces in.
///
/// Java: `ProducerData`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProducerData {
    /// The group.
    pub group_name: Text,
}

/// A group a client consumes in.
///
/// Java: `ConsumerData`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerData {
    /// Where to begin without an offset.
    pub consume_from_where: ConsumeFromWhere,
    /// How the client gets its messages.
    pub consume_type: ConsumeType,
    /// The group.
    pub group_name: Text,
    /// Who in the group gets a message.
    pub message_model: MessageModel,
    /// What it wants.
    #[serde(rename = "subscriptionDataSet")]
    pub subscriptions: Vec<SubscriptionData>,
    /// Whether the group belongs to a unit.
    pub unit_mode: bool,
}

/// What a group wants of a topic.
///
/// Java: `SubscriptionData`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriptionData {
    /// Whether a class filters; gone since 4.3.
    pub class_filter_mode: bool,
    /// Java's hash codes of the tags.
    #[serde(rename = "codeSet")]
    pub codes: BTreeSet<i32>,
    /// `TAG` or `SQL92`.
    pub expression_type: Text,
    /// The expression; `*` is everything.
    #[serde(rename = "subString")]
    pub expression: Text,
    /// When the client made it. A larger one wins.
    pub sub_version: i64,
    /// The tags.
    #[serde(rename = "tagsSet")]
    pub tags: BTreeSet<Text>,
    /// The topic.
    pub topic: Text,
}

impl Default for SubscriptionData {
    fn default() -> Self {
        Self {
            class_filter_mode: false,
            codes: BTreeSet::new(),
            expression_type: Text::from_static("TAG"),
            expression: Text::EMPTY,
            sub_version: 0,
            tags: BTreeSet::new(),
            topic: Text::EMPTY,
        }
    }
}

/// Whether a client's expression can be used.
///
/// Java: `CheckClientRequestBody`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CheckClient {
    /// The client.
    pub client_id: Text,
    /// Its group.
    pub group: Text,
    /// Its namespace.
    pub namespace: Option<Text>,
    /// The expression.
    pub subscription_data: Option<SubscriptionData>,
}

/// What a group subscribes to of a topic.
///
/// Java: `QuerySubscriptionResponseBody`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriptionAnswer {
    /// The group.
    pub group: Text,
    /// What it wants, if it is connected.
    pub subscription_data: Option<SubscriptionData>,
    /// The topic.
    pub topic: Option<Text>,
}

bodies!(Heartbeat, SubscriptionData, CheckClient, SubscriptionAnswer);
