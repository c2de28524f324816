//! One process per seed, as many at a time as there are cores.
//!
//! Nothing of one seed can reach another: no static, no thread-local, no address. What it costs is
//! the start of a process, a few milliseconds.

#![expect(clippy::disallowed_methods, reason = "here the command line meets the real machine")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use reports::SeedResult;

use super::{CliError, replay};
use crate::Branch;

/// A process that takes longer than this hangs.
const HANGS_AFTER: Duration = Duration::from_secs(600);

/// How a seed is played in a process of its own.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) seed: u64,
    pub(super) scenario: String,
    pub(super) trace_out: Option<PathBuf>,
}

/// This program.
pub(super) fn myself() -> Result<PathBuf, CliError> {
    let nobody = |cause| CliError::File { what: "cannot find", path: "this program".into(), cause };
    std::env::current_exe().map_err(nobody)
}

/// As many processes at a time as were asked for, or as there are cores.
pub(super) fn jobs(asked: Option<usize>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    asked.unwrap_or_else(cores).max(1)
}

/// Plays one seed in a process and gives its outcome.
pub(super) fn play(program: &Path, job: &Job) -> Result<SeedResult, CliError> {
    let mut command = Command::new(program);
    command.args(["one", "--seed", &job.seed.to_string(), "--scenario", &job.scenario]);
    if let Some(path) = &job.trace_out {
        command.arg("--trace-out").arg(path);
    }
    outcome_of(command, job.seed, &job.scenario)
}

/// Plays a plan, which is laid into `file` for as long, in a process and gives its outcome.
pub(super) fn play_plan(
    program: &Path,
    file: &Path,
    plan: &scenarios::Plan,
    trace_out: Option<&Path>,
) -> Result<SeedResult, CliError> {
    replay::write(file, &plan.to_json()?)?;
    let mut command = Command::new(program);
    command.args(["one", "--plan"]).arg(file);
    if let Some(path) = trace_out {
        command.arg("--trace-out").arg(path);
    }
    let outcome = outcome_of(command, plan.seed, &plan.scenario);
    replay::remove(file)?;
    outcome
}

/// Plays another future of the plan in `file`, of that seed and scenario.
pub(super) fn play_branch(
    program: &Path,
    file: &Path,
    branch: Branch,
    (seed, scenario): (u64, &str),
) -> Result<SeedResult, CliError> {
    let mut command = Command::new(program);
    command.args(["one", "--branch", &branch.to_string(), "--plan"]).arg(file);
    outcome_of(command, seed, scenario)
}

fn outcome_of(mut command: Command, seed: u64, scenario: &str) -> Result<SeedResult, CliError> {
    let worker = |what: String| CliError::Worker { seed, what };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| worker(format!("did not start: {error}")))?;
    let output = child.wait_with_output().map_err(|error| worker(format!("got lost: {error}")))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().rev().find(|line| line.starts_with('{'));
    if let Some(outcome) = line.and_then(|line| serde_json::from_str(line).ok()) {
        return Ok(outcome);
    }
    let last = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = last.lines().rev().take(6).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    let words = format!("ended with {} and said: {}", output.status, last.join(" | "));
    // An abort is how a panic ends where it cannot be caught.
    let mut result = SeedResult::failed(seed, scenario, words.clone());
    if output.status.code() == Some(1) {
        result.exit_code = 1;
        result.broken.insert("L4".to_owned(), 1);
        result.violations.push(words);
        result.troubles.clear();
    }
    Ok(result)
}

/// Gives numbers 0 to `count` to `jobs` threads until all are done or one says to stop (`false`).
pub(super) fn share(count: u64, jobs: usize, work: impl Fn(u64) -> bool + Sync) {
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    let number = next.fetch_add(1, Relaxed);
                    if count <= number {
                        return;
                    }
                    if !work(number) {
                        stop.store(true, Relaxed);
                    }
                }
            });
        }
    });
}

/// Measures real time.
pub(super) struct Watch(Instant);

impl Watch {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn micros(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    pub(super) fn millis(&self) -> u64 {
        self.micros() / 1000
    }
}

/// Ends this process with exit code 2 if it takes too long: one poll of a task that never returns
/// cannot be ended in any other way.
pub(super) fn watchdog(seed: u64) {
    let bark = move || {
        std::thread::sleep(HANGS_AFTER);
        super::words::complain(&format!("seed {seed} hangs: a poll of a task does not return"));
        std::process::exit(2);
    };
    drop(std::thread::Builder::new().spawn(bark));
}

/// Tells somebody who waits how far it is, at most some times a second.
pub(super) struct Bar {
    total: u64,
    /// What is counted.
    what: &'static str,
    watch: Watch,
    last: Mutex<u64>,
}

impl Bar {
    pub(super) fn new(total: u64) -> Self {
        Self::of(total, "seeds")
    }

    pub(super) fn of(total: u64, what: &'static str) -> Self {
        Self { total, what, watch: Watch::start(), last: Mutex::new(0) }
    }

    pub(super) fn millis(&self) -> u64 {
        self.watch.millis()
    }

    pub(super) fn show(&self, done: u64, bad: u64) {
        let now = self.watch.micros();
        let mut last = crate::world::locked(&self.last);
        // Where every line stays, a line is worth more.
        let pause = if super::words::is_watched() { 200_000 } else { 5_000_000 };
        if now < *last + pause && done != self.total {
            return;
        }
        *last = now;
        let width = 30;
        let filled = done * width / self.total.max(1);
        let bar: String = (0..width).map(|at| if at < filled { '█' } else { '·' }).collect();
        let left = (self.total - done) * now / done.max(1) / 1_000_000;
        let (total, what) = (self.total, self.what);
        super::words::progress(&format!("{bar} {done}/{total} {what}, {bad} bad, {left} s left"));
    }

    pub(super) fn end(&self) {
        super::words::progress_end();
    }
}
