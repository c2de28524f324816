//! The events of a run as rows of numbers, which the page draws.

use std::collections::BTreeSet;

use checkers::{Boot, Consumed, History, Moment, Outcome, Pointer};
use serde_json::{Value, json};

use crate::run::RunSummary;

/// The events of a run. Of sends and of deliveries at most `events_max` each; those that a
/// violation points at are always among them.
///
/// Times are microseconds. A row is `[node, from, to, state, queue, offset, message]` for a send,
/// where the state is 0 acked, 1 unknown, 2 refused, 3 never sent; and `[node, from, to, state,
/// queue, offset, message, group, position]` for a delivery, where it is 0 consumed, 1 to be
/// retried, 2 not ended.
pub(crate) fn rows(run: &RunSummary<'_>, events_max: usize) -> Value {
    let history = run.history;
    let wanted = Wanted::new(run);
    let nodes: Vec<_> =
        history.nodes.iter().map(|node| json!([node.name, node.kind.word()])).collect();
    let queues: Vec<_> = history
        .queues
        .iter()
        .map(|queue| json!([queue.broker.0, history.topic_name(queue.topic), queue.number]))
        .collect();
    let sends = chosen(history.sends.len(), events_max, |at| wanted.send(history, at));
    let deliveries =
        chosen(history.deliveries.len(), events_max, |at| wanted.delivery(history, at));
    let left_out =
        history.sends.len() - sends.len() + (history.deliveries.len() - deliveries.len());
    json!({
        "ended": history.ended.0,
        "healed": history.healed.map(|at| at.0),
        "drained": history.drained.map(|at| at.0),
        "nodes": nodes,
        "queues": queues,
        "groups": history.groups.iter().collect::<Vec<_>>(),
        "sends": sends.into_iter().filter_map(|at| send_row(history, at)).collect::<Vec<_>>(),
        "deliveries":
            deliveries.into_iter().filter_map(|at| delivery_row(history, at)).collect::<Vec<_>>(),
        "left_out": left_out,
        "faults": faults(history),
        "down": down(history),
        "rebalances": history.rebalances.iter().take(events_max).map(|one| {
            json!([one.consumer.0, one.at.0, one.group.0, one.queues.len()])
        }).collect::<Vec<_>>(),
    })
}

/// What violations point at.
struct Wanted {
    sends: BTreeSet<usize>,
    deliveries: BTreeSet<usize>,
    messages: BTreeSet<u64>,
}

impl Wanted {
    fn new(run: &RunSummary<'_>) -> Self {
        let mut wanted =
            Self { sends: BTreeSet::new(), deliveries: BTreeSet::new(), messages: BTreeSet::new() };
        for pointer in run.verdict.violations().iter().flat_map(|one| &one.pointers) {
            match pointer {
                Pointer::Send(at) => drop(wanted.sends.insert(*at)),
                Pointer::Delivery(at) => drop(wanted.deliveries.insert(*at)),
                Pointer::Message(id) => drop(wanted.messages.insert(id.0)),
                _ => {}
            }
        }
        wanted
    }

    fn send(&self, history: &History, at: usize) -> bool {
        let message = history.sends.get(at).and_then(|send| send.content.message);
        self.sends.contains(&at) || message.is_some_and(|id| self.messages.contains(&id.0))
    }

    fn delivery(&self, history: &History, at: usize) -> bool {
        let message = history.deliveries.get(at).and_then(|one| one.content.message);
        self.deliveries.contains(&at) || message.is_some_and(|id| self.messages.contains(&id.0))
    }
}

/// Positions of the wanted events, and as many of the others as there is room for, evenly.
fn chosen(len: usize, max: usize, wanted: impl Fn(usize) -> bool) -> Vec<usize> {
    if len <= max {
        return (0..len).collect();
    }
    let step = len.div_ceil(max.max(1));
    (0..len).filter(|&at| at.is_multiple_of(step) || wanted(at)).collect()
}

fn send_row(history: &History, at: usize) -> Option<Value> {
    let send = history.sends.get(at)?;
    let (state, queue, offset) = match &send.outcome {
        Outcome::Acked { queue, offset, .. } => (0, i64::from(queue.0), *offset),
        Outcome::Unknown => (1, -1, -1),
        Outcome::Refused { .. } => (2, -1, -1),
        Outcome::NeverSent => (3, -1, -1),
    };
    let to = send.returned.unwrap_or(send.invoked).0;
    let message = send.content.message.map_or(0, |id| id.0);
    Some(json!([send.producer.0, send.invoked.0, to, state, queue, offset, message]))
}

fn delivery_row(history: &History, at: usize) -> Option<Value> {
    let one = history.deliveries.get(at)?;
    let state = match one.consumed {
        Some(Consumed::Success) => 0,
        Some(Consumed::Later) => 1,
        None => 2,
    };
    let to = one.ended.unwrap_or(one.began).0;
    let message = one.content.message.map_or(0, |id| id.0);
    let (queue, group) = (one.queue.0, one.group.0);
    Some(json!([one.consumer.0, one.began.0, to, state, queue, one.offset, message, group, at]))
}

fn faults(history: &History) -> Vec<Value> {
    history
        .faults
        .iter()
        .map(|fault| {
            let nodes: Vec<u32> = fault.nodes.iter().map(|node| node.0).collect();
            let until = fault.until.map(|at| at.0);
            json!([fault.at.0, until, fault.kind.words(), nodes, fault.words])
        })
        .collect()
}

/// Spans in which a node did not serve: `[node, from, to]`.
fn down(history: &History) -> Vec<Value> {
    let mut spans = Vec::new();
    for fault in history.faults.iter().filter(|fault| fault.kind.hit().is_some()) {
        for &node in &fault.nodes {
            let later = |boot: &&Boot| boot.node == node && fault.at <= boot.at;
            let ready = history.boots.iter().filter(later).filter_map(|boot| boot.ready).min();
            let to = ready.unwrap_or(Moment(history.ended.0.max(fault.at.0)));
            spans.push(json!([node.0, fault.at.0, to.0]));
        }
    }
    spans
}
