//! The cause ledger: which loss a fault may have caused, by the promise table.

use std::collections::BTreeMap;

use crate::{
    fault_facts::FaultKind,
    history::{AdminDeed, History},
    ids::{Moment, NodeId, QueueId, TopicId},
    promises::{Ack, Budget, Guarantee, Hit, Promise, Role, Setting, promise},
};

/// Time that a flush or a write of offsets may take on top of its interval, in milliseconds.
const WINDOW_SLACK_MS: u64 = 2_000;

/// What may have become of something that a broker accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing that struck the broker excuses its loss.
    MustHold,
    /// It may be lost, for this reason.
    MayBeLost(String),
}

/// One fault that can cost a broker stored bytes.
#[derive(Clone, Copy, Debug)]
struct Strike {
    at: Moment,
    /// Position in `History::faults`; `None` for a process that ended by itself.
    fault: Option<usize>,
    hit: Hit,
    /// What was accepted before this was flushed before the strike.
    flush_horizon: Moment,
    /// What was accepted before this was persisted among the consumer offsets.
    offset_horizon: Moment,
}

/// Every strike of a history, by broker.
pub(crate) struct Ledger<'a> {
    history: &'a History,
    strikes: BTreeMap<NodeId, Vec<Strike>>,
    deleted: BTreeMap<TopicId, Moment>,
}

impl<'a> Ledger<'a> {
    pub(crate) fn new(history: &'a History) -> Self {
        let mut strikes = BTreeMap::new();
        for broker in &history.brokers {
            let hindered = hindrances(history, broker.node);
            let flush_ms = broker.flush_within_ms + WINDOW_SLACK_MS;
            let offset_ms = broker.offsets_within_ms + WINDOW_SLACK_MS;
            let of_node = history.faults.iter().enumerate();
            let of_node = of_node.filter(|(_, fault)| fault.nodes.contains(&broker.node));
            let mut list: Vec<Strike> = of_node
                .filter_map(|(number, fault)| {
                    let hit = fault.kind.hit()?;
                    // A normal stop writes everything; one that could not is among the deaths.
                    let window = |ms| if hit == Hit::NormalStop { 0 } else { ms };
                    Some(Strike {
                        at: fault.at,
                        fault: Some(number),
                        hit,
                        flush_horizon: before(&hindered, fault.at, window(flush_ms)),
                        offset_horizon: before(&hindered, fault.at, window(offset_ms)),
                    })
                })
                .collect();
            for died in deaths(history, broker.node) {
                list.push(Strike {
                    at: died,
                    fault: None,
                    hit: Hit::ProcessCrash,
                    flush_horizon: before(&hindered, died, flush_ms),
                    offset_horizon: before(&hindered, died, offset_ms),
                });
            }
            list.sort_by_key(|strike| strike.at);
            strikes.insert(broker.node, list);
        }
        let mut deleted = BTreeMap::new();
        for admin in &history.admin {
            if let AdminDeed::TopicDeleted(topic) = admin.deed {
                let end = admin.confirmed.unwrap_or(Moment::END);
                let last = deleted.entry(topic).or_insert(end);
                *last = (*last).max(end);
            }
        }
        Self { history, strikes, deleted }
    }

    /// What may have become, until `until`, of something that `broker` accepted between `invoked`
    /// and `returned` with the answer `ack`.
    pub(crate) fn fate(
        &self,
        broker: NodeId,
        guarantee: Guarantee,
        ack: Option<Ack>,
        accepted: (Moment, Moment),
        until: Moment,
    ) -> Fate {
        let (invoked, returned) = accepted;
        let Some(fact) = self.history.broker_fact(broker) else { return Fate::MustHold };
        let setting = Setting { flush: fact.flush, role: Role::Single, ack };
        for strike in self.of(broker, invoked, until) {
            let words = strike.hit.words();
            match promise(guarantee, setting, strike.hit) {
                Promise::Kept => {}
                Promise::NotPromised(why) => {
                    return Fate::MayBeLost(format!("{words}: {why}"));
                }
                Promise::LostUpTo(Budget::FlushWindow) if strike.flush_horizon <= returned => {
                    let flush = setting.flush.name();
                    return Fate::MayBeLost(format!("{words} under {flush}, in the flush window"));
                }
                Promise::LostUpTo(Budget::OffsetWindow) if strike.offset_horizon <= returned => {
                    return Fate::MayBeLost(format!("{words}, in the offset window"));
                }
                Promise::LostUpTo(Budget::EitherWindow)
                    if strike.offset_horizon.min(strike.flush_horizon) <= returned =>
                {
                    return Fate::MayBeLost(format!("{words}, in the flush or offset window"));
                }
                Promise::LostUpTo(_) => {}
            }
        }
        Fate::MustHold
    }

    /// The first fault between two moments that could have cost the broker this, for the words
    /// of an explanation: its position in `History::faults` if it is one, and `the power cut of broker-a at
    /// 14.000 s`.
    pub(crate) fn suspect(
        &self,
        broker: NodeId,
        after: Moment,
        until: Moment,
    ) -> Option<(Option<usize>, String)> {
        let worst = self.of(broker, after, until).max_by_key(|strike| strike.hit)?;
        let (words, name) = (worst.hit.words(), self.history.node_name(broker));
        Some((worst.fault, format!("the {words} of {name} at {}", worst.at)))
    }

    /// Whether un-synced bytes of a broker may have been lost between two moments.
    pub(crate) fn lost_bytes(&self, broker: NodeId, after: Moment, until: Moment) -> bool {
        self.of(broker, after, until).any(|strike| Hit::OsCrash <= strike.hit)
    }

    /// Whether the disk of a broker was destroyed between two moments.
    pub(crate) fn lost_disk(&self, broker: NodeId, after: Moment, until: Moment) -> bool {
        self.of(broker, after, until).any(|strike| Hit::MachineGone <= strike.hit)
    }

    /// Whether the topic of a queue was deleted, or may have been, after `after`.
    pub(crate) fn topic_deleted(&self, queue: QueueId, after: Moment) -> bool {
        let topic = self.history.queue_fact(queue).map(|fact| fact.topic);
        topic.and_then(|topic| self.deleted.get(&topic)).is_some_and(|&at| after <= at)
    }

    fn of(&self, broker: NodeId, after: Moment, until: Moment) -> impl Iterator<Item = &Strike> {
        let all = self.strikes.get(&broker).map_or(&[][..], Vec::as_slice);
        all.iter().filter(move |strike| after <= strike.at && strike.at <= until)
    }
}

/// When the process of a broker ended by itself. Its disk refused something, so it stopped rather
/// than lie.
fn deaths(history: &History, node: NodeId) -> Vec<Moment> {
    let boots = history.boots.iter().filter(|boot| boot.node == node);
    boots.filter_map(|boot| boot.gave_up).collect()
}

/// Spans, one after the other, in which a broker could not flush: it did not run, stood still, or
/// its disk refused.
fn hindrances(history: &History, node: NodeId) -> Vec<(Moment, Moment)> {
    let boots = history.boots.iter().filter(|boot| boot.node == node);
    let ready: Vec<Moment> = boots.filter_map(|boot| boot.ready).collect();
    let next_ready = |after: Moment| {
        ready.iter().copied().filter(|&at| after <= at).min().unwrap_or(Moment::END)
    };
    let mut spans: Vec<(Moment, Moment)> = history
        .faults_of(node)
        .filter_map(|fault| match fault.kind {
            FaultKind::Pause
            | FaultKind::DiskFull
            | FaultKind::DiskSlow
            | FaultKind::DiskWriteError
            | FaultKind::ClockFreeze => Some((fault.at, fault.until.unwrap_or(Moment::END))),
            // A store that was told of a failed sync writes nothing more until it is opened anew.
            FaultKind::DiskSyncError => Some((fault.at, next_ready(fault.at))),
            kind if kind.hit().is_some() => Some((fault.at, next_ready(fault.at))),
            _ => None,
        })
        .collect();
    // A process that ended by itself wrote nothing since its disk had refused something.
    for died in deaths(history, node) {
        let disk = history.faults_of(node).filter(|fault| fault.kind.is_of_disk());
        let refused = disk.map(|fault| fault.at).filter(|&at| at <= died).max();
        spans.push((refused.unwrap_or(died), next_ready(died)));
    }
    spans.sort_unstable();
    let mut apart: Vec<(Moment, Moment)> = Vec::new();
    for (from, to) in spans {
        match apart.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => apart.push((from, to)),
        }
    }
    apart
}

/// The moment from which `window_ms` of unhindered time passed until `at`.
fn before(hindered: &[(Moment, Moment)], at: Moment, window_ms: u64) -> Moment {
    let mut left = window_ms.saturating_mul(1_000);
    let mut edge = at;
    for &(from, to) in hindered.iter().rev() {
        if edge <= from {
            continue;
        }
        let free = edge.0.saturating_sub(to.min(edge).0);
        if left < free {
            break;
        }
        left -= free;
        edge = from;
    }
    Moment(edge.0.saturating_sub(left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{promises::Flush, sample::Sample};

    #[test]
    fn time_in_which_a_broker_could_not_flush_does_not_count() {
        let pause = [(Moment::from_ms(2_000), Moment::from_ms(5_000))];
        assert_eq!(before(&pause, Moment::from_ms(6_000), 500), Moment::from_ms(5_500));
        assert_eq!(before(&pause, Moment::from_ms(6_000), 1_500), Moment::from_ms(1_500));
        assert_eq!(before(&pause, Moment::from_ms(4_000), 100), Moment::from_ms(1_900));
        assert_eq!(before(&[], Moment::from_ms(4_000), 9_000), Moment(0));
    }

    #[test]
    fn only_the_flush_window_of_a_power_cut_is_excused_under_async_flush() {
        let mut sample = Sample::new(Flush::Async);
        sample.fault(20_000, FaultKind::PowerCut);
        let ledger = Ledger::new(&sample.history);
        let fate = |ms| {
            let at = Moment::from_ms(ms);
            ledger.fate(sample.broker, Guarantee::Stored, Some(Ack::SendOk), (at, at), Moment::END)
        };
        assert_eq!(fate(1_000), Fate::MustHold);
        assert!(matches!(fate(19_000), Fate::MayBeLost(_)));
        assert_eq!(fate(21_000), Fate::MustHold);
    }

    #[test]
    fn a_stop_that_a_full_disk_kept_from_saving_counts_as_a_crash() {
        for gave_up in [true, false] {
            let mut sample = Sample::new(Flush::Async);
            sample.boots(sample.broker, 100).gave_up = gave_up.then_some(Moment::from_ms(20_050));
            sample.fault(10_000, FaultKind::DiskFull);
            sample.fault(20_000, FaultKind::NormalStop);
            let ledger = Ledger::new(&sample.history);
            let at = Moment::from_ms(12_000);
            let (broker, guarantee) = (sample.broker, Guarantee::OffsetKept);
            let fate = ledger.fate(broker, guarantee, None, (at, at), Moment::END);
            assert_eq!(fate != Fate::MustHold, gave_up);
        }
    }

    /// The disk refused a write at 50 s, the process ended and could not start again before 80 s.
    #[test]
    fn the_window_does_not_run_while_a_broker_does_not() {
        let mut sample = Sample::new(Flush::Async);
        sample.boots(sample.broker, 100).gave_up = Some(Moment::from_ms(50_500));
        sample.fault(50_000, FaultKind::DiskWriteError);
        sample.history.faults.last_mut().unwrap().until = Some(Moment::from_ms(50_100));
        sample.history.boots.pop();
        sample.fault(79_000, FaultKind::PowerCut);
        let ledger = Ledger::new(&sample.history);
        let fate = |ms| {
            let at = Moment::from_ms(ms);
            ledger.fate(sample.broker, Guarantee::Stored, Some(Ack::SendOk), (at, at), Moment::END)
        };
        assert!(matches!(fate(49_000), Fate::MayBeLost(_)));
        assert_eq!(fate(30_000), Fate::MustHold);
    }

    #[test]
    fn a_process_that_ended_by_itself_counts_as_a_crash() {
        let mut sample = Sample::new(Flush::Async);
        sample.boots(sample.broker, 100).gave_up = Some(Moment::from_ms(30_000));
        let ledger = Ledger::new(&sample.history);
        let kept = |ms| {
            let at = Moment::from_ms(ms);
            ledger.fate(sample.broker, Guarantee::OffsetKept, None, (at, at), Moment::END)
        };
        assert_eq!(kept(1_000), Fate::MustHold);
        assert!(matches!(kept(29_000), Fate::MayBeLost(_)));
    }
}
