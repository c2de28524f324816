//! The promise people pay for: what SYNC_FLUSH acknowledged survives the loss of power.

use super::Scenario;
use crate::{
    cluster::FlushPolicy,
    draft::Draft,
    swarm::{Hazard, Tempo, swarm},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "sync_flush_power_cuts",
    about: "Brokers under SYNC_FLUSH lose power again and again, also while they recover.",
    draw,
};

fn draw(draft: &mut Draft) {
    draft.machines(2, 2, Some(FlushPolicy::Sync));
    draft.usual_clients();
    let tempo =
        Tempo { gap_ms_min: 800, gap_ms_max: 5_000, lasts_ms_min: 100, lasts_ms_max: 1_500 };
    let menu = [(Hazard::PowerCut, 80), (Hazard::DiskSlow, 10), (Hazard::BrokerCrash, 10)];
    swarm(draft, &menu, tempo);
}
