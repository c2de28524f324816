//! Old segments go while new ones come: nothing young, nothing in the middle, nothing in use.

use super::Scenario;
use crate::{
    draft::Draft,
    fault::{Fault, Struck},
    swarm::{Hazard, Tempo, swarm},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "retention_under_load",
    about: "Small segments, time that jumps by hours, and deletion of old segments under load.",
    draw,
};

const HOUR_MS: i64 = 3_600_000;

fn draw(draft: &mut Draft) {
    draft.machines(2, 2, None);
    draft.usual_clients();
    keep_little(draft);
    hours_pass(draft);
    let tempo =
        Tempo { gap_ms_min: 3_000, gap_ms_max: 10_000, lasts_ms_min: 200, lasts_ms_max: 2_000 };
    let menu = [(Hazard::BrokerCrash, 40), (Hazard::BrokerStop, 30), (Hazard::PowerCut, 30)];
    swarm(draft, &menu, tempo);
}

/// Makes brokers keep small segments for an hour only, and look for old ones every second.
pub(super) fn keep_little(draft: &mut Draft) {
    let every_hour: Vec<String> = (0..24).map(|hour| format!("{hour:02}")).collect();
    for broker in &mut draft.plan.cluster.brokers {
        broker.segment_bytes = 16 << 10;
        broker.reserved_hours = 1;
        let own = [
            ("deleteWhen", every_hour.join(";")),
            ("cleanResourceInterval", "1000".to_owned()),
            ("deleteCommitLogFilesInterval", "10".to_owned()),
            ("maxMessageSize", (8 << 10).to_string()),
        ];
        broker.properties.extend(own.into_iter().map(|(key, value)| (key.to_owned(), value)));
    }
}

/// Lets an hour pass now and then on every broker, so that what was written before has expired.
pub(super) fn hours_pass(draft: &mut Draft) {
    let end_ms = draft.plan.timing.heal_at_ms;
    for node in draft.broker_names() {
        let mut at_ms = draft.faults.between(8_000, 15_000);
        while at_ms < end_ms {
            let fault = Fault::ClockStep { node: node.clone(), by_ms: HOUR_MS + 60_000 };
            draft.plan.faults.push(Struck { at_ms, fault });
            at_ms += draft.faults.between(8_000, 20_000);
        }
    }
}
