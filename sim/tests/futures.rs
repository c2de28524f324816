//! Other futures of a plan, and what they explain.

#![expect(clippy::disallowed_methods, reason = "files for the command, outside of any world")]

mod common;

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use checkers::Moment;
use scenarios::Plan;
use sim::{Branch, Options, Played, play};

const SECOND: u64 = 1_000_000_000;

/// A plan with faults that is over soon.
fn short() -> Plan {
    common::short(2, "crash_restart_loops", 6_000)
}

/// Plays a future, and gives the effects before a moment, too.
fn future(branch: Option<Branch>, until: u64) -> (Played, Vec<String>) {
    let log = branch.map_or_else(|| "own".to_owned(), |branch| branch.to_string());
    let log = file(&format!("future-{}", log.replace(':', "-")));
    let options = Options { branch, log: Some(log.clone()), ..Options::default() };
    let played = play(short(), &options);
    let text = std::fs::read_to_string(log).expect("the world wrote it");
    let is_before = |line: &&str| {
        let at = line.split_whitespace().nth(1).unwrap_or_default();
        let (seconds, nanos) = at.split_once('.').expect("seconds and the rest");
        let nanos: u64 = nanos.replace('_', "").parse().expect("digits");
        seconds.parse::<u64>().expect("digits") * SECOND + nanos < until
    };
    let before = text.lines().filter(is_before).map(str::to_owned).collect();
    (played, before)
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn sim(arguments: &[&str]) -> Output {
    let command = Command::new(env!("CARGO_BIN_EXE_sim")).args(arguments).output();
    command.expect("cargo built sim before this test")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn another_future_is_the_plans_own_run_until_it_begins_and_the_same_every_time() {
    let at = 3 * SECOND;
    let (own, before) = future(None, at);
    let (first, first_before) = future(Some(Branch { at, number: 1 }), at);
    let (again, _) = future(Some(Branch { at, number: 1 }), at);
    let (second, second_before) = future(Some(Branch { at, number: 2 }), at);
    assert!(1_000 < before.len(), "{} effects", before.len());
    assert_eq!((&first_before, &second_before), (&before, &before));
    assert_eq!(first.trace_hash, again.trace_hash);
    assert_ne!(first.trace_hash, own.trace_hash);
    assert_ne!(first.trace_hash, second.trace_hash);
    let later = |played: &Played| {
        let faults = played.history.faults.iter();
        faults.filter(|fault| Moment::from_ms(3_100) < fault.at).count()
    };
    assert!(0 < later(&own) && later(&first) == 0, "no new fault begins in another future");
}

#[test]
fn a_future_that_begins_after_the_end_is_the_run_itself() {
    let (own, _) = future(None, 0);
    let (late, _) = future(Some(Branch { at: u64::MAX, number: 5 }), 0);
    assert_eq!(own.trace_hash, late.trace_hash);
    assert_eq!(own.history, late.history);
}

#[test]
fn a_broken_promise_is_explained_in_forty_lines_and_the_same_every_time() {
    let mut plan = short();
    // Nobody can be healed and serve in no time at all.
    plan.timing.send_within_ms = 0;
    let path = file("explain.json").display().to_string();
    std::fs::write(&path, plan.to_json().expect("it is plain data")).expect("cargo made room");
    let json = file("explained.json");
    let arguments =
        ["explain", &path, "--futures", "1", "--json", json.to_str().expect("a plain path")];
    let output = sim(&arguments);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}{}", text(&output.stderr));
    assert!(said.contains("first to explain: L1"), "{said}");
    assert!(said.contains("No point of no return: 1 of 1"), "{said}");
    assert!(said.lines().count() <= 40, "{said}");
    let json = std::fs::read_to_string(&json).expect("explain writes it");
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(json["no_return"]["point"]["at_ns"], 0);
    assert_eq!(text(&sim(&arguments).stdout), said);
}

#[test]
fn what_is_not_broken_is_not_explained() {
    let path = file("keeps.json").display().to_string();
    std::fs::write(&path, short().to_json().expect("it is plain data")).expect("cargo made room");
    let output = sim(&["explain", &path]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("breaks no promise"), "{}", text(&output.stderr));
}
