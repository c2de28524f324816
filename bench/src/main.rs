//! Load on a broker, measured.
//!
//! ```text
//! bench send --broker 127.0.0.1:10911 --connections 64 --bytes 1024 --seconds 10 --pid PID
//! bench echo --listen 127.0.0.1:10999      answers every send with a canned SEND_OK: the wall
//! ```
//! One closed loop per connection. The generator is the same whoever answers, so that brokers can
//! be compared with each other and with the bare echo. It speaks to sockets itself: it is not part
//! of the product, and must cost as little as it can.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a load generator measures the real world"
)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks")]

mod cost;
mod echo;
mod send;

use std::{net::SocketAddr, process::ExitCode};

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "bench", about = "Load on a broker, measured")]
struct Arguments {
    #[command(subcommand)]
    job: Job,
}

#[derive(Subcommand)]
enum Job {
    /// Sends messages in closed loops and prints rate, latencies and CPU as text and JSON.
    Send(send::Load),
    /// Answers every request with the answer to a send: what the machine allows at most.
    Echo {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:10999")]
        listen: SocketAddr,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Arguments::parse().job {
        Job::Send(load) => send::run(load).await,
        Job::Echo { listen } => echo::run(listen).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("bench: {cause}");
            ExitCode::FAILURE
        }
    }
}
