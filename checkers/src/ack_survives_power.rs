//! C01 ACK-SYNC-FLUSH: a message acknowledged with `SEND_OK` under `SYNC_FLUSH` survives the loss
//! of power.
//!
//! Source: RocketMQ's SYNC_FLUSH, `store/CommitLog.GroupCommitService`.

use crate::{
    history::History,
    stored::{bytes_were_at_risk, check_acked},
    verdict::Findings,
};

/// Every acknowledged send whose broker had answered after a sync and then lost un-synced bytes.
#[must_use]
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "C01",
        "ACK-SYNC-FLUSH",
        "A message acked with SEND_OK under SYNC_FLUSH is at its offset after any power cut.",
        "Nothing about FLUSH_DISK_TIMEOUT, sends without an answer, or a destroyed disk.",
        "acked sends",
    );
    check_acked(history, &mut findings, |ledger, acked| {
        acked.is_synced() && bytes_were_at_risk(ledger, acked)
    });
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        FaultKind, Outcome,
        promises::{Ack, Flush},
        sample::Sample,
    };

    #[test]
    fn a_synced_message_that_is_there_after_a_power_cut_passes() {
        let mut sample = Sample::new(Flush::Sync);
        sample.acked(1_000, 7, 0);
        sample.fault(14_000, FaultKind::PowerCut);
        sample.ends_with(&[7]);
        let findings = check(&sample.history);
        assert_eq!((findings.broken(), findings.checked), (0, 1));
    }

    #[test]
    fn a_synced_message_that_a_power_cut_took_is_lost() {
        let mut sample = Sample::new(Flush::Sync);
        sample.acked(12_290, 7, 0);
        sample.fault(14_000, FaultKind::PowerCut);
        sample.ends_with(&[]);
        let findings = check(&sample.history);
        let words = &findings.violations[0].words;
        assert_eq!(
            words,
            "message M7, acked by broker-a at 12.300 s with SEND_OK under SYNC_FLUSH, is missing \
             from queue 0 of orders on broker-a after the power cut of broker-a at 14.000 s; its \
             offset was 0, the queue ends at 0"
        );
    }

    #[test]
    fn a_synced_message_whose_offset_holds_another_is_lost() {
        let mut sample = Sample::new(Flush::Sync);
        sample.acked(1_000, 7, 0);
        sample.fault(14_000, FaultKind::PowerCut);
        sample.ends_with(&[8]);
        assert!(check(&sample.history).violations[0].words.contains("its offset 0 holds M8"));
    }

    #[test]
    fn flush_disk_timeout_is_not_an_ack_of_durability() {
        let mut sample = Sample::new(Flush::Sync);
        let (queue, ack) = (sample.queue, Ack::FlushDiskTimeout);
        sample.sent(1_000, 7, Outcome::Acked { ack, queue, offset: 0 });
        sample.fault(14_000, FaultKind::PowerCut);
        sample.ends_with(&[]);
        assert_eq!(check(&sample.history).checked, 0);
    }

    #[test]
    fn a_destroyed_disk_is_an_excuse_with_a_ledger_entry() {
        let mut sample = Sample::new(Flush::Sync);
        sample.acked(1_000, 7, 0);
        sample.fault(14_000, FaultKind::DiskDestroyed);
        sample.ends_with(&[]);
        let findings = check(&sample.history);
        assert!(findings.kept());
        assert_eq!(findings.excuses[0].cause, "disk destroyed: the only copy is gone");
    }
}
