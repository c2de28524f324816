//! Starting a broker.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use remoting::Limits;
use runtime::{Listener, Runtime};
use store::{OpenError, Opened, Store};

use super::{
    address_server,
    files::{LoadError, load_tables},
    housekeeping,
    hub::{Hub, Reception},
    name_servers::{self, NameServers},
    running::{Crew, Running},
    saver, sync, ticker,
};
use crate::{Broker, Config, ConfigError, Door, Identity};

/// How far below the main port the fast one is.
const FAST_PORT_BELOW: u16 = 2;
/// How long a connection may take to deliver what it owes when the broker stops.
const LINGER: Duration = Duration::from_millis(100);

/// Why a broker did not start. Nothing was changed on the disk that a later start would miss.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address in the configuration means nothing.
    #[error("`{key}` = `{value}`: {why}")]
    Address {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// Why it means nothing.
        why: String,
    },
    /// The configuration cannot be started with.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store did not open.
    #[error("the store does not open: {0}")]
    Store(#[from] OpenError),
    /// The saved tables cannot be taken over.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A port cannot be listened on.
    #[error("cannot listen on {at}: {cause}")]
    Listen {
        /// Where.
        at: SocketAddr,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
}

/// Starts a broker: opens its store, takes over its tables, listens, and registers.
///
/// # Errors
///
/// One for each thing that can be wrong; it names the thing.
pub async fn start(runtime: Runtime, mut config: Config) -> Result<Running, StartError> {
    config.check()?;
    let bind = address(&runtime, "bindAddress", &config.bind_address).await?;
    let own = address(&runtime, "brokerIP1", &config.broker_ip1).await?;
    if config.listen_port != 0 {
        // Whoever finds the port taken has made no store. Nobody is let in before the store is
        // recovered: until then clients are refused at once and try another broker.
        drop(listen_on_both(&runtime, bind, config.listen_port).await?);
    }
    let (store, opened) =
        Store::open(runtime.disk.clone(), runtime.clock.now(), config.store()).await?;
    report(&opened);
    // The port is known before anybody is told about it; clients are let in at the very end.
    let ports = match listen_on_both(&runtime, bind, config.listen_port).await {
        Ok(ports) => ports,
        Err(error) => return Err(abandon(store, error).await),
    };
    let listening = ports.address;
    config.edit(|settings| settings.listen_port = listening.port());
    let identity = Identity {
        store_host: SocketAddr::new(own, listening.port()),
        process: config.process(),
        seed: runtime.entropy.next_u64(),
    };
    let name_servers = name_servers::split(&config.namesrv_addr);
    let asks_endpoint = name_servers.is_empty() && config.fetch_namesrv_by_address_server;
    let idle = Duration::from_secs(config.connection_idle_seconds.max(1));
    let mut broker = Broker::new(config, store, identity, runtime.clock.now());
    if let Err(error) = load_tables(&*runtime.disk, &mut broker) {
        return Err(abandon(broker.into_store(), error.into()).await);
    }
    broker.reconcile();
    let hub = Hub::new(runtime.clone(), broker, NameServers::default());
    housekeeping::look_at_disk(&hub);
    let (crew, workers) = Crew::gather();
    crew.hire(&runtime, "ticker", ticker::run(hub.clone(), crew.stop()));
    crew.hire(&runtime, "syncer", sync::run(hub.clone(), crew.stop()));
    crew.hire(&runtime, "saver", saver::run(hub.clone(), crew.stop()));
    crew.hire(&runtime, "housekeeping", housekeeping::run(hub.clone(), crew.stop()));
    let (porters, doors) = Crew::gather();
    let limits = Limits { idle, linger: LINGER, ..Limits::default() };
    for (door, listener) in [(Door::Main, Some(ports.main)), (Door::Fast, ports.fast)] {
        let Some(listener) = listener else { continue };
        let respond = Arc::new(Reception { hub: hub.clone(), door });
        let serving =
            remoting::serve(runtime.clone(), listener, limits.clone(), respond, porters.stop());
        porters.hire(&runtime, "door", serving);
    }
    name_servers::update(&hub, &crew, &name_servers);
    if asks_endpoint {
        let asking = address_server::run(hub.clone(), crew.clone(), crew.stop());
        crew.hire(&runtime, "address server", asking);
    }
    let address = SocketAddr::new(own, listening.port());
    Ok(Running { hub, address, opened, workers, doors, crews: [crew, porters] })
}

fn report(opened: &Opened) {
    if opened.crashed {
        tracing::warn!(?opened, "the broker did not stop cleanly; the store was recovered");
    }
    if let Some(cut) = &opened.cut {
        tracing::warn!(?cut, "the end of the log was no whole message and was cut off");
    }
}

/// The address behind a name or literal.
async fn address(runtime: &Runtime, key: &'static str, value: &str) -> Result<IpAddr, StartError> {
    if let Ok(literal) = value.trim_matches(['[', ']']).parse() {
        return Ok(literal);
    }
    let wrong = |why: String| StartError::Address { key, value: value.to_owned(), why };
    let places = runtime.net.resolve(&format!("{value}:0")).await;
    let places = places.map_err(|error| wrong(error.to_string()))?;
    places.first().map(SocketAddr::ip).ok_or_else(|| wrong("it has no address".to_owned()))
}

async fn listen(runtime: &Runtime, at: SocketAddr) -> Result<Box<dyn Listener>, StartError> {
    runtime.net.listen(at).await.map_err(|cause| StartError::Listen { at, cause })
}

/// What clients come to.
struct Ports {
    main: Box<dyn Listener>,
    /// There is none below port 2.
    fast: Option<Box<dyn Listener>>,
    /// Where the main one is: a test may leave the number to the operating system.
    address: SocketAddr,
}

async fn listen_on_both(runtime: &Runtime, ip: IpAddr, port: u16) -> Result<Ports, StartError> {
    let wanted = SocketAddr::new(ip, port);
    let main = listen(runtime, wanted).await?;
    let address = main.local_addr().unwrap_or(wanted);
    let fast = match address.port().checked_sub(FAST_PORT_BELOW).filter(|port| 0 < *port) {
        Some(port) => Some(listen(runtime, SocketAddr::new(ip, port)).await?),
        None => None,
    };
    Ok(Ports { main, fast, address })
}

/// Leaves a store as clean as it was found: whoever opens it next need not recover it.
async fn abandon(store: Store, error: StartError) -> StartError {
    if let Err(unclean) = store.close().await {
        tracing::warn!(%unclean, "the store cannot be closed");
    }
    error
}
