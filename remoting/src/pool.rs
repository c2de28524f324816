//! One connection per address, opened when it is needed.
//!
//! However many callers want the same address at once, one of them connects and the others wait
//! for it. After a failure the next attempt waits, longer from time to time and never exactly as
//! long as anybody else's: a server that comes back is not met by a storm.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use protocol::Command;
use runtime::{Monotonic, Runtime};

use crate::{CallError, ConnectError, Connection, Limits, Respond, SendRefused, connect};

/// The pause after the first failure. It doubles with every further one.
const BACK_OFF_MIN: Duration = Duration::from_millis(100);
/// The longest pause.
const BACK_OFF_MAX: Duration = Duration::from_secs(2);
/// Addresses that are remembered. Beyond it those without a connection are forgotten.
const ADDRESSES_MAX: usize = 4096;

/// Why a call or a command did not go through.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PoolError {
    /// The name has no address.
    #[error("cannot resolve {to}: {cause}")]
    Unresolved {
        /// `host:port` as given.
        to: String,
        /// What the network said.
        #[source]
        cause: Arc<io::Error>,
    },
    /// Nobody there.
    #[error(transparent)]
    Unreachable(#[from] ConnectError),
    /// Connecting took longer than the caller wanted to wait.
    #[error("no connection to {to} within {timeout:?}")]
    TimedOut {
        /// `host:port` as given.
        to: String,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// The last attempt failed a moment ago; the next one is not due.
    #[error("not connecting to {to} for another {wait:?}; last time: {last}")]
    BackingOff {
        /// `host:port` as given.
        to: String,
        /// Until the next attempt.
        wait: Duration,
        /// Why the last attempt failed.
        #[source]
        last: Arc<Self>,
    },
    /// The pool was closed.
    #[error("not connecting to {to}: closed by this side")]
    Closed {
        /// `host:port` as given.
        to: String,
    },
    /// There was a connection, but no response.
    #[error(transparent)]
    Call(#[from] CallError),
    /// There was a connection, but it did not take the command.
    #[error(transparent)]
    NotSent(#[from] SendRefused),
}

/// Connections by address. Clones are the same pool.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    runtime: Runtime,
    limits: Limits,
    respond: Arc<dyn Respond>,
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    by_address: BTreeMap<String, Arc<Place>>,
    closed: bool,
}

/// What is known of one address.
#[derive(Default)]
struct Place {
    connection: Mutex<Option<Connection>>,
    /// Held by the one who connects.
    attempts: tokio::sync::Mutex<Attempts>,
}

#[derive(Default)]
struct Attempts {
    failed_in_a_row: u32,
    failure: Option<(Arc<PoolError>, Monotonic)>,
}

impl Pool {
    /// An empty pool. Requests that arrive on its connections go to `respond`.
    #[must_use]
    pub fn new(runtime: Runtime, limits: Limits, respond: Arc<dyn Respond>) -> Self {
        Self(Arc::new(Shared { runtime, limits, respond, places: Mutex::default() }))
    }

    /// Sends a request to `host:port` and gives the response. `timeout` covers everything:
    /// resolving, connecting and waiting.
    pub async fn call(
        &self,
        to: &str,
        command: Command,
        timeout: Duration,
    ) -> Result<Command, PoolError> {
        let clock = &self.0.runtime.clock;
        let deadline = clock.monotonic() + timeout;
        let connection = self.connection(to, timeout).await?;
        let rest = deadline.since(clock.monotonic());
        Ok(connection.call(command, rest).await?)
    }

    /// Sends a command to `host:port` that wants no answer. Connecting may take `timeout`.
    pub async fn tell(
        &self,
        to: &str,
        command: Command,
        timeout: Duration,
    ) -> Result<(), PoolError> {
        Ok(self.connection(to, timeout).await?.send(command)?)
    }

    /// The connection to `host:port`, opened if there is none.
    pub async fn connection(&self, to: &str, timeout: Duration) -> Result<Connection, PoolError> {
        let place = self.place(to)?;
        if let Some(connection) = place.open_connection() {
            return Ok(connection);
        }
        let mut attempt = pin!(self.attempt(to, &place));
        let mut alarm = self.0.runtime.clock.sleep(timeout);
        std::future::poll_fn(|context| {
            if let Poll::Ready(connected) = attempt.as_mut().poll(context) {
                return Poll::Ready(connected);
            }
            let timed_out = || Err(PoolError::TimedOut { to: to.to_owned(), timeout });
            alarm.as_mut().poll(context).map(|()| timed_out())
        })
        .await
    }

    /// The connection to `host:port` if there is one now.
    #[must_use]
    pub fn connected(&self, to: &str) -> Option<Connection> {
        let place = self.places().by_address.get(to).cloned();
        place?.open_connection()
    }

    /// Closes the connection to `host:port` and forgets its failures. The next call opens another.
    pub fn close(&self, to: &str) {
        let place = self.places().by_address.remove(to);
        if let Some(connection) = place.and_then(|place| place.connection().take()) {
            connection.close();
        }
    }

    /// Closes every connection, and opens none any more.
    pub fn close_all(&self) {
        let by_address = {
            let mut places = self.places();
            places.closed = true;
            std::mem::take(&mut places.by_address)
        };
        for place in by_address.into_values() {
            if let Some(connection) = place.connection().take() {
                connection.close();
            }
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, to: &str) -> Result<Arc<Place>, PoolError> {
        let mut places = self.places();
        if places.closed {
            return Err(PoolError::Closed { to: to.to_owned() });
        }
        if let Some(place) = places.by_address.get(to) {
            return Ok(place.clone());
        }
        if ADDRESSES_MAX <= places.by_address.len() {
            places.by_address.retain(|_, place| place.open_connection().is_some());
        }
        let place = Arc::new(Place::default());
        places.by_address.insert(to.to_owned(), place.clone());
        Ok(place)
    }

    /// Connects, unless somebody else just has or the time for it has not come.
    async fn attempt(&self, to: &str, place: &Place) -> Result<Connection, PoolError> {
        let mut attempts = place.attempts.lock().await;
        if let Some(connection) = place.open_connection() {
            return Ok(connection);
        }
        let clock = &self.0.runtime.clock;
        if let Some((last, not_before)) = &attempts.failure {
            let wait = not_before.since(clock.monotonic());
            if !wait.is_zero() {
                return Err(PoolError::BackingOff { to: to.to_owned(), wait, last: last.clone() });
            }
        }
        // Counted as failed until it has succeeded: whoever gives up waiting takes it along.
        let pause = self.pause_after(attempts.failed_in_a_row);
        attempts.failed_in_a_row = attempts.failed_in_a_row.saturating_add(1);
        let given_up = PoolError::TimedOut { to: to.to_owned(), timeout: self.0.limits.connect };
        attempts.failure = Some((Arc::new(given_up), clock.monotonic() + pause));
        match self.open(to).await {
            Ok(connection) => {
                *attempts = Attempts::default();
                *place.connection() = Some(connection.clone());
                // Whoever closed the pool in the meantime has not seen this connection.
                if self.places().closed {
                    connection.close();
                }
                Ok(connection)
            }
            Err(error) => {
                attempts.failure = Some((Arc::new(error.clone()), clock.monotonic() + pause));
                Err(error)
            }
        }
    }

    async fn open(&self, to: &str) -> Result<Connection, PoolError> {
        let Shared { runtime, limits, respond, .. } = &*self.0;
        let unresolved =
            |cause| PoolError::Unresolved { to: to.to_owned(), cause: Arc::new(cause) };
        let addresses = match to.parse() {
            Ok(literal) => vec![literal],
            Err(_) => runtime.net.resolve(to).await.map_err(unresolved)?,
        };
        let mut failure = unresolved(io::ErrorKind::NotFound.into());
        for address in addresses {
            match connect(runtime, address, limits.clone(), respond.clone()).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failure = error.into(),
            }
        }
        Err(failure)
    }

    /// Between half of what is due and all of it.
    fn pause_after(&self, failed_before: u32) -> Duration {
        let due = BACK_OFF_MIN.saturating_mul(1 << failed_before.min(16)).min(BACK_OFF_MAX);
        let half = due / 2;
        let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        half + Duration::from_nanos(self.0.runtime.entropy.below(nanos))
    }
}

impl Place {
    fn connection(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_connection(&self) -> Option<Connection> {
        let mut connection = self.connection();
        if connection.as_ref().is_some_and(|known| !known.is_open()) {
            *connection = None;
        }
        connection.clone()
    }
}
