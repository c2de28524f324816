//! C14 CQ-COMMITLOG: consume queues and commit log say the same.
//!
//! Judged on the files, read by a reader that is not the store's.

use std::collections::BTreeMap;

use crate::{
    history::History,
    ids::{Moment, QueueId},
    ledger::Ledger,
    store_facts::{LogRecord, QueueImage, StoreImage},
    verdict::{Findings, Pointer},
};

/// Every store image that was taken at rest.
#[must_use]
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "C14",
        "CQ-COMMITLOG",
        "Every unit of a consume queue points at its record, and every record has one unit.",
        "Nothing about units of deleted segments, or a store that was still writing.",
        "units and records",
    );
    let ledger = Ledger::new(history);
    for image in history.stores.iter().filter(|image| image.at_rest) {
        let log: BTreeMap<u64, &LogRecord> =
            image.log.iter().map(|record| (record.physical, record)).collect();
        let mut covered: BTreeMap<QueueId, (i64, i64)> = BTreeMap::new();
        for queue in &image.queues {
            check_units(history, &mut findings, (image, &log), queue);
            if let (Some(first), Some(last)) = (queue.units.first(), queue.units.last()) {
                covered.insert(queue.queue, (first.index, last.index));
            }
        }
        for record in &image.log {
            findings.count();
            let has_unit = covered
                .get(&record.queue)
                .is_some_and(|&(first, last)| first <= record.offset && record.offset <= last);
            if !has_unit && !ledger.topic_deleted(record.queue, Moment(0)) {
                let (place, at) = (history.queue_words(record.queue), record.physical);
                let words =
                    format!("the record at {at}, offset {} of {place}, has no unit", record.offset);
                findings.violate(image.at, words, pointers(image, record.queue));
            }
        }
    }
    findings
}

fn pointers(image: &StoreImage, queue: QueueId) -> Vec<Pointer> {
    vec![Pointer::Node(image.node), Pointer::Queue(queue)]
}

fn check_units(
    history: &History,
    findings: &mut Findings,
    (image, log): (&StoreImage, &BTreeMap<u64, &LogRecord>),
    queue: &QueueImage,
) {
    let start = image.segments.first().copied().unwrap_or(0);
    let mut violate = |words: String| {
        let words = format!("{} {words}", history.queue_words(queue.queue));
        findings.violate(image.at, words, pointers(image, queue.queue));
    };
    let mut checked = 0;
    for unit in queue.units.iter().filter(|unit| start <= unit.physical) {
        checked += 1;
        let Some(record) = log.get(&unit.physical) else {
            violate(format!("unit {} points at {}, no record", unit.index, unit.physical));
            continue;
        };
        let tags_wrong = record.tags_code.is_some_and(|code| code != unit.tags_code);
        if (record.queue, record.offset) != (queue.queue, unit.index) {
            let (place, offset) = (history.queue_words(record.queue), record.offset);
            violate(format!("unit {} points at offset {offset} of {place}", unit.index));
        } else if record.size != unit.size || tags_wrong {
            let (size, code) = (unit.size, unit.tags_code);
            violate(format!("unit {} says size {size} and tag code {code}", unit.index));
        }
    }
    for pair in queue.units.windows(2) {
        let [a, b] = pair else { continue };
        if b.index != a.index + 1 || b.physical <= a.physical {
            violate(format!(
                "unit {} at {} is followed by unit {} at {}",
                a.index, a.physical, b.index, b.physical
            ));
        }
    }
    let live = queue.units.iter().filter(|unit| start <= unit.physical);
    let first = live.clone().map(|unit| unit.index).next();
    let last = live.map(|unit| unit.index).next_back();
    if let (Some(min), Some(first)) = (queue.min, first)
        && min != first
    {
        violate(format!("says its min offset is {min}, but its first unit is {first}"));
    }
    if let (Some(max), Some(last)) = (queue.max, last)
        && max != last + 1
    {
        violate(format!("says its max offset is {max}, but its last unit is {last}"));
    }
    findings.checked += checked;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{promises::Flush, sample::Sample, store_facts::Unit};

    #[test]
    fn a_queue_that_points_at_its_records_passes() {
        let mut sample = Sample::new(Flush::Async);
        sample.store_with(&[1, 2, 3]);
        let findings = check(&sample.history);
        assert_eq!((findings.broken(), findings.checked), (0, 6));
    }

    fn broken(change: impl FnOnce(&mut Vec<Unit>)) -> Vec<String> {
        let mut sample = Sample::new(Flush::Async);
        change(&mut sample.store_with(&[1, 2, 3]).queues[0].units);
        check(&sample.history).violations.into_iter().map(|one| one.words).collect()
    }

    #[test]
    fn a_record_without_a_unit_is_found() {
        let words = broken(|units| units.truncate(2));
        assert_eq!(words.len(), 2, "{words:?}");
        assert!(words[1].ends_with("offset 2 of queue 0 of orders on broker-a, has no unit"));
    }

    #[test]
    fn units_that_point_elsewhere_repeat_or_lie_are_found() {
        assert!(broken(|units| units[1].physical = 201)[0].contains("no record"));
        assert!(broken(|units| units[1].physical = 0)[0].contains("points at offset 0"));
        assert!(broken(|units| units[1].size = 1)[0].contains("says size 1"));
        assert!(broken(|units| units[1].tags_code = 5)[0].contains("tag code 5"));
        let doubled = broken(|units| units.insert(1, units[0]));
        assert!(doubled[0].contains("is followed by unit 0"), "{doubled:?}");
    }
}
