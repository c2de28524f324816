//! Every seed in two processes: the same course, or a leak in the world.

use std::{
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{
    CliError,
    arguments::Twice,
    replay,
    sweep::scenario_of,
    words,
    workers::{self, Bar, Job},
};
use crate::world::locked;

/// More mismatches than this are only counted.
const SHOWN_MAX: usize = 5;

pub(super) fn twice(twice: &Twice) -> Result<u8, CliError> {
    let program = workers::myself()?;
    let other = twice.other.clone().unwrap_or_else(|| program.clone());
    let jobs = workers::jobs(twice.jobs);
    let count = twice.seeds.end - twice.seeds.start;
    let (done, bar) = (AtomicU64::new(0), Bar::new(count));
    let (mismatches, error) = (Mutex::new(vec![]), Mutex::new(None));
    workers::share(count, jobs, |number| {
        let seed = twice.seeds.start + number;
        let scenario = scenario_of(seed, twice.scenario.as_deref());
        let job = Job { seed, scenario, trace_out: None };
        let both = [&program, &other].map(|program| workers::play(program, &job));
        match both {
            [Ok(first), Ok(second)] => {
                // What waits for a person is no part of the course.
                let same =
                    first.trace_hash == second.trace_hash && first.exit_code == second.exit_code;
                if !same {
                    locked(&mismatches).push((job, first.trace_hash, second.trace_hash));
                }
            }
            [Err(cause), _] | [_, Err(cause)] => {
                locked(&error).get_or_insert(cause);
                return false;
            }
        }
        let bad = locked(&mismatches).len() as u64;
        bar.show(done.fetch_add(1, Relaxed) + 1, bad);
        true
    });
    bar.end();
    if let Some(error) = locked(&error).take() {
        return Err(error);
    }
    let mut mismatches = std::mem::take(&mut *locked(&mismatches));
    mismatches.sort_by_key(|(job, ..)| job.seed);
    for (job, first, second) in mismatches.iter().take(SHOWN_MAX) {
        words::mismatch(job.seed, &job.scenario, first, second);
        words::say(&first_difference([&program, &other], job)?);
    }
    words::twice(count, mismatches.len() as u64, bar.millis());
    Ok(u8::from(!mismatches.is_empty()))
}

/// Plays a seed twice once more, with every effect written down, and finds where they part.
fn first_difference(programs: [&PathBuf; 2], job: &Job) -> Result<String, CliError> {
    let directory = std::env::temp_dir();
    let mut texts = vec![];
    for (place, program) in programs.into_iter().enumerate() {
        let name = format!("sim-twice-{}-{}-{place}", std::process::id(), job.seed);
        let path = directory.join(name);
        let job = Job { trace_out: Some(path.clone()), ..job.clone() };
        workers::play(program, &job)?;
        texts.push(replay::take(&path)?);
    }
    let [first, second] = texts.as_slice() else { return Ok(String::new()) };
    let pairs = first.lines().zip(second.lines());
    for (number, (one, other)) in pairs.enumerate() {
        if one != other {
            return Ok(format!("  effect {number} differs:\n    {one}\n    {other}"));
        }
    }
    if first.len() == second.len() {
        return Ok("  this time both took the same course".to_owned());
    }
    Ok("  one of them goes on where the other ends".to_owned())
}
