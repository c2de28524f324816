//! Who is where: which brokers form which set and cluster, and which of them serve which topic.
//!
//! Only the master of a set publishes topics, or, in a set that knows acting masters (every 5.x
//! broker), its slave of smallest id while there is no master. An address is one process: when it
//! registers under another name, id or cluster, it leaves its old place first.
//!
//! Source: namesrv/routeinfo/RouteInfoManager.java.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use protocol::{
    Text,
    body::{DataVersion, QueueMapping},
};
use runtime::Monotonic;

use crate::liveness::{LiveBroker, Liveness, Peer, TIMEOUT_DEFAULT};

/// The id of a master.
pub(crate) const MASTER_ID: i64 = 0;
/// Bit of a permission: messages may be sent.
const PERM_WRITE: i32 = 2;
/// Bit of a permission: messages may be received.
const PERM_READ: i32 = 4;
/// Brokers of a set find one another through topics of this name; there no slave poses as master.
const MEMBER_TOPIC_PREFIX: &str = "rmq_sys_SYNC_BROKER_MEMBER_";

/// The queues of one topic on one broker set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Queues {
    pub(crate) read: i32,
    pub(crate) write: i32,
    pub(crate) perm: i32,
    pub(crate) sys_flag: i32,
}

/// A master and its slaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BrokerSet {
    pub(crate) cluster: Text,
    pub(crate) enable_acting_master: bool,
    pub(crate) zone: Option<Text>,
    /// By broker id. Never empty while the set is known.
    pub(crate) addresses: BTreeMap<i64, Text>,
}

/// What a broker says of itself.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) peer: Peer,
    pub(crate) identity: Identity,
    pub(crate) ha_address: Option<Text>,
    pub(crate) zone: Option<Text>,
    pub(crate) timeout: Option<Duration>,
    /// `None` from brokers before 5.x.
    pub(crate) enable_acting_master: Option<bool>,
    pub(crate) version: DataVersion,
    pub(crate) topics: Vec<(Text, Queues)>,
    pub(crate) filter_servers: Option<Vec<Text>>,
    pub(crate) mappings: Vec<(Text, QueueMapping)>,
    /// Topics this table does not name are gone (`deleteTopicWithBrokerRegistration`).
    pub(crate) drop_missing_topics: bool,
}

/// One place in a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) cluster: Text,
    pub(crate) name: Text,
    pub(crate) id: i64,
    pub(crate) address: Text,
}

/// What came of a registration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Registered {
    Done {
        /// Address and HA address of the master; never for a master itself.
        master: Option<(Text, Option<Text>)>,
        /// Brokers that should hear of a new smallest id in their set.
        changed: Option<SmallestChanged>,
    },
    /// The id belongs to another address with a newer state.
    Outdated,
    /// One topic is an update, and there is nothing to update.
    NothingToUpdate,
}

/// A set whose smallest broker id is now another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SmallestChanged {
    pub(crate) id: i64,
    pub(crate) address: Text,
    pub(crate) offline: Option<Text>,
    pub(crate) ha_address: Option<Text>,
    pub(crate) tell: Vec<Text>,
}

/// Everything a client needs to reach a topic.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) queues: BTreeMap<Text, Queues>,
    pub(crate) brokers: BTreeMap<Text, BrokerSet>,
    pub(crate) filter_servers: BTreeMap<Text, Vec<Text>>,
    pub(crate) mappings: Option<BTreeMap<Text, QueueMapping>>,
}

/// The tables.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    /// Topic, then broker name.
    topics: BTreeMap<Text, BTreeMap<Text, Queues>>,
    /// By broker name.
    sets: BTreeMap<Text, BrokerSet>,
    clusters: BTreeMap<Text, BTreeSet<Text>>,
    live: Liveness,
    /// By broker address.
    filter_servers: BTreeMap<Text, Vec<Text>>,
    /// Topic, then broker name.
    mappings: BTreeMap<Text, BTreeMap<Text, QueueMapping>>,
    // Invariant: the addresses of all sets are exactly the addresses of `live`.
}

impl Routes {
    /// Takes a broker in, or updates what is known of it.
    pub(crate) fn register(&mut self, now: Monotonic, new: Registration) -> Registered {
        let Identity { cluster, name, id, address } = new.identity.clone();
        let owner = self.sets.get(&name).and_then(|set| set.addresses.get(&id)).cloned();
        if let Some(owner) = owner.as_ref().filter(|owner| **owner != address)
            && let Some(live) = self.live.get(owner)
            && new.version.state_version < live.version.state_version
        {
            self.leave(&address);
            return Registered::Outdated;
        }
        // Differs from Java: a refused registration leaves no trace in the tables.
        if owner.is_none() && new.topics.len() == 1 {
            return Registered::NothingToUpdate;
        }
        self.leave_other_places(&new.identity);
        if let Some(owner) = owner.filter(|owner| *owner != address) {
            self.live.remove(&owner);
            self.filter_servers.remove(&owner);
        }

        let set = self.sets.entry(name.clone()).or_default();
        let smallest_before = set.addresses.keys().next().copied();
        set.cluster = cluster.clone();
        set.enable_acting_master = new.enable_acting_master.unwrap_or(false);
        set.zone.clone_from(&new.zone);
        set.addresses.insert(id, address.clone());
        let is_smallest = set.addresses.keys().next() == Some(&id);
        let acts = id != MASTER_ID && is_smallest && new.enable_acting_master.is_some();
        let read_only = acts && set.enable_acting_master;
        for names in self.clusters.values_mut() {
            names.remove(&name);
        }
        self.clusters.entry(cluster.clone()).or_default().insert(name.clone());
        self.clusters.retain(|_, names| !names.is_empty());

        let changed = self.live.version(&cluster, &address) != Some(&new.version);
        if id == MASTER_ID || acts {
            self.publish(&new, changed, read_only);
        }
        self.bind(now, &new);
        let changed = smallest_before.is_some_and(|before| id < before);
        Registered::Done {
            master: self.master_of(&new.identity),
            changed: changed.then(|| self.smallest_of(&name, None)).flatten(),
        }
    }

    /// An address that held another name, id or cluster gives that up.
    fn leave_other_places(&mut self, new: &Identity) {
        let Some(live) = self.live.get(&new.address) else { return };
        if live.name != new.name || live.cluster != new.cluster {
            self.leave(&new.address);
        } else if let Some(set) = self.sets.get_mut(&new.name) {
            set.addresses.retain(|id, address| *id == new.id || *address != new.address);
        }
    }

    fn publish(&mut self, new: &Registration, changed: bool, read_only: bool) {
        let name = &new.identity.name;
        if new.drop_missing_topics && new.mappings.is_empty() {
            let named: BTreeSet<&Text> = new.topics.iter().map(|(topic, _)| topic).collect();
            for (topic, queues) in &mut self.topics {
                if !named.contains(topic) {
                    queues.remove(name);
                }
            }
            self.topics.retain(|_, queues| !queues.is_empty());
        }
        for (topic, queues) in &new.topics {
            let table = match self.topics.get_mut(topic) {
                Some(table) => table,
                None => self.topics.entry(topic.detached()).or_default(),
            };
            if changed || !table.contains_key(name) {
                let perm = if read_only { queues.perm & !PERM_WRITE } else { queues.perm };
                table.insert(name.clone(), Queues { perm, ..*queues });
            }
        }
        if changed {
            for (topic, mapping) in &new.mappings {
                let of_topic = self.mappings.entry(topic.detached()).or_default();
                of_topic.insert(name.clone(), mapping.clone());
            }
        }
    }

    /// Notes through which connection the broker speaks.
    fn bind(&mut self, now: Monotonic, new: &Registration) {
        let address = &new.identity.address;
        // What a broker sent before it died may be read after it came back on a new connection.
        // The end of the old connection must then not end the new registration.
        let peer = self.live.get(address).map_or(new.peer, |live| live.peer.max(new.peer));
        let live = LiveBroker {
            cluster: new.identity.cluster.clone(),
            name: new.identity.name.clone(),
            peer,
            heard: now,
            timeout: new.timeout.unwrap_or(TIMEOUT_DEFAULT),
            version: new.version,
            ha_address: new.ha_address.clone(),
        };
        self.live.put(address.clone(), live);
        match &new.filter_servers {
            Some(servers) if !servers.is_empty() => {
                self.filter_servers.insert(address.clone(), servers.clone());
            }
            Some(_) => {
                self.filter_servers.remove(address);
            }
            None => {}
        }
    }

    fn master_of(&self, broker: &Identity) -> Option<(Text, Option<Text>)> {
        if broker.id == MASTER_ID {
            return None;
        }
        let address = self.sets.get(&broker.name)?.addresses.get(&MASTER_ID)?;
        let live = self.live.get(address)?;
        Some((address.clone(), live.ha_address.clone()))
    }

    /// A broker says goodbye. One that says so on an older connection than the one it registered
    /// through has come back since, and stays.
    pub(crate) fn unregister(
        &mut self,
        peer: Peer,
        broker: &Identity,
    ) -> (bool, Option<SmallestChanged>) {
        let matches = self.live.get(&broker.address).is_some_and(|live| {
            live.cluster == broker.cluster && live.name == broker.name && live.peer <= peer
        });
        if matches { (true, self.leave(&broker.address)) } else { (false, None) }
    }

    /// A connection ended, and with it every registration made through it.
    pub(crate) fn closed(&mut self, peer: Peer) -> Vec<(Text, Option<SmallestChanged>)> {
        let gone = self.live.behind(peer);
        gone.into_iter().map(|address| (address.clone(), self.leave(&address))).collect()
    }

    /// Removes the silent brokers and says whose connections should be closed.
    pub(crate) fn expire(
        &mut self,
        now: Monotonic,
        interval: Duration,
    ) -> Vec<(Text, Peer, Option<SmallestChanged>)> {
        let mut expired = Vec::new();
        for address in self.live.silent(now, interval) {
            if let Some(peer) = self.live.get(&address).map(|live| live.peer) {
                let changed = self.leave(&address);
                expired.push((address, peer, changed));
            }
        }
        expired
    }

    /// Removes one address from everywhere.
    fn leave(&mut self, address: &Text) -> Option<SmallestChanged> {
        let live = self.live.remove(address)?;
        self.filter_servers.remove(address);
        let set = self.sets.get_mut(&live.name)?;
        let smallest = set.addresses.values().next() == Some(address);
        set.addresses.retain(|_, each| each != address);
        if set.addresses.is_empty() {
            self.forget_set(&live.name);
            return None;
        }
        let acting = set.enable_acting_master;
        if acting && !set.addresses.contains_key(&MASTER_ID) {
            for queues in self.topics.values_mut().filter_map(|table| table.get_mut(&live.name)) {
                queues.perm &= !PERM_WRITE;
            }
        }
        if smallest && acting { self.smallest_of(&live.name, Some(address)) } else { None }
    }

    fn forget_set(&mut self, name: &Text) {
        self.sets.remove(name);
        for names in self.clusters.values_mut() {
            names.remove(name);
        }
        self.clusters.retain(|_, names| !names.is_empty());
        for queues in self.topics.values_mut() {
            queues.remove(name);
        }
        self.topics.retain(|_, queues| !queues.is_empty());
        for mappings in self.mappings.values_mut() {
            mappings.remove(name);
        }
        self.mappings.retain(|_, mappings| !mappings.is_empty());
    }

    fn smallest_of(&self, name: &Text, offline: Option<&Text>) -> Option<SmallestChanged> {
        let addresses = &self.sets.get(name)?.addresses;
        let (id, address) = addresses.first_key_value()?;
        let everyone = offline.is_some() || addresses.len() == 1;
        let told = addresses.iter().filter(|(each, _)| everyone || *each != id);
        Some(SmallestChanged {
            id: *id,
            address: address.clone(),
            offline: offline.cloned(),
            ha_address: match offline {
                Some(_) => None,
                None => self.live.get(address).and_then(|live| live.ha_address.clone()),
            },
            tell: told.map(|(_, address)| address.clone()).collect(),
        })
    }

    /// A sign of life that is not a registration.
    pub(crate) fn heard(&mut self, now: Monotonic, cluster: &str, address: &Text) {
        self.live.heard(now, cluster, address);
    }

    /// The data version a broker registered with.
    pub(crate) fn version(&self, cluster: &str, address: &Text) -> Option<&DataVersion> {
        self.live.version(cluster, address)
    }

    /// Adds queues of known brokers to a topic. `false` when a broker is unknown.
    pub(crate) fn register_topic(&mut self, topic: &Text, queues: &[(Text, Queues)]) -> bool {
        if queues.is_empty() || queues.iter().any(|(name, _)| !self.sets.contains_key(name)) {
            return false;
        }
        let table = self.topics.entry(topic.detached()).or_default();
        table.extend(queues.iter().map(|(name, queues)| (name.detached(), *queues)));
        true
    }

    /// Forgets a topic, everywhere or in one cluster.
    pub(crate) fn delete_topic(&mut self, topic: &str, cluster: Option<&str>) {
        let Some(cluster) = cluster else {
            self.topics.remove(topic);
            return;
        };
        let Some(names) = self.clusters.get(cluster) else { return };
        let Some(queues) = self.topics.get_mut(topic) else { return };
        queues.retain(|name, _| !names.contains(name));
        if queues.is_empty() {
            self.topics.remove(topic);
        }
    }

    /// Takes the write permission of every topic of a broker, or gives read and write permission
    /// back. Returns how many topics that were.
    pub(crate) fn set_writable(&mut self, name: &str, writable: bool) -> i32 {
        let mut topics = 0;
        for queues in self.topics.values_mut().filter_map(|table| table.get_mut(name)) {
            queues.perm = if writable { PERM_READ | PERM_WRITE } else { queues.perm & !PERM_WRITE };
            topics += 1;
        }
        topics
    }

    /// The way to a topic; `None` when no known broker has it.
    pub(crate) fn route(&self, topic: &str, acting_masters: bool) -> Option<Route> {
        let queues = self.topics.get(topic)?;
        let mut route = Route {
            queues: queues.clone(),
            mappings: self.mappings.get(topic).cloned(),
            ..Route::default()
        };
        for name in queues.keys() {
            let Some(set) = self.sets.get(name) else { continue };
            for address in set.addresses.values() {
                if let Some(servers) = self.filter_servers.get(address) {
                    route.filter_servers.insert(address.clone(), servers.clone());
                }
            }
            route.brokers.insert(name.clone(), set.clone());
        }
        if route.brokers.is_empty() {
            return None;
        }
        if acting_masters && !topic.starts_with(MEMBER_TOPIC_PREFIX) {
            route.name_acting_masters();
        }
        Some(route)
    }

    /// Every broker set by name.
    pub(crate) fn sets(&self) -> &BTreeMap<Text, BrokerSet> {
        &self.sets
    }

    /// The names of every cluster's sets.
    pub(crate) fn clusters(&self) -> &BTreeMap<Text, BTreeSet<Text>> {
        &self.clusters
    }

    /// Every topic.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &Text> {
        self.topics.keys()
    }

    /// The topics of one cluster.
    pub(crate) fn topics_of(&self, cluster: &str) -> Vec<Text> {
        let Some(names) = self.clusters.get(cluster) else { return Vec::new() };
        let here =
            self.topics.iter().filter(|(_, queues)| queues.keys().any(|name| names.contains(name)));
        here.map(|(topic, _)| topic.clone()).collect()
    }

    /// The topics whose system flag satisfies a condition.
    pub(crate) fn topics_flagged(&self, condition: fn(i32) -> bool) -> Vec<Text> {
        let flagged = self.topics.iter().filter(|(_, queues)| {
            queues.values().next().is_some_and(|queues| condition(queues.sys_flag))
        });
        flagged.map(|(topic, _)| topic.clone()).collect()
    }

    /// The invariants of the tables, for tests.
    #[cfg(test)]
    pub(crate) fn assert_consistent(&self) {
        let mut held = BTreeSet::new();
        for (name, set) in &self.sets {
            assert!(!set.addresses.is_empty(), "set {name} is empty");
            assert!(self.clusters[&set.cluster].contains(name), "{name} is in no cluster");
            for address in set.addresses.values() {
                assert!(held.insert(address), "{address} has two places");
                assert_eq!(self.live.get(address).expect("live").name, *name);
            }
        }
        for (address, _) in self.live.iter() {
            assert!(held.contains(address), "{address} is alive nowhere");
        }
        let named = self.clusters.values().map(BTreeSet::len).sum::<usize>();
        assert_eq!(named, self.sets.len(), "a set is in two clusters");
        for (topic, queues) in &self.topics {
            assert!(!queues.is_empty(), "{topic} is nowhere");
            for name in queues.keys() {
                assert!(self.sets.contains_key(name), "{topic} is on unknown {name}");
            }
        }
    }
}

impl Route {
    /// In a set without master that wants one, the slave of smallest id is shown as master once
    /// its queues are read-only.
    fn name_acting_masters(&mut self) {
        for (name, set) in &mut self.brokers {
            let acts = set.enable_acting_master && !set.addresses.contains_key(&MASTER_ID);
            let read_only = self.queues.get(name).is_some_and(|q| q.perm & PERM_WRITE == 0);
            if acts
                && read_only
                && let Some((_, address)) = set.addresses.pop_first()
            {
                set.addresses.insert(MASTER_ID, address);
            }
        }
    }

    /// Leaves out the sets of other zones, unless they have lost their master.
    pub(crate) fn keep_zone(&mut self, zone: &str) {
        let far = |set: &BrokerSet| {
            set.addresses.contains_key(&MASTER_ID)
                && !set.zone.as_ref().is_some_and(|each| each.eq_ignore_ascii_case(zone))
        };
        let removed: Vec<Text> =
            self.brokers.iter().filter(|(_, set)| far(set)).map(|(name, _)| name.clone()).collect();
        for name in removed {
            self.queues.remove(&name);
            for address in self.brokers.remove(&name).into_iter().flat_map(|set| set.addresses) {
                self.filter_servers.remove(&address.1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random and are the same every time.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.0 >> 33) % bound
        }

        fn text(&mut self, prefix: &str, bound: u64) -> Text {
            Text::from(format!("{prefix}{}", self.below(bound)))
        }

        fn identity(&mut self) -> Identity {
            Identity {
                cluster: self.text("cluster", 2),
                name: self.text("name", 3),
                id: i64::try_from(self.below(3)).unwrap(),
                address: self.text("address", 6),
            }
        }

        fn registration(&mut self, peer: Peer) -> Registration {
            let queues = Queues { read: 1, write: 1, perm: 6, sys_flag: 0 };
            let topics = (0..self.below(4)).map(|_| (self.text("topic", 5), queues)).collect();
            Registration {
                peer,
                identity: self.identity(),
                ha_address: None,
                zone: None,
                timeout: Some(Duration::from_secs(5 + self.below(40))),
                enable_acting_master: match self.below(3) {
                    0 => None,
                    n => Some(n == 1),
                },
                version: DataVersion {
                    counter: i64::try_from(self.below(3)).unwrap(),
                    state_version: i64::try_from(self.below(2)).unwrap(),
                    timestamp_ms: 0,
                },
                topics,
                filter_servers: (self.below(2) == 0).then(|| vec![Text::from("f")]),
                mappings: vec![(self.text("topic", 5), QueueMapping::default())],
                drop_missing_topics: self.below(4) == 0,
            }
        }
    }

    #[test]
    fn whatever_brokers_do_the_tables_agree_and_everything_leaves_with_the_last_of_them() {
        for seed in 0..300 {
            let mut dice = Dice(seed);
            let mut routes = Routes::default();
            let mut now = Monotonic(0);
            for _ in 0..200 {
                let order = dice.below(6);
                let peer = Peer { order, id: remoting::PeerId(order) };
                now = now + Duration::from_millis(dice.below(2000));
                match dice.below(10) {
                    0 => drop(routes.closed(peer)),
                    1 => drop(routes.unregister(peer, &dice.identity())),
                    2 => drop(routes.expire(now, Duration::from_secs(5))),
                    3 => {
                        routes.set_writable(&dice.text("name", 3), dice.below(2) == 0);
                    }
                    4 => routes.delete_topic(&dice.text("topic", 5), Some("cluster0")),
                    _ => drop(routes.register(now, dice.registration(peer))),
                }
                routes.assert_consistent();
            }
            for order in 0..6 {
                drop(routes.closed(Peer { order, id: remoting::PeerId(order) }));
            }
            assert!(routes.sets.is_empty() && routes.topics.is_empty(), "seed {seed}");
            assert!(routes.clusters.is_empty() && routes.mappings.is_empty(), "seed {seed}");
            assert!(routes.filter_servers.is_empty(), "seed {seed}");
        }
    }

    #[test]
    fn a_zone_keeps_its_own_sets_and_those_without_master() {
        let mut dice = Dice(1);
        let mut routes = Routes::default();
        for (name, id, zone) in [("a", 0, "east"), ("b", 0, "west"), ("c", 1, "west")] {
            let peer = Peer { order: 0, id: remoting::PeerId(0) };
            let mut new = dice.registration(peer);
            new.identity = Identity {
                cluster: Text::from("c"),
                name: Text::from(name),
                id,
                address: Text::from(format!("{name}:1")),
            };
            new.zone = Some(Text::from(zone));
            new.enable_acting_master = Some(false);
            let queues = Queues { read: 1, write: 1, perm: 6, sys_flag: 0 };
            new.topics = vec![(Text::from("t"), queues), (Text::from("u"), queues)];
            routes.register(Monotonic(0), new);
        }
        let mut route = routes.route("t", false).unwrap();
        route.keep_zone("EAST");
        let names: Vec<&str> = route.brokers.keys().map(Text::as_str).collect();
        assert_eq!(names, ["a", "c"]);
        assert!(!route.queues.contains_key("b"));
    }
}
