//! C20 FILTER-EXACT: who asks for a tag gets all messages with it and no others.
//!
//! A pull goes forward; what it passes over does not match; it gives at
//! most as many messages as were asked for. Deliveries to a group match its filter.

use std::collections::BTreeMap;

use crate::{
    audit_facts::QueueEnd,
    history::{Filter, History, Pull, PullStatus},
    ids::{GroupId, Moment, QueueId, TopicId},
    ledger::Ledger,
    stored::record_at,
    verdict::{Findings, Pointer},
};

/// Every pull, and every delivery to a group that filters.
#[must_use]
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "C20",
        "FILTER-EXACT",
        "A filter lets all matching messages through and no others; pulls go forward.",
        "Nothing about offsets that were given anew after the pull.",
        "pulls and deliveries",
    );
    let ledger = Ledger::new(history);
    let ends: BTreeMap<QueueId, &QueueEnd> =
        history.queue_ends.iter().filter(|end| end.complete).map(|end| (end.queue, end)).collect();
    for (number, pull) in history.pulls.iter().enumerate() {
        findings.count();
        let end = ends.get(&pull.queue).copied().filter(|_| {
            let broker = history.broker_of(pull.queue);
            !broker.is_some_and(|node| ledger.lost_bytes(node, pull.invoked, Moment::END))
        });
        if let Some(words) = wrong(pull, end) {
            let who = history.node_name(pull.consumer);
            let place = history.queue_words(pull.queue);
            let (from, at) = (pull.from, pull.returned);
            let words = format!("a pull of {who} from offset {from} of {place} at {at} {words}");
            findings.violate(at, words, vec![Pointer::Pull(number), Pointer::Queue(pull.queue)]);
        }
    }
    deliveries(history, &mut findings);
    findings
}

fn wrong(pull: &Pull, end: Option<&QueueEnd>) -> Option<String> {
    let offsets: Vec<i64> = pull.given.iter().map(|(offset, _)| *offset).collect();
    if !offsets.is_sorted_by(|a, b| a < b) {
        return Some("gave messages out of order".to_owned());
    }
    let outside = |offset: &i64| *offset < pull.from || pull.next <= *offset;
    if let Some(offset) = offsets.iter().find(|offset| outside(offset)) {
        return Some(format!("gave offset {offset} and goes on at {}", pull.next));
    }
    if usize::try_from(pull.messages_max).is_ok_and(|max| max < offsets.len()) {
        return Some(format!("gave {} of at most {}", offsets.len(), pull.messages_max));
    }
    let foreign =
        pull.given.iter().find(|(_, content)| !pull.filter.wants(content.tags.as_deref()));
    if let Some((offset, content)) = foreign {
        return Some(format!("gave offset {offset} with tag {:?}", content.tags));
    }
    let moves = matches!(pull.status, PullStatus::Found | PullStatus::NoMatch);
    if moves && pull.next <= pull.from {
        return Some(format!("looked at messages, but goes on at {}", pull.next));
    }
    let end = end.filter(|_| moves)?;
    let passed =
        (pull.from.max(end.min)..pull.next).filter(|at| offsets.binary_search(at).is_err());
    for offset in passed {
        let record = record_at(end, offset)?;
        if pull.filter.wants(record.content.tags.as_deref()) {
            return Some(format!("passed over offset {offset}, which matches"));
        }
    }
    None
}

fn deliveries(history: &History, findings: &mut Findings) {
    let mut filters: BTreeMap<(GroupId, TopicId), &Filter> = BTreeMap::new();
    for group in &history.group_facts {
        for (topic, filter) in &group.subscriptions {
            filters.insert((group.group, *topic), filter);
        }
    }
    for (number, one) in history.deliveries.iter().enumerate() {
        let Some(filter) = filters.get(&(one.group, one.topic)) else { continue };
        if **filter == Filter::All {
            continue;
        }
        findings.count();
        if !filter.wants(one.content.tags.as_deref()) {
            let (group, tags) = (history.group_name(one.group), &one.content.tags);
            let words = format!("group {group} was given a message with tag {tags:?}");
            findings.violate(one.began, words, vec![Pointer::Delivery(number)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{promises::Flush, sample::Sample};

    /// Offsets 0 to 3 hold red, blue, red, blue; a pull for red from 0.
    fn pulled(given: &[(i64, &str)], next: i64, status: PullStatus) -> Findings {
        let mut sample = Sample::new(Flush::Async);
        for (place, record) in sample.ends_with(&[1, 2, 3, 4]).records.iter_mut().enumerate() {
            record.content.tags = Some(["red", "blue"][place % 2].to_owned());
        }
        let given = given.iter().map(|(offset, tag)| {
            let mut content = Sample::content(u64::try_from(*offset).unwrap() + 1);
            content.tags = Some((*tag).to_owned());
            (*offset, content)
        });
        sample.history.pulls.push(Pull {
            consumer: sample.consumer,
            group: sample.group,
            queue: sample.queue,
            invoked: Moment::from_ms(1),
            returned: Moment::from_ms(2),
            from: 0,
            messages_max: 2,
            filter: Filter::Tags(vec!["red".to_owned()]),
            status,
            next,
            given: given.collect(),
        });
        check(&sample.history)
    }

    #[test]
    fn all_and_only_the_matching_messages_pass() {
        assert!(pulled(&[(0, "red"), (2, "red")], 4, PullStatus::Found).kept());
        assert!(pulled(&[], 0, PullStatus::NoNew).kept());
    }

    #[test]
    fn a_foreign_a_passed_a_missing_step_and_too_many_are_found() {
        let found = PullStatus::Found;
        assert_eq!(pulled(&[(1, "blue")], 2, found).broken(), 1);
        assert_eq!(pulled(&[(0, "red")], 4, found).broken(), 1);
        assert_eq!(pulled(&[], 0, PullStatus::NoMatch).broken(), 1);
        assert_eq!(pulled(&[(0, "red"), (2, "red"), (3, "red")], 4, found).broken(), 1);
        assert_eq!(pulled(&[(2, "red"), (0, "red")], 4, found).broken(), 1);
    }

    #[test]
    fn a_group_that_filters_must_not_be_given_another_tag() {
        let mut sample = Sample::new(Flush::Async);
        let red = Filter::Tags(vec!["red".to_owned()]);
        sample.history.group_facts[0].subscriptions = vec![(sample.topic, red)];
        sample.delivered(10, 1, 0).content.tags = Some("red".to_owned());
        assert!(check(&sample.history).kept());
        sample.delivered(20, 2, 1).content.tags = Some("blue".to_owned());
        assert_eq!(check(&sample.history).broken(), 1);
    }
}
