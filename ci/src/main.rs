//! The gate that keeps `main` honest.
//!
//! ```text
//! cargo run -p ci -- gate      everything below, as CI runs it
//! cargo run -p ci -- tidy      sizes, names, the single seam, words that must not stand
//! cargo run -p ci -- floors    who imports whom
//! cargo run -p ci -- compatibility  writes docs/compatibility.md anew
//! cargo run -p ci -- hunt      plants known bugs and sees whether a sweep finds them
//! ```
//! It imports no room of the house: it reads the tree as text and runs cargo.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks")]
#![expect(
    clippy::disallowed_methods,
    reason = "the gate is not part of the product: it reads the tree and runs programs"
)]

mod compatibility;
mod floors;
mod gate;
mod hunt;
mod source;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "ci",
    about = "The gate: formatting, lints, house rules, determinism, seeds, interop"
)]
struct Arguments {
    #[command(subcommand)]
    job: Job,
}

#[derive(Subcommand)]
enum Job {
    /// Every stage in order; stops at the first that fails.
    Gate {
        /// Run only the stages with these names (see `--list`).
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
        /// Name the stages and end.
        #[arg(long)]
        list: bool,
    },
    /// House rules that can be read off the text.
    Tidy,
    /// Imports point downward only.
    Floors,
    /// Writes docs/compatibility.md from the dispatch tables and the comments.
    Compatibility,
    /// Plants known bugs in a copy of the tree, and sweeps seeds until each is seen.
    Hunt(hunt::Hunt),
}

fn main() -> ExitCode {
    let passed = match Arguments::parse().job {
        Job::Gate { list: true, .. } => {
            gate::list();
            true
        }
        Job::Gate { only, list: false } => gate::run(&only),
        Job::Tidy => report("tidy", &tidy::check()),
        Job::Floors => report("floors", &floors::check()),
        Job::Compatibility => report("compatibility", &compatibility::write()),
        Job::Hunt(asked) => hunt::run(&asked),
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints what was found; true when nothing was.
fn report(name: &str, complaints: &[String]) -> bool {
    for complaint in complaints {
        eprintln!("{name}: {complaint}");
    }
    println!("{name}: {} complaints", complaints.len());
    complaints.is_empty()
}
