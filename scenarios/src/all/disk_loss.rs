//! A disk is destroyed: the broker starts empty, and everybody must find a way on.

use super::Scenario;
use crate::{
    draft::Draft,
    swarm::{Hazard, Tempo, swarm},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "disk_loss",
    about: "Whole disks are destroyed; brokers start empty, other brokers keep every promise.",
    draw,
};

fn draw(draft: &mut Draft) {
    draft.machines(2, 3, None);
    draft.usual_clients();
    let tempo =
        Tempo { gap_ms_min: 5_000, gap_ms_max: 15_000, lasts_ms_min: 500, lasts_ms_max: 4_000 };
    swarm(draft, &[(Hazard::DiskLoss, 60), (Hazard::BrokerCrash, 40)], tempo);
}
