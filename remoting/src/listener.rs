//! Accepting connections.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use runtime::{Listener, Runtime, Stream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{Connection, Limits, PeerId, Respond, conversation::Conversation};

/// How long accepting rests after an error that would repeat at once, as "too many open files".
const REST: Duration = Duration::from_millis(50);

/// Serves connections until `stop` is cancelled. Then it closes the listener,
/// closes every connection, and returns when all of them are gone: that takes [`Limits::linger`]
/// at most.
pub async fn serve(
    runtime: Runtime,
    listener: Box<dyn Listener>,
    limits: Limits,
    respond: Arc<dyn Respond>,
    stop: CancellationToken,
) {
    let house = Arc::new(House::default());
    let door = Door { runtime, limits, respond, house: house.clone(), full: false };
    tokio::select! {
        biased; // A stop is never kept waiting by those who knock.
        () = stop.cancelled() => {}
        () = door.keep_open(listener) => {}
    }
    let connections: Vec<Connection> = house.connections().values().cloned().collect();
    for connection in connections {
        connection.close();
    }
    house.emptied().await;
}

struct Door {
    runtime: Runtime,
    limits: Limits,
    respond: Arc<dyn Respond>,
    house: Arc<House>,
    /// The last connection was one too many.
    full: bool,
}

impl Door {
    async fn keep_open(mut self, mut listener: Box<dyn Listener>) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => self.admit(stream),
                Err(error) if ended_before_it_began(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
                    self.runtime.clock.sleep(REST).await;
                }
            }
        }
    }

    fn admit(&mut self, stream: Box<dyn Stream>) {
        let was_full = self.full;
        self.full = self.limits.connections_max <= self.house.connections().len();
        if self.full {
            if !was_full {
                let (remote, limit) = (stream.peer_addr(), self.limits.connections_max);
                tracing::warn!(%remote, limit, "too many connections: new ones are reset");
            }
            stream.reset();
            return;
        }
        let (limits, respond) = (self.limits.clone(), self.respond.clone());
        Conversation::start(&self.runtime, stream, limits, respond, |connection| {
            Box::new(Seat::take(&self.house, connection))
        });
    }
}

/// Errors of one connection that was gone before it was accepted, not of the listener.
fn ended_before_it_began(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionReset, InvalidInput, NotConnected};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | InvalidInput | NotConnected)
}

/// The connections of one listener.
#[derive(Default)]
struct House {
    connections: Mutex<BTreeMap<PeerId, Connection>>,
    left: Notify,
}

impl House {
    fn connections(&self) -> MutexGuard<'_, BTreeMap<PeerId, Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn emptied(&self) {
        while !self.connections().is_empty() {
            self.left.notified().await;
        }
    }
}

/// One connection's place, given up when its task is dropped.
struct Seat {
    house: Arc<House>,
    id: PeerId,
}

impl Seat {
    fn take(house: &Arc<House>, connection: &Connection) -> Self {
        house.connections().insert(connection.id(), connection.clone());
        Self { house: house.clone(), id: connection.id() }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.house.connections().remove(&self.id);
        self.house.left.notify_one();
    }
}
