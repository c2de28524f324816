//! What is known of topics and brokers, as name servers told it last.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use protocol::{Text, body::TopicRoute, permission};

use crate::MessageQueue;

/// The id of a master.
const MASTER_ID: i64 = 0;

/// The queues of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Way {
    /// Queues that can be written, of brokers that have a master, sorted.
    pub(crate) publish: Vec<MessageQueue>,
    /// Queues that can be read, sorted.
    pub(crate) subscribe: Vec<MessageQueue>,
    /// The brokers that were named with them.
    brokers: BTreeSet<Text>,
}

/// The routes of one client.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    ways: BTreeMap<Text, Arc<Way>>,
    /// By broker name, then broker id.
    brokers: BTreeMap<Text, BTreeMap<i64, Text>>,
}

/// What a new route changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    /// Queues of the topic came or went.
    pub(crate) queues: bool,
    /// A broker came, went or moved.
    pub(crate) brokers: bool,
}

impl Routes {
    pub(crate) fn way(&self, topic: &str) -> Option<Arc<Way>> {
        self.ways.get(topic).cloned()
    }

    pub(crate) fn topics(&self) -> Vec<Text> {
        self.ways.keys().cloned().collect()
    }

    /// Takes in a route.
    pub(crate) fn put(&mut self, topic: &Text, route: &TopicRoute) -> Changed {
        let way = way(topic, route);
        let mut changed = Changed {
            queues: self.ways.get(topic).is_none_or(|old| **old != way),
            ..Changed::default()
        };
        for data in &route.brokers {
            let known = self.brokers.get(&data.broker_name);
            if known != Some(&data.broker_addrs) {
                let detached = |(id, address): (&i64, &Text)| (*id, address.detached());
                let addresses = data.broker_addrs.iter().map(detached).collect();
                self.brokers.insert(data.broker_name.detached(), addresses);
                changed.brokers = true;
            }
        }
        if changed.queues {
            self.ways.insert(topic.detached(), Arc::new(way));
            let known = self.brokers.len();
            let ways = &self.ways;
            self.brokers.retain(|name, _| ways.values().any(|way| way.brokers.contains(name)));
            changed.brokers |= self.brokers.len() < known;
        }
        changed
    }

    /// Stops caring for a topic.
    pub(crate) fn forget(&mut self, topic: &str) {
        self.ways.remove(topic);
    }

    /// Where the master of a set listens.
    pub(crate) fn master(&self, broker: &str) -> Option<Text> {
        self.brokers.get(broker)?.get(&MASTER_ID).cloned()
    }

    /// Where to read from: the wanted id if it is there, else the master, else any.
    pub(crate) fn readable(&self, broker: &str, wanted: i64) -> Option<(i64, Text)> {
        let addresses = self.brokers.get(broker)?;
        let exact = addresses.get_key_value(&wanted);
        // The next id after the wanted one first: a reader that was sent to a slave stays off the
        // master if another slave is there.
        let next = || addresses.range(wanted.saturating_add(1)..).next();
        let found = exact.or_else(next).or_else(|| addresses.first_key_value());
        found.map(|(id, address)| (*id, address.clone()))
    }

    /// Every address of every broker set, with its name and id.
    pub(crate) fn addresses(&self) -> Vec<(Text, i64, Text)> {
        let mut all = Vec::new();
        for (name, addresses) in &self.brokers {
            all.extend(addresses.iter().map(|(id, at)| (name.clone(), *id, at.clone())));
        }
        all
    }

    pub(crate) fn knows_broker(&self, name: &str) -> bool {
        self.brokers.contains_key(name)
    }

    pub(crate) fn has_address(&self, address: &Text) -> bool {
        self.brokers.values().any(|addresses| addresses.values().any(|each| each == address))
    }
}

fn way(topic: &Text, route: &TopicRoute) -> Way {
    let topic = topic.detached();
    let named = |broker: &Text| route.brokers.iter().find(|data| data.broker_name == *broker);
    let mut publish = match &route.order_topic_conf {
        Some(order) if !order.is_empty() => ordered(&topic, order),
        _ => Vec::new(),
    };
    let is_ordered = !publish.is_empty();
    let mut subscribe = Vec::new();
    for data in &route.queues {
        let broker = data.broker_name.detached();
        let queue = |queue_id| MessageQueue::new(topic.clone(), broker.clone(), queue_id);
        let has_master =
            named(&broker).is_some_and(|data| data.broker_addrs.contains_key(&MASTER_ID));
        if !is_ordered && permission::is_writable(data.perm) && has_master {
            publish.extend((0..data.write_queues).map(queue));
        }
        if permission::is_readable(data.perm) {
            subscribe.extend((0..data.read_queues).map(queue));
        }
    }
    // Every client must see the same order, or a sharding key would mean different queues.
    publish.sort();
    publish.dedup();
    subscribe.sort();
    subscribe.dedup();
    let brokers = route.brokers.iter().map(|data| data.broker_name.detached()).collect();
    Way { publish, subscribe, brokers }
}

/// `broker-a:4;broker-b:4`.
fn ordered(topic: &Text, order: &str) -> Vec<MessageQueue> {
    let mut queues = Vec::new();
    for (broker, count) in order.split(';').filter_map(|each| each.split_once(':')) {
        // Written by an operator: a number that is none names no queues.
        let count = count.trim().parse::<i32>().unwrap_or(0).min(QUEUES_MAX);
        queues.extend((0..count).map(|id| MessageQueue::new(topic.clone(), broker, id)));
    }
    queues
}

/// More queues than this on one broker are not a configuration but a mistake.
const QUEUES_MAX: i32 = 65_536;
