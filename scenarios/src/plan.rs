//! A plan: everything that one run will do, as plain data.
//!
//! A seed draws a plan; a plan plays without any seed but the one it carries for the small choices
//! of the world (latencies, which un-synced bytes survive). It is written to a file, compared with
//! another, and made smaller by leaving parts out: nothing in it depends on a position elsewhere,
//! every part is named.
//!
//! Times are milliseconds of true time since the run began.

use serde::{Deserialize, Serialize};

use crate::{cluster::Cluster, fault::Struck, workload::Workload};

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The seed that drew it, and the seed of the world that plays it.
    pub seed: u64,
    /// The name of the scenario.
    pub scenario: String,
    /// The machines.
    pub cluster: Cluster,
    /// The clients and what they do.
    pub workload: Workload,
    /// What strikes, in the order of time.
    pub faults: Vec<Struck>,
    /// The phases.
    pub timing: Timing,
}

/// The phases of a run: faults until `heal_at_ms`, then everything is repaired and started, and
/// the run goes on until every group has consumed everything or `drain_within_ms` has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// From this time on nothing strikes, and whatever is broken is repaired.
    pub heal_at_ms: u64,
    /// After the heal a send must succeed within this.
    pub send_within_ms: u64,
    /// After the heal everything must be consumed within this.
    pub drain_within_ms: u64,
    /// A broker or name server must serve within this after its start.
    pub boot_within_ms: u64,
}

/// Why a plan cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Not the JSON of a plan.
    #[error("this is not a plan: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// A part names something that is not there.
    #[error("{what} names `{name}`, which is no {expected} of this plan")]
    Unknown {
        /// The part that names it.
        what: String,
        /// The name.
        name: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A name occurs twice.
    #[error("two nodes are called `{name}`")]
    Twice {
        /// The name.
        name: String,
    },
    /// A number is out of its range.
    #[error("{what} is {value}, but must be {limit}")]
    OutOfRange {
        /// What it is.
        what: String,
        /// Its value.
        value: String,
        /// What is allowed.
        limit: String,
    },
    /// A scenario nobody wrote.
    #[error("there is no scenario `{name}`; there are: {known}")]
    NoScenario {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
}

impl Plan {
    /// The plan as JSON, indented, the same text for the same plan.
    pub fn to_json(&self) -> Result<String, PlanError> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Reads a plan from JSON and checks it.
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        let plan: Self = serde_json::from_str(text)?;
        plan.check()?;
        Ok(plan)
    }

    /// The names of all nodes, servers first.
    #[must_use]
    pub fn node_names(&self) -> Vec<&str> {
        let servers = self.cluster.name_servers.iter().map(|one| one.name.as_str());
        let brokers = self.cluster.brokers.iter().map(|one| one.name.as_str());
        let producers = self.workload.producers.iter().map(|one| one.name.as_str());
        let consumers = self.workload.consumers.iter().map(|one| one.name.as_str());
        servers.chain(brokers).chain(producers).chain(consumers).collect()
    }

    /// Whether every name that a part uses is there, once, and every number makes sense.
    pub fn check(&self) -> Result<(), PlanError> {
        let mut names = self.node_names();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair.first() == pair.last()) {
            return Err(PlanError::Twice {
                name: pair.first().map_or_else(String::new, |name| (*name).to_owned()),
            });
        }
        for struck in &self.faults {
            for node in struck.fault.nodes() {
                if names.binary_search(&node).is_err() {
                    return Err(PlanError::Unknown {
                        what: format!("the fault at {} ms", struck.at_ms),
                        name: node.to_owned(),
                        expected: "node",
                    });
                }
            }
        }
        crate::limits::check(self)?;
        self.cluster.check()?;
        self.workload.check(&self.cluster)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::draw;

    static PLAN: LazyLock<String> =
        LazyLock::new(|| draw(3, Some("crash_restart_loops")).unwrap().to_json().unwrap());

    /// A plan that was taken is written and taken again.
    fn swallow(text: &str) {
        match Plan::from_json(text) {
            Ok(plan) => {
                let again = Plan::from_json(&plan.to_json().unwrap()).unwrap();
                assert_eq!(again.to_json().unwrap(), plan.to_json().unwrap());
            }
            Err(refused) => assert!(!refused.to_string().is_empty()),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn raw_texts_are_no_plan(
            bytes in vec(any::<u8>(), 0..100),
            text in r#"(\{|\}|\[|\]|:|,|"[a-z]{0,3}"|null|true|-?[0-9]{1,20}|1e999|"seed":){0,30}"#,
        ) {
            swallow(&String::from_utf8_lossy(&bytes));
            swallow(&text);
        }

        #[test]
        fn changed_plans(
            place in any::<prop::sample::Index>(),
            cut in 0..8_usize,
            put in "[0-9{}\\[\\]:,\"a-z.-]{0,8}",
        ) {
            let mut text = PLAN.clone();
            assert!(text.is_ascii());
            let at = place.index(text.len());
            let end = text.len().min(at + cut);
            text.replace_range(at..end, &put);
            swallow(&text);
        }

        /// Each number of a plan, replaced by another.
        #[test]
        fn plans_with_any_number(place in any::<prop::sample::Index>(), number in any::<i64>()) {
            let is_digit = |at: usize| PLAN.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
            let starts: Vec<usize> =
                (1..PLAN.len()).filter(|at| is_digit(*at) && !is_digit(at - 1)).collect();
            let start = starts[place.index(starts.len())];
            let end = (start..).find(|at| !is_digit(*at)).unwrap();
            let mut text = PLAN.clone();
            text.replace_range(start..end, &number.to_string());
            swallow(&text);
        }
    }
}
