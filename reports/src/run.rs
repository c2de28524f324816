//! What a run hands over to be reported.

use std::collections::BTreeMap;

use checkers::{History, Verdict, Violation};

/// One run, played and judged.
#[derive(Clone, Debug)]
pub struct RunSummary<'a> {
    /// The scenario that was played.
    pub scenario: &'a str,
    /// What the scenario does, in one sentence.
    pub about: &'a str,
    /// The seed.
    pub seed: u64,
    /// The plan as JSON, so that the report can be replayed.
    pub plan_json: &'a str,
    /// The trace hash.
    pub trace_hash: u64,
    /// True time that passed in the played world, in milliseconds.
    pub simulated_ms: u64,
    /// Time that passed for the person who waited, in milliseconds.
    pub waited_ms: u64,
    /// Everything that happened.
    pub history: &'a History,
    /// What the checkers say about it.
    pub verdict: &'a Verdict,
    /// What the world counted while it played, by words: `un-synced sectors lost`.
    pub counters: BTreeMap<String, u64>,
    /// How often each situation that a sweep must reach was reached; 0 for those that were not.
    pub probes: BTreeMap<String, u64>,
    /// What made the run itself fail, such as a panic: then the verdict is worth nothing.
    pub troubles: Vec<String>,
    /// The command that plays it again.
    pub replay: &'a str,
}

/// How a run ended, as an exit code says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Every promise was kept: 0.
    Kept,
    /// A promise was broken: 1.
    Broken,
    /// The run itself failed: 2.
    Failed,
}

impl End {
    /// The exit code.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Kept => 0,
            Self::Broken => 1,
            Self::Failed => 2,
        }
    }
}

impl RunSummary<'_> {
    /// How it ended.
    #[must_use]
    pub fn end(&self) -> End {
        if !self.troubles.is_empty() {
            End::Failed
        } else if self.verdict.kept() {
            End::Kept
        } else {
            End::Broken
        }
    }

    /// How many times faster than real time it was played.
    #[must_use]
    pub fn speed(&self) -> u64 {
        self.simulated_ms / self.waited_ms.max(1)
    }

    /// How often each kind of fault struck, in the order of the report.
    #[must_use]
    pub fn fault_counts(&self) -> Vec<(&'static str, u64)> {
        let count = |kind| self.history.faults.iter().filter(|fault| fault.kind == kind).count();
        checkers::FaultKind::ALL
            .iter()
            .map(|&kind| (kind.words(), u64::try_from(count(kind)).unwrap_or(u64::MAX)))
            .filter(|&(_, count)| 0 < count)
            .collect()
    }

    /// Violations worth telling: at most so many of each checker, in the order of the checkers.
    pub(crate) fn told(&self, each_max: usize) -> Vec<&Violation> {
        let each = self.verdict.findings.iter();
        each.flat_map(|one| one.violations.iter().take(each_max)).collect()
    }
}
