//! C05 NO-PHANTOM: what is received was sent, and is what was sent.
//!
//! Body, tags, keys, the user's properties and the flag of everything that
//! was delivered, pulled or read at the end equal those of the send with the same number. Copies
//! in retry and dead letter topics too.

use std::collections::BTreeMap;

use crate::{
    history::{Content, History, Outcome, SendFact},
    ids::{MessageId, Moment, TopicId},
    verdict::{Findings, Pointer},
};

/// Everything that anybody was given.
#[must_use]
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "C05",
        "NO-PHANTOM",
        "Every message received was sent, and equals what was sent.",
        "Nothing about system properties; a send without an answer may appear.",
        "messages received",
    );
    let mut sent: BTreeMap<MessageId, (usize, &SendFact)> = BTreeMap::new();
    for (number, send) in history.sends.iter().enumerate() {
        if let Some(message) = send.content.message {
            sent.insert(message, (number, send));
        }
    }
    let mut judge = Judge { history, sent, findings: &mut findings };
    for (number, one) in history.deliveries.iter().enumerate() {
        let pointer = Pointer::Delivery(number);
        judge.seen(&one.content, Some(one.topic), one.began, (pointer, "delivered"));
    }
    for (number, pull) in history.pulls.iter().enumerate() {
        let pointer = Pointer::Pull(number);
        for (_, content) in &pull.given {
            judge.seen(content, None, pull.returned, (pointer, "pulled"));
        }
    }
    for end in &history.queue_ends {
        let topic = history.queue_fact(end.queue).map(|fact| fact.topic);
        let name = topic.map_or("", |topic| history.topic_name(topic));
        // A copy in a retry or dead letter topic names the topic that it came from.
        let topic = topic.filter(|_| !name.starts_with('%') && !name.starts_with("SCHEDULE_"));
        for record in &end.records {
            let (content, pointer) = (&record.content, Pointer::Queue(end.queue));
            judge.seen(content, record.origin.or(topic), history.ended, (pointer, "stored"));
        }
    }
    findings
}

struct Judge<'a, 'b> {
    history: &'a History,
    sent: BTreeMap<MessageId, (usize, &'a SendFact)>,
    findings: &'b mut Findings,
}

impl Judge<'_, '_> {
    fn seen(
        &mut self,
        content: &Content,
        topic: Option<TopicId>,
        at: Moment,
        (pointer, how): (Pointer, &str),
    ) {
        self.findings.count();
        let Some((message, &(number, send))) =
            content.message.and_then(|message| Some((message, self.sent.get(&message)?)))
        else {
            let words = format!("a message that nobody sent was {how} at {at}");
            self.findings.violate(at, words, vec![pointer]);
            return;
        };
        let pointers = vec![pointer, Pointer::Send(number), Pointer::Message(message)];
        if matches!(send.outcome, Outcome::NeverSent | Outcome::Refused { .. }) {
            let what = match send.outcome {
                Outcome::Refused { code } => format!("was refused with code {code}"),
                _ => "never left its producer".to_owned(),
            };
            let words = format!("message {message} {what}, but was {how} at {at}");
            self.findings.violate(at, words, pointers);
            return;
        }
        let different = difference(&send.content, content).or_else(|| {
            let topic = topic.filter(|&topic| topic != send.topic)?;
            let (sent, seen) = (send.topic, topic);
            let (sent, seen) = (self.history.topic_name(sent), self.history.topic_name(seen));
            Some(format!("topic: sent {sent}, seen {seen}"))
        });
        if let Some(different) = different {
            let words = format!("message {message} was {how} at {at} with another {different}");
            self.findings.violate(at, words, pointers);
        }
    }
}

/// The first thing in which two contents differ, in words.
fn difference(sent: &Content, seen: &Content) -> Option<String> {
    if (sent.body_bytes, sent.body_hash) != (seen.body_bytes, seen.body_hash) {
        let (sent, seen) = (sent.body_bytes, seen.body_bytes);
        return Some(format!("body: {sent} bytes sent, {seen} bytes seen"));
    }
    if sent.tags != seen.tags {
        return Some(format!("tag: {} sent, {} seen", shown(&sent.tags), shown(&seen.tags)));
    }
    if sent.keys != seen.keys {
        return Some(format!("key: {} sent, {} seen", shown(&sent.keys), shown(&seen.keys)));
    }
    if sent.properties_hash != seen.properties_hash {
        return Some("set of user properties".to_owned());
    }
    if sent.flag != seen.flag {
        return Some(format!("flag: {} sent, {} seen", sent.flag, seen.flag));
    }
    None
}

fn shown(text: &Option<String>) -> String {
    text.as_ref().map_or_else(|| "none".to_owned(), |text| format!("`{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{promises::Flush, sample::Sample};

    #[test]
    fn what_was_sent_may_be_received() {
        let mut sample = Sample::new(Flush::Async);
        sample.acked(1, 1, 0);
        sample.sent(2, 2, Outcome::Unknown);
        sample.delivered(10, 1, 0);
        sample.ends_with(&[1, 2]);
        let findings = check(&sample.history);
        assert_eq!((findings.broken(), findings.checked), (0, 3));
    }

    #[test]
    fn what_nobody_sent_is_a_phantom() {
        let mut sample = Sample::new(Flush::Async);
        sample.delivered(10, 1, 0);
        assert_eq!(check(&sample.history).broken(), 1);
    }

    #[test]
    fn a_changed_body_a_changed_tag_and_a_refused_message_are_phantoms() {
        let mut sample = Sample::new(Flush::Async);
        sample.acked(1, 1, 0);
        sample.sent(2, 2, Outcome::Refused { code: 14 });
        sample.delivered(10, 1, 0).content.body_hash = 99;
        sample.delivered(20, 1, 0).content.tags = Some("red".to_owned());
        sample.delivered(30, 2, 1);
        let findings = check(&sample.history);
        assert_eq!(findings.broken(), 3);
        assert!(findings.violations[1].words.contains("another tag"));
        assert!(findings.violations[2].words.contains("refused with code 14"));
    }
}
