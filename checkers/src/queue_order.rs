//! C09 QUEUE-ORDER: within a queue everything is in one order.
//!
//! Queue offsets grow with positions in the commit log; a stream of
//! synchronous sends gets growing offsets; an orderly listener gets one message after the other,
//! and after a failure the same again.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    history::{Consumed, Delivery, History, Mode, Outcome},
    ids::{GroupId, MessageId, Moment, NodeId, QueueId},
    ledger::{Fate, Ledger},
    promises::{Ack, Guarantee},
    verdict::{Findings, Pointer},
};

/// Every queue, every stream and every orderly group.
#[must_use]
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "C09",
        "QUEUE-ORDER",
        "Within a queue, log order, offset order and the order of synchronous sends agree; \
         orderly listeners see it.",
        "Nothing about two sends of a stream that went to different queues.",
        "neighbours compared",
    );
    log_order(history, &mut findings);
    stream_order(history, &mut findings);
    orderly(history, &mut findings);
    findings
}

fn log_order(history: &History, findings: &mut Findings) {
    for end in &history.queue_ends {
        for pair in end.records.windows(2) {
            let [a, b] = pair else { continue };
            findings.count();
            if b.physical <= a.physical && a.offset < b.offset {
                let place = history.queue_words(end.queue);
                let words = format!(
                    "offset {} of {place} lies at {} in the commit log, offset {} before it at {}",
                    a.offset, a.physical, b.offset, b.physical
                );
                findings.violate(history.ended, words, vec![Pointer::Queue(end.queue)]);
            }
        }
    }
}

fn stream_order(history: &History, findings: &mut Findings) {
    let ledger = Ledger::new(history);
    let mut last: BTreeMap<(NodeId, u64, QueueId), (usize, Ack, i64)> = BTreeMap::new();
    for (number, send) in history.sends.iter().enumerate() {
        let (Some(stream), Outcome::Acked { ack, queue, offset }) = (send.stream, &send.outcome)
        else {
            continue;
        };
        let place = (send.producer, stream, *queue);
        if let Some((before, promised, known)) = last.insert(place, (number, *ack, *offset))
            && offset <= &known
        {
            let Some(earlier) = history.sends.get(before) else { continue };
            let broker = history.broker_of(*queue);
            let accepted = (earlier.invoked, earlier.returned.unwrap_or(earlier.invoked));
            let until = send.returned.unwrap_or(send.invoked);
            // An offset is only given anew when the earlier message itself may be lost.
            let fate = broker.map(|broker| {
                ledger.fate(broker, Guarantee::Stored, Some(promised), accepted, until)
            });
            let words = || {
                let place = history.queue_words(*queue);
                format!(
                    "the stream {stream} of {} got offset {known} of {place} at {}, then {offset} \
                     at {until}",
                    history.node_name(send.producer),
                    accepted.1
                )
            };
            match fate {
                Some(Fate::MayBeLost(cause)) => findings.excuse(&cause, words),
                _ if ledger.topic_deleted(*queue, accepted.0) => {
                    findings.excuse("the topic was deleted", words);
                }
                _ => {
                    let pointers = vec![Pointer::Send(before), Pointer::Send(number)];
                    findings.violate(until, words(), pointers);
                }
            }
        }
        findings.count();
    }
}

/// A member of a group, and a queue.
type Holder = (GroupId, NodeId, QueueId);

fn orderly(history: &History, findings: &mut Findings) {
    let groups: BTreeSet<GroupId> = history
        .group_facts
        .iter()
        .filter(|fact| fact.mode == Mode::Orderly)
        .map(|fact| fact.group)
        .collect();
    let mut by_holder: BTreeMap<Holder, Vec<(usize, &Delivery)>> = BTreeMap::new();
    for (number, one) in history.deliveries.iter().enumerate() {
        if groups.contains(&one.group) {
            let holder = (one.group, one.consumer, one.queue);
            by_holder.entry(holder).or_default().push((number, one));
        }
    }
    let breaks = Breaks::new(history, &groups);
    breaks.check_begins(history, findings);
    for (holder, list) in &by_holder {
        let (_, consumer, queue) = holder;
        for pair in list.windows(2) {
            let [(first, a), (second, b)] = pair else { continue };
            findings.count();
            if breaks.between(holder, (a.began, b.began)) {
                continue;
            }
            if let Some(what) = wrong_step(&breaks, a, b) {
                let (who, place) = (history.node_name(*consumer), history.queue_words(*queue));
                let words = format!(
                    "{who} was given offset {} of {place} at {} and offset {} at {}, {what}",
                    a.offset, a.began, b.offset, b.began
                );
                let pointers = vec![Pointer::Delivery(*first), Pointer::Delivery(*second)];
                findings.violate(b.began, words, pointers);
            }
        }
    }
}

/// What is wrong with giving `b` after `a` to one orderly listener.
fn wrong_step(breaks: &Breaks, a: &Delivery, b: &Delivery) -> Option<&'static str> {
    if a.ended.is_none_or(|ended| b.began < ended) {
        return Some("before it had returned");
    }
    match a.consumed {
        Some(Consumed::Success) if b.offset <= a.offset => Some("after success, going back"),
        Some(Consumed::Later) if b.offset < a.offset => Some("after a failure, going back"),
        Some(Consumed::Later) if a.offset < b.offset => {
            let dead = a.content.message.is_some_and(|id| breaks.dead.contains(&(a.group, id)));
            (!dead).then_some("after a failure, skipping it")
        }
        _ => None,
    }
}

/// A fault may cost a member its lock this long after, in milliseconds: a broker that was started
/// again knows no locks, and a lock that could not be renewed ends after 30 s.
const LOCK_MS: u64 = 60_000;

/// When members began queues, and why they may have had to; and dead letters.
struct Breaks {
    /// Moments at which a member began a queue.
    begins: BTreeMap<Holder, Vec<Moment>>,
    /// Moments at which something happened that may cost a member its queues.
    causes: BTreeMap<(GroupId, NodeId), Vec<Moment>>,
    dead: BTreeSet<(GroupId, MessageId)>,
}

impl Breaks {
    fn new(history: &History, groups: &BTreeSet<GroupId>) -> Self {
        let mut begins: BTreeMap<Holder, Vec<Moment>> = BTreeMap::new();
        let mut causes: BTreeMap<(GroupId, NodeId), Vec<Moment>> = BTreeMap::new();
        for one in history.begins.iter().filter(|one| groups.contains(&one.group)) {
            begins.entry((one.group, one.consumer, one.queue)).or_default().push(one.at);
            causes.entry((one.group, one.consumer)).or_default();
        }
        for one in history.rebalances.iter().filter(|one| groups.contains(&one.group)) {
            causes.entry((one.group, one.consumer)).or_default().push(one.at);
        }
        let broker = |node: &NodeId| history.broker_fact(*node).is_some();
        let members: BTreeSet<(GroupId, NodeId)> = causes.keys().copied().collect();
        for ((group, consumer), moments) in &mut causes {
            for fault in &history.faults {
                // What another member held when it was struck is free when its lock runs out.
                let held =
                    |node: &&NodeId| *node != consumer && members.contains(&(*group, **node));
                if fault.nodes.iter().any(|node| held(&node)) {
                    moments.push(fault.at.plus_ms(LOCK_MS));
                }
                if fault.nodes.iter().any(|node| node == consumer || broker(node)) {
                    moments.push(fault.at);
                    moments.extend(fault.until);
                }
            }
            let boots = history.boots.iter();
            let boots = boots.filter(|boot| boot.node == *consumer || broker(&boot.node));
            moments.extend(boots.map(|boot| boot.at));
            moments.sort_unstable();
        }
        let mut dead = BTreeSet::new();
        for end in &history.queue_ends {
            let topic = history.queue_fact(end.queue).map(|fact| history.topic_name(fact.topic));
            let group = topic.and_then(|topic| topic.strip_prefix("%DLQ%"));
            if let Some(group) = group.and_then(|name| history.groups.find(name)) {
                let ids = end.records.iter().filter_map(|record| record.content.message);
                dead.extend(ids.map(|id| (GroupId(group), id)));
            }
        }
        Self { begins, causes, dead }
    }

    /// Whether a member began a queue anew within a span.
    fn between(&self, holder: &Holder, span: (Moment, Moment)) -> bool {
        self.begins.get(holder).is_some_and(|begins| any_within(begins, span))
    }

    /// A queue is begun anew only for a cause.
    fn check_begins(&self, history: &History, findings: &mut Findings) {
        for ((group, consumer, queue), begins) in &self.begins {
            let Some(causes) = self.causes.get(&(*group, *consumer)) else { continue };
            for &at in begins.iter().skip(1) {
                findings.count();
                if !any_within(causes, (at.minus_ms(LOCK_MS), at)) {
                    let (who, place) = (history.node_name(*consumer), history.queue_words(*queue));
                    let words = format!("{who} began {place} anew at {at} without a cause");
                    let pointers = vec![Pointer::Node(*consumer), Pointer::Queue(*queue)];
                    findings.violate(at, words, pointers);
                }
            }
        }
    }
}

/// Whether one of some ascending moments lies within a span.
fn any_within(moments: &[Moment], span: (Moment, Moment)) -> bool {
    let place = moments.partition_point(|&at| at < span.0);
    moments.get(place).is_some_and(|&at| at <= span.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FaultKind, promises::Flush, sample::Sample};

    fn orderly_sample() -> Sample {
        let mut sample = Sample::new(Flush::Async);
        sample.history.group_facts[0].mode = Mode::Orderly;
        sample
    }

    #[test]
    fn growing_offsets_pass() {
        let mut sample = orderly_sample();
        sample.acked(1, 1, 0).stream = Some(1);
        sample.acked(20, 2, 1).stream = Some(1);
        sample.delivered(100, 1, 0).consumed = Some(Consumed::Later);
        sample.delivered(200, 1, 0);
        sample.delivered(300, 2, 1);
        sample.ends_with(&[1, 2]);
        let findings = check(&sample.history);
        assert_eq!((findings.broken(), findings.checked), (0, 5));
    }

    #[test]
    fn a_stream_that_goes_back_is_found() {
        let mut sample = orderly_sample();
        sample.acked(1, 1, 5).stream = Some(1);
        sample.acked(20, 2, 4).stream = Some(1);
        assert_eq!(check(&sample.history).broken(), 1);
    }

    #[test]
    fn an_offset_may_be_given_anew_if_the_ack_of_its_first_message_promised_little() {
        for (acks, broken) in
            [([Ack::FlushDiskTimeout, Ack::SendOk], 0), ([Ack::SendOk, Ack::FlushDiskTimeout], 1)]
        {
            let mut sample = Sample::new(Flush::Sync);
            for (number, ms, ack) in [(1, 10, acks[0]), (2, 30, acks[1])] {
                let send = sample.acked(ms, number, 0);
                send.stream = Some(1);
                send.outcome = Outcome::Acked { ack, queue: QueueId(0), offset: 0 };
            }
            sample.fault(20, FaultKind::PowerCut);
            assert_eq!(check(&sample.history).broken(), broken, "{acks:?}");
        }
    }

    #[test]
    fn a_log_order_that_differs_from_the_offset_order_is_found() {
        let mut sample = orderly_sample();
        sample.ends_with(&[1, 2]).records[0].physical = 9_000;
        assert_eq!(check(&sample.history).broken(), 1);
    }

    #[test]
    fn an_orderly_listener_must_not_go_back_skip_a_failure_or_overlap() {
        let mut sample = orderly_sample();
        sample.delivered(100, 2, 1);
        sample.delivered(200, 1, 0);
        sample.delivered(300, 1, 0).consumed = Some(Consumed::Later);
        sample.delivered(400, 2, 1);
        sample.delivered(402, 3, 2);
        let findings = check(&sample.history);
        let words: Vec<_> = findings.violations.iter().map(|one| &one.words).collect();
        assert_eq!(words.len(), 4, "{words:?}");
        assert!(words[3].ends_with("before it had returned"));
    }

    #[test]
    fn a_queue_is_begun_anew_when_the_lock_of_a_dead_member_runs_out() {
        for (ms, broken) in [(60_300, 0), (20_000, 1)] {
            let mut sample = orderly_sample();
            let (consumer, group, queue) = (sample.consumer, sample.group, sample.queue);
            let other = NodeId(77);
            for (consumer, ms) in [(consumer, 50), (other, 60), (consumer, ms)] {
                let at = Moment::from_ms(ms);
                sample.history.begins.push(crate::Begin { consumer, group, queue, at, offset: 0 });
            }
            sample.fault(200, FaultKind::ProcessCrash);
            sample.history.faults[0].nodes = vec![other];
            sample.history.boots.clear();
            assert_eq!(check(&sample.history).broken(), broken, "{ms}");
        }
    }

    #[test]
    fn beginning_anew_explains_going_back_but_needs_a_cause_itself() {
        let mut sample = orderly_sample();
        sample.delivered(100, 2, 1);
        sample.delivered(200, 1, 0);
        let (consumer, group, queue) = (sample.consumer, sample.group, sample.queue);
        for ms in [50, 150] {
            let at = Moment::from_ms(ms);
            sample.history.begins.push(crate::Begin { consumer, group, queue, at, offset: 0 });
        }
        let findings = check(&sample.history);
        assert_eq!(findings.broken(), 1);
        assert!(findings.violations[0].words.ends_with("anew at 0.150 s without a cause"));

        let at = Moment::from_ms(120);
        let queues = vec![queue];
        sample.history.rebalances.push(crate::Rebalance { consumer, group, at, queues });
        assert!(check(&sample.history).kept());
    }
}
