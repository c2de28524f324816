//! `bench send`: one load on one broker.

use std::{net::SocketAddr, time::Duration};

use clap::Args;
use protocol::Serialization;

use crate::{
    error::BenchError,
    load::{self, Load, Measured, Pace, Work},
};

/// What to send, to whom, how.
#[derive(Args, Clone)]
pub(crate) struct Send {
    /// The broker's address.
    #[arg(long, default_value = "127.0.0.1:10911")]
    broker: SocketAddr,
    /// Connections.
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// Requests in flight on each connection.
    #[arg(long, default_value_t = 1)]
    in_flight: usize,
    /// Sends a second over all connections instead, answered or not; latencies then count from the
    /// moment at which each should have left.
    #[arg(long, conflicts_with = "in_flight")]
    rate: Option<u32>,
    /// Bytes of each message's body.
    #[arg(long, default_value_t = 1024)]
    bytes: usize,
    /// Seconds to measure, after a warm-up of a fifth as long.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// The topic, created on the fly.
    #[arg(long, default_value = "BenchmarkTest")]
    topic: String,
    /// Binary headers instead of JSON.
    #[arg(long)]
    binary: bool,
    /// The broker's process, to read its CPU time and memory.
    #[arg(long)]
    pid: Option<u32>,
}

/// Runs the load and prints what it measured.
pub(crate) async fn run(asked: Send) -> Result<(), BenchError> {
    let load = Load {
        broker: asked.broker,
        topic: asked.topic.clone(),
        work: Work::Send(asked.bytes),
        pace: asked.rate.map_or(Pace::InFlight(asked.in_flight), Pace::PerSecond),
        connections: asked.connections,
        serialization: if asked.binary { Serialization::Binary } else { Serialization::Json },
        warm_up: Duration::from_millis(200) * asked.seconds,
        measure: Duration::from_secs(1) * asked.seconds,
        pid: asked.pid,
    };
    print_result(&asked, &load::run(&load).await?);
    Ok(())
}

fn print_result(asked: &Send, measured: &Measured) {
    let tally = &measured.tally;
    let rate = tally.messages as f64 / measured.seconds;
    let at = |quantile: f64| tally.latencies.value_at_quantile(quantile);
    let pace = asked.rate.map_or_else(
        || format!("{} in flight", asked.in_flight),
        |rate| format!("{rate}/s offered in all"),
    );
    println!(
        "{} connections x {pace}, {} bytes: {rate:.0}/s  p50 {} us  p99 {} us  p99.9 {} us",
        asked.connections,
        asked.bytes,
        at(0.5),
        at(0.99),
        at(0.999),
    );
    if let Some(words) = &tally.refusal {
        println!("{} refused, {words}", tally.refused);
    }
    let per_message = measured.broker.map(|(cpu_s, cost)| {
        let micros = cpu_s * 1e6 / tally.messages.max(1) as f64;
        println!(
            "broker: {micros:.2} us CPU per message, {} MiB resident",
            cost.resident_bytes >> 20
        );
        (micros, cost.resident_bytes)
    });
    let json = serde_json::json!({
        "connections": asked.connections, "bytes": asked.bytes,
        "in_flight": asked.rate.is_none().then_some(asked.in_flight), "offered_per_s": asked.rate,
        "seconds": asked.seconds, "messages": tally.messages, "refused": tally.refused,
        "rate_per_s": rate, "p50_us": at(0.5), "p99_us": at(0.99), "p999_us": at(0.999),
        "max_us": tally.latencies.max(), "foreign_cores": measured.foreign_cores,
        "broker_cpu_us_per_message": per_message.map(|cost| cost.0),
        "broker_resident_bytes": per_message.map(|cost| cost.1),
    });
    println!("{json}");
}
