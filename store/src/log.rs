//! The log: all messages of all queues in the order in which they came.
//!
//! A list of [`Segment`]s without gaps, written at one end and deleted at the other. Every append
//! reaches the operating system before it returns, unless writes are held
//! ([`Log::hold`]): then they reach it together when the hold ends.

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use runtime::Disk;

use crate::{
    directory::file_name,
    limits::{BLANK_BYTES_MIN, HELD_KEPT_BYTES_MAX, SCAN_BYTES},
    segment::{Segment, blank},
    tail::Tail,
};

pub(crate) struct Log {
    disk: Arc<dyn Disk>,
    pub(crate) directory: PathBuf,
    pub(crate) segment_bytes: u64,
    pub(crate) segments: VecDeque<Segment>,
    tail: Tail,
    /// Next byte to be written. Grows on every append.
    end: u64,
    /// Bytes before this have reached the operating system. Grows with `end` unless held.
    written: u64,
    /// The bytes `written..end`, all of the last segment, while writes are held.
    held: Option<Vec<u8>>,
    /// What the last hold left behind: memory for the next one.
    spare: Vec<u8>,
    /// Bytes of a write that failed may stand behind `end`, and could not be cleared. Never false
    /// again: they may be whole records, which a recovery would take for the log's.
    littered: bool,
    /// A segment was created or removed since the directory was last synced.
    pub(crate) names_changed: bool,
    // Invariant: start <= written && written <= end, and both lie in or at the end of the last
    // segment.
}

/// The operating system refused something that the log needs.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {}: {cause}", path.display())]
pub(crate) struct LogFailure {
    pub(crate) verb: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) cause: io::Error,
}

/// A state to come back to when a held write fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogMark {
    end: u64,
}

impl LogMark {
    pub(crate) fn end(self) -> u64 {
        self.end
    }
}

impl Log {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        directory: &Path,
        segment_bytes: u64,
        tail: Tail,
    ) -> Self {
        Self {
            disk,
            directory: directory.to_path_buf(),
            segment_bytes,
            segments: VecDeque::new(),
            tail,
            end: 0,
            written: 0,
            held: None,
            spare: Vec::new(),
            littered: false,
            names_changed: false,
        }
    }

    /// First byte still kept.
    pub(crate) fn start(&self) -> u64 {
        self.segments.front().map_or(self.end, |segment| segment.start)
    }

    /// Next byte to be written.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Bytes before this have reached the operating system.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Whether bytes that nobody may find remain behind the end.
    pub(crate) fn is_littered(&self) -> bool {
        self.littered
    }

    /// Sets where the log ends, after its segments were looked through.
    pub(crate) fn set_end(&mut self, end: u64) {
        let last = self.segments.back().map_or(end, |segment| segment.start);
        assert!(last <= end, "the log ends at {end}, before its last segment at {last}");
        self.end = end;
        self.written = end;
    }

    /// The segment that holds this byte.
    pub(crate) fn segment(&self, at: u64) -> Option<&Segment> {
        let first = self.segments.front()?.start;
        let index = at.checked_sub(first)? / self.segment_bytes;
        let segment = self.segments.get(usize::try_from(index).ok()?)?;
        assert!(segment.start <= at, "byte {at} looked up in the segment at {}", segment.start);
        Some(segment)
    }

    /// Where a record of `len` bytes will be placed. Begins a new segment if it does not fit into
    /// the last one.
    pub(crate) fn place(&mut self, len: u64) -> Result<u64, LogFailure> {
        self.begin_segment()?;
        let Some(last) = self.segments.back() else { return Ok(self.end) };
        let rest = last.start + self.segment_bytes - self.end;
        if len + BLANK_BYTES_MIN <= rest {
            return Ok(self.end);
        }
        // The new file comes first: without room for it, smaller records may still fit here.
        let start = last.start + self.segment_bytes;
        let next = self.create_segment(start)?;
        if let Err(failure) = self.fill(rest) {
            self.disk.remove_file(&next.path).ok();
            return Err(failure);
        }
        self.segments.push_back(next);
        self.names_changed = true;
        self.end = start;
        self.written = start;
        Ok(start)
    }

    /// Begins a new segment if there is none, or the last one is full to its last byte.
    pub(crate) fn begin_segment(&mut self) -> Result<(), LogFailure> {
        let last = self.segments.back();
        if last.is_none_or(|last| last.start + self.segment_bytes == self.end) {
            let next = self.create_segment(self.end)?;
            self.segments.push_back(next);
            self.names_changed = true;
        }
        Ok(())
    }

    fn create_segment(&self, start: u64) -> Result<Segment, LogFailure> {
        let next = Segment::create(&*self.disk, &self.directory, start, self.segment_bytes);
        next.map_err(|cause| self.failure("create", start, cause))
    }

    /// Lets a log that never held anything begin at `at`, where a segment begins.
    pub(crate) fn begin_at(&mut self, at: u64) -> Result<(), LogFailure> {
        assert!(self.end == 0, "a log that ends at {} would begin at {at}", self.end);
        while let Some(empty) = self.segments.back() {
            if let Err(cause) = self.disk.remove_file(&empty.path) {
                return Err(self.failure("remove", empty.start, cause));
            }
            self.segments.pop_back();
            self.names_changed = true;
        }
        self.set_end(at);
        Ok(())
    }

    /// A buffer for a record of `len` bytes, to be handed in with [`Self::append`].
    pub(crate) fn room(&mut self, len: usize) -> &mut BytesMut {
        self.tail.room(len)
    }

    /// Makes the content of the buffer the next bytes of the log. Nothing has changed if it fails.
    pub(crate) fn append(&mut self, at: u64) -> Result<Bytes, LogFailure> {
        assert!(at == self.end, "a record placed at {at} is appended at {}", self.end);
        let bytes = self.tail.push(at);
        if let Err(failure) = self.write(at, &bytes) {
            self.tail.truncate(at);
            return Err(failure);
        }
        self.end = at + bytes.len() as u64;
        if self.held.is_none() {
            self.written = self.end;
        }
        Ok(bytes)
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), LogFailure> {
        if let Some(held) = self.held.as_mut() {
            held.extend_from_slice(bytes);
            return Ok(());
        }
        let Some(segment) = self.segments.back() else { return Ok(()) };
        let position = at - segment.start;
        let Err(cause) = segment.file.write_all_at(position, bytes) else { return Ok(()) };
        // A part of it may be in the file, the first of several records whole. Whoever sent them
        // is told that they are not stored: a recovery must not find them.
        self.littered |= segment.file.write_all_at(position, &vec![0; bytes.len()]).is_err();
        Err(self.failure("write", segment.start, cause))
    }

    /// From now on appends stay in memory until [`Self::release`].
    pub(crate) fn hold(&mut self) -> LogMark {
        if self.held.is_none() {
            self.held = Some(std::mem::take(&mut self.spare));
        }
        LogMark { end: self.end }
    }

    /// Writes everything that was held, in one go.
    pub(crate) fn release(&mut self) -> Result<(), LogFailure> {
        self.write_held()?;
        self.spare = self.held.take().unwrap_or_default();
        if HELD_KEPT_BYTES_MAX < self.spare.capacity() {
            self.spare = Vec::new();
        }
        Ok(())
    }

    /// Stops holding without writing what was held.
    pub(crate) fn forget_held(&mut self) {
        self.held = None;
    }

    /// Ends the last segment with a blank record over its last `rest` bytes.
    fn fill(&mut self, rest: u64) -> Result<(), LogFailure> {
        self.write(self.end, &blank(rest))?;
        self.write_held().inspect_err(|_| {
            // The records before the blank are tried again when the hold ends.
            let held = self.held.get_or_insert_default();
            held.truncate(held.len() - blank(rest).len());
        })
    }

    fn write_held(&mut self) -> Result<(), LogFailure> {
        let Some(mut held) = self.held.take() else { return Ok(()) };
        let outcome = self.write(self.written, &held);
        if outcome.is_ok() {
            self.written += held.len() as u64;
            held.clear();
        }
        self.held = Some(held);
        outcome
    }

    /// Goes back to an earlier state: what came after it was never acknowledged.
    pub(crate) fn undo(&mut self, mark: LogMark) -> Result<(), LogFailure> {
        if let Some(held) = self.held.as_mut()
            && let Some(keep) = mark.end.checked_sub(self.written)
        {
            held.truncate(usize::try_from(keep).unwrap_or(usize::MAX));
            self.tail.truncate(mark.end);
            self.end = mark.end;
            return Ok(());
        }
        self.held = self.held.take().map(|_| Vec::new());
        self.cut(mark.end)
    }

    /// Makes the log end at `end`: later segments are removed, later bytes of its segment zeroed,
    /// so that what was cut off never comes back. Durable once the log has been synced.
    pub(crate) fn cut(&mut self, end: u64) -> Result<(), LogFailure> {
        self.end_at(end, Behind::Zero).map(drop)
    }

    /// As [`Self::cut`], in one of several ways. Whether there was anything, near to the end at
    /// least.
    pub(crate) fn end_at(&mut self, end: u64, behind: Behind) -> Result<bool, LogFailure> {
        assert!(self.start() <= end, "cut at {end}, before the start at {}", self.start());
        self.tail.truncate(end);
        while let Some(last) = self.segments.back()
            && (end < last.start || (end == last.start && 1 < self.segments.len()))
        {
            let path = last.path.clone();
            self.disk.remove_file(&path).map_err(|cause| LogFailure {
                verb: "remove",
                path,
                cause,
            })?;
            self.segments.pop_back();
            self.names_changed = true;
        }
        let mut there = false;
        if let Some(last) = self.segments.back() {
            let (from, to) = (end - last.start, self.segment_bytes);
            let near = to.min(from + SCAN_BYTES);
            let outcome = match behind {
                Behind::Nothing => Ok(false),
                Behind::Zero => last.zero(from, to),
                Behind::Forget if from == to => Ok(false),
                Behind::Forget => last
                    .holds_anything(from, near)
                    .and_then(|there| last.forget(from, to).map(|()| there)),
            };
            there = outcome.map_err(|cause| self.failure("clear", last.start, cause))?;
        }
        self.end = end;
        self.written = end;
        Ok(there)
    }

    /// Bytes of the log, from memory or from the disk.
    pub(crate) fn read(&self, at: u64, len: u64) -> io::Result<(Bytes, Source)> {
        let end = at.checked_add(len).filter(|&end| end <= self.end);
        if at < self.start() || end.is_none_or(|end| self.next_segment(at) < end) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if let Some(bytes) = self.tail.get(at, len) {
            return Ok((bytes, Source::Memory));
        }
        let segment = self.segment(at).ok_or(io::ErrorKind::NotFound)?;
        Ok((segment.file.read_bytes(at - segment.start, len)?, Source::Disk))
    }

    /// The start of the segment after the one that holds `at`.
    pub(crate) fn next_segment(&self, at: u64) -> u64 {
        at - at % self.segment_bytes + self.segment_bytes
    }

    fn failure(&self, verb: &'static str, start: u64, cause: io::Error) -> LogFailure {
        LogFailure { verb, path: self.directory.join(file_name(start)), cause }
    }
}

/// What is done about the bytes of a file behind the end of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// They are known to be zeroes.
    Nothing,
    /// Those that are not zeroes are overwritten. Reads all of them.
    Zero,
    /// The file is made shorter and longer again. For who can tell a short file from a wrong one.
    Forget,
}

/// Where bytes came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Memory,
    Disk,
}
