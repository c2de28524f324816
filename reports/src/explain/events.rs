//! The events of a run in words, each with how much it has to do with a violation.

use checkers::{
    Consumed, Content, History, Moment, NodeId, Outcome, Pointer, PullStatus, QueueId, SendFact,
    Violation,
};

use super::{concern::Concern, store};
use crate::traffic::plural;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Moment,
    /// What, for people.
    pub words: String,
    /// How much it has to do with the violation: 0 nothing, 4 the violation points at it.
    pub weight: u8,
}

/// The violation points at it, or it is about its very message.
pub(super) const POINTED: u8 = 4;
/// It changed what the violation is about.
pub(super) const STRUCK: u8 = 3;
/// It happened to its nodes or queues.
pub(super) const NEAR: u8 = 2;
/// It happened to its nodes or queues all the time.
pub(super) const OFTEN: u8 = 1;
/// Something else.
pub(super) const FAR: u8 = 0;

/// Everything that happened in a run, in the order of time, as seen from a violation.
///
/// What was `told` beside the history counts as much as it says, if its node is concerned.
#[must_use]
pub fn events(history: &History, violation: &Violation, told: &[(String, Event)]) -> Vec<Event> {
    let concern = Concern::of(history, violation);
    let mut events = vec![];
    sends(&mut events, history, &concern);
    deliveries(&mut events, history, &concern);
    pulls(&mut events, history, &concern);
    offsets(&mut events, history, &concern);
    shares(&mut events, history, &concern);
    store::faults(&mut events, history, &concern);
    store::starts(&mut events, history, &concern);
    store::stores(&mut events, history, &concern);
    store::audit(&mut events, history, &concern);
    for (node, event) in told {
        let node = history.find_node(node);
        let weight = node.map_or(FAR, |node| near(&concern, node, event.weight));
        events.push(Event { weight, ..event.clone() });
    }
    events.sort_by_key(|event| event.at);
    events
}

pub(super) fn push(events: &mut Vec<Event>, at: Moment, weight: u8, words: String) {
    events.push(Event { at, words, weight });
}

pub(super) fn name(content: &Content) -> String {
    content.message.map_or_else(|| "a message".to_owned(), |id| id.to_string())
}

fn sends(events: &mut Vec<Event>, history: &History, concern: &Concern) {
    for (at, send) in history.sends.iter().enumerate() {
        let is_meant = concern.points_at(Pointer::Send(at)) || concern.has_message(&send.content);
        let weight = if is_meant { POINTED } else { FAR };
        let (producer, topic) = (history.node_name(send.producer), history.topic_name(send.topic));
        let delay = match send.delay_ms {
            0 => String::new(),
            ms => format!(", to be delivered {ms} ms later"),
        };
        let sent = format!("{producer} sends {} to {topic}{delay}", name(&send.content));
        push(events, send.invoked, weight, sent);
        if let Some(returned) = send.returned {
            push(events, returned, weight, told(history, send));
        }
    }
}

/// What a producer was told.
fn told(history: &History, send: &SendFact) -> String {
    let (producer, message) = (history.node_name(send.producer), name(&send.content));
    match &send.outcome {
        Outcome::Acked { ack, queue, offset } => {
            let queue = history.queue_words(*queue);
            format!("{message} is acked to {producer}: {}, {queue}, offset {offset}", ack.name())
        }
        Outcome::Refused { code } => format!("{message} of {producer} is refused with code {code}"),
        Outcome::NeverSent => format!("{message} never left {producer}"),
        Outcome::Unknown => {
            format!("{producer} gives up on {message}: nobody knows if it is stored")
        }
    }
}

fn deliveries(events: &mut Vec<Event>, history: &History, concern: &Concern) {
    for (at, one) in history.deliveries.iter().enumerate() {
        let is_meant = concern.points_at(Pointer::Delivery(at));
        let of_group = concern.groups.is_empty() || concern.groups.contains(&one.group);
        let weight = match (is_meant, concern.has_message(&one.content)) {
            (true, _) => POINTED,
            (false, true) if of_group => STRUCK,
            (false, true) => NEAR,
            (false, false) => FAR,
        };
        let said = match one.consumed {
            Some(Consumed::Success) => "consumes it",
            Some(Consumed::Later) => "asks for it later",
            None => "never says what became of it",
        };
        let (who, group) = (history.node_name(one.consumer), history.group_name(one.group));
        let (message, queue) = (name(&one.content), history.queue_words(one.queue));
        let offset = one.offset;
        let words =
            format!("{who} of {group} gets {message} ({queue}, offset {offset}) and {said}");
        push(events, one.began, weight, words);
    }
}

fn pulls(events: &mut Vec<Event>, history: &History, concern: &Concern) {
    for (at, one) in history.pulls.iter().enumerate() {
        let gives = || one.given.iter().any(|(_, content)| concern.has_message(content));
        let weight = match () {
            () if concern.points_at(Pointer::Pull(at)) => POINTED,
            () if gives() => STRUCK,
            () if concern.has(one.group, one.queue) => OFTEN,
            () => FAR,
        };
        let status = match one.status {
            PullStatus::Found => plural(one.given.len() as u64, "message"),
            PullStatus::NoNew => "nothing new".to_owned(),
            PullStatus::NoMatch => "nothing that matches".to_owned(),
            PullStatus::Moved => "that the offset is outside".to_owned(),
        };
        let (who, queue) = (history.node_name(one.consumer), history.queue_words(one.queue));
        let (from, next) = (one.from, one.next);
        let words = format!("{who} pulls {queue} from {from} and is told {status}; next {next}");
        push(events, one.returned, weight, words);
    }
}

fn offsets(events: &mut Vec<Event>, history: &History, concern: &Concern) {
    let weight = |pointer, group, queue| match () {
        () if concern.points_at(pointer) => POINTED,
        () if concern.has(group, queue) => OFTEN,
        () => FAR,
    };
    for (at, one) in history.commits.iter().enumerate() {
        let weight = weight(Pointer::Commit(at), one.group, one.queue);
        let (who, queue) = (history.node_name(one.consumer), history.queue_words(one.queue));
        let group = history.group_name(one.group);
        let words = format!("{who} commits offset {} of {group} in {queue}", one.offset);
        push(events, one.invoked, weight, words);
    }
    for (at, one) in history.offset_reads.iter().enumerate() {
        let weight = weight(Pointer::OffsetRead(at), one.group, one.queue);
        let offset = one.offset.map_or_else(|| "none".to_owned(), |offset| offset.to_string());
        let (group, queue) = (history.group_name(one.group), history.queue_words(one.queue));
        let words = format!("asked for the offset of {group} in {queue}, the broker says {offset}");
        push(events, one.returned, weight, words);
    }
}

/// Who reads which queue.
fn shares(events: &mut Vec<Event>, history: &History, concern: &Concern) {
    for one in &history.begins {
        let weight = if concern.has(one.group, one.queue) { NEAR } else { FAR };
        let (who, queue) = (history.node_name(one.consumer), history.queue_words(one.queue));
        let group = history.group_name(one.group);
        let words = format!("{who} of {group} begins to read {queue} at {}", one.offset);
        push(events, one.at, weight, words);
    }
    for one in &history.rebalances {
        let holds = one.queues.iter().any(|queue| concern.queues.contains(queue));
        let is_near = concern.groups.contains(&one.group) && (holds || one.queues.is_empty());
        let weight = if is_near { OFTEN } else { FAR };
        let who = history.node_name(one.consumer);
        let (group, count) = (history.group_name(one.group), one.queues.len() as u64);
        push(events, one.at, weight, format!("{who} of {group} holds {}", plural(count, "queue")));
    }
}

/// Whether something happened to a node of the violation.
pub(super) fn near(concern: &Concern, node: NodeId, weight: u8) -> u8 {
    if concern.nodes.contains(&node) { weight } else { FAR }
}

/// Whether a queue is one of the violation.
pub(super) fn has_queue(concern: &Concern, queue: QueueId) -> bool {
    concern.queues.contains(&queue)
}
