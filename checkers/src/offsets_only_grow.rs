//! C12 OFFSET-MONOTONE: the consumer offset that a broker tells does not go back.
//!
//! After a crash it may be as old as one interval of persisting, and no
//! older; an offset that was there is never forgotten. A member that itself tells a smaller
//! offset, after a change of shares, is believed as RocketMQ's brokers believe it.

use std::collections::BTreeMap;

use crate::{
    fault_facts::FaultFact,
    history::{AdminDeed, Commit, History, OffsetRead},
    ids::{GroupId, Moment, NodeId, QueueId},
    ledger::{Fate, Ledger},
    promises::Guarantee,
    verdict::{Findings, Pointer},
};

/// Every offset that was asked.
#[must_use]
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "C12",
        "OFFSET-MONOTONE",
        "A group's offset goes back only by a reset, or by one persist interval after a crash.",
        "Nothing about an offset that a member itself told again after a change of shares.",
        "offsets read",
    );
    let ledger = Ledger::new(history);
    let told = Told::new(history);
    let mut reads: BTreeMap<(GroupId, QueueId), Vec<(usize, &OffsetRead)>> = BTreeMap::new();
    for (number, read) in history.offset_reads.iter().enumerate() {
        reads.entry((read.group, read.queue)).or_default().push((number, read));
    }
    for (place, list) in &reads {
        // Highest first: the reads that a later one must not fall below.
        let mut stairs: Vec<(usize, &OffsetRead)> = Vec::new();
        for &(number, read) in list {
            findings.count();
            check_read(history, (&ledger, &told), &mut findings, (*place, &stairs, (number, read)));
            if read.offset.is_some() {
                stairs.retain(|(_, known)| read.offset < known.offset);
                stairs.push((number, read));
            }
        }
    }
    findings
}

type Numbered<'a> = (usize, &'a OffsetRead);

fn check_read(
    history: &History,
    (ledger, told): (&Ledger<'_>, &Told),
    findings: &mut Findings,
    (place, stairs, (number, read)): ((GroupId, QueueId), &[Numbered<'_>], Numbered<'_>),
) {
    let (group, queue) = place;
    let Some(broker) = history.broker_of(queue) else { return };
    for (before, known) in stairs {
        if known.offset <= read.offset || read.invoked < known.returned {
            continue;
        }
        let span = (known.invoked, read.returned);
        let words = || {
            let then = known.offset.unwrap_or(-1);
            let now = read.offset.map_or("unknown".to_owned(), |offset| offset.to_string());
            format!(
                "the offset of group {} in {} was {then} at {} and {now} at {}",
                history.group_name(group),
                history.queue_words(queue),
                known.returned,
                read.returned
            )
        };
        if let Some(cause) = told.explains(place, span, read.offset) {
            findings.excuse(cause, words);
            continue;
        }
        let accepted = (known.invoked, known.returned);
        match ledger.fate(broker, Guarantee::OffsetKept, None, accepted, read.returned) {
            Fate::MayBeLost(cause) => findings.excuse(&cause, words),
            Fate::MustHold => {
                let pointers = vec![
                    Pointer::OffsetRead(*before),
                    Pointer::OffsetRead(number),
                    Pointer::Group(group),
                    Pointer::Queue(queue),
                ];
                findings.violate(read.returned, words(), pointers);
                return;
            }
        }
    }
}

/// How long any link may hold a message back that no fault holds back, in milliseconds.
const LINK_MS: u64 = 1_000;

/// A commit that was at its broker within this span, if ever.
struct ToldOffset {
    invoked: Moment,
    arrived: Moment,
    offset: i64,
}

impl ToldOffset {
    /// `holding` are the faults that hold messages back, in the order in which they began.
    fn new(history: &History, holding: &[&FaultFact], commit: &Commit) -> Self {
        let Commit { consumer, queue, offset, invoked, confirmed, .. } = *commit;
        if let Some(arrived) = confirmed {
            return Self { invoked, arrived, offset };
        }
        let broker = history.broker_of(queue);
        let concerned = |node: &NodeId| *node == consumer || Some(*node) == broker;
        let mut arrived = invoked.plus_ms(LINK_MS);
        for fault in holding {
            let is_here = fault.nodes.is_empty() || fault.nodes.iter().any(concerned);
            let until = fault.until.unwrap_or(Moment::END);
            if is_here && fault.at <= arrived && invoked <= until {
                arrived = arrived.max(until.plus_ms(LINK_MS));
            }
        }
        Self { invoked, arrived, offset }
    }
}

/// What members and administrators told the brokers.
struct Told {
    commits: BTreeMap<(GroupId, QueueId), Vec<ToldOffset>>,
    resets: BTreeMap<GroupId, Vec<(Moment, Moment)>>,
    rebalances: BTreeMap<GroupId, Vec<Moment>>,
    knows_commits: bool,
}

impl Told {
    fn new(history: &History) -> Self {
        let mut told = Self {
            commits: BTreeMap::new(),
            resets: BTreeMap::new(),
            rebalances: BTreeMap::new(),
            knows_commits: !history.commits.is_empty(),
        };
        let mut holding: Vec<&FaultFact> =
            history.faults.iter().filter(|fault| fault.kind.holds_back()).collect();
        holding.sort_by_key(|fault| fault.at);
        for one in &history.commits {
            let list = told.commits.entry((one.group, one.queue)).or_default();
            list.push(ToldOffset::new(history, &holding, one));
        }
        for one in &history.admin {
            if let AdminDeed::OffsetReset(group, ..) | AdminDeed::GroupDeleted(group) = one.deed {
                let span = (one.invoked, one.confirmed.unwrap_or(Moment::END));
                told.resets.entry(group).or_default().push(span);
            }
        }
        for one in &history.rebalances {
            told.rebalances.entry(one.group).or_default().push(one.at);
        }
        told
    }

    /// Why an offset may have gone back to `now` within a span, if somebody asked for it.
    fn explains(
        &self,
        place: (GroupId, QueueId),
        span: (Moment, Moment),
        now: Option<i64>,
    ) -> Option<&'static str> {
        let resets = self.resets.get(&place.0);
        if resets.is_some_and(|list| list.iter().any(|&(a, b)| a <= span.1 && span.0 <= b)) {
            return Some("reset by an administrator");
        }
        let now = now?;
        let told = self.commits.get(&place).is_some_and(|list| {
            let within = |one: &ToldOffset| one.invoked <= span.1 && span.0 <= one.arrived;
            list.iter().any(|one| one.offset <= now && within(one))
        });
        if told {
            return Some("a member told a smaller offset");
        }
        let moved = self.rebalances.get(&place.0).is_some_and(|list| {
            let from = span.0.minus_ms(30_000);
            list.iter().any(|&at| from <= at && at <= span.1)
        });
        (moved && !self.knows_commits).then_some("the shares of the group changed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FaultKind, promises::Flush, sample::Sample};

    fn read(sample: &mut Sample, ms: u64, offset: Option<i64>) {
        let (group, queue) = (sample.group, sample.queue);
        let (invoked, returned) = (Moment::from_ms(ms), Moment::from_ms(ms + 1));
        sample.history.offset_reads.push(OffsetRead { group, queue, invoked, returned, offset });
    }

    #[test]
    fn an_offset_that_grows_passes() {
        let mut sample = Sample::new(Flush::Async);
        for (ms, offset) in [(10, None), (20, Some(1)), (30, Some(1)), (40, Some(9))] {
            read(&mut sample, ms, offset);
        }
        assert!(check(&sample.history).kept());
    }

    #[test]
    fn an_offset_that_goes_back_or_is_forgotten_is_found() {
        for now in [Some(3), None] {
            let mut sample = Sample::new(Flush::Async);
            read(&mut sample, 10, Some(5));
            read(&mut sample, 20, now);
            assert_eq!(check(&sample.history).broken(), 1);
        }
    }

    #[test]
    fn a_crash_may_cost_one_interval_and_no_more() {
        let mut sample = Sample::new(Flush::Async);
        read(&mut sample, 1_000, Some(5));
        read(&mut sample, 29_000, Some(50));
        sample.fault(30_000, FaultKind::ProcessCrash);
        read(&mut sample, 40_000, Some(5));
        assert!(check(&sample.history).kept());
        read(&mut sample, 41_000, Some(4));
        assert_eq!(check(&sample.history).broken(), 1);
    }

    #[test]
    fn a_member_that_tells_a_smaller_offset_is_believed() {
        let mut sample = Sample::new(Flush::Async);
        read(&mut sample, 10, Some(5));
        let (consumer, group, queue) = (sample.consumer, sample.group, sample.queue);
        let invoked = Moment::from_ms(15);
        let commit = Commit { consumer, group, queue, offset: 3, invoked, confirmed: None };
        sample.history.commits.push(commit);
        read(&mut sample, 20, Some(3));
        assert!(check(&sample.history).kept());
    }

    /// A member that nobody reaches tells 3 one way; meanwhile its successor tells 5.
    #[test]
    fn what_a_fault_holds_back_arrives_when_it_is_over() {
        for (isolated, broken) in [(true, 0), (false, 1)] {
            let mut sample = Sample::new(Flush::Async);
            let (consumer, group, queue) = (sample.consumer, sample.group, sample.queue);
            let invoked = Moment::from_ms(10_000);
            let commit = Commit { consumer, group, queue, offset: 3, invoked, confirmed: None };
            sample.history.commits.push(commit);
            if isolated {
                sample.fault(9_500, FaultKind::Isolate);
                let fault = sample.history.faults.last_mut().unwrap();
                (fault.nodes, fault.until) = (vec![consumer], Some(Moment::from_ms(20_000)));
            }
            read(&mut sample, 15_000, Some(5));
            read(&mut sample, 20_500, Some(3));
            assert_eq!(check(&sample.history).broken(), broken, "{isolated}");
        }
    }
}
