//! Who is measured: each a name server and a broker on loopback with the same settings, in a
//! directory of its own; the bare echo; or a broker that runs somewhere already.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use bytes::BytesMut;
use protocol::{Serialization, frame};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
    time::{sleep, timeout},
};

use crate::{
    error::BenchError,
    frames::{self, Prepared},
    jars::Jars,
    program::{Program, Watch},
};

/// One side of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Gantry,
    Peer,
    Echo,
}

/// Who the peer is.
pub(crate) enum Peer {
    Java(Jars),
    Address(SocketAddr),
    None,
}

/// What servers are started from.
pub(crate) struct Site {
    /// Everything that servers write lies below.
    pub(crate) directory: PathBuf,
    /// Where `broker` and `namesrv` lie.
    pub(crate) binaries: PathBuf,
    pub(crate) peer: Peer,
    pub(crate) watch: Watch,
}

/// A running side. Its programs end when it is dropped.
pub(crate) struct Server {
    pub(crate) broker: SocketAddr,
    /// The broker's process, if it is ours to look at.
    pub(crate) pid: Option<u32>,
    pub(crate) directory: Option<PathBuf>,
    /// From the broker's start until it accepted a send.
    pub(crate) started_within: Duration,
    /// Whether the backlog for pulls has been written.
    pub(crate) has_backlog: bool,
    /// The broker first.
    programs: Vec<Program>,
}

impl Site {
    /// Starts one side on an empty store and waits until it accepts a send.
    pub(crate) async fn start(&self, who: Who, flush: &str) -> Result<Server, BenchError> {
        match (who, &self.peer) {
            (Who::Echo, _) => self.start_echo().await,
            (Who::Peer, Peer::Address(broker)) => {
                let broker = *broker;
                let started_within = first_accepted(broker, &mut []).await?;
                let (pid, directory, programs) = (None, None, Vec::new());
                let has_backlog = false;
                Ok(Server { broker, pid, directory, started_within, has_backlog, programs })
            }
            _ => self.start_brokers(who, flush).await,
        }
    }

    async fn start_echo(&self) -> Result<Server, BenchError> {
        let broker = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["echo", "--listen", &broker.to_string()]);
        let directory = self.directory.join("echo");
        let start = Instant::now();
        let program = Program::start("echo", &directory, command, &self.watch).await?;
        let mut programs = vec![program];
        first_accepted(broker, &mut programs).await?;
        Ok(Server {
            broker,
            pid: programs.first().map(|program| program.pid),
            directory: Some(directory),
            started_within: start.elapsed(),
            has_backlog: false,
            programs,
        })
    }

    async fn start_brokers(&self, who: Who, flush: &str) -> Result<Server, BenchError> {
        let directory = self.directory.join(if who == Who::Gantry { "gantry" } else { "peer" });
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(directory.join("home/conf"))?;
        let (names_port, port) = (free_port()?, free_port()?);
        let names = directory.join("namesrv.properties");
        let place = directory.display();
        fs::write(
            &names,
            format!("listenPort={names_port}\nkvConfigPath={place}/kvConfig.json\n"),
        )?;
        let conf = directory.join("broker.conf");
        fs::write(&conf, broker_conf(&directory, port, names_port, flush))?;
        let command = self.command(who, "namesrv", &directory, &names);
        let mut name_server = Program::start("namesrv", &directory, command, &self.watch).await?;
        name_server.must_say("boot success").await?;
        let command = self.command(who, "broker", &directory, &conf);
        let start = Instant::now();
        let program = Program::start("broker", &directory, command, &self.watch).await?;
        let pid = program.pid;
        let mut programs = vec![program, name_server];
        let broker = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        first_accepted(broker, &mut programs).await?;
        Ok(Server {
            broker,
            pid: Some(pid),
            directory: Some(directory),
            started_within: start.elapsed(),
            has_backlog: false,
            programs,
        })
    }

    /// The command line of a name server or a broker.
    fn command(&self, who: Who, program: &str, directory: &Path, settings: &Path) -> Command {
        let Peer::Java(jars) = &self.peer else {
            return gantry(&self.binaries, program, settings);
        };
        if who == Who::Gantry {
            return gantry(&self.binaries, program, settings);
        }
        let (heap, main): (&[&str], _) = match program {
            "broker" => (&["-Xms2g", "-Xmx2g"], "org.apache.rocketmq.broker.BrokerStartup"),
            _ => (&["-Xms256m", "-Xmx256m"], "org.apache.rocketmq.namesrv.NamesrvStartup"),
        };
        let mut command = Command::new("java");
        command.args(heap).args(JAVA_17);
        command.arg(format!("-Duser.home={}", directory.display()));
        command.arg("-cp").arg(format!("{}/*", jars.directory.display()));
        command.arg(main).arg("-c").arg(settings);
        command.env("ROCKETMQ_HOME", directory.join("home"));
        command
    }
}

fn gantry(binaries: &Path, program: &str, settings: &Path) -> Command {
    let mut command = Command::new(binaries.join(program));
    command.arg("-c").arg(settings);
    command
}

/// What Java's servers need on Java 17, and what their own scripts choose.
const JAVA_17: &[&str] = &[
    "-XX:+UseG1GC",
    "-XX:MaxDirectMemorySize=1g",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED",
    "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
];

/// The same for both. The last four keep Java from refusing sends on a machine as small and busy as
/// the ones this is run on; everything else is as RocketMQ ships it.
fn broker_conf(directory: &Path, port: u16, names_port: u16, flush: &str) -> String {
    let store = directory.join("store");
    let store = store.display();
    format!(
        "brokerClusterName=DefaultCluster\nbrokerName=broker-a\nbrokerId=0\n\
         brokerIP1=127.0.0.1\nlistenPort={port}\nhaListenPort={ha}\n\
         namesrvAddr=127.0.0.1:{names_port}\n\
         storePathRootDir={store}\nstorePathCommitLog={store}/commitlog\n\
         autoCreateTopicEnable=true\ndefaultTopicQueueNums=4\nflushDiskType={flush}\n\
         diskMaxUsedSpaceRatio=95\nosPageCacheBusyTimeOutMills=5000\n\
         waitTimeMillsInSendQueue=5000\nsyncFlushTimeout=20000\n",
        ha = port + 1,
    )
}

/// A port whose neighbours (fast port two below, HA port one above) are free as well.
fn free_port() -> Result<u16, BenchError> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 1000).unwrap_or(0);
    for _ in 0..1000 {
        let turn = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_005 + (first + turn) % 1000 * 10;
        let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if free(port - 2) && free(port) && free(port + 1) {
            return Ok(port);
        }
    }
    Err(BenchError::Program("no three free ports between 20005 and 30005".to_owned()))
}

/// Sends until one is accepted.
async fn first_accepted(
    broker: SocketAddr,
    programs: &mut [Program],
) -> Result<Duration, BenchError> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(90) {
        if let Ok(Ok(true)) = timeout(Duration::from_secs(3), send_one(broker)).await {
            return Ok(start.elapsed());
        }
        for program in programs.iter_mut() {
            program.must_run()?;
        }
        sleep(Duration::from_millis(2)).await;
    }
    Err(BenchError::Program(format!("{broker} accepted no send within 90 s")))
}

async fn send_one(broker: SocketAddr) -> Result<bool, BenchError> {
    let mut stream = TcpStream::connect(broker).await?;
    let mut send = Prepared::send("first", 0, 16, Serialization::Json)?;
    let (mut output, mut input) = (BytesMut::new(), BytesMut::new());
    send.put(frames::FIRST_OPAQUE, 0, 1_700_000_000_000, &mut output);
    stream.write_all(&output).await?;
    loop {
        if stream.read_buf(&mut input).await? == 0 {
            return Err(BenchError::Closed(broker));
        }
        if let Some(answer) = frame::take_frame(&mut input)? {
            return Ok(answer.code == 0);
        }
    }
}

impl Server {
    /// Takes it off the processors while others are measured.
    pub(crate) async fn pause(&self) -> Result<(), BenchError> {
        for program in &self.programs {
            program.pause().await?;
        }
        Ok(())
    }

    /// Lets it go on.
    pub(crate) async fn resume(&self) -> Result<(), BenchError> {
        for program in &self.programs {
            program.resume().await?;
        }
        Ok(())
    }

    /// Stops the broker as an operator would and says how long it took; then ends the rest.
    pub(crate) async fn stop(mut self) -> Result<Duration, BenchError> {
        if self.programs.is_empty() {
            return Ok(Duration::ZERO);
        }
        let took = self.programs.remove(0).stop().await?;
        self.end().await?;
        Ok(took)
    }

    /// Kills everything and removes its files.
    pub(crate) async fn end(self) -> Result<(), BenchError> {
        for program in self.programs {
            program.kill().await?;
        }
        if let Some(directory) = self.directory {
            fs::remove_dir_all(directory)?;
        }
        Ok(())
    }
}
