//! Sweeping seeds with a simulator that was built, and reading what it reports.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    ops::Range,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

/// A simulator.
pub(crate) struct Sim {
    program: PathBuf,
    report: PathBuf,
    scenarios: String,
}

/// What a sweep came to.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Seeds that did not end well, in order.
    pub(crate) bad: Vec<Bad>,
    /// The trace hash of every seed that was played.
    pub(crate) played: BTreeMap<u64, String>,
    /// What all its processes took.
    pub(crate) cpu_s: f64,
}

/// A seed that did not end well.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bad {
    pub(crate) seed: u64,
    pub(crate) scenario: String,
    /// 1: a promise was broken; 2: the run itself failed.
    pub(crate) end: u64,
    /// The checkers whose promises were broken.
    pub(crate) broken: BTreeSet<String>,
    /// The first broken promises, in words that begin with the checker.
    pub(crate) words: Vec<String>,
}

impl Bad {
    /// A promise was broken.
    pub(crate) fn is_broken(&self) -> bool {
        self.end == 1
    }
}

impl Report {
    pub(crate) fn last_played(&self) -> Option<u64> {
        self.played.keys().next_back().copied()
    }

    fn read(text: &str) -> Option<Self> {
        let report: Value = serde_json::from_str(text).ok()?;
        let mut read = Self::default();
        for result in report["seeds"].as_object()?.values() {
            let seed = result["seed"].as_u64()?;
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            read.played.insert(seed, text(&result["trace_hash"]));
            let end = result["exit_code"].as_u64()?;
            if end != 0 {
                let words = result["violations"].as_array().map(Vec::as_slice).unwrap_or_default();
                read.bad.push(Bad {
                    seed,
                    scenario: text(&result["scenario"]),
                    end,
                    broken: result["broken"].as_object()?.keys().cloned().collect(),
                    words: words.iter().map(text).collect(),
                });
            }
        }
        read.bad.sort_by_key(|bad| bad.seed);
        Some(read)
    }
}

impl Sim {
    pub(crate) fn new(program: PathBuf, room: &Path) -> Self {
        let listed = Command::new(&program).arg("list").output();
        let scenarios = listed.map(|listed| String::from_utf8_lossy(&listed.stdout).into_owned());
        let scenarios = scenarios.unwrap_or_default();
        Self { program, report: room.join("sweep.json"), scenarios }
    }

    /// The scenario, if there is one of that name.
    pub(crate) fn knows<'a>(&self, scenario: Option<&'a str>) -> Option<&'a str> {
        let listed = |name: &&str| {
            self.scenarios.lines().any(|line| line.split_whitespace().next() == Some(*name))
        };
        let known = scenario.filter(listed);
        if let (Some(name), None) = (scenario, known) {
            eprintln!("hunt: no scenario is called {name}, all of them are swept");
        }
        known
    }

    /// Plays seeds; with `stops` only until the first that does not end well.
    pub(crate) fn sweep(
        &self,
        seeds: Range<u64>,
        scenario: Option<&str>,
        stops: bool,
        jobs: Option<usize>,
    ) -> Result<Report, String> {
        fs::remove_file(&self.report).ok();
        let mut command = Command::new(&self.program);
        command.args(["sweep", "--seeds", &format!("{}..{}", seeds.start, seeds.end), "--json"]);
        command.arg(&self.report).stdin(Stdio::null()).stdout(Stdio::null());
        if stops {
            command.arg("--fail-fast");
        }
        for (name, value) in [
            ("--scenario", scenario.map(str::to_owned)),
            ("--jobs", jobs.map(|jobs| jobs.to_string())),
        ] {
            if let Some(value) = value {
                command.args([name, &value]);
            }
        }
        let before = cpu_of_children();
        let status = command.status().map_err(|cause| format!("sim: {cause}"))?;
        let cpu_s = cpu_of_children() - before;
        let text = fs::read_to_string(&self.report).unwrap_or_default();
        let report = Report::read(&text);
        let mut report = report.ok_or_else(|| format!("sim ended with {status} and no report"))?;
        report.cpu_s = cpu_s;
        Ok(report)
    }
}

/// CPU seconds of all processes that this one has waited for; 0 where `/proc` does not tell.
fn cpu_of_children() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold blanks; what follows it does not.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let field =
        |place| rest.split_whitespace().nth(place).and_then(|ticks| ticks.parse::<f64>().ok());
    let ticks: f64 = [13, 14].into_iter().filter_map(field).sum();
    ticks / TICKS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_and_a_broken_promise_is_not_a_failed_run() {
        let seed = |seed: u64, code: u64, broken: &str| {
            format!(
                r#""{seed}":{{"seed":{seed},"scenario":"mixed","trace_hash":"aa","exit_code":{code},
                "broken":{{{broken}}},"violations":["C01 why"]}}"#
            )
        };
        let all = [seed(11, 2, ""), seed(3, 1, r#""C01":7"#), seed(4, 0, "")].join(",");
        let report = Report::read(&format!(r#"{{"seeds":{{{all}}},"waited_ms":5}}"#)).unwrap();
        assert_eq!(report.last_played(), Some(11));
        let bad: Vec<_> = report.bad.iter().map(|bad| (bad.seed, bad.is_broken())).collect();
        assert_eq!(bad, [(3, true), (11, false)]);
        assert!(report.bad[0].broken.contains("C01"));
        assert!(Report::read("{}").is_none());
    }
}
