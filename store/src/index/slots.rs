//! The hash slots of the index file that is being filled, in memory as they lie in the file.
//!
//! A file of RocketMQ's size has 20 MB of them, and keys hit them at random. They live in an
//! anonymous mapping: zeroed and resident only where they are touched, and given back to the
//! operating system as a whole when the file is full. The file itself is not mapped; pages go
//! between the two by reads and writes, whose errors come back as errors.

use std::{io, ops::Range, sync::Arc};

use memmap2::MmapMut;
use runtime::File;

use crate::limits::INDEX_SLOT_BYTES;

const SLOT_LEN: usize = 4;
const _: () = assert!(SLOT_LEN as u64 == INDEX_SLOT_BYTES);

/// Slots that are read and written together.
const PAGE_SLOTS: usize = 1024;

pub(super) struct Slots {
    file: Arc<dyn File>,
    /// Big-endian, as in the file. Only what lies in known pages means anything.
    memory: MmapMut,
    /// Where the first slot lies in the file.
    at: u64,
    pages: Vec<Page>,
    changed: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Page {
    /// Nobody has looked at it yet.
    InFile,
    Known,
    Changed,
}

impl Slots {
    /// All of them are still in the file, from `at` on.
    pub(super) fn in_file(file: Arc<dyn File>, count: u32, at: u64) -> io::Result<Self> {
        Self::new(file, count, at, Page::InFile)
    }

    /// All of them are empty, whatever the file says.
    pub(super) fn empty(file: Arc<dyn File>, count: u32, at: u64) -> io::Result<Self> {
        Self::new(file, count, at, Page::Changed)
    }

    fn new(file: Arc<dyn File>, count: u32, at: u64, page: Page) -> io::Result<Self> {
        let count = usize::try_from(count).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let pages = vec![page; count.div_ceil(PAGE_SLOTS)];
        let changed = if page == Page::Changed { (0..pages.len()).collect() } else { Vec::new() };
        // A mapping of nothing is an error.
        let memory = MmapMut::map_anon(count.max(1) * SLOT_LEN)?;
        Ok(Self { file, memory, at, pages, changed })
    }

    pub(super) fn is_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// The newest entry of a slot, read from the file if need be; 0 for none.
    pub(super) fn get(&mut self, slot: u32) -> io::Result<u32> {
        let bytes = self.known(slot)?;
        Ok(decode(&self.memory[bytes]))
    }

    /// The newest entry of a slot that is in memory.
    pub(super) fn peek(&self, slot: u32) -> Option<u32> {
        let bytes = place(slot);
        let page = self.pages.get(bytes.start / (PAGE_SLOTS * SLOT_LEN))?;
        (*page != Page::InFile).then(|| decode(&self.memory[bytes]))
    }

    pub(super) fn set(&mut self, slot: u32, number: u32) -> io::Result<()> {
        let bytes = self.known(slot)?;
        let page = bytes.start / (PAGE_SLOTS * SLOT_LEN);
        self.memory[bytes].copy_from_slice(&number.to_be_bytes());
        if self.pages[page] != Page::Changed {
            self.pages[page] = Page::Changed;
            self.changed.push(page);
        }
        Ok(())
    }

    /// Writes the pages that changed, in the order of the file.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.changed.sort_unstable();
        for &page in &self.changed {
            let bytes = self.bytes_of(page);
            self.file.write_all_at(self.at + bytes.start as u64, &self.memory[bytes])?;
        }
        for page in self.changed.drain(..) {
            self.pages[page] = Page::Known;
        }
        Ok(())
    }

    /// Where a slot lies in memory, once its page is there.
    fn known(&mut self, slot: u32) -> io::Result<Range<usize>> {
        let slot = place(slot);
        let page = slot.start / (PAGE_SLOTS * SLOT_LEN);
        if self.pages[page] == Page::InFile {
            let bytes = self.bytes_of(page);
            self.file.read_exact_at(self.at + bytes.start as u64, &mut self.memory[bytes])?;
            self.pages[page] = Page::Known;
        }
        Ok(slot)
    }

    fn bytes_of(&self, page: usize) -> Range<usize> {
        let start = page * PAGE_SLOTS * SLOT_LEN;
        start..self.memory.len().min(start + PAGE_SLOTS * SLOT_LEN)
    }
}

fn place(slot: u32) -> Range<usize> {
    let start = slot as usize * SLOT_LEN;
    start..start + SLOT_LEN
}

/// A negative number is no entry's.
pub(super) fn decode(bytes: &[u8]) -> u32 {
    let number = bytes.first_chunk().map_or(0, |slot| i32::from_be_bytes(*slot));
    u32::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use runtime::{Disk, OpenMode, memory::MemoryDisk};

    use super::*;

    #[test]
    fn slots_are_read_once_and_written_where_they_were_read() {
        let disk = MemoryDisk::new();
        let file = disk.open("index".as_ref(), OpenMode::Create).unwrap();
        let count = 3 * 1024 + 5;
        file.set_len(40 + u64::from(count) * 4).unwrap();
        file.write_all_at(40 + 1030 * 4, &7u32.to_be_bytes()).unwrap();
        file.write_all_at(40 + 1031 * 4, &[0xff; 4]).unwrap();

        let mut slots = Slots::in_file(file.clone(), count, 40).unwrap();
        assert_eq!(slots.peek(1030), None);
        assert_eq!(slots.get(1030).unwrap(), 7);
        assert_eq!((slots.peek(1030), slots.peek(1031), slots.peek(0)), (Some(7), Some(0), None));
        assert!(!slots.is_changed());
        slots.set(count - 1, 9).unwrap();
        slots.set(1030, 8).unwrap();
        slots.flush().unwrap();
        assert!(!slots.is_changed());

        let mut again = Slots::in_file(file.clone(), count, 40).unwrap();
        assert_eq!(again.get(count - 1).unwrap(), 9);
        assert_eq!(again.get(1030).unwrap(), 8);
        let mut emptied = Slots::empty(file.clone(), count, 40).unwrap();
        emptied.flush().unwrap();
        assert!(file.read_bytes(40, u64::from(count) * 4).unwrap().iter().all(|byte| *byte == 0));
    }
}
