//! Finding messages by time, and the time of messages.

use std::io;

use protocol::record::Record;

use crate::{get::ReadError, queue::Queue, slot::Slot, store::Store};

/// Which end of the messages of one instant is meant (common/BoundaryType.java).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// The first message stored at that time or later.
    Lower,
    /// The last message stored at that time or earlier.
    Upper,
}

/// One slot of a queue, as QUERY_CONSUME_QUEUE shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSlot {
    /// Number of the message in its queue.
    pub queue_offset: i64,
    /// Start of its record in the log.
    pub physical_offset: u64,
    /// Length of its record.
    pub size: u32,
    /// Java's hash of its tag, or its time of delivery.
    pub tags_code: i64,
}

impl Store {
    /// The offset of a queue that belongs to a time.
    ///
    /// Later than all messages: the offset after the last one, or with [`Boundary::Upper`] that of
    /// the last one. Earlier than all: the first offset. No queue: 0.
    ///
    /// # Errors
    /// If a record on the way cannot be read.
    pub fn offset_by_time(
        &self,
        topic: &str,
        queue_id: i32,
        timestamp: i64,
        boundary: Boundary,
    ) -> Result<i64, ReadError> {
        let Some(queue) = self.queues.get(topic, queue_id) else { return Ok(0) };
        let max = queue.max_below(self.readable_to());
        let min = queue.min.min(max);
        if min == max {
            return Ok(max);
        }
        let before = |slot: Slot| {
            let stored = self.stored_at(slot)?;
            Ok(match boundary {
                Boundary::Lower => stored < timestamp,
                Boundary::Upper => stored <= timestamp,
            })
        };
        let found = queue.partition_point(&self.queues.files, (min, max), before);
        let found = found.map_err(|cause| failed(queue, cause))?;
        Ok(match boundary {
            Boundary::Lower => found,
            Boundary::Upper => min.max(found - 1),
        })
    }

    /// When a message was stored; `None` if there is none at that offset.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn store_time(
        &self,
        topic: &str,
        queue_id: i32,
        offset: i64,
    ) -> Result<Option<i64>, ReadError> {
        let Some(queue) = self.queues.get(topic, queue_id) else { return Ok(None) };
        if offset < queue.min || queue.max_below(self.readable_to()) <= offset {
            return Ok(None);
        }
        let slot = queue.slot(&self.queues.files, offset).map_err(|cause| failed(queue, cause))?;
        slot.map(|slot| self.stored_at(slot).map_err(|cause| failed(queue, cause))).transpose()
    }

    /// When the first message of a queue was stored that is still there.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn earliest_store_time(
        &self,
        topic: &str,
        queue_id: i32,
    ) -> Result<Option<i64>, ReadError> {
        self.store_time(topic, queue_id, self.min_offset(topic, queue_id))
    }

    /// When the first message of the log was stored.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn log_start_time(&self) -> Result<Option<i64>, ReadError> {
        if self.log.start() == self.log.end() {
            return Ok(None);
        }
        let record = self.view(self.log.start())?;
        Ok(Record::look(&record).ok().map(|record| record.store_timestamp()))
    }

    /// When the newest message was stored.
    #[must_use]
    pub fn last_store_time(&self) -> i64 {
        self.last_stored_ms
    }

    /// The slots of a queue from an offset on.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn slots(
        &self,
        topic: &str,
        queue_id: i32,
        from: i64,
        count: usize,
    ) -> Result<Vec<QueueSlot>, ReadError> {
        let Some(queue) = self.queues.get(topic, queue_id) else { return Ok(Vec::new()) };
        let from = from.max(queue.min);
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let to = queue.max_below(self.readable_to()).min(from.saturating_add(count));
        let mut slots = Vec::new();
        let mut next = from;
        while next < to {
            let run = queue.slots(&self.queues.files, next, to);
            let run = run.map_err(|cause| failed(queue, cause))?;
            if run.is_empty() {
                break;
            }
            for Slot { physical, size, tag } in run {
                let (physical_offset, tags_code) = (physical, tag);
                slots.push(QueueSlot { queue_offset: next, physical_offset, size, tags_code });
                next += 1;
            }
        }
        Ok(slots)
    }

    fn stored_at(&self, slot: Slot) -> io::Result<i64> {
        if slot.is_filler() {
            return Ok(i64::MIN);
        }
        let record = self.read(slot.physical, slot.size).map_err(io::Error::other)?;
        let record = Record::look(&record).map_err(io::Error::other)?;
        Ok(record.store_timestamp())
    }
}

fn failed(queue: &Queue, cause: io::Error) -> ReadError {
    ReadError::Disk { what: queue.name.to_string(), cause }
}
