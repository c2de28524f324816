//! Name servers die, come back empty, disagree, and are all gone for a while.

use super::Scenario;
use crate::{
    draft::Draft,
    fault::{Fault, Struck},
    swarm::{Hazard, Tempo, swarm},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "name_servers_come_and_go",
    about: "Name servers crash, come back empty and are all gone at once; clients go on.",
    draw,
};

fn draw(draft: &mut Draft) {
    let name_servers = draft.cluster.between_u32(2, 3);
    draft.machines(name_servers, 2, None);
    draft.usual_clients();
    let tempo =
        Tempo { gap_ms_min: 300, gap_ms_max: 4_000, lasts_ms_min: 200, lasts_ms_max: 5_000 };
    let menu = [
        (Hazard::NameServerCrash, 60),
        (Hazard::BrokerCrash, 15),
        (Hazard::ClientCrash, 15),
        (Hazard::OneWay, 10),
    ];
    swarm(draft, &menu, tempo);
    // Once all of them are gone together.
    let at_ms = draft.faults.between(5_000, 15_000);
    let lasts_ms = draft.faults.between(1_000, 8_000);
    for node in draft.name_server_names() {
        let again = node.clone();
        draft.plan.faults.push(Struck { at_ms, fault: Fault::Crash { node } });
        let restart = Fault::Restart { node: again };
        draft.plan.faults.push(Struck { at_ms: at_ms + lasts_ms, fault: restart });
    }
}
