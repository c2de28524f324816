//! C19 TIME-SEARCH: a search by time gives the offset that a scan of the queue gives.
//!
//! Source: ConsumeQueue.binarySearchInQueueByTime. Lower: the first offset stored
//! at or after the time, past the last record the max offset. Upper: the last offset stored at or
//! before the time; before the first record RocketMQ answers 0, the min offset is as good.
//!
//! Where a clock that was set back made the times of a queue go back, no order exists; then every
//! offset is right whose predecessor is older and which itself is not.

use std::collections::BTreeMap;

use crate::{
    audit_facts::{Boundary, EndRecord, QueueEnd, TimeSearch},
    history::History,
    ids::QueueId,
    verdict::{Findings, Pointer},
};

/// Every search by time.
#[must_use]
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "C19",
        "TIME-SEARCH",
        "A search by time gives what a scan of the queue gives.",
        "Which of several crossings is found where the stored times go back.",
        "searches",
    );
    let ends: BTreeMap<QueueId, &QueueEnd> =
        history.queue_ends.iter().map(|end| (end.queue, end)).collect();
    for search in &history.time_searches {
        let Some(end) = ends.get(&search.queue).filter(|end| end.complete) else { continue };
        findings.count();
        if !is_right(end, search) {
            let expected = expected(end, search);
            let words = format!(
                "the search for {} ({:?}) in {} gave {}, a scan gives {expected}",
                search.timestamp_ms,
                search.boundary,
                history.queue_words(search.queue),
                search.answered
            );
            findings.violate(history.ended, words, vec![Pointer::Queue(search.queue)]);
        }
    }
    findings
}

fn is_right(end: &QueueEnd, search: &TimeSearch) -> bool {
    let answered = search.answered;
    if end.records.is_sorted_by_key(|record| record.store_ms) {
        let before_all = end.records.first().is_none_or(|one| search.timestamp_ms < one.store_ms);
        let zero = search.boundary == Boundary::Upper && before_all && answered == 0;
        return zero || answered == expected(end, search);
    }
    // Between two neighbours of which only the first is on the near side of the time.
    let near = |record: &EndRecord| match search.boundary {
        Boundary::Lower => record.store_ms < search.timestamp_ms,
        Boundary::Upper => record.store_ms <= search.timestamp_ms,
    };
    (0..=end.records.len()).any(|place| {
        let before = place.checked_sub(1).and_then(|place| end.records.get(place));
        let here = end.records.get(place);
        let crosses = before.is_none_or(near) && here.is_none_or(|record| !near(record));
        let offset = match search.boundary {
            Boundary::Lower => here.map_or(end.max, |record| record.offset),
            Boundary::Upper => before.map_or(0, |record| record.offset),
        };
        let min = before.is_none() && answered == end.min;
        crosses && (offset == answered || min)
    })
}

/// What a scan gives where the stored times do not go back.
fn expected(end: &QueueEnd, search: &TimeSearch) -> i64 {
    let wanted = search.timestamp_ms;
    match search.boundary {
        Boundary::Lower => {
            let place = end.records.partition_point(|record| record.store_ms < wanted);
            end.records.get(place).map_or(end.max, |record| record.offset)
        }
        Boundary::Upper => {
            let place = end.records.partition_point(|record| record.store_ms <= wanted);
            let last = place.checked_sub(1).and_then(|place| end.records.get(place));
            last.map_or(end.min, |record| record.offset)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{promises::Flush, sample::Sample};

    fn searched(times: &[i64], timestamp_ms: i64, boundary: Boundary, answered: i64) -> bool {
        let mut sample = Sample::new(Flush::Async);
        let numbers: Vec<u64> = (0..times.len() as u64).collect();
        let end = sample.ends_with(&numbers);
        for (record, time) in end.records.iter_mut().zip(times) {
            record.store_ms = *time;
        }
        let queue = sample.queue;
        let search = TimeSearch { queue, timestamp_ms, boundary, answered };
        sample.history.time_searches.push(search);
        check(&sample.history).kept()
    }

    #[test]
    fn what_a_scan_gives_passes() {
        let times = [10, 20, 20, 30];
        assert!(searched(&times, 5, Boundary::Lower, 0));
        assert!(searched(&times, 20, Boundary::Lower, 1));
        assert!(searched(&times, 20, Boundary::Upper, 2));
        assert!(searched(&times, 21, Boundary::Lower, 3));
        assert!(searched(&times, 31, Boundary::Lower, 4));
        assert!(searched(&times, 21, Boundary::Upper, 2));
        assert!(searched(&times, 31, Boundary::Upper, 3));
        assert!(searched(&[], 31, Boundary::Lower, 0));
    }

    #[test]
    fn another_offset_is_wrong() {
        let times = [10, 20, 20, 30];
        assert!(!searched(&times, 20, Boundary::Lower, 2));
        assert!(!searched(&times, 20, Boundary::Upper, 1));
        assert!(!searched(&times, 5, Boundary::Lower, 3));
        assert!(!searched(&times, 31, Boundary::Lower, 0));
    }

    #[test]
    fn where_times_go_back_any_crossing_is_right() {
        let times = [10, 30, 5, 40];
        assert!(searched(&times, 20, Boundary::Lower, 1));
        assert!(searched(&times, 20, Boundary::Lower, 3));
        assert!(!searched(&times, 20, Boundary::Lower, 2));
    }
}
