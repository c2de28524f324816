//! Faults in pairs: the second strikes while the first lasts.
//!
//! Faults that strike one after the other leave out what only their overlap shows: the power that
//! goes while a sync takes too long, the process that dies while its disk is full. Faults are
//! correlated, too: a rack loses its power as a whole, and the disks of a batch fail in one week.
//! And some lie in wait: the moment after a file went or a warning was logged is the worst one.

use crate::{
    draft::Draft,
    fault::{Cue, Fault, Struck, Unsynced},
    swarm::{Busy, Hazard, Tempo, pick, strike_node, victims},
};

/// Kinds of fault with their weights.
type Menu<'a> = &'a [(Hazard, u64)];

/// Fills the faults of a draft with pairs from two menus, between the third second and the heal.
pub(crate) fn coincide(draft: &mut Draft, (first, second): (Menu<'_>, Menu<'_>), tempo: Tempo) {
    let end_ms = draft.plan.timing.heal_at_ms;
    let mut at_ms = 3_000;
    // What the first has struck is not spared by the second.
    let (mut busy, mut dark) = (Busy::default(), Busy::default());
    while at_ms < end_ms {
        let lasts_ms = draft.faults.between(tempo.lasts_ms_min, tempo.lasts_ms_max);
        let Some(one) = pick(&mut draft.faults, first) else { return };
        let Some(other) = pick(&mut draft.faults, second) else { return };
        let struck = strike_some(draft, &mut busy, (one, &[]), (at_ms, lasts_ms));
        let amid_ms = at_ms + draft.faults.between(0, lasts_ms);
        let down_ms = draft.faults.between(tempo.lasts_ms_min, tempo.lasts_ms_max);
        strike_some(draft, &mut dark, (other, &struck), (amid_ms, down_ms));
        let gap_ms = draft.faults.between(tempo.gap_ms_min, tempo.gap_ms_max);
        at_ms = (at_ms + lasts_ms).max(amid_ms + down_ms) + gap_ms;
    }
}

/// Lays ambushes: brokers die when they do something delicate, at once or a little later.
pub(crate) fn ambush(draft: &mut Draft, tempo: Tempo) {
    let end_ms = draft.plan.timing.heal_at_ms;
    let brokers = draft.broker_names();
    let mut at_ms = 3_000;
    while at_ms < end_ms {
        let dice = &mut draft.faults;
        let Some(node) = dice.one_of(&brokers).cloned() else { return };
        let cues = [Cue::Creates, Cue::Renames, Cue::Removes, Cue::Complains];
        let on = dice.one_of(&cues).copied().unwrap_or(Cue::Complains);
        let torn = [Unsynced::Torn, Unsynced::Torn, Unsynced::Lost];
        let unsynced = dice.one_of(&torn).copied().unwrap_or(Unsynced::Torn);
        let whom = node.clone();
        let fault = Box::new(match dice.below(3) {
            0 => Fault::Crash { node: whom },
            1 => Fault::OsCrash { node: whom, unsynced },
            _ => Fault::PowerCut { node: whom, unsynced },
        });
        let for_ms = dice.between(tempo.gap_ms_min, tempo.gap_ms_max);
        let after_ms = if dice.percent(50) { 0 } else { dice.magnitude(1, 2_000) };
        let down_ms = dice.between(tempo.lasts_ms_min, tempo.lasts_ms_max);
        let fault = Fault::Ambush { node, on, for_ms, after_ms, fault, down_ms };
        draft.plan.faults.push(Struck { at_ms, fault });
        at_ms += draft.faults.between(tempo.gap_ms_min, tempo.gap_ms_max);
    }
}

/// Strikes one victim, mostly one of `likely`, or all victims at once. Tells whom.
fn strike_some(
    draft: &mut Draft,
    busy: &mut Busy,
    (hazard, likely): (Hazard, &[String]),
    span: (u64, u64),
) -> Vec<String> {
    let all = victims(draft, hazard);
    let again: Vec<String> = all.iter().filter(|node| likely.contains(node)).cloned().collect();
    let whom = match draft.faults.below(10) {
        0 => all,
        1..=8 if !again.is_empty() => again,
        _ => draft.faults.one_of(&all).cloned().into_iter().collect(),
    };
    for node in &whom {
        strike_node(draft, busy, (hazard, node.clone()), span);
    }
    whom
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::draw;

    fn plans() -> impl Iterator<Item = Vec<Struck>> {
        (0..200).map(|seed| draw(seed, Some("coincidences")).unwrap().faults)
    }

    #[test]
    fn power_goes_or_the_system_panics_while_a_disk_is_slow() {
        let slow_then_dark = |faults: &Vec<Struck>| {
            faults.iter().any(|first| match &first.fault {
                Fault::DiskSlow { node, for_ms, .. } => faults.iter().any(|second| {
                    (first.at_ms..first.at_ms + for_ms).contains(&second.at_ms)
                        && match &second.fault {
                            Fault::PowerCut { node: dark, .. }
                            | Fault::OsCrash { node: dark, .. } => dark == node,
                            _ => false,
                        }
                }),
                _ => false,
            })
        };
        let seen = plans().filter(slow_then_dark).count();
        assert!(8 < seen, "{seen}");
    }

    #[test]
    fn racks_lose_their_power_as_a_whole() {
        let rack = |faults: &Vec<Struck>| {
            let mut dark: BTreeMap<u64, usize> = BTreeMap::new();
            for struck in faults {
                if matches!(struck.fault, Fault::PowerCut { .. }) {
                    *dark.entry(struck.at_ms).or_default() += 1;
                }
            }
            dark.values().any(|&nodes| 1 < nodes)
        };
        let seen = plans().filter(rack).count();
        assert!(8 < seen, "{seen}");
    }
}
