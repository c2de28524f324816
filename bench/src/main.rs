//! Load on a broker, measured.
//!
//! ```text
//! bench send --broker 127.0.0.1:10911 --connections 64 --bytes 1024 --seconds 10 --pid PID
//! bench echo --listen 127.0.0.1:10999      answers every send with a canned SEND_OK: the wall
//! bench compare                            Gantry, Apache RocketMQ and the echo, in turns
//! ```
//! Closed loops or a given pace. The generator is the same whoever answers, so that brokers can
//! be compared with each other and with the bare echo. It speaks to sockets itself: it is not part
//! of the product, and must cost as little as it can.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a load generator measures the real world"
)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks")]

mod asked;
mod compare;
mod cost;
mod doc;
mod echo;
mod error;
mod frames;
mod jars;
mod load;
mod machine;
mod open;
mod page;
mod peers;
mod program;
mod results;
mod rows;
mod send;
mod table;

use std::{net::SocketAddr, process::ExitCode};

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::error::BenchError;

#[derive(Parser)]
#[command(name = "bench", about = "Load on a broker, measured")]
struct Arguments {
    #[command(subcommand)]
    job: Job,
}

#[derive(Subcommand)]
enum Job {
    /// Sends messages in closed loops and prints rate, latencies and CPU as text and JSON.
    Send(send::Send),
    /// Answers every request with the answer to a send: what the machine allows at most.
    Echo {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:10999")]
        listen: SocketAddr,
    },
    /// Measures Gantry beside Apache RocketMQ and the bare echo, and prints a table of ratios.
    Compare(Box<compare::Compare>),
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Arguments::parse().job {
        Job::Send(asked) => send::run(asked).await,
        Job::Echo { listen } => echo::run(listen).await,
        Job::Compare(asked) => until_interrupted(compare::run(*asked)).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("bench: {cause}");
            ExitCode::FAILURE
        }
    }
}

/// Drops the work, and with it every server that was started, when the user has had enough.
async fn until_interrupted(
    work: impl Future<Output = Result<(), BenchError>>,
) -> Result<(), BenchError> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        biased;
        _ = interrupted.recv() => Err(BenchError::Interrupted),
        _ = terminated.recv() => Err(BenchError::Interrupted),
        done = work => done,
    }
}
