//! The files of all consume queues, through a few open handles.
//!
//! `consumequeue/<topic>/<queue>/<20 digits>`: each file has room for the same number of slots and
//! is created at its full size, as a hole; its name is the byte position of its first slot in the
//! queue. A queue owns no handle: the files used last stay open, whoever they belong to.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use protocol::Text;
use runtime::{Disk, File, OpenMode};

use crate::{
    directory::file_name,
    limits::SLOT_BYTES,
    slot::{FILLER, Slot},
    store::QueueName,
};

pub(crate) struct QueueFiles {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) directory: PathBuf,
    /// Slots in one file.
    pub(crate) file_slots: i64,
    open_max: usize,
    open: Mutex<OpenFiles>,
    /// What was written or created since the last checkpoint began.
    pub(crate) dirty: BTreeSet<PathBuf>,
    pub(crate) dirty_directories: BTreeSet<PathBuf>,
}

/// Open files by number of their queue and first slot, and in the order of their last use.
#[derive(Default)]
struct OpenFiles {
    files: BTreeMap<(u32, i64), (Arc<dyn File>, u64)>,
    uses: BTreeMap<u64, (u32, i64)>,
    uses_total: u64,
}

impl OpenFiles {
    fn take(&mut self, key: (u32, i64)) -> Option<Arc<dyn File>> {
        let (file, used) = self.files.remove(&key)?;
        self.uses.remove(&used);
        Some(file)
    }

    fn put(&mut self, key: (u32, i64), file: Arc<dyn File>) {
        self.uses_total += 1;
        self.uses.insert(self.uses_total, key);
        self.files.insert(key, (file, self.uses_total));
    }
}

/// A queue as its files need it: what it is called, and a number that is shorter.
#[derive(Clone, Copy)]
pub(crate) struct FileOwner<'a> {
    pub(crate) number: u32,
    pub(crate) name: &'a QueueName,
}

impl QueueFiles {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        directory: PathBuf,
        file_slots: u64,
        open_max: usize,
    ) -> Self {
        Self {
            disk,
            directory,
            file_slots: i64::try_from(file_slots).unwrap_or(i64::MAX),
            open_max,
            open: Mutex::new(OpenFiles::default()),
            dirty: BTreeSet::new(),
            dirty_directories: BTreeSet::new(),
        }
    }

    pub(crate) fn queue_directory(&self, name: &QueueName) -> PathBuf {
        self.directory.join(&*name.topic).join(name.queue_id.to_string())
    }

    pub(crate) fn topic_directory(&self, topic: &Text) -> PathBuf {
        self.directory.join(&**topic)
    }

    /// The first slot of the file that holds this slot.
    pub(crate) fn file_start(&self, slot: i64) -> i64 {
        slot - slot.rem_euclid(self.file_slots)
    }

    fn path(&self, name: &QueueName, file_start: i64) -> PathBuf {
        self.queue_directory(name).join(file_name(position(file_start)))
    }

    /// Length of one file.
    pub(crate) fn file_bytes(&self) -> u64 {
        position(self.file_slots)
    }

    pub(crate) fn open_files(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).files.len()
    }

    fn opened(
        &self,
        owner: FileOwner<'_>,
        file_start: i64,
        open: impl FnOnce(&Path) -> io::Result<Arc<dyn File>>,
    ) -> io::Result<Arc<dyn File>> {
        let key = (owner.number, file_start);
        let mut files = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match files.take(key) {
            Some(file) => file,
            None => open(&self.path(owner.name, file_start))?,
        };
        files.put(key, file.clone());
        while self.open_max < files.files.len()
            && let Some((_, oldest)) = files.uses.pop_first()
        {
            files.files.remove(&oldest);
        }
        Ok(file)
    }

    /// The slots `from..to`, which were written: fewer if the file says otherwise, or if `to` lies
    /// in another file than `from`.
    pub(crate) fn read(&self, owner: FileOwner<'_>, from: i64, to: i64) -> io::Result<Vec<Slot>> {
        let start = self.file_start(from);
        let to = to.min(start + self.file_slots);
        if to <= from {
            return Ok(Vec::new());
        }
        let disk = &self.disk;
        let file = self.opened(owner, start, |path| disk.open(path, OpenMode::Write))?;
        let bytes = file.read_bytes(position(from - start), position(to - from))?;
        Ok(Slot::decode_all(&bytes))
    }

    /// Writes the slots that begin at `from`, which lie in one file. Creates the file, filled up in
    /// front of `from` if `fill` says that nothing of this queue lies before.
    pub(crate) fn write(
        &mut self,
        owner: FileOwner<'_>,
        from: i64,
        slots: &[u8],
        fill: bool,
    ) -> io::Result<()> {
        let start = self.file_start(from);
        let path = self.path(owner.name, start);
        let mut created = false;
        let file_bytes = self.file_bytes();
        let file = self.opened(owner, start, |path| {
            let (file, is_new) = open_or_create(&*self.disk, path, file_bytes)?;
            created = is_new;
            Ok(file)
        })?;
        if created {
            self.mark_names(owner.name);
        }
        if fill && start < from {
            let count = usize::try_from(from - start).unwrap_or(0);
            file.write_all_at(0, &FILLER.encode().repeat(count))?;
        }
        file.write_all_at(position(from - start), slots)?;
        self.dirty.insert(path);
        Ok(())
    }

    /// The names of a queue's files, and its own, may not be durable.
    pub(crate) fn mark_names(&mut self, name: &QueueName) {
        let directory = self.queue_directory(name);
        self.dirty_directories.extend(directory.parent().map(Path::to_path_buf));
        self.dirty_directories.insert(self.directory.clone());
        self.dirty_directories.insert(directory);
    }

    /// Overwrites the slots from `from` to the end of its file with zeroes.
    pub(crate) fn zero(&mut self, owner: FileOwner<'_>, from: i64) -> io::Result<()> {
        let start = self.file_start(from);
        let path = self.path(owner.name, start);
        let disk = self.disk.clone();
        let file = match self.opened(owner, start, |path| disk.open(path, OpenMode::Write)) {
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        let segment = crate::segment::Segment { start: 0, path: path.clone(), file };
        if segment.zero(position(from - start), self.file_bytes())? {
            self.dirty.insert(path);
        }
        Ok(())
    }

    /// Removes one file. Fine if it is absent.
    pub(crate) fn remove(&mut self, owner: FileOwner<'_>, file_start: i64) -> io::Result<()> {
        self.close(owner.number, |start| start == file_start);
        let path = self.path(owner.name, file_start);
        self.dirty.remove(&path);
        match self.disk.remove_file(&path) {
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(()),
            Ok(()) => {
                self.dirty_directories.insert(self.queue_directory(owner.name));
                Ok(())
            }
            Err(cause) => Err(cause),
        }
    }

    /// Removes a topic with all its queues.
    pub(crate) fn remove_topic(&mut self, topic: &Text, numbers: &[u32]) -> io::Result<()> {
        for &number in numbers {
            self.close(number, |_| true);
        }
        let directory = self.topic_directory(topic);
        self.dirty.retain(|path| !path.starts_with(&directory));
        self.dirty_directories.retain(|path| !path.starts_with(&directory));
        match self.disk.remove_dir_all(&directory) {
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => {
                self.dirty_directories.insert(self.directory.clone());
                outcome
            }
        }
    }

    /// Whether a checkpoint has something to sync.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty() || !self.dirty_directories.is_empty()
    }

    fn close(&self, number: u32, which: impl Fn(i64) -> bool) {
        let mut files = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let range = (number, i64::MIN)..=(number, i64::MAX);
        let keys: Vec<_> = files.files.range(range).map(|(key, _)| *key).collect();
        for key in keys.into_iter().filter(|key| which(key.1)) {
            files.take(key);
        }
    }
}

/// Where a slot starts in its queue. Counting slots becomes counting bytes only here.
pub(crate) fn position(slots: i64) -> u64 {
    u64::try_from(slots).unwrap_or(0) * SLOT_BYTES
}

fn open_or_create(disk: &dyn Disk, path: &Path, len: u64) -> io::Result<(Arc<dyn File>, bool)> {
    match disk.open(path, OpenMode::Write) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => {}
        opened => {
            let file = opened?;
            // A file that was created just before the power went may have no length.
            if file.is_empty()? {
                file.set_len(len)?;
            }
            return Ok((file, false));
        }
    }
    if let Some(directory) = path.parent() {
        disk.create_dir_all(directory)?;
    }
    let file = disk.open(path, OpenMode::Create)?;
    file.set_len(len)?;
    Ok((file, true))
}
