//! The log of a slave: records that a master placed, appended where it placed them.
//!
//! What arrives is cut anywhere, but only whole records are appended: the log of a slave is one
//! that recovery could have left, at any moment, and what it says it has is what a crash leaves it.
//! Each record is looked at as recovery looks at it, and queues and index are derived from it in
//! the same way. Nothing that is there is ever changed or cut off by what a master says.
//!
//! Source: store/ha/DefaultHAClient.java, store/CommitLog.java `appendData`: it appends anything.

use std::{io, path::PathBuf};

use bytes::Bytes;
use protocol::{
    Text,
    limits::{FRAME_BYTES_MAX, RECORD_OVERHEAD_BYTES_MAX},
    record::RecordView,
};

use crate::{
    durability::Poisoned,
    limits::BLANK_BYTES_MIN,
    log::LogFailure,
    marks::Marks,
    rebuild::{Belongs, belongs, index_keys, slot_of},
    scan::{Head, head, place, whole},
    store::{QueueName, Store},
};

/// The longest record, or blank end of a file, that is waited for. A message that a master was
/// sent came in a frame.
const PIECE_BYTES_MAX: u64 = (FRAME_BYTES_MAX + RECORD_OVERHEAD_BYTES_MAX) as u64;

/// What of a master's bytes was appended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replicated {
    /// How many of the bytes: whole records, up to the end of a file at most. The rest is to be
    /// offered again, with what follows.
    pub taken: usize,
    /// The messages that queues have now, in the order of the log.
    pub arrived: Vec<Arrived>,
}

/// A message that came from a master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Its queue.
    pub queue: QueueName,
    /// Its number in the queue.
    pub queue_offset: i64,
    /// What its slot is filtered by.
    pub tag: i64,
    /// Where its record ends in the log.
    pub end: u64,
}

/// Why a master's bytes were not appended. What was there before is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum ReplicateError {
    /// An earlier sync failed.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
    /// They do not follow the end of the log.
    #[error("the master sends its log from {at} on, but ours ends at {end}")]
    Elsewhere {
        /// Where they belong.
        at: u64,
        /// Where our log ends.
        end: u64,
    },
    /// An empty log can only begin where a file does.
    #[error(
        "the master's log begins at {at}, which is no multiple of our mappedFileSizeCommitLog, \
         {segment_bytes}"
    )]
    BetweenFiles {
        /// Where it would begin.
        at: u64,
        /// Our size.
        segment_bytes: u64,
    },
    /// There is something that is no record, or that does not fit our files.
    #[error("what the master sent for {at} is no record: {reason}")]
    NoRecord {
        /// Where.
        at: u64,
        /// What is wrong.
        reason: String,
    },
    /// A record, or the blank end of a file, for which nobody should wait.
    #[error("{bytes} bytes in one piece at {at} exceed the limit of {limit_bytes}")]
    TooLong {
        /// Where.
        at: u64,
        /// How long it says it is.
        bytes: u64,
        /// How long it may be.
        limit_bytes: u64,
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

impl From<LogFailure> for ReplicateError {
    fn from(LogFailure { verb, path, cause }: LogFailure) -> Self {
        Self::Disk { verb, path, cause }
    }
}

impl Store {
    /// Appends the whole records at the front of `bytes`, which are those of the master's log at
    /// `at`. Stops at the end of a file: call again until nothing more is taken.
    ///
    /// # Errors
    /// Nothing is appended then.
    pub fn replicate(&mut self, at: u64, bytes: &Bytes) -> Result<Replicated, ReplicateError> {
        assert!(self.writes.is_none(), "a slave's writes are not held");
        self.durability.check()?;
        let begins = self.log.end() == 0 && 0 < at;
        if !begins && at != self.log.end() {
            return Err(ReplicateError::Elsewhere { at, end: self.log.end() });
        }
        let segment_bytes = self.log.segment_bytes;
        if begins && !at.is_multiple_of(segment_bytes) {
            return Err(ReplicateError::BetweenFiles { at, segment_bytes });
        }
        let (records, len) = whole_records(bytes, at, self.log.next_segment(at))?;
        if len == 0 {
            return Ok(Replicated::default());
        }
        if begins {
            self.log.begin_at(at)?;
        }
        self.log.begin_segment()?;
        self.log.room(len).extend_from_slice(&bytes[..len]);
        let appended = self.log.append(at);
        self.note_litter();
        appended?;
        let mut arrived = Vec::with_capacity(records.len());
        for record in &records {
            let derived = self.derive(record);
            let derived = derived.inspect_err(|cause| {
                // The log has a record now whose queue may lack it.
                self.durability.poison(&format!("queues cannot follow the log: {cause}"));
            });
            let path = || self.queues.files.directory.clone();
            arrived.extend(derived.map_err(|cause| ReplicateError::Disk {
                verb: "repair",
                path: path(),
                cause,
            })?);
        }
        Ok(Replicated { taken: len, arrived })
    }

    /// Makes slot and keys of a record that was just appended.
    fn derive(&mut self, record: &RecordView) -> io::Result<Option<Arrived>> {
        let (topic, properties) = (record.topic(), record.properties_text());
        let marks = Marks::of(&properties);
        if let Some(index) = &mut self.index {
            index_keys(index, record, &topic, &marks);
        }
        self.last_stored_ms = self.last_stored_ms.max(record.store_timestamp());
        self.durability.newest.stored_ms = self.last_stored_ms;
        match belongs(record, &topic, &self.batch_topics) {
            Belongs::InQueue => {}
            Belongs::Nowhere | Belongs::Impossible => return Ok(None),
        }
        let slot = slot_of(record, &topic, &marks, &self.config);
        let (queue_id, queue_offset) = (record.queue_id(), record.queue_offset());
        let number = self.queues.ensure(&topic, queue_id, queue_offset);
        let max = self.queues.at(number).map_or(queue_offset, crate::queue::Queue::max);
        if max < queue_offset {
            let (at, topic) = (place(record), topic.escape_debug());
            tracing::error!(at, %topic, queue_id, max, "a record skips offsets of its queue");
            return Ok(None);
        }
        if queue_offset < max {
            // The topic was deleted on the master and made again: its offsets begin anew.
            self.queues.restart(number, queue_offset)?;
        }
        self.queues.push(number, slot);
        self.durability.newest.last_queued = slot.physical;
        let queue = QueueName { topic: Text::clone(&topic), queue_id };
        Ok(Some(Arrived { queue, queue_offset, tag: slot.tag, end: slot.end() }))
    }
}

/// The whole records at the front of some bytes of a log, and how long they are together with the
/// blank end of their file, which ends at `file_end`.
fn whole_records(
    bytes: &Bytes,
    at: u64,
    file_end: u64,
) -> Result<(Vec<RecordView>, usize), ReplicateError> {
    let mut records = Vec::new();
    let mut from = 0;
    loop {
        let (at, left) = (at + from as u64, bytes.len() - from);
        let rest = file_end - at;
        if rest == 0 || (left as u64) < BLANK_BYTES_MIN.min(rest) {
            return Ok((records, from));
        }
        let no_record = |reason| ReplicateError::NoRecord { at, reason };
        if rest < BLANK_BYTES_MIN {
            return Err(no_record(format!("only {rest} bytes to the end of the file")));
        }
        let (piece_bytes, is_blank) = match head(&bytes[from..], rest) {
            Head::Record { total_bytes } => (total_bytes, false),
            Head::Blank => (rest, true),
            Head::Unwritten => return Err(no_record("zeroes".to_owned())),
            Head::Bad(reason) => return Err(no_record(reason)),
        };
        if PIECE_BYTES_MAX < piece_bytes {
            let (bytes, limit_bytes) = (piece_bytes, PIECE_BYTES_MAX);
            return Err(ReplicateError::TooLong { at, bytes, limit_bytes });
        }
        if (left as u64) < piece_bytes {
            return Ok((records, from));
        }
        let to = from + usize::try_from(piece_bytes).unwrap_or(left);
        if !is_blank {
            let record = whole(bytes.slice(from..to), at);
            records.push(record.map_err(|damage| no_record(damage.to_string()))?);
        }
        from = to;
    }
}
