//! The stages of the gate, in order of how soon they can fail.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{compatibility, floors, report, source, tidy};

/// What a stage does.
enum Work {
    /// A check of this program.
    Check(fn() -> Vec<String>),
    /// Programs to run one after the other in the root of the repository.
    Run(&'static [&'static [&'static str]]),
}

struct Stage {
    name: &'static str,
    work: Work,
}

const SIM: &str = "target/sim/sim";
/// What the stage `seed` built.
const UNOPTIMISED_SIM: &str = "target/debug/sim";

const STAGES: &[Stage] = &[
    Stage { name: "format", work: Work::Run(&[&["cargo", "fmt", "--all", "--check"]]) },
    Stage { name: "tidy", work: Work::Check(tidy::check) },
    Stage { name: "floors", work: Work::Check(floors::check) },
    Stage { name: "compatibility", work: Work::Check(compatibility::check) },
    Stage {
        name: "lints",
        work: Work::Run(&[&[
            "cargo",
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ]]),
    },
    Stage { name: "tests", work: Work::Run(&[&["cargo", "test", "--workspace", "--locked"]]) },
    Stage {
        name: "planted",
        work: Work::Run(&[&["cargo", "run", "--locked", "-p", "ci", "--", "hunt", "--check"]]),
    },
    Stage {
        name: "docs",
        work: Work::Run(&[&["cargo", "doc", "--workspace", "--no-deps", "--locked"]]),
    },
    Stage {
        name: "seed",
        work: Work::Run(&[&["cargo", "run", "--locked", "-p", "sim", "--", "--seed", "7"]]),
    },
    Stage {
        name: "twice",
        work: Work::Run(&[
            &["cargo", "build", "--profile", "sim", "--locked", "-p", "sim"],
            &[SIM, "twice", "--seeds", "0..91"],
            // Optimised and not: the course is the same.
            &[SIM, "twice", "--seeds", "100..126", "--other", UNOPTIMISED_SIM],
        ]),
    },
    Stage {
        name: "farm",
        work: Work::Run(&[&["sh", "farm/check.sh"], &["sh", "farm/local.sh", "0..26", "3"]]),
    },
    // Every scenario in turn.
    Stage { name: "sweep", work: Work::Run(&[&[SIM, "sweep", "--seeds", "10..270"]]) },
    Stage {
        name: "interop",
        work: Work::Run(&[
            &["cargo", "build", "--release", "--locked", "-p", "broker", "-p", "namesrv"],
            &["cargo", "build", "--release", "--locked", "-p", "client", "--example", "mq"],
            &["mvn", "-B", "-ntp", "-f", "interop/pom.xml", "test"],
        ]),
    },
];

/// Names the stages.
pub(crate) fn list() {
    for stage in STAGES {
        println!("{}", stage.name);
    }
}

/// Runs the stages named in `only`, or all. False as soon as one fails.
pub(crate) fn run(only: &[String]) -> bool {
    if let Some(unknown) = only.iter().find(|name| STAGES.iter().all(|s| s.name != name.as_str())) {
        eprintln!("gate: no stage is called {unknown}; see --list");
        return false;
    }
    let chosen: Vec<&Stage> = STAGES
        .iter()
        .filter(|stage| only.is_empty() || only.iter().any(|name| name == stage.name))
        .collect();
    let mut times: Vec<(&str, Duration)> = Vec::new();
    for (index, stage) in chosen.iter().enumerate() {
        println!("\n==== {}/{} {} ====", index + 1, chosen.len(), stage.name);
        let started = Instant::now();
        let passed = match &stage.work {
            Work::Check(check) => report(stage.name, &check()),
            Work::Run(programs) => programs.iter().all(|program| run_one(program)),
        };
        times.push((stage.name, started.elapsed()));
        if !passed {
            print_table(&times);
            println!("gate: FAILED in {}", stage.name);
            return false;
        }
    }
    print_table(&times);
    println!("gate: passed");
    true
}

fn run_one(program: &[&str]) -> bool {
    let Some((name, arguments)) = program.split_first() else { return false };
    println!("$ {}", program.join(" "));
    let status = Command::new(name)
        .args(arguments)
        .current_dir(source::root())
        .stdin(Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() => true,
        Ok(status) => {
            eprintln!("gate: `{}` ended with {status}", program.join(" "));
            false
        }
        Err(cause) => {
            eprintln!("gate: `{name}` could not be started: {cause}");
            false
        }
    }
}

fn print_table(times: &[(&str, Duration)]) {
    println!("\n{:<13} {:>9}", "stage", "seconds");
    for (name, time) in times {
        println!("{name:<13} {:>9.1}", time.as_secs_f64());
    }
}
