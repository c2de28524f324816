//! Members come, go and die faster than shares settle.

use super::Scenario;
use crate::{
    draft::Draft,
    swarm::{Hazard, Tempo, swarm},
    workload::{Kind, Way},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "rebalance_storm",
    about: "Members of every group join, leave, stand still and die while messages flow.",
    draw,
};

fn draw(draft: &mut Draft) {
    draft.machines(2, 2, None);
    draft.pace();
    draft.producer(0, Way::Sync);
    draft.producer(0, Way::Async);
    let streams = draft.workload.between_u32(1, 4);
    draft.producer(1, Way::Sync).streams = streams;
    let end_ms = draft.plan.timing.heal_at_ms;
    let storm = |consumer: &mut crate::Consumer, dice: &mut crate::Dice| {
        let mut at_ms = consumer.from_ms;
        while consumer.leaves_ms.len() < 12 {
            at_ms += dice.magnitude(300, 10_000);
            if end_ms <= at_ms {
                break;
            }
            consumer.leaves_ms.push(at_ms);
        }
    };
    draft.group(("billing", 4), (0, Kind::Concurrent), storm);
    draft.group(("ledger", 3), (1, Kind::Orderly), storm);
    let tempo =
        Tempo { gap_ms_min: 1_000, gap_ms_max: 6_000, lasts_ms_min: 200, lasts_ms_max: 6_000 };
    let menu = [
        (Hazard::ClientCrash, 40),
        (Hazard::ClientPause, 20),
        (Hazard::BrokerCrash, 20),
        (Hazard::Reset, 20),
    ];
    swarm(draft, &menu, tempo);
}
