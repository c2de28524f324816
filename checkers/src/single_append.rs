//! C08 SINGLE-APPEND: one request to send makes at most one record.

use std::collections::BTreeMap;

use crate::{
    history::History,
    ids::{MessageId, TopicId},
    verdict::{Findings, Pointer},
};

/// Every message that was sent.
#[must_use]
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "C08",
        "SINGLE-APPEND",
        "A send makes at most as many records as the client made requests for it.",
        "Nothing about copies in retry and dead letter topics, or delayed messages (C30).",
        "messages sent",
    );
    let mut copies: BTreeMap<(TopicId, MessageId), u32> = BTreeMap::new();
    for end in &history.queue_ends {
        let Some(fact) = history.queue_fact(end.queue) else { continue };
        for message in end.records.iter().filter_map(|record| record.content.message) {
            *copies.entry((fact.topic, message)).or_default() += 1;
        }
    }
    let at_once = history.sends.iter().enumerate().filter(|(_, send)| send.delay_ms == 0);
    for (number, send) in at_once {
        let Some(message) = send.content.message else { continue };
        findings.count();
        let stored = copies.get(&(send.topic, message)).copied().unwrap_or(0);
        if send.tries < stored {
            let (topic, tries) = (history.topic_name(send.topic), send.tries);
            let words = format!(
                "message {message} was sent with at most {tries} requests, but {topic} holds it \
                 {stored} times"
            );
            let pointers = vec![Pointer::Send(number), Pointer::Message(message)];
            findings.violate(send.returned.unwrap_or(send.invoked), words, pointers);
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{promises::Flush, sample::Sample};

    #[test]
    fn one_record_per_request_passes() {
        let mut sample = Sample::new(Flush::Async);
        sample.acked(1, 1, 0);
        sample.acked(2, 2, 1).tries = 2;
        sample.ends_with(&[1, 2, 2]);
        assert!(check(&sample.history).kept());
    }

    #[test]
    fn two_records_for_one_request_are_one_too_many() {
        let mut sample = Sample::new(Flush::Async);
        sample.acked(1, 1, 0);
        sample.ends_with(&[1, 1]);
        let findings = check(&sample.history);
        assert!(findings.violations[0].words.contains("orders holds it 2 times"));
    }
}
