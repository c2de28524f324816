//! The smallest plan that still breaks the same promise.
//!
//! Cut after cut is tried, the boldest first, each in a process of its own, until none is left
//! that the failure survives. A smaller plan takes another course, so a cut gets several worlds
//! (seeds of latencies and of what a power cut takes) to show the failure in.

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use reports::SeedResult;
use scenarios::{Cut, Plan};

use super::{
    CliError,
    arguments::{Effort, Shrink},
    replay, words,
    workers::{self, Watch},
};
use crate::world::locked;

/// Cuts that are played at the same time; of those that work the first counts, so that the outcome
/// does not depend on the number of cores.
const AT_ONCE: usize = 4;

/// A failure that a smaller plan must show, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// This checker finds a broken promise.
    Promise(String),
    /// The run itself fails.
    Run,
}

impl Failure {
    pub(super) fn of(result: &SeedResult) -> Option<Self> {
        // Those who say something in words come first: they are easier to understand.
        let named = result.violations.first().and_then(|words| words.split(' ').next());
        let first = named.map(str::to_owned).or_else(|| result.broken.keys().next().cloned());
        match result.exit_code {
            0 => None,
            1 => first.map(Self::Promise),
            _ => Some(Self::Run),
        }
    }

    fn is_in(&self, result: &SeedResult) -> bool {
        match self {
            Self::Promise(checker) => result.broken.contains_key(checker),
            Self::Run => result.exit_code == 2,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Promise(checker) => checker,
            Self::Run => "a run that fails",
        }
    }
}

/// Makes the plan in a file smaller.
pub(super) fn from_file(shrink: &Shrink) -> Result<u8, CliError> {
    let plan = replay::read(&shrink.plan)?;
    let out = shrink.out.clone().unwrap_or_else(|| shrink.plan.with_extension("small.json"));
    shrunk(plan, shrink.promise.as_deref(), &shrink.effort, &out)
}

/// Makes a plan smaller, writes it to `out`, and says how much is left.
pub(super) fn shrunk(
    plan: Plan,
    promise: Option<&str>,
    effort: &Effort,
    out: &Path,
) -> Result<u8, CliError> {
    let stand = Stand::new(effort)?;
    let before = stand.play(&plan)?;
    let found = Failure::of(&before);
    let failure = promise.map(|checker| Failure::Promise(checker.to_owned())).or(found);
    let Some(failure) = failure.filter(|failure| failure.is_in(&before)) else {
        let wanted = promise.unwrap_or("any promise");
        words::say(&format!("the plan does not break {wanted}: there is nothing to shrink"));
        return Ok(2);
    };
    let size_before = Size::of(&plan, &before);
    let (small, after) = stand.smallest(plan, before, &failure)?;
    replay::write(out, &small.to_json()?)?;
    words::progress_end();
    words::say(&table(&size_before, &Size::of(&small, &after)));
    let what = after.violations.iter().find(|words| words.starts_with(failure.name()));
    words::say(what.or_else(|| after.troubles.first()).map_or("", String::as_str));
    let (tried, seconds) = (stand.tried.load(Relaxed), stand.watch.millis() / 1000);
    let shown = out.display();
    words::say(&format!("{tried} plans tried in {seconds} s; the smallest is {shown}"));
    words::say(&format!("Play it: cargo run -p sim -- replay {shown}"));
    Ok(0)
}

/// Where plans are tried.
struct Stand {
    program: PathBuf,
    scratch: PathBuf,
    jobs: usize,
    worlds: u64,
    within_ms: u64,
    watch: Watch,
    tried: AtomicU64,
}

impl Stand {
    fn new(effort: &Effort) -> Result<Self, CliError> {
        Ok(Self {
            program: workers::myself()?,
            scratch: std::env::temp_dir().join(format!("sim-shrink-{}", std::process::id())),
            jobs: workers::jobs(effort.jobs),
            worlds: effort.worlds.max(1),
            within_ms: effort.within.saturating_mul(1000),
            watch: Watch::start(),
            tried: AtomicU64::new(0),
        })
    }

    fn play(&self, plan: &Plan) -> Result<SeedResult, CliError> {
        self.tried.fetch_add(1, Relaxed);
        workers::play_plan(&self.program, &self.scratch.with_extension("json"), plan, None)
    }

    /// Cuts until nothing can be cut any more, or the time is over.
    fn smallest(
        &self,
        mut plan: Plan,
        mut result: SeedResult,
        failure: &Failure,
    ) -> Result<(Plan, SeedResult), CliError> {
        let mut place = 0;
        let mut in_vain = 0;
        loop {
            let cuts = scenarios::cuts(&plan);
            if cuts.is_empty() || cuts.len() <= in_vain || self.within_ms <= self.watch.millis() {
                return Ok((plan, result));
            }
            // Go on where the last cut worked: what did not work before it seldom works now.
            place %= cuts.len();
            let batch: Vec<&Cut> = cuts.iter().skip(place).take(AT_ONCE).collect();
            let words = batch.first().map_or("", |cut| cut.what.as_str());
            words::progress(&format!(
                "{} faults, {} nodes, {} s; without {words}?",
                plan.faults.len(),
                plan.node_names().len(),
                plan.timing.heal_at_ms / 1000,
            ));
            match self.first_that_fails(&batch, failure)? {
                Some((nth, smaller, outcome)) => {
                    (plan, result) = (smaller, outcome);
                    (place, in_vain) = (place + nth, 0);
                }
                None => {
                    place += batch.len();
                    in_vain += batch.len();
                }
            }
        }
    }

    /// The first of some cuts that still shows the failure, with the world it does so in.
    fn first_that_fails(
        &self,
        batch: &[&Cut],
        failure: &Failure,
    ) -> Result<Option<(usize, Plan, SeedResult)>, CliError> {
        for world in 0..self.worlds {
            let slots: Vec<_> = batch.iter().map(|_| Mutex::new(None)).collect();
            let count = batch.len() as u64;
            self.tried.fetch_add(count, Relaxed);
            workers::share(count, self.jobs, |number| {
                let Ok(nth) = usize::try_from(number) else { return false };
                let mut plan = batch[nth].plan.clone();
                plan.seed = plan.seed.wrapping_add(world);
                let file = self.scratch.with_extension(format!("{nth}.json"));
                let outcome = workers::play_plan(&self.program, &file, &plan, None);
                *locked(&slots[nth]) = Some(outcome.map(|outcome| (plan, outcome)));
                true
            });
            for (nth, slot) in slots.into_iter().enumerate() {
                let taken = locked(&slot).take();
                let Some(outcome) = taken else { continue };
                let (plan, outcome) = outcome?;
                if failure.is_in(&outcome) {
                    return Ok(Some((nth, plan, outcome)));
                }
            }
        }
        Ok(None)
    }
}

/// How much there is to understand.
struct Size {
    faults: usize,
    operations: u64,
    nodes: usize,
    simulated_ms: u64,
}

impl Size {
    fn of(plan: &Plan, result: &SeedResult) -> Self {
        Self {
            faults: plan.faults.iter().filter(|struck| struck.fault.kind().is_some()).count(),
            operations: result.traffic.sends,
            nodes: plan.node_names().len(),
            simulated_ms: plan.timing.heal_at_ms,
        }
    }
}

fn table(before: &Size, after: &Size) -> String {
    let row =
        |what: &str, before: String, after: String| format!("{what:<28}{before:>9}{after:>9}");
    let seconds = |ms: u64| format!("{}.{:01}", ms / 1000, ms % 1000 / 100);
    [
        row("", "before".to_owned(), "after".to_owned()),
        row("faults", before.faults.to_string(), after.faults.to_string()),
        row("sends", before.operations.to_string(), after.operations.to_string()),
        row("nodes", before.nodes.to_string(), after.nodes.to_string()),
        row("seconds until the heal", seconds(before.simulated_ms), seconds(after.simulated_ms)),
    ]
    .join("\n")
}
