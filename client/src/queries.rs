//! Asking brokers about queues and offsets.

use protocol::{
    Command, FieldError, RequestCode, ResponseCode, Text,
    body::{ConsumerList, LockBatch, LockedBatch},
    request::{self, Inherited},
    response,
};
use std::{collections::BTreeSet, time::Duration};
use thiserror::Error;

use crate::{CallFailure, MessageQueue, OffsetFileError, instance::Instance};

/// Why a broker gave no answer to a question, or did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QueryError {
    /// The broker is not known or has no master.
    #[error("no address of broker `{broker}` is known")]
    NoBroker {
        /// The name of the broker set.
        broker: Text,
    },
    /// There was no answer.
    #[error(transparent)]
    Call(#[from] CallFailure),
    /// The broker said no.
    #[error("{address} answered {code}: {remark}")]
    Refused {
        /// The broker.
        address: Text,
        /// The code of its answer.
        code: ResponseCode,
        /// The text of its answer.
        remark: Text,
    },
    /// The answer makes no sense.
    #[error("the answer of {address} cannot be read: {cause}")]
    Unreadable {
        /// The broker.
        address: Text,
        /// What is wrong with it.
        cause: String,
    },
}

impl QueryError {
    /// Whether the broker may have done what it was asked.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::Call(failure) => failure.is_unknown(),
            Self::NoBroker { .. } | Self::Refused { .. } | Self::Unreadable { .. } => false,
        }
    }
}

/// Why an offset was not kept.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommitError {
    /// The broker did not confirm it.
    #[error(transparent)]
    Broker(#[from] QueryError),
    /// The file of a broadcasting consumer could not be written.
    #[error(transparent)]
    File(#[from] OffsetFileError),
    /// The queue is not this consumer's.
    #[error("{queue} is not assigned to this consumer")]
    NotAssigned {
        /// The queue.
        queue: MessageQueue,
    },
}

/// Which end of a stretch of equal times a search by time means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Boundary {
    /// The first message at or after the time.
    #[default]
    Lower,
    /// The last one.
    Upper,
}

fn to(queue: &MessageQueue) -> Inherited {
    Inherited { broker_name: Some(queue.broker_name.clone()), ..Inherited::default() }
}

impl Instance {
    /// Asks one address and accepts only success.
    pub(crate) async fn ask(
        &self,
        address: &Text,
        command: Command,
        timeout: Duration,
    ) -> Result<Command, QueryError> {
        let answer = self.wire.call(address, command, timeout).await?;
        if answer.code == i32::from(ResponseCode::SUCCESS) {
            return Ok(answer);
        }
        let code = ResponseCode::from(answer.code);
        let remark = answer.remark.unwrap_or_default();
        Err(QueryError::Refused { address: address.clone(), code, remark })
    }

    async fn ask_master(
        &self,
        queue: &MessageQueue,
        command: Command,
    ) -> Result<(Text, Command), QueryError> {
        let address = self.master_of(queue).await;
        let none = || QueryError::NoBroker { broker: queue.broker_name.clone() };
        let address = address.ok_or_else(none)?;
        let answer = self.ask(&address, command, self.settings.call_timeout).await?;
        Ok((address, answer))
    }

    async fn ask_offset(&self, queue: &MessageQueue, command: Command) -> Result<i64, QueryError> {
        let (address, answer) = self.ask_master(queue, command).await?;
        let unreadable = |cause: FieldError| unreadable(&address, cause);
        Ok(response::Offset::decode(&answer).map_err(unreadable)?.offset)
    }

    /// What a group has committed in a queue; `None` if it never did.
    pub(crate) async fn committed(
        &self,
        group: &Text,
        queue: &MessageQueue,
    ) -> Result<Option<i64>, QueryError> {
        self.ask_committed(group, queue, Some(false)).await
    }

    /// Where a group should begin to read a queue as its broker sees it: where it was, or at the
    /// beginning of a queue whose first message is still in memory.
    pub(crate) async fn committed_or_begin(
        &self,
        group: &Text,
        queue: &MessageQueue,
    ) -> Result<Option<i64>, QueryError> {
        self.ask_committed(group, queue, None).await
    }

    async fn ask_committed(
        &self,
        group: &Text,
        queue: &MessageQueue,
        set_zero_if_not_found: Option<bool>,
    ) -> Result<Option<i64>, QueryError> {
        let header = request::QueryConsumerOffset {
            consumer_group: group.clone(),
            topic: queue.topic.clone(),
            queue_id: queue.queue_id,
            set_zero_if_not_found,
            inherited: to(queue),
        };
        match self.ask_offset(queue, header.command()).await {
            Ok(offset) => Ok(Some(offset)),
            Err(QueryError::Refused { code: ResponseCode::QUERY_NOT_FOUND, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Commits an offset and waits until the broker has it.
    pub(crate) async fn commit(
        &self,
        group: &Text,
        queue: &MessageQueue,
        offset: i64,
    ) -> Result<(), QueryError> {
        let header = request::UpdateConsumerOffset {
            consumer_group: group.clone(),
            topic: queue.topic.clone(),
            queue_id: queue.queue_id,
            commit_offset: offset,
            inherited: to(queue),
        };
        self.ask_master(queue, header.command()).await.map(drop)
    }

    /// The offset the next message of a queue will get.
    pub(crate) async fn max_offset(&self, queue: &MessageQueue) -> Result<i64, QueryError> {
        let header = request::MaxOffset {
            topic: queue.topic.clone(),
            queue_id: queue.queue_id,
            committed: true,
            inherited: to(queue),
        };
        self.ask_offset(queue, header.command()).await
    }

    /// The offset of the first message a queue still has.
    pub(crate) async fn min_offset(&self, queue: &MessageQueue) -> Result<i64, QueryError> {
        let header = request::MinOffset {
            topic: queue.topic.clone(),
            queue_id: queue.queue_id,
            inherited: to(queue),
        };
        self.ask_offset(queue, header.command()).await
    }

    /// The offset of the first message stored at or after a time.
    pub(crate) async fn search_offset(
        &self,
        queue: &MessageQueue,
        timestamp_ms: i64,
        boundary: Boundary,
    ) -> Result<i64, QueryError> {
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
        self.ask_offset(queue, header.command()).await
    }

    /// The members of a group as one broker knows them, sorted.
    pub(crate) async fn members(
        &self,
        address: &Text,
        group: &Text,
    ) -> Result<Vec<Text>, QueryError> {
        let header = request::ConsumerList { consumer_group: group.clone(), ..Default::default() };
        let timeout = self.settings.call_timeout;
        let answer = self.ask(address, header.command(), timeout).await?;
        let list = ConsumerList::from_json(&answer.body);
        let mut members: Vec<Text> = list
            .map_err(|cause| unreadable(address, cause))?
            .client_ids
            .iter()
            .map(Text::detached)
            .collect();
        members.sort();
        members.dedup();
        Ok(members)
    }

    /// Locks queues of one broker for this client; gives those that are.
    pub(crate) async fn lock(
        &self,
        group: &Text,
        broker: &Text,
        queues: &[MessageQueue],
    ) -> Result<BTreeSet<MessageQueue>, QueryError> {
        let body = self.lock_body(group, queues);
        let command = Command::request(RequestCode::LOCK_BATCH_MQ).with_body(body.to_json());
        let none = || QueryError::NoBroker { broker: broker.clone() };
        let address = self.master(broker).ok_or_else(none)?;
        let answer = self.ask(&address, command, self.settings.call_timeout).await?;
        let locked = LockedBatch::from_json(&answer.body);
        let locked = locked.map_err(|cause| unreadable(&address, cause))?.queues;
        Ok(locked.into_iter().map(MessageQueue::from).collect())
    }

    /// Gives locks back.
    pub(crate) async fn unlock(
        &self,
        group: &Text,
        broker: &Text,
        queues: &[MessageQueue],
    ) -> Result<(), QueryError> {
        let body = self.lock_body(group, queues);
        let command = Command::request(RequestCode::UNLOCK_BATCH_MQ).with_body(body.to_json());
        let none = || QueryError::NoBroker { broker: broker.clone() };
        let address = self.master(broker).ok_or_else(none)?;
        self.ask(&address, command, self.settings.call_timeout).await.map(drop)
    }

    fn lock_body(&self, group: &Text, queues: &[MessageQueue]) -> LockBatch {
        LockBatch {
            client_id: self.client_id.clone(),
            consumer_group: group.clone(),
            queues: queues.iter().cloned().map(Into::into).collect(),
            only_this_broker: false,
        }
    }
}

pub(crate) fn unreadable(address: &Text, cause: impl ToString) -> QueryError {
    QueryError::Unreadable { address: address.clone(), cause: cause.to_string() }
}
