//! The hunt: plants known bugs, one at a time, and measures whether a sweep of seeds sees them.
//!
//! ```text
//!   planted/*.patch ──┐
//!   this tree ──copy──┴─> ground ──cargo build──> sim ──sweep──> caught? by whom? after how long?
//! ```
//! First the tree as it is must be silent over the same seeds. Then each patch is applied to the
//! copy, built, swept and taken back. Every result is a line in `target/hunt/results.jsonl` as
//! soon as it is known, so a hunt that was interrupted goes on with `--resume`.

mod bug;
mod ground;
mod page;
mod prey;
mod sweep;

use std::{path::PathBuf, time::Instant};

use clap::Args;

use crate::source;
use bug::Bug;
use ground::Ground;
use prey::{Calm, Fate, Log, Prey};
use sweep::Sim;

/// What is hunted, and how hard.
#[derive(Args)]
pub(crate) struct Hunt {
    /// Only these bugs, by name or by the begin of it.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<String>,
    /// Seeds per bug, at most.
    #[arg(long, value_name = "N", default_value_t = 2000)]
    seeds: u64,
    /// After a catch: seeds in which the expected checkers that have not seen the bug may still
    /// do so.
    #[arg(long, value_name = "N", default_value_t = 60)]
    further: u64,
    /// Go on with the hunt that was interrupted: the same copy of the tree, the results so far.
    #[arg(long)]
    resume: bool,
    /// Do not judge the tree without any bug first.
    #[arg(long)]
    skip_calm: bool,
    /// Only see whether every patch still applies.
    #[arg(long)]
    check: bool,
    /// Processes at a time; all cores unless given.
    #[arg(long, value_name = "J")]
    jobs: Option<usize>,
    /// Write every result to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the table into this page, behind its mark.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

/// Hunts. True if every patch applies, every bug was caught, and the tree without them is silent.
pub(crate) fn run(asked: &Hunt) -> bool {
    match hunt(asked) {
        Ok(passed) => passed,
        Err(why) => {
            eprintln!("hunt: {why}");
            false
        }
    }
}

fn hunt(asked: &Hunt) -> Result<bool, String> {
    let bugs = chosen(bug::read_all(&source::root().join("planted"))?, &asked.only)?;
    let ground = Ground::prepare(asked.resume)?;
    let misfits = misfits(&ground, &bugs);
    if asked.check {
        println!("hunt: {} bugs, {misfits} whose patch does not apply", bugs.len());
        return Ok(misfits == 0);
    }
    let mut log = Log::open(&ground.results(), asked.resume)?;
    let calm = calm(asked, &ground, &mut log)?;
    let mut all = Vec::new();
    for (index, bug) in bugs.iter().enumerate() {
        let place = format!("[{:>2}/{}] {:<32}", index + 1, bugs.len(), bug.name);
        if let Some(known) = log.known(bug, asked.seeds) {
            println!("{place} {} (known)", known.words());
            all.push(known);
            continue;
        }
        println!("{place} {}", bug.about);
        let prey = ground.with(bug, || track(asked, &ground, bug, &calm));
        let prey = prey.unwrap_or_else(|why| Prey::lost(bug, asked.seeds, why));
        println!("{place} {}", prey.words());
        log.add(&prey)?;
        all.push(prey);
    }
    let table = page::table(&bugs, &all, &calm);
    println!("\n{table}");
    if let Some(path) = &asked.json {
        prey::write_json(path, &all, &calm)?;
    }
    if let Some(path) = &asked.page {
        page::write(path, &table)?;
    }
    Ok(calm.is_silent() && all.iter().all(|prey| prey.fate == Fate::Caught))
}

fn chosen(bugs: Vec<Bug>, only: &[String]) -> Result<Vec<Bug>, String> {
    let starts = |bug: &Bug, name: &String| bug.name.starts_with(name.as_str());
    if let Some(name) = only.iter().find(|name| !bugs.iter().any(|bug| starts(bug, name))) {
        return Err(format!("no bug is called {name}; they lie in planted/"));
    }
    let wanted = |bug: &Bug| only.is_empty() || only.iter().any(|name| starts(bug, name));
    Ok(bugs.into_iter().filter(wanted).collect())
}

/// Says which patches do not apply; how many.
fn misfits(ground: &Ground, bugs: &[Bug]) -> usize {
    let mut count = 0;
    for bug in bugs {
        if let Err(why) = ground.fits(bug) {
            eprintln!("hunt: {}: {why}", bug.path.display());
            count += 1;
        }
    }
    count
}

/// The tree without any bug, over the same seeds.
fn calm(asked: &Hunt, ground: &Ground, log: &mut Log) -> Result<Calm, String> {
    if let Some(calm) = log.calm(asked.seeds) {
        println!("without a bug: {} (known)", calm.words());
        return Ok(calm);
    }
    if asked.skip_calm {
        return Ok(Calm::skipped());
    }
    println!("without a bug: building, then {} seeds ...", asked.seeds);
    let sim = ground.build().map_err(|why| format!("the tree itself does not build: {why}"))?;
    let report = sim.sweep(0..asked.seeds, None, false, asked.jobs)?;
    let calm = Calm::of(&report, asked.seeds);
    println!("without a bug: {}", calm.words());
    log.add_calm(&calm)?;
    Ok(calm)
}

/// Builds with a bug planted and sweeps until it is seen.
fn track(asked: &Hunt, ground: &Ground, bug: &Bug, calm: &Calm) -> Result<Prey, String> {
    let began = Instant::now();
    let sim = ground.build()?;
    let built = began.elapsed();
    let mut prey = Prey::of(bug, asked.seeds);
    prey.build_s = built.as_secs_f64();
    let scenario = sim.knows(bug.scenario.as_deref());
    let mut from = 0;
    while from < asked.seeds {
        let report = sim.sweep(from..asked.seeds, scenario, true, asked.jobs)?;
        prey.cpu_s += report.cpu_s;
        prey.felt += calm.differ(&report);
        let Some(last) = report.last_played() else { break };
        // A seed that is bad without the bug says nothing about it; nor does a run that failed.
        if let Some(bad) = report.bad.iter().find(|bad| bad.is_broken() && !calm.is_noisy(bad.seed))
        {
            prey.caught(bad);
            linger(asked, &sim, (bug, scenario), calm, &mut prey)?;
            return Ok(prey);
        }
        prey.failed_runs += report.bad.iter().filter(|bad| !bad.is_broken()).count() as u64;
        prey.played = last + 1;
        from = last + 1;
    }
    prey.played = asked.seeds;
    Ok(prey)
}

/// Goes on for some seeds if an expected checker has not seen the bug yet.
fn linger(
    asked: &Hunt,
    sim: &Sim,
    (bug, scenario): (&Bug, Option<&str>),
    calm: &Calm,
    prey: &mut Prey,
) -> Result<(), String> {
    let all_saw = bug.checkers.iter().all(|checker| prey.seen.contains_key(checker));
    let Some(first) = prey.seed.filter(|_| !all_saw && 0 < asked.further) else {
        return Ok(());
    };
    let report = sim.sweep(first + 1..first + 1 + asked.further, scenario, false, asked.jobs)?;
    for bad in report.bad.iter().filter(|bad| bad.is_broken() && !calm.is_noisy(bad.seed)) {
        prey.seen_too(bad);
    }
    Ok(())
}
