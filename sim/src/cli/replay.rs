//! One run: from a seed, from a file, or for another process.

use std::{path::Path, sync::Arc};

use reports::SeedResult;
use scenarios::Plan;

use super::{
    CliError,
    arguments::{Effort, One, Output, Replay, Worker},
    shrink, words,
    workers::{self, Watch},
};
use crate::{Options, play::play, tasks::hear_panics};

/// Where a panic that cannot be caught ends the process: with what it said, and exit code 1.
pub(super) fn abort(node: &str, task: &str, text: &str) {
    words::say(&format!("broken: {node} panicked in task `{task}`: {text}"));
    #[expect(
        clippy::disallowed_methods,
        reason = "a panic that aborts must not look like a crash"
    )]
    std::process::exit(1);
}

/// Plays the plan that a seed draws.
pub(super) fn one_seed(one: &One) -> Result<u8, CliError> {
    let Some(seed) = one.seed else { return Err(CliError::NoCommand) };
    let plan = scenarios::draw(seed, one.scenario.as_deref())?;
    if let Some(path) = &one.plan_out {
        write(path, &plan.to_json()?)?;
    }
    let named = one.scenario.as_ref().map(|name| format!(" --scenario {name}"));
    let command = format!("cargo run -p sim -- --seed {seed}{}", named.unwrap_or_default());
    let code = show(plan.clone(), &one.output, &command)?;
    if one.shrink && code != 0 {
        let out = one.output.report_dir.join(format!("{}-seed-{seed}.small.json", plan.scenario));
        shrink::shrunk(plan, None, &Effort::default(), &out)?;
    }
    Ok(code)
}

/// Plays the plan in a file.
pub(super) fn from_file(replay: &Replay) -> Result<u8, CliError> {
    let plan = read(&replay.plan)?;
    let command = format!("cargo run -p sim -- replay {}", replay.plan.display());
    show(plan, &replay.output, &command)
}

/// Reads a plan, also out of the report of a run that was played by it.
pub(super) fn read(path: &Path) -> Result<Plan, CliError> {
    let text = text_of(path)?;
    let report: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let within = report.as_ref().and_then(|report| report.get("plan"));
    Ok(Plan::from_json(&within.map_or(text, ToString::to_string))?)
}

/// Reads a file.
pub(super) fn text_of(path: &Path) -> Result<String, CliError> {
    let error =
        |cause| CliError::File { what: "cannot read", path: path.display().to_string(), cause };
    #[expect(clippy::disallowed_methods, reason = "plans and results are files of the person's")]
    std::fs::read_to_string(path).map_err(error)
}

/// Plays a seed or a plan and prints its outcome as a line of JSON.
pub(super) fn as_worker(worker: &Worker) -> Result<u8, CliError> {
    let plan = match &worker.plan {
        Some(path) => read(path)?,
        None => scenarios::draw(worker.seed.unwrap_or(0), worker.scenario.as_deref())?,
    };
    workers::watchdog(plan.seed);
    hear_panics(abort);
    let watch = Watch::start();
    let options =
        Options { log: worker.trace_out.clone(), branch: worker.branch, ..Options::default() };
    let played = play(plan, &options);
    let summary = played.summary(watch.millis(), ("", ""));
    words::say(&serde_json::to_string(&SeedResult::of(&summary)).unwrap_or_default());
    Ok(summary.end().exit_code())
}

/// Plays a plan for a person.
fn show(plan: Plan, output: &Output, command: &str) -> Result<u8, CliError> {
    workers::watchdog(plan.seed);
    hear_panics(abort);
    let total_ms = plan.timing.heal_at_ms;
    let progress = move |phase: &str, at_ms: u64| words::phase(phase, at_ms, total_ms);
    let options = Options {
        progress: Some(Arc::new(progress)),
        log: output.trace_out.clone(),
        branch: output.branch,
    };
    let plan_json = plan.to_json()?;
    let watch = Watch::start();
    let played = play(plan, &options);
    let waited_ms = watch.millis();
    words::progress_end();
    if output.story {
        words::story(&played);
    }
    let summary = played.summary(waited_ms, (&plan_json, command));
    let name = format!("{}-seed-{}", played.plan.scenario, played.plan.seed);
    let page = output.report_dir.join(format!("{name}.html"));
    let json = output.report_dir.join(format!("{name}.json"));
    write(&page, &reports::page(&summary))?;
    write(&json, &reports::json(&summary))?;
    words::say(reports::text(&summary).trim_end());
    words::say(&format!("Report: {} and {}", page.display(), json.display()));
    Ok(summary.end().exit_code())
}

/// Writes a file, and the directories above it.
pub(super) fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let error =
        |cause| CliError::File { what: "cannot write", path: path.display().to_string(), cause };
    #[expect(clippy::disallowed_methods, reason = "reports are files of the person's")]
    {
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(error)?;
        }
        std::fs::write(path, text).map_err(error)
    }
}

/// Reads a file of our own, and removes it.
pub(super) fn take(path: &Path) -> Result<String, CliError> {
    let text = text_of(path);
    remove(path)?;
    text
}

/// Puts a file of our own in the place of another.
#[expect(clippy::disallowed_methods, reason = "reports are files of the person's")]
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), CliError> {
    let error =
        |cause| CliError::File { what: "cannot replace", path: to.display().to_string(), cause };
    std::fs::rename(from, to).map_err(error)
}

/// Removes a file of our own.
#[expect(clippy::disallowed_methods, reason = "a file of our own, beside the simulated world")]
pub(super) fn remove(path: &Path) -> Result<(), CliError> {
    let error =
        |cause| CliError::File { what: "cannot remove", path: path.display().to_string(), cause };
    std::fs::remove_file(path).map_err(error)
}
