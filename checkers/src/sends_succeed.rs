//! L1 SEND-AVAILABLE: a healed cluster starts, and takes messages.
//!
//! Judged in the healed phase only.

use crate::{
    fault_facts::FaultKind,
    history::{History, Outcome},
    ids::NodeId,
    verdict::{Findings, Pointer},
};

/// Every broker, after the heal.
#[must_use]
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "L1",
        "SEND-AVAILABLE",
        "After the heal every broker starts, takes a message and can be read to the end.",
        "Nothing about brokers whose machine is gone; nothing while faults strike.",
        "brokers",
    );
    let Some(healed) = history.healed else { return findings };
    let within = history.bounds.send_within_ms;
    for broker in &history.brokers {
        let gone = history.faults_of(broker.node).any(|one| one.kind == FaultKind::MachineGone);
        if gone {
            let name = history.node_name(broker.node);
            findings.excuse("machine gone", || format!("{name} never starts again"));
            continue;
        }
        findings.count();
        let on_it = |outcome: &Outcome| match outcome {
            Outcome::Acked { queue, .. } => history.broker_of(*queue) == Some(broker.node),
            _ => false,
        };
        let took = history.sends.iter().any(|send| {
            let in_time = send.returned.is_some_and(|at| at <= healed.plus_ms(within));
            healed <= send.invoked && in_time && on_it(&send.outcome)
        });
        let name = history.node_name(broker.node);
        if !took {
            let why = refusal(history, broker.node);
            let words = format!("{name} took no message within {within} ms of the heal{why}");
            findings.violate(healed.plus_ms(within), words, vec![Pointer::Node(broker.node)]);
        }
    }
    for end in history.queue_ends.iter().filter(|end| !end.complete) {
        let gone = history.broker_of(end.queue).is_some_and(|node| {
            history.faults_of(node).any(|one| one.kind == FaultKind::MachineGone)
        });
        if !gone {
            let words = format!("{} could not be read at the end", history.queue_words(end.queue));
            findings.violate(history.ended, words, vec![Pointer::Queue(end.queue)]);
        }
    }
    slow_boots(history, &mut findings);
    findings
}

/// Why a broker's last start failed, for the end of a sentence.
fn refusal(history: &History, node: NodeId) -> String {
    let last = history.boots.iter().rfind(|boot| boot.node == node);
    let refused = last.and_then(|boot| boot.refused.as_ref());
    refused.map_or_else(String::new, |why| format!("; it refused to start: {why}"))
}

fn slow_boots(history: &History, findings: &mut Findings) {
    let Some(healed) = history.healed else { return };
    let within = history.bounds.boot_within_ms;
    for (number, boot) in history.boots.iter().enumerate().filter(|(_, boot)| healed <= boot.at) {
        // Struck by the last fault before the heal, which starts it once more at that moment.
        let mut later = history.boots[number + 1..].iter();
        if later.any(|other| (other.node, other.at) == (boot.node, boot.at)) {
            continue;
        }
        findings.count();
        let slow = boot.ready.is_none_or(|ready| boot.at.plus_ms(within) < ready);
        if slow && boot.at.plus_ms(within) < history.ended {
            let name = history.node_name(boot.node);
            let why = boot.refused.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            let at = boot.at;
            let words = format!("{name}, started at {at}, did not serve within {within} ms{why}");
            findings.violate(at, words, vec![Pointer::Boot(number), Pointer::Node(boot.node)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Boot, ids::Moment, promises::Flush, sample::Sample};

    fn healed(sent_ms: u64) -> Sample {
        let mut sample = Sample::new(Flush::Async);
        sample.history.healed = Some(Moment::from_ms(10_000));
        sample.acked(sent_ms, 1, 0).probe = true;
        sample
    }

    #[test]
    fn a_send_after_the_heal_passes() {
        let findings = check(&healed(12_000).history);
        assert_eq!((findings.broken(), findings.checked), (0, 1));
    }

    #[test]
    fn no_send_after_the_heal_is_found() {
        let mut sample = healed(9_000);
        let (node, at) = (sample.broker, Moment::from_ms(10_000));
        let refused = Some("disk on fire".to_owned());
        let boot = Boot { node, at, ready: None, refused, gave_up: None, first: false };
        sample.history.boots.push(boot);
        let findings = check(&sample.history);
        assert_eq!(findings.broken(), 2);
        assert!(findings.violations[0].words.ends_with("it refused to start: disk on fire"));
    }

    #[test]
    fn a_start_that_never_served_is_found_unless_the_heal_started_it_again() {
        for (again, broken) in [(None, 1), (Some(10_050), 0)] {
            let mut sample = healed(12_000);
            let (node, at) = (sample.broker, Moment::from_ms(10_000));
            let boot = |ready| Boot { node, at, ready, refused: None, gave_up: None, first: false };
            sample.history.boots.push(boot(None));
            sample.history.boots.extend(again.map(|ms| boot(Some(Moment::from_ms(ms)))));
            sample.history.ended = Moment::from_ms(200_000);
            assert_eq!(check(&sample.history).broken(), broken, "{again:?}");
        }
    }

    #[test]
    fn a_queue_that_cannot_be_read_is_found() {
        let mut sample = healed(12_000);
        sample.ends_with(&[1]).complete = false;
        assert_eq!(check(&sample.history).broken(), 1);
    }
}
