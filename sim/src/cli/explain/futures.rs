//! Futures of a plan, each in a process of its own, as many at a time as there are cores.

use std::{
    ops::Range,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use scenarios::Plan;

use crate::{
    Branch,
    cli::{
        CliError, replay, words,
        workers::{self, Watch},
    },
    world::locked,
};

/// What became of some futures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Broke the promise.
    pub(super) failed: u64,
    /// Failed themselves.
    pub(super) lost: u64,
    /// The first that kept it.
    pub(super) kept: Option<u64>,
}

/// Where futures are played.
pub(super) struct Stand {
    pub(super) program: PathBuf,
    /// The plan, for the processes.
    pub(super) file: PathBuf,
    pub(super) futures: u64,
    plan: String,
    name: (u64, String),
    jobs: usize,
    watch: Watch,
    played: AtomicU64,
}

impl Stand {
    pub(super) fn new(plan: &Plan, jobs: Option<usize>, futures: u64) -> Result<Self, CliError> {
        let file = format!("sim-explain-{}.json", std::process::id());
        Ok(Self {
            program: workers::myself()?,
            file: std::env::temp_dir().join(file),
            futures,
            plan: plan.to_json()?,
            name: (plan.seed, plan.scenario.clone()),
            jobs: workers::jobs(jobs),
            watch: Watch::start(),
            played: AtomicU64::new(0),
        })
    }

    /// Plays the futures of these numbers that begin at `at`.
    pub(super) fn play(
        &self,
        at: u64,
        numbers: Range<u64>,
        checker: &str,
    ) -> Result<Tally, CliError> {
        if !self.file.exists() {
            replay::write(&self.file, &self.plan)?;
        }
        let (tally, error) = (Mutex::new(Tally::default()), Mutex::new(None));
        let count = numbers.end - numbers.start;
        workers::share(count, self.jobs, |place| {
            let branch = Branch { at, number: numbers.start + place };
            let (seed, scenario) = &self.name;
            match workers::play_branch(&self.program, &self.file, branch, (*seed, scenario)) {
                Ok(outcome) => {
                    let is_failed = outcome.broken.contains_key(checker);
                    let mut tally = locked(&tally);
                    tally.failed += u64::from(is_failed);
                    tally.lost += u64::from(outcome.exit_code == 2);
                    if outcome.exit_code != 2 && !is_failed {
                        let first = tally.kept.unwrap_or(u64::MAX).min(branch.number);
                        tally.kept = Some(first);
                    }
                    true
                }
                Err(cause) => {
                    locked(&error).get_or_insert(cause);
                    false
                }
            }
        });
        let tally = *locked(&tally);
        self.tell(at, count, tally);
        let error = locked(&error).take();
        error.map_or(Ok(tally), Err)
    }

    fn tell(&self, at: u64, count: u64, tally: Tally) {
        let played = self.played.fetch_add(count, Relaxed) + count;
        let (seconds, millis) = (at / 1_000_000_000, at / 1_000_000 % 1000);
        words::progress(&format!(
            "{played} futures in {} s; from {seconds}.{millis:03} s on {} of {count} break it",
            self.watch.millis() / 1000,
            tally.failed,
        ));
    }

    /// Takes the plan away again.
    pub(super) fn end(&self) -> Result<(), CliError> {
        if self.file.exists() { replay::remove(&self.file) } else { Ok(()) }
    }
}
