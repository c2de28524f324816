//! C06 OFFSET-BINDING: a queue offset that anybody has seen means one message for ever, and
//! offsets have no gaps.
//!
//! Seen: in an answer to a send, in a delivery, in a pull, in the queue at
//! the end. A listener may be given what its client pulled long before: such a sighting only says
//! that the record was there once, after it was sent and after the client began to run.

use std::{cmp::Ordering, collections::BTreeMap};

use crate::{
    history::{Content, Delivery, History, Outcome},
    ids::{MessageId, Moment, NodeId, QueueId},
    ledger::{Fate, Ledger},
    promises::{Ack, Flush, Guarantee},
    verdict::{Findings, Pointer},
};

/// Every offset that anybody saw.
#[must_use]
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "C06",
        "OFFSET-BINDING",
        "A queue offset that was seen means one message for ever; offsets have no gaps.",
        "Nothing about offsets within a flush window that a power cut took under ASYNC_FLUSH.",
        "offsets seen",
    );
    let mut all = sightings(history);
    all.sort_by_key(|one| (one.queue, one.offset, one.from));
    let ledger = Ledger::new(history);
    for bound in all.chunk_by(|a, b| (a.queue, a.offset) == (b.queue, b.offset)) {
        let Some(mut known) = bound.first() else { continue };
        for next in bound {
            findings.count();
            if next.identity.cmp(&known.identity) != Ordering::Equal {
                conflict(history, &ledger, &mut findings, (known, next));
                known = next;
            }
        }
    }
    dense(history, &mut findings);
    findings
}

/// One time that somebody saw what an offset holds.
struct Sighting {
    queue: QueueId,
    offset: i64,
    /// The message, or for a body that is not ours its hash.
    identity: (Option<MessageId>, u64),
    /// When the record was there at the latest, and at the earliest.
    from: Moment,
    to: Moment,
    ack: Option<Ack>,
    pointer: Pointer,
}

impl Sighting {
    fn words(&self) -> String {
        self.identity.0.map_or_else(|| "a foreign message".to_owned(), |id| id.to_string())
    }
}

fn sightings(history: &History) -> Vec<Sighting> {
    let mut all = Vec::new();
    let mut see = |queue, offset, content: &Content, span: (Moment, Moment), ack, pointer| {
        let hash = if content.message.is_none() { content.body_hash } else { 0 };
        let identity = (content.message, hash);
        all.push(Sighting { queue, offset, identity, from: span.0, to: span.1, ack, pointer });
    };
    for (number, send) in history.sends.iter().enumerate() {
        if let Outcome::Acked { ack, queue, offset } = send.outcome {
            let span = (send.invoked, send.returned.unwrap_or(send.invoked));
            see(queue, offset, &send.content, span, Some(ack), Pointer::Send(number));
        }
    }
    let pulled = Pulled::new(history);
    for (number, one) in history.deliveries.iter().enumerate() {
        let (span, pointer) = ((pulled.earliest(one), one.began), Pointer::Delivery(number));
        see(one.queue, one.offset, &one.content, span, None, pointer);
    }
    for (number, pull) in history.pulls.iter().enumerate() {
        for (offset, content) in &pull.given {
            let (span, pointer) = ((pull.invoked, pull.returned), Pointer::Pull(number));
            see(pull.queue, *offset, content, span, None, pointer);
        }
    }
    for end in &history.queue_ends {
        for record in &end.records {
            let (span, pointer) = ((history.ended, history.ended), Pointer::Queue(end.queue));
            see(end.queue, record.offset, &record.content, span, None, pointer);
        }
    }
    all
}

/// When what listeners were given can have been pulled.
struct Pulled {
    sent: BTreeMap<MessageId, Moment>,
    booted: BTreeMap<NodeId, Vec<Moment>>,
}

impl Pulled {
    fn new(history: &History) -> Self {
        let (mut sent, mut booted) = (BTreeMap::new(), BTreeMap::new());
        for send in &history.sends {
            if let Some(message) = send.content.message {
                sent.entry(message).or_insert(send.invoked);
            }
        }
        for boot in &history.boots {
            booted.entry(boot.node).or_insert_with(Vec::new).push(boot.at);
        }
        Self { sent, booted }
    }

    /// Not before the message was sent, and not before its client began to run.
    fn earliest(&self, one: &Delivery) -> Moment {
        let sent = one.content.message.and_then(|message| self.sent.get(&message).copied());
        let boots = self.booted.get(&one.consumer).map_or(&[][..], Vec::as_slice);
        let booted = boots.iter().copied().filter(|&at| at <= one.began).max();
        sent.max(booted).unwrap_or_default().min(one.began)
    }
}

fn conflict(
    history: &History,
    ledger: &Ledger<'_>,
    findings: &mut Findings,
    (known, next): (&Sighting, &Sighting),
) {
    if history.broker_of(known.queue).is_none() {
        return;
    }
    let words = |(old, new): (&Sighting, &Sighting)| {
        let (offset, place) = (old.offset, history.queue_words(old.queue));
        let ((one, then), (other, now)) = ((old.words(), old.to), (new.words(), new.to));
        format!("offset {offset} of {place} was {one} at {then} and {other} at {now}")
    };
    // Where it is not known which of them was there first, either order may be the true one.
    let orders = [(known, next), (next, known)];
    let possible = orders.into_iter().filter(|(old, new)| old.from <= new.to);
    let mut excuses = possible.filter_map(|order| Some((excuse(history, ledger, order)?, order)));
    if let Some((cause, order)) = excuses.next() {
        findings.excuse(&cause, || words(order));
        return;
    }
    let mut pointers = vec![known.pointer, next.pointer, Pointer::Queue(known.queue)];
    pointers.extend(known.identity.0.map(Pointer::Message));
    pointers.extend(next.identity.0.map(Pointer::Message));
    findings.violate(next.to, words((known, next)), pointers);
}

/// Why an offset that held `old` may hold `new` later.
fn excuse(
    history: &History,
    ledger: &Ledger<'_>,
    (old, new): (&Sighting, &Sighting),
) -> Option<String> {
    if ledger.topic_deleted(old.queue, old.from) {
        return Some("the topic was deleted".to_owned());
    }
    let broker = history.broker_of(old.queue)?;
    // A consumer that is only shown flushed records has as good a claim as an ack.
    let sees_flushed_only = history
        .broker_fact(broker)
        .is_some_and(|fact| fact.flush == Flush::Sync && !fact.reads_unflushed);
    let ack = old.ack.or_else(|| sees_flushed_only.then_some(Ack::SendOk));
    match ledger.fate(broker, Guarantee::OffsetBound, ack, (old.from, old.to), new.to) {
        Fate::MayBeLost(cause) => Some(cause),
        Fate::MustHold => None,
    }
}

/// The offsets of a queue at the end are those from min to max, each once, in order.
fn dense(history: &History, findings: &mut Findings) {
    for end in history.queue_ends.iter().filter(|end| end.complete) {
        let mut expected = end.min;
        for record in &end.records {
            if record.offset != expected {
                let place = history.queue_words(end.queue);
                let words =
                    format!("{place} holds offset {} after {}", record.offset, expected - 1);
                findings.violate(history.ended, words, vec![Pointer::Queue(end.queue)]);
            }
            expected = record.offset.saturating_add(1);
        }
        if expected != end.max {
            let place = history.queue_words(end.queue);
            let words =
                format!("{place} says its max offset is {}, but ends at {expected}", end.max);
            findings.violate(history.ended, words, vec![Pointer::Queue(end.queue)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FaultKind, sample::Sample};

    #[test]
    fn an_offset_that_keeps_its_message_passes() {
        let mut sample = Sample::new(Flush::Async);
        sample.acked(1, 1, 0);
        sample.delivered(20, 1, 0);
        sample.ends_with(&[1]);
        let findings = check(&sample.history);
        assert_eq!((findings.broken(), findings.checked), (0, 3));
    }

    #[test]
    fn two_acks_for_one_offset_are_a_conflict() {
        let mut sample = Sample::new(Flush::Async);
        sample.acked(1, 1, 0);
        sample.acked(50, 2, 0);
        let findings = check(&sample.history);
        assert_eq!(
            findings.violations[0].words,
            "offset 0 of queue 0 of orders on broker-a was M1 at 0.011 s and M2 at 0.060 s"
        );
    }

    #[test]
    fn a_synced_offset_must_not_be_given_anew_but_an_async_one_may_be() {
        for (flush, broken, excuses) in [(Flush::Sync, 1, 0), (Flush::Async, 0, 1)] {
            let mut sample = Sample::new(flush);
            sample.acked(1_000, 1, 0);
            sample.fault(2_000, FaultKind::PowerCut);
            sample.acked(5_000, 2, 0);
            let findings = check(&sample.history);
            assert_eq!((findings.broken(), findings.excuses.len()), (broken, excuses));
        }
    }

    #[test]
    fn a_message_that_waited_in_its_client_through_a_power_cut_says_what_the_offset_was_before() {
        for (cut_ms, broken) in [(2_000, 0), (60_000, 1)] {
            let mut sample = Sample::new(Flush::Async);
            sample.acked(1_000, 1, 0);
            sample.fault(cut_ms, FaultKind::PowerCut);
            sample.acked(5_000, 2, 0);
            sample.delivered(8_000, 1, 0);
            sample.ends_with(&[2]);
            assert_eq!(check(&sample.history).broken(), broken, "cut at {cut_ms} ms");
        }
    }

    #[test]
    fn a_message_that_was_sent_long_ago_may_take_the_place_of_one_that_a_power_cut_took() {
        for (cut_ms, broken) in [(2_000, 0), (60_000, 1)] {
            let mut sample = Sample::new(Flush::Async);
            // Message 1 waits elsewhere, as delayed ones do, and comes to the queue after the cut.
            let (ack, queue) = (Ack::SendOk, sample.other_queue);
            sample.sent(500, 1, Outcome::Acked { ack, queue, offset: 0 });
            sample.acked(1_000, 2, 0);
            sample.fault(cut_ms, FaultKind::PowerCut);
            sample.delivered(5_000, 1, 0);
            assert_eq!(check(&sample.history).broken(), broken, "cut at {cut_ms} ms");
        }
    }

    #[test]
    fn a_client_that_began_after_the_offset_was_given_anew_cannot_have_kept_the_old_message() {
        let mut sample = Sample::new(Flush::Async);
        sample.acked(1_000, 1, 0);
        sample.fault(2_000, FaultKind::PowerCut);
        sample.acked(5_000, 2, 0);
        sample.boots(sample.consumer, 6_000);
        sample.delivered(8_000, 1, 0);
        assert_eq!(check(&sample.history).broken(), 1);
    }

    #[test]
    fn a_gap_and_a_wrong_max_are_found() {
        let mut sample = Sample::new(Flush::Async);
        sample.ends_with(&[1, 2, 3]).records.remove(1);
        sample.history.queue_ends[0].max = 9;
        assert_eq!(check(&sample.history).broken(), 2);
    }
}
