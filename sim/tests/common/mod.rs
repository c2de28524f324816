//! What several test files need.

use scenarios::{Plan, draw};

/// A plan that is healed after so many milliseconds.
pub(crate) fn short(seed: u64, scenario: &str, heal_at_ms: u64) -> Plan {
    let mut plan = draw(seed, Some(scenario)).expect("`sim list` names the scenario");
    plan.timing.heal_at_ms = heal_at_ms;
    plan.faults.retain(|struck| struck.at_ms < heal_at_ms);
    plan.workload.admin.retain(|op| op.at_ms < heal_at_ms);
    for producer in &mut plan.workload.producers {
        producer.until_ms = producer.until_ms.min(heal_at_ms);
        producer.from_ms = producer.from_ms.min(1_000);
    }
    plan
}
