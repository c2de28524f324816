//! Clocks that lie: offsets up to a year, drift, steps both ways, and clocks that stand still.

use super::Scenario;
use crate::{
    draft::Draft,
    fault::{Fault, Struck},
    swarm::{Hazard, Tempo, swarm},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "clock_torture",
    about: "Wall clocks a year apart, drifting, jumping both ways and standing still.",
    draw,
};

const YEAR_MS: u64 = 365 * 24 * 3_600_000;

fn draw(draft: &mut Draft) {
    draft.machines(2, 2, None);
    draft.usual_clients();
    let mut nodes = draft.broker_names();
    nodes.extend(draft.name_server_names());
    nodes.extend(draft.client_names());
    for node in nodes {
        if draft.faults.percent(40) {
            let by_ms = i64::try_from(draft.faults.magnitude(1_000, YEAR_MS)).unwrap_or(0);
            let by_ms = if draft.faults.percent(50) { -by_ms } else { by_ms };
            let fault = Fault::ClockStep { node, by_ms };
            draft.plan.faults.push(Struck { at_ms: 1, fault });
        }
    }
    let tempo =
        Tempo { gap_ms_min: 200, gap_ms_max: 4_000, lasts_ms_min: 500, lasts_ms_max: 5_000 };
    let menu = [
        (Hazard::ClockStep, 50),
        (Hazard::ClockDrift, 20),
        (Hazard::ClockFreeze, 20),
        (Hazard::BrokerCrash, 10),
    ];
    swarm(draft, &menu, tempo);
}
