//! The name servers: one task for each, which keeps a connection and sends what it is told.
//!
//! That all of them are dead is nothing special: each is tried again until it answers, and then
//! learns everything at once.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use protocol::{Command, RequestCode, ResponseCode};
use remoting::{Connection, Limits, Respond};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{hub::Hub, running::Crew};
use crate::Event;

/// Between two attempts to connect.
const REST: Duration = Duration::from_secs(1);
/// How often a connection is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// What waits for a name server that does not answer; the oldest is dropped, because the next
/// whole registration says it all again.
const WAITING_MAX: usize = 1024;
/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_millis(100);

/// One name server.
struct NameServer {
    address: String,
    waiting: Mutex<VecDeque<Command>>,
    bell: Notify,
    /// Whether there is a connection.
    connected: Mutex<bool>,
    /// Cancelled when it is no longer on the list.
    gone: CancellationToken,
}

/// All of them, by number.
#[derive(Default)]
pub(super) struct NameServers {
    known: Mutex<BTreeMap<usize, Arc<NameServer>>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl NameServers {
    /// Sends something to one of them, or to all. Who is not connected learns it when it is.
    pub(super) fn tell(&self, index: Option<usize>, command: &Command) {
        for (number, server) in held(&self.known).iter() {
            let meant = index.is_none_or(|index| index == *number);
            if meant && *held(&server.connected) {
                let mut waiting = held(&server.waiting);
                if WAITING_MAX <= waiting.len() {
                    waiting.pop_front();
                }
                waiting.push_back(command.clone());
                drop(waiting);
                server.bell.notify_one();
            }
        }
    }

    /// The addresses on the list.
    pub(super) fn addresses(&self) -> Vec<String> {
        held(&self.known).values().map(|server| server.address.clone()).collect()
    }
}

/// The addresses in `a:9876;b:9876`.
pub(super) fn split(list: &str) -> Vec<String> {
    list.split(';')
        .map(|address| address.trim().trim_start_matches("http://").to_owned())
        .filter(|address| !address.is_empty())
        .collect()
}

/// Makes the list what it should be: starts a task for each new name server, and ends those of the
/// others.
pub(super) fn update(hub: &Arc<Hub>, crew: &Crew, wanted: &[String]) {
    let mut known = held(&hub.name_servers.known);
    known.retain(|_, server| {
        let stays = wanted.contains(&server.address);
        if !stays {
            server.gone.cancel();
        }
        stays
    });
    for address in wanted {
        if known.values().any(|server| server.address == *address) {
            continue;
        }
        let server = Arc::new(NameServer {
            address: address.clone(),
            waiting: Mutex::default(),
            bell: Notify::new(),
            connected: Mutex::new(false),
            gone: CancellationToken::new(),
        });
        let index = known.keys().next_back().map_or(0, |last| last + 1);
        known.insert(index, server.clone());
        tracing::info!(%address, "a name server");
        crew.hire(&hub.runtime, "name server", keep(hub.clone(), server, index, crew.stop()));
    }
}

/// Keeps a connection to one name server until the broker stops.
async fn keep(hub: Arc<Hub>, server: Arc<NameServer>, index: usize, stop: CancellationToken) {
    let gone = &server.gone;
    loop {
        let connection = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = gone.cancelled() => return,
            connection = connect(&hub, &server.address) => connection,
        };
        if let Some(connection) = connection {
            *held(&server.connected) = true;
            hub.dispatch(Event::NameServerJoined { index });
            let ended = talk(&hub, &server, &connection, &stop).await;
            *held(&server.connected) = false;
            held(&server.waiting).clear();
            connection.close();
            if ended {
                return;
            }
        }
        let rest = hub.runtime.clock.sleep(REST);
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = gone.cancelled() => return,
            () = rest => {}
        }
    }
}

async fn connect(hub: &Hub, address: &str) -> Option<Connection> {
    let resolved = hub.runtime.net.resolve(address).await;
    let places = match resolved {
        Ok(places) => places,
        Err(error) => {
            tracing::warn!(%address, %error, "a name server's address means nothing");
            return None;
        }
    };
    let timeout_ms = hub.with(|broker, _| broker.config().connect_timeout_ms)?;
    let limits = Limits { connect: Duration::from_millis(timeout_ms), ..Limits::default() };
    for place in places {
        match remoting::connect(&hub.runtime, place, limits.clone(), Arc::new(Deaf)).await {
            Ok(connection) => return Some(connection),
            Err(error) => tracing::debug!(%error, "a name server is not there"),
        }
    }
    None
}

/// Sends what is to be told until the connection is gone. True if nothing more is to be told.
async fn talk(
    hub: &Arc<Hub>,
    server: &NameServer,
    connection: &Connection,
    stop: &CancellationToken,
) -> bool {
    loop {
        let next = held(&server.waiting).pop_front();
        if let Some(command) = next {
            if !tell(hub, &server.address, connection, command).await {
                return false;
            }
            continue;
        }
        let look = hub.runtime.clock.sleep(LOOK);
        tokio::select! {
            biased;
            () = server.bell.notified() => {}
            () = server.gone.cancelled() => return true,
            () = stop.cancelled() => return true,
            () = look => {}
        }
        if !connection.is_open() {
            return false;
        }
    }
}

/// Sends one thing. False if the connection is of no more use.
async fn tell(hub: &Hub, address: &str, connection: &Connection, command: Command) -> bool {
    let is_farewell = command.code == RequestCode::UNREGISTER_BROKER.0;
    let timeout = if is_farewell {
        FAREWELL
    } else {
        let configured = hub.with(|broker, _| broker.config().register_timeout_ms);
        Duration::from_millis(configured.unwrap_or(0))
    };
    match connection.call(command, timeout).await {
        Ok(answer) if answer.code == ResponseCode::SUCCESS.0 => true,
        Ok(answer) => {
            let remark = answer.remark.unwrap_or_default();
            tracing::warn!(%address, code = answer.code, %remark, "a name server refused");
            true
        }
        Err(error) => {
            tracing::warn!(%address, %error, "a name server did not answer");
            false
        }
    }
}

/// A name server asks nothing that a broker answers over this connection.
struct Deaf;

impl Respond for Deaf {
    fn asked(
        &self,
        _connection: &Connection,
        requests: &mut Vec<Command>,
        answers: &mut Vec<Command>,
    ) {
        for request in requests.drain(..) {
            let remark = format!(" request type {} not supported", request.code);
            let code = ResponseCode::REQUEST_CODE_NOT_SUPPORTED;
            answers.push(request.answer(code).with_remark(remark));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_addresses_is_split_and_cleaned() {
        assert_eq!(["a:1", "b:2"], split(" a:1; ;http://b:2;").as_slice());
        assert!(split("").is_empty());
    }
}
