//! What came out of scripts.

use std::collections::BTreeMap;

use super::{Crash, Trouble};
use crate::world::of_bytes;

/// So many findings of a script are told in full; of the others only how many there are.
const TOLD_MAX: usize = 3;

/// A disk that was not recovered as it must be.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// The seed of the script.
    pub(crate) seed: u64,
    /// The operation, counted from 1; 0 is the first start.
    pub(crate) operation: usize,
    /// What the operation is.
    pub(crate) during: String,
    /// The point, counted from 0 over the whole script.
    pub(crate) point: u64,
    /// What had just happened to the disk.
    pub(crate) effect: String,
    /// What happened then.
    pub(crate) crash: Crash,
    /// What is wrong.
    pub(crate) trouble: Trouble,
}

/// Sums over scripts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Moments at which a crash was tried.
    pub(crate) points: u64,
    /// Of those, how many had nothing at risk that was not tried in every combination.
    pub(crate) points_in_full: u64,
    /// Most things at risk at one point.
    pub(crate) at_risk_max: u64,
    /// Deaths of the process.
    pub(crate) deaths: u64,
    /// States after a power cut, each as often as it was met.
    pub(crate) states: u64,
    /// The same, each once per script: so many were recovered.
    pub(crate) distinct: u64,
    /// States after a power cut in the midst of a recovery, each once per recovery.
    pub(crate) in_recovery: u64,
    /// States that were not recovered as they must be.
    pub(crate) findings: u64,
    /// How often each kind of trouble came.
    pub(crate) kinds: BTreeMap<String, u64>,
    /// The first ones.
    pub(crate) told: Vec<Finding>,
    /// Over all states and what came of them, in order.
    pub(crate) hash: u64,
}

impl Tally {
    pub(crate) fn fold(&mut self, words: &[u64]) {
        let words: Vec<u8> =
            [&[self.hash], words].concat().iter().flat_map(|word| word.to_le_bytes()).collect();
        self.hash = of_bytes(&words);
    }

    pub(crate) fn found(&mut self, finding: Finding) {
        self.findings += 1;
        let kind: String = finding.trouble.0.chars().filter(|c| !c.is_ascii_digit()).collect();
        *self.kinds.entry(kind).or_default() += 1;
        self.fold(&[finding.point, of_bytes(finding.trouble.0.as_bytes())]);
        if self.told.len() < TOLD_MAX {
            self.told.push(finding);
        }
    }

    /// Takes in the sums of another script.
    pub(crate) fn add(&mut self, other: Self) {
        self.points += other.points;
        self.points_in_full += other.points_in_full;
        self.at_risk_max = self.at_risk_max.max(other.at_risk_max);
        self.deaths += other.deaths;
        self.states += other.states;
        self.distinct += other.distinct;
        self.in_recovery += other.in_recovery;
        self.findings += other.findings;
        for (kind, count) in other.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
        self.told.extend(other.told);
        self.fold(&[other.hash]);
    }
}
