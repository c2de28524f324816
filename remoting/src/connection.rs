//! The handle of one connection, as everybody but its own task sees it.

use std::{
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use protocol::{Command, frame::FrameError};
use runtime::{Clock, Runtime, Stream};

use crate::{
    CallError, Limits, SendRefused,
    outbox::Outbox,
    pending::{Call, Pending},
};

/// Tells connections apart: unique among all of a process, and drawn from its entropy, so that a
/// seed decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ending {
    /// The peer closed its side.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// Nothing moved.
    #[error("nothing was sent or received for {idle:?}")]
    Idle {
        /// The limit that was reached.
        idle: Duration,
    },
    /// The peer did not take what we had for it.
    #[error("slow reader: {unsent_bytes} bytes wait for the peer, the limit is {limit_bytes}")]
    SlowReader {
        /// What waited, with the command that was one too many.
        unsent_bytes: usize,
        /// The most that may wait.
        limit_bytes: usize,
    },
    /// The peer sent something that is not a frame.
    #[error("{cause}")]
    Undecodable {
        /// What was wrong with it.
        cause: FrameError,
        /// What it looked like instead.
        looks_like: Option<&'static str>,
    },
    /// Reading or writing failed.
    #[error("{0}")]
    Broken(io::ErrorKind),
    /// We closed it.
    #[error("closed by this side")]
    ClosedHere,
}

/// One connection. Clones are the same connection; it lives until it is closed or breaks, however
/// many clones there are.
#[derive(Clone)]
pub struct Connection(Arc<Shared>);

/// What the handles and the connection's task have in common.
pub(crate) struct Shared {
    id: PeerId,
    remote: SocketAddr,
    local: SocketAddr,
    clock: Arc<dyn Clock>,
    outbox: Mutex<Outbox>,
    pending: Mutex<Pending>,
}

impl Connection {
    pub(crate) fn new(runtime: &Runtime, stream: &dyn Stream, limits: &Limits) -> Self {
        Self(Arc::new(Shared {
            id: PeerId(runtime.entropy.next_u64()),
            remote: stream.peer_addr(),
            local: stream.local_addr(),
            clock: runtime.clock.clone(),
            outbox: Mutex::new(Outbox::new(limits.outbox_bytes_max)),
            pending: Mutex::new(Pending::new(limits.pending_calls_max)),
        }))
    }

    /// What tells it from all others.
    #[must_use]
    pub fn id(&self) -> PeerId {
        self.0.id
    }

    /// The other end.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        self.0.remote
    }

    /// This end.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.0.local
    }

    /// Why it ended or is about to end; `None` while it is open.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        let decided = self.pending().ending().cloned();
        decided.or_else(|| self.outbox().ending().cloned())
    }

    /// Whether both directions work as far as we know.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.ending().is_none()
    }

    /// Hands a command over for sending: an answer, or a request that wants none. It leaves with
    /// whatever else is waiting, in order.
    ///
    /// A request over the limit is refused. An answer over the limit is refused and closes the
    /// connection: the peer would otherwise wait for it in vain.
    pub fn send(&self, command: Command) -> Result<(), SendRefused> {
        let (sent, waker) = self.outbox().push(self.remote(), &command);
        if let Some(waker) = waker {
            waker.wake();
        }
        sent
    }

    /// Sends a request at once; the future gives its response, or says why there is none. Dropping
    /// the future forgets the call.
    pub fn call(
        &self,
        mut command: Command,
        timeout: Duration,
    ) -> impl Future<Output = Result<Command, CallError>> + Send + use<> {
        let begun = self.pending().begin(self.remote());
        let begun = begun.and_then(|(opaque, response)| {
            let call = Call::new(self.clone(), opaque, response, timeout);
            command.opaque = opaque;
            // A call that is refused here is forgotten again by dropping it.
            self.send(command)?;
            Ok(call)
        });
        async move { begun?.await }
    }

    /// Closes it, after what is already waiting has been sent. Pending calls fail.
    pub fn close(&self) {
        let waker = self.outbox().close(Ending::ClosedHere);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    pub(crate) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.0.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({} -> {})", self.local(), self.remote())
    }
}
