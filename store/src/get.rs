//! Reading messages: from a queue onwards, or one by its place in the log.

use std::io;

use bytes::Bytes;
use protocol::record::{CorruptRecord, Record, RecordError, Start, start};

use crate::{
    limits::{GET_BYTES_MAX, SLOT_BYTES},
    log::Source,
    queue::Queue,
    slot::Slot,
    store::Store,
};

/// What a read of a queue came to (store/GetMessageStatus.java).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetStatus {
    /// There are messages.
    Found,
    /// All messages that were looked at are filtered away.
    NoMatchedMessage,
    /// The messages that were looked at have just been deleted.
    MessageWasRemoving,
    /// The queue has a hole here.
    OffsetFoundNull,
    /// The offset lies beyond the next message's.
    OffsetOverflowBadly,
    /// The offset is that of the next message.
    OffsetOverflowOne,
    /// The offset lies before the first message.
    OffsetTooSmall,
    /// There is no such queue.
    NoMatchedLogicQueue,
    /// The queue never had a message.
    NoMessageInQueue,
    /// The broker holds another offset for this group. The store never says this.
    OffsetReset,
}

impl GetStatus {
    /// Java's name: the remark of a pull's answer.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Found => "FOUND",
            Self::NoMatchedMessage => "NO_MATCHED_MESSAGE",
            Self::MessageWasRemoving => "MESSAGE_WAS_REMOVING",
            Self::OffsetFoundNull => "OFFSET_FOUND_NULL",
            Self::OffsetOverflowBadly => "OFFSET_OVERFLOW_BADLY",
            Self::OffsetOverflowOne => "OFFSET_OVERFLOW_ONE",
            Self::OffsetTooSmall => "OFFSET_TOO_SMALL",
            Self::NoMatchedLogicQueue => "NO_MATCHED_LOGIC_QUEUE",
            Self::NoMessageInQueue => "NO_MESSAGE_IN_QUEUE",
            Self::OffsetReset => "OFFSET_RESET",
        }
    }
}

/// What a reader of a queue wants.
#[derive(Clone, Copy)]
pub struct Want<'a> {
    /// Messages at most.
    pub max_messages: usize,
    /// Bytes of records at most; the first record always fits.
    pub max_bytes: u64,
    /// Whether to look at a message at all, given what its slot holds of its tag.
    pub tag: &'a dyn Fn(i64) -> bool,
    /// Whether to give a record.
    pub record: &'a dyn Fn(&Bytes) -> bool,
}

impl Want<'_> {
    /// Messages of any kind.
    #[must_use]
    pub fn any(max_messages: usize) -> Self {
        Self { max_messages, max_bytes: GET_BYTES_MAX, tag: &|_| true, record: &|_| true }
    }
}

/// What a reader of a queue gets.
#[derive(Clone, Debug)]
pub struct Got {
    /// What it came to.
    pub status: GetStatus,
    /// The records in the order of the queue: next to each other they are the body of an answer.
    pub records: Vec<Bytes>,
    /// Where to go on. Greater than where this read began, if it looked at anything.
    pub next_offset: i64,
    /// The first offset of the queue.
    pub min_offset: i64,
    /// The offset after the last one of the queue.
    pub max_offset: i64,
    /// How many records were read and not wanted.
    pub filtered: usize,
    /// The reader is so far behind that the bytes no longer lie in memory.
    pub far_behind: bool,
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system refused.
    #[error("cannot read {what}: {cause}")]
    Disk {
        /// What was to be read.
        what: String,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// The disk holds something else than was written.
    #[error("the record at {physical_offset} is damaged: {reason}")]
    Corrupt {
        /// Where.
        physical_offset: u64,
        /// How.
        reason: Damage,
    },
    /// No record begins there.
    #[error("no record begins at {physical_offset}; the log holds {start}..{end}")]
    NoRecord {
        /// Where.
        physical_offset: u64,
        /// First byte of the log.
        start: u64,
        /// End of the log.
        end: u64,
    },
}

/// How a record is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Its sizes.
    #[error(transparent)]
    Shape(#[from] RecordError),
    /// Its content.
    #[error(transparent)]
    Content(#[from] CorruptRecord),
    /// Its length is not that in the queue.
    #[error("it has {found} bytes, its slot in the queue says {expected}")]
    Length {
        /// In the record.
        found: usize,
        /// In the slot.
        expected: u32,
    },
    /// A part of it was never written.
    #[error("a part of it was never written")]
    Torn,
}

impl Store {
    /// Reads messages of a queue from an offset on, as many as are wanted, allowed and there.
    ///
    /// # Errors
    /// If nothing could be read. A damaged record is never given: it ends what is given, and is
    /// an error for the next read.
    pub fn get(
        &self,
        topic: &str,
        queue_id: i32,
        from: i64,
        want: Want<'_>,
    ) -> Result<Got, ReadError> {
        let Some(queue) = self.queues.get(topic, queue_id) else {
            return Ok(Got::nothing(GetStatus::NoMatchedLogicQueue, 0, (0, 0)));
        };
        let max = queue.max_below(self.readable_to());
        let ends = (queue.min.min(max), max);
        if max == 0 {
            return Ok(Got::nothing(GetStatus::NoMessageInQueue, 0, ends));
        }
        if from < ends.0 {
            return Ok(Got::nothing(GetStatus::OffsetTooSmall, ends.0, ends));
        }
        if max < from {
            return Ok(Got::nothing(GetStatus::OffsetOverflowBadly, max, ends));
        }
        if from == max {
            return Ok(Got::nothing(GetStatus::OffsetOverflowOne, from, ends));
        }
        let mut reader = Reader {
            store: self,
            want,
            from,
            bytes: 0,
            gone_before: None,
            got: Got::nothing(GetStatus::NoMatchedMessage, from, ends),
        };
        reader.read(queue)?;
        Ok(reader.got)
    }

    /// The bytes of a record that a slot or an answer of this store named.
    ///
    /// # Errors
    /// If they are gone, damaged or unreadable.
    pub fn read(&self, physical_offset: u64, size: u32) -> Result<Bytes, ReadError> {
        let (bytes, source) = self
            .log
            .read(physical_offset, u64::from(size))
            .map_err(|cause| self.read_failed(physical_offset, cause))?;
        // What lies in memory was put there by an append. A disk may have changed its mind.
        if source == Source::Disk {
            verify(&bytes, physical_offset, size)
                .map_err(|reason| ReadError::Corrupt { physical_offset, reason })?;
        }
        Ok(bytes)
    }

    /// The record that begins at an offset of the log.
    ///
    /// # Errors
    /// If none does, or it is damaged or unreadable.
    pub fn view(&self, physical_offset: u64) -> Result<Bytes, ReadError> {
        let no_record = || {
            let (start, end) = (self.log.start(), self.log.end());
            ReadError::NoRecord { physical_offset, start, end }
        };
        let head = match self.log.read(physical_offset, 8) {
            Err(outside) if outside.kind() == io::ErrorKind::NotFound => return Err(no_record()),
            head => head.map_err(|cause| self.read_failed(physical_offset, cause))?.0,
        };
        let Ok(Start::Record { total_bytes }) = start(&head) else { return Err(no_record()) };
        let size = u32::try_from(total_bytes).map_err(|_| no_record())?;
        let rest = self.log.next_segment(physical_offset) - physical_offset;
        if rest < u64::from(size) {
            return Err(no_record());
        }
        let record = match self.read(physical_offset, size) {
            Err(ReadError::NoRecord { .. }) => return Err(no_record()),
            record => record?,
        };
        // Bytes inside of a message may look like a record; a record knows where it lies.
        let placed = Record::look(&record).map(|record| record.physical_offset());
        if placed.ok().and_then(|at| u64::try_from(at).ok()) != Some(physical_offset) {
            return Err(no_record());
        }
        Ok(record)
    }

    pub(crate) fn read_failed(&self, physical_offset: u64, cause: io::Error) -> ReadError {
        if cause.kind() == io::ErrorKind::NotFound {
            let (start, end) = (self.log.start(), self.log.end());
            return ReadError::NoRecord { physical_offset, start, end };
        }
        ReadError::Disk { what: format!("the log at {physical_offset}"), cause }
    }
}

/// Whether these bytes are the record that was written there.
pub(crate) fn verify(bytes: &[u8], at: u64, size: u32) -> Result<(), Damage> {
    let record = Record::look(bytes)?;
    if record.total_size() as u64 != u64::from(size) {
        return Err(Damage::Length { found: record.total_size(), expected: size });
    }
    let (found, at) = (record.physical_offset(), i64::try_from(at).unwrap_or(i64::MAX));
    if found != at {
        return Err(CorruptRecord::Misplaced { at, physical_offset: found }.into());
    }
    Ok(record.verify()?)
}

struct Reader<'a> {
    store: &'a Store,
    want: Want<'a>,
    from: i64,
    bytes: u64,
    /// Slots that point before this have lost their record.
    gone_before: Option<u64>,
    got: Got,
}

impl Reader<'_> {
    fn read(&mut self, queue: &Queue) -> Result<(), ReadError> {
        let limits = &self.store.config.get;
        let wanted = i64::try_from(self.want.max_messages).unwrap_or(i64::MAX).max(1);
        let scanned = i64::try_from(limits.scan_bytes / SLOT_BYTES).unwrap_or(i64::MAX);
        let end = self.got.max_offset.min(self.from.saturating_add(scanned.max(wanted)));
        // A reader without a filter finds what it wants in the first slots; one with a rare tag
        // gets larger runs.
        let mut run = wanted;
        while self.got.next_offset < end {
            let from = self.got.next_offset;
            let to = end.min(from.saturating_add(run));
            let slots = queue.slots(&self.store.queues.files, from, to).map_err(|cause| {
                ReadError::Disk { what: format!("{} at {from}", queue.name), cause }
            })?;
            if slots.is_empty() {
                self.skip_hole();
                return Ok(());
            }
            for slot in slots {
                if !self.take(slot)? {
                    return Ok(());
                }
            }
            run = run.saturating_mul(4);
        }
        Ok(())
    }

    /// A file of the queue is missing: go on behind it.
    fn skip_hole(&mut self) {
        if self.got.records.is_empty() {
            let files = &self.store.queues.files;
            let next = files.file_start(self.got.next_offset) + files.file_slots;
            self.got.status = GetStatus::OffsetFoundNull;
            self.got.next_offset = next.min(self.got.max_offset);
        }
    }

    /// Looks at the next slot. False if that was enough.
    fn take(&mut self, slot: Slot) -> Result<bool, ReadError> {
        let end = self.store.log.end();
        let distance = end.saturating_sub(slot.physical);
        let in_memory = distance <= self.store.config.get.in_memory_bytes;
        if self.is_full(slot, in_memory) {
            return Ok(false);
        }
        self.got.far_behind = !in_memory;
        if !slot.is_filler()
            && self.gone_before.is_none_or(|start| start <= slot.physical)
            && (self.want.tag)(slot.tag)
        {
            match self.store.read(slot.physical, slot.size) {
                Ok(record) => self.give(record),
                Err(ReadError::NoRecord { .. }) => {
                    if self.got.records.is_empty() {
                        self.got.status = GetStatus::MessageWasRemoving;
                    }
                    self.gone_before = Some(self.store.log.next_segment(slot.physical));
                }
                // What was found so far is good; the damage is the next read's.
                Err(_) if !self.got.records.is_empty() => return Ok(false),
                Err(damaged) => return Err(damaged),
            }
        }
        self.got.next_offset += 1;
        Ok(true)
    }

    fn give(&mut self, record: Bytes) {
        if !(self.want.record)(&record) {
            self.got.filtered += 1;
            return;
        }
        self.bytes += record.len() as u64;
        self.got.records.push(record);
        self.got.status = GetStatus::Found;
        self.gone_before = None;
    }

    fn is_full(&self, slot: Slot, in_memory: bool) -> bool {
        let limits = &self.store.config.get;
        let (bytes_max, messages_max) = if in_memory {
            (limits.memory_bytes, limits.memory_messages)
        } else {
            (limits.disk_bytes, limits.disk_messages)
        };
        let count = self.got.records.len();
        let bytes_max = bytes_max.min(self.want.max_bytes.clamp(100, GET_BYTES_MAX));
        0 < count
            && (self.want.max_messages <= count
                || messages_max <= count
                || bytes_max < self.bytes + u64::from(slot.size))
    }
}

impl Got {
    fn nothing(status: GetStatus, next_offset: i64, (min_offset, max_offset): (i64, i64)) -> Self {
        let (records, filtered, far_behind) = (Vec::new(), 0, false);
        Self { status, records, next_offset, min_offset, max_offset, filtered, far_behind }
    }
}
