//! The scenarios, one file each.

mod clock_torture;
mod coincidences;
mod crash_restart_loops;
mod delayed_messages;
mod disk_full_and_errors;
mod disk_loss;
mod mixed;
mod name_servers_come_and_go;
mod partitions;
mod rebalance_storm;
mod retention_under_load;
mod retry_and_dead_letters;
mod send_then_pull;
mod sync_flush_power_cuts;

use crate::{
    draft::Draft,
    plan::{Plan, PlanError},
};

/// A way to draw plans.
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    draw: fn(&mut Draft),
}

/// The scenario that a seed plays unless another is named.
pub const DEFAULT: &str = "mixed";

/// Every scenario.
pub const ALL: [Scenario; 14] = [
    mixed::SCENARIO,
    send_then_pull::SCENARIO,
    sync_flush_power_cuts::SCENARIO,
    crash_restart_loops::SCENARIO,
    partitions::SCENARIO,
    clock_torture::SCENARIO,
    disk_loss::SCENARIO,
    disk_full_and_errors::SCENARIO,
    rebalance_storm::SCENARIO,
    retry_and_dead_letters::SCENARIO,
    delayed_messages::SCENARIO,
    retention_under_load::SCENARIO,
    name_servers_come_and_go::SCENARIO,
    coincidences::SCENARIO,
];

/// The scenario of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Scenario> {
    const EVERY: &[Scenario] = &ALL;
    EVERY.iter().find(|scenario| scenario.name == name)
}

/// Draws a plan. The same seed and scenario draw the same plan for ever.
pub fn draw(seed: u64, scenario: Option<&str>) -> Result<Plan, PlanError> {
    let name = scenario.unwrap_or(DEFAULT);
    let Some(scenario) = find(name) else {
        let known: Vec<_> = ALL.iter().map(|one| one.name).collect();
        return Err(PlanError::NoScenario { name: name.to_owned(), known: known.join(", ") });
    };
    let mut draft = Draft::new(seed, scenario.name);
    (scenario.draw)(&mut draft);
    let plan = draft.finish();
    plan.check()?;
    Ok(plan)
}
