//! Disks that refuse: full, slow, and failing reads, writes and syncs.

use super::Scenario;
use crate::{
    draft::Draft,
    swarm::{Hazard, Tempo, subset, swarm},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "disk_full_and_errors",
    about: "Disks run full and are freed; reads, writes and syncs fail or take long.",
    draw,
};

fn draw(draft: &mut Draft) {
    draft.machines(2, 2, None);
    draft.usual_clients();
    let menu = [
        Hazard::DiskFull,
        Hazard::ReadError,
        Hazard::WriteError,
        Hazard::SyncError,
        Hazard::DiskSlow,
        Hazard::PowerCut,
    ];
    let menu = subset(&mut draft.faults, &menu);
    let tempo =
        Tempo { gap_ms_min: 1_000, gap_ms_max: 6_000, lasts_ms_min: 200, lasts_ms_max: 4_000 };
    swarm(draft, &menu, tempo);
}
