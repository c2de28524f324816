//! Many seeds.

use std::{
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use reports::SeedResult;

use super::{
    CliError,
    arguments::{Effort, Merge, Shard, Sweep},
    recovery, replay, shrink, words,
    workers::{self, Bar, Job},
};
use crate::world::locked;

/// With fewer seeds than this a situation that was not reached is no failure.
const PROBES_FROM: usize = 1000;

/// What is known is written down about so often, so that an interrupted sweep can go on.
const KEPT_TIMES: u64 = 50;

/// But not before so many more seeds were played.
const KEEP_EVERY_MIN: u64 = 50;

/// The scenario that a seed plays in a sweep: all of them in turn.
pub(super) fn scenario_of(seed: u64, asked: Option<&str>) -> String {
    let count = scenarios::ALL.len() as u64;
    let place = usize::try_from(seed % count).unwrap_or(0);
    asked.map_or_else(|| scenarios::ALL[place].name.to_owned(), str::to_owned)
}

pub(super) fn sweep(sweep: &Sweep) -> Result<u8, CliError> {
    if let Some(name) = &sweep.scenario {
        scenarios::draw(0, Some(name))?;
    }
    let known = known_so_far(sweep)?;
    let before_ms = known.waited_ms;
    let shard = sweep.shard.unwrap_or(Shard::WHOLE);
    let wanted = sweep.seeds.clone().filter(|seed| shard.has(*seed));
    let seeds: Vec<u64> = wanted.filter(|seed| !known.seeds.contains_key(seed)).collect();
    let bar = Bar::new(seeds.len() as u64);
    let mut sum = play_all(sweep, &seeds, known, &bar)?;
    sum.waited_ms = before_ms + bar.millis();
    if let Some(path) = &sweep.json {
        replay::write(path, &sum.json())?;
    }
    let must_reach = sweep.probes || (PROBES_FROM <= sum.seeds.len() && sweep.scenario.is_none());
    if let Some(path) = &sweep.page {
        replay::write(path, &reports::sweep_page(&sum, must_reach))?;
    }
    let code = told(&sum, must_reach);
    if let Some(directory) = &sweep.shrink_to {
        shrink_kinds(&sum, directory)?;
    }
    Ok(code)
}

/// Puts the results of parts of a sweep together.
pub(super) fn merge(merge: &Merge) -> Result<u8, CliError> {
    let mut sum = reports::Sweep::default();
    for path in &merge.parts {
        sum.merge(read(path)?);
    }
    if let Some(path) = &merge.json {
        replay::write(path, &sum.json())?;
    }
    if let Some(path) = &merge.page {
        replay::write(path, &reports::sweep_page(&sum, merge.probes))?;
    }
    Ok(told(&sum, merge.probes))
}

/// Says what came out, and gives the exit code.
fn told(sum: &reports::Sweep, must_reach: bool) -> u8 {
    if let Some(line) = recovery::line(sum) {
        words::say(&line);
    }
    words::say(sum.text().trim_end());
    sum.end(must_reach).exit_code()
}

/// What an interrupted sweep left.
fn known_so_far(sweep: &Sweep) -> Result<reports::Sweep, CliError> {
    match &sweep.json {
        Some(path) if sweep.resume && path.exists() => {
            let mut known = read(path)?;
            // An interrupted sweep knows how long it went on from the last seed that it wrote down.
            let last = known.seeds.values().filter_map(|one| one.done_ms).max().unwrap_or(0);
            known.waited_ms = known.waited_ms.max(last);
            Ok(known)
        }
        _ => Ok(reports::Sweep::default()),
    }
}

fn read(path: &Path) -> Result<reports::Sweep, CliError> {
    let text = replay::text_of(path)?;
    let unreadable = |cause| CliError::NoResults { path: path.display().to_string(), cause };
    reports::Sweep::from_json(&text).map_err(unreadable)
}

/// Plays all seeds and adds what comes out to what is known.
fn play_all(
    sweep: &Sweep,
    seeds: &[u64],
    known: reports::Sweep,
    bar: &Bar,
) -> Result<reports::Sweep, CliError> {
    let program = workers::myself()?;
    let before_ms = known.waited_ms;
    let (done, bad) = (AtomicU64::new(0), AtomicU64::new(0));
    let (sum, error) = (Mutex::new(known), Mutex::new(None));
    let keep_every = (seeds.len() as u64 / KEPT_TIMES).max(KEEP_EVERY_MIN);
    let one = |number: u64| -> Result<bool, CliError> {
        let Some(seed) = usize::try_from(number).ok().and_then(|at| seeds.get(at)) else {
            return Ok(false);
        };
        let scenario = scenario_of(*seed, sweep.scenario.as_deref());
        let mut outcome = workers::play(&program, &Job { seed: *seed, scenario, trace_out: None })?;
        outcome.done_ms = Some(before_ms + bar.millis());
        let kept = outcome.exit_code == 0;
        bad.fetch_add(u64::from(!kept), Relaxed);
        if !kept {
            words::bad_seed(&outcome);
        }
        let done = done.fetch_add(1, Relaxed) + 1;
        let mut sum = locked(&sum);
        sum.add(outcome);
        if let Some(path) = sweep.json.as_deref().filter(|_| done.is_multiple_of(keep_every)) {
            keep(path, &sum)?;
        }
        drop(sum);
        bar.show(done, bad.load(Relaxed));
        Ok(kept || !sweep.fail_fast)
    };
    workers::share(seeds.len() as u64, workers::jobs(sweep.jobs), |number| {
        one(number).unwrap_or_else(|cause| {
            locked(&error).get_or_insert(cause);
            false
        })
    });
    bar.end();
    match locked(&error).take() {
        Some(error) => Err(error),
        None => Ok(std::mem::take(&mut *locked(&sum))),
    }
}

/// Writes what is known. An interruption meanwhile leaves what was written before.
fn keep(path: &Path, sum: &reports::Sweep) -> Result<(), CliError> {
    // Nothing takes the place of a pipe or of a link such as /dev/stdout.
    if path.is_symlink() || (path.exists() && !path.is_file()) {
        return Ok(());
    }
    let begun = path.with_extension("begun");
    replay::write(&begun, &sum.json())?;
    replay::rename(&begun, path)
}

/// One small plan for each kind of failure.
fn shrink_kinds(sum: &reports::Sweep, directory: &Path) -> Result<(), CliError> {
    for kind in sum.kinds() {
        let SeedResult { seed, scenario, .. } = kind.example;
        let plan = scenarios::draw(*seed, Some(scenario))?;
        words::say(&format!("\n{} seeds: {}", kind.seeds.len(), kind.example.first_words()));
        let name = kind.signature.split(' ').next().unwrap_or("failed");
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let out = directory.join(format!("{name}-{scenario}-seed-{seed}.json"));
        shrink::shrunk(plan, None, &Effort::default(), &out)?;
    }
    Ok(())
}
