//! Many seeds.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::{
    CliError,
    arguments::Sweep,
    recovery, words,
    workers::{self, Bar, Job},
};
use crate::world::locked;

/// With fewer seeds than this a situation that was not reached is no failure.
const PROBES_FROM: u64 = 1000;

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
    let program = workers::myself()?;
    let jobs = workers::jobs(sweep.jobs);
    let count = sweep.seeds.end - sweep.seeds.start;
    let (done, bad, bar) = (AtomicU64::new(0), AtomicU64::new(0), Bar::new(count));
    let sum = Mutex::new(reports::Sweep::default());
    let error = Mutex::new(None);
    workers::share(count, jobs, |number| {
        let seed = sweep.seeds.start + number;
        let scenario = scenario_of(seed, sweep.scenario.as_deref());
        let job = Job { seed, scenario, trace_out: None };
        let outcome = match workers::play(&program, &job) {
            Ok(outcome) => outcome,
            Err(cause) => {
                locked(&error).get_or_insert(cause);
                return false;
            }
        };
        let kept = outcome.exit_code == 0;
        bad.fetch_add(u64::from(!kept), Relaxed);
        if !kept {
            words::bad_seed(&outcome);
        }
        locked(&sum).add(outcome);
        bar.show(done.fetch_add(1, Relaxed) + 1, bad.load(Relaxed));
        kept || !sweep.fail_fast
    });
    bar.end();
    if let Some(error) = locked(&error).take() {
        return Err(error);
    }
    let mut sum = std::mem::take(&mut *locked(&sum));
    sum.waited_ms = bar.millis();
    if let Some(path) = &sweep.json {
        super::replay::write(path, &sum.json())?;
    }
    if let Some(line) = recovery::line(&sum) {
        words::say(&line);
    }
    words::say(sum.text().trim_end());
    let must_reach = sweep.probes || (PROBES_FROM <= count && sweep.scenario.is_none());
    Ok(sum.end(must_reach).exit_code())
}
