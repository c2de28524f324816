//! Processes that die and come back, faster than anybody can settle.

use super::Scenario;
use crate::{
    draft::Draft,
    swarm::{Hazard, Tempo, swarm},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "crash_restart_loops",
    about: "Brokers, name servers and clients crash, stop and start all the time.",
    draw,
};

fn draw(draft: &mut Draft) {
    draft.machines(2, 3, None);
    draft.usual_clients();
    let tempo = Tempo { gap_ms_min: 50, gap_ms_max: 2_500, lasts_ms_min: 20, lasts_ms_max: 1_200 };
    let menu = [
        (Hazard::BrokerCrash, 50),
        (Hazard::BrokerStop, 20),
        (Hazard::ClientCrash, 20),
        (Hazard::NameServerCrash, 10),
    ];
    swarm(draft, &menu, tempo);
}
