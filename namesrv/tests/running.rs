//! A name server in the real world: sockets on loopback, files in a directory of their own.

mod core;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use namesrv::{Config, ConfigError, StartError};
use protocol::{Command, RequestCode, Text, request};
use remoting::{Connection, Limits, Respond};
use runtime::{OpenMode, Runtime};

use crate::core::Broker;

const TIMEOUT: Duration = Duration::from_secs(20);

struct Quiet;

impl Respond for Quiet {
    fn asked(&self, _: &Connection, _: &mut Vec<Command>, _: &mut Vec<Command>) {}
}

/// A directory of this test's own, and a configuration that stays in it.
fn home(runtime: &Runtime) -> (PathBuf, Config) {
    let name = format!("gantry-namesrv-{:016x}", runtime.entropy.next_u64());
    let home = std::env::temp_dir().join(name);
    let mut config = Config::at_home(&home);
    config.bind_address = [127, 0, 0, 1].into();
    config.listen_port = 0;
    (home, config)
}

async fn connect(runtime: &Runtime, to: SocketAddr) -> Connection {
    remoting::connect(runtime, to, Limits::default(), Arc::new(Quiet)).await.expect("connected")
}

async fn ask(connection: &Connection, command: Command) -> Command {
    connection.call(command, TIMEOUT).await.expect("answered")
}

fn put(value: &str) -> Command {
    let [namespace, key, value] = ["n", "k", value].map(Text::from);
    request::PutKvConfig { namespace, key, value }.command()
}

fn get() -> Command {
    let [namespace, key] = ["n", "k"].map(Text::from);
    request::GetKvConfig { namespace, key }.command()
}

#[test]
fn values_survive_a_restart_and_a_torn_file() {
    let played = runtime::real::run(|runtime| async move {
        let (home, config) = home(&runtime);
        for value in ["first", "second"] {
            let running = namesrv::start(runtime.clone(), config.clone()).await.unwrap();
            let connection = connect(&runtime, running.address()).await;
            assert_eq!(ask(&connection, put(value)).await.code, 0);
            running.stop().await;
        }
        let file = runtime.disk.open(&config.kv_config_path, OpenMode::Write).unwrap();
        assert!(0 < file.len().unwrap());

        let running = namesrv::start(runtime.clone(), config.clone()).await.unwrap();
        let connection = connect(&runtime, running.address()).await;
        assert_eq!(ask(&connection, get()).await.field("value").unwrap(), "second");
        running.stop().await;

        file.set_len(9).unwrap();
        let running = namesrv::start(runtime.clone(), config.clone()).await.unwrap();
        let connection = connect(&runtime, running.address()).await;
        assert_eq!(ask(&connection, get()).await.field("value").unwrap(), "first");
        running.stop().await;

        runtime.disk.remove_file(&home.join("namesrv/kvConfig.json.bak")).unwrap();
        let refused = namesrv::start(runtime.clone(), config).await.unwrap_err();
        assert!(matches!(refused, StartError::Kv(_)), "{refused}");
        assert!(refused.to_string().contains("kvConfig.json"), "{refused}");
        runtime.disk.remove_dir_all(&home).unwrap();
    });
    played.unwrap();
}

#[test]
fn a_broker_whose_connection_ends_is_gone_from_the_routes() {
    let played = runtime::real::run(|runtime| async move {
        let (_, config) = home(&runtime);
        let running = namesrv::start(runtime.clone(), config).await.unwrap();
        let broker = connect(&runtime, running.address()).await;
        let client = connect(&runtime, running.address()).await;
        assert_eq!(ask(&broker, Broker::new("a", 0, "a:1").command()).await.code, 0);
        let route = request::RouteInfo { topic: Text::from("orders"), ..Default::default() };
        assert_eq!(ask(&client, route.command()).await.code, 0);

        broker.close();

        while ask(&client, route.command()).await.code == 0 {}
        running.stop().await;
        assert!(
            client.call(Command::request(RequestCode::GET_NAMESRV_CONFIG), TIMEOUT).await.is_err()
        );
    });
    played.unwrap();
}

#[test]
fn a_port_in_use_is_one_clear_error() {
    let played = runtime::real::run(|runtime| async move {
        let (_, mut config) = home(&runtime);
        let running = namesrv::start(runtime.clone(), config.clone()).await.unwrap();
        config.listen_port = running.address().port();
        let refused = namesrv::start(runtime, config).await.unwrap_err().to_string();
        assert!(refused.contains(&format!("cannot listen on {}", running.address())), "{refused}");
        running.stop().await;
    });
    played.unwrap();
}

#[test]
fn a_configuration_file_is_read_or_refused_as_a_whole() {
    let disk = runtime::memory::MemoryDisk::default();
    let disk: &dyn runtime::Disk = &disk;
    disk.create_dir_all(Path::new("/etc")).unwrap();
    let write = |content: &[u8]| {
        let file = disk.open(Path::new("/etc/n.conf"), OpenMode::Create).unwrap();
        file.set_len(0).unwrap();
        file.write_all_at(0, content).unwrap();
    };
    let mut config = Config::default();
    let path = Path::new("/etc/n.conf");
    let missing = config.read_file(disk, path).unwrap_err();
    assert!(matches!(missing, ConfigError::Unreadable { .. }), "{missing}");

    write(b"# a file\nlistenPort = 9999\nserverWorkerThreads=4\n");
    assert_eq!(config.read_file(disk, path).unwrap(), ["serverWorkerThreads"]);
    assert_eq!(config.listen_port, 9999);
    assert_eq!(config.config_store_path, path);

    write(b"listenPort=1\nlistenPorts=2\n");
    let unknown = config.read_file(disk, path).unwrap_err().to_string();
    assert!(unknown.contains("`listenPorts`") && unknown.contains("`listenPort`"), "{unknown}");
    write(&vec![b'#'; 2 << 20]);
    let long = config.read_file(disk, path).unwrap_err().to_string();
    assert_eq!(long, "2097152 bytes exceed the limit of 1048576 bytes for a configuration");
    assert_eq!(config.listen_port, 9999);
}
