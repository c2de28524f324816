//! Everything that the command says to a person. Verdicts go to stdout, progress to stderr.

use std::io::{self, IsTerminal, Write as _};

use reports::SeedResult;

use super::CliError;
use crate::{Played, world::line_of};

/// A line for stdout. That nobody reads it is no reason to fail.
pub(super) fn say(line: &str) {
    writeln!(io::stdout().lock(), "{line}").ok();
}

/// An error for stderr.
pub(super) fn complain(line: &str) {
    writeln!(io::stderr().lock(), "error: {line}").ok();
}

/// Progress for stderr: on a terminal each line replaces the one before.
pub(super) fn progress(line: &str) {
    let mut stderr = io::stderr().lock();
    let shown = if stderr.is_terminal() {
        write!(stderr, "\r\x1b[2K{line}")
    } else {
        writeln!(stderr, "{line}")
    };
    shown.and_then(|()| stderr.flush()).ok();
}

/// Whether somebody sits at a terminal.
pub(super) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

pub(super) fn progress_end() {
    let mut stderr = io::stderr().lock();
    if stderr.is_terminal() {
        write!(stderr, "\r\x1b[2K").ok();
    }
}

/// A phase of one run.
pub(super) fn phase(phase: &str, at_ms: u64, total_ms: u64) {
    let (at, total) = (at_ms / 1000, total_ms / 1000);
    progress(&format!("{at:>4} s simulated: {phase} (faults until {total} s)"));
}

/// The story of a run.
pub(super) fn story(played: &Played) {
    let names: Vec<&str> = played.plan.node_names();
    for seen in &played.story.0 {
        let node = usize::try_from(seen.node).ok().and_then(|id| id.checked_sub(1));
        let name = node.and_then(|at| names.get(at)).unwrap_or(&"");
        say(&format!("{:<14} {}", name, line_of(seen)));
    }
    if played.story.1 != 0 {
        say(&format!("... and {} more", played.story.1));
    }
}

/// The scenarios.
pub(super) fn list() -> Result<u8, CliError> {
    for scenario in &scenarios::ALL {
        let usual = if scenario.name == scenarios::DEFAULT { " (usual)" } else { "" };
        say(&format!("{:<26} {}{usual}", scenario.name, scenario.about));
    }
    Ok(0)
}

/// A seed of a sweep that did not end well.
pub(super) fn bad_seed(result: &SeedResult) {
    progress_end();
    let SeedResult { seed, scenario, violations, troubles, .. } = result;
    let why = violations.first().or_else(|| troubles.first()).map_or("", String::as_str);
    let state = if result.exit_code == 1 { "BROKEN" } else { "FAILED" };
    say(&format!("{state} --seed {seed} --scenario {scenario}: {why}"));
}

/// Two processes took different courses.
pub(super) fn mismatch(seed: u64, scenario: &str, first: &str, second: &str) {
    say(&format!("MISMATCH --seed {seed} --scenario {scenario}: {first} and {second}"));
}

/// The sum of playing seeds twice.
pub(super) fn twice(seeds: u64, mismatches: u64, waited_ms: u64) {
    say(&format!(
        "twice: {seeds} seeds played in two processes each, {mismatches} mismatches, {}.{:03} s",
        waited_ms / 1000,
        waited_ms % 1000,
    ));
}
