//! Listeners that fail, now and then or always: retried, then dead, never lost.

use super::Scenario;
use crate::{
    draft::Draft,
    swarm::{Hazard, Tempo, subset, swarm},
    workload::{Kind, Way},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "retry_and_dead_letters",
    about: "Listeners fail often or always; messages are retried and become dead letters.",
    draw,
};

fn draw(draft: &mut Draft) {
    draft.machines(2, 2, None);
    draft.pace();
    draft.producer(0, Way::Sync);
    draft.producer(1, Way::Sync).streams = 2;
    draft.producer(0, Way::Batch);
    draft.group(("billing", 2), (0, Kind::Concurrent), |consumer, dice| {
        consumer.fails_per_mille = dice.between_u32(50, 400);
        consumer.always_fails_one_of = dice.between_u32(5, 40);
    });
    draft.group(("ledger", 2), (1, Kind::Orderly), |consumer, dice| {
        consumer.fails_per_mille = dice.between_u32(0, 100);
    });
    let menu =
        [Hazard::BrokerCrash, Hazard::PowerCut, Hazard::ClientCrash, Hazard::Reset, Hazard::Stall];
    let menu = subset(&mut draft.faults, &menu);
    let tempo = Tempo::draw(&mut draft.faults);
    swarm(draft, &menu, tempo);
}
