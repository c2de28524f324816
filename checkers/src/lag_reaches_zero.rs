//! L2 CONSUME-PROGRESS: in a healed cluster every group reaches the end of its queues, and every
//! queue has one owner.
//!
//! Judged in the healed phase only.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    fault_facts::FaultKind,
    history::{GroupFact, History, Mode, Rebalance},
    ids::{Moment, NodeId, QueueId},
    verdict::{Findings, Pointer},
};

/// Every group and queue, at the end.
#[must_use]
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "L2",
        "CONSUME-PROGRESS",
        "After the heal every group consumes everything, and every queue has one owner.",
        "Nothing about broadcast groups; nothing while faults strike.",
        "group positions",
    );
    let Some(healed) = history.healed else { return findings };
    let within = history.bounds.drain_within_ms;
    let deadline = healed.plus_ms(within);
    for end in &history.group_ends {
        let broadcast =
            history.group_fact(end.group).is_some_and(|fact| fact.mode == Mode::Broadcast);
        if broadcast || end.max == 0 {
            continue;
        }
        findings.count();
        let committed = end.committed.unwrap_or(0);
        if committed < end.max {
            let (group, place) = (history.group_name(end.group), history.queue_words(end.queue));
            let max = end.max;
            let words = format!(
                "group {group} stands at {committed} of {max} in {place}, {within} ms after the heal"
            );
            let pointers = vec![Pointer::Group(end.group), Pointer::Queue(end.queue)];
            findings.violate(deadline, words, pointers);
        }
    }
    if !history.group_ends.is_empty() {
        findings.count();
        if history.drained.is_none_or(|at| deadline < at) {
            let words = format!("not everything was consumed within {within} ms of the heal");
            findings.violate(deadline, words, Vec::new());
        }
    }
    owners(history, &mut findings);
    findings
}

/// At the end the shares of a group cover its queues, and do not overlap.
fn owners(history: &History, findings: &mut Findings) {
    let deaths = deaths(history);
    let shared = |group: &&GroupFact| matches!(group.mode, Mode::Concurrent | Mode::Orderly);
    for group in history.group_facts.iter().filter(shared) {
        let at_end = settled(history, group.mode);
        let mut members: BTreeMap<NodeId, &[QueueId]> = BTreeMap::new();
        let of_group = |one: &&Rebalance| one.group == group.group && one.at <= at_end;
        for one in history.rebalances.iter().filter(of_group) {
            members.insert(one.consumer, &one.queues);
            // What a process held it does not hold any more when it has died.
            if deaths.get(&one.consumer).is_some_and(|&died| one.at <= died) {
                members.insert(one.consumer, &[]);
            }
        }
        if members.is_empty() {
            continue;
        }
        let mut owner: BTreeMap<QueueId, NodeId> = BTreeMap::new();
        for (member, queues) in members {
            for &queue in queues {
                findings.count();
                if let Some(other) = owner.insert(queue, member)
                    && other != member
                {
                    let (a, b) = (history.node_name(other), history.node_name(member));
                    let place = history.queue_words(queue);
                    let words = format!("at the end both {a} and {b} hold {place}");
                    let pointers = vec![Pointer::Group(group.group), Pointer::Queue(queue)];
                    findings.violate(history.ended, words, pointers);
                }
            }
        }
        unowned(history, findings, group, &owner);
    }
}

/// When the last process of a node died.
fn deaths(history: &History) -> BTreeMap<NodeId, Moment> {
    let mut deaths = BTreeMap::new();
    for fault in history.faults.iter().filter(|fault| fault.kind.hit().is_some()) {
        for &node in &fault.nodes {
            let last = deaths.entry(node).or_insert(fault.at);
            *last = fault.at.max(*last);
        }
    }
    deaths
}

/// The moment at which the shares of a group are judged. They may still settle when everything is
/// consumed; later members leave, for the run ends.
fn settled(history: &History, mode: Mode) -> Moment {
    let bounds = &history.bounds;
    let healed = history.healed.unwrap_or(history.ended);
    let Some(drained) = history.drained else { return healed.plus_ms(bounds.drain_within_ms) };
    let consumed = drained.plus_ms(bounds.settle_ms);
    // Who was struck while it held a queue in order may have left it locked.
    match history.last_strike().filter(|_| mode == Mode::Orderly) {
        Some(at) => consumed.max(at.plus_ms(bounds.lock_ms + bounds.settle_ms)),
        None => consumed,
    }
}

fn unowned(
    history: &History,
    findings: &mut Findings,
    group: &GroupFact,
    owner: &BTreeMap<QueueId, NodeId>,
) {
    let gone: BTreeSet<NodeId> = history
        .faults
        .iter()
        .filter(|fault| fault.kind == FaultKind::MachineGone)
        .flat_map(|fault| fault.nodes.iter().copied())
        .collect();
    for end in &history.queue_ends {
        let Some(fact) = history.queue_fact(end.queue) else { continue };
        let subscribed = group.subscriptions.iter().any(|(topic, _)| *topic == fact.topic);
        if subscribed && !gone.contains(&fact.broker) && !owner.contains_key(&end.queue) {
            let (name, place) = (history.group_name(group.group), history.queue_words(end.queue));
            let words = format!("at the end nobody of group {name} holds {place}");
            let pointers = vec![Pointer::Group(group.group), Pointer::Queue(end.queue)];
            findings.violate(history.ended, words, pointers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rebalance, promises::Flush, sample::Sample};

    fn healed(committed: Option<i64>) -> Sample {
        let mut sample = Sample::new(Flush::Async);
        sample.history.healed = Some(Moment::from_ms(10_000));
        sample.history.drained = Some(Moment::from_ms(20_000));
        sample.group_at(committed, 3);
        sample
    }

    fn shares(sample: &mut Sample, consumer: NodeId, queues: &[QueueId]) {
        let (group, at, queues) = (sample.group, Moment::from_ms(11_000), queues.to_vec());
        sample.history.rebalances.push(Rebalance { consumer, group, at, queues });
    }

    #[test]
    fn a_group_at_the_end_with_one_owner_per_queue_passes() {
        let mut sample = healed(Some(3));
        sample.ends_with(&[1, 2, 3]);
        let (consumer, queue) = (sample.consumer, sample.queue);
        shares(&mut sample, consumer, &[queue]);
        let (group, at) = (sample.group, Moment::from_ms(60_000));
        sample.history.rebalances.push(Rebalance { consumer, group, at, queues: Vec::new() });
        assert!(check(&sample.history).kept());
    }

    #[test]
    fn lag_is_found() {
        assert_eq!(check(&healed(Some(2)).history).broken(), 1);
        assert_eq!(check(&healed(None).history).broken(), 1);
        let mut late = healed(Some(3));
        late.history.drained = Some(Moment::from_ms(900_000));
        assert_eq!(check(&late.history).broken(), 1);
    }

    #[test]
    fn a_queue_with_two_owners_or_none_is_found() {
        let mut sample = healed(Some(3));
        sample.ends_with(&[1, 2, 3]).queue = sample.other_queue;
        let (consumer, producer, queue) = (sample.consumer, sample.producer, sample.queue);
        shares(&mut sample, consumer, &[queue]);
        shares(&mut sample, producer, &[queue]);
        let findings = check(&sample.history);
        assert_eq!(findings.broken(), 2);
        assert!(findings.violations[0].words.contains("both"));
        assert!(findings.violations[1].words.contains("nobody"));
    }

    #[test]
    fn what_a_process_held_that_died_is_not_held_any_more() {
        let mut sample = healed(Some(3));
        let (consumer, producer, queue) = (sample.consumer, sample.producer, sample.queue);
        shares(&mut sample, consumer, &[queue]);
        shares(&mut sample, producer, &[queue]);
        sample.history.faults.push(crate::FaultFact {
            at: Moment::from_ms(11_500),
            until: None,
            kind: FaultKind::ProcessCrash,
            nodes: vec![consumer],
            words: String::new(),
        });
        assert!(check(&sample.history).kept());
    }

    #[test]
    fn a_lock_may_outlive_its_holder_but_not_for_ever() {
        let owned_from = |ms| {
            let mut sample = healed(Some(3));
            sample.history.group_facts[0].mode = Mode::Orderly;
            sample.ends_with(&[1, 2, 3]);
            sample.fault(9_000, FaultKind::ProcessCrash);
            let (consumer, group, queue) = (sample.consumer, sample.group, sample.queue);
            for (ms, queues) in [(12_000, Vec::new()), (ms, vec![queue])] {
                let at = Moment::from_ms(ms);
                sample.history.rebalances.push(Rebalance { consumer, group, at, queues });
            }
            check(&sample.history).broken()
        };
        assert_eq!((owned_from(69_100), owned_from(99_000)), (0, 1));
    }
}
