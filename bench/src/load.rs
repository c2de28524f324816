//! The generator: so many connections, in closed loops or at a given pace, whoever answers.

use std::{
    net::SocketAddr,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::{Buf, BytesMut};
use hdrhistogram::Histogram;
use protocol::{Serialization, frame};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use crate::{
    asked::Asked,
    cost::{self, Cost},
    error::BenchError,
    frames::{self, Prepared, QUEUES},
    open,
};

/// What is asked of the broker, again and again.
#[derive(Clone)]
pub(crate) enum Work {
    /// Sends, with bodies of so many bytes.
    Send(usize),
    /// Pulls of so many messages, each connection over and over the first so many of one queue.
    Pull(i32, i64),
}

/// When the next request leaves.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// As soon as fewer than this many are unanswered on a connection.
    InFlight(usize),
    /// So many a second over all connections, answered or not. Latencies count from the moment at
    /// which a request should have left.
    PerSecond(u32),
}

/// A load.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) broker: SocketAddr,
    pub(crate) topic: String,
    pub(crate) work: Work,
    pub(crate) pace: Pace,
    pub(crate) connections: u32,
    pub(crate) serialization: Serialization,
    /// Not counted.
    pub(crate) warm_up: Duration,
    /// Counted.
    pub(crate) measure: Duration,
    /// The broker's process, to read what it costs.
    pub(crate) pid: Option<u32>,
}

/// What came of it.
pub(crate) struct Measured {
    pub(crate) tally: Tally,
    pub(crate) seconds: f64,
    /// CPU seconds of the broker, and what it was at the end.
    pub(crate) broker: Option<(f64, Cost)>,
    /// Cores kept busy by neither broker nor generator.
    pub(crate) foreign_cores: f64,
}

/// Answers counted.
pub(crate) struct Tally {
    /// One per request, in microseconds.
    pub(crate) latencies: Histogram<u64>,
    /// Messages sent or pulled.
    pub(crate) messages: u64,
    /// Requests refused.
    pub(crate) refused: u64,
    /// The words of a refusal.
    pub(crate) refusal: Option<String>,
}

impl Default for Tally {
    fn default() -> Self {
        let mut latencies =
            Histogram::new(3).unwrap_or_else(|_| unreachable!("3 digits are allowed"));
        latencies.auto(true);
        Self { latencies, messages: 0, refused: 0, refusal: None }
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.latencies.add(&other.latencies).unwrap_or_default();
        self.messages += other.messages;
        self.refused += other.refused;
        self.refusal = self.refusal.take().or(other.refusal);
    }

    pub(crate) fn record(&mut self, latency: Duration, messages: u32) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latencies.record(micros.max(1)).unwrap_or_default();
        self.messages += u64::from(messages);
    }
}

/// When counting begins and ends.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub(crate) start: Instant,
    pub(crate) from: Instant,
    pub(crate) until: Instant,
}

/// How long a peer may be silent after the last request.
const GRACE: Duration = Duration::from_secs(20);

/// Runs it.
pub(crate) async fn run(load: &Load) -> Result<Measured, BenchError> {
    let start = Instant::now();
    let from = start + load.warm_up;
    let window = Window { start, from, until: from + load.measure };
    let mut loops = JoinSet::new();
    match load.pace {
        Pace::InFlight(in_flight) => {
            for number in 0..load.connections {
                let load = load.clone();
                loops.spawn(async move { closed(&load, number, in_flight, window).await });
            }
        }
        Pace::PerSecond(rate) => open::start(load, rate, window, &mut loops).await?,
    }
    tokio::time::sleep_until(window.from.into()).await;
    let before = Spent::read(load.pid)?;
    tokio::time::sleep_until(window.until.into()).await;
    let after = Spent::read(load.pid)?;
    let mut tally = Tally::default();
    while let Some(one) =
        timeout(GRACE, loops.join_next()).await.map_err(|_| BenchError::Silent(load.broker))?
    {
        tally.add(one??);
    }
    if tally.messages == 0 {
        let words = tally.refusal.unwrap_or_else(|| "no answer".to_owned());
        return Err(BenchError::Refused(load.broker, words));
    }
    let seconds = load.measure.as_secs_f64();
    let ours = after.own_s - before.own_s + after.broker_s() - before.broker_s();
    Ok(Measured {
        tally,
        seconds,
        broker: after.broker.map(|cost| (cost.cpu_s - before.broker_s(), cost)),
        foreign_cores: ((after.busy_s - before.busy_s - ours) / seconds).max(0.0),
    })
}

/// CPU time so far.
struct Spent {
    broker: Option<Cost>,
    own_s: f64,
    busy_s: f64,
}

impl Spent {
    fn read(pid: Option<u32>) -> Result<Self, BenchError> {
        Ok(Self {
            broker: pid.map(cost::of).transpose()?,
            own_s: cost::of(std::process::id())?.cpu_s,
            busy_s: cost::machine_busy_s()?,
        })
    }

    fn broker_s(&self) -> f64 {
        self.broker.map_or(0.0, |cost| cost.cpu_s)
    }
}

pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Load {
    pub(crate) fn prepared(&self, number: u32) -> Result<Prepared, BenchError> {
        let queue = i32::try_from(number).unwrap_or(0).rem_euclid(QUEUES);
        match self.work {
            Work::Send(bytes) => Prepared::send(&self.topic, queue, bytes, self.serialization),
            Work::Pull(batch, _) => {
                let mut pull = Prepared::pull(&self.topic, queue, batch, self.serialization)?;
                pull.set_offset(0);
                Ok(pull)
            }
        }
    }
}

/// One connection that keeps so many requests unanswered.
async fn closed(
    load: &Load,
    number: u32,
    in_flight: usize,
    window: Window,
) -> Result<Tally, BenchError> {
    let mut stream = TcpStream::connect(load.broker).await?;
    stream.set_nodelay(true)?;
    let mut prepared = load.prepared(number)?;
    let (mut tally, mut asked) = (Tally::default(), Asked::default());
    let (mut input, mut output) = (BytesMut::with_capacity(256 << 10), BytesMut::new());
    let mut offset = 0;
    loop {
        let now = Instant::now();
        let born_ms = now_ms();
        while asked.unanswered() < in_flight && now < window.until {
            prepared.put(asked.ask(now), u64::from(number), born_ms, &mut output);
        }
        if asked.unanswered() == 0 {
            return Ok(tally);
        }
        stream.write_all(&output).await?;
        output.clear();
        if stream.read_buf(&mut input).await? == 0 {
            return Err(BenchError::Closed(load.broker));
        }
        let now = Instant::now();
        while let Some(bytes) = frame::frame_bytes(&input)?.filter(|bytes| *bytes <= input.len()) {
            let answer = input.get(..bytes).unwrap_or_default();
            let (since, messages) = take(load, answer, &mut asked, &mut tally);
            if let Work::Pull(_, end) = load.work {
                offset += i64::from(messages);
                if messages == 0 || end <= offset {
                    offset = 0;
                }
                prepared.set_offset(offset);
            }
            if let Some(since) = since.filter(|_| 0 < messages)
                && window.from <= since
                && now <= window.until
            {
                tally.record(now - since, messages);
            }
            input.advance(bytes);
        }
        input.reserve(64 << 10);
    }
}

/// When the request that a frame answers was made, and how many messages it stands for.
pub(crate) fn take(
    load: &Load,
    answer: &[u8],
    asked: &mut Asked,
    tally: &mut Tally,
) -> (Option<Instant>, u32) {
    let Some(seen) = frames::seen(answer) else { return (None, 0) };
    let since = asked.answered(seen.opaque);
    let messages = match load.work {
        Work::Send(_) => 1,
        Work::Pull(..) => frames::records(answer),
    };
    if seen.code == 0 {
        return (since, messages);
    }
    // A pull at the end of its queue is not refused.
    if matches!(load.work, Work::Send(_)) || !matches!(seen.code, 19..=21) {
        tally.refused += 1;
        if tally.refusal.is_none()
            && let Ok(Some(whole)) = frame::take_frame(&mut BytesMut::from(answer))
        {
            tally.refusal =
                Some(format!("code {}: {}", whole.code, whole.remark.unwrap_or_default()));
        }
    }
    (since, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::echo;

    async fn on_the_echo(pace: Pace) -> Measured {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let broker = listener.local_addr().unwrap();
        tokio::spawn(echo::serve(listener));
        let load = Load {
            broker,
            topic: "t".to_owned(),
            work: Work::Send(100),
            pace,
            connections: 3,
            serialization: Serialization::Binary,
            warm_up: Duration::ZERO,
            measure: Duration::from_millis(60),
            pid: None,
        };
        run(&load).await.unwrap()
    }

    #[tokio::test]
    async fn a_closed_loop_counts_every_answer_once() {
        let tally = on_the_echo(Pace::InFlight(4)).await.tally;
        assert!(0 < tally.messages);
        assert_eq!((tally.latencies.len(), tally.refused), (tally.messages, 0));
    }

    #[tokio::test]
    async fn an_open_loop_asks_what_was_offered_however_late() {
        let tally = on_the_echo(Pace::PerSecond(2_000)).await.tally;
        assert_eq!((tally.messages, tally.latencies.len(), tally.refused), (120, 120, 0));
    }

    #[tokio::test]
    async fn a_broker_that_is_not_there_is_an_error() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let broker = listener.local_addr().unwrap();
        drop(listener);
        let load = Load {
            broker,
            topic: "t".to_owned(),
            work: Work::Pull(32, 10),
            pace: Pace::InFlight(1),
            connections: 1,
            serialization: Serialization::Json,
            warm_up: Duration::ZERO,
            measure: Duration::from_millis(1),
            pid: None,
        };
        assert!(run(&load).await.is_err());
    }
}
