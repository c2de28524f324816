//! C29 DELAY-NOT-BEFORE: a delayed message is not seen before its time.
//!
//! Judged by true time on brokers whose clock was left alone.

use std::collections::BTreeMap;

use crate::{
    fault_facts::FaultKind,
    history::{History, Outcome},
    ids::{MessageId, Moment},
    verdict::{Findings, Pointer},
};

/// Every delayed message.
#[must_use]
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "C29",
        "DELAY-NOT-BEFORE",
        "A delayed message is not given to anybody before its delay has passed, to the millisecond.",
        "Nothing where the clock of a broker was set, stood still or drifted.",
        "delayed messages",
    );
    let clocks = [FaultKind::ClockStep, FaultKind::ClockFreeze, FaultKind::ClockDrift];
    let mut first: BTreeMap<MessageId, (usize, Moment)> = BTreeMap::new();
    for (number, one) in history.deliveries.iter().enumerate() {
        if let Some(message) = one.content.message {
            first.entry(message).or_insert((number, one.began));
        }
    }
    for (number, send) in history.sends.iter().enumerate().filter(|(_, send)| 0 < send.delay_ms) {
        let Some(message) = send.content.message else { continue };
        let Some(&(delivery, seen)) = first.get(&message) else { continue };
        findings.count();
        let due = send.invoked.plus_ms(send.delay_ms.saturating_sub(history.bounds.early_ms));
        if due <= seen {
            continue;
        }
        let words = || {
            let (sent, delay) = (send.invoked, send.delay_ms);
            format!("message {message}, sent at {sent} to wait {delay} ms, was given at {seen}")
        };
        let on = match send.outcome {
            Outcome::Acked { queue, .. } => history.broker_of(queue),
            _ => None,
        };
        let set = history.faults.iter().any(|fault| {
            let here = on.is_none_or(|broker| fault.nodes.contains(&broker));
            clocks.contains(&fault.kind) && here
        });
        if set {
            findings.excuse("the clock of the broker was not right", words);
        } else {
            let pointers = vec![Pointer::Send(number), Pointer::Delivery(delivery)];
            findings.violate(seen, words(), pointers);
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{promises::Flush, sample::Sample};

    fn delayed(seen_ms: u64) -> Sample {
        let mut sample = Sample::new(Flush::Async);
        sample.acked(1_000, 1, 0).delay_ms = 5_000;
        sample.delivered(seen_ms, 1, 0);
        sample
    }

    #[test]
    fn a_message_seen_after_its_delay_passes() {
        assert!(check(&delayed(6_000).history).kept());
    }

    #[test]
    fn a_message_seen_early_is_found_unless_the_clock_was_set() {
        let mut sample = delayed(5_999);
        assert_eq!(check(&sample.history).broken(), 1);
        sample.fault(2_000, FaultKind::ClockStep);
        let findings = check(&sample.history);
        assert_eq!((findings.broken(), findings.excuses.len()), (0, 1));
    }
}
