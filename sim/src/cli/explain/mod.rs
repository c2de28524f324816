//! Why a plan breaks a promise: the story, and the moment after which nothing could help.
//!
//! The plan is played to its end. Then other futures of it are played: up to some moment they are
//! the plan's own run, draw for draw; from there on every draw is another, and no new fault begins.
//! Faults that began before go on and end as planned. So a moment from which on nine of ten futures
//! break the same promise is one after which luck could not help any more, and what happened there
//! is where to look.

mod candidates;
mod futures;
mod search;

use checkers::Violation;
use reports::{End, Explanation, Outlook, Prospect, RunSummary};
use scenarios::Plan;

use self::{candidates::Candidate, futures::Stand};
use super::{
    CliError,
    arguments::Explain,
    replay,
    shrink::Failure,
    words,
    workers::{self, Watch},
};
use crate::{Options, Played, play::play, tasks::hear_panics};

/// So many of ten futures that break a promise make a moment one without return.
const HOPELESS_OF_TEN: u64 = 9;

pub(super) fn explain(explain: &Explain) -> Result<u8, CliError> {
    let (plan, command) = asked_for(explain)?;
    let plan_json = plan.to_json()?;
    let stand = Stand::new(&plan, explain.jobs, explain.futures)?;
    let outcome = workers::play_plan(&stand.program, &stand.file, &plan, None)?;
    let failure = match Failure::of(&outcome) {
        Some(Failure::Promise(found)) => explain.promise.clone().unwrap_or(found),
        Some(Failure::Run) => {
            let why = outcome.troubles.join("; ");
            words::complain(&format!("the run of seed {} itself failed: {why}", plan.seed));
            return Ok(2);
        }
        None => String::new(),
    };
    if !outcome.broken.contains_key(&failure) {
        words::complain(&kept(&plan, explain.promise.as_deref(), &outcome.broken));
        return Ok(2);
    }
    let watch = Watch::start();
    hear_panics(replay::abort);
    let played = play(plan, &Options::default());
    let summary = played.summary(watch.millis(), (&plan_json, &command));
    if format!("{:016x}", summary.trace_hash) != outcome.trace_hash {
        let hash = &outcome.trace_hash;
        let found = format!("took two courses: {hash} and {:016x}", summary.trace_hash);
        return Err(CliError::Worker { seed: summary.seed, what: found });
    }
    let all = summary.verdict.violations();
    let Some(violation) = all.into_iter().find(|one| one.checker == failure) else {
        words::complain(&format!("{failure} is broken, but does not say how"));
        return Ok(2);
    };
    told(explain, &stand, &played, &summary, violation)
}

/// The plan, and the command that plays it.
fn asked_for(explain: &Explain) -> Result<(Plan, String), CliError> {
    match (&explain.plan, explain.seed) {
        (Some(path), _) => {
            let command = format!("cargo run -p sim -- replay {}", path.display());
            Ok((replay::read(path)?, command))
        }
        (None, Some(seed)) => {
            let scenario = explain.scenario.as_deref();
            let named = scenario.map(|name| format!(" --scenario {name}")).unwrap_or_default();
            let command = format!("cargo run -p sim -- --seed {seed}{named}");
            Ok((scenarios::draw(seed, scenario)?, command))
        }
        (None, None) => Err(CliError::NoPlan),
    }
}

/// That there is nothing to explain.
fn kept(
    plan: &Plan,
    promise: Option<&str>,
    broken: &std::collections::BTreeMap<String, u64>,
) -> String {
    let seed = plan.seed;
    let others: Vec<&str> = broken.keys().map(String::as_str).collect();
    match (promise, others.as_slice()) {
        (Some(promise), [_, ..]) => {
            format!("seed {seed} does not break {promise}, but {}", others.join(", "))
        }
        _ => format!(
            "seed {seed} of {} breaks no promise: there is nothing to explain",
            plan.scenario
        ),
    }
}

/// Looks for the point of no return, and tells everything.
fn told(
    explain: &Explain,
    stand: &Stand,
    played: &Played,
    summary: &RunSummary<'_>,
    violation: &Violation,
) -> Result<u8, CliError> {
    let extra = candidates::told(played);
    let moments = candidates::of(summary.history, violation, &extra);
    let prospect = prospect(stand, violation.checker, &moments);
    stand.end()?;
    let prospect = prospect?;
    words::progress_end();
    let explanation = Explanation { run: summary, violation, told: &extra, prospect: &prospect };
    if let Some(path) = &explain.json {
        replay::write(path, &explanation.json())?;
    }
    words::say(explanation.text().trim_end());
    Ok(End::Broken.exit_code())
}

/// Plays futures until the point of no return is known.
fn prospect(stand: &Stand, checker: &str, moments: &[Candidate]) -> Result<Prospect, CliError> {
    let futures = stand.futures;
    let bound = (futures * HOPELESS_OF_TEN).div_ceil(10).max(1);
    let landmarks = candidates::landmarks(moments);
    let mut tallies = std::collections::BTreeMap::new();
    let mut probe = |place: usize| -> Result<u64, CliError> {
        let Some(moment) = moments.get(place) else { return Ok(futures) };
        let tally = stand.play(moment.at_ns, 0..futures, checker)?;
        let failed = tally.failed;
        tallies.insert(place, tally);
        Ok(failed)
    };
    let found = search::search(moments.len(), futures, bound, &landmarks, &mut probe)?;
    let at_ns = moments.get(found.point).map_or(0, |moment| moment.at_ns);
    let others = stand.play(at_ns, futures..futures * 2, checker)?;
    let outlooks = found.known.iter().filter_map(|(place, failed)| {
        let Candidate { at_ns, after, .. } = moments.get(*place)?;
        Some(Outlook { at_ns: *at_ns, after: after.clone(), failed: *failed })
    });
    let last_kept = tallies.iter().rev().find_map(|(place, tally)| {
        let at_ns = moments.get(*place)?.at_ns;
        Some(crate::Branch { at: at_ns, number: tally.kept? }.to_string())
    });
    Ok(Prospect {
        futures,
        bound,
        outlooks: outlooks.collect(),
        point: found.known.keys().position(|place| *place == found.point).unwrap_or(0),
        again: others.failed,
        lost: others.lost + tallies.values().map(|tally| tally.lost).sum::<u64>(),
        saved: last_kept,
    })
}
