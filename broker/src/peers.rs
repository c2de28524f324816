//! Who is connected, and what they said they produce and consume.
//!
//! Source: `broker/client/{ConsumerManager,ConsumerGroupInfo,ProducerManager}.java`.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use protocol::{
    Language, Text,
    body::{
        Connection, ConsumeFromWhere, ConsumeType, ConsumerData, MessageModel, SubscriptionData,
    },
};
use remoting::PeerId;
use runtime::{Monotonic, Now};

use crate::subscription::TagFilter;

/// One client, as its last heartbeat described it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its id.
    pub id: Text,
    /// What it is written in.
    pub language: Language,
    /// Its version.
    pub version: i32,
    /// Where it connects from.
    pub remote: SocketAddr,
    /// When it was last heard of.
    pub seen: Now,
}

impl Client {
    /// As administrators see it.
    pub(crate) fn connection(&self) -> Connection {
        Connection {
            client_addr: Text::from(self.remote.to_string()),
            client_id: self.id.clone(),
            language: self.language,
            version: self.version,
        }
    }
}

/// What a group wants of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    /// As the client said it.
    pub data: SubscriptionData,
    /// Ready to be compared.
    pub filter: TagFilter,
    /// When a client last said so.
    pub seen: Monotonic,
}

/// The consumers of one group.
#[derive(Clone, Debug)]
pub(crate) struct ConsumerGroup {
    /// How they get their messages.
    pub consume_type: ConsumeType,
    /// Who gets a message.
    pub message_model: MessageModel,
    /// Where they begin without an offset.
    pub from_where: ConsumeFromWhere,
    /// What they want, by topic.
    pub subscriptions: BTreeMap<Text, Subscription>,
    /// Who they are, by connection.
    pub clients: BTreeMap<PeerId, Client>,
}

/// Who is connected.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    connections: BTreeMap<PeerId, SocketAddr>,
    consumers: BTreeMap<Text, ConsumerGroup>,
    producers: BTreeMap<Text, BTreeMap<PeerId, Client>>,
    /// The groups in which a connection consumes.
    consuming: BTreeMap<PeerId, BTreeSet<Text>>,
    /// The fingerprint that a group's last heartbeat carried.
    fingerprints: BTreeMap<Text, i32>,
}

impl Peers {
    /// A connection was opened.
    pub(crate) fn opened(&mut self, peer: PeerId, remote: SocketAddr) {
        self.connections.insert(peer, remote);
    }

    /// A connection is gone, and no longer consumes.
    pub(crate) fn closed(&mut self, peer: PeerId) {
        self.connections.remove(&peer);
        self.producers.retain(|_, clients| {
            clients.remove(&peer);
            !clients.is_empty()
        });
    }

    /// Where a connection comes from.
    pub(crate) fn remote(&self, peer: PeerId) -> SocketAddr {
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        self.connections.get(&peer).copied().unwrap_or(unknown)
    }

    /// A consumer is alive. True if the group's members or topics changed by it.
    pub(crate) fn consume(
        &mut self,
        peer: PeerId,
        client: &Client,
        data: &ConsumerData,
        with_subscriptions: bool,
    ) -> bool {
        let name = data.group_name.detached();
        let now = client.seen.monotonic;
        let group = self.consumers.entry(name.clone()).or_insert_with(|| ConsumerGroup {
            consume_type: data.consume_type,
            message_model: data.message_model,
            from_where: data.consume_from_where,
            subscriptions: BTreeMap::new(),
            clients: BTreeMap::new(),
        });
        group.consume_type = data.consume_type;
        group.message_model = data.message_model;
        group.from_where = data.consume_from_where;
        let joined = group.clients.insert(peer, client.clone()).is_none();
        self.consuming.entry(peer).or_default().insert(name);
        let changed = if with_subscriptions {
            group.subscribe(&data.subscriptions, now)
        } else {
            for subscription in group.subscriptions.values_mut() {
                subscription.seen = now;
            }
            false
        };
        joined || changed
    }

    /// A producer is alive.
    pub(crate) fn produce(&mut self, peer: PeerId, client: &Client, group: &Text) {
        let clients = match self.producers.get_mut(group.as_str()) {
            Some(clients) => clients,
            None => self.producers.entry(group.detached()).or_default(),
        };
        clients.insert(peer, client.clone());
    }

    /// Whether a heartbeat's fingerprint differs from the last one of the group, which it replaces.
    pub(crate) fn is_new_fingerprint(&mut self, group: &Text, fingerprint: i32) -> bool {
        let before = match self.fingerprints.get_mut(group.as_str()) {
            Some(before) => std::mem::replace(before, fingerprint),
            None => {
                self.fingerprints.insert(group.detached(), fingerprint);
                fingerprint
            }
        };
        before != fingerprint
    }

    /// Whether it is known what a group consumes.
    pub(crate) fn has_subscriptions(&self, group: &str) -> bool {
        self.group(group).is_some_and(|group| !group.subscriptions.is_empty())
    }

    /// A connection no longer consumes in a group. True if it did.
    pub(crate) fn stop_consuming(&mut self, peer: PeerId, group: &str) -> bool {
        if let Some(groups) = self.consuming.get_mut(&peer) {
            groups.remove(group);
            if groups.is_empty() {
                self.consuming.remove(&peer);
            }
        }
        let Some(members) = self.consumers.get_mut(group) else { return false };
        members.clients.remove(&peer).is_some()
    }

    /// Forgets a group that has no members left. Gives whether it has any.
    pub(crate) fn prune(&mut self, group: &str) -> bool {
        let empty = self.consumers.get(group).is_some_and(|group| group.clients.is_empty());
        if empty {
            self.consumers.remove(group);
            self.fingerprints.remove(group);
        }
        !empty
    }

    /// A connection no longer produces in a group.
    pub(crate) fn stop_producing(&mut self, peer: PeerId, group: &str) {
        if let Some(clients) = self.producers.get_mut(group) {
            clients.remove(&peer);
            if clients.is_empty() {
                self.producers.remove(group);
            }
        }
    }

    /// The groups in which a connection consumes.
    pub(crate) fn consuming(&self, peer: PeerId) -> Vec<Text> {
        self.consuming.get(&peer).into_iter().flatten().cloned().collect()
    }

    /// Clients that were not heard of for `silence`: consumers with their group. Producers are
    /// forgotten at once.
    pub(crate) fn expired(&mut self, now: Monotonic, silence: Duration) -> Vec<(PeerId, Text)> {
        let is_silent = |client: &Client| client.seen.monotonic + silence < now;
        self.producers.retain(|_, clients| {
            clients.retain(|_, client| !is_silent(client));
            !clients.is_empty()
        });
        self.consumers
            .iter()
            .flat_map(|(name, group)| {
                group
                    .clients
                    .iter()
                    .filter(|(_, client)| is_silent(client))
                    .map(|(peer, _)| (*peer, name.clone()))
            })
            .collect()
    }

    /// The consumers of a group.
    pub(crate) fn group(&self, group: &str) -> Option<&ConsumerGroup> {
        self.consumers.get(group)
    }

    /// What a group wants of a topic.
    pub(crate) fn subscription(&self, group: &str, topic: &str) -> Option<&Subscription> {
        self.consumers.get(group)?.subscriptions.get(topic)
    }

    /// The groups that want something of a topic.
    pub(crate) fn groups_of(&self, topic: &str) -> BTreeSet<Text> {
        self.consumers
            .iter()
            .filter(|(_, group)| group.subscriptions.contains_key(topic))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// A member of a group by the client's id.
    pub(crate) fn member(&self, group: &str, client: &str) -> Option<(PeerId, &Client)> {
        let members = &self.consumers.get(group)?.clients;
        members.iter().find(|(_, each)| each.id == *client).map(|(peer, client)| (*peer, client))
    }

    /// The producers of a group.
    pub(crate) fn producers(&self, group: &str) -> Option<&BTreeMap<PeerId, Client>> {
        self.producers.get(group)
    }

    /// Every producer by group.
    pub(crate) fn all_producers(&self) -> &BTreeMap<Text, BTreeMap<PeerId, Client>> {
        &self.producers
    }
}

impl ConsumerGroup {
    /// Takes over what a member wants. True if the topics changed; a newer expression for the same
    /// topic is taken but is no change.
    fn subscribe(&mut self, wanted: &[SubscriptionData], now: Monotonic) -> bool {
        let mut changed = false;
        for data in wanted {
            let fresh = || Subscription {
                filter: TagFilter::of(data),
                data: SubscriptionData { topic: data.topic.detached(), ..data.clone() },
                seen: now,
            };
            match self.subscriptions.get_mut(data.topic.as_str()) {
                Some(known) if known.data.sub_version < data.sub_version => *known = fresh(),
                Some(known) => known.seen = now,
                None => {
                    self.subscriptions.insert(data.topic.detached(), fresh());
                    changed = true;
                }
            }
        }
        let before = self.subscriptions.len();
        self.subscriptions.retain(|topic, _| wanted.iter().any(|data| data.topic == *topic));
        changed || self.subscriptions.len() < before
    }

    /// The ids of its members.
    pub(crate) fn client_ids(&self) -> Vec<Text> {
        self.clients.values().map(|client| client.id.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(id: &str, seconds: u64) -> Client {
        Client {
            id: Text::from(id),
            language: Language::Java,
            version: 513,
            remote: SocketAddr::from(([127, 0, 0, 1], 1)),
            seen: Now { wall_ms: 0, monotonic: Monotonic(seconds * 1_000_000_000) },
        }
    }

    fn consumer(topics: &[&str], version: i64) -> ConsumerData {
        let subscriptions = topics
            .iter()
            .map(|topic| SubscriptionData {
                topic: Text::from(*topic),
                expression: Text::from("*"),
                sub_version: version,
                ..SubscriptionData::default()
            })
            .collect();
        ConsumerData { group_name: Text::from("g"), subscriptions, ..ConsumerData::default() }
    }

    #[test]
    fn only_new_members_and_new_topics_are_changes() {
        let mut peers = Peers::default();
        let one = client("c1", 0);
        assert!(peers.consume(PeerId(1), &one, &consumer(&["t"], 1), true), "joined");
        assert!(!peers.consume(PeerId(1), &one, &consumer(&["t"], 2), true), "newer version");
        assert_eq!(2, peers.subscription("g", "t").unwrap().data.sub_version);
        assert!(peers.consume(PeerId(1), &one, &consumer(&["t", "u"], 2), true), "another topic");
        assert!(peers.consume(PeerId(1), &one, &consumer(&["u"], 2), true), "one topic less");
        assert!(peers.consume(PeerId(2), &client("c2", 0), &consumer(&["u"], 2), true));
        assert!(peers.subscription("g", "t").is_none());
        assert_eq!(["c1", "c2"], peers.group("g").unwrap().client_ids().as_slice());
    }

    #[test]
    fn silent_clients_expire_and_empty_groups_are_forgotten() {
        let mut peers = Peers::default();
        peers.consume(PeerId(1), &client("c1", 0), &consumer(&["t"], 1), true);
        peers.consume(PeerId(2), &client("c2", 100), &consumer(&["t"], 1), true);
        peers.produce(PeerId(1), &client("c1", 0), &Text::from("p"));
        let silence = Duration::from_secs(120);
        let now = Monotonic(121_000_000_000);
        assert_eq!(vec![(PeerId(1), Text::from("g"))], peers.expired(now, silence));
        assert!(peers.producers("p").is_none());
        assert!(peers.stop_consuming(PeerId(1), "g"));
        assert!(!peers.stop_consuming(PeerId(1), "g"));
        assert!(peers.prune("g"));
        peers.stop_consuming(PeerId(2), "g");
        assert!(!peers.prune("g"));
        assert!(peers.group("g").is_none());
    }

    #[test]
    fn a_fingerprint_is_new_when_it_differs_from_the_last() {
        let mut peers = Peers::default();
        let group = Text::from("g");
        assert!(!peers.is_new_fingerprint(&group, 5));
        assert!(peers.is_new_fingerprint(&group, 6));
        assert!(!peers.is_new_fingerprint(&group, 6));
    }
}
