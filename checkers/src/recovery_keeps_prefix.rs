//! C16 RECOVERY-PREFIX: a store that is opened again holds the longest valid prefix of what was
//! written, and opening it once more changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    fault_facts::FaultKind,
    history::History,
    ids::NodeId,
    store_facts::Recovery,
    verdict::{Findings, Pointer},
};

/// Every recovery, and every image of a store.
#[must_use]
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "C16",
        "RECOVERY-PREFIX",
        "Recovery keeps the longest valid prefix, twice gives the same, what was cut stays gone.",
        "Nothing about a store whose bytes were changed by the disk itself.",
        "recoveries and images",
    );
    for recovery in &history.recoveries {
        findings.count();
        if let Some(words) = wrong(history, recovery) {
            let name = history.node_name(recovery.node);
            let words = format!("recovery of {name} at {} {words}", recovery.at);
            findings.violate(recovery.at, words, vec![Pointer::Node(recovery.node)]);
        }
    }
    returned(history, &mut findings);
    findings
}

fn wrong(history: &History, recovery: &Recovery) -> Option<String> {
    let to = recovery.recovered_to;
    if let Some(valid) = recovery.valid_to
        && to != valid
        && !rotten(history, recovery.node)
    {
        return Some(format!("ended at {to}, but valid records reach to {valid}"));
    }
    if let Some(again) = recovery.again_to
        && again != to
    {
        return Some(format!("ended at {to}, and once more at {again}"));
    }
    match recovery.durable_to {
        Some(durable)
            if to < durable && !rotten(history, recovery.node) && !recovery.complained =>
        {
            Some(format!("ended at {to}, but bytes up to {durable} had been synced"))
        }
        _ => None,
    }
}

fn rotten(history: &History, node: NodeId) -> bool {
    history
        .faults_of(node)
        .any(|fault| matches!(fault.kind, FaultKind::BitRot | FaultKind::DiskDestroyed))
}

/// A record that was seen, then was gone from the end of the log, must not come back.
fn returned(history: &History, findings: &mut Findings) {
    let mut gone: BTreeMap<NodeId, BTreeSet<(u64, u64)>> = BTreeMap::new();
    let mut last: BTreeMap<NodeId, BTreeSet<(u64, u64)>> = BTreeMap::new();
    for image in &history.stores {
        findings.count();
        let now: BTreeSet<(u64, u64)> =
            image.log.iter().map(|record| (record.physical, record.hash)).collect();
        let gone = gone.entry(image.node).or_default();
        if let Some((physical, _)) = now.intersection(gone).next() {
            let name = history.node_name(image.node);
            let words = format!("the record at {physical} of {name} had been cut off, and is back");
            findings.violate(image.at, words, vec![Pointer::Node(image.node)]);
        }
        let start = image.segments.first().copied().unwrap_or(0);
        if let Some(before) = last.get(&image.node) {
            gone.extend(before.difference(&now).filter(|(physical, _)| start <= *physical));
        }
        last.insert(image.node, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::Moment, promises::Flush, sample::Sample};

    fn recovered(valid: u64, to: u64, again: u64, durable: u64) -> Findings {
        let mut sample = Sample::new(Flush::Async);
        sample.history.recoveries.push(Recovery {
            node: sample.broker,
            at: Moment::from_ms(5_000),
            clean: false,
            valid_to: Some(valid),
            recovered_to: to,
            again_to: Some(again),
            durable_to: Some(durable),
            complained: false,
        });
        check(&sample.history)
    }

    #[test]
    fn the_longest_valid_prefix_passes() {
        assert!(recovered(600, 600, 600, 400).kept());
    }

    #[test]
    fn a_short_a_long_a_shrinking_and_a_lossy_recovery_are_found() {
        assert_eq!(recovered(600, 400, 400, 400).broken(), 1);
        assert_eq!(recovered(600, 800, 800, 400).broken(), 1);
        assert_eq!(recovered(600, 600, 400, 400).broken(), 1);
        assert_eq!(recovered(600, 600, 600, 800).broken(), 1);
    }

    #[test]
    fn a_record_that_was_cut_off_must_stay_gone() {
        let mut sample = Sample::new(Flush::Async);
        sample.store_with(&[1, 2]);
        sample.store_with(&[1]);
        assert!(check(&sample.history).kept());
        sample.store_with(&[1, 2]);
        assert_eq!(check(&sample.history).broken(), 1);
    }
}
