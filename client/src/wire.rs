//! Asking a peer, with a typed answer to "did it happen?" when there is none.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use protocol::{Command, Text};
use remoting::{CallError, Limits, PeerId, Pool, PoolError, Respond};
use runtime::Runtime;
use thiserror::Error;

use crate::time::locked;

/// Why a request got no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CallFailure {
    /// The peer could not be reached, or took nothing more: the request was certainly not sent.
    #[error("not sent to {address}: {cause}")]
    NotSent {
        /// The peer.
        address: Text,
        /// What the network said.
        cause: String,
    },
    /// No answer came in time. The peer may have done what it was asked.
    #[error("no answer from {address} within {} ms", timeout.as_millis())]
    TimedOut {
        /// The peer.
        address: Text,
        /// How long was waited.
        timeout: Duration,
    },
    /// The connection died after the request may have left. The peer may have done what it was
    /// asked.
    #[error("no answer from {address}: {cause}")]
    Lost {
        /// The peer.
        address: Text,
        /// How the connection ended.
        cause: String,
    },
}

impl CallFailure {
    /// Whether the peer may have done what it was asked.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::TimedOut { .. } | Self::Lost { .. })
    }
}

/// The connections of one client.
pub(crate) struct Wire {
    pool: Pool,
    /// Answers by address. Each number grows.
    answered: Mutex<BTreeMap<Text, Arc<AtomicU64>>>,
}

impl Wire {
    pub(crate) fn new(runtime: Runtime, limits: Limits, respond: Arc<dyn Respond>) -> Self {
        Self { pool: Pool::new(runtime, limits, respond), answered: Mutex::default() }
    }

    /// Asks, and waits for the answer until `timeout` from now.
    pub(crate) async fn call(
        &self,
        address: &Text,
        command: Command,
        timeout: Duration,
    ) -> Result<Command, CallFailure> {
        let answered = self.answered(address);
        let before = answered.load(Ordering::Relaxed);
        match self.pool.call(address, command, timeout).await {
            Ok(answer) => {
                answered.fetch_add(1, Ordering::Relaxed);
                Ok(answer)
            }
            Err(PoolError::Call(CallError::TimedOut { .. })) => {
                // Nothing at all came back meanwhile: the peer may be gone without a word, and
                // this connection would never tell.
                if answered.load(Ordering::Relaxed) == before {
                    self.pool.close(address);
                }
                Err(CallFailure::TimedOut { address: address.clone(), timeout })
            }
            Err(PoolError::Call(CallError::Died { ending, .. })) => {
                Err(CallFailure::Lost { address: address.clone(), cause: ending.to_string() })
            }
            Err(not_sent) => Err(failure(address, &not_sent)),
        }
    }

    /// Says something that wants no answer. `Ok` means that it is on its way, not that it arrived.
    pub(crate) async fn tell(
        &self,
        address: &Text,
        command: Command,
        timeout: Duration,
    ) -> Result<(), CallFailure> {
        let told = self.pool.tell(address, command.oneway(), timeout).await;
        told.map_err(|not_sent| failure(address, &not_sent))
    }

    /// The connection to a peer, if there is one now.
    pub(crate) fn connected(&self, address: &str) -> Option<PeerId> {
        self.pool.connected(address).map(|connection| connection.id())
    }

    fn answered(&self, address: &Text) -> Arc<AtomicU64> {
        let mut answered = locked(&self.answered);
        match answered.get(address) {
            Some(count) => count.clone(),
            None => answered.entry(address.detached()).or_default().clone(),
        }
    }

    /// Closes connections to addresses that are not needed any more.
    pub(crate) fn keep(&self, needed: impl Fn(&Text) -> bool) {
        let mut answered = locked(&self.answered);
        answered.retain(|address, _| {
            let needed = needed(address);
            if !needed {
                self.pool.close(address);
            }
            needed
        });
    }

    /// Closes everything.
    pub(crate) fn close(&self) {
        self.pool.close_all();
    }
}

fn failure(address: &Text, not_sent: &PoolError) -> CallFailure {
    CallFailure::NotSent { address: address.clone(), cause: not_sent.to_string() }
}
