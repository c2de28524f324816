//! Sends and consumes from a command line, one JSON object per line.
//!
//! ```sh
//! cargo run -p client --example mq -- push -g billing -t orders &
//! echo '{"body":"paid","tags":"eu","keys":["order-7"]}' |
//!     cargo run -p client --example mq -- send -g payments -t orders
//! ```
//! Every verb is a file of its own, meant to be read: `send`, `push`, `pull` and `lite` show the
//! producer and the three kinds of consumer.

mod lite;
mod pull;
mod push;
mod send;
mod shown;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use runtime::Runtime;

/// What any verb may end with.
type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Sends and consumes messages of RocketMQ brokers.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Sends the messages that standard input brings, one JSON object per line
    Send(send::Send),
    /// Consumes with a listener until it is asked to stop
    Push(push::Push),
    /// Pulls all that a group has not committed yet, commits it, and ends
    Pull(pull::Pull),
    /// Polls until it is asked to stop, or has got enough
    Lite(lite::Lite),
}

/// Where to, and as whom.
#[derive(Clone, Debug, Args)]
struct Place {
    /// Name servers, separated by `;`
    #[arg(short = 'n', long, default_value = "127.0.0.1:9876")]
    name_servers: String,
    /// Group of the producer or consumer
    #[arg(short, long)]
    group: String,
    /// Topic
    #[arg(short, long)]
    topic: String,
    /// Part of the client id after the address; drawn without one
    #[arg(short, long)]
    instance_name: Option<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match runtime::real::run(|runtime| run(runtime, arguments.verb)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => fail(&error),
        Err(error) => fail(&error),
    }
}

async fn run(runtime: Runtime, verb: Verb) -> Outcome {
    match verb {
        Verb::Send(send) => send.run(runtime).await,
        Verb::Push(push) => push.run(runtime).await,
        Verb::Pull(pull) => pull.run(runtime).await,
        Verb::Lite(lite) => lite.run(runtime).await,
    }
}

fn fail(error: &dyn std::fmt::Display) -> ExitCode {
    match writeln!(io::stderr(), "mq: {error}") {
        Ok(()) | Err(_) => ExitCode::FAILURE,
    }
}
