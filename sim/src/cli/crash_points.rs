//! Every crash at every point of scripts, on the command line.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::{
    CliError,
    arguments::CrashPoints,
    replay, words,
    workers::{self, Bar, Watch},
};
use crate::{
    crash_points::{Crash, Finding, Options, Tally, explore, replay as try_again},
    world::locked,
};

pub(super) fn crash_points(asked: &CrashPoints) -> Result<u8, CliError> {
    // A panic of the store is a finding, and told as one.
    std::panic::set_hook(Box::new(|_| {}));
    let options = Options {
        operations: asked.operations,
        full_at: asked.full_at,
        interrupt_every: asked.interrupt_every,
        tears: asked.tears,
    };
    match (asked.point, &asked.crash) {
        (Some(point), Some(crash)) => Ok(one(asked, options, (point, crash.clone()))),
        _ => all(asked, options),
    }
}

fn one(asked: &CrashPoints, options: Options, crash: (u64, Crash)) -> u8 {
    let (tally, at_risk) = try_again(asked.seed, options, crash);
    at_risk.iter().for_each(|line| words::say(line));
    tally.told.iter().for_each(|finding| told(finding, asked.operations));
    if tally.points == 0 && tally.findings == 0 {
        words::complain("the script ends before that point");
        return 2;
    }
    if tally.findings == 0 {
        words::say("recovered as it must be");
    }
    u8::from(tally.findings != 0)
}

fn all(asked: &CrashPoints, options: Options) -> Result<u8, CliError> {
    let watch = Watch::start();
    let bar = Bar::of(asked.scripts * asked.operations as u64, "operations");
    let (done, bad) = (AtomicU64::new(0), AtomicU64::new(0));
    let tallies = Mutex::new(std::collections::BTreeMap::new());
    workers::share(asked.scripts, workers::jobs(asked.jobs), |number| {
        let seed = asked.seed.wrapping_add(number);
        let mut found = 0;
        let tally = explore(seed, options, &mut |tally| {
            let more = tally.findings - found;
            found = tally.findings;
            let bad = bad.fetch_add(more, Relaxed) + more;
            bar.show(done.fetch_add(1, Relaxed) + 1, bad);
        });
        locked(&tallies).insert(seed, tally);
        true
    });
    bar.end();
    let mut sum = Tally::default();
    for tally in std::mem::take(&mut *locked(&tallies)).into_values() {
        sum.add(tally);
    }
    sum.told.iter().for_each(|finding| told(finding, asked.operations));
    summed(asked, &sum, watch.millis());
    if let Some(path) = &asked.json {
        replay::write(path, &json(asked, &sum, watch.millis()))?;
    }
    Ok(u8::from(sum.findings != 0))
}

fn told(finding: &Finding, operations: usize) {
    let Finding { seed, operation, during, point, effect, crash, trouble } = finding;
    words::say(&format!(
        "FOUND in script {seed}, operation {operation} ({during}), point {point}, after `{effect}`:\n  \
         {trouble}\n  sim crash-points --seed {seed} --operations {operations} --point {point} \
         --crash {crash}"
    ));
}

fn summed(asked: &CrashPoints, sum: &Tally, waited_ms: u64) {
    for (kind, count) in &sum.kinds {
        words::say(&format!("{count:>8} x {kind}"));
    }
    let Tally { points, points_in_full, at_risk_max, deaths, states, distinct, .. } = sum;
    let (in_recovery, findings, hash) = (sum.in_recovery, sum.findings, sum.hash);
    let recovered = distinct + in_recovery;
    let a_second = recovered * 1000 / waited_ms.max(1);
    words::say(&format!(
        "crash-points: {} scripts of {} operations, {points} points ({points_in_full} in full, at \
         most {at_risk_max} things at risk), {deaths} deaths of the process\n{states} states after \
         a power cut, {distinct} distinct, {in_recovery} more in the midst of a recovery, \
         {a_second} recovered a second, {}.{:03} s\n{findings} findings, hash {hash:016x}",
        asked.scripts,
        asked.operations,
        waited_ms / 1000,
        waited_ms % 1000,
    ));
}

fn json(asked: &CrashPoints, sum: &Tally, waited_ms: u64) -> String {
    let finding = |finding: &Finding| {
        serde_json::json!({
            "seed": finding.seed,
            "operation": finding.operation,
            "during": finding.during,
            "point": finding.point,
            "effect": finding.effect,
            "crash": finding.crash.to_string(),
            "trouble": finding.trouble.to_string(),
        })
    };
    let told: Vec<_> = sum.told.iter().map(finding).collect();
    let all = serde_json::json!({
        "first_seed": asked.seed,
        "scripts": asked.scripts,
        "operations": asked.operations,
        "points": sum.points,
        "points_in_full": sum.points_in_full,
        "at_risk_max": sum.at_risk_max,
        "deaths": sum.deaths,
        "states": sum.states,
        "distinct": sum.distinct,
        "in_recovery": sum.in_recovery,
        "findings": sum.findings,
        "kinds": sum.kinds,
        "told": told,
        "hash": format!("{:016x}", sum.hash),
        "waited_ms": waited_ms,
    });
    format!("{all:#}\n")
}
