//! What others have given a connection to send.
//!
//! Commands are encoded by whoever sends them: what waits is then counted in bytes of the wire, a
//! command that no frame can hold is refused where it was made, and the connection's task only has
//! to take the buffer.

use std::{mem, net::SocketAddr, task::Waker};

use bytes::BytesMut;
use protocol::{
    Command,
    frame::{FrameError, put_frame},
};

use crate::Ending;

/// Why a command was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendRefused {
    /// The connection has ended.
    #[error("not sent to {remote}: {ending}")]
    Closed {
        /// Whom it was for.
        remote: SocketAddr,
        /// Why there is no connection.
        ending: Ending,
    },
    /// The peer does not take what waits for it already. The connection stays open.
    #[error(
        "not sent to {remote}: slow reader: {unsent_bytes} bytes would wait for it, \
         the limit is {limit_bytes}"
    )]
    Full {
        /// Whom it was for.
        remote: SocketAddr,
        /// What would have waited, with this command.
        unsent_bytes: usize,
        /// The most that may wait.
        limit_bytes: usize,
    },
    /// No frame can hold it.
    #[error("not sent to {remote}: {cause}")]
    Unencodable {
        /// Whom it was for.
        remote: SocketAddr,
        /// What is wrong with it.
        cause: FrameError,
    },
}

/// The queue of encoded commands, and how its connection is told about them.
pub(crate) struct Outbox {
    queued: BytesMut,
    limit_bytes: usize,
    /// Responses that passed through here. Grows.
    answered: u64,
    /// Set once: nothing is taken any more.
    ending: Option<Ending>,
    /// The connection's task, when it sleeps.
    waker: Option<Waker>,
}

impl Outbox {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { queued: BytesMut::new(), limit_bytes, answered: 0, ending: None, waker: None }
    }

    /// Takes a command, and gives whoever must be woken for it.
    pub(crate) fn push(
        &mut self,
        remote: SocketAddr,
        command: &Command,
    ) -> (Result<(), SendRefused>, Option<Waker>) {
        if let Some(ending) = self.ending.clone() {
            return (Err(SendRefused::Closed { remote, ending }), None);
        }
        let before = self.queued.len();
        if let Err(cause) = put_frame(command, &mut self.queued) {
            return (Err(SendRefused::Unencodable { remote, cause }), None);
        }
        let (unsent_bytes, limit_bytes) = (self.queued.len(), self.limit_bytes);
        if limit_bytes < unsent_bytes {
            self.queued.truncate(before);
            if !command.is_response() {
                return (Err(SendRefused::Full { remote, unsent_bytes, limit_bytes }), None);
            }
            // Whoever asked would wait in vain for this answer alone and not know why.
            let ending = Ending::SlowReader { unsent_bytes, limit_bytes };
            let waker = self.close(ending.clone());
            return (Err(SendRefused::Closed { remote, ending }), waker);
        }
        self.answered += u64::from(command.is_response());
        (Ok(()), self.waker.take())
    }

    /// Takes nothing more from now on. The first ending counts.
    pub(crate) fn close(&mut self, ending: Ending) -> Option<Waker> {
        self.ending.get_or_insert(ending);
        self.waker.take()
    }

    pub(crate) fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    pub(crate) fn answered(&self) -> u64 {
        self.answered
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queued.is_empty()
    }

    /// Moves everything behind what is in `output`.
    pub(crate) fn drain_into(&mut self, output: &mut BytesMut) {
        if output.is_empty() {
            mem::swap(&mut self.queued, output);
        } else {
            output.extend_from_slice(&self.queued);
        }
        self.queued.clear();
    }

    /// Remembers whom to wake.
    pub(crate) fn sleep(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(known) => known.clone_from(waker),
            None => self.waker = Some(waker.clone()),
        }
    }

    /// Gives memory back that is not in use.
    pub(crate) fn shrink(&mut self) {
        if self.queued.is_empty() {
            self.queued = BytesMut::new();
        }
    }
}
