//! C02 ACK-CRASH: an acknowledged message survives the death of the process in every flush mode,
//! and beyond the flush window also the loss of power.
//!
//! What was written is in the page cache, which outlives the process.

use crate::{
    history::History,
    stored::{bytes_were_at_risk, check_acked},
    verdict::Findings,
};

/// Every acknowledged send that C01 does not claim.
#[must_use]
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "C02",
        "ACK-CRASH",
        "An acked message is at its offset after any crash of the process, in every flush mode.",
        "Nothing about sends without an answer; a power cut may take one flush window.",
        "acked sends",
    );
    check_acked(history, &mut findings, |ledger, acked| {
        !(acked.is_synced() && bytes_were_at_risk(ledger, acked))
    });
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FaultKind, Outcome, promises::Flush, sample::Sample};

    #[test]
    fn a_message_that_is_there_after_a_crash_passes() {
        let mut sample = Sample::new(Flush::Async);
        sample.acked(1_000, 7, 0);
        sample.fault(1_020, FaultKind::ProcessCrash);
        sample.ends_with(&[7]);
        assert!(check(&sample.history).kept());
    }

    #[test]
    fn a_message_that_a_crash_took_is_lost() {
        let mut sample = Sample::new(Flush::Async);
        sample.acked(1_000, 7, 0);
        sample.fault(1_020, FaultKind::ProcessCrash);
        sample.ends_with(&[]);
        let findings = check(&sample.history);
        assert!(findings.violations[0].words.contains("after the process crash of broker-a"));
    }

    #[test]
    fn a_message_lost_without_any_fault_is_lost() {
        let mut sample = Sample::new(Flush::Async);
        sample.acked(1_000, 7, 0);
        sample.ends_with(&[]);
        assert!(check(&sample.history).violations[0].words.contains("nothing struck its broker"));
    }

    #[test]
    fn a_power_cut_may_take_the_flush_window_and_no_more() {
        let mut sample = Sample::new(Flush::Async);
        sample.acked(1_000, 1, 0);
        sample.acked(29_000, 2, 1);
        sample.fault(30_000, FaultKind::PowerCut);
        sample.ends_with(&[]);
        let findings = check(&sample.history);
        assert_eq!((findings.broken(), findings.excuses[0].count), (1, 1));
        assert!(findings.violations[0].words.starts_with("message M1,"));
    }

    #[test]
    fn a_message_that_nobody_acked_may_be_absent() {
        let mut sample = Sample::new(Flush::Async);
        sample.sent(1_000, 7, Outcome::Unknown);
        sample.ends_with(&[]);
        assert!(check(&sample.history).kept());
    }
}
