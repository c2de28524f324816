//! C30 DELAY-BOUNDED-ONCE: a delayed message that is stored comes to its topic, and once.
//!
//! Cite: checkers.md C30. A fault of its broker may make it come once more: what was delivered
//! and what is still to be delivered are kept apart.

use std::collections::BTreeMap;

use crate::{
    history::{History, Outcome},
    ids::{MessageId, TopicId},
    verdict::{Findings, Pointer},
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
    let mut copies: BTreeMap<(TopicId, MessageId), u64> = BTreeMap::new();
    for end in &history.queue_ends {
        let Some(fact) = history.queue_fact(end.queue) else { continue };
        for message in end.records.iter().filter_map(|record| record.content.message) {
            *copies.entry((fact.topic, message)).or_default() += 1;
        }
    }
    for (number, send) in history.sends.iter().enumerate().filter(|(_, send)| 0 < send.delay_ms) {
        let (Some(message), Outcome::Acked { queue, .. }) = (send.content.message, &send.outcome)
        else {
            continue;
        };
        let Some(waited_in) = history.queue_fact(*queue) else { continue };
        if !copies.contains_key(&(waited_in.topic, message)) {
            // Lost or removed while it waited: C01 and C02 judge that.
            continue;
        }
        findings.count();
        let came = copies.get(&(send.topic, message)).copied().unwrap_or(0);
        let faults = history.faults_of(waited_in.broker).filter(|one| send.invoked <= one.at);
        let allowed = u64::from(send.tries).saturating_add(crate::verdict::count(faults.count()));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::Moment, promises::Flush, sample::Sample};

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
}
