//! What can be asked on the command line.

use std::{ops::Range, path::PathBuf};

use clap::{Args, Parser, Subcommand};

/// Plays a whole message-queue cluster, the shipping code, in a simulated world under a seed.
#[derive(Debug, Parser)]
#[command(name = "sim", version, args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) one: One,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Play a plan that was written to a file
    Replay(Replay),
    /// Play many seeds, each in a process of its own, and sum up
    Sweep(Sweep),
    /// Play each seed in two processes and compare the trace hashes
    Twice(Twice),
    /// Make a plan that breaks a promise as small as it can be
    Shrink(Shrink),
    /// Name the scenarios
    List,
    /// Play one seed and print its outcome as one line of JSON, for sweeps
    #[command(hide = true)]
    One(Worker),
}

/// Plays one seed.
#[derive(Debug, Args)]
pub(super) struct One {
    /// The seed that everything is drawn from
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// The scenario, if not the usual one
    #[arg(long, value_name = "NAME")]
    pub(super) scenario: Option<String>,
    /// Write the plan to this file before playing it
    #[arg(long, value_name = "FILE")]
    pub(super) plan_out: Option<PathBuf>,
    /// If a promise is broken: make the plan as small as it can be, into this directory's reports
    #[arg(long)]
    pub(super) shrink: bool,
    #[command(flatten)]
    pub(super) output: Output,
}

/// Where a run leaves what it found.
#[derive(Debug, Args)]
pub(super) struct Output {
    /// Directory for the reports
    #[arg(long, value_name = "DIRECTORY", default_value = "target/sim")]
    pub(super) report_dir: PathBuf,
    /// Write every single effect as a line to this file
    #[arg(long, value_name = "FILE")]
    pub(super) trace_out: Option<PathBuf>,
    /// Tell the story of the run, event by event
    #[arg(long)]
    pub(super) story: bool,
}

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The plan
    #[arg(value_name = "PLAN.JSON")]
    pub(super) plan: PathBuf,
    #[command(flatten)]
    pub(super) output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Sweep {
    /// The seeds, from A up to but not including B
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    pub(super) seeds: Range<u64>,
    /// How many at a time; all cores unless given
    #[arg(long, value_name = "J")]
    pub(super) jobs: Option<usize>,
    /// Stop at the first seed that breaks a promise
    #[arg(long)]
    pub(super) fail_fast: bool,
    /// Write every outcome to this file
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// The scenario; all of them in turn unless given
    #[arg(long, value_name = "NAME")]
    pub(super) scenario: Option<String>,
    /// Show which situations were reached, and fail if a required one never was, however few the
    /// seeds
    #[arg(long)]
    pub(super) probes: bool,
}

#[derive(Debug, Args)]
pub(super) struct Twice {
    /// The seeds, from A up to but not including B
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    pub(super) seeds: Range<u64>,
    /// How many at a time; all cores unless given
    #[arg(long, value_name = "J")]
    pub(super) jobs: Option<usize>,
    /// The scenario; all of them in turn unless given
    #[arg(long, value_name = "NAME")]
    pub(super) scenario: Option<String>,
    /// Another build of this program, to compare with: debug with release, old with new
    #[arg(long, value_name = "PROGRAM")]
    pub(super) other: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Shrink {
    /// The plan
    #[arg(value_name = "PLAN.JSON")]
    pub(super) plan: PathBuf,
    /// Where the smallest one is written; beside the plan unless given
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// The checker whose finding must stay; the first one unless given
    #[arg(long, value_name = "CHECKER")]
    pub(super) promise: Option<String>,
    #[command(flatten)]
    pub(super) effort: Effort,
}

/// How long the smallest plan is looked for.
#[derive(Debug, Args)]
pub(super) struct Effort {
    /// At most so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(super) within: u64,
    /// In how many worlds a smaller plan may show the failure
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(super) worlds: u64,
    /// How many processes at a time; all cores unless given
    #[arg(long, value_name = "J")]
    pub(super) jobs: Option<usize>,
}

impl Default for Effort {
    fn default() -> Self {
        Self { within: 60, worlds: 3, jobs: None }
    }
}

#[derive(Debug, Args)]
pub(super) struct Worker {
    #[arg(long, required_unless_present = "plan")]
    pub(super) seed: Option<u64>,
    /// A plan from a file instead of one that a seed draws
    #[arg(long, conflicts_with_all = ["seed", "scenario"])]
    pub(super) plan: Option<PathBuf>,
    #[arg(long)]
    pub(super) scenario: Option<String>,
    #[arg(long)]
    pub(super) trace_out: Option<PathBuf>,
}

/// `A..B`, or one seed.
fn seeds(text: &str) -> Result<Range<u64>, String> {
    let number = |text: &str| {
        let wrong = |error| format!("`{text}` is not a seed: {error}");
        text.trim().parse::<u64>().map_err(wrong)
    };
    let range = match text.split_once("..") {
        Some((from, to)) => number(from)?..number(to)?,
        None => number(text).map(|one| one..one.saturating_add(1))?,
    };
    if range.is_empty() {
        return Err(format!("{}..{} holds no seed", range.start, range.end));
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn seeds_are_a_range_or_one() {
        assert_eq!(seeds("0..10"), Ok(0..10));
        assert_eq!(seeds("7"), Ok(7..8));
        assert!(seeds("5..5").unwrap_err().contains("holds no seed"));
        assert!(seeds("a..5").unwrap_err().contains("`a` is not a seed"));
        assert!(seeds("").is_err());
    }
}
