//! Messages that wait for their level, across crashes: never early, never lost.

use super::Scenario;
use crate::{
    draft::Draft,
    swarm::{Hazard, Tempo, subset, swarm},
    workload::{Kind, Way},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "delayed_messages",
    about: "Messages of all delay levels, while brokers crash, stop and lose power.",
    draw,
};

fn draw(draft: &mut Draft) {
    draft.machines(2, 2, None);
    draft.pace();
    for way in [Way::Sync, Way::Async] {
        let levels = draft.workload.between(1, 6);
        let levels: Vec<u8> =
            (0..levels).map(|_| u8::try_from(draft.workload.between(0, 18)).unwrap_or(1)).collect();
        draft.producer(0, way).delay_levels = levels;
    }
    draft.producer(1, Way::Sync);
    draft.group(("billing", 2), (0, Kind::Concurrent), |_, _| {});
    draft.group(("ledger", 1), (1, Kind::Concurrent), |_, _| {});
    let menu = [
        Hazard::BrokerCrash,
        Hazard::BrokerStop,
        Hazard::PowerCut,
        Hazard::DiskSlow,
        Hazard::Reset,
    ];
    let menu = subset(&mut draft.faults, &menu);
    let tempo = Tempo::draw(&mut draft.faults);
    swarm(draft, &menu, tempo);
}
