//! What a violation is about: its messages, queues, groups and nodes.

use std::collections::BTreeSet;

use checkers::{
    Content, GroupId, History, MessageId, NodeId, NodeKind, Outcome, Pointer, QueueId, Violation,
};

/// What a violation is about.
#[derive(Debug, Default)]
pub(super) struct Concern {
    pub(super) messages: BTreeSet<u64>,
    pub(super) queues: BTreeSet<QueueId>,
    pub(super) groups: BTreeSet<GroupId>,
    pub(super) nodes: BTreeSet<NodeId>,
    /// What it points at itself.
    pub(super) pointers: BTreeSet<Pointer>,
}

impl Concern {
    pub(super) fn of(history: &History, violation: &Violation) -> Self {
        let mut concern = Self::default();
        for pointer in &violation.pointers {
            concern.follow(history, *pointer);
        }
        concern.named(history, &violation.words);
        concern.reach_out(history);
        concern
    }

    fn follow(&mut self, history: &History, pointer: Pointer) {
        self.pointers.insert(pointer);
        match pointer {
            Pointer::Send(at) => {
                let send = history.sends.get(at);
                self.messages.extend(send.and_then(|send| message(&send.content)));
            }
            Pointer::Delivery(at) => {
                let Some(one) = history.deliveries.get(at) else { return };
                self.messages.extend(message(&one.content));
                self.queues.insert(one.queue);
                self.groups.insert(one.group);
                self.nodes.insert(one.consumer);
            }
            Pointer::Pull(at) => {
                let Some(one) = history.pulls.get(at) else { return };
                self.queues.insert(one.queue);
                self.groups.insert(one.group);
            }
            Pointer::Commit(at) => {
                let Some(one) = history.commits.get(at) else { return };
                self.queues.insert(one.queue);
                self.groups.insert(one.group);
                self.nodes.insert(one.consumer);
            }
            Pointer::OffsetRead(at) => {
                let Some(one) = history.offset_reads.get(at) else { return };
                self.queues.insert(one.queue);
                self.groups.insert(one.group);
            }
            Pointer::Fault(at) => {
                let nodes = history.faults.get(at).map(|fault| fault.nodes.clone());
                self.nodes.extend(nodes.unwrap_or_default());
            }
            Pointer::Boot(at) => self.nodes.extend(history.boots.get(at).map(|boot| boot.node)),
            Pointer::Message(MessageId(id)) => drop(self.messages.insert(id)),
            Pointer::Queue(id) => drop(self.queues.insert(id)),
            Pointer::Group(id) => drop(self.groups.insert(id)),
            Pointer::Node(id) => drop(self.nodes.insert(id)),
        }
    }

    /// Servers, queues and messages that only the words name.
    fn named(&mut self, history: &History, words: &str) {
        let is_named = |name: &str| {
            let mut parts = words.split(|letter: char| !letter.is_alphanumeric() && letter != '-');
            parts.any(|part| part == name)
        };
        for (node, fact) in (0..).zip(&history.nodes) {
            if is_named(&fact.name) {
                self.nodes.insert(NodeId(node));
            }
        }
        for queue in (0..).zip(&history.queues).map(|(id, _)| QueueId(id)) {
            if words.contains(&history.queue_words(queue)) {
                self.queues.insert(queue);
            }
        }
        if self.messages.is_empty() {
            let messages = history.sends.iter().filter_map(|send| message(&send.content));
            let named = messages.filter(|id| is_named(&MessageId(*id).to_string()));
            self.messages = named.collect();
        }
    }

    /// From messages to the queues where they were acked, and from queues to their brokers.
    fn reach_out(&mut self, history: &History) {
        for send in &history.sends {
            if let Outcome::Acked { queue, .. } = send.outcome
                && self.has_message(&send.content)
            {
                self.queues.insert(queue);
            }
        }
        let brokers = self.queues.iter().filter_map(|queue| history.broker_of(*queue));
        let brokers: Vec<NodeId> = brokers.collect();
        self.nodes.extend(brokers);
        // A broken promise of nobody in particular is one of every broker.
        if self.nodes.is_empty() {
            let brokers =
                (0..).zip(&history.nodes).filter(|(_, node)| node.kind == NodeKind::Broker);
            self.nodes = brokers.map(|(id, _)| NodeId(id)).collect();
        }
    }

    pub(super) fn has_message(&self, content: &Content) -> bool {
        message(content).is_some_and(|id| self.messages.contains(&id))
    }

    pub(super) fn has(&self, group: GroupId, queue: QueueId) -> bool {
        self.groups.contains(&group) && self.queues.contains(&queue)
    }

    pub(super) fn points_at(&self, pointer: Pointer) -> bool {
        self.pointers.contains(&pointer)
    }
}

fn message(content: &Content) -> Option<u64> {
    content.message.map(|id| id.0)
}
