//! Whether acknowledged messages are where the acknowledgement said, for the two promises about
//! it.

use std::collections::BTreeMap;

use crate::{
    audit_facts::{EndRecord, QueueEnd},
    history::{History, Outcome, SendFact},
    ids::{Moment, NodeId, QueueId},
    ledger::{Fate, Ledger},
    promises::{Ack, Flush, Guarantee},
    verdict::{Findings, Pointer},
};

/// An acknowledged send.
pub(crate) struct Acked<'a> {
    number: usize,
    send: &'a SendFact,
    broker: NodeId,
    queue: QueueId,
    offset: i64,
    ack: Ack,
    flush: Flush,
}

impl Acked<'_> {
    /// Whether the broker gave the best of answers after having synced.
    pub(crate) fn is_synced(&self) -> bool {
        self.flush == Flush::Sync && self.ack != Ack::FlushDiskTimeout
    }
}

/// Checks every acknowledged send that `mine` claims.
pub(crate) fn check_acked(
    history: &History,
    findings: &mut Findings,
    mine: impl Fn(&Ledger<'_>, &Acked<'_>) -> bool,
) {
    let ledger = Ledger::new(history);
    let ends: BTreeMap<QueueId, &QueueEnd> =
        history.queue_ends.iter().map(|end| (end.queue, end)).collect();
    for (number, send) in history.sends.iter().enumerate() {
        let Outcome::Acked { ack, queue, offset } = send.outcome else { continue };
        let Some(broker) = history.broker_of(queue) else { continue };
        let Some(fact) = history.broker_fact(broker) else { continue };
        let acked = Acked { number, send, broker, queue, offset, ack, flush: fact.flush };
        if mine(&ledger, &acked) {
            // A queue that could not be read to its end is the business of L1.
            if let Some(end) = ends.get(&queue).filter(|end| end.complete) {
                findings.count();
                check_one(history, &ledger, findings, &acked, end);
            }
        }
    }
}

/// Whether a strike with lost bytes came after the acknowledged send began.
pub(crate) fn bytes_were_at_risk(ledger: &Ledger<'_>, acked: &Acked<'_>) -> bool {
    ledger.lost_bytes(acked.broker, acked.send.invoked, Moment::END)
}

fn check_one(
    history: &History,
    ledger: &Ledger<'_>,
    findings: &mut Findings,
    acked: &Acked<'_>,
    end: &QueueEnd,
) {
    let found = record_at(end, acked.offset);
    if found.is_some_and(|record| record.content.message == acked.send.content.message) {
        return;
    }
    let invoked = acked.send.invoked;
    let returned = acked.send.returned.unwrap_or(invoked);
    if acked.offset < end.min {
        let gone = |gone: &crate::SegmentGone| {
            gone.node == acked.broker && gone.first == gone.oldest && invoked <= gone.at
        };
        if history.segments_gone.iter().any(gone) {
            findings.excuse("removed by retention", || sentence(history, acked, ""));
            return;
        }
    }
    if ledger.topic_deleted(acked.queue, invoked) {
        findings.excuse("topic deleted", || sentence(history, acked, ""));
        return;
    }
    let accepted = (invoked, returned);
    match ledger.fate(acked.broker, Guarantee::Stored, Some(acked.ack), accepted, Moment::END) {
        Fate::MayBeLost(cause) => findings.excuse(&cause, || sentence(history, acked, "")),
        Fate::MustHold => violate(history, ledger, findings, acked, (found, end)),
    }
}

fn violate(
    history: &History,
    ledger: &Ledger<'_>,
    findings: &mut Findings,
    acked: &Acked<'_>,
    (found, end): (Option<&EndRecord>, &QueueEnd),
) {
    let mut pointers = vec![Pointer::Send(acked.number), Pointer::Queue(acked.queue)];
    pointers.extend(acked.send.content.message.map(Pointer::Message));
    let suspect = ledger.suspect(acked.broker, acked.send.invoked, Moment::END);
    let after = suspect.as_ref().map_or_else(
        || " although nothing struck its broker".to_owned(),
        |(_, words)| format!(" after {words}"),
    );
    pointers.extend(suspect.and_then(|(fault, _)| fault).map(Pointer::Fault));
    let instead = match found.and_then(|record| record.content.message) {
        Some(other) => format!("; its offset {} holds {other}", acked.offset),
        None if acked.offset < end.min => {
            format!("; its offset {} is below the min offset {}", acked.offset, end.min)
        }
        None => format!("; its offset was {}, the queue ends at {}", acked.offset, end.max),
    };
    let place = history.queue_words(acked.queue);
    let words = sentence(history, acked, &format!(", is missing from {place}{after}{instead}"));
    findings.violate(acked.send.returned.unwrap_or(acked.send.invoked), words, pointers);
}

/// `message M7, acked at 12.300 s with SEND_OK under SYNC_FLUSH` and more.
fn sentence(history: &History, acked: &Acked<'_>, more: &str) -> String {
    let message = acked.send.content.message.map_or_else(|| "?".to_owned(), |id| id.to_string());
    let at = acked.send.returned.unwrap_or(acked.send.invoked);
    let (ack, flush) = (acked.ack.name(), acked.flush.name());
    let by = history.node_name(acked.broker);
    format!("message {message}, acked by {by} at {at} with {ack} under {flush}{more}")
}

/// The record at an offset of a queue, which the audit read in the order of offsets.
pub(crate) fn record_at(end: &QueueEnd, offset: i64) -> Option<&EndRecord> {
    match end.records.binary_search_by_key(&offset, |record| record.offset) {
        Ok(place) => end.records.get(place),
        // Records out of order are the business of C06; they must not hide a message here.
        Err(_) => end.records.iter().find(|record| record.offset == offset),
    }
}
