//! What happened in a run, as plain facts that anybody could have written down by watching.
//!
//! A history is filled by the clients of the workload (what they asked, what they were told, what
//! they were given), by whoever plays the faults, and at the end by an audit that reads every
//! queue and opens every store. All times are true time. Facts of one kind are in the order in
//! which they began.
//!
//! A fact that is not known is `None` or [`Outcome::Unknown`], never a guess.

use std::collections::BTreeMap;

use crate::{
    audit_facts::{Bounds, GroupEnd, KeyQuery, QueueEnd, TimeSearch},
    fault_facts::FaultFact,
    ids::{GroupId, MessageId, Moment, Names, NodeId, QueueId, TopicId},
    promises::{Ack, Flush, Role},
    store_facts::{Boot, Recovery, SegmentGone, StoreImage},
};

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeKind {
    /// Knows who is where.
    NameServer,
    /// Keeps messages.
    Broker,
    /// Sends messages.
    Producer,
    /// Receives messages.
    Consumer,
    /// Administers, and audits at the end.
    Admin,
}

impl NodeKind {
    /// A word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NameServer => "name server",
            Self::Broker => "broker",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
            Self::Admin => "admin",
        }
    }
}

/// One machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFact {
    /// Unique name, as it appears in every explanation.
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
}

/// How a broker was configured, as far as promises depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerFact {
    /// The broker's node.
    pub node: NodeId,
    /// When a send is answered.
    pub flush: Flush,
    /// What replicates to what.
    pub role: Role,
    /// After how many milliseconds an asynchronous flush has begun at the latest.
    pub flush_within_ms: u64,
    /// Every how many milliseconds consumer offsets are written to disk.
    pub offsets_within_ms: u64,
    /// Messages older than this may be deleted.
    pub reserved_ms: u64,
    /// Whether consumers may be given records that are not flushed yet (`readUnCommitted`).
    pub reads_unflushed: bool,
    /// Segment size of the commit log, in bytes.
    pub segment_bytes: u64,
}

/// One queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueFact {
    /// The broker that holds it.
    pub broker: NodeId,
    /// The topic it belongs to.
    pub topic: TopicId,
    /// Its number on that broker.
    pub number: i32,
}

/// How a group consumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Pushed, in any order, retried through the retry topic.
    Concurrent,
    /// Pushed, one after the other per queue, retried in place.
    Orderly,
    /// Every member gets everything; offsets live with the member.
    Broadcast,
    /// The application pulls and commits.
    Pull,
}

/// Which messages of a topic a group asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Filter {
    /// Every message.
    #[default]
    All,
    /// Messages with one of these tags.
    Tags(Vec<String>),
}

impl Filter {
    /// Whether a message with these tags is asked for.
    #[must_use]
    pub fn wants(&self, tags: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Tags(wanted) => tags.is_some_and(|tags| wanted.iter().any(|one| one == tags)),
        }
    }
}

/// A consumer group and what it was promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupFact {
    /// The group.
    pub group: GroupId,
    /// How it consumes.
    pub mode: Mode,
    /// What it subscribes to.
    pub subscriptions: Vec<(TopicId, Filter)>,
    /// Whether it starts at the first message of every queue (else only new ones are promised).
    pub from_first: bool,
    /// After how many retries a message becomes a dead letter.
    pub retries_max: u32,
}

/// What a message is to those who send and receive it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The number written into the body; `None` if the body is not one of ours.
    pub message: Option<MessageId>,
    /// [`crate::hash_bytes`] of the body, decompressed.
    pub body_hash: u64,
    /// Length of the body in bytes, decompressed.
    pub body_bytes: u32,
    /// TAGS.
    pub tags: Option<String>,
    /// KEYS.
    pub keys: Option<String>,
    /// [`crate::hash_bytes`] over the user's own properties, sorted: `name=value\n` each.
    pub properties_hash: u64,
    /// The message flag.
    pub flag: i32,
    /// The client's unique key, if one was seen.
    pub unique_key: Option<String>,
    /// Born time stamp in milliseconds, if one was seen.
    pub born_ms: Option<i64>,
}

/// What a producer was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The broker answered: stored.
    Acked {
        /// How good the answer is.
        ack: Ack,
        /// Where the message is.
        queue: QueueId,
        /// At which queue offset.
        offset: i64,
    },
    /// Every try was refused by an answer that says "not stored".
    Refused {
        /// The response code.
        code: i32,
    },
    /// Nothing ever left the client: no route, no connection, refused by the client itself.
    NeverSent,
    /// Timed out, connection lost, client died, one way: may be stored, may be not.
    Unknown,
}

/// One call of a producer's send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendFact {
    /// Who sent.
    pub producer: NodeId,
    /// To which topic.
    pub topic: TopicId,
    /// What.
    pub content: Content,
    /// When the call began.
    pub invoked: Moment,
    /// When it came back; `None` if it never did.
    pub returned: Option<Moment>,
    /// What it said.
    pub outcome: Outcome,
    /// How many requests the client may have sent for this one call.
    pub tries: u32,
    /// Sends of one stream by one producer are made one after the other, each after the answer to
    /// the one before, to the same queue. `None`: no order is claimed.
    pub stream: Option<u64>,
    /// The message asked to be delayed by this many milliseconds.
    pub delay_ms: u64,
    /// Sent after the heal to see that sending works again.
    pub probe: bool,
}

/// How a listener ended with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumed {
    /// Success.
    Success,
    /// Failure: deliver again later.
    Later,
}

/// One message given to a consumer's listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Who got it.
    pub consumer: NodeId,
    /// In which group.
    pub group: GroupId,
    /// From which queue it was pulled (of the retry topic for a retried one).
    pub queue: QueueId,
    /// At which offset of that queue.
    pub offset: i64,
    /// The topic that the message shows to the listener.
    pub topic: TopicId,
    /// What was given.
    pub content: Content,
    /// How often it was consumed before, by its own account.
    pub reconsumed: i32,
    /// When the listener was entered.
    pub began: Moment,
    /// When it returned; `None` if it never did.
    pub ended: Option<Moment>,
    /// What it said; `None` if it never did.
    pub consumed: Option<Consumed>,
}

/// A group gave a message back, to get it again later or to find it among the dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentBack {
    /// Which group.
    pub group: GroupId,
    /// The unique key of the message.
    pub unique_key: String,
    /// How often it had been given back before.
    pub reconsumed: i32,
    /// The broker that accepted it.
    pub broker: NodeId,
    /// How good the answer was.
    pub ack: Ack,
    /// When it was answered.
    pub at: Moment,
}

/// What a pull was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullStatus {
    /// Messages.
    Found,
    /// Nothing past the offset yet.
    NoNew,
    /// Messages were looked at, none matched.
    NoMatch,
    /// The offset is outside the queue.
    Moved,
}

/// One pull by an application that pulls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    /// Who pulled.
    pub consumer: NodeId,
    /// In which group.
    pub group: GroupId,
    /// From which queue.
    pub queue: QueueId,
    /// When it was asked.
    pub invoked: Moment,
    /// When it was answered.
    pub returned: Moment,
    /// From which offset.
    pub from: i64,
    /// At most this many.
    pub messages_max: u32,
    /// What was asked for.
    pub filter: Filter,
    /// How it ended.
    pub status: PullStatus,
    /// Where to go on.
    pub next: i64,
    /// Offsets that were given, with their messages, in the order given.
    pub given: Vec<(i64, Content)>,
}

/// A consumer offset told to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Who told.
    pub consumer: NodeId,
    /// For which group.
    pub group: GroupId,
    /// For which queue.
    pub queue: QueueId,
    /// The next offset to consume.
    pub offset: i64,
    /// When it was sent.
    pub invoked: Moment,
    /// When it was confirmed; `None` for one way or no answer.
    pub confirmed: Option<Moment>,
}

/// A consumer offset asked from the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetRead {
    /// For which group.
    pub group: GroupId,
    /// For which queue.
    pub queue: QueueId,
    /// When it was asked.
    pub invoked: Moment,
    /// When it was answered.
    pub returned: Moment,
    /// The answer; `None` if the broker knows none.
    pub offset: Option<i64>,
}

/// A member's share of the queues changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebalance {
    /// The member.
    pub consumer: NodeId,
    /// Its group.
    pub group: GroupId,
    /// When.
    pub at: Moment,
    /// What it holds from now on.
    pub queues: Vec<QueueId>,
}

/// A member began to read a queue: it was given to it, or it had to begin anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begin {
    /// The member.
    pub consumer: NodeId,
    /// Its group.
    pub group: GroupId,
    /// The queue.
    pub queue: QueueId,
    /// When.
    pub at: Moment,
    /// At which offset.
    pub offset: i64,
}

/// Something an administrator did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminDeed {
    /// A topic was created or changed.
    TopicUpdated(TopicId),
    /// A topic was deleted: its messages may be gone.
    TopicDeleted(TopicId),
    /// A group's offset was set.
    OffsetReset(GroupId, QueueId, i64),
    /// A group was deleted: its offsets may be gone.
    GroupDeleted(GroupId),
}

/// When an administrator did something, and whether it was confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// When it was asked.
    pub invoked: Moment,
    /// When it was confirmed; `None` if it may or may not have happened.
    pub confirmed: Option<Moment>,
    /// What.
    pub deed: AdminDeed,
}

/// Everything that is known about one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The machines; a [`NodeId`] is a position here.
    pub nodes: Vec<NodeFact>,
    /// How the brokers were configured.
    pub brokers: Vec<BrokerFact>,
    /// Topic names; a [`TopicId`] is a number here.
    pub topics: Names,
    /// Group names; a [`GroupId`] is a number here.
    pub groups: Names,
    /// The queues; a [`QueueId`] is a position here.
    pub queues: Vec<QueueFact>,
    /// How the groups consume.
    pub group_facts: Vec<GroupFact>,
    /// Calls of send.
    pub sends: Vec<SendFact>,
    /// Messages given to listeners.
    pub deliveries: Vec<Delivery>,
    /// Pulls by applications.
    pub pulls: Vec<Pull>,
    /// Messages given back.
    pub sent_back: Vec<SentBack>,
    /// Offsets told.
    pub commits: Vec<Commit>,
    /// Offsets asked.
    pub offset_reads: Vec<OffsetRead>,
    /// Shares of queues.
    pub rebalances: Vec<Rebalance>,
    /// Queues begun.
    pub begins: Vec<Begin>,
    /// Administration.
    pub admin: Vec<Admin>,
    /// Faults.
    pub faults: Vec<FaultFact>,
    /// Starts of nodes.
    pub boots: Vec<Boot>,
    /// Recoveries of stores.
    pub recoveries: Vec<Recovery>,
    /// Segments that brokers deleted.
    pub segments_gone: Vec<SegmentGone>,
    /// When the faults ended; `None` if the run has no healed phase.
    pub healed: Option<Moment>,
    /// When everything had been consumed after the heal; `None` if it never was.
    pub drained: Option<Moment>,
    /// When the run ended.
    pub ended: Moment,
    /// Bounds for the healed phase.
    pub bounds: Bounds,
    /// What the audit read from the queues.
    pub queue_ends: Vec<QueueEnd>,
    /// Where the groups stood.
    pub group_ends: Vec<GroupEnd>,
    /// Searches by time.
    pub time_searches: Vec<TimeSearch>,
    /// Searches by key.
    pub key_queries: Vec<KeyQuery>,
    /// Stores as read from their files by somebody else than the store, in the order of time.
    pub stores: Vec<StoreImage>,
    queue_numbers: BTreeMap<QueueFact, QueueId>,
}

impl History {
    /// An empty history.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node and gives its id; the id it has if the name is known.
    pub fn add_node(&mut self, name: &str, kind: NodeKind) -> NodeId {
        if let Some(node) = self.find_node(name) {
            return node;
        }
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(NodeFact { name: name.to_owned(), kind });
        id
    }

    /// The node of that name.
    #[must_use]
    pub fn find_node(&self, name: &str) -> Option<NodeId> {
        let at = self.nodes.iter().position(|node| node.name == name)?;
        u32::try_from(at).ok().map(NodeId)
    }

    /// The id of a topic, which is given one if it has none yet.
    pub fn topic(&mut self, name: &str) -> TopicId {
        TopicId(self.topics.number(name))
    }

    /// The id of a group, which is given one if it has none yet.
    pub fn group(&mut self, name: &str) -> GroupId {
        GroupId(self.groups.number(name))
    }

    /// The id of a queue, which is given one if it has none yet.
    pub fn queue(&mut self, broker: NodeId, topic: TopicId, number: i32) -> QueueId {
        let fact = QueueFact { broker, topic, number };
        let next = QueueId(u32::try_from(self.queues.len()).unwrap_or(u32::MAX));
        let queues = &mut self.queues;
        *self.queue_numbers.entry(fact).or_insert_with(|| {
            queues.push(fact);
            next
        })
    }

    /// A node's name.
    #[must_use]
    pub fn node_name(&self, node: NodeId) -> &str {
        at(&self.nodes, node.0).map_or("?", |fact| fact.name.as_str())
    }

    /// A topic's name.
    #[must_use]
    pub fn topic_name(&self, topic: TopicId) -> &str {
        self.topics.name(topic.0)
    }

    /// A group's name.
    #[must_use]
    pub fn group_name(&self, group: GroupId) -> &str {
        self.groups.name(group.0)
    }

    /// What is known about a queue.
    #[must_use]
    pub fn queue_fact(&self, queue: QueueId) -> Option<QueueFact> {
        at(&self.queues, queue.0).copied()
    }

    /// A queue in words: `queue 2 of orders on broker-a`.
    #[must_use]
    pub fn queue_words(&self, queue: QueueId) -> String {
        self.queue_fact(queue).map_or_else(
            || format!("unknown queue {}", queue.0),
            |fact| {
                let (topic, broker) = (self.topic_name(fact.topic), self.node_name(fact.broker));
                format!("queue {} of {topic} on {broker}", fact.number)
            },
        )
    }

    /// The broker that holds a queue.
    #[must_use]
    pub fn broker_of(&self, queue: QueueId) -> Option<NodeId> {
        self.queue_fact(queue).map(|fact| fact.broker)
    }

    /// How a broker was configured.
    #[must_use]
    pub fn broker_fact(&self, node: NodeId) -> Option<&BrokerFact> {
        self.brokers.iter().find(|fact| fact.node == node)
    }

    /// How a group consumes.
    #[must_use]
    pub fn group_fact(&self, group: GroupId) -> Option<&GroupFact> {
        self.group_facts.iter().find(|fact| fact.group == group)
    }

    /// Faults that struck a node, in the order of time.
    pub fn faults_of(&self, node: NodeId) -> impl Iterator<Item = &FaultFact> {
        self.faults.iter().filter(move |fault| fault.nodes.contains(&node))
    }

    /// When the last fault was over that can keep a node from saying goodbye.
    #[must_use]
    pub fn last_strike(&self) -> Option<Moment> {
        let parting = self.faults.iter().filter(|fault| fault.kind.parts());
        parting.map(|fault| fault.until.unwrap_or(fault.at)).max()
    }

    /// Number of facts, as a measure of how much was checked.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sends.len()
            + self.deliveries.len()
            + self.pulls.len()
            + self.sent_back.len()
            + self.commits.len()
            + self.offset_reads.len()
            + self.rebalances.len()
            + self.faults.len()
            + self.queue_ends.iter().map(|end| end.records.len()).sum::<usize>()
    }

    /// Whether nothing is known at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn at<T>(items: &[T], number: u32) -> Option<&T> {
    usize::try_from(number).ok().and_then(|at| items.get(at))
}
