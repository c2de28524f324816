//! Closed loops of sends: each connection keeps so many requests in flight.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use clap::Args;
use hdrhistogram::Histogram;
use protocol::{Command, RequestCode, ResponseCode, Serialization, frame, request};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::cost;

/// What to send, to whom, how.
#[derive(Args, Clone)]
pub(crate) struct Load {
    /// The broker's address.
    #[arg(long, default_value = "127.0.0.1:10911")]
    broker: SocketAddr,
    /// Connections.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Requests in flight on each connection.
    #[arg(long, default_value_t = 1)]
    in_flight: usize,
    /// Bytes of each message's body.
    #[arg(long, default_value_t = 1024)]
    bytes: usize,
    /// Seconds to measure, after a warm-up of a fifth as long.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The topic, created on the fly.
    #[arg(long, default_value = "BenchmarkTest")]
    topic: String,
    /// Its queues that are used.
    #[arg(long, default_value_t = 4)]
    queues: i32,
    /// Binary headers instead of JSON.
    #[arg(long)]
    binary: bool,
    /// The broker's process, to read its CPU time and memory.
    #[arg(long)]
    pid: Option<u32>,
}

/// Why a run could not be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The network or `/proc` failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What came back was not a frame, or a request did not fit into one.
    #[error("{0}")]
    Frame(#[from] frame::FrameError),
    /// The broker refused a send.
    #[error("the broker answered code {code}: {remark}")]
    Refused {
        /// Its code.
        code: i32,
        /// Its words.
        remark: String,
    },
    /// The peer hung up.
    #[error("{0} closed the connection")]
    Closed(SocketAddr),
    /// A task of the generator ended early.
    #[error("{0}")]
    Task(#[from] tokio::task::JoinError),
}

/// Runs the load and prints what it measured.
pub(crate) async fn run(load: Load) -> Result<(), BenchError> {
    let start = Instant::now();
    let from = start + Duration::from_millis(load.seconds * 200);
    let until = from + Duration::from_secs(load.seconds);
    let mut loops = JoinSet::new();
    for number in 0..load.connections {
        let load = load.clone();
        loops.spawn(async move { one_connection(&load, number, from, until).await });
    }
    tokio::time::sleep_until(from.into()).await;
    let before = load.pid.map(cost::of).transpose()?;
    tokio::time::sleep_until(until.into()).await;
    let after = load.pid.map(cost::of).transpose()?;
    let mut latencies = histogram();
    while let Some(one) = loops.join_next().await {
        latencies.add(&one??).unwrap_or_default();
    }
    print_result(&load, &latencies, before.zip(after));
    Ok(())
}

fn histogram() -> Histogram<u64> {
    let mut histogram = Histogram::new(3).unwrap_or_else(|_| unreachable!("3 digits are allowed"));
    histogram.auto(true);
    histogram
}

async fn one_connection(
    load: &Load,
    number: usize,
    from: Instant,
    until: Instant,
) -> Result<Histogram<u64>, BenchError> {
    let mut stream = TcpStream::connect(load.broker).await?;
    stream.set_nodelay(true)?;
    let mut latencies = histogram();
    let mut sent: VecDeque<Instant> = VecDeque::with_capacity(load.in_flight);
    let (mut input, mut output) = (BytesMut::with_capacity(64 << 10), BytesMut::new());
    let mut template = template(load, i32::try_from(number).unwrap_or(0));
    loop {
        while sent.len() < load.in_flight && Instant::now() < until {
            template.opaque = template.opaque.wrapping_add(1) & i32::MAX;
            frame::put_frame(&template, &mut output)?;
            sent.push_back(Instant::now());
        }
        if sent.is_empty() {
            return Ok(latencies);
        }
        stream.write_all(&output).await?;
        output.clear();
        if stream.read_buf(&mut input).await? == 0 {
            return Err(BenchError::Closed(load.broker));
        }
        while let Some(answer) = frame::take_frame(&mut input)? {
            let now = Instant::now();
            if answer.code != i32::from(ResponseCode::SUCCESS) {
                let remark = answer.remark.map_or_else(String::new, |text| text.to_string());
                return Err(BenchError::Refused { code: answer.code, remark });
            }
            let Some(asked) = sent.pop_front() else { continue };
            if from <= asked && now <= until {
                let micros = u64::try_from((now - asked).as_micros()).unwrap_or(u64::MAX);
                latencies.record(micros.max(1)).unwrap_or_default();
            }
        }
    }
}

fn template(load: &Load, number: i32) -> Command {
    let header = request::Send {
        producer_group: "bench".into(),
        topic: load.topic.as_str().into(),
        default_topic: "TBW102".into(),
        default_topic_queues: load.queues,
        queue_id: number.rem_euclid(load.queues.max(1)),
        born_timestamp_ms: 1_700_000_000_000,
        properties: Some(
            "UNIQ_KEY\u{1}7F0000010000000000000000000000AB\u{2}WAIT\u{1}true\u{2}".into(),
        ),
        reconsume_times: Some(0),
        unit_mode: Some(false),
        batch: Some(false),
        ..request::Send::default()
    };
    let serialization = if load.binary { Serialization::Binary } else { Serialization::Json };
    header
        .command_as(RequestCode::SEND_MESSAGE_V2)
        .with_body(Bytes::from(vec![b'x'; load.bytes]))
        .with_serialization(serialization)
}

fn print_result(load: &Load, latencies: &Histogram<u64>, costs: Option<(cost::Cost, cost::Cost)>) {
    let count = latencies.len();
    let rate = count as f64 / load.seconds as f64;
    let at = |quantile: f64| latencies.value_at_quantile(quantile);
    println!(
        "{} connections x {} in flight, {} bytes: {rate:.0}/s  p50 {} us  p99 {} us  p99.9 {} us",
        load.connections,
        load.in_flight,
        load.bytes,
        at(0.5),
        at(0.99),
        at(0.999),
    );
    let per_message = costs.map(|(before, after)| {
        let micros = (after.cpu_s - before.cpu_s) * 1e6 / count.max(1) as f64;
        println!(
            "broker: {micros:.2} us CPU per message, {} MiB resident",
            after.resident_bytes >> 20
        );
        (micros, after.resident_bytes)
    });
    let json = serde_json::json!({
        "connections": load.connections, "in_flight": load.in_flight, "bytes": load.bytes,
        "seconds": load.seconds, "messages": count, "rate_per_s": rate,
        "p50_us": at(0.5), "p99_us": at(0.99), "p999_us": at(0.999), "max_us": latencies.max(),
        "broker_cpu_us_per_message": per_message.map(|cost| cost.0),
        "broker_resident_bytes": per_message.map(|cost| cost.1),
    });
    println!("{json}");
}
