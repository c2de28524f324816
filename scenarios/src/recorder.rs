//! Where clients, faults and audits write down what happened.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use checkers::{
    Bounds, BrokerFact, Filter, GroupFact, History, MessageId, Mode, Moment, NodeId, NodeKind,
    QueueId, promises::Role,
};

use crate::{
    plan::Plan,
    workload::{Consumer, Kind},
};

/// How long a broker keeps a queue locked for a member that does not come back, in milliseconds.
pub(crate) const LOCK_MS: u64 = 60_000;

/// How long a consumer may take to send a message back, in milliseconds.
const SEND_BACK_MS: u64 = 5_000;

/// A history in the making. Cloning is cheap; every clone writes into the same history.
#[derive(Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

struct Shared {
    now: Box<dyn Fn() -> Moment + Send + Sync>,
    pages: Mutex<Pages>,
}

struct Pages {
    history: History,
    next_message: u64,
}

impl Recorder {
    /// A history that knows the nodes, brokers and groups of a plan. `now` tells true time.
    pub fn new(plan: &Plan, now: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        let pages = Pages { history: opening(plan), next_message: 0 };
        Self { shared: Arc::new(Shared { now: Box::new(now), pages: Mutex::new(pages) }) }
    }

    /// True time.
    #[must_use]
    pub fn now(&self) -> Moment {
        (self.shared.now)()
    }

    /// Reads or writes the history.
    pub fn with<T>(&self, deed: impl FnOnce(&mut History) -> T) -> T {
        deed(&mut self.pages().history)
    }

    /// A number that no message has had in this run.
    #[must_use]
    pub fn next_message(&self) -> MessageId {
        let mut pages = self.pages();
        pages.next_message += 1;
        MessageId(pages.next_message)
    }

    /// Ends the recording and gives the history. Whoever still holds a clone writes into an empty
    /// one.
    #[must_use]
    pub fn finish(&self) -> History {
        let ended = self.now();
        let mut pages = self.pages();
        pages.history.ended = ended;
        std::mem::take(&mut pages.history)
    }

    /// The id of a queue by the names that clients know.
    #[must_use]
    pub fn queue(&self, broker: &str, topic: &str, number: i32) -> QueueId {
        self.with(|history| {
            let broker = history.add_node(broker, NodeKind::Broker);
            let topic = history.topic(topic);
            history.queue(broker, topic, number)
        })
    }

    /// The id of a node of the plan.
    #[must_use]
    pub fn node(&self, name: &str) -> NodeId {
        self.with(|history| history.add_node(name, NodeKind::Admin))
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.shared.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorder")
    }
}

/// What is known before anything has happened.
fn opening(plan: &Plan) -> History {
    let mut history = History::new();
    for server in &plan.cluster.name_servers {
        history.add_node(&server.name, NodeKind::NameServer);
    }
    for broker in &plan.cluster.brokers {
        let node = history.add_node(&broker.name, NodeKind::Broker);
        let properties = broker.all_properties();
        let is = |key: &str, value: &str| properties.get(key).is_some_and(|found| found == value);
        history.brokers.push(BrokerFact {
            node,
            flush: broker.flush.as_promised(),
            role: Role::Single,
            flush_within_ms: broker.flush_within_ms,
            offsets_within_ms: broker.offsets_within_ms,
            reserved_ms: u64::from(broker.reserved_hours) * 3_600_000,
            reads_unflushed: is("readUnCommitted", "true"),
            segment_bytes: broker.segment_bytes,
        });
    }
    for producer in &plan.workload.producers {
        history.add_node(&producer.name, NodeKind::Producer);
    }
    for consumer in &plan.workload.consumers {
        history.add_node(&consumer.name, NodeKind::Consumer);
        add_group(&mut history, consumer);
    }
    history.bounds = Bounds {
        send_within_ms: plan.timing.send_within_ms,
        drain_within_ms: plan.timing.drain_within_ms,
        boot_within_ms: plan.timing.boot_within_ms,
        settle_ms: plan.workload.pace.settle_ms(),
        lock_ms: LOCK_MS,
        retry_within_ms: crate::delay_ms(18) + SEND_BACK_MS,
        // A record says in whole milliseconds when it was stored; after a restart nobody knows better.
        early_ms: 1,
    };
    history
}

fn add_group(history: &mut History, consumer: &Consumer) {
    let group = history.group(&consumer.group);
    if history.group_fact(group).is_some() {
        return;
    }
    let mode = match consumer.kind {
        Kind::Concurrent => Mode::Concurrent,
        Kind::Orderly => Mode::Orderly,
        Kind::Broadcast => Mode::Broadcast,
        Kind::Pull => Mode::Pull,
    };
    let subscriptions = consumer.subscriptions.iter().map(|one| {
        let filter = if one.tags.is_empty() { Filter::All } else { Filter::Tags(one.tags.clone()) };
        (history.topic(&one.topic), filter)
    });
    let subscriptions = subscriptions.collect();
    let retries_max = consumer.retries_max;
    let fact = GroupFact { group, mode, subscriptions, from_first: true, retries_max };
    history.group_facts.push(fact);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw;

    #[test]
    fn a_recorder_knows_the_plan_from_the_start() {
        let plan = draw(7, None).unwrap();
        let recorder = Recorder::new(&plan, || Moment::from_ms(5));
        let queue = recorder.queue("broker-a", "orders", 0);
        assert_eq!(recorder.next_message(), MessageId(1));
        assert_eq!(recorder.next_message(), MessageId(2));
        let history = recorder.finish();
        assert_eq!(history.nodes.len(), plan.node_names().len());
        assert_eq!(history.brokers.len(), plan.cluster.brokers.len());
        assert_eq!(history.queue_words(queue), "queue 0 of orders on broker-a");
        assert_eq!((history.groups.len(), history.ended), (4, Moment::from_ms(5)));
    }
}
