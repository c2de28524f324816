//! Whole plans, played in this process and by the command.

#![expect(clippy::disallowed_methods, reason = "files for the command, outside of any world")]

mod common;

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use scenarios::Plan;
use sim::{Options, Played, play};

/// A plan that is over soon.
fn short(seed: u64, scenario: &str) -> Plan {
    common::short(seed, scenario, 5_000)
}

fn played(plan: &Plan) -> Played {
    play(plan.clone(), &Options::default())
}

fn sim(arguments: &[&str]) -> Output {
    let command = Command::new(env!("CARGO_BIN_EXE_sim")).args(arguments).output();
    command.expect("cargo built sim before this test")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A file of this test in the directory that cargo gives it.
fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn a_plan_takes_the_same_course_twice_and_another_seed_another() {
    let plan = short(3, "crash_restart_loops");
    let (first, second) = (played(&plan), played(&plan));
    assert_eq!(first.trace_hash, second.trace_hash);
    assert_eq!(first.history, second.history);
    let other = played(&short(4, "crash_restart_loops"));
    assert_ne!(first.trace_hash, other.trace_hash);
}

#[test]
fn a_run_without_faults_keeps_every_promise_and_loses_nothing() {
    let played = played(&short(1, "send_then_pull"));
    assert_eq!(played.troubles, Vec::<String>::new());
    let broken: Vec<_> = played.verdict.violations().iter().map(|one| one.words.clone()).collect();
    assert_eq!(broken, Vec::<String>::new());
    assert!(played.history.sends.len() > 20, "{}", played.history.sends.len());
    assert!(played.history.deliveries.len() > 20, "{}", played.history.deliveries.len());
    assert!(played.history.drained.is_some());
}

#[test]
fn faults_strike_when_the_plan_says_and_become_facts() {
    let plan = short(2, "crash_restart_loops");
    let played = played(&plan);
    let struck = |kind| plan.faults.iter().filter(|one| one.fault.kind() == Some(kind)).count();
    let crash = checkers::FaultKind::ProcessCrash;
    let facts = played.history.faults.iter().filter(|fact| fact.kind == crash).count();
    // What strikes a process that does not run is no fact.
    assert!(0 < facts && facts <= struck(crash), "{facts} of {}", struck(crash));
    let restarts = played.history.boots.iter().filter(|boot| !boot.first).count();
    assert!(0 < restarts);
}

#[test]
fn a_written_plan_replays_to_the_same_trace_hash() {
    let plan = short(5, "send_then_pull");
    let path = file("replay.json");
    std::fs::write(&path, plan.to_json().unwrap()).unwrap();
    let reports = file("reports");
    let arguments = ["replay", path.to_str().unwrap(), "--report-dir", reports.to_str().unwrap()];
    let output = sim(&arguments);
    let said = text(&output.stdout);
    let hash = format!("trace hash {:016x}", played(&plan).trace_hash);
    assert!(said.contains(&hash), "{hash} is not in:\n{said}");
    assert_eq!(output.status.code(), Some(0), "{said}");
    for name in ["send_then_pull-seed-5.html", "send_then_pull-seed-5.json"] {
        assert!(reports.join(name).is_file(), "{name}");
    }
    let report = reports.join("send_then_pull-seed-5.json");
    let output = sim(&["replay", report.to_str().unwrap(), "--report-dir", arguments[3]]);
    let said = text(&output.stdout);
    assert!(said.contains(&hash), "a report holds its plan, but {hash} is not in:\n{said}");
}

#[test]
fn two_plans_are_compared_by_where_their_runs_part() {
    let plan = short(5, "send_then_pull");
    let (one, other) = (file("diff-a.json"), file("diff-b.json"));
    std::fs::write(&one, plan.to_json().unwrap()).unwrap();
    let mut later = plan.clone();
    later.workload.producers[0].from_ms += 500;
    std::fs::write(&other, later.to_json().unwrap()).unwrap();
    let (one, other) = (one.to_str().unwrap(), other.to_str().unwrap());

    let same = sim(&["diff", one, one]);
    assert_eq!(same.status.code(), Some(0));
    assert!(text(&same.stdout).ends_with("both take the same course\n"), "{}", text(&same.stdout));
    let part = sim(&["diff", one, other]);
    assert_eq!(part.status.code(), Some(1));
    let said = text(&part.stdout);
    let name = &plan.workload.producers[0].name;
    assert!(said.contains(&format!("they part on {name} at ")), "{said}");
    assert!(said.contains("then on "), "{said}");
}

#[test]
fn what_cannot_be_played_is_refused_with_one_clear_error_and_exit_code_2() {
    let refused = |arguments: &[&str], words: &str| {
        let output = sim(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    };
    refused(&[], "give --seed N");
    refused(&["--seed", "1", "--scenario", "nothing"], "there is no scenario `nothing`");
    refused(&["--seed", "x"], "invalid value 'x'");
    refused(&["sweep", "--seeds", "9..9"], "9..9 holds no seed");
    refused(&["replay", "/nowhere/plan.json"], "cannot read /nowhere/plan.json");
    let path = file("broken.json");
    std::fs::write(&path, "{").unwrap();
    refused(&["replay", path.to_str().unwrap()], "this is not a plan");
    refused(&["explain"], "give the plan or report of a run");
    refused(&["explain", path.to_str().unwrap()], "this is not a plan");
    refused(&["explain", "--seed", "1", "--futures", "0"], "0 is not in 1..=1000");
    refused(&["replay", path.to_str().unwrap(), "--branch", "7"], "`7` is not a future");
}

#[test]
fn the_list_names_every_scenario() {
    let said = text(&sim(&["list"]).stdout);
    assert!(scenarios::ALL.iter().all(|scenario| said.contains(scenario.name)), "{said}");
}

#[test]
fn a_plan_that_breaks_a_promise_is_shrunk_to_one_that_still_does() {
    let mut plan = short(3, "crash_restart_loops");
    // Nobody can be healed and serve in no time at all.
    plan.timing.send_within_ms = 0;
    let (from, to) = (file("breaks.json"), file("breaks.small.json"));
    std::fs::write(&from, plan.to_json().expect("it is plain data")).expect("cargo made room");
    let (from, to) = (from.display().to_string(), to.display().to_string());
    let output = sim(&["shrink", &from, "--out", &to, "--within", "20"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    assert!(said.contains("seconds until the heal"), "{said}");
    let small = std::fs::read_to_string(&to).expect("shrink says that it wrote it");
    let small = Plan::from_json(&small).expect("a plan like any other");
    assert!(small.faults.len() < plan.faults.len() / 2, "{}", small.faults.len());
    assert!(small.node_names().len() < plan.node_names().len());
    let again = sim(&["replay", &to, "--report-dir", &file("shrunk").display().to_string()]);
    assert_eq!(again.status.code(), Some(1), "{}", text(&again.stdout));
}

#[test]
fn a_plan_that_keeps_every_promise_has_nothing_to_shrink() {
    let plan = short(1, "send_then_pull");
    let path = file("keeps.json");
    std::fs::write(&path, plan.to_json().expect("it is plain data")).expect("cargo made room");
    let output = sim(&["shrink", &path.display().to_string()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("nothing to shrink"), "{}", text(&output.stdout));
}

#[test]
fn parts_of_a_sweep_put_together_are_the_whole_and_an_interrupted_one_goes_on() {
    let path = |name: &str| file(name).display().to_string();
    let (whole, merged) = (path("whole.json"), path("merged.json"));
    let parts = [path("part-0.json"), path("part-1.json")];
    let scenario = ["--scenario", "rebalance_storm"];
    let sweep = |arguments: &[&str]| {
        let output = sim(&[&["sweep"], &scenario[..], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        text(&output.stdout)
    };
    sweep(&["--seeds", "0..3", "--json", &whole]);
    sweep(&["--seeds", "0..3", "--shard", "0/2", "--json", &parts[0]]);
    sweep(&["--seeds", "0..3", "--shard", "1/2", "--json", &parts[1]]);
    let page = path("merged.html");
    let output = sim(&["merge", &parts[0], &parts[1], "--json", &merged, "--page", &page]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = std::fs::read_to_string(&page).expect("merge writes it");
    assert!(page.contains("<td>rebalance_storm</td><td class=\"n\">3</td>"), "{page}");
    assert!(!page.contains("not written down"), "when each seed was done is known");
    let seeds = |path: &str| {
        let text = std::fs::read_to_string(path).expect("the sweep says that it wrote it");
        let mut sweep = reports::Sweep::from_json(&text).expect("what a sweep writes");
        sweep.seeds.values_mut().for_each(|one| (one.waited_ms, one.done_ms) = (0, None));
        sweep.seeds
    };
    assert_eq!(seeds(&whole), seeds(&merged));
    // Three seeds are known; only the fourth is played.
    let said = sweep(&["--seeds", "0..4", "--resume", "--json", &whole]);
    assert!(said.contains("4 seeds: 0 with broken promises"), "{said}");
    assert_eq!(seeds(&whole).len(), 4);
    let wrong = sim(&["merge", &path("breaks-nothing.json")]);
    assert_eq!(wrong.status.code(), Some(2), "{}", text(&wrong.stdout));
}
