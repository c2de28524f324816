//! A network that splits, in every way in which networks split.

use super::Scenario;
use crate::{
    draft::Draft,
    swarm::{Hazard, Tempo, subset, swarm},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "partitions",
    about: "Full, partial and one-way partitions, slow links, stalls and resets.",
    draw,
};

fn draw(draft: &mut Draft) {
    let brokers = draft.cluster.between_u32(2, 3);
    draft.machines(2, brokers, None);
    draft.usual_clients();
    let menu = [
        Hazard::Partition,
        Hazard::Isolate,
        Hazard::OneWay,
        Hazard::SlowLink,
        Hazard::Stall,
        Hazard::Reset,
    ];
    let menu = subset(&mut draft.faults, &menu);
    let tempo = Tempo::draw(&mut draft.faults);
    swarm(draft, &menu, tempo);
}
