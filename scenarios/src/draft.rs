//! A plan in the making: what scenarios have in common.

use std::collections::BTreeMap;

use crate::{
    cluster::{Broker, Cluster, DiskModel, FlushPolicy, Group, NameServer, Network, Topic},
    dice::Dice,
    fault::{DiskCall, Fault, Struck},
    plan::{Plan, Timing},
    workload::{Consumer, Kind, Pace, Producer, Sharing, Subscription, Way, Workload},
};

/// `messageDelayLevel` of every plan: 18 levels as RocketMQ has them, short enough to wait for.
pub const DELAY_LEVELS: &str = "1s 1s 2s 2s 2s 3s 3s 3s 4s 4s 4s 5s 5s 5s 6s 6s 7s 8s";

/// How long a message of a delay level waits in every plan, in milliseconds; 0 for level 0.
#[must_use]
pub fn delay_ms(level: u8) -> u64 {
    let Some(place) = usize::from(level).checked_sub(1) else { return 0 };
    let named = DELAY_LEVELS.split(' ').nth(place).or_else(|| DELAY_LEVELS.split(' ').next_back());
    let seconds = named.and_then(|name| name.strip_suffix('s')?.parse::<u64>().ok());
    seconds.unwrap_or(0).saturating_mul(1_000)
}

/// A plan under construction, with one stream of numbers per purpose.
pub(crate) struct Draft {
    /// The plan so far.
    pub(crate) plan: Plan,
    /// Numbers for machines.
    pub(crate) cluster: Dice,
    /// Numbers for clients.
    pub(crate) workload: Dice,
    /// Numbers for faults.
    pub(crate) faults: Dice,
}

/// What a topic of a draft is called, in the order in which they are made.
const TOPICS: [&str; 3] = ["orders", "payments", "visits"];

impl Draft {
    /// A plan without machines that is healed after 20 to 60 seconds.
    #[must_use]
    pub(crate) fn new(seed: u64, scenario: &str) -> Self {
        let mut cluster = Dice::new(seed, "cluster");
        let heal_at_ms = cluster.between(20, 60) * 1_000;
        let timing = Timing {
            heal_at_ms,
            send_within_ms: 60_000,
            drain_within_ms: 240_000,
            boot_within_ms: 30_000,
        };
        let network = Network {
            latency_us_min: cluster.magnitude(20, 500),
            latency_us_max: cluster.magnitude(500, 8_000),
        };
        let disk = DiskModel {
            capacity_bytes: 256 << 20,
            sync_us_min: cluster.magnitude(50, 500),
            sync_us_max: cluster.magnitude(500, 16_000),
        };
        let plan = Plan {
            seed,
            scenario: scenario.to_owned(),
            cluster: Cluster {
                name_servers: Vec::new(),
                brokers: Vec::new(),
                topics: Vec::new(),
                groups: Vec::new(),
                network,
                disk,
            },
            workload: Workload::default(),
            faults: Vec::new(),
            timing,
        };
        let (workload, faults) = (Dice::new(seed, "workload"), Dice::new(seed, "faults"));
        Self { plan, cluster, workload, faults }
    }

    /// Adds name servers, brokers of one or mixed flush policies, and topics on all of them.
    pub(crate) fn machines(&mut self, name_servers: u32, brokers: u32, flush: Option<FlushPolicy>) {
        for number in 0..name_servers {
            let name = format!("namesrv-{number}");
            let properties = BTreeMap::new();
            self.plan.cluster.name_servers.push(NameServer { name, properties });
        }
        for letter in ('a'..='z').take(usize::try_from(brokers).unwrap_or(1)) {
            let drawn = [FlushPolicy::Sync, FlushPolicy::Async];
            let drawn = self.cluster.one_of(&drawn).copied().unwrap_or(FlushPolicy::Sync);
            let broker = self.broker(format!("broker-{letter}"), flush.unwrap_or(drawn));
            self.plan.cluster.brokers.push(broker);
        }
        for name in TOPICS {
            let queues = self.cluster.between_u32(1, 4);
            let topic = Topic { name: name.to_owned(), queues, brokers: Vec::new() };
            self.plan.cluster.topics.push(topic);
        }
    }

    fn broker(&mut self, name: String, flush: FlushPolicy) -> Broker {
        // A stream of its own: what was drawn before this one was added stays as it was.
        let mut patience = Dice::new(self.plan.seed, &format!("patience of {name}"));
        let dice = &mut self.cluster;
        let segment_bytes = dice.magnitude(16 << 10, 512 << 10) / 4_096 * 4_096;
        let slots = dice.between_u32(32, 512);
        let own = [
            ("messageDelayLevel", DELAY_LEVELS.to_owned()),
            ("maxMessageSize", (segment_bytes / 2).to_string()),
            ("diskMaxUsedSpaceRatio", "75".to_owned()),
            // Short enough for a slow disk to be too slow.
            ("syncFlushTimeout", patience.magnitude(250, 5_000).to_string()),
        ];
        Broker {
            name,
            flush,
            flush_within_ms: *dice.one_of(&[500, 2_000, 10_000]).unwrap_or(&10_000),
            offsets_within_ms: *dice.one_of(&[500, 2_000, 5_000]).unwrap_or(&5_000),
            segment_bytes,
            queue_file_units: dice.between_u32(16, 512),
            index_slots: slots,
            index_entries: slots * dice.between_u32(2, 6),
            reserved_hours: 72,
            properties: own.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        }
    }

    /// The name of one of the topics.
    #[must_use]
    pub(crate) fn topic(&self, number: usize) -> String {
        let topics = &self.plan.cluster.topics;
        let place = number % topics.len().max(1);
        topics.get(place).map_or_else(|| "orders".to_owned(), |topic| topic.name.clone())
    }

    /// Adds a producer that sends to one topic until the heal, and gives it for changes.
    pub(crate) fn producer(&mut self, topic: usize, way: Way) -> &mut Producer {
        let topic = self.topic(topic);
        let heal_at_ms = self.plan.timing.heal_at_ms;
        let dice = &mut self.workload;
        let number = self.plan.workload.producers.len();
        let body_bytes_max = u32::try_from(dice.magnitude(64, 3_000)).unwrap_or(3_000);
        self.plan.workload.producers.push(Producer {
            name: format!("producer-{number}"),
            group: format!("senders-{number}"),
            topics: vec![topic],
            way,
            from_ms: dice.between(500, 2_000),
            until_ms: heal_at_ms,
            per_second: u32::try_from(dice.magnitude(5, 60)).unwrap_or(20),
            body_bytes_min: 16,
            body_bytes_max,
            tags: if dice.percent(60) { texts(&["red", "green", "blue"]) } else { Vec::new() },
            keys: dice.percent(60),
            retries: *dice.one_of(&[0, 2]).unwrap_or(&2),
            timeout_ms: *dice.one_of(&[500, 3_000]).unwrap_or(&3_000),
            streams: 0,
            delay_levels: Vec::new(),
        });
        last(&mut self.plan.workload.producers)
    }

    /// Adds a group of consumers of one topic; `change` is called for each member.
    pub(crate) fn group(
        &mut self,
        (name, members): (&str, u32),
        (topic, kind): (usize, Kind),
        mut change: impl FnMut(&mut Consumer, &mut Dice),
    ) {
        let topic = self.topic(topic);
        let dice = &mut self.workload;
        let sharing = [Sharing::Averagely, Sharing::AveragelyByCircle, Sharing::ConsistentHash];
        let sharing = *dice.one_of(&sharing).unwrap_or(&Sharing::Averagely);
        let retries_max = dice.between_u32(2, 4);
        let subscription = Subscription { topic, tags: Vec::new() };
        let commit_every_ms = *dice.one_of(&[500, 1_000, 5_000]).unwrap_or(&5_000);
        for number in 0..members {
            let mut consumer = Consumer {
                name: format!("{name}-{number}"),
                group: name.to_owned(),
                kind,
                subscriptions: vec![subscription.clone()],
                sharing,
                from_ms: dice.between(500, 4_000),
                leaves_ms: Vec::new(),
                think_ms_max: dice.magnitude(1, 16),
                fails_per_mille: 0,
                always_fails_one_of: 0,
                retries_max,
                pull_batch: dice.between_u32(1, 32),
                commit_every_ms,
            };
            change(&mut consumer, dice);
            self.plan.workload.consumers.push(consumer);
        }
        let group = Group { name: name.to_owned(), retries_max };
        self.plan.cluster.groups.push(group);
    }

    /// Draws how fast the clients look around: as fast as RocketMQ's, or in a hurry.
    pub(crate) fn pace(&mut self) {
        self.plan.workload.pace = match self.workload.below(3) {
            0 => Pace::default(),
            1 => Pace { heartbeat_ms: 3_000, routes_ms: 3_000, rebalance_ms: 2_000 },
            _ => Pace { heartbeat_ms: 1_000, routes_ms: 1_000, rebalance_ms: 1_000 },
        };
    }

    /// The usual clients: synchronous streams, quick senders, batches, a group that retries, an
    /// orderly one, one that filters, and one that pulls.
    pub(crate) fn usual_clients(&mut self) {
        self.pace();
        self.producer(0, Way::Sync).tags = texts(&["red", "green", "blue"]);
        self.producer(0, Way::Async);
        let streams = self.workload.between_u32(1, 4);
        self.producer(1, Way::Sync).streams = streams;
        let way = [Way::Batch, Way::Oneway, Way::Async];
        let way = *self.workload.one_of(&way).unwrap_or(&Way::Async);
        self.producer(2, way);
        let members = self.workload.between_u32(2, 3);
        self.group(("billing", members), (0, Kind::Concurrent), |consumer, dice| {
            consumer.fails_per_mille = dice.between_u32(0, 60);
        });
        self.group(("ledger", 2), (1, Kind::Orderly), |_, _| {});
        self.group(("search", 1), (0, Kind::Concurrent), |consumer, _| {
            for subscription in &mut consumer.subscriptions {
                subscription.tags = texts(&["red", "blue"]);
            }
        });
        self.group(("mirror", 1), (2, Kind::Pull), |_, _| {});
    }

    /// The names of the brokers.
    #[must_use]
    pub(crate) fn broker_names(&self) -> Vec<String> {
        self.plan.cluster.brokers.iter().map(|one| one.name.clone()).collect()
    }

    /// The names of the name servers.
    #[must_use]
    pub(crate) fn name_server_names(&self) -> Vec<String> {
        self.plan.cluster.name_servers.iter().map(|one| one.name.clone()).collect()
    }

    /// The names of all clients.
    #[must_use]
    pub(crate) fn client_names(&self) -> Vec<String> {
        let producers = self.plan.workload.producers.iter().map(|one| one.name.clone());
        let consumers = self.plan.workload.consumers.iter().map(|one| one.name.clone());
        producers.chain(consumers).collect()
    }

    /// A store that was refused a write or a sync stays closed until its broker is started again.
    /// Where no fault does so, an operator does, shortly before the heal.
    fn start_closed_stores(&mut self) {
        let faults = &self.plan.faults;
        let closed_at = |node: &str| {
            let closing = faults.iter().filter_map(|one| closes_store(one, node));
            closing.max()
        };
        let opened_at = |node: &str| {
            let ending = faults.iter().filter(|one| ends_process(&one.fault, node));
            ending.map(|one| one.at_ms).max()
        };
        let heal_at_ms = self.plan.timing.heal_at_ms;
        let late: Vec<String> = self
            .broker_names()
            .into_iter()
            .filter(|node| closed_at(node).is_some() && opened_at(node) <= closed_at(node))
            .collect();
        for node in late {
            // The heal starts it.
            let crash = Struck { at_ms: heal_at_ms - 1, fault: Fault::Crash { node } };
            self.plan.faults.push(crash);
        }
    }

    /// The plan, with its faults in the order of time.
    #[must_use]
    pub(crate) fn finish(mut self) -> Plan {
        self.start_closed_stores();
        self.plan.faults.retain(|struck| struck.at_ms < self.plan.timing.heal_at_ms);
        self.plan.faults.sort_by_key(|struck| struck.at_ms);
        self.plan
    }
}

/// Until when a fault may make the store of a broker refuse everything from then on.
fn closes_store(struck: &Struck, broker: &str) -> Option<u64> {
    match &struck.fault {
        Fault::DiskFree { node } if node == broker => Some(struck.at_ms),
        Fault::DiskFull { node } if node == broker => Some(struck.at_ms),
        Fault::DiskError { node, on, for_ms, .. } if node == broker && *on != DiskCall::Read => {
            Some(struck.at_ms + for_ms)
        }
        _ => None,
    }
}

/// Whether a fault ends a process, which is then started again.
fn ends_process(fault: &Fault, node: &str) -> bool {
    match fault {
        Fault::Crash { node: struck }
        | Fault::OsCrash { node: struck, .. }
        | Fault::PowerCut { node: struck, .. }
        | Fault::DiskLoss { node: struck }
        | Fault::StopGracefully { node: struck } => struck == node,
        _ => false,
    }
}

/// Owned texts.
pub(crate) fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn last<T>(items: &mut [T]) -> &mut T {
    let place = items.len() - 1;
    &mut items[place]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_delay_level_has_a_time() {
        assert_eq!((delay_ms(0), delay_ms(1), delay_ms(3), delay_ms(18)), (0, 1_000, 2_000, 8_000));
        assert_eq!(delay_ms(19), 8_000);
        assert_eq!(DELAY_LEVELS.split(' ').count(), 18);
    }
}
