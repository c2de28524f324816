//! One index file: a hash table on disk from keys to the offsets of records.
//!
//! ```text
//!  0        40                        40 + slots * 4                    + entries * 20
//!  | header | slot: i32 | slot | ..   | entry 0 (unused) | entry 1 | ..  |
//! ```
//! A slot holds the number of its newest entry, an entry that of the one before. New entries and
//! the slots they change stay in memory until [`IndexFile::flush`]; a lookup sees both.
//! Source: store/index/IndexFile.java.

use std::{io, path::PathBuf, sync::Arc};

use runtime::{Disk, File, OpenMode};

use super::{
    LastKey,
    entry::{ENTRY_LEN, Entry},
    header::Header,
    slots::{self, Slots},
};
use crate::limits::{INDEX_ENTRY_BYTES, INDEX_HEADER_BYTES, INDEX_SLOT_BYTES, SCAN_BYTES};

/// Entries that wait in memory before they are written without their slots.
const WAITING_BYTES_MAX: usize = 256 * 1024;

/// How many slots and entries an index file has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) slots: u32,
    pub(crate) entries: u32,
}

impl Shape {
    pub(crate) fn file_bytes(self) -> u64 {
        self.entry_at(self.entries)
    }

    fn slot_at(slot: u32) -> u64 {
        INDEX_HEADER_BYTES + u64::from(slot) * INDEX_SLOT_BYTES
    }

    fn entry_at(self, number: u32) -> u64 {
        Self::slot_at(self.slots) + u64::from(number) * INDEX_ENTRY_BYTES
    }
}

pub(crate) struct IndexFile {
    pub(crate) path: PathBuf,
    pub(crate) header: Header,
    file: Arc<dyn File>,
    shape: Shape,
    /// Slots that keys were put under; none before the first key, and when the file is full.
    slots: Option<Slots>,
    /// Entries before this number are in the file.
    written: u32,
    /// The entries from `written` on.
    waiting: Vec<u8>,
}

impl IndexFile {
    pub(crate) fn create(disk: &dyn Disk, path: PathBuf, shape: Shape) -> io::Result<Self> {
        let file = disk.open(&path, OpenMode::Create)?;
        file.set_len(shape.file_bytes())?;
        Ok(Self::new(path, file, shape, Header::default()))
    }

    pub(crate) fn open(disk: &dyn Disk, path: PathBuf, shape: Shape) -> io::Result<Self> {
        let file = disk.open(&path, OpenMode::Write)?;
        let header = file.read_bytes(0, INDEX_HEADER_BYTES)?;
        let header = Header::decode(&header, shape.entries);
        Ok(Self::new(path, file, shape, header))
    }

    fn new(path: PathBuf, file: Arc<dyn File>, shape: Shape, header: Header) -> Self {
        let written = header.next;
        Self { path, header, file, shape, slots: None, written, waiting: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.header.next <= 1
    }

    pub(crate) fn is_full(&self) -> bool {
        self.shape.entries <= self.header.next
    }

    pub(crate) fn is_changed(&self) -> bool {
        self.written < self.header.next || self.slots.as_ref().is_some_and(Slots::is_changed)
    }

    /// Adds an entry in memory.
    pub(crate) fn put(&mut self, hash: u32, physical: u64, stored_ms: i64) -> io::Result<()> {
        assert!(!self.is_full(), "entry {} of a full index file", self.header.next);
        let slot = hash % self.shape.slots;
        let number = self.header.next;
        let before = self.slots()?.get(slot)?;
        let before = if before < number { before } else { 0 };
        if number == 1 {
            self.header.begin_ms = stored_ms;
            self.header.begin_physical = physical;
        }
        let seconds = stored_ms.saturating_sub(self.header.begin_ms).max(0) / 1000;
        let seconds = i32::try_from(seconds).unwrap_or(i32::MAX);
        let entry = Entry { hash, physical, seconds, before };
        self.waiting.extend_from_slice(&entry.encode());
        self.slots()?.set(slot, number)?;
        // Only a slot that was empty is a new one: Java once counted every entry.
        self.header.slots_used += u32::from(before == 0);
        self.header.next += 1;
        self.header.end_physical = physical;
        self.header.end_ms = stored_ms;
        if WAITING_BYTES_MAX <= self.waiting.len() {
            // Entries that no slot in the file names harm nobody. If this fails they wait on.
            self.write_entries().ok();
        }
        Ok(())
    }

    fn slots(&mut self) -> io::Result<&mut Slots> {
        if self.slots.is_none() {
            self.slots =
                Some(Slots::in_file(self.file.clone(), self.shape.slots, Shape::slot_at(0))?);
        }
        self.slots.as_mut().ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    /// The newest entry of a slot, without remembering what was read.
    fn newest(&self, slot: u32) -> io::Result<u32> {
        if let Some(newest) = self.slots.as_ref().and_then(|slots| slots.peek(slot)) {
            return Ok(newest);
        }
        let bytes = self.file.read_bytes(Shape::slot_at(slot), INDEX_SLOT_BYTES)?;
        Ok(slots::decode(&bytes))
    }

    fn entry(&self, number: u32) -> io::Result<Option<Entry>> {
        if self.written <= number {
            let at = usize::try_from(number - self.written).unwrap_or(usize::MAX);
            let bytes = self.waiting.chunks_exact(ENTRY_LEN).nth(at);
            return Ok(bytes.and_then(Entry::decode));
        }
        let bytes = self.file.read_bytes(self.shape.entry_at(number), INDEX_ENTRY_BYTES)?;
        Ok(Entry::decode(&bytes))
    }

    /// Whether any of its records may have been stored in this span of time.
    pub(crate) fn overlaps(&self, begin_ms: i64, end_ms: i64) -> bool {
        !self.is_empty() && self.header.begin_ms <= end_ms && begin_ms <= self.header.end_ms
    }

    /// Shows the entries of a hash, the newest first, with the second in which they were stored,
    /// until `visit` has enough.
    pub(crate) fn find(
        &self,
        hash: u32,
        mut visit: impl FnMut(u64, i64) -> bool,
    ) -> io::Result<()> {
        let mut number = self.newest(hash % self.shape.slots)?;
        let mut after = self.header.next;
        // Numbers fall along a chain; anything else is damage, and would never end.
        while 0 < number && number < after {
            let Some(entry) = self.entry(number)? else { return Ok(()) };
            let stored_ms = self.stored_ms(entry);
            if entry.hash == hash && !visit(entry.physical, stored_ms) {
                return Ok(());
            }
            (after, number) = (number, entry.before);
        }
        Ok(())
    }

    /// Writes what waits in memory: entries before the slots that name them, counters last.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if !self.is_changed() {
            return Ok(());
        }
        self.write_entries()?;
        if let Some(slots) = &mut self.slots {
            slots.flush()?;
        }
        self.file.write_all_at(0, &self.header.encode())?;
        if self.is_full() {
            self.slots = None;
        }
        Ok(())
    }

    fn stored_ms(&self, entry: Entry) -> i64 {
        self.header.begin_ms.saturating_add(i64::from(entry.seconds) * 1000)
    }

    fn write_entries(&mut self) -> io::Result<()> {
        self.file.write_all_at(self.shape.entry_at(self.written), &self.waiting)?;
        self.waiting.clear();
        self.written = self.header.next;
        Ok(())
    }

    /// Takes back the newest entries, those of records from `end` on, without a look at the file:
    /// no flush has come since they were put. `last` is the newest key that remains.
    pub(crate) fn take_back(&mut self, end: u64, last: LastKey) -> io::Result<()> {
        while !self.is_empty() {
            let number = self.header.next - 1;
            let entry = self.entry(number)?.ok_or(io::ErrorKind::InvalidData)?;
            if entry.physical < end {
                break;
            }
            let slot = entry.hash % self.shape.slots;
            self.slots()?.set(slot, entry.before)?;
            self.header.slots_used -= u32::from(entry.before == 0);
            self.header.next = number;
            // A full memory may have sent entries to the file: they are overwritten there.
            self.written = self.written.min(number);
            self.waiting.truncate((number - self.written) as usize * ENTRY_LEN);
        }
        if self.is_empty() {
            self.header = Header::default();
        } else {
            (self.header.end_physical, self.header.end_ms) = (last.physical, last.stored_ms);
        }
        Ok(())
    }

    /// Forgets all entries of records from `end` on, and rebuilds the slots from what remains:
    /// slots and counters may be those of any moment, entries before `end` are whole.
    pub(crate) fn truncate(&mut self, end: u64) -> io::Result<()> {
        self.flush()?;
        let claimed = self.header;
        self.header = Header { begin_ms: claimed.begin_ms, ..Header::default() };
        (self.written, self.waiting) = (1, Vec::new());
        self.slots = Some(Slots::empty(self.file.clone(), self.shape.slots, Shape::slot_at(0))?);
        let mut number = 1;
        'entries: while number < claimed.next {
            let count = (SCAN_BYTES / INDEX_ENTRY_BYTES).min(u64::from(claimed.next - number));
            let at = self.shape.entry_at(number);
            let bytes = self.file.read_bytes(at, count * INDEX_ENTRY_BYTES)?;
            for bytes in bytes.chunks_exact(ENTRY_LEN) {
                let whole = Entry::decode(bytes).filter(|entry| {
                    entry.physical < end && self.header.end_physical <= entry.physical
                });
                let Some(entry) = whole else { break 'entries };
                let stored_ms = self.stored_ms(entry);
                self.put(entry.hash, entry.physical, stored_ms)?;
                number += 1;
            }
            self.write_entries()?;
        }
        Ok(())
    }
}
