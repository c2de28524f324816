//! Two faults at once, which neither of them alone would show.

use super::{
    Scenario,
    retention_under_load::{hours_pass, keep_little},
};
use crate::{
    coincidence::{ambush, coincide},
    draft::Draft,
    swarm::{Hazard, Tempo, subset},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "coincidences",
    about: "Faults in pairs, of whole racks and batches, and in wait for a delicate moment.",
    draw,
};

/// What lasts, so that something else can happen meanwhile.
const FIRST: [Hazard; 14] = [
    Hazard::BrokerPause,
    Hazard::ClientPause,
    Hazard::Partition,
    Hazard::Isolate,
    Hazard::OneWay,
    Hazard::SlowLink,
    Hazard::Stall,
    Hazard::ClockStep,
    Hazard::DiskFull,
    Hazard::DiskFilled,
    Hazard::ReadError,
    Hazard::WriteError,
    Hazard::SyncError,
    Hazard::DiskSlow,
];

/// What ends something, while something else lasts.
const SECOND: [Hazard; 7] = [
    Hazard::BrokerCrash,
    Hazard::BrokerStop,
    Hazard::OsCrash,
    Hazard::PowerCut,
    Hazard::NameServerCrash,
    Hazard::ClientCrash,
    Hazard::Reset,
];

fn draw(draft: &mut Draft) {
    let brokers = draft.cluster.between_u32(2, 3);
    draft.machines(2, brokers, None);
    draft.usual_clients();
    if draft.cluster.percent(50) {
        keep_little(draft);
        hours_pass(draft);
    }
    let first = subset(&mut draft.faults, &FIRST);
    let second = subset(&mut draft.faults, &SECOND);
    let tempo =
        Tempo { gap_ms_min: 500, gap_ms_max: 5_000, lasts_ms_min: 200, lasts_ms_max: 4_000 };
    match draft.faults.below(4) {
        0 => ambush(draft, tempo),
        1 => {
            coincide(draft, (&first, &second), tempo);
            ambush(draft, tempo);
        }
        _ => coincide(draft, (&first, &second), tempo),
    }
}
