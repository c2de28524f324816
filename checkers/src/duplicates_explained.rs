//! C11 DUP-EXPLAINED: a message that was consumed is delivered again only for a cause.
//!
//! Causes are what an at-least-once system is allowed to stumble over: a
//! change of shares in the group, a fault of a member or a broker, a copy that the producer's
//! retry made, a reset by an administrator. Each cause explains one more delivery of every record
//! that holds the message: of the one that was sent, and of the copies that were made when the
//! group wanted it again, each of which may be made anew.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    history::{AdminDeed, Consumed, Delivery, History, Mode, Rebalance, SendFact},
    ids::{GroupId, MessageId, Moment, NodeId, QueueId},
    verdict::{Findings, Pointer},
};

/// How long after its end a cause may still show, in milliseconds: a connection is noticed to be
/// dead, a commit that was due is made.
const LINGER_MS: u64 = 15_000;

/// How long two members may hold one queue by different lists of members, in milliseconds: each
/// looks at its share anew after this time, told or not.
const SHARED_MS: u64 = 20_000;

/// Every message that a group consumed.
#[must_use]
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "C11",
        "DUP-EXPLAINED",
        "A consumed message is delivered again only for a recorded cause, once per cause.",
        "Nothing about deliveries whose listener did not return success.",
        "messages consumed",
    );
    let sends: BTreeMap<MessageId, &SendFact> =
        history.sends.iter().filter_map(|send| Some((send.content.message?, send))).collect();
    for (holder, causes) in holders(history) {
        let mut by_message: BTreeMap<MessageId, Vec<(usize, &Delivery)>> = BTreeMap::new();
        for (number, one) in causes.deliveries.iter().copied() {
            if let Some(message) = one.content.message {
                by_message.entry(message).or_default().push((number, one));
            }
        }
        for (message, list) in by_message {
            findings.count();
            let copies = sends.get(&message).map_or(1, |send| copies(history, send, &list));
            if let Some(broken) = unexplained(&causes, &list, copies) {
                let group = history.group_name(holder.0);
                let first = list.first().map_or(Moment(0), |(_, one)| one.began);
                let (times, last) = (broken.times, broken.last.began);
                let words = format!(
                    "message {message} was consumed {times} times by group {group}, first at \
                     {first} and again at {last}, but only {} causes are known",
                    broken.causes
                );
                let mut pointers: Vec<_> =
                    list.iter().map(|(number, _)| Pointer::Delivery(*number)).collect();
                pointers.push(Pointer::Message(message));
                findings.violate(last, words, pointers);
            } else if let Some((_, again)) = list.get(1).filter(|_| successes(&list) > 1) {
                let at = again.began;
                findings.excuse("delivered again for a known cause", || {
                    format!("message {message} again at {at}")
                });
            }
        }
    }
    findings
}

/// How many records of a message its group may have been given without any further cause.
fn copies(history: &History, send: &SendFact, list: &[(usize, &Delivery)]) -> usize {
    let tries = usize::try_from(send.tries).unwrap_or(usize::MAX);
    if send.delay_ms == 0 {
        return tries;
    }
    // A broker that crashed may have delivered it to its topic once more: C30 judges that.
    let of_topic = |queue| history.queue_fact(queue).is_some_and(|fact| fact.topic == send.topic);
    let places = list.iter().map(|(_, one)| (one.queue, one.offset));
    let places: BTreeSet<_> = places.filter(|(queue, _)| of_topic(*queue)).collect();
    tries.max(places.len())
}

fn successes(list: &[(usize, &Delivery)]) -> usize {
    list.iter().filter(|(_, one)| one.consumed == Some(Consumed::Success)).count()
}

struct Broken<'a> {
    times: usize,
    causes: usize,
    last: &'a Delivery,
}

/// The delivery that no cause is left for, counted for each record and for all of them.
fn unexplained<'a>(
    causes: &Causes<'_>,
    list: &[(usize, &'a Delivery)],
    copies: usize,
) -> Option<Broken<'a>> {
    let mut by_record: BTreeMap<(QueueId, i64), Vec<&Delivery>> = BTreeMap::new();
    for (_, one) in list {
        by_record.entry((one.queue, one.offset)).or_default().push(one);
    }
    let broken = by_record.values().filter_map(|list| unexplained_of(causes, list, 1));
    let of_record = broken.min_by_key(|broken| broken.last.began);
    let all: Vec<&Delivery> = list.iter().map(|(_, one)| *one).collect();
    of_record.or_else(|| unexplained_of(causes, &all, copies))
}

fn unexplained_of<'a>(
    causes: &Causes<'_>,
    list: &[&'a Delivery],
    copies: usize,
) -> Option<Broken<'a>> {
    let first = list.first()?;
    // Where it lay, and the copies that were made of it and are delivered from elsewhere.
    let (mut places, mut sent_back) = (BTreeSet::new(), 0);
    // What comes after the first success needs a cause. A failure asks for one more by itself.
    let mut asked_again = 0;
    let mut consumed = 0;
    for one in list {
        if 0 < consumed {
            let known = causes.within(first.began, one.began);
            let again = known.saturating_mul(places.len() + sent_back);
            let allowed =
                again.saturating_add(copies.saturating_sub(1)).saturating_add(asked_again);
            if allowed < consumed {
                return Some(Broken { times: consumed + 1, causes: known, last: one });
            }
        }
        places.insert((one.queue, one.offset));
        match one.consumed {
            Some(Consumed::Success) => consumed += 1,
            Some(Consumed::Later) => {
                sent_back += 1;
                // An answer of a listener that failed after another had succeeded.
                asked_again += usize::from(0 < consumed);
            }
            None => {}
        }
    }
    None
}

/// Spans in which a group may see duplicates, and what it was given.
struct Causes<'a> {
    deliveries: Vec<(usize, &'a Delivery)>,
    starts: Vec<Moment>,
    ends: Vec<Moment>,
}

impl Causes<'_> {
    /// How many causes touch a span.
    fn within(&self, from: Moment, to: Moment) -> usize {
        let begun = self.starts.partition_point(|&at| at <= to);
        let over = self.ends.partition_point(|&at| at < from);
        begun.saturating_sub(over)
    }
}

/// Everybody who must not get a message twice: a group, or a member of a broadcast group.
fn holders(history: &History) -> BTreeMap<(GroupId, Option<NodeId>), Causes<'_>> {
    let mut all = BTreeMap::new();
    for (number, one) in history.deliveries.iter().enumerate() {
        let mode = history.group_fact(one.group).map(|fact| fact.mode);
        let member = (mode == Some(Mode::Broadcast)).then_some(one.consumer);
        let causes: &mut Causes<'_> = all.entry((one.group, member)).or_insert_with(|| {
            let (starts, ends) = causes_of(history, one.group);
            Causes { deliveries: Vec::new(), starts, ends }
        });
        causes.deliveries.push((number, one));
    }
    all
}

fn causes_of(history: &History, group: GroupId) -> (Vec<Moment>, Vec<Moment>) {
    let mut spans: Vec<(Moment, Moment)> = Vec::new();
    let mut changes: Vec<&Rebalance> =
        history.rebalances.iter().filter(|one| one.group == group).collect();
    changes.sort_by_key(|one| one.at);
    for (place, one) in changes.iter().enumerate() {
        spans.push((one.at, shared_until(&changes, place)));
    }
    let members: Vec<NodeId> = history
        .rebalances
        .iter()
        .filter(|one| one.group == group)
        .map(|one| one.consumer)
        .chain(history.deliveries.iter().filter(|one| one.group == group).map(|one| one.consumer))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let concerned = |node: &NodeId| members.contains(node) || history.broker_fact(*node).is_some();
    for fault in &history.faults {
        if fault.nodes.is_empty() || fault.nodes.iter().any(concerned) {
            spans.push((fault.at, fault.until.unwrap_or(fault.at)));
        }
    }
    for boot in history.boots.iter().filter(|boot| !boot.first && concerned(&boot.node)) {
        spans.push((boot.at, boot.ready.unwrap_or(boot.at)));
    }
    for admin in &history.admin {
        if matches!(admin.deed, AdminDeed::OffsetReset(of, ..) | AdminDeed::GroupDeleted(of) if of == group)
        {
            spans.push((admin.invoked, admin.confirmed.unwrap_or(Moment::END)));
        }
    }
    let mut starts: Vec<_> = spans.iter().map(|span| span.0).collect();
    let mut ends: Vec<_> = spans.iter().map(|span| span.1.plus_ms(LINGER_MS)).collect();
    starts.sort_unstable();
    ends.sort_unstable();
    (starts, ends)
}

/// Until when a queue of a member's new share is another's as well.
fn shared_until(changes: &[&Rebalance], place: usize) -> Moment {
    let new = changes[place];
    let shared = |other: &Rebalance| other.queues.iter().any(|queue| new.queues.contains(queue));
    let (before, after) = changes.split_at(place);
    let mut known = BTreeSet::from([new.consumer]);
    let others: BTreeSet<NodeId> = before
        .iter()
        .rev()
        .filter(|other| known.insert(other.consumer) && shared(other))
        .map(|other| other.consumer)
        .collect();
    if others.is_empty() {
        return new.at;
    }
    let latest = new.at.plus_ms(SHARED_MS);
    let parted = |later: &&&Rebalance| others.contains(&later.consumer) && !shared(later);
    after.iter().find(parted).map_or(latest, |later| later.at.min(latest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FaultKind, NodeKind, promises::Flush, sample::Sample};

    #[test]
    fn a_message_consumed_once_passes_also_after_failures() {
        let mut sample = Sample::new(Flush::Async);
        sample.delivered(10, 1, 0).consumed = Some(Consumed::Later);
        sample.delivered(20, 1, 0);
        assert!(check(&sample.history).kept());
    }

    #[test]
    fn a_second_success_without_a_cause_is_found() {
        let mut sample = Sample::new(Flush::Async);
        sample.delivered(10, 1, 0);
        sample.delivered(20, 1, 0);
        let findings = check(&sample.history);
        assert_eq!(
            findings.violations[0].words,
            "message M1 was consumed 2 times by group readers, first at 0.010 s and again at \
             0.020 s, but only 0 causes are known"
        );
    }

    #[test]
    fn a_crash_explains_one_duplicate_but_not_five() {
        let mut sample = Sample::new(Flush::Async);
        sample.delivered(10, 1, 0);
        sample.fault(15, FaultKind::ProcessCrash);
        sample.delivered(2_000, 1, 0);
        assert!(check(&sample.history).kept());
        for ms in [2_100, 2_200, 2_300] {
            sample.delivered(ms, 1, 0);
        }
        assert_eq!(check(&sample.history).broken(), 1);
    }

    /// Message 1 was sent back twice, for its broker crashed after the first time. Both copies were
    /// consumed, and after each of two further crashes everything was consumed once more.
    fn multiplied() -> Sample {
        let mut sample = Sample::new(Flush::Async);
        sample.delivered(10, 1, 0).consumed = Some(Consumed::Later);
        sample.fault(100, FaultKind::ProcessCrash);
        sample.delivered(200, 1, 0).consumed = Some(Consumed::Later);
        sample.delivered(20_000, 1, 1);
        sample.delivered(20_000, 1, 2);
        for ms in [40_000, 60_000] {
            sample.fault(ms, FaultKind::ProcessCrash);
            for offset in [0, 1, 2] {
                sample.delivered(ms + 10, 1, offset);
            }
        }
        sample
    }

    #[test]
    fn a_crash_explains_one_more_delivery_of_every_copy() {
        assert!(check(&multiplied().history).kept());
    }

    #[test]
    fn copies_explain_no_second_delivery_of_one_record() {
        let mut sample = multiplied();
        for ms in 60_100..60_110 {
            sample.delivered(ms, 1, 2);
        }
        assert_eq!(check(&sample.history).broken(), 1);
    }

    #[test]
    fn a_message_that_was_sent_back_and_consumed_all_the_same_is_found() {
        let mut sample = Sample::new(Flush::Async);
        sample.delivered(10, 1, 0).consumed = Some(Consumed::Later);
        sample.delivered(20, 1, 0);
        sample.delivered(2_000, 1, 7);
        assert_eq!(check(&sample.history).broken(), 1);
    }

    #[test]
    fn a_retry_of_the_producer_explains_one_copy() {
        let mut sample = Sample::new(Flush::Async);
        sample.acked(1, 1, 0).tries = 2;
        sample.delivered(10, 1, 0);
        sample.delivered(20, 1, 1);
        assert!(check(&sample.history).kept());
    }

    /// Two members with different lists of members hold one queue from 1 s on.
    #[test]
    fn a_queue_of_two_members_explains_duplicates_until_they_look_again() {
        let duplicates_from = |ms| {
            let mut sample = Sample::new(Flush::Async);
            let other = sample.history.add_node("consumer-1", NodeKind::Consumer);
            for (ms, consumer) in [(900, sample.consumer), (1_000, other)] {
                let (at, group, queues) = (Moment::from_ms(ms), sample.group, vec![sample.queue]);
                sample.history.rebalances.push(Rebalance { consumer, group, at, queues });
            }
            sample.delivered(ms, 1, 0);
            sample.delivered(ms + 2_000, 1, 0);
            check(&sample.history).broken()
        };
        assert_eq!(duplicates_from(35_000), 0);
        assert_eq!(duplicates_from(37_000), 1);
    }

    #[test]
    fn a_delayed_message_that_came_twice_is_consumed_twice() {
        for (delay_ms, broken) in [(5_000, 0), (0, 1)] {
            let mut sample = Sample::new(Flush::Async);
            sample.acked(1, 1, 0).delay_ms = delay_ms;
            sample.delivered(60_000, 1, 0);
            sample.delivered(70_000, 1, 9);
            assert_eq!(check(&sample.history).broken(), broken);
        }
    }
}
