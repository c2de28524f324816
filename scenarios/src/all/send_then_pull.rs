//! Nothing strikes: what is sent must be pulled, pushed, found by key and by time.

use super::Scenario;
use crate::{draft::Draft, workload::Kind};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "send_then_pull",
    about: "No faults at all: everything sent is consumed once, and can be found by key and time.",
    draw,
};

fn draw(draft: &mut Draft) {
    draft.machines(2, 2, None);
    draft.usual_clients();
    draft.group(("watch", 2), (1, Kind::Broadcast), |_, _| {});
    draft.plan.timing.heal_at_ms = 20_000;
    for producer in &mut draft.plan.workload.producers {
        producer.until_ms = 20_000;
    }
}
