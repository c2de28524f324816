//! The command line.

mod arguments;
mod crash_points;
mod diff;
mod explain;
mod recovery;
mod replay;
mod shrink;
mod sweep;
mod twice;
mod words;
mod workers;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::Parser;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// A plan cannot be drawn or read.
    #[error(transparent)]
    Plan(#[from] scenarios::PlanError),
    /// A file cannot be read or written.
    #[error("{what} {path}: {cause}")]
    File {
        /// What was tried.
        what: &'static str,
        /// Which file.
        path: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A file does not hold what a sweep writes.
    #[error("{path} is not what `sweep --json` writes: {cause}")]
    NoResults {
        /// Which file.
        path: String,
        /// What is wrong with it.
        cause: serde_json::Error,
    },
    /// A process for a seed cannot be started or understood.
    #[error("the process for seed {seed} {what}")]
    Worker {
        /// The seed.
        seed: u64,
        /// What went wrong.
        what: String,
    },
    /// Nothing to explain.
    #[error(
        "give the plan or report of a run that breaks a promise, or --seed N: what shall be explained?"
    )]
    NoPlan,
    /// Nothing to do.
    #[error(
        "give --seed N to play a run, or one of the commands: replay, sweep, merge, twice, shrink, diff, \
         explain, crash-points, list"
    )]
    NoCommand,
}

/// Reads the command line, does what it says, and gives the exit code: 0 all promises kept, 1 a
/// promise broken, 2 the run itself failed.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            words::complain(&error.to_string());
            ExitCode::from(2)
        }
    }
}

fn run(arguments: Arguments) -> Result<u8, CliError> {
    match arguments.command {
        Some(Command::Replay(replay)) => replay::from_file(&replay),
        Some(Command::Sweep(sweep)) => sweep::sweep(&sweep),
        Some(Command::Merge(merge)) => sweep::merge(&merge),
        Some(Command::Twice(twice)) => twice::twice(&twice),
        Some(Command::Shrink(shrink)) => shrink::from_file(&shrink),
        Some(Command::Diff(diff)) => diff::diff(&diff),
        Some(Command::CrashPoints(asked)) => crash_points::crash_points(&asked),
        Some(Command::Explain(explain)) => explain::explain(&explain),
        Some(Command::List) => words::list(),
        Some(Command::One(one)) => replay::as_worker(&one),
        None => replay::one_seed(&arguments.one),
    }
}
