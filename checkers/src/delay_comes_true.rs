//! C30 DELAY-BOUNDED-ONCE: a delayed message that is stored comes to its topic, and once.
//!
//! A fault of a broker may make it come once more from every copy that
//! waits there: what was delivered and what is still to be delivered are kept apart. A producer
//! that tries again may have made a copy on every broker it asked.

use std::collections::BTreeMap;

use crate::{
    history::{History, Outcome},
    ids::{MessageId, NodeId, TopicId},
    verdict::{Findings, Pointer, count},
};

/// Every acknowledged delayed message that is still stored where it waited.
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "C30",
        "DELAY-BOUNDED-ONCE",
        "A delayed message comes to its topic, at most once more for every fault of its broker.",
        "Nothing about messages that a fault was allowed to take, or a run that never drained.",
        "delayed messages",
    );
    if history.drained.is_none() {
        return findings;
    }
    let copies = copies(history);
    let copies_of = |topic, message| copies.get(&(topic, message)).map_or(&[][..], Vec::as_slice);
    for (number, send) in history.sends.iter().enumerate().filter(|(_, send)| 0 < send.delay_ms) {
        let (Some(message), Outcome::Acked { queue, .. }) = (send.content.message, &send.outcome)
        else {
            continue;
        };
        let Some(waited_in) = history.queue_fact(*queue) else { continue };
        let waiting = copies_of(waited_in.topic, message);
        if waiting.is_empty() {
            // Lost or removed while it waited: C01 and C02 judge that.
            continue;
        }
        findings.count();
        let came = count(copies_of(send.topic, message).len());
        let faults =
            |broker| count(history.faults_of(broker).filter(|one| send.invoked <= one.at).count());
        let seen: u64 = waiting.iter().map(|broker| 1 + faults(*broker)).sum();
        // Copies that nobody can be asked about any more may have waited anywhere.
        let gone = u64::from(send.tries).saturating_sub(count(waiting.len()));
        let worst = || history.brokers.iter().map(|broker| faults(broker.node)).max().unwrap_or(0);
        let elsewhere = if gone == 0 { 0 } else { gone.saturating_mul(1 + worst()) };
        let allowed = seen.saturating_add(elsewhere);
        let topic = history.topic_name(send.topic);
        let sent = send.invoked;
        let words = match came {
            0 => format!("message {message}, delayed at {sent}, never came to {topic}"),
            _ if allowed < came => {
                format!("message {message}, delayed at {sent}, came to {topic} {came} times")
            }
            _ => continue,
        };
        let pointers = vec![Pointer::Send(number), Pointer::Message(message)];
        findings.violate(sent, words, pointers);
    }
    findings
}

/// The brokers of all the copies of a message that a topic holds in the end.
fn copies(history: &History) -> BTreeMap<(TopicId, MessageId), Vec<NodeId>> {
    let mut copies: BTreeMap<_, Vec<NodeId>> = BTreeMap::new();
    for end in &history.queue_ends {
        let Some(fact) = history.queue_fact(end.queue) else { continue };
        for message in end.records.iter().filter_map(|record| record.content.message) {
            copies.entry((fact.topic, message)).or_default().push(fact.broker);
        }
    }
    copies
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FaultKind, NodeKind, ids::Moment, promises::Flush, sample::Sample};

    fn delayed(copies: &[u64]) -> Findings {
        let mut sample = Sample::new(Flush::Async);
        sample.history.drained = Some(Moment::from_ms(50_000));
        let waiting = sample.history.topic("SCHEDULE_TOPIC_XXXX");
        let waiting = sample.history.queue(sample.broker, waiting, 0);
        let send = sample.acked(1_000, 1, 0);
        send.delay_ms = 5_000;
        if let Outcome::Acked { queue, .. } = &mut send.outcome {
            *queue = waiting;
        }
        sample.ends_with(&[1]).queue = waiting;
        sample.ends_with(copies);
        check(&sample.history)
    }

    #[test]
    fn a_delayed_message_that_came_once_passes() {
        assert!(delayed(&[1]).kept());
    }

    #[test]
    fn a_delayed_message_that_never_came_or_came_twice_is_found() {
        assert!(delayed(&[]).violations[0].words.ends_with("never came to orders"));
        assert!(delayed(&[1, 1]).violations[0].words.ends_with("came to orders 2 times"));
    }

    /// The producer had no answer from a broker that crashed three times, and asked another one.
    #[test]
    fn the_faults_of_every_broker_that_holds_a_copy_count() {
        let mut sample = Sample::new(Flush::Async);
        sample.history.drained = Some(Moment::from_ms(50_000));
        let crashing = sample.history.add_node("broker-b", NodeKind::Broker);
        let waiting = sample.history.topic("SCHEDULE_TOPIC_XXXX");
        let asked_first = sample.history.queue(crashing, waiting, 0);
        let answered = sample.history.queue(sample.broker, waiting, 0);
        let send = sample.acked(1_000, 1, 0);
        (send.delay_ms, send.tries) = (5_000, 2);
        if let Outcome::Acked { queue, .. } = &mut send.outcome {
            *queue = answered;
        }
        for queue in [asked_first, answered] {
            sample.ends_with(&[1]).queue = queue;
        }
        sample.ends_with(&[1; 5]);
        assert_eq!(check(&sample.history).broken(), 1);
        for ms in [2_000, 3_000, 4_000] {
            sample.fault(ms, FaultKind::ProcessCrash);
            sample.history.faults.last_mut().unwrap().nodes = vec![crashing];
        }
        assert!(check(&sample.history).kept());
    }
}
