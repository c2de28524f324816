//! Many runs together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    run::{End, RunSummary},
    traffic::{Traffic, commas, count, plural, seconds},
};

/// Kinds of failure that the text of a sweep shows.
pub(crate) const KINDS_MAX: usize = 20;

/// What a sweep keeps of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedResult {
    /// The seed.
    pub seed: u64,
    /// The scenario.
    pub scenario: String,
    /// The trace hash, 16 hexadecimal digits.
    pub trace_hash: String,
    /// 0 kept, 1 broken, 2 the run itself failed.
    pub exit_code: u8,
    /// Played milliseconds.
    pub simulated_ms: u64,
    /// Waited milliseconds.
    pub waited_ms: u64,
    /// How much of what.
    pub traffic: Traffic,
    /// Strikes by kind.
    pub faults: BTreeMap<String, u64>,
    /// Situations reached.
    pub probes: BTreeMap<String, u64>,
    /// Things compared, by checker.
    pub checked: BTreeMap<String, u64>,
    /// Broken promises, by checker.
    pub broken: BTreeMap<String, u64>,
    /// The first violations in words.
    pub violations: Vec<String>,
    /// Excuses by checker and cause.
    pub excuses: BTreeMap<String, u64>,
    /// From the heal until everything was consumed, in milliseconds.
    pub recovery_ms: Option<u64>,
    /// What made the run itself fail.
    pub troubles: Vec<String>,
    /// How long its sweep had been going on when it was done, in milliseconds; unknown to a run
    /// without a sweep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_ms: Option<u64>,
}

impl SeedResult {
    /// Of a run.
    #[must_use]
    pub fn of(run: &RunSummary<'_>) -> Self {
        let findings = &run.verdict.findings;
        let healed = run.history.healed;
        let faults = run.fault_counts().into_iter();
        Self {
            seed: run.seed,
            scenario: run.scenario.to_owned(),
            trace_hash: format!("{:016x}", run.trace_hash),
            exit_code: run.end().exit_code(),
            simulated_ms: run.simulated_ms,
            waited_ms: run.waited_ms,
            traffic: Traffic::of(run.history),
            faults: faults.map(|(kind, count)| (kind.to_owned(), count)).collect(),
            probes: run.probes.clone(),
            checked: findings.iter().map(|one| (one.checker.to_owned(), one.checked)).collect(),
            broken: findings
                .iter()
                .filter(|one| 0 < one.broken())
                .map(|one| (one.checker.to_owned(), one.broken()))
                .collect(),
            violations: run
                .verdict
                .violations()
                .iter()
                .take(5)
                .map(|one| format!("{} {}", one.checker, one.words))
                .collect(),
            excuses: run
                .verdict
                .excuses()
                .map(|one| (format!("{}: {}", one.checker, one.cause), one.count))
                .collect(),
            recovery_ms: healed.zip(run.history.drained).map(|(a, b)| b.ms_since(a)),
            troubles: run.troubles.clone(),
            done_ms: None,
        }
    }

    /// A run that ended without saying anything, such as by a signal.
    #[must_use]
    pub fn failed(seed: u64, scenario: &str, trouble: String) -> Self {
        Self {
            seed,
            scenario: scenario.to_owned(),
            trace_hash: "0".repeat(16),
            exit_code: End::Failed.exit_code(),
            simulated_ms: 0,
            waited_ms: 0,
            traffic: Traffic::default(),
            faults: BTreeMap::new(),
            probes: BTreeMap::new(),
            checked: BTreeMap::new(),
            broken: BTreeMap::new(),
            violations: Vec::new(),
            excuses: BTreeMap::new(),
            recovery_ms: None,
            troubles: vec![trouble],
            done_ms: None,
        }
    }
}

/// The sum of a sweep. Results can be added in any order; the sum is the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// One entry per seed.
    pub seeds: BTreeMap<u64, SeedResult>,
    /// How long the sweep took, in milliseconds.
    pub waited_ms: u64,
}

impl Sweep {
    /// Adds a result.
    pub fn add(&mut self, result: SeedResult) {
        self.seeds.insert(result.seed, result);
    }

    /// Adds the results of another part of the same sweep.
    pub fn merge(&mut self, other: Self) {
        self.waited_ms = self.waited_ms.max(other.waited_ms);
        self.seeds.extend(other.seeds);
    }

    /// How it ended: the worst of its runs. A probe that no seed reached is a failure.
    #[must_use]
    pub fn end(&self, probes_must_hit: bool) -> End {
        let worst = self.seeds.values().map(|one| one.exit_code).max().unwrap_or(0);
        let missed = probes_must_hit && !self.missed_probes().is_empty();
        match worst {
            2.. => End::Failed,
            1 => End::Broken,
            0 if missed => End::Failed,
            0 => End::Kept,
        }
    }

    /// Situations that every run looked for and none reached.
    #[must_use]
    pub fn missed_probes(&self) -> Vec<String> {
        let sums = self.sum(|one| &one.probes);
        sums.into_iter().filter(|(_, count)| *count == 0).map(|(name, _)| name).collect()
    }

    pub(crate) fn sum(
        &self,
        of: impl Fn(&SeedResult) -> &BTreeMap<String, u64>,
    ) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for result in self.seeds.values() {
            for (name, count) in of(result) {
                *sums.entry(name.clone()).or_default() += count;
            }
        }
        sums
    }

    /// Everything as JSON.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// Reads what [`Sweep::json`] wrote.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The sums as text, ending with one summary line.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut table = |title: &str, rows: BTreeMap<String, u64>| {
            if rows.is_empty() {
                return;
            }
            text.push_str(title);
            text.push('\n');
            for (name, count) in rows {
                text.push_str(&format!("  {:>12}  {name}\n", commas(count)));
            }
        };
        table("Faults", self.sum(|one| &one.faults));
        table("Compared", self.sum(|one| &one.checked));
        table("Excused", self.sum(|one| &one.excuses));
        table("Situations", self.sum(|one| &one.probes));
        table("Broken", self.sum(|one| &one.broken));
        let kinds = self.kinds();
        if !kinds.is_empty() {
            text.push_str("Kinds of failure, each with the seed that is played quickest\n");
        }
        for kind in kinds.iter().take(KINDS_MAX) {
            let SeedResult { seed, scenario, .. } = kind.example;
            let words = kind.example.first_words();
            let count = commas(count(kind.seeds.len()));
            text.push_str(&format!(
                "  {count:>12}  --seed {seed} --scenario {scenario}: {words}\n"
            ));
        }
        if KINDS_MAX < kinds.len() {
            text.push_str(&format!("  and {} more kinds\n", kinds.len() - KINDS_MAX));
        }
        let missed = self.missed_probes();
        if !missed.is_empty() {
            text.push_str(&format!("never reached: {}\n", missed.join(", ")));
        }
        text.push_str(&self.line());
        text.push('\n');
        text
    }

    /// One line: how many seeds, how many broke a promise, how many failed, how fast.
    #[must_use]
    pub fn line(&self) -> String {
        let with = |code| self.seeds.values().filter(|one| one.exit_code == code).count();
        let played: u64 = self.seeds.values().map(|one| one.simulated_ms).sum();
        let seeds = count(self.seeds.len());
        let checked: u64 = self.seeds.values().flat_map(|one| one.checked.values()).sum();
        format!(
            "{}: {} with broken promises, {} failed; {} compared; {} played in {}, {} times real \
             time",
            plural(seeds, "seed"),
            with(1),
            with(2),
            plural(checked, "thing"),
            seconds(played),
            seconds(self.waited_ms),
            commas(played / self.waited_ms.max(1))
        )
    }
}
