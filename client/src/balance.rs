//! Who of a group reads which queues: the allocation strategies of the Java client.
//!
//! Every member computes its own share from the same two sorted lists, so all members of a group
//! must use the same strategy, and members written in other languages must get the same results.
//!
//! Source: client/consumer/rebalance/*.java, common/consistenthash/ConsistentHashRouter.java.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use md5::{Digest, Md5};
use protocol::Text;

use crate::MessageQueue;

/// Tells machine rooms, for [`Balance::machine_room_nearby`].
pub trait MachineRooms: Send + Sync {
    /// The room of the broker that has this queue.
    fn of_queue(&self, queue: &MessageQueue) -> Text;
    /// The room of the client with this id.
    fn of_client(&self, client_id: &str) -> Text;
}

/// A way to divide the queues of a topic among the members of a group.
#[derive(Clone)]
pub struct Balance(Strategy);

#[derive(Clone)]
enum Strategy {
    Averagely,
    AveragelyByCircle,
    ByConfig(Arc<[MessageQueue]>),
    MachineRoom(Arc<BTreeSet<Text>>),
    MachineRoomNearby(Arc<(Balance, Arc<dyn MachineRooms>)>),
    ConsistentHash { virtual_nodes: u32 },
}

impl Default for Balance {
    fn default() -> Self {
        Self::averagely()
    }
}

impl fmt::Debug for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Balance {
    /// Neighbouring queues to the same member; the first members get one more. The default.
    #[must_use]
    pub fn averagely() -> Self {
        Self(Strategy::Averagely)
    }

    /// The queues dealt out like cards.
    #[must_use]
    pub fn averagely_by_circle() -> Self {
        Self(Strategy::AveragelyByCircle)
    }

    /// Always these queues, whoever else is there.
    #[must_use]
    pub fn by_config(queues: Vec<MessageQueue>) -> Self {
        Self(Strategy::ByConfig(queues.into()))
    }

    /// Only queues of brokers named `room@name` for one of these rooms, shared averagely.
    #[must_use]
    pub fn machine_room(rooms: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        Self(Strategy::MachineRoom(Arc::new(rooms.into_iter().map(Into::into).collect())))
    }

    /// Each room's queues to its own members by `within`; queues of rooms without members to all.
    #[must_use]
    pub fn machine_room_nearby(within: Self, rooms: Arc<dyn MachineRooms>) -> Self {
        Self(Strategy::MachineRoomNearby(Arc::new((within, rooms))))
    }

    /// Queues to the next member on a ring with 10 virtual nodes per member, so that few queues
    /// change hands when a member comes or goes.
    #[must_use]
    pub fn consistent_hash() -> Self {
        Self::consistent_hash_with(10)
    }

    /// Consistent hashing with another number of virtual nodes.
    #[must_use]
    pub fn consistent_hash_with(virtual_nodes: u32) -> Self {
        Self(Strategy::ConsistentHash { virtual_nodes })
    }

    /// RocketMQ's name of the strategy.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.0 {
            Strategy::Averagely => "AVG".to_owned(),
            Strategy::AveragelyByCircle => "AVG_BY_CIRCLE".to_owned(),
            Strategy::ByConfig(_) => "CONFIG".to_owned(),
            Strategy::MachineRoom(_) => "MACHINE_ROOM".to_owned(),
            Strategy::MachineRoomNearby(both) => format!("MACHINE_ROOM_NEARBY-{}", both.0.name()),
            Strategy::ConsistentHash { .. } => "CONSISTENT_HASH".to_owned(),
        }
    }

    /// The share of one member. `queues` and `members` must be sorted; a client that is no member
    /// gets nothing.
    #[must_use]
    pub fn share(
        &self,
        client_id: &str,
        queues: &[MessageQueue],
        members: &[Text],
    ) -> Vec<MessageQueue> {
        if let Strategy::ByConfig(fixed) = &self.0 {
            return fixed.to_vec();
        }
        let Some(index) = members.iter().position(|member| member == client_id) else {
            return Vec::new();
        };
        match &self.0 {
            Strategy::ByConfig(fixed) => fixed.to_vec(),
            Strategy::Averagely => averagely(index, queues, members.len()),
            Strategy::AveragelyByCircle => {
                queues.iter().skip(index).step_by(members.len()).cloned().collect()
            }
            Strategy::MachineRoom(rooms) => machine_room(rooms, index, queues, members.len()),
            Strategy::MachineRoomNearby(both) => {
                nearby(&both.0, &*both.1, client_id, queues, members)
            }
            Strategy::ConsistentHash { virtual_nodes } => {
                let ring = Ring::new(members, *virtual_nodes);
                let mine = queues.iter().filter(|queue| ring.owner(queue) == Some(client_id));
                mine.cloned().collect()
            }
        }
    }
}

fn averagely(index: usize, queues: &[MessageQueue], members: usize) -> Vec<MessageQueue> {
    let rest = queues.len() % members;
    let each = queues.len() / members;
    let (start, count) =
        if index < rest { (index * (each + 1), each + 1) } else { (index * each + rest, each) };
    queues.iter().skip(start).take(count).cloned().collect()
}

fn machine_room(
    rooms: &BTreeSet<Text>,
    index: usize,
    queues: &[MessageQueue],
    members: usize,
) -> Vec<MessageQueue> {
    let here: Vec<&MessageQueue> = queues.iter().filter(|queue| is_in(rooms, queue)).collect();
    let each = here.len() / members;
    let mut share: Vec<MessageQueue> =
        here.iter().skip(each * index).take(each).map(|&queue| queue.clone()).collect();
    if index < here.len() % members {
        share.extend(here.get(index + each * members).map(|&queue| queue.clone()));
    }
    share
}

/// Java's `split("@")` gives two parts for exactly one `@` with something after it.
fn is_in(rooms: &BTreeSet<Text>, queue: &MessageQueue) -> bool {
    match queue.broker_name.split_once('@') {
        Some((room, name)) => {
            let name = name.trim_end_matches('@');
            !name.is_empty() && !name.contains('@') && rooms.contains(room)
        }
        None => false,
    }
}

fn nearby(
    within: &Balance,
    rooms: &dyn MachineRooms,
    client_id: &str,
    queues: &[MessageQueue],
    members: &[Text],
) -> Vec<MessageQueue> {
    let mut queues_by_room: BTreeMap<Text, Vec<MessageQueue>> = BTreeMap::new();
    for queue in queues {
        queues_by_room.entry(rooms.of_queue(queue)).or_default().push(queue.clone());
    }
    let mut members_by_room: BTreeMap<Text, Vec<Text>> = BTreeMap::new();
    for member in members {
        members_by_room.entry(rooms.of_client(member)).or_default().push(member.clone());
    }
    let mine = rooms.of_client(client_id);
    let mut share = Vec::new();
    if let (Some(queues), Some(members)) =
        (queues_by_room.remove(&mine), members_by_room.get(&mine))
    {
        share.extend(within.share(client_id, &queues, members));
    }
    for (room, queues) in queues_by_room {
        if !members_by_room.contains_key(&room) {
            share.extend(within.share(client_id, &queues, members));
        }
    }
    share
}

/// A ring of virtual nodes; a key belongs to the first node at or after its hash.
struct Ring<'a>(BTreeMap<u32, &'a str>);

impl<'a> Ring<'a> {
    fn new(members: &'a [Text], virtual_nodes: u32) -> Self {
        let mut ring: BTreeMap<u32, &'a str> = BTreeMap::new();
        for member in members {
            // A member listed twice continues the numbering of its nodes.
            let first = ring.values().filter(|each| ***each == **member).count();
            for node in 0..virtual_nodes as usize {
                ring.insert(hash(&format!("{member}-{}", first + node)), member);
            }
        }
        Self(ring)
    }

    fn owner(&self, queue: &MessageQueue) -> Option<&'a str> {
        let hash = hash(&queue.to_string());
        let at_or_after = self.0.range(hash..).next();
        at_or_after.or_else(|| self.0.iter().next()).map(|(_, member)| *member)
    }
}

/// The first four bytes of the MD5, big-endian.
fn hash(key: &str) -> u32 {
    let digest = Md5::digest(key.as_bytes());
    digest.first_chunk::<4>().map_or(0, |first| u32::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queues_on(broker: &str, ids: std::ops::Range<i32>) -> Vec<MessageQueue> {
        ids.map(|id| MessageQueue::new("topic", broker, id)).collect()
    }

    fn members(prefix: &str, count: usize) -> Vec<Text> {
        (0..count).map(|n| Text::from(format!("{prefix}{n}"))).collect()
    }

    fn shares(balance: &Balance, queues: &[MessageQueue], members: &[Text]) -> Vec<Vec<i32>> {
        let ids = |share: Vec<MessageQueue>| share.iter().map(|queue| queue.queue_id).collect();
        members.iter().map(|member| ids(balance.share(member, queues, members))).collect()
    }

    fn assert_everything_once(balance: &Balance, queues: &[MessageQueue], members: &[Text]) {
        let mut all: Vec<MessageQueue> =
            members.iter().flat_map(|member| balance.share(member, queues, members)).collect();
        all.sort();
        let mut wanted = queues.to_vec();
        wanted.sort();
        assert_eq!(all, wanted);
    }

    // The numbers of the following tests are those of Java's own unit tests.

    #[test]
    fn averagely_gives_neighbours_and_the_first_members_one_more() {
        let queues = queues_on("brokerName", 0..10);
        let shares = shares(&Balance::averagely(), &queues, &members("CID_PREFIX", 4));
        assert_eq!(shares, [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7], vec![8, 9]]);
    }

    #[test]
    fn averagely_leaves_members_without_queues_when_there_are_too_few() {
        let queues = queues_on("brokerName", 0..2);
        let shares = shares(&Balance::averagely(), &queues, &members("CID_PREFIX", 4));
        assert_eq!(shares, [vec![0], vec![1], vec![], vec![]]);
    }

    #[test]
    fn by_circle_deals_like_cards() {
        let queues = queues_on("brokerName", 0..10);
        let members = members("CID_PREFIX", 4);
        let balance = Balance::averagely_by_circle();
        assert_eq!(balance.share("CID_PREFIX", &queues, &members), []);
        let shares = shares(&balance, &queues, &members);
        assert_eq!(shares, [vec![0, 4, 8], vec![1, 5, 9], vec![2, 6], vec![3, 7]]);
    }

    #[test]
    fn a_machine_room_gives_only_its_own_queues() {
        let mut queues = queues_on("room1@broker-a", 0..5);
        queues.extend(queues_on("room2@broker-b", 5..10));
        let shares = shares(&Balance::machine_room(["room1"]), &queues, &members("CID_PREFIX", 2));
        assert_eq!(shares, [vec![0, 1, 4], vec![2, 3]]);
    }

    #[test]
    fn a_configured_share_depends_on_nobody() {
        let queues = queues_on("b", 3..5);
        assert_eq!(Balance::by_config(queues.clone()).share("nobody", &[], &[]), queues);
    }

    struct ByPrefix;

    impl MachineRooms for ByPrefix {
        fn of_queue(&self, queue: &MessageQueue) -> Text {
            Text::from(queue.broker_name.split('-').next().unwrap_or_default())
        }
        fn of_client(&self, client_id: &str) -> Text {
            Text::from(client_id.split('-').next().unwrap_or_default())
        }
    }

    #[test]
    fn nearby_queues_go_to_members_of_their_room_and_orphaned_ones_to_all() {
        let balance = Balance::machine_room_nearby(Balance::averagely(), Arc::new(ByPrefix));
        for (queue_rooms, member_rooms, queues_each, members_each) in
            [(5, 5, 20, 10), (5, 5, 20, 30), (5, 6, 10, 5), (5, 3, 10, 20), (10, 1, 7, 3)]
        {
            let queues: Vec<MessageQueue> = (1..=queue_rooms)
                .flat_map(|room| queues_on(&format!("IDC{room}-brokerName"), 0..queues_each))
                .collect();
            let all: Vec<Text> = (1..=member_rooms)
                .flat_map(|room| members(&format!("IDC{room}-CID-"), members_each))
                .collect();
            assert_everything_once(&balance, &queues, &all);
            for member in &all {
                for queue in balance.share(member, &queues, &all) {
                    let room = ByPrefix.of_queue(&queue);
                    let staffed = all.iter().any(|each| ByPrefix.of_client(each) == room);
                    assert!(!staffed || ByPrefix.of_client(member) == room);
                }
            }
        }
        assert_eq!(balance.name(), "MACHINE_ROOM_NEARBY-AVG");
    }

    #[test]
    fn consistent_hashing_moves_only_the_queues_of_who_comes_or_goes() {
        let balance = Balance::consistent_hash_with(3);
        for (queues, count) in [(20, 10), (10, 20), (7, 3), (1, 1)] {
            let queues = queues_on("brokerName", 0..queues);
            let before = members("CID-", count + 1);
            let after = before[1..].to_vec();
            assert_everything_once(&balance, &queues, &before);
            assert_everything_once(&balance, &queues, &after);
            for member in &after {
                let kept = balance.share(member, &queues, &before);
                let now = balance.share(member, &queues, &after);
                assert!(kept.iter().all(|queue| now.contains(queue)), "{member} lost a queue");
            }
        }
    }

    #[test]
    fn the_hash_is_the_start_of_the_md5() {
        assert_eq!(hash(""), 0xd41d_8cd9);
        assert_eq!(hash("abc"), 0x9001_5098);
    }

    #[test]
    fn nobody_gets_anything_from_nothing() {
        for balance in [Balance::averagely(), Balance::consistent_hash(), Balance::default()] {
            assert!(balance.share("a", &[], &members("a", 1)).is_empty());
            assert!(balance.share("a", &queues_on("b", 0..3), &[]).is_empty());
        }
    }
}
