//! One consume queue: a few numbers, and the slots that are not yet in a file.

use std::{collections::VecDeque, io};

use crate::{
    directory::{NumberedFile, numbered},
    limits::SLOT_BYTES,
    queue_files::{FileOwner, QueueFiles},
    slot::Slot,
    store::QueueName,
};

/// Slots of a page, about: what one look at a file costs anyway.
const GALLOP_SLOTS: i64 = 200;

#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) number: u32,
    pub(crate) name: QueueName,
    /// First slot of the first file. Grows when files are deleted.
    pub(crate) first: i64,
    /// First slot that points into the log. Grows when the log loses its first segments.
    pub(crate) min: i64,
    /// Where the slot at `min` points; the end of the log if there is none.
    min_physical: u64,
    /// Slots before this are in files. Grows when slots are flushed.
    pub(crate) flushed: i64,
    /// The slots from `flushed` on.
    tail: VecDeque<Slot>,
    /// The end of the newest record.
    pub(crate) end_physical: u64,
    /// Nothing of this queue lies in front of `flushed` in its file.
    fill: bool,
    /// Already among the queues that wait for a flush.
    pub(crate) listed: bool,
    // Invariant: first <= min && min <= max && first <= flushed && flushed <= max.
}

impl Queue {
    /// A queue whose first slot will be `first`.
    pub(crate) fn starting_at(number: u32, name: QueueName, first: i64, start: i64) -> Self {
        Self {
            number,
            name,
            first: start,
            min: first,
            min_physical: u64::MAX,
            flushed: first,
            tail: VecDeque::new(),
            end_physical: 0,
            fill: start < first,
            listed: false,
        }
    }

    /// The slot that comes next.
    pub(crate) fn max(&self) -> i64 {
        self.flushed + i64::try_from(self.tail.len()).unwrap_or(i64::MAX)
    }

    pub(crate) fn owner(&self) -> FileOwner<'_> {
        FileOwner { number: self.number, name: &self.name }
    }

    /// The slot after the last one whose record lies before `limit` as a whole.
    pub(crate) fn max_below(&self, limit: u64) -> i64 {
        if self.end_physical <= limit {
            return self.max();
        }
        let visible = self.tail.partition_point(|slot| slot.end() <= limit);
        self.flushed + i64::try_from(visible).unwrap_or(i64::MAX)
    }

    /// Appends a slot in memory.
    pub(crate) fn push(&mut self, slot: Slot) {
        assert!(
            self.end_physical <= slot.physical,
            "slot {} of {} points to {}, before the end of the one before at {}",
            self.max(),
            self.name,
            slot.physical,
            self.end_physical
        );
        if self.min == self.max() {
            self.min_physical = slot.physical;
        }
        self.end_physical = slot.end();
        self.tail.push_back(slot);
    }

    /// Takes back the newest slot, which is still in memory.
    pub(crate) fn pop(&mut self, end_physical_before: u64) {
        let popped = self.tail.pop_back();
        assert!(popped.is_some(), "{} has no slot in memory to take back", self.name);
        self.end_physical = end_physical_before;
    }

    /// How many slots wait in memory.
    pub(crate) fn waiting(&self) -> usize {
        self.tail.len()
    }

    /// Whether a slot of a record before `durable` waits.
    pub(crate) fn is_ready(&self, durable: u64) -> bool {
        self.tail.front().is_some_and(|slot| slot.end() <= durable)
    }

    /// Writes the waiting slots of records before `durable` to files. Gives what remains.
    pub(crate) fn flush(&mut self, files: &mut QueueFiles, durable: u64) -> io::Result<usize> {
        while let Some(first) = self.tail.front()
            && first.end() <= durable
        {
            let room = files.file_start(self.flushed) + files.file_slots - self.flushed;
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            let ready = self.tail.iter().take(room).take_while(|slot| slot.end() <= durable);
            let bytes: Vec<u8> = ready.flat_map(|slot| slot.encode()).collect();
            files.write(self.owner(), self.flushed, &bytes, self.fill)?;
            self.fill = false;
            let count = bytes.len() / usize::try_from(SLOT_BYTES).unwrap_or(1);
            self.tail.drain(..count);
            self.flushed += i64::try_from(count).unwrap_or(0);
        }
        if self.tail.is_empty() {
            // A hundred thousand idle queues keep no buffer.
            self.tail = VecDeque::new();
        }
        Ok(self.tail.len())
    }

    /// The slots from `from` up to `to`; fewer, but at least one, if they lie in several places.
    /// None if a slot that should be there is not.
    pub(crate) fn slots(&self, files: &QueueFiles, from: i64, to: i64) -> io::Result<Vec<Slot>> {
        let to = to.min(self.max());
        if to <= from {
            return Ok(Vec::new());
        }
        if from < self.flushed {
            return match files.read(self.owner(), from, to.min(self.flushed)) {
                Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
                slots => slots,
            };
        }
        let (from, to) = (from - self.flushed, to - self.flushed);
        let range = usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0);
        Ok(self.tail.range(range).copied().collect())
    }

    /// One slot.
    pub(crate) fn slot(&self, files: &QueueFiles, at: i64) -> io::Result<Option<Slot>> {
        Ok(self.slots(files, at, at + 1)?.first().copied())
    }

    /// The first slot in `from..to` for which `below` no longer holds; it must hold for a prefix.
    pub(crate) fn partition_point(
        &self,
        files: &QueueFiles,
        (mut from, mut to): (i64, i64),
        mut below: impl FnMut(Slot) -> io::Result<bool>,
    ) -> io::Result<i64> {
        while from < to {
            let middle = from + (to - from) / 2;
            let holds = match self.slot(files, middle)? {
                Some(slot) => below(slot)?,
                None => false,
            };
            if holds {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        Ok(from)
    }

    /// Finds the first slot again after the log lost everything before `log_start`.
    pub(crate) fn correct_min(&mut self, files: &QueueFiles, log_start: u64) -> io::Result<()> {
        if log_start <= self.min_physical {
            return Ok(());
        }
        let below = |slot: Slot| Ok(slot.is_filler() || slot.physical < log_start);
        let min = self.partition_point(files, (self.min, self.max()), below)?;
        assert!(self.min <= min, "min of {} went back: {} -> {min}", self.name, self.min);
        self.min = min;
        self.min_physical = self.slot(files, min)?.map_or(u64::MAX, |slot| slot.physical);
        Ok(())
    }

    /// Removes the files whose slots all lie before `min`, except the last one.
    pub(crate) fn remove_old_files(&mut self, files: &mut QueueFiles) -> io::Result<usize> {
        let keep = files.file_start(self.min.min(self.max() - 1));
        let mut removed = 0;
        while self.first < keep && self.first + files.file_slots <= self.flushed {
            files.remove(self.owner(), self.first)?;
            self.first += files.file_slots;
            removed += 1;
        }
        Ok(removed)
    }

    /// Forgets the slots from `max` on. In files they are overwritten with zeroes, unless the
    /// caller is about to write all of them again.
    pub(crate) fn truncate(
        &mut self,
        files: &mut QueueFiles,
        max: i64,
        zero: bool,
    ) -> io::Result<()> {
        assert!(self.first <= max, "{} cut at {max}, before {}", self.name, self.first);
        let keep = usize::try_from(max - self.flushed).unwrap_or(0);
        self.tail.truncate(keep);
        if max < self.flushed {
            // The file behind the last slot may exist already.
            let mut start = files.file_start(self.flushed);
            while zero && max <= start && self.first < start {
                files.remove(self.owner(), start)?;
                start -= files.file_slots;
            }
            self.flushed = max;
            if zero {
                files.zero(self.owner(), max)?;
            }
        }
        if max <= self.min {
            self.min = max;
            self.min_physical = u64::MAX;
        }
        let last = if self.first < max { self.slot(files, max - 1)? } else { None };
        self.end_physical = last.filter(|slot| !slot.is_filler()).map_or(0, Slot::end);
        Ok(())
    }

    /// What the files of a queue say about it. Changes nothing.
    pub(crate) fn load(
        number: u32,
        name: QueueName,
        (files, log_start): (&QueueFiles, u64),
    ) -> io::Result<Result<Loaded, BadFile>> {
        let mut loaded = Loaded { queue: None, useless: Vec::new(), lost: false };
        let mut run: Vec<NumberedFile> = Vec::new();
        for file in numbered(&*files.disk, &files.queue_directory(&name))? {
            if file.len != 0 && file.len != files.file_bytes()
                || file.start % files.file_bytes() != 0
            {
                return Ok(Err(BadFile { file, expected: files.file_bytes() }));
            }
            let before = run.last().filter(|last| last.start + files.file_bytes() != file.start);
            let expired = match before {
                Some(last) => Self::is_expired(files, (number, &name), last, log_start)?,
                None => false,
            };
            if expired {
                // Retention had removed these; a power cut brought their names back.
                loaded.useless.extend(run.drain(..).map(|file| file.start));
            } else if before.is_some() || file.len == 0 {
                // A gap in the names is a lost file. A file without length was created just
                // before the power went.
                loaded.lost = true;
            }
            if loaded.lost {
                // What lies behind a lost file comes back out of the log.
                loaded.useless.push(file.start);
            } else {
                run.push(file);
            }
        }
        if let (Some(first), Some(last)) = (run.first(), run.last()) {
            let (first, last) = (slot_at(first), slot_at(last));
            let mut queue = Self::starting_at(number, name, first, first);
            queue.find_ends(files, last)?;
            loaded.queue = Some(queue);
        }
        Ok(Ok(loaded))
    }

    /// Whether all slots of a file, which is not the last one, speak of what the log has removed.
    fn is_expired(
        files: &QueueFiles,
        (number, name): (u32, &QueueName),
        file: &NumberedFile,
        log_start: u64,
    ) -> io::Result<bool> {
        let first = slot_at(file);
        let mut queue = Self::starting_at(number, name.clone(), first, first);
        queue.flushed = first + files.file_slots;
        let last = queue.slot(files, queue.flushed - 1)?;
        Ok(last.is_some_and(|slot| slot.end() <= log_start))
    }

    /// Looks for the first and the last slot in the files `self.first ..= last`.
    fn find_ends(&mut self, files: &QueueFiles, last: i64) -> io::Result<()> {
        self.flushed = last + files.file_slots;
        self.flushed = self.written_end(files, last)?;
        // The last file may be empty; the one before it is full then, unless it is torn.
        if self.flushed == last && self.first < last {
            self.flushed = self.written_end(files, last - files.file_slots)?;
        }
        let filler = |slot: Slot| Ok(slot.is_filler());
        self.min = match self.slot(files, self.first)? {
            Some(slot) if slot.is_filler() => {
                self.partition_point(files, (self.first, self.flushed), filler)?
            }
            _ => self.first,
        };
        self.min_physical = self.slot(files, self.min)?.map_or(u64::MAX, |slot| slot.physical);
        let newest = self.slot(files, self.flushed - 1)?.filter(|slot| !slot.is_filler());
        self.end_physical = if self.first < self.flushed { newest.map_or(0, Slot::end) } else { 0 };
        Ok(())
    }

    /// The first slot of a file that was never written: most files hold few slots, so look at
    /// twice as many each time instead of halving a large hole.
    fn written_end(&self, files: &QueueFiles, start: i64) -> io::Result<i64> {
        let end = start + files.file_slots;
        let (mut from, mut to) = (start, end.min(start + GALLOP_SLOTS));
        while from < end && self.slot(files, to - 1)?.is_some() {
            (from, to) = (to, end.min(start + (to - start) * 2));
        }
        self.partition_point(files, (from, to), |_| Ok(true))
    }
}

/// What the files of one queue hold.
pub(crate) struct Loaded {
    /// Absent if there is no file of any use.
    pub(crate) queue: Option<Queue>,
    /// First bytes of the files before or behind a hole that are of no use.
    pub(crate) useless: Vec<u64>,
    /// A file is lost whose slots the log may still have.
    pub(crate) lost: bool,
}

fn slot_at(file: &NumberedFile) -> i64 {
    i64::try_from(file.start / SLOT_BYTES).unwrap_or(i64::MAX)
}

/// A file of a length that the configuration does not explain.
#[derive(Debug)]
pub(crate) struct BadFile {
    pub(crate) file: NumberedFile,
    pub(crate) expected: u64,
}
