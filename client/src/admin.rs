//! Administering a cluster, and looking inside it.

mod operate;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use protocol::{
    Command, RequestCode, ResponseCode, Text,
    body::{self, ClusterInfo, SubscriptionGroupConfig},
    message_id::MessageIdError,
    permission, properties,
    request::{self, Inherited},
    response, sys_flag,
};
use runtime::Runtime;
use thiserror::Error;

use crate::{
    Boundary, MessageQueue, NameServers, NameServersDown, QueryError, ReceivedMessage,
    instance::{Instance, Role, Stop},
    queries::unreadable,
    received,
    settings::Settings,
    time::locked,
};

/// Why an administrator got no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AdminError {
    /// No name server could be asked.
    #[error(transparent)]
    NameServers(#[from] NameServersDown),
    /// A name server answered with something that cannot be read.
    #[error("the list of brokers cannot be read: {cause}")]
    Unreadable {
        /// What is wrong with it.
        cause: String,
    },
    /// The broker gave no answer, or refused.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Not the id of a stored message.
    #[error("`{id}`: {wrong}")]
    NotAnId {
        /// As given.
        id: Text,
        /// What is wrong with it.
        wrong: MessageIdError,
    },
}

impl AdminError {
    /// Whether the broker may have done what it was asked.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Query(error) if error.is_unknown())
    }
}

/// What a broker has of a queue from an offset on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first offset that the queue still has.
    pub min_offset: i64,
    /// The offset that its next message gets.
    pub max_offset: i64,
    /// Where to go on.
    pub next_offset: i64,
    /// The messages, in order; none at the end of the queue.
    pub messages: Vec<ReceivedMessage>,
}

/// Administers a cluster: topics, groups, offsets, and a look at what is stored.
///
/// ```no_run
/// # async fn example(runtime: runtime::Runtime) -> Result<(), Box<dyn std::error::Error>> {
/// let admin = client::Admin::start(runtime, "127.0.0.1:9876").await;
/// for broker in admin.brokers().await?.keys() {
///     admin.update_topic(broker, "orders", 4).await?;
/// }
/// # Ok(()) }
/// ```
pub struct Admin {
    instance: Arc<Instance>,
    /// The masters that a name server named last, until one of them does not answer.
    known: Mutex<BTreeMap<Text, Text>>,
    stop: Stop,
    _role: Arc<Onlooker>,
}

/// Takes part in nothing.
struct Onlooker;

impl Role for Onlooker {
    fn heartbeat(&self) -> body::Heartbeat {
        body::Heartbeat::default()
    }
}

/// The group in whose name queues are looked at. Nothing is committed for it.
const READER: &str = "TOOLS_CONSUMER";

impl Admin {
    /// Starts one. Name servers and brokers need not be there yet.
    pub async fn start(runtime: Runtime, name_servers: impl Into<NameServers>) -> Self {
        let mut settings = Settings::new(Text::from_static(READER));
        settings.name_servers = name_servers.into();
        let (instance, stop) = Instance::new(runtime, settings);
        let role = Arc::new(Onlooker);
        let weak: Weak<dyn Role> = Arc::downgrade(&(role.clone() as Arc<dyn Role>));
        instance.start(weak).await;
        Self { instance, known: Mutex::default(), stop, _role: role }
    }

    /// The addresses of all masters, by broker name, as a name server knows them now.
    pub async fn brokers(&self) -> Result<BTreeMap<Text, Text>, AdminError> {
        let command = Command::request(RequestCode::GET_BROKER_CLUSTER_INFO);
        let answer = self.instance.ask_name_server(&command).await?;
        let info = ClusterInfo::from_json(&answer.body)
            .map_err(|cause| AdminError::Unreadable { cause: cause.to_string() })?;
        let masters = info.broker_addr_table.into_iter().filter_map(|(name, data)| {
            let master = data.broker_addrs.get(&0)?.detached();
            Some((name.detached(), master))
        });
        let masters: BTreeMap<Text, Text> = masters.collect();
        locked(&self.known).clone_from(&masters);
        Ok(masters)
    }

    /// Creates a topic on a broker, or changes its number of queues.
    pub async fn update_topic(
        &self,
        broker: &str,
        topic: &str,
        queues: i32,
    ) -> Result<(), AdminError> {
        let header = request::CreateTopic {
            topic: topic.into(),
            default_topic: Some("TBW102".into()),
            read_queues: queues,
            write_queues: queues,
            perm: permission::READ | permission::WRITE,
            topic_filter_type: "SINGLE_TAG".into(),
            ..request::CreateTopic::default()
        };
        self.ask(broker, header.command()).await.map(drop)
    }

    /// Deletes a topic on a broker, with its messages.
    pub async fn delete_topic(&self, broker: &str, topic: &str) -> Result<(), AdminError> {
        let header = request::DeleteTopic { topic: topic.into(), ..Default::default() };
        self.ask(broker, header.command()).await.map(drop)
    }

    /// Creates a group on a broker, or changes it.
    pub async fn update_group(
        &self,
        broker: &str,
        group: &SubscriptionGroupConfig,
    ) -> Result<(), AdminError> {
        let command = Command::request(RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP);
        self.ask(broker, command.with_body(group.to_json())).await.map(drop)
    }

    /// What a group has committed in a queue; `None` if it never did.
    pub async fn committed(
        &self,
        group: &str,
        queue: &MessageQueue,
    ) -> Result<Option<i64>, AdminError> {
        let header = request::QueryConsumerOffset {
            consumer_group: group.into(),
            topic: queue.topic.clone(),
            queue_id: queue.queue_id,
            set_zero_if_not_found: Some(false),
            inherited: to(queue),
        };
        match self.ask(&queue.broker_name, header.command()).await {
            Ok((address, answer)) => {
                let offset = response::Offset::decode(&answer);
                Ok(Some(offset.map_err(|cause| unreadable(&address, cause))?.offset))
            }
            Err(AdminError::Query(QueryError::Refused {
                code: ResponseCode::QUERY_NOT_FOUND,
                ..
            })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The offset that a search by time gives.
    pub async fn search_offset(
        &self,
        queue: &MessageQueue,
        timestamp_ms: i64,
        boundary: Boundary,
    ) -> Result<i64, AdminError> {
        let boundary = match boundary {
            Boundary::Lower => request::Boundary::Lower,
            Boundary::Upper => request::Boundary::Upper,
        };
        let header = request::SearchOffset {
            topic: queue.topic.clone(),
            queue_id: queue.queue_id,
            timestamp_ms,
            boundary: Some(boundary),
            lite_topic: None,
            inherited: to(queue),
        };
        let (address, answer) = self.ask(&queue.broker_name, header.command()).await?;
        let offset = response::Offset::decode(&answer);
        Ok(offset.map_err(|cause| unreadable(&address, cause))?.offset)
    }

    /// What a queue holds from an offset on, at most `messages_max` messages. An offset outside
    /// the queue gives no messages, and the offset to go on with.
    pub async fn read_queue(
        &self,
        queue: &MessageQueue,
        offset: i64,
        messages_max: i32,
    ) -> Result<Stretch, AdminError> {
        let header = request::Pull {
            consumer_group: READER.into(),
            topic: queue.topic.clone(),
            queue_id: queue.queue_id,
            queue_offset: offset,
            max_messages: messages_max,
            sys_flag: sys_flag::pull::SUBSCRIPTION,
            subscription: Some("*".into()),
            expression_type: Some("TAG".into()),
            inherited: to(queue),
            ..request::Pull::default()
        };
        let answer = self.ask_any(&queue.broker_name, header.command()).await?;
        let (address, answer) = answer;
        let known = [
            ResponseCode::SUCCESS,
            ResponseCode::PULL_NOT_FOUND,
            ResponseCode::PULL_RETRY_IMMEDIATELY,
            ResponseCode::PULL_OFFSET_MOVED,
        ];
        if !known.contains(&ResponseCode::from(answer.code)) {
            return Err(refused(&address, answer).into());
        }
        let header =
            response::Pull::decode(&answer).map_err(|cause| unreadable(&address, cause))?;
        let mut messages = Vec::new();
        if answer.code == i32::from(ResponseCode::SUCCESS) {
            let (read, wrong) = received::messages(&queue.broker_name, answer.body);
            if let Some(wrong) = wrong {
                return Err(unreadable(&address, wrong).into());
            }
            messages = read;
        }
        Ok(Stretch {
            min_offset: header.min_offset,
            max_offset: header.max_offset,
            next_offset: header.next_begin_offset,
            messages,
        })
    }

    /// Messages of a topic on one broker that hold a key, newest first, stored from `begin_ms` to
    /// `end_ms` by the broker's clock.
    pub async fn query_by_key(
        &self,
        broker: &str,
        (topic, key): (&str, &str),
        messages_max: i32,
        (begin_ms, end_ms): (i64, i64),
    ) -> Result<Vec<ReceivedMessage>, AdminError> {
        let header = request::QueryMessage {
            topic: topic.into(),
            key: key.into(),
            max_messages: messages_max,
            begin_timestamp_ms: begin_ms,
            end_timestamp_ms: end_ms,
            ..request::QueryMessage::default()
        };
        let (address, answer) = self.ask_any(broker, header.command()).await?;
        match ResponseCode::from(answer.code) {
            ResponseCode::SUCCESS => {
                let (mut messages, wrong) = received::messages(&broker.into(), answer.body);
                if let Some(wrong) = wrong {
                    return Err(unreadable(&address, wrong).into());
                }
                // The index compares hashes; whoever asked wants the key itself.
                messages.retain(|message| {
                    let unique = message.property(properties::UNIQ_KEY);
                    message.keys().any(|known| known == key) || unique.is_some_and(|id| *id == *key)
                });
                Ok(messages)
            }
            ResponseCode::QUERY_NOT_FOUND => Ok(Vec::new()),
            _ => Err(refused(&address, answer).into()),
        }
    }

    /// Asks a broker and accepts only success.
    async fn ask(&self, broker: &str, command: Command) -> Result<(Text, Command), AdminError> {
        let (address, answer) = self.ask_any(broker, command).await?;
        if answer.code == i32::from(ResponseCode::SUCCESS) {
            return Ok((address, answer));
        }
        Err(refused(&address, answer).into())
    }

    /// Asks a broker and accepts any answer.
    async fn ask_any(&self, broker: &str, command: Command) -> Result<(Text, Command), AdminError> {
        let named = || locked(&self.known).get(broker).cloned();
        let address = match self.instance.master(broker).or_else(named) {
            Some(address) => address,
            None => {
                let none = || QueryError::NoBroker { broker: broker.into() };
                self.brokers().await?.remove(broker).ok_or_else(none)?
            }
        };
        let timeout: Duration = self.instance.settings.call_timeout;
        let answer = self.instance.wire.call(&address, command, timeout).await;
        if answer.is_err() {
            // It may have moved: the next question asks a name server first.
            locked(&self.known).remove(broker);
        }
        Ok((address, answer.map_err(QueryError::from)?))
    }
}

fn to(queue: &MessageQueue) -> Inherited {
    Inherited { broker_name: Some(queue.broker_name.clone()), ..Inherited::default() }
}

fn refused(address: &Text, answer: Command) -> QueryError {
    let code = ResponseCode::from(answer.code);
    let remark = answer.remark.unwrap_or_default();
    QueryError::Refused { address: address.clone(), code, remark }
}
