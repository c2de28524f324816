//! Moves what the core decides: frames in and out, the ticker, the files, calls to brokers.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use protocol::{Command, ResponseCode, Text};
use remoting::{Connection, Limits, PeerId, Respond};
use runtime::{Runtime, whole_file};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    Config, KvConfig,
    namesrv::{Effect, Event, NameServer},
    saved_file::{self, LoadError},
};

/// Messages to brokers that wait to be sent. More than this and the oldest ones are of no use.
const TELLS_WAITING_MAX: usize = 1024;

/// Why a name server did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The KV configuration of an earlier run cannot be used. Nothing was overwritten.
    #[error("KV configuration: {0}")]
    Kv(#[from] LoadError),
    /// The address cannot be listened on.
    #[error("cannot listen on {at}: {cause}")]
    Listen {
        /// The address.
        at: SocketAddr,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
}

/// A name server that serves until it is stopped.
pub struct Running {
    address: SocketAddr,
    stop: DropGuard,
    /// Cancelled when the listener's task has ended.
    ended: CancellationToken,
}

/// What the tasks of one name server share.
struct Driver {
    runtime: Runtime,
    core: Mutex<NameServer>,
    connections: Mutex<BTreeMap<PeerId, Connection>>,
    saves: mpsc::UnboundedSender<Save>,
    tells: mpsc::Sender<(Text, Command)>,
}

struct Save {
    ticket: u64,
    path: std::path::PathBuf,
    content: bytes::Bytes,
}

/// Starts a name server.
///
/// ```no_run
/// # async fn example(runtime: runtime::Runtime) -> Result<(), namesrv::StartError> {
/// let running = namesrv::start(runtime, namesrv::Config::default()).await?;
/// println!("{}", running.address());
/// running.stop().await;
/// # Ok(()) }
/// ```
pub async fn start(runtime: Runtime, config: Config) -> Result<Running, StartError> {
    let kv = saved_file::load(&*runtime.disk, &config.kv_config_path, KvConfig::from_file)?;
    let at = config.listen_at();
    let listening = |cause| StartError::Listen { at, cause };
    let listener = runtime.net.listen(at).await.map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;

    let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
    let (saves, to_save) = mpsc::unbounded_channel();
    let (tells, to_tell) = mpsc::channel(TELLS_WAITING_MAX);
    let limits = Limits { idle: config.idle, ..Limits::default() };
    let core = NameServer::new(runtime.clock.now(), config, kv.unwrap_or_default());
    let driver = Arc::new(Driver {
        runtime: runtime.clone(),
        core: Mutex::new(core),
        connections: Mutex::default(),
        saves,
        tells,
    });

    runtime.tasks.spawn("namesrv ticker", Box::pin(tick(driver.clone(), stop.clone())));
    runtime.tasks.spawn("namesrv saver", Box::pin(save(driver.clone(), to_save, stop.clone())));
    let teller = tell(runtime.clone(), limits.clone(), to_tell, stop.clone());
    runtime.tasks.spawn("namesrv teller", Box::pin(teller));
    let serving = remoting::serve(runtime.clone(), listener, limits, driver, stop.clone());
    let over = ended.clone().drop_guard();
    let serving = async move {
        serving.await;
        drop(over);
    };
    runtime.tasks.spawn("namesrv listener", Box::pin(serving));
    Ok(Running { address, stop: stop.drop_guard(), ended })
}

impl Running {
    /// Where it listens, with the port that was assigned.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Completes when the name server has ended without being asked to.
    pub async fn failed(&self) {
        self.ended.cancelled().await;
    }

    /// Closes the listener and every connection.
    pub async fn stop(self) {
        drop(self.stop);
        self.ended.cancelled().await;
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Driver {
    /// Gives the core an event and carries out what it wants. Answers to `asking` are collected in
    /// `answers`, to leave together.
    fn play(&self, event: Event, asking: Option<PeerId>, answers: &mut Vec<Command>) {
        let mut effects = Vec::new();
        locked(&self.core).apply(self.runtime.clock.now(), event, &mut effects);
        for effect in effects {
            match effect {
                Effect::Answer { peer, command } if Some(peer) == asking => answers.push(command),
                Effect::Answer { peer, command } => {
                    if let Some(connection) = self.connection(peer) {
                        // A peer that is gone needs no answer.
                        drop(connection.send(command));
                    }
                }
                Effect::Close { peer } => {
                    if let Some(connection) = self.connection(peer) {
                        connection.close();
                    }
                }
                // Both fail only when this name server is ending.
                Effect::Save { ticket, path, content } => {
                    drop(self.saves.send(Save { ticket, path, content }));
                }
                Effect::Tell { address, command } => drop(self.tells.try_send((address, command))),
            }
        }
    }

    fn connection(&self, peer: PeerId) -> Option<Connection> {
        locked(&self.connections).get(&peer).cloned()
    }
}

impl Respond for Driver {
    fn opened(&self, connection: &Connection) {
        let peer = connection.id();
        locked(&self.connections).insert(peer, connection.clone());
        self.play(Event::Opened { peer }, None, &mut Vec::new());
    }

    fn asked(
        &self,
        connection: &Connection,
        requests: &mut Vec<Command>,
        answers: &mut Vec<Command>,
    ) {
        let peer = connection.id();
        for command in requests.drain(..) {
            self.play(Event::Asked { peer, command }, Some(peer), answers);
        }
    }

    fn closed(&self, connection: &Connection) {
        let peer = connection.id();
        locked(&self.connections).remove(&peer);
        self.play(Event::Closed { peer }, None, &mut Vec::new());
    }
}

async fn tick(driver: Arc<Driver>, stop: CancellationToken) {
    loop {
        let interval = locked(&driver.core).config().scan_interval;
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = driver.runtime.clock.sleep(interval) => {}
        }
        driver.play(Event::Ticked, None, &mut Vec::new());
    }
}

async fn save(
    driver: Arc<Driver>,
    mut saves: mpsc::UnboundedReceiver<Save>,
    stop: CancellationToken,
) {
    loop {
        let next = tokio::select! {
            biased;
            next = saves.recv() => next,
            () = stop.cancelled() => None,
        };
        let Some(Save { ticket, path, content }) = next else { return };
        let saved = whole_file::save(&driver.runtime.disk, &path, &content).await;
        let error = saved.err().map(|error| error.to_string());
        if let Some(error) = &error {
            tracing::error!(%error, "a file could not be saved");
        }
        driver.play(Event::Saved { ticket, error }, None, &mut Vec::new());
    }
}

/// Says one-way requests to brokers. Connections are kept until they fall silent.
async fn tell(
    runtime: Runtime,
    limits: Limits,
    mut tells: mpsc::Receiver<(Text, Command)>,
    stop: CancellationToken,
) {
    let mut open: BTreeMap<Text, Connection> = BTreeMap::new();
    loop {
        let next = tokio::select! {
            biased;
            () = stop.cancelled() => None,
            next = tells.recv() => next,
        };
        let Some((address, command)) = next else { break };
        let refused = match open.get(&address) {
            Some(connection) => connection.send(command.clone()).is_err(),
            None => true,
        };
        if !refused {
            continue;
        }
        open.remove(&address);
        match connect(&runtime, &limits, &address).await {
            Ok(connection) => {
                // It was opened a moment ago. If it is gone again, so is the broker.
                drop(connection.send(command));
                open.insert(address, connection);
            }
            Err(error) => tracing::warn!(%address, %error, "a broker could not be told"),
        }
    }
    for connection in open.values() {
        connection.close();
    }
}

async fn connect(
    runtime: &Runtime,
    limits: &Limits,
    address: &str,
) -> Result<Connection, Box<dyn std::error::Error + Send + Sync>> {
    let resolved = runtime.net.resolve(address).await?;
    let to = *resolved.first().ok_or("the name has no address")?;
    Ok(remoting::connect(runtime, to, limits.clone(), Arc::new(Deaf)).await?)
}

/// The other side of a connection on which we only speak.
struct Deaf;

impl Respond for Deaf {
    fn asked(&self, _: &Connection, requests: &mut Vec<Command>, answers: &mut Vec<Command>) {
        let unsupported =
            |request: Command| request.answer(ResponseCode::REQUEST_CODE_NOT_SUPPORTED);
        let asked = requests.drain(..).filter(|request| !request.is_oneway());
        answers.extend(asked.map(unsupported));
    }
}

/// A panic ends the process, so a lock that a panic left behind is never seen.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
