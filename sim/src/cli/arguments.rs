//! What can be asked on the command line.

use std::{ops::Range, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::{Branch, crash_points::Crash};

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
    /// Put the results of several sweeps together
    Merge(Merge),
    /// Play each seed in two processes and compare the trace hashes
    Twice(Twice),
    /// Make a plan that breaks a promise as small as it can be
    Shrink(Shrink),
    /// Show where two runs part, and how the difference spreads
    Diff(Diff),
    /// Recover the store from every disk that a crash may leave, at every point of scripts
    CrashPoints(CrashPoints),
    /// Tell why a run breaks a promise, and from when on nothing could help any more
    Explain(Explain),
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
    /// Play another future than the plan's own: no new fault begins in it, and from that moment on
    /// all draws are others. `sim explain` names some
    #[arg(long, value_name = "NANOSECONDS:NUMBER")]
    pub(super) branch: Option<Branch>,
}

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The plan, or the report of a run that was played by it
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
    /// Write every outcome to this file, and from time to time what is known so far
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Write a page with plots of what came out, when it is over
    #[arg(long, value_name = "FILE")]
    pub(super) page: Option<PathBuf>,
    /// Go on where an interrupted sweep left its file
    #[arg(long, requires = "json")]
    pub(super) resume: bool,
    /// Play only every Nth seed, beginning with the Ith: the part of one of N machines, I from 0
    #[arg(long, value_name = "I/N", value_parser = shard)]
    pub(super) shard: Option<Shard>,
    /// Make one plan of each kind of failure as small as it can be, and keep it in this directory
    #[arg(long, value_name = "DIRECTORY")]
    pub(super) shrink_to: Option<PathBuf>,
    /// The scenario; all of them in turn unless given
    #[arg(long, value_name = "NAME")]
    pub(super) scenario: Option<String>,
    /// Show which situations were reached, and fail if a required one never was, however few the
    /// seeds
    #[arg(long)]
    pub(super) probes: bool,
}

/// One part of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    /// Which.
    pub(super) number: u64,
    /// Of how many.
    pub(super) of: u64,
}

impl Shard {
    /// Everything.
    pub(super) const WHOLE: Self = Self { number: 0, of: 1 };

    /// Whether a seed belongs to it.
    pub(super) fn has(self, seed: u64) -> bool {
        seed % self.of == self.number
    }
}

#[derive(Debug, Args)]
pub(super) struct Merge {
    /// What `sweep --json` wrote
    #[arg(value_name = "FILE", required = true)]
    pub(super) parts: Vec<PathBuf>,
    /// Write all outcomes to this file
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Write a page with plots of what came out to this file
    #[arg(long, value_name = "FILE")]
    pub(super) page: Option<PathBuf>,
    /// Fail if a required situation was reached by none of them
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
pub(super) struct Diff {
    /// The plan of one run, or its report
    #[arg(value_name = "A.JSON")]
    pub(super) a: PathBuf,
    /// The plan of the other; the same to compare two builds
    #[arg(value_name = "B.JSON")]
    pub(super) b: PathBuf,
    /// Another build of this program, which plays B: old with new
    #[arg(long, value_name = "PROGRAM")]
    pub(super) other: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The plan, or the report of a run that was played by it
    #[arg(value_name = "PLAN.JSON", conflicts_with_all = ["seed", "scenario"])]
    pub(super) plan: Option<PathBuf>,
    /// The seed that the plan is drawn from, instead of a file
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// The scenario, if not the usual one
    #[arg(long, value_name = "NAME", requires = "seed")]
    pub(super) scenario: Option<String>,
    /// The checker whose finding is explained; the first one unless given
    #[arg(long, value_name = "CHECKER")]
    pub(super) promise: Option<String>,
    /// How many futures are played from each moment that is looked at
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(super) futures: u64,
    /// Write the explanation to this file, too, with every moment that was looked at
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// How many processes at a time; all cores unless given
    #[arg(long, value_name = "J")]
    pub(super) jobs: Option<usize>,
}

#[derive(Debug, Args)]
pub(super) struct Shrink {
    /// The plan, or the report of a run that was played by it
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
pub(super) struct CrashPoints {
    /// How many scripts, of seeds that follow one another
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(super) scripts: u64,
    /// Operations of a script
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(super) operations: usize,
    /// The seed of the first script
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(super) seed: u64,
    /// Where at most K things are at risk, each kept or lost, every combination is tried
    #[arg(long, value_name = "K", default_value_t = 10)]
    pub(super) full_at: u32,
    /// Of N distinct states one is interrupted at every point of its recovery
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(super) interrupt_every: u64,
    /// Tear each sector at N drawn bytes, besides losing and keeping it whole
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) tears: u64,
    /// How many scripts at a time; all cores unless given
    #[arg(long, value_name = "J")]
    pub(super) jobs: Option<usize>,
    /// Write the sums and the first findings to this file
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Try only what happens at this point of the first script
    #[arg(long, value_name = "P", requires = "crash")]
    pub(super) point: Option<u64>,
    /// And only this: `process`, or which way each thing at risk goes, as a finding says it
    #[arg(long, value_name = "CRASH", requires = "point")]
    pub(super) crash: Option<Crash>,
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
    #[arg(long)]
    pub(super) branch: Option<Branch>,
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

/// `I/N`.
fn shard(text: &str) -> Result<Shard, String> {
    let parts = text.split_once('/').and_then(|(number, of)| {
        Some(Shard { number: number.trim().parse().ok()?, of: of.trim().parse().ok()? })
    });
    match parts {
        Some(shard) if shard.number < shard.of => Ok(shard),
        Some(Shard { number, of }) => Err(format!("part {number} of {of}: they count from 0")),
        None => Err(format!("`{text}` is not a part, such as 0/4")),
    }
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

    #[test]
    fn parts_cover_every_seed_once() {
        let all: Vec<Shard> = (0..3).map(|number| shard(&format!("{number}/3")).unwrap()).collect();
        for seed in 0..100 {
            assert_eq!(all.iter().filter(|part| part.has(seed)).count(), 1);
        }
        assert!(Shard::WHOLE.has(7));
        assert!(shard("3/3").unwrap_err().contains("count from 0"));
        assert!(shard("3").unwrap_err().contains("0/4"));
        assert!(shard("0/0").is_err());
    }
}
