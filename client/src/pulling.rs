//! One pull, and what came of it.
//!
//! Source: client/impl/consumer/PullAPIWrapper.java, MQClientAPIImpl.processPullResponse.

use std::time::Duration;

use protocol::{
    Command, RequestCode, ResponseCode, Text,
    request::{self, Inherited},
    response, sys_flag,
};
use thiserror::Error;

use crate::{
    CallFailure, Filter, MessageQueue, QueryError, ReceivedMessage, instance::Instance,
    queries::unreadable, received,
};

/// A long poll is answered this much later than asked at the most.
const SLACK: Duration = Duration::from_secs(15);

/// What a pull found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PullStatus {
    /// Messages; after the client's own filter there may be none left.
    Found,
    /// Nothing has come yet.
    NoNewMessage,
    /// Nothing among what is there matches the filter.
    NoMatch,
    /// The queue does not begin or end where the pull wanted to go on.
    OffsetMoved,
}

/// The answer to a pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// What was found.
    pub status: PullStatus,
    /// Where to go on.
    pub next_offset: i64,
    /// The first offset the queue still has.
    pub min_offset: i64,
    /// The offset the next message will get.
    pub max_offset: i64,
    /// The messages, in order.
    pub messages: Vec<ReceivedMessage>,
    /// The id of the broker that should be asked next time.
    pub(crate) next_broker: i64,
}

/// Why a pull brought nothing, not even that there is nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PullError {
    /// The broker could not be asked, or said no.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The consumer does not subscribe to this topic any more.
    #[error("not subscribed to `{topic}` any more")]
    Unsubscribed {
        /// The topic.
        topic: Text,
    },
}

impl PullError {
    /// The code the broker refused with.
    #[must_use]
    pub fn code(&self) -> Option<ResponseCode> {
        match self {
            Self::Query(QueryError::Refused { code, .. }) => Some(*code),
            Self::Query(_) | Self::Unsubscribed { .. } => None,
        }
    }
}

impl From<CallFailure> for PullError {
    fn from(failure: CallFailure) -> Self {
        Self::Query(failure.into())
    }
}

/// What to pull.
pub(crate) struct Wish<'a> {
    pub(crate) group: &'a Text,
    pub(crate) queue: &'a MessageQueue,
    pub(crate) offset: i64,
    pub(crate) max_messages: i32,
    pub(crate) filter: &'a Filter,
    /// The version of the subscription the broker knows; `None` sends the subscription along.
    pub(crate) sub_version: Option<i64>,
    /// How long the broker may wait for a message; `None` asks for an answer at once.
    pub(crate) wait: Option<Duration>,
    /// The id of the broker to ask.
    pub(crate) broker_id: i64,
    /// `LITE_PULL_MESSAGE` instead of `PULL_MESSAGE`.
    pub(crate) lite: bool,
}

impl Wish<'_> {
    fn command(&self) -> Command {
        let queue = self.queue;
        let mut flags = 0;
        if self.wait.is_some() {
            flags |= sys_flag::pull::SUSPEND;
        }
        if self.sub_version.is_none() {
            flags |= sys_flag::pull::SUBSCRIPTION;
        }
        if self.lite {
            flags |= sys_flag::pull::LITE_PULL;
        }
        let wait = self.wait.unwrap_or_default();
        let header = request::Pull {
            consumer_group: self.group.clone(),
            topic: queue.topic.clone(),
            queue_id: queue.queue_id,
            queue_offset: self.offset,
            max_messages: self.max_messages,
            sys_flag: flags,
            commit_offset: 0,
            suspend_timeout_ms: i64::try_from(wait.as_millis()).unwrap_or(i64::MAX),
            subscription: self.sub_version.is_none().then(|| self.filter.expression().clone()),
            sub_version: self.sub_version.unwrap_or(0),
            expression_type: Some(self.filter.expression_type().clone()),
            inherited: Inherited {
                broker_name: Some(queue.broker_name.clone()),
                ..Inherited::default()
            },
            ..request::Pull::default()
        };
        let mut command = header.command();
        if self.lite {
            command.code = RequestCode::LITE_PULL_MESSAGE.into();
        }
        command
    }

    fn read(&self, address: &Text, answer: Command) -> Result<Pulled, PullError> {
        let status = match ResponseCode::from(answer.code) {
            ResponseCode::SUCCESS => PullStatus::Found,
            ResponseCode::PULL_NOT_FOUND => PullStatus::NoNewMessage,
            ResponseCode::PULL_RETRY_IMMEDIATELY => PullStatus::NoMatch,
            ResponseCode::PULL_OFFSET_MOVED => PullStatus::OffsetMoved,
            code => {
                let remark = answer.remark.unwrap_or_default();
                let address = address.clone();
                return Err(QueryError::Refused { address, code, remark }.into());
            }
        };
        let header = response::Pull::decode(&answer).map_err(|wrong| unreadable(address, wrong))?;
        let mut next_offset = header.next_begin_offset;
        let mut messages = Vec::new();
        if status == PullStatus::Found {
            let (readable, wrong) = received::messages(&self.queue.broker_name, answer.body);
            messages = readable;
            // Differs from Java, which goes on behind a record it could not read.
            if let Some(wrong) = wrong {
                tracing::warn!(%address, %wrong, "the rest is pulled again");
                let last = messages.last().ok_or_else(|| unreadable(address, wrong))?;
                next_offset = last.queue_offset + 1;
            }
        }
        messages.retain(|message| self.filter.wants(message));
        for message in &mut messages {
            received::show_original_topic(message, self.group);
        }
        Ok(Pulled {
            status,
            next_offset,
            min_offset: header.min_offset,
            max_offset: header.max_offset,
            messages,
            next_broker: header.suggest_which_broker_id,
        })
    }
}

impl Instance {
    pub(crate) async fn pull(&self, wish: &Wish<'_>) -> Result<Pulled, PullError> {
        let queue = wish.queue;
        let none = || QueryError::NoBroker { broker: queue.broker_name.clone() };
        let address = match self.readable(&queue.broker_name, wish.broker_id) {
            Some((_, address)) => address,
            None => self.master_of(queue).await.ok_or_else(none)?,
        };
        let timeout = match wish.wait {
            Some(wait) => wait + SLACK,
            None => self.settings.call_timeout,
        };
        match self.wire.call(&address, wish.command(), timeout).await {
            Ok(answer) => wish.read(&address, answer),
            Err(failure) => {
                self.suspect();
                Err(failure.into())
            }
        }
    }
}
