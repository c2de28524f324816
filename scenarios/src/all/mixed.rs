//! Everything a cluster does, and a swarm of everything that can happen to it.

use super::Scenario;
use crate::{
    draft::Draft,
    swarm::{Hazard, Tempo, subset, swarm},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "mixed",
    about: "All kinds of clients, and a swarm of faults of which each seed switches some on.",
    draw,
};

fn draw(draft: &mut Draft) {
    let brokers = draft.cluster.between_u32(2, 3);
    draft.machines(2, brokers, None);
    draft.usual_clients();
    let mut menu = subset(&mut draft.faults, &Hazard::MOST);
    if draft.faults.percent(12) {
        menu.push((Hazard::DiskLoss, 5));
    }
    let tempo = Tempo::draw(&mut draft.faults);
    swarm(draft, &menu, tempo);
}
