//! Calls that wait for their response.

use std::{
    collections::BTreeMap,
    future::Future,
    mem,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use protocol::Command;
use runtime::{BoxFuture, Monotonic};
use tokio::sync::oneshot;

use crate::{Connection, Ending, SendRefused};

/// Why a call has no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Too many calls wait already.
    #[error("not sent to {remote}: {limit} calls wait for a response already")]
    TooManyPending {
        /// Who should have been called.
        remote: SocketAddr,
        /// The most that may wait.
        limit: usize,
    },
    /// The request never left.
    #[error(transparent)]
    NotSent(#[from] SendRefused),
    /// No response came in time. The request may have been carried out.
    #[error("no response from {remote} within {timeout:?}")]
    TimedOut {
        /// Who was called.
        remote: SocketAddr,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// The connection died first. The request may have been carried out.
    #[error("no response from {remote}: {ending}")]
    Died {
        /// Who was called.
        remote: SocketAddr,
        /// Why there can be none.
        ending: Ending,
    },
}

/// Where a response, or the reason why there is none, goes.
type Waiter = oneshot::Sender<Result<Command, Ending>>;
type Response = oneshot::Receiver<Result<Command, Ending>>;

/// The calls of one connection.
pub(crate) struct Pending {
    calls: BTreeMap<i32, Waiter>,
    next_opaque: i32,
    limit: usize,
    /// Set once: no response can come any more.
    ending: Option<Ending>,
}

impl Pending {
    pub(crate) fn new(limit: usize) -> Self {
        Self { calls: BTreeMap::new(), next_opaque: 0, limit, ending: None }
    }

    /// A number for a new call, and where its response will arrive.
    pub(crate) fn begin(&mut self, remote: SocketAddr) -> Result<(i32, Response), CallError> {
        if let Some(ending) = self.ending.clone() {
            return Err(SendRefused::Closed { remote, ending }.into());
        }
        if self.limit <= self.calls.len() {
            return Err(CallError::TooManyPending { remote, limit: self.limit });
        }
        // After 2^32 calls the numbers begin again, and one may belong to a call that still waits.
        while self.calls.contains_key(&self.next_opaque) {
            self.next_opaque = self.next_opaque.wrapping_add(1);
        }
        let opaque = self.next_opaque;
        self.next_opaque = opaque.wrapping_add(1);
        let (waiter, response) = oneshot::channel();
        self.calls.insert(opaque, waiter);
        Ok((opaque, response))
    }

    /// Who waits for the response with this number.
    pub(crate) fn take(&mut self, opaque: i32) -> Option<Waiter> {
        self.calls.remove(&opaque)
    }

    pub(crate) fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// Fails every call, those that wait and those that would come.
    pub(crate) fn fail(&mut self, ending: &Ending) {
        let ending = self.ending.get_or_insert_with(|| ending.clone()).clone();
        for waiter in mem::take(&mut self.calls).into_values() {
            // A caller that has given up in the meantime misses nothing.
            waiter.send(Err(ending.clone())).ok();
        }
    }
}

/// One call that was sent.
pub(crate) struct Call {
    connection: Connection,
    opaque: i32,
    response: Response,
    timeout: Duration,
    deadline: Monotonic,
    alarm: Option<BoxFuture<'static, ()>>,
}

impl Call {
    pub(crate) fn new(
        connection: Connection,
        opaque: i32,
        response: Response,
        timeout: Duration,
    ) -> Self {
        let deadline = connection.clock().monotonic() + timeout;
        Self { connection, opaque, response, timeout, deadline, alarm: None }
    }
}

impl Future for Call {
    type Output = Result<Command, CallError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let call = &mut *self;
        let remote = call.connection.remote();
        if let Poll::Ready(response) = Pin::new(&mut call.response).poll(context) {
            // The sender is only ever dropped unused together with the connection's task.
            let response = response.unwrap_or(Err(Ending::ClosedHere));
            return Poll::Ready(response.map_err(|ending| CallError::Died { remote, ending }));
        }
        let (connection, deadline) = (&call.connection, call.deadline);
        let alarm = call.alarm.get_or_insert_with(|| connection.clock().sleep_until(deadline));
        ready!(alarm.as_mut().poll(context));
        Poll::Ready(Err(CallError::TimedOut { remote, timeout: call.timeout }))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.connection.pending().take(self.opaque);
    }
}
