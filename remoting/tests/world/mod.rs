//! A world for tests: tokio's paused time, streams in memory, seeded numbers.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use protocol::{
    Command, RequestCode,
    frame::{put_frame, take_frame},
};
use remoting::{Connection, Limits, Respond, serve};
use runtime::{
    BoxFuture, Clock, Entropy, Listener, Monotonic, Net, Runtime, Stream, Task, Tasks,
    memory::MemoryDisk,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
    sync::mpsc,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// Where servers of these tests listen.
pub(crate) const SERVER: &str = "10.0.0.1:10911";

pub(crate) struct TestClock(Instant);

impl Clock for TestClock {
    fn wall_ms(&self) -> i64 {
        0
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::default() + (Instant::now() - self.0)
    }

    fn sleep_until(&self, at: Monotonic) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(self.0 + Duration::from_nanos(at.0)))
    }
}

/// Every task that was started.
type Started = Arc<Mutex<Vec<tokio::task::AbortHandle>>>;

struct TestTasks(Started);

impl Tasks for TestTasks {
    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) -> Box<dyn Task> {
        let handle = tokio::spawn(task).abort_handle();
        self.0.lock().unwrap().push(handle.clone());
        Box::new(TestTask(handle))
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

/// Streams in memory between addresses that exist only here.
#[derive(Clone)]
pub(crate) struct TestNet {
    doors: Arc<Mutex<BTreeMap<SocketAddr, mpsc::UnboundedSender<Knock>>>>,
    next_port: Arc<AtomicU16>,
    pub(crate) started: Started,
    /// Attempts to connect, successful or not.
    pub(crate) attempts: Arc<AtomicU32>,
    /// Bytes that one direction of a stream takes unread.
    pub(crate) capacity: usize,
}

impl TestNet {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            doors: Arc::default(),
            next_port: Arc::new(AtomicU16::new(40_000)),
            started: Arc::default(),
            attempts: Arc::default(),
            capacity,
        }
    }

    pub(crate) fn runtime(&self) -> Runtime {
        Runtime {
            clock: Arc::new(TestClock(Instant::now())),
            net: Arc::new(self.clone()),
            disk: Arc::new(MemoryDisk::new()),
            tasks: Arc::new(TestTasks(self.started.clone())),
            entropy: Arc::new(TestEntropy(AtomicU64::new(1))),
        }
    }

    pub(crate) fn knock(&self, to: SocketAddr) -> io::Result<TestStream> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let doors = self.doors.lock().unwrap();
        let door = doors.get(&to).ok_or(ErrorKind::ConnectionRefused)?;
        let (here, there) = duplex(self.capacity);
        let port = self.next_port.fetch_add(1, Ordering::Relaxed);
        let from = SocketAddr::from(([10, 0, 0, 2], port));
        let knock = (TestStream { inner: there, peer: from, local: to }, from);
        door.send(knock).map_err(|_| ErrorKind::ConnectionRefused)?;
        Ok(TestStream { inner: here, peer: to, local: from })
    }
}

impl Net for TestNet {
    fn listen(&self, at: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        let (door, knocks) = mpsc::unbounded_channel();
        self.doors.lock().unwrap().insert(at, door);
        let listener: Box<dyn Listener> = Box::new(TestListener { knocks, at });
        Box::pin(async { Ok(listener) })
    }

    fn connect(
        &self,
        to: SocketAddr,
        timeout: Duration,
    ) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        let knocked = self.knock(to);
        // Port 1 never answers.
        let silent = to.port() == 1;
        Box::pin(async move {
            if silent {
                tokio::time::sleep(timeout).await;
                return Err(ErrorKind::TimedOut.into());
            }
            tokio::task::yield_now().await;
            let stream: Box<dyn Stream> = Box::new(knocked?);
            Ok(stream)
        })
    }

    fn resolve(&self, host_and_port: &str) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let found = match host_and_port {
            "broker:10911" => Ok(vec!["10.9.9.9:1111".parse().unwrap(), SERVER.parse().unwrap()]),
            _ => Err(ErrorKind::NotFound.into()),
        };
        Box::pin(async { found })
    }

    fn local_address(&self) -> IpAddr {
        Ipv4Addr::LOCALHOST.into()
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
pub(crate) struct TestStream {
    inner: DuplexStream,
    peer: SocketAddr,
    local: SocketAddr,
}

impl TestStream {
    /// Writes a command as a frame.
    pub(crate) async fn put(&mut self, command: &Command) {
        self.write_all(&framed(command)).await.unwrap();
    }

    /// Reads one command; `None` when the other end has closed.
    pub(crate) async fn next(&mut self, input: &mut BytesMut) -> Option<Command> {
        loop {
            if let Some(command) = take_frame(input).unwrap() {
                return Some(command);
            }
            if self.read_buf(input).await.unwrap() == 0 {
                assert!(input.is_empty(), "closed within a frame");
                return None;
            }
        }
    }

    /// Reads commands until the other end closes.
    pub(crate) async fn take_all(&mut self) -> Vec<Command> {
        let mut input = BytesMut::new();
        let mut taken = Vec::new();
        while let Some(command) = self.next(&mut input).await {
            taken.push(command);
        }
        taken
    }
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

/// Answers with the body it was asked with; keeps what is asked under [`PARK`] for later; answers
/// [`REVERSE`] batches backwards.
#[derive(Default)]
pub(crate) struct Echo {
    pub(crate) opened: Mutex<Vec<Connection>>,
    pub(crate) closed: Mutex<Vec<Connection>>,
    pub(crate) parked: Mutex<Vec<(Connection, Command)>>,
    /// How many requests each call of `asked` brought.
    pub(crate) batches: Mutex<Vec<usize>>,
}

pub(crate) const ECHO: i32 = 1000;
pub(crate) const PARK: i32 = 1001;
pub(crate) const REVERSE: i32 = 1002;

impl Respond for Echo {
    fn opened(&self, connection: &Connection) {
        self.opened.lock().unwrap().push(connection.clone());
    }

    fn asked(
        &self,
        connection: &Connection,
        requests: &mut Vec<Command>,
        answers: &mut Vec<Command>,
    ) {
        self.batches.lock().unwrap().push(requests.len());
        if requests[0].code == REVERSE {
            requests.reverse();
        }
        for request in requests.drain(..) {
            if request.code == PARK {
                self.parked.lock().unwrap().push((connection.clone(), request));
            } else {
                answers.push(request.answer(0).with_body(request.body.clone()));
            }
        }
    }

    fn closed(&self, connection: &Connection) {
        self.closed.lock().unwrap().push(connection.clone());
    }
}

impl Echo {
    pub(crate) fn asked_in_total(&self) -> usize {
        self.batches.lock().unwrap().iter().sum()
    }
}

/// A server with an [`Echo`] behind it.
pub(crate) struct Server {
    pub(crate) net: TestNet,
    pub(crate) runtime: Runtime,
    pub(crate) echo: Arc<Echo>,
    pub(crate) stop: CancellationToken,
    pub(crate) served: tokio::task::JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(limits: Limits, capacity: usize) -> Self {
        let net = TestNet::new(capacity);
        let runtime = net.runtime();
        let listener = runtime.net.listen(SERVER.parse().unwrap()).await.unwrap();
        let echo = Arc::new(Echo::default());
        let stop = CancellationToken::new();
        let serving = serve(runtime.clone(), listener, limits, echo.clone(), stop.clone());
        let served = tokio::spawn(serving);
        Self { net, runtime, echo, stop, served }
    }

    pub(crate) async fn ordinary() -> Self {
        Self::start(Limits::default(), 64 * 1024).await
    }

    /// A peer that writes and reads bytes as it likes.
    pub(crate) fn peer(&self) -> TestStream {
        self.net.knock(SERVER.parse().unwrap()).unwrap()
    }

    /// A peer that is a connection of ours.
    pub(crate) async fn connection(&self) -> Connection {
        self.connection_with(Arc::new(Echo::default())).await
    }

    pub(crate) async fn connection_with(&self, respond: Arc<dyn Respond>) -> Connection {
        let to = SERVER.parse().unwrap();
        remoting::connect(&self.runtime, to, Limits::default(), respond).await.unwrap()
    }

    /// The server's end of the first connection, once it exists.
    pub(crate) async fn first(&self) -> Connection {
        settle().await;
        self.echo.opened.lock().unwrap()[0].clone()
    }
}

/// Lets everything happen that can happen without time passing, and then a little time pass: time
/// only passes here when nothing else can happen.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

pub(crate) fn ask(code: i32, opaque: i32, body: impl Into<Bytes>) -> Command {
    Command::request(RequestCode(code)).with_opaque(opaque).with_body(body)
}

pub(crate) fn framed(command: &Command) -> BytesMut {
    let mut bytes = BytesMut::new();
    put_frame(command, &mut bytes).unwrap();
    bytes
}
