//! The store as a whole: one log, and what is derived from it.

use std::{collections::BTreeSet, fmt, sync::Arc};

use protocol::Text;
use runtime::{Disk, FileLock};

use crate::{
    checkpoint::CheckpointState,
    config::{Flush, StoreConfig},
    durability::{Durability, Extent},
    index::Index,
    log::Log,
    queues::Queues,
    retention::RetentionState,
};

/// One queue of one topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueName {
    /// The topic.
    pub topic: Text,
    /// The queue's number within the topic.
    pub queue_id: i32,
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "queue {} of {}", self.queue_id, self.topic)
    }
}

/// A store of messages in a directory of its own.
///
/// | verb | of |
/// |---|---|
/// | [`Store::open`], [`Store::close`] | its life |
/// | [`Store::append`], [`Store::append_batch`], [`Store::begin_writes`], [`Store::end_writes`] | writing |
/// | [`Store::transfer`], [`Store::replicate`] | what masters send and slaves append |
/// | [`Store::get`], [`Store::view`], [`Store::query`], [`Store::offset_by_time`], .. | reading |
/// | [`Store::begin_sync`], [`Store::end_sync`] | durability |
/// | [`Store::flush_queues`], [`Store::begin_checkpoint`], [`Store::begin_retention`], .. | housekeeping |
pub struct Store {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) config: StoreConfig,
    pub(crate) log: Log,
    pub(crate) queues: Queues,
    pub(crate) index: Option<Index>,
    /// Topics whose queues are of another kind, which is left alone.
    pub(crate) batch_topics: BTreeSet<Text>,
    pub(crate) durability: Durability,
    pub(crate) checkpoint: CheckpointState,
    pub(crate) retention: RetentionState,
    pub(crate) writes: Option<crate::append::Writes>,
    /// The newest timestamp given. Grows even when the wall clock steps back.
    pub(crate) last_stored_ms: i64,
    /// Held as long as the store is open.
    pub(crate) _lock: Box<dyn FileLock>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("root", &self.config.root)
            .field("extent", &self.extent())
            .finish_non_exhaustive()
    }
}

impl Store {
    /// How it was configured.
    #[must_use]
    pub fn config(&self) -> &StoreConfig {
        &self.config
    }

    /// Start, durable end and end of the log.
    #[must_use]
    pub fn extent(&self) -> Extent {
        let (start, end) = (self.log.start(), self.log.end());
        // The log of a slave may begin where that of its master does.
        Extent { start, durable: self.durability.durable().max(start), end }
    }

    /// First byte of the log that is still kept.
    #[must_use]
    pub fn min_physical(&self) -> u64 {
        self.log.start()
    }

    /// The end of the log.
    #[must_use]
    pub fn max_physical(&self) -> u64 {
        self.log.end()
    }

    /// Records that end after this are not shown to consumers yet.
    ///
    /// With synchronous flush that is what a power cut may still take away: whoever read it could
    /// otherwise find other messages under the same offsets later.
    #[must_use]
    pub fn readable_to(&self) -> u64 {
        match self.config.flush {
            Flush::Sync if !self.config.read_uncommitted => self.durability.durable(),
            Flush::Sync | Flush::Async => self.log.end(),
        }
    }

    /// The first message of a queue that is still there; 0 if there is no such queue.
    #[must_use]
    pub fn min_offset(&self, topic: &str, queue_id: i32) -> i64 {
        let limit = self.readable_to();
        self.queues.get(topic, queue_id).map_or(0, |queue| queue.min.min(queue.max_below(limit)))
    }

    /// The offset after the last message that may be read; 0 if there is no such queue.
    #[must_use]
    pub fn max_offset(&self, topic: &str, queue_id: i32) -> i64 {
        let limit = self.readable_to();
        self.queues.get(topic, queue_id).map_or(0, |queue| queue.max_below(limit))
    }

    /// The offset that the next message of a queue will get.
    #[must_use]
    pub fn next_offset(&self, topic: &str, queue_id: i32) -> i64 {
        self.queues.get(topic, queue_id).map_or(0, |queue| queue.max())
    }

    /// Whether messages of this queue were ever stored here, and not deleted since.
    #[must_use]
    pub fn has_queue(&self, topic: &str, queue_id: i32) -> bool {
        self.queues.number(topic, queue_id).is_some()
    }

    /// All topics that have a queue, in order.
    #[must_use]
    pub fn topics(&self) -> Vec<Text> {
        self.queues.topics().cloned().collect()
    }

    /// All queues, in order.
    pub fn queues(&self) -> impl Iterator<Item = &QueueName> {
        self.queues.iter().map(|queue| &queue.name)
    }

    /// Removes all queues of a topic. Its records stay in the log until they expire.
    ///
    /// # Errors
    /// What the disk says. The queues are gone from memory in any case.
    pub fn delete_topic(&mut self, topic: &str) -> std::io::Result<bool> {
        self.queues.remove_topic(topic)
    }

    /// Removes the topics whose messages have all expired, except those in `keep`. Gives their
    /// names. The offsets of a topic start at 0 again when it comes back.
    ///
    /// # Errors
    /// What the disk says.
    pub fn delete_expired_topics(
        &mut self,
        keep: &dyn Fn(&str) -> bool,
    ) -> std::io::Result<Vec<Text>> {
        let start = self.log.start();
        let mut expired = Vec::new();
        for topic in self.topics() {
            let numbers = self.queues.numbers_of(&topic);
            let mut queues = numbers.iter().filter_map(|&number| self.queues.at(number));
            if !keep(&topic) && queues.all(|queue| queue.end_physical <= start) {
                expired.push(topic);
            }
        }
        for topic in &expired {
            self.queues.remove_topic(topic)?;
        }
        Ok(expired)
    }

    /// How many files of queues are open: never more than configured, however many queues.
    #[must_use]
    pub fn queue_files_open(&self) -> usize {
        self.queues.files.open_files()
    }
}

/// A driver keeps it behind a lock, and runs its jobs anywhere.
const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<Store>();
    is_send::<crate::SyncJob>();
    is_send::<crate::CheckpointJob>();
    is_send::<crate::RetentionJob>();
};
