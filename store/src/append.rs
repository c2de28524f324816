//! Appending messages: one record in the log, one slot in a queue, the keys in the index.

use std::{io, path::PathBuf};

use protocol::{
    Text,
    limits::{PROPERTIES_BYTES_MAX, RECORD_OVERHEAD_BYTES_MAX},
    record::{EncodeError, Message, Placed},
};
use runtime::Now;

use crate::{
    durability::{Landmark, Poisoned},
    index::{Index, LastKey},
    limits::BLANK_BYTES_MIN,
    log::{LogFailure, LogMark},
    marks::{Marks, is_indexed, is_queued, is_topic},
    slot::Slot,
    store::Store,
};

/// Where a message was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Start of its record in the log.
    pub physical_offset: u64,
    /// Length of its record.
    pub size: u32,
    /// Its number in the queue; 0 for both ends of a transaction, which no queue holds.
    pub queue_offset: i64,
    /// When it was stored, in milliseconds. Never less than that of the message before.
    pub store_timestamp: i64,
}

impl Appended {
    /// End of its record in the log: once this is durable, the message is.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.physical_offset + u64::from(self.size)
    }
}

/// Why a message was not stored. Nothing of it remains.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// An earlier sync failed.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
    /// The disk is fuller than is allowed.
    #[error("the disk is {used_percent} % full, the limit is {limit_percent} %")]
    DiskFull {
        /// How full it was when last looked at.
        used_percent: u8,
        /// `diskSpaceWarningLevelRatio`.
        limit_percent: u8,
    },
    /// A topic that cannot be the name of a directory.
    #[error("topic {topic:?} is empty, longer than 255 bytes or no name of a directory")]
    TopicIllegal {
        /// The topic.
        topic: Text,
    },
    /// A negative queue.
    #[error("queue {queue_id} of {topic} is negative")]
    QueueIllegal {
        /// The topic.
        topic: Text,
        /// The queue.
        queue_id: i32,
    },
    /// A part of the message is too long.
    #[error("{part} of {bytes} bytes exceeds the limit of {limit_bytes} bytes for {topic}")]
    TooLong {
        /// The topic.
        topic: Text,
        /// `the body`, `the properties` or `the record`.
        part: &'static str,
        /// How long it is.
        bytes: u64,
        /// How long it may be.
        limit_bytes: u64,
    },
    /// A queue of batches, which this store keeps but does not write.
    #[error("queue {queue_id} of {topic} holds batches, which cannot be appended yet")]
    BatchQueue {
        /// The topic.
        topic: Text,
        /// The queue.
        queue_id: i32,
    },
    /// The operating system refused it.
    #[error("cannot {verb} {}: {cause}", path.display())]
    Disk {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
}

impl From<LogFailure> for AppendError {
    fn from(LogFailure { verb, path, cause }: LogFailure) -> Self {
        Self::Disk { verb, path, cause }
    }
}

/// Appends since writes are held, to be taken back if they cannot be written.
#[derive(Debug)]
pub(crate) struct Writes {
    before: Savepoint,
    /// The queue of each slot, and where its newest record ended before.
    slots: Vec<(u32, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Savepoint {
    log: LogMark,
    slots: usize,
    newest: Landmark,
    last_key: Option<LastKey>,
    last_stored_ms: i64,
}

impl Store {
    /// Appends a message. When this returns the operating system has it, unless writes are held,
    /// and reads find it (consumers, once [`Self::readable_to`] allows).
    ///
    /// # Errors
    /// Nothing of the message is stored then.
    pub fn append(&mut self, now: Now, message: &Message) -> Result<Appended, AppendError> {
        self.check_writable()?;
        self.check_message(message)?;
        let appended = self.append_checked(now, message);
        self.note_litter();
        appended
    }

    /// Appends messages, all or none, next to each other if a segment has room for them all.
    ///
    /// # Errors
    /// Nothing of any message is stored then.
    pub fn append_batch(
        &mut self,
        now: Now,
        messages: &[Message],
    ) -> Result<Vec<Appended>, AppendError> {
        self.check_writable()?;
        for message in messages {
            self.check_message(message)?;
        }
        let nested = self.writes.is_some();
        let savepoint = self.hold();
        let appended = self.append_all(now, messages);
        let appended = match appended {
            Ok(appended) => appended,
            Err(refused) => {
                self.roll_back(savepoint);
                if !nested {
                    self.stop_holding();
                }
                return Err(refused);
            }
        };
        if !nested {
            self.end_writes()?;
        }
        Ok(appended)
    }

    fn append_all(&mut self, now: Now, messages: &[Message]) -> Result<Vec<Appended>, AppendError> {
        let total: u64 = messages.iter().map(|message| message.encoded_len() as u64).sum();
        if total + BLANK_BYTES_MIN <= self.log.segment_bytes {
            self.log.place(total)?;
        }
        messages.iter().map(|message| self.append_checked(now, message)).collect()
    }

    /// From now on appended messages stay in memory until [`Self::end_writes`], which writes them
    /// in one go. Nothing about them may leave the process before that has succeeded.
    pub fn begin_writes(&mut self) {
        assert!(self.writes.is_none(), "writes are held already");
        self.hold();
    }

    /// Writes what was appended since [`Self::begin_writes`].
    ///
    /// # Errors
    /// None of the messages appended since then is stored: all their answers are void.
    pub fn end_writes(&mut self) -> Result<(), AppendError> {
        let Some(writes) = &self.writes else { return Ok(()) };
        let before = writes.before;
        let outcome = self.log.release();
        if outcome.is_err() {
            self.roll_back(before);
        }
        self.stop_holding();
        Ok(outcome?)
    }

    fn hold(&mut self) -> Savepoint {
        let savepoint = Savepoint {
            log: self.log.hold(),
            slots: self.writes.as_ref().map_or(0, |writes| writes.slots.len()),
            newest: self.durability.newest,
            last_key: self.index.as_ref().and_then(Index::last),
            last_stored_ms: self.last_stored_ms,
        };
        self.writes.get_or_insert_with(|| Writes { before: savepoint, slots: Vec::new() });
        savepoint
    }

    fn stop_holding(&mut self) {
        self.log.forget_held();
        self.writes = None;
    }

    /// Takes back everything since a savepoint, in memory and in files.
    fn roll_back(&mut self, to: Savepoint) {
        let taken = self.writes.as_mut().map(|writes| writes.slots.split_off(to.slots));
        for (number, end_physical) in taken.unwrap_or_default().into_iter().rev() {
            self.queues.pop(number, end_physical);
        }
        self.durability.newest = to.newest;
        self.last_stored_ms = to.last_stored_ms;
        let end = to.log.end();
        let index = self.index.as_mut();
        let index = index.map_or(Ok(()), |index| index.take_back(end, to.last_key));
        if let Err(cause) = index {
            self.durability.poison(&format!("keys of unwritten records remain: {cause}"));
        }
        if let Err(failure) = self.log.undo(to.log) {
            self.durability.poison(&format!("unwritten records remain: {failure}"));
        }
        self.note_litter();
        self.durability.cut(self.log.end());
    }

    /// What could not be cleared behind the end of the log may be records that were refused: the
    /// next start has to tell.
    pub(crate) fn note_litter(&mut self) {
        if self.log.is_littered() {
            self.durability.poison("what a failed write left behind the log cannot be cleared");
        }
    }

    fn check_writable(&self) -> Result<(), AppendError> {
        self.durability.check()?;
        if let Some(used_percent) = self.retention.full {
            let limit_percent = self.config.retention.used_percent_full;
            return Err(AppendError::DiskFull { used_percent, limit_percent });
        }
        Ok(())
    }

    fn check_message(&self, message: &Message) -> Result<(), AppendError> {
        let topic = || message.topic.detached();
        if !is_topic(&message.topic) {
            return Err(AppendError::TopicIllegal { topic: topic() });
        }
        let queue_id = message.queue_id;
        if queue_id < 0 {
            return Err(AppendError::QueueIllegal { topic: topic(), queue_id });
        }
        let is_batch = protocol::sys_flag::has(message.sys_flag, protocol::sys_flag::INNER_BATCH);
        if is_batch || self.batch_topics.contains(&message.topic) {
            return Err(AppendError::BatchQueue { topic: topic(), queue_id });
        }
        let body_max = u64::from(self.config.body_bytes_max);
        let record_max = (body_max + RECORD_OVERHEAD_BYTES_MAX as u64)
            .min(self.log.segment_bytes - BLANK_BYTES_MIN);
        for (part, bytes, limit_bytes) in [
            ("the body", message.body.len(), body_max),
            ("the properties", message.properties.len(), PROPERTIES_BYTES_MAX as u64),
            ("the record", message.encoded_len(), record_max),
        ] {
            let bytes = bytes as u64;
            if limit_bytes < bytes {
                return Err(AppendError::TooLong { topic: topic(), part, bytes, limit_bytes });
            }
        }
        Ok(())
    }

    fn append_checked(&mut self, now: Now, message: &Message) -> Result<Appended, AppendError> {
        let len = message.encoded_len();
        let queued = is_queued(message.sys_flag);
        let number = self.queues.number(&message.topic, message.queue_id).filter(|_| queued);
        let queue = number.and_then(|number| self.queues.at(number));
        let (queue_offset, queue_end) =
            queue.map_or((0, 0), |queue| (queue.max(), queue.end_physical));
        // Differs from Java: a clock that steps back does not step the log back.
        let store_timestamp = self.last_stored_ms.max(now.wall_ms);

        let at = self.log.place(len as u64)?;
        let place = Placed {
            queue_offset,
            physical_offset: i64::try_from(at).unwrap_or(i64::MAX),
            store_timestamp,
        };
        let encoded = message.encode_into(place, self.log.room(len));
        encoded.map_err(|EncodeError::TooLong { part, bytes, limit_bytes }| {
            let (bytes, limit_bytes) = (bytes as u64, limit_bytes as u64);
            AppendError::TooLong { topic: message.topic.detached(), part, bytes, limit_bytes }
        })?;
        let size = self.log.append(at)?.len();
        assert!(size == len, "a record of {size} bytes was said to have {len}");

        // From here on nothing can fail: the message is stored.
        self.last_stored_ms = store_timestamp;
        self.durability.newest.stored_ms = store_timestamp;
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let marks = Marks::of(&message.properties);
        if queued {
            let levels = &self.config.delay_levels_ms;
            let tag = marks.slot_tag(&message.topic, store_timestamp, levels);
            let topic = &message.topic;
            let number = number.unwrap_or_else(|| self.queues.ensure(topic, message.queue_id, 0));
            self.queues.push(number, Slot { physical: at, size, tag });
            self.durability.newest.last_queued = at;
            if let Some(writes) = &mut self.writes {
                writes.slots.push((number, queue_end));
            }
        }
        if let Some(index) = self.index.as_mut().filter(|_| is_indexed(message.sys_flag)) {
            for hash in marks.index_hashes(&message.topic) {
                index.put(hash, at, store_timestamp);
            }
        }
        Ok(Appended { physical_offset: at, size, queue_offset, store_timestamp })
    }
}
