//! C17 RETENTION-PREFIX: only the oldest segments are deleted, and only when their time has come
//! or the disk is nearly full.

use std::collections::BTreeMap;

use crate::{
    history::{Content, Delivery, History, Outcome},
    ids::{Moment, NodeId},
    ledger::Ledger,
    store_facts::{LogRecord, SegmentGone, StoreImage},
    verdict::{Findings, Pointer},
};

/// Every segment that was deleted, and every list of segments that was seen.
#[must_use]
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "C17",
        "RETENTION-PREFIX",
        "Only the oldest segments are deleted: expired ones, or any when the disk is nearly full.",
        "Nothing about expiry by a clock that was set while the segment was written.",
        "segments",
    );
    for gone in &history.segments_gone {
        findings.count();
        if let Some(words) = wrong(history, gone) {
            let name = history.node_name(gone.node);
            let words =
                format!("{name} deleted the segment at {} at {}, {words}", gone.first, gone.at);
            findings.violate(gone.at, words, vec![Pointer::Node(gone.node)]);
        }
    }
    lists(history, &mut findings);
    findings
}

fn wrong(history: &History, gone: &SegmentGone) -> Option<String> {
    // The newest one may be taken back as it was begun, as long as nobody was told of a message
    // in it: the disk may refuse it, or the messages for which it was begun.
    if gone.active <= gone.first {
        let told = gone.records.iter().find(|record| is_known(history, gone, record))?;
        let message = told.message.map_or_else(|| "a message".to_owned(), |id| id.to_string());
        return Some(format!("which was being written and held {message}, of which was told"));
    }
    if gone.first != gone.oldest {
        return Some(format!("but the oldest was at {}", gone.oldest));
    }
    let reserved = history.broker_fact(gone.node).map_or(0, |fact| fact.reserved_ms);
    let age = gone.wall_ms.saturating_sub(gone.modified_ms);
    let young = age < i64::try_from(reserved).unwrap_or(i64::MAX);
    (young && gone.disk_percent < gone.force_percent).then(|| {
        let full = gone.disk_percent;
        format!("{age} ms after it was written, to be kept {reserved} ms, disk {full} % full")
    })
}

/// Whether anybody outside the broker knew of a record before its segment was deleted: its
/// producer by the answer, or a consumer.
fn is_known(history: &History, gone: &SegmentGone, record: &LogRecord) -> bool {
    let here = |queue, offset, content: &Content| {
        (queue, offset, content.message) == (record.queue, record.offset, record.message)
    };
    let acked = history.sends.iter().any(|send| match send.outcome {
        Outcome::Acked { queue, offset, .. } => {
            here(queue, offset, &send.content) && send.returned.is_some_and(|at| at <= gone.at)
        }
        _ => false,
    });
    let given = |one: &Delivery| one.began <= gone.at && here(one.queue, one.offset, &one.content);
    acked || history.deliveries.iter().any(given)
}

/// From one image at rest to the next only a prefix of segments goes, and the rest has no holes.
fn lists(history: &History, findings: &mut Findings) {
    let ledger = Ledger::new(history);
    let mut last: BTreeMap<NodeId, &StoreImage> = BTreeMap::new();
    // What lies on the disk after a power cut is the business of recovery.
    for image in history.stores.iter().filter(|image| image.at_rest) {
        findings.count();
        let mut violate = |words: &str| {
            let words = format!("the commit log of {} {words}", history.node_name(image.node));
            findings.violate(image.at, words, vec![Pointer::Node(image.node)]);
        };
        let step = history.broker_fact(image.node).map_or(0, |fact| fact.segment_bytes);
        // After a power cut names of the middle may be gone; recovery has to deal with it.
        let is_whole = !image.segments.windows(2).any(|pair| !follows(pair, step));
        if image.at_rest && 0 < step && !is_whole {
            violate("has a hole between two segments");
        }
        if let Some(before) = last.insert(image.node, image) {
            let (was, is) = (before.segments.first(), image.segments.first());
            let destroyed = ledger.lost_disk(image.node, Moment(0), image.at);
            if is < was && !destroyed {
                violate("starts earlier than it did before");
            }
        }
    }
}

fn follows(pair: &[u64], step: u64) -> bool {
    matches!(pair, [a, b] if a.checked_add(step) == Some(*b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::MessageId, promises::Flush, sample::Sample};

    fn gone(change: impl FnOnce(&mut SegmentGone)) -> Findings {
        let mut sample = Sample::new(Flush::Async);
        let mut gone = SegmentGone {
            node: sample.broker,
            at: Moment::from_ms(9_000),
            first: 4_096,
            oldest: 4_096,
            active: 16_384,
            modified_ms: 1_000,
            wall_ms: 1_000 + 3_600_000,
            disk_percent: 10,
            force_percent: 85,
            // Acked at 5,010 ms, and acked only after the segment was gone.
            records: vec![record(&sample, 7, 0), record(&sample, 8, 1)],
        };
        sample.acked(5_000, 7, 0);
        sample.acked(8_995, 8, 1);
        change(&mut gone);
        sample.history.segments_gone.push(gone);
        check(&sample.history)
    }

    fn record(sample: &Sample, number: u64, offset: i64) -> LogRecord {
        LogRecord {
            physical: 4_096,
            size: 100,
            queue: sample.queue,
            offset,
            tags_code: None,
            store_ms: 0,
            keys: vec![],
            message: Some(MessageId(number)),
            hash: 0,
        }
    }

    #[test]
    fn the_oldest_expired_segment_may_go_and_a_young_one_when_the_disk_is_full() {
        assert!(gone(|_| {}).kept());
        assert!(gone(|one| (one.wall_ms, one.disk_percent) = (2_000, 90)).kept());
    }

    #[test]
    fn the_newest_segment_may_be_taken_back_while_nobody_knows_of_its_messages() {
        let newest = |one: &mut SegmentGone| (one.oldest, one.active) = (0, 4_096);
        let findings = gone(newest);
        assert_eq!(findings.broken(), 1);
        assert!(findings.violations[0].words.ends_with("held M7, of which was told"));
        assert!(gone(|one| (newest(one), one.records.remove(0)).0).kept());
        assert!(gone(|one| (newest(one), one.records.clear()).0).kept());
    }

    #[test]
    fn a_middle_an_active_and_a_young_segment_must_stay() {
        assert_eq!(gone(|one| one.oldest = 0).broken(), 1);
        assert_eq!(gone(|one| one.active = 4_096).broken(), 1);
        assert_eq!(gone(|one| one.wall_ms = 2_000).broken(), 1);
    }

    #[test]
    fn a_hole_and_a_start_that_goes_back_are_found() {
        let mut sample = Sample::new(Flush::Async);
        sample.store_with(&[]).segments = vec![4_096, 8_192];
        assert!(check(&sample.history).kept());
        sample.store_with(&[]).segments = vec![0, 8_192];
        assert_eq!(check(&sample.history).broken(), 2);
    }
}
