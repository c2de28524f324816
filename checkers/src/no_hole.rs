//! C04 NO-HOLE: what a group has passed, it has consumed.
//!
//! A record below a group's committed offset was given to the group, and
//! its message was consumed or is a dead letter. Whether the committed offset reaches the end is
//! the business of L2.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    audit_facts::{EndRecord, GroupEnd, QueueEnd},
    history::{Consumed, Delivery, Filter, GroupFact, History, Mode, SentBack},
    ids::{GroupId, MessageId, Moment, QueueId},
    ledger::{Fate, Ledger},
    promises::{Ack, Guarantee},
    verdict::{Findings, Pointer},
};

/// Every record that a group should have been given.
#[must_use]
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "C04",
        "NO-HOLE",
        "A group consumes, or finds among its dead letters, every message it has passed.",
        "Nothing about broadcast groups, or about messages beyond the committed offset (L2).",
        "records per group",
    );
    let view = View::new(history);
    let mut ends = BTreeMap::new();
    for end in history.queue_ends.iter().filter(|end| end.complete) {
        if let Some(fact) = history.queue_fact(end.queue) {
            ends.entry(fact.topic).or_insert_with(Vec::new).push(end);
        }
    }
    for group in history.group_facts.iter().filter(|group| group.mode != Mode::Broadcast) {
        for (topic, filter) in &group.subscriptions {
            for end in ends.get(topic).into_iter().flatten() {
                check_queue(&view, &mut findings, (group, filter), end);
            }
        }
    }
    findings
}

/// What groups were given, for quick questions.
struct View<'a> {
    history: &'a History,
    ledger: Ledger<'a>,
    /// Every (group, queue, offset, message) that was given.
    given: BTreeSet<(GroupId, QueueId, i64, Option<MessageId>)>,
    /// The smallest offset that a group was given of a queue.
    first: BTreeMap<(GroupId, QueueId), i64>,
    /// Every (group, message) that was consumed.
    consumed: BTreeSet<(GroupId, MessageId)>,
    /// Every (group, message) that is a dead letter.
    dead: BTreeSet<(GroupId, MessageId)>,
    /// Where the copies of a message lie that a group sent back.
    copies: BTreeMap<(GroupId, MessageId), Vec<(QueueId, i64)>>,
    /// The last delivery of a message to a group whose listener wanted it again.
    wanted_again: BTreeMap<(GroupId, MessageId), &'a Delivery>,
    /// The last answer to a member that gave a message back, by how often that was done before.
    sent_back: BTreeMap<(GroupId, &'a str, i32), &'a SentBack>,
    committed: BTreeMap<(GroupId, QueueId), &'a GroupEnd>,
    /// Which send a message came from.
    sent: BTreeMap<MessageId, usize>,
}

impl<'a> View<'a> {
    fn new(history: &'a History) -> Self {
        let mut view = Self {
            history,
            ledger: Ledger::new(history),
            given: BTreeSet::new(),
            first: BTreeMap::new(),
            consumed: BTreeSet::new(),
            dead: BTreeSet::new(),
            copies: BTreeMap::new(),
            wanted_again: BTreeMap::new(),
            sent_back: BTreeMap::new(),
            committed: BTreeMap::new(),
            sent: BTreeMap::new(),
        };
        for (number, send) in history.sends.iter().enumerate() {
            view.sent.extend(send.content.message.map(|message| (message, number)));
        }
        for one in &history.deliveries {
            view.given.insert((one.group, one.queue, one.offset, one.content.message));
            let first = view.first.entry((one.group, one.queue)).or_insert(one.offset);
            *first = (*first).min(one.offset);
            match (one.consumed, one.content.message) {
                (Some(Consumed::Success), Some(message)) => {
                    view.consumed.insert((one.group, message));
                }
                (Some(Consumed::Later), Some(message)) => {
                    view.wanted_again.insert((one.group, message), one);
                }
                _ => {}
            }
        }
        for one in &history.sent_back {
            view.sent_back.insert((one.group, one.unique_key.as_str(), one.reconsumed), one);
        }
        view.find_copies();
        for end in &history.group_ends {
            view.committed.insert((end.group, end.queue), end);
        }
        view
    }

    /// What a member heard when it gave a message back for the last time.
    fn answer(&self, group: GroupId, message: Option<MessageId>) -> Option<&'a SentBack> {
        let last = self.wanted_again.get(&(group, message?))?;
        let unique_key = last.content.unique_key.as_deref().unwrap_or_default();
        self.sent_back.get(&(group, unique_key, last.reconsumed)).copied()
    }

    /// Finds dead letters, and copies that wait for their retry or were retried.
    fn find_copies(&mut self) {
        let history = self.history;
        for end in &history.queue_ends {
            let topic = history.queue_fact(end.queue).map(|fact| history.topic_name(fact.topic));
            let of = |prefix| {
                let group = topic.and_then(|topic| topic.strip_prefix(prefix));
                group.and_then(|name| history.groups.find(name)).map(GroupId)
            };
            let (dead, retried) = (of("%DLQ%"), of("%RETRY%"));
            for record in &end.records {
                let Some(message) = record.content.message else { continue };
                self.dead.extend(dead.map(|group| (group, message)));
                if let Some(group) = retried {
                    let place = (end.queue, record.offset);
                    self.copies.entry((group, message)).or_default().push(place);
                }
            }
        }
    }
}

fn check_queue(
    view: &View<'_>,
    findings: &mut Findings,
    (group, filter): (&GroupFact, &Filter),
    end: &QueueEnd,
) {
    let place = (group.group, end.queue);
    let Some(committed) = view.committed.get(&place).and_then(|end| end.committed) else { return };
    let start = match view.first.get(&place) {
        _ if group.from_first => i64::MIN,
        Some(&first) => first,
        None => return,
    };
    let records = end.records.iter().filter(|record| {
        start <= record.offset
            && record.offset < committed
            && filter.wants(record.content.tags.as_deref())
    });
    for record in records {
        findings.count();
        check_record(view, findings, group.group, (end.queue, record));
    }
}

fn check_record(
    view: &View<'_>,
    findings: &mut Findings,
    group: GroupId,
    (queue, record): (QueueId, &EndRecord),
) {
    let message = record.content.message;
    let given = view.given.contains(&(group, queue, record.offset, message));
    let done = message
        .is_none_or(|id| view.consumed.contains(&(group, id)) || view.dead.contains(&(group, id)));
    if given && done {
        return;
    }
    let history = view.history;
    let returned = view.answer(group, message).is_some();
    if !(given && returned)
        && let Some(cause) = passed_before(view, group, queue)
    {
        let what = if given { "was not given back" } else { "was not given" };
        findings.excuse(cause, || words(history, group, (queue, record), what));
        return;
    }
    let retry = || retry_lost(view, group, message).or_else(|| retry_passed(view, group, message));
    if given && let Some(cause) = retry() {
        findings.excuse(&cause, || words(history, group, (queue, record), "waits"));
        return;
    }
    let what = match (given, history.drained) {
        (false, _) => "was passed over and never given",
        (true, Some(_)) => "was given but neither consumed nor made a dead letter",
        (true, None) => {
            findings.excuse("still waiting for its retry when the run ended", || {
                words(history, group, (queue, record), "waits")
            });
            return;
        }
    };
    let mut pointers = vec![Pointer::Group(group), Pointer::Queue(queue)];
    pointers.extend(message.map(Pointer::Message));
    let sent = message.and_then(|message| view.sent.get(&message).copied());
    pointers.extend(sent.map(Pointer::Send));
    let at = sent.and_then(|at| history.sends.get(at)).map_or(history.ended, |send| send.invoked);
    findings.violate(at, words(history, group, (queue, record), what), pointers);
}

/// Why the copy may be lost that was made when the group wanted a message again for the last time.
///
/// A consumer that sends a message back hands it over like a producer: the group has passed it once
/// the copy was accepted, and what an acknowledgement means for the copy stands in the table.
fn retry_lost(view: &View<'_>, group: GroupId, message: Option<MessageId>) -> Option<String> {
    let last = view.wanted_again.get(&(group, message?))?;
    let (broker, ack, accepted) = match view.answer(group, message) {
        Some(answer) => (answer.broker, answer.ack, answer.at),
        // Its member did not live to be answered.
        None => {
            (view.history.broker_of(last.queue)?, Ack::SendOk, last.ended.unwrap_or(last.began))
        }
    };
    // It is stored twice, the second time when its delay is over.
    let stored = accepted.plus_ms(view.history.bounds.retry_within_ms);
    let ack = Some(ack);
    match view.ledger.fate(broker, Guarantee::Delivered, ack, (accepted, stored), Moment::END) {
        Fate::MayBeLost(cause) => Some(format!("the copy to be retried: {cause}")),
        Fate::MustHold => None,
    }
}

/// Why the group may have passed the place where the copy of a message lies before it was there.
fn retry_passed(view: &View<'_>, group: GroupId, message: Option<MessageId>) -> Option<String> {
    let id = message?;
    let copies = view.copies.get(&(group, id))?;
    let unread = |&&(queue, offset): &&(QueueId, i64)| {
        let committed = view.committed.get(&(group, queue)).and_then(|end| end.committed);
        committed.is_some_and(|committed| offset < committed)
            && !view.given.contains(&(group, queue, offset, message))
    };
    let (queue, _) = copies.iter().find(unread)?;
    let cause = passed_before(view, group, *queue)?;
    Some(format!("the copy to be retried: {cause}"))
}

/// Why a group may have passed an offset before the record that it holds now was there.
fn passed_before(view: &View<'_>, group: GroupId, queue: QueueId) -> Option<&'static str> {
    let broker = view.history.broker_of(queue)?;
    if view.ledger.topic_deleted(queue, Moment(0)) {
        return Some("the topic was deleted");
    }
    if view.ledger.lost_disk(broker, Moment(0), Moment::END) {
        return Some("its offset was given anew after the disk was destroyed");
    }
    let asynchronous = view
        .history
        .broker_fact(broker)
        .is_some_and(|fact| fact.flush == crate::promises::Flush::Async || fact.reads_unflushed);
    let lost = view.ledger.lost_bytes(broker, Moment(0), Moment::END);
    let passed = view.first.contains_key(&(group, queue));
    (asynchronous && lost && passed)
        .then_some("its offset was given anew after un-synced bytes were lost")
}

fn words(
    history: &History,
    group: GroupId,
    (queue, record): (QueueId, &EndRecord),
    what: &str,
) -> String {
    let message = record.content.message.map_or_else(|| "?".to_owned(), |id| id.to_string());
    let (place, group) = (history.queue_words(queue), history.group_name(group));
    format!("message {message} at offset {} of {place} {what} to group {group}", record.offset)
        .replace("consumed nor made a dead letter to group", "consumed nor made a dead letter of")
        .replace("waits to group", "waits for its retry in group")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FaultKind, promises::Flush, sample::Sample};

    #[test]
    fn a_group_that_consumed_everything_passes() {
        let mut sample = Sample::new(Flush::Async);
        sample.ends_with(&[1, 2]);
        sample.group_at(Some(2), 2);
        sample.delivered(10, 1, 0);
        sample.delivered(20, 2, 1);
        let findings = check(&sample.history);
        assert_eq!((findings.broken(), findings.checked), (0, 2));
    }

    #[test]
    fn a_record_below_the_committed_offset_that_nobody_was_given_is_a_hole() {
        let mut sample = Sample::new(Flush::Sync);
        sample.acked(1, 1, 0);
        sample.ends_with(&[1, 2]);
        sample.group_at(Some(2), 2);
        sample.delivered(20, 2, 1);
        let findings = check(&sample.history);
        assert_eq!(
            findings.violations[0].words,
            "message M1 at offset 0 of queue 0 of orders on broker-a was passed over and never \
             given to group readers"
        );
    }

    #[test]
    fn a_failed_message_that_is_a_dead_letter_is_no_hole() {
        let mut sample = Sample::new(Flush::Sync);
        sample.ends_with(&[1]);
        sample.group_at(Some(1), 1);
        sample.delivered(20, 1, 0).consumed = Some(Consumed::Later);
        sample.history.drained = Some(Moment::from_ms(50_000));
        assert_eq!(check(&sample.history).broken(), 1);

        let topic = sample.history.topic("%DLQ%readers");
        let dead = sample.history.queue(sample.broker, topic, 0);
        sample.ends_with(&[1]).queue = dead;
        assert!(check(&sample.history).kept());
    }

    /// A message that was wanted again at 20 ms, in a healed run.
    fn wanted_again(flush: Flush) -> Sample {
        let mut sample = Sample::new(flush);
        sample.acked(1, 1, 0);
        sample.ends_with(&[1]);
        sample.group_at(Some(1), 1);
        sample.delivered(20, 1, 0).consumed = Some(Consumed::Later);
        sample.sent_back(20);
        sample.history.drained = Some(Moment::from_ms(90_000));
        sample
    }

    #[test]
    fn a_power_cut_may_take_the_copy_of_a_message_that_was_sent_back_within_the_flush_window() {
        let mut sample = wanted_again(Flush::Async);
        sample.fault(1_000, FaultKind::PowerCut);
        let findings = check(&sample.history);
        assert_eq!((findings.broken(), findings.excuses.len()), (0, 1));
        assert!(findings.excuses[0].cause.contains("power cut under ASYNC_FLUSH"));
    }

    #[test]
    fn a_group_that_passed_the_end_of_a_new_retry_queue_before_the_copy_was_there_is_excused() {
        for (lost_disk, given, broken) in [(true, false, 0), (false, false, 1), (true, true, 1)] {
            let mut sample = wanted_again(Flush::Sync);
            let topic = sample.history.topic("%RETRY%readers");
            let queue = sample.history.queue(sample.broker, topic, 0);
            sample.ends_with(&[1]).queue = queue;
            sample.group_at(Some(1), 1);
            sample.history.group_ends.last_mut().unwrap().queue = queue;
            if lost_disk {
                sample.fault(10, FaultKind::DiskDestroyed);
            }
            if given {
                let again = sample.delivered(60_000, 1, 0);
                (again.queue, again.consumed) = (queue, Some(Consumed::Later));
                sample.sent_back(60_000);
            }
            let findings = check(&sample.history);
            assert_eq!(findings.broken(), broken, "{lost_disk} {given}");
        }
    }

    /// Its offset was moved to the end of a new disk's queue while the listener still had it.
    #[test]
    fn a_message_that_was_not_given_back_before_its_place_was_passed_is_excused() {
        for (lost_disk, answered, broken) in [(true, false, 0), (true, true, 1), (false, false, 1)]
        {
            let mut sample = wanted_again(Flush::Sync);
            if !answered {
                sample.history.sent_back.clear();
            }
            if lost_disk {
                sample.fault(10, FaultKind::DiskDestroyed);
            }
            assert_eq!(check(&sample.history).broken(), broken, "{lost_disk} {answered}");
        }
    }

    #[test]
    fn nothing_else_may_take_the_copy_of_a_message_that_was_sent_back() {
        let mut synced = wanted_again(Flush::Sync);
        synced.fault(1_000, FaultKind::PowerCut);
        let mut crashed = wanted_again(Flush::Async);
        crashed.fault(1_000, FaultKind::ProcessCrash);
        let mut flushed = wanted_again(Flush::Async);
        flushed.fault(60_000, FaultKind::PowerCut);
        for sample in [synced, crashed, flushed] {
            assert_eq!(check(&sample.history).broken(), 1);
        }
    }

    #[test]
    fn offsets_given_anew_after_a_power_cut_under_async_flush_are_excused() {
        let mut sample = Sample::new(Flush::Async);
        sample.fault(5_000, FaultKind::PowerCut);
        sample.delivered(20, 9, 0);
        sample.ends_with(&[1]);
        sample.group_at(Some(1), 1);
        let findings = check(&sample.history);
        assert_eq!((findings.broken(), findings.excuses.len()), (0, 1));
    }
}
