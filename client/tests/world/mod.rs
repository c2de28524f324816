//! A world for tests: tokio's paused time, streams in memory, seeded numbers. Time passes only when
//! nothing else can happen, so nothing here waits.
#![expect(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod fakes;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use remoting::{Limits, Respond, serve};
use runtime::{
    BoxFuture, Clock, Entropy, Listener, Monotonic, Net, Runtime, Stream, Task, Tasks,
    memory::MemoryDisk,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex},
    sync::mpsc,
    time::Instant,
};
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Where the wall clock begins.
const WALL_MS: i64 = 1_795_000_000_000;

struct TestClock(Instant);

impl Clock for TestClock {
    fn wall_ms(&self) -> i64 {
        WALL_MS + i64::try_from(self.0.elapsed().as_millis()).expect("short")
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::default() + (Instant::now() - self.0)
    }

    fn sleep_until(&self, at: Monotonic) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(self.0 + Duration::from_nanos(at.0)))
    }
}

struct TestTasks;

impl Tasks for TestTasks {
    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) -> Box<dyn Task> {
        Box::new(TestTask(tokio::spawn(task).abort_handle()))
    }

    fn asked_to_stop(&self) -> BoxFuture<'static, &'static str> {
        Box::pin(std::future::pending())
    }
}

struct TestTask(tokio::task::AbortHandle);

impl Task for TestTask {
    fn abort(&self) {
        self.0.abort();
    }
}

struct TestEntropy(AtomicU64);

impl Entropy for TestEntropy {
    fn next_u64(&self) -> u64 {
        let step = 0x9E37_79B9_7F4A_7C15_u64;
        step.wrapping_mul(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

type Knock = (TestStream, SocketAddr);

#[derive(Default)]
struct Doors {
    open: BTreeMap<SocketAddr, mpsc::UnboundedSender<Knock>>,
    /// Addresses whose packets get lost: connecting times out.
    lost: BTreeSet<SocketAddr>,
}

/// A network that exists only here, and how often somebody tried to connect.
#[derive(Clone, Default)]
pub(crate) struct World {
    doors: Arc<Mutex<Doors>>,
    next_port: Arc<AtomicU16>,
    attempts: Arc<AtomicU64>,
    nodes: Arc<AtomicU64>,
}

/// A server that can be stopped.
pub(crate) struct Serving(DropGuard);

impl Serving {
    /// Closes the door and every connection.
    pub(crate) fn stop(&self) {
        self.0.token().cancel();
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A node of its own, with an empty disk.
    pub(crate) fn node(&self) -> Runtime {
        let number = self.nodes.fetch_add(1, Ordering::Relaxed);
        Runtime {
            clock: Arc::new(TestClock(Instant::now())),
            net: Arc::new(self.clone()),
            disk: Arc::new(MemoryDisk::new()),
            tasks: Arc::new(TestTasks),
            entropy: Arc::new(TestEntropy(AtomicU64::new(1 + (number << 32)))),
        }
    }

    pub(crate) fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }

    /// Serves an address until it is stopped.
    pub(crate) async fn serve(&self, at: &str, respond: Arc<dyn Respond>) -> Serving {
        let runtime = self.node();
        let at = at.parse().expect("an address");
        let listener = runtime.net.listen(at).await.expect("free");
        let stop = CancellationToken::new();
        let serving = serve(runtime, listener, Limits::default(), respond, stop.clone());
        tokio::spawn(serving);
        let doors = self.doors.clone();
        let stopped = stop.clone();
        tokio::spawn(async move {
            stopped.cancelled().await;
            doors.lock().expect("unpoisoned").open.remove(&at);
        });
        Serving(stop.drop_guard())
    }

    /// From now on nothing sent to this address arrives, and nothing says so.
    pub(crate) fn lose(&self, at: &str) {
        let mut doors = self.doors.lock().expect("unpoisoned");
        doors.lost.insert(at.parse().expect("an address"));
    }

    /// What was lost is found again.
    pub(crate) fn find(&self, at: &str) {
        let mut doors = self.doors.lock().expect("unpoisoned");
        doors.lost.remove(&at.parse().expect("an address"));
    }

    fn is_lost(&self, at: SocketAddr) -> bool {
        self.doors.lock().expect("unpoisoned").lost.contains(&at)
    }

    fn knock(&self, to: SocketAddr) -> io::Result<TestStream> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let doors = self.doors.lock().expect("unpoisoned");
        let door = doors.open.get(&to).ok_or(ErrorKind::ConnectionRefused)?;
        let (here, there) = duplex(1024 * 1024);
        let port = 40_000 + self.next_port.fetch_add(1, Ordering::Relaxed);
        let from = SocketAddr::from(([10, 9, 9, 9], port));
        let knock = (TestStream { inner: there, peer: from, local: to }, from);
        door.send(knock).map_err(|_| ErrorKind::ConnectionRefused)?;
        Ok(TestStream { inner: here, peer: to, local: from })
    }
}

impl Net for World {
    fn listen(&self, at: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        let (door, knocks) = mpsc::unbounded_channel();
        self.doors.lock().expect("unpoisoned").open.insert(at, door);
        let listener: Box<dyn Listener> = Box::new(TestListener { knocks, at });
        Box::pin(async { Ok(listener) })
    }

    fn connect(
        &self,
        to: SocketAddr,
        timeout: Duration,
    ) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        let knocked = self.knock(to);
        let lost = self.is_lost(to);
        Box::pin(async move {
            if lost {
                tokio::time::sleep(timeout).await;
                return Err(ErrorKind::TimedOut.into());
            }
            let stream: Box<dyn Stream> = Box::new(knocked?);
            Ok(stream)
        })
    }

    fn resolve(&self, host_and_port: &str) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let found = match host_and_port {
            "ns.example:80" => Ok(vec![SocketAddr::from(([10, 0, 0, 80], 80))]),
            literal => literal.parse().map(|at| vec![at]).map_err(|_| ErrorKind::NotFound.into()),
        };
        Box::pin(async { found })
    }

    fn local_address(&self) -> IpAddr {
        Ipv4Addr::new(10, 9, 9, 9).into()
    }

    fn host_name(&self) -> String {
        "test".to_owned()
    }
}

struct TestListener {
    knocks: mpsc::UnboundedReceiver<Knock>,
    at: SocketAddr,
}

impl Listener for TestListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Box<dyn Stream>, SocketAddr)>> {
        Box::pin(async {
            let (stream, from) = self.knocks.recv().await.ok_or(ErrorKind::BrokenPipe)?;
            let stream: Box<dyn Stream> = Box::new(stream);
            Ok((stream, from))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.at)
    }
}

/// One end of a connection in memory.
struct TestStream {
    inner: DuplexStream,
    peer: SocketAddr,
    local: SocketAddr,
}

impl Stream for TestStream {
    fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    fn local_addr(&self) -> SocketAddr {
        self.local
    }

    fn reset(self: Box<Self>) {}
}

impl AsyncRead for TestStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for TestStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// Lets everything happen that can happen without time passing, and then `span` pass.
pub(crate) async fn pass(span: Duration) {
    tokio::time::sleep(span).await;
}
