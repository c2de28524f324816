//! How far each group has consumed each queue.
//!
//! Three numbers per group and queue: the committed offset (what is consumed), the pulled offset
//! (what was handed out), and, after an administrator's reset, the offset that the next pull is
//! sent to.
//!
//! Source: `broker/offset/ConsumerOffsetManager.java`.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{Text, body::DataVersion};
use remoting::PeerId;

/// Offsets by queue.
pub(crate) type QueueOffsets = BTreeMap<i32, i64>;
/// Offsets by `topic@group` and queue, as the file and the wire have them.
pub(crate) type OffsetTable = BTreeMap<Text, QueueOffsets>;

/// Between topic and group in the keys of the file.
const AT: char = '@';

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Committed {
    offset: i64,
    /// Who committed it; unknown after a restart.
    by: Option<PeerId>,
}

#[derive(Debug, Default, Clone)]
struct Queues {
    committed: BTreeMap<i32, Committed>,
    pulled: QueueOffsets,
    reset: QueueOffsets,
}

/// Who commits an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Committer {
    /// A member of the group that consumes what is pushed to it, over this connection.
    Member(PeerId),
    /// Anybody else: a pulling client, an administrator, the broker itself.
    Other(Option<PeerId>),
}

/// Every offset.
#[derive(Debug)]
pub(crate) struct Offsets {
    topics: BTreeMap<Text, BTreeMap<Text, Queues>>,
    version: DataVersion,
    commits: u64,
    /// Commits after which the version grows.
    version_step: u64,
    /// Grows with every change that the file would show.
    generation: u64,
}

impl Offsets {
    /// No offsets.
    pub(crate) fn new(now_ms: i64, version_step: u64) -> Self {
        Self {
            topics: BTreeMap::new(),
            version: DataVersion { timestamp_ms: now_ms, ..DataVersion::default() },
            commits: 0,
            version_step: version_step.max(1),
            generation: 0,
        }
    }

    /// Takes over saved tables. Keys that are not `topic@group` are given back.
    pub(crate) fn load(
        &mut self,
        committed: OffsetTable,
        pulled: OffsetTable,
        version: Option<DataVersion>,
    ) -> Vec<Text> {
        let mut odd = Vec::new();
        for (is_pulled, table) in [(false, committed), (true, pulled)] {
            for (key, offsets) in table {
                let Some((topic, group)) = key.split_once(AT) else {
                    odd.push(key);
                    continue;
                };
                let queues = self.queues_mut(&Text::from(topic), &Text::from(group));
                if is_pulled {
                    queues.pulled = offsets;
                } else {
                    let known = |(queue, offset)| (queue, Committed { offset, by: None });
                    queues.committed = offsets.into_iter().map(known).collect();
                }
            }
        }
        if let Some(version) = version {
            self.version = version;
        }
        odd
    }

    fn queues(&self, topic: &str, group: &str) -> Option<&Queues> {
        self.topics.get(topic)?.get(group)
    }

    fn queues_mut(&mut self, topic: &Text, group: &Text) -> &mut Queues {
        if !self.topics.contains_key(topic.as_str()) {
            self.topics.insert(topic.detached(), BTreeMap::new());
        }
        let groups = self.topics.entry(topic.clone()).or_default();
        if !groups.contains_key(group.as_str()) {
            groups.insert(group.detached(), Queues::default());
        }
        groups.entry(group.clone()).or_default()
    }

    /// Commits an offset. False if it was ignored.
    ///
    /// Differs from Java: a member that is not the last one to have committed cannot take the
    /// offset back. It is a former owner of the queue whose commit arrives late, and its word
    /// would make the group consume everything since then again.
    pub(crate) fn commit(
        &mut self,
        group: &Text,
        queue: (&Text, i32),
        offset: i64,
        committer: Committer,
        now_ms: i64,
    ) -> bool {
        let queues = self.queues_mut(queue.0, group);
        let by = match committer {
            Committer::Member(peer) => Some(peer),
            Committer::Other(peer) => peer,
        };
        if let (Some(last), Committer::Member(peer)) = (queues.committed.get(&queue.1), committer) {
            let late = last.by.is_some_and(|last| last != peer);
            if late && offset < last.offset {
                return false;
            }
        }
        let before = queues.committed.insert(queue.1, Committed { offset, by });
        if before.map(|before| before.offset) != Some(offset) {
            self.generation += 1;
        }
        self.commits += 1;
        if self.commits.is_multiple_of(self.version_step) {
            self.version.advance(now_ms);
        }
        true
    }

    /// Remembers what was handed out.
    pub(crate) fn pulled(&mut self, group: &Text, queue: (&Text, i32), offset: i64) {
        let queues = self.queues_mut(queue.0, group);
        if queues.pulled.insert(queue.1, offset) != Some(offset) {
            self.generation += 1;
        }
    }

    /// The committed offset, or the one an administrator reset it to.
    pub(crate) fn query(&self, group: &str, topic: &str, queue_id: i32) -> Option<i64> {
        let queues = self.queues(topic, group)?;
        let committed = || queues.committed.get(&queue_id).map(|committed| committed.offset);
        queues.reset.get(&queue_id).copied().or_else(committed)
    }

    /// What was handed out, or else what is committed.
    pub(crate) fn query_pulled(&self, group: &str, topic: &str, queue_id: i32) -> Option<i64> {
        let pulled = self.queues(topic, group).and_then(|queues| queues.pulled.get(&queue_id));
        pulled.copied().or_else(|| self.query(group, topic, queue_id))
    }

    /// Sets an offset for an administrator; the next pull is sent there.
    pub(crate) fn reset(&mut self, group: &Text, queue: (&Text, i32), offset: i64) {
        let queues = self.queues_mut(queue.0, group);
        queues.reset.insert(queue.1, offset);
        queues.committed.insert(queue.1, Committed { offset, by: None });
        self.generation += 1;
    }

    /// Whether a reset waits for its pull.
    pub(crate) fn is_reset(&self, group: &str, topic: &str, queue_id: i32) -> bool {
        self.queues(topic, group).is_some_and(|queues| queues.reset.contains_key(&queue_id))
    }

    /// Takes a reset: the pull that brings it to the client is here.
    pub(crate) fn take_reset(&mut self, group: &str, topic: &str, queue_id: i32) -> Option<i64> {
        self.topics.get_mut(topic)?.get_mut(group)?.reset.remove(&queue_id)
    }

    /// Forgets a topic.
    pub(crate) fn remove_topic(&mut self, topic: &str) {
        if self.topics.remove(topic).is_some() {
            self.generation += 1;
        }
    }

    /// Forgets a group.
    pub(crate) fn remove_group(&mut self, group: &str) {
        for groups in self.topics.values_mut() {
            if groups.remove(group).is_some() {
                self.generation += 1;
            }
        }
        self.topics.retain(|_, groups| !groups.is_empty());
    }

    /// Lowers committed and pulled offsets that are beyond the end of their queue, which is what a
    /// power cut leaves behind when the log lost its tail and the offsets were saved. Gives how
    /// many were lowered.
    ///
    /// Differs from Java, where the next messages take the lost places in the queue and the group
    /// never sees them.
    pub(crate) fn lower_to(&mut self, end: impl Fn(&str, i32) -> i64) -> usize {
        let mut lowered = 0;
        for (topic, groups) in &mut self.topics {
            for queues in groups.values_mut() {
                for (queue, committed) in &mut queues.committed {
                    let end = end(topic, *queue);
                    if end < committed.offset {
                        *committed = Committed { offset: end, by: None };
                        lowered += 1;
                    }
                }
                for (queue, offset) in &mut queues.pulled {
                    *offset = (*offset).min(end(topic, *queue));
                }
            }
        }
        if 0 < lowered {
            self.generation += 1;
        }
        lowered
    }

    /// The topics that a group has committed offsets of.
    pub(crate) fn topics_of(&self, group: &str) -> BTreeSet<Text> {
        self.topics
            .iter()
            .filter(|(_, groups)| {
                groups.get(group).is_some_and(|queues| !queues.committed.is_empty())
            })
            .map(|(topic, _)| topic.clone())
            .collect()
    }

    /// The groups that have committed offsets of a topic.
    pub(crate) fn groups_of(&self, topic: &str) -> BTreeSet<Text> {
        self.topics
            .get(topic)
            .into_iter()
            .flatten()
            .filter(|(_, queues)| !queues.committed.is_empty())
            .map(|(group, _)| group.clone())
            .collect()
    }

    /// Committed offsets of one group in one topic.
    pub(crate) fn committed_of(&self, group: &str, topic: &str) -> QueueOffsets {
        self.queues(topic, group)
            .map(|queues| queues.committed.iter().map(|(queue, at)| (*queue, at.offset)).collect())
            .unwrap_or_default()
    }

    /// Gives a group the committed offsets of another.
    pub(crate) fn clone_group(&mut self, source: &str, target: &Text, topic: &Text) {
        let Some(copied) = self.queues(topic, source).map(|queues| queues.committed.clone()) else {
            return;
        };
        let unowned = |(queue, at): (i32, Committed)| (queue, Committed { by: None, ..at });
        let queues = self.queues_mut(topic, target);
        queues.committed = copied.into_iter().map(unowned).collect();
        self.generation += 1;
    }

    /// The committed offsets as file and wire have them.
    pub(crate) fn committed_table(&self) -> OffsetTable {
        self.tables(|queues| {
            queues.committed.iter().map(|(queue, committed)| (*queue, committed.offset)).collect()
        })
    }

    /// The pulled offsets as file and wire have them.
    pub(crate) fn pulled_table(&self) -> OffsetTable {
        self.tables(|queues| queues.pulled.clone())
    }

    fn tables(&self, offsets: impl Fn(&Queues) -> QueueOffsets) -> OffsetTable {
        let mut table = OffsetTable::new();
        for (topic, groups) in &self.topics {
            for (group, queues) in groups {
                let offsets = offsets(queues);
                if !offsets.is_empty() {
                    table.insert(Text::from(format!("{topic}{AT}{group}")), offsets);
                }
            }
        }
        table
    }

    /// The topics of every group with committed offsets.
    pub(crate) fn group_topics(&self) -> BTreeMap<Text, BTreeSet<Text>> {
        let mut by_group: BTreeMap<Text, BTreeSet<Text>> = BTreeMap::new();
        for (topic, groups) in &self.topics {
            for (group, queues) in groups {
                if !queues.committed.is_empty() {
                    by_group.entry(group.clone()).or_default().insert(topic.clone());
                }
            }
        }
        by_group
    }

    /// The version of the table.
    pub(crate) fn version(&self) -> &DataVersion {
        &self.version
    }

    /// Grows with every change: what a saved file is compared with.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Table {
        offsets: Offsets,
        group: Text,
        topic: Text,
    }

    impl Table {
        fn new() -> Self {
            Self { offsets: Offsets::new(1, 500), group: Text::from("g"), topic: Text::from("t") }
        }

        fn commit(&mut self, offset: i64, committer: Committer) -> bool {
            self.offsets.commit(&self.group, (&self.topic, 0), offset, committer, 2)
        }

        fn query(&self) -> Option<i64> {
            self.offsets.query("g", "t", 0)
        }
    }

    const A: Committer = Committer::Member(PeerId(1));
    const B: Committer = Committer::Member(PeerId(2));
    const TOOL: Committer = Committer::Other(Some(PeerId(3)));

    #[test]
    fn a_former_owner_cannot_take_an_offset_back() {
        let mut table = Table::new();
        assert!(table.commit(10, A));
        assert!(table.commit(15, B));
        assert!(!table.commit(12, A), "late");
        assert_eq!(Some(15), table.query());
        assert!(table.commit(16, A), "ahead");
        assert!(table.commit(5, A), "its own");
        assert!(table.commit(3, TOOL), "an administrator may");
        assert_eq!(Some(3), table.query());
    }

    #[test]
    fn after_a_restart_anybody_may_commit() {
        let mut table = Table::new();
        let saved = OffsetTable::from([(Text::from("t@g"), QueueOffsets::from([(0, 9)]))]);
        assert!(table.offsets.load(saved, OffsetTable::new(), None).is_empty());
        assert_eq!(Some(9), table.query());
        assert!(table.commit(4, B));
    }

    #[test]
    fn a_reset_holds_until_a_pull_takes_it() {
        let mut table = Table::new();
        table.commit(10, A);
        table.offsets.reset(&table.group, (&table.topic, 0), 2);
        assert!(table.offsets.is_reset("g", "t", 0));
        assert_eq!(Some(2), table.query());
        assert_eq!(Some(2), table.offsets.take_reset("g", "t", 0));
        assert_eq!(None, table.offsets.take_reset("g", "t", 0));
        assert_eq!(Some(2), table.query());
    }

    #[test]
    fn offsets_beyond_the_end_of_their_queue_are_lowered() {
        let mut table = Table::new();
        table.commit(10, A);
        assert_eq!(1, table.offsets.lower_to(|_, _| 7));
        assert_eq!(Some(7), table.query());
        assert_eq!(0, table.offsets.lower_to(|_, _| 8));
        assert_eq!(Some(7), table.query());
    }

    #[test]
    fn the_file_tables_hold_topic_at_group() {
        let mut table = Table::new();
        table.commit(10, A);
        table.offsets.pulled(&table.group, (&table.topic, 1), 4);
        assert_eq!(Some(&10), table.offsets.committed_table()["t@g"].get(&0));
        assert_eq!(Some(&4), table.offsets.pulled_table()["t@g"].get(&1));
        assert_eq!(vec![Text::from("odd")], {
            let odd = OffsetTable::from([(Text::from("odd"), QueueOffsets::new())]);
            table.offsets.load(odd, OffsetTable::new(), None)
        });
    }

    #[test]
    fn who_consumes_what_follows_the_commits() {
        let mut table = Table::new();
        table.offsets.pulled(&table.group, (&table.topic, 0), 4);
        assert!(table.offsets.groups_of("t").is_empty(), "pulled is not committed");
        table.commit(1, A);
        assert!(table.offsets.groups_of("t").contains("g"));
        assert!(table.offsets.topics_of("g").contains("t"));
        let other = Text::from("h");
        table.offsets.clone_group("g", &other, &table.topic.clone());
        assert_eq!(Some(1), table.offsets.query("h", "t", 0));
        table.offsets.remove_group("g");
        assert_eq!(None, table.query());
        table.offsets.remove_topic("t");
        assert_eq!(None, table.offsets.query("h", "t", 0));
    }
}
