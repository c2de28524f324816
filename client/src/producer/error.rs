//! Why a send failed, and whether that is certain.

use std::time::Duration;

use protocol::{ResponseCode, Text};
use thiserror::Error;

use super::SendStatus;
use crate::{CallFailure, IllegalMessage, MessageQueue, RouteError};

/// A broker that answers with one of these may be right where another one is not.
const ANOTHER_MAY_TAKE_IT: [ResponseCode; 7] = [
    ResponseCode::TOPIC_NOT_EXIST,
    ResponseCode::SERVICE_NOT_AVAILABLE,
    ResponseCode::SYSTEM_ERROR,
    ResponseCode::SYSTEM_BUSY,
    ResponseCode::NO_PERMISSION,
    ResponseCode::NO_BUYER_ID,
    ResponseCode::NOT_IN_CURRENT_UNIT,
];

/// Why a message was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// It cannot be sent as it is. Nothing was sent.
    #[error(transparent)]
    Illegal(#[from] IllegalMessage),
    /// The way to its topic is not known. Nothing was sent.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// Name servers took too long. Nothing was sent.
    #[error("the way to topic `{topic}` was not found in time")]
    NoRouteInTime {
        /// The topic.
        topic: Text,
    },
    /// No broker lets this topic be written. Nothing was sent.
    #[error("topic `{topic}` has no queue that can be written")]
    NoQueue {
        /// The topic.
        topic: Text,
    },
    /// Every broker that was asked said no, or could not be asked: the message is not stored.
    #[error("topic `{topic}`: not stored: {}", list(attempts))]
    Failed {
        /// The topic.
        topic: Text,
        /// What was tried.
        attempts: Vec<Attempt>,
    },
    /// At least one broker may have stored the message without saying so.
    #[error("topic `{topic}`: nobody knows whether it is stored: {}", list(attempts))]
    Unknown {
        /// The topic.
        topic: Text,
        /// What was tried.
        attempts: Vec<Attempt>,
    },
    /// The time was over before anything was sent, or the producer was stopped.
    #[error("topic `{topic}`: nothing was sent within {} ms", timeout.as_millis())]
    NotTried {
        /// The topic.
        topic: Text,
        /// The time-out of the send.
        timeout: Duration,
    },
}

/// One try to send a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Where to.
    pub queue: MessageQueue,
    /// What came of it.
    pub failure: AttemptFailure,
}

/// Why one try failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AttemptFailure {
    /// The broker of the queue is not known or has no master.
    #[error("no address is known")]
    NoBroker,
    /// There was no answer.
    #[error(transparent)]
    Call(CallFailure),
    /// The broker said no.
    #[error("the broker answered {code}: {remark}")]
    Refused {
        /// The code of its answer.
        code: ResponseCode,
        /// The text of its answer.
        remark: Text,
    },
    /// The broker stored the message less safely than asked, and another was to be tried.
    #[error("the broker stored it, but {status:?}")]
    NotSafe {
        /// How safe it is.
        status: SendStatus,
    },
    /// The broker said yes in a way that cannot be read: the message is stored somewhere.
    #[error("the answer cannot be read: {cause}")]
    Unreadable {
        /// What is wrong with it.
        cause: String,
    },
}

impl AttemptFailure {
    /// Whether the broker may have stored the message.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::Call(failure) => failure.is_unknown(),
            Self::NotSafe { .. } | Self::Unreadable { .. } => true,
            Self::NoBroker | Self::Refused { .. } => false,
        }
    }

    pub(super) fn is_worth_another(&self) -> bool {
        match self {
            Self::NoBroker | Self::Call(_) | Self::NotSafe { .. } => true,
            Self::Refused { code, .. } => ANOTHER_MAY_TAKE_IT.contains(code),
            Self::Unreadable { .. } => false,
        }
    }
}

impl Attempt {
    /// Whether the broker may have stored the message.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.failure.is_unknown()
    }
}

impl SendError {
    pub(super) fn of(topic: Text, attempts: Vec<Attempt>, timeout: Duration) -> Self {
        if attempts.is_empty() {
            Self::NotTried { topic, timeout }
        } else if attempts.iter().any(Attempt::is_unknown) {
            Self::Unknown { topic, attempts }
        } else {
            Self::Failed { topic, attempts }
        }
    }

    /// Whether the message may be stored all the same. `false` is certain: it is not.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }

    /// What was tried.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        match self {
            Self::Failed { attempts, .. } | Self::Unknown { attempts, .. } => attempts,
            Self::Illegal(_)
            | Self::Route(_)
            | Self::NoRouteInTime { .. }
            | Self::NoQueue { .. }
            | Self::NotTried { .. } => &[],
        }
    }
}

fn list(attempts: &[Attempt]) -> String {
    let one = |attempt: &Attempt| format!("{}: {}", attempt.queue.broker_name, attempt.failure);
    attempts.iter().map(one).collect::<Vec<_>>().join("; ")
}
