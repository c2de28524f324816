//! The index: which records have a key. A row of [`IndexFile`]s, oldest first.
//!
//! For each record the unique key comes first, then each word of KEYS, under `topic#key`; then,
//! since 5.4, the tag under `topic#T#tag`.
//! Source: store/index/IndexService.java.

mod entry;
mod file;
mod header;
mod names;
mod slots;

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use runtime::Disk;

pub(crate) use entry::{key_hash, tag_hash};
use file::IndexFile;
pub(crate) use file::Shape;

pub(crate) struct Index {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    shape: Shape,
    utc_offset_minutes: i32,
    files: Vec<IndexFile>,
    /// Keys for which there is no file, because it could not be created.
    backlog: VecDeque<Key>,
    /// Files written since the last checkpoint began.
    dirty: Vec<PathBuf>,
    names_changed: bool,
}

#[derive(Clone, Copy)]
struct Key {
    hash: u32,
    physical: u64,
    stored_ms: i64,
}

/// A file of a length that the configuration does not explain.
pub(crate) struct BadIndexFile {
    pub(crate) path: PathBuf,
    pub(crate) len: u64,
    pub(crate) expected: u64,
}

/// What the index was last told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LastKey {
    pub(crate) physical: u64,
    pub(crate) stored_ms: i64,
}

impl Index {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        directory: &Path,
        shape: Shape,
        utc_offset_minutes: i32,
    ) -> Self {
        Self {
            disk,
            directory: directory.to_path_buf(),
            shape,
            utc_offset_minutes,
            files: Vec::new(),
            backlog: VecDeque::new(),
            dirty: Vec::new(),
            names_changed: false,
        }
    }

    /// Finds the files. Changes nothing.
    pub(crate) fn load(&mut self) -> io::Result<Result<(), BadIndexFile>> {
        let entries = match self.disk.list(&self.directory) {
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(Ok(())),
            entries => entries?,
        };
        for entry in
            entries.into_iter().filter(|entry| !entry.is_dir && names::is_name(&entry.name))
        {
            let path = self.directory.join(&entry.name);
            // A file without length was created just before the power went: it holds nothing.
            if entry.len != 0 {
                let expected = self.shape.file_bytes();
                if entry.len != expected {
                    return Ok(Err(BadIndexFile { path, len: entry.len, expected }));
                }
                self.files.push(IndexFile::open(&*self.disk, path, self.shape)?);
            }
        }
        Ok(Ok(()))
    }

    /// The last key, if there is any.
    pub(crate) fn last(&self) -> Option<LastKey> {
        if let Some(key) = self.backlog.back() {
            return Some(LastKey { physical: key.physical, stored_ms: key.stored_ms });
        }
        let file = self.files.iter().rev().find(|file| !file.is_empty())?;
        let header = file.header;
        Some(LastKey { physical: header.end_physical, stored_ms: header.end_ms })
    }

    /// Adds a key, in memory.
    pub(crate) fn put(&mut self, hash: u32, physical: u64, stored_ms: i64) {
        let key = Key { hash, physical, stored_ms };
        self.backlog.push_back(key);
        // What cannot be taken now is found in the backlog, and taken by a later flush.
        self.drain_backlog().ok();
    }

    fn drain_backlog(&mut self) -> io::Result<()> {
        while let Some(&Key { hash, physical, stored_ms }) = self.backlog.front() {
            self.current(stored_ms)?.put(hash, physical, stored_ms)?;
            self.backlog.pop_front();
        }
        Ok(())
    }

    /// The file that takes the next key.
    fn current(&mut self, now_ms: i64) -> io::Result<&mut IndexFile> {
        if self.files.last().is_none_or(IndexFile::is_full) {
            self.disk.create_dir_all(&self.directory)?;
            let newest = self.files.last().and_then(|file| file.path.file_name()?.to_str());
            let name = names::next(
                newest,
                now_ms.saturating_add(i64::from(self.utc_offset_minutes) * 60_000),
            );
            let path = self.directory.join(name);
            let file = IndexFile::create(&*self.disk, path, self.shape)?;
            self.names_changed = true;
            self.files.push(file);
        }
        self.files.last_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Takes back all keys of records from `end` on, which are newer than the last flush, in
    /// memory. `last` is the key that was the last before they came.
    pub(crate) fn take_back(&mut self, end: u64, last: Option<LastKey>) -> io::Result<()> {
        while self.backlog.back().is_some_and(|key| end <= key.physical) {
            self.backlog.pop_back();
        }
        // A file that was begun for them stays, empty, for the keys that come next.
        let theirs = |file: &&mut IndexFile| file.is_empty() || end <= file.header.end_physical;
        for file in self.files.iter_mut().rev().take_while(theirs) {
            file.take_back(end, last.unwrap_or_default())?;
        }
        Ok(())
    }

    /// Shows the records that may have a key, the newest first, with the second in which they were
    /// stored, until `visit` has enough.
    pub(crate) fn find(
        &self,
        hash: u32,
        (begin_ms, end_ms): (i64, i64),
        mut visit: impl FnMut(u64) -> bool,
    ) -> io::Result<()> {
        let mut enough = false;
        for key in self.backlog.iter().rev().filter(|key| key.hash == hash) {
            if !enough && (begin_ms..=end_ms).contains(&key.stored_ms) {
                enough = !visit(key.physical);
            }
        }
        for file in self.files.iter().rev() {
            if enough || (file.header.end_ms < begin_ms && !file.is_empty()) {
                break;
            }
            if !file.overlaps(begin_ms, end_ms) {
                continue;
            }
            file.find(hash, |physical, second_ms| {
                // An entry knows its time to the second; the caller looks at the record itself.
                let begins = begin_ms < second_ms.saturating_add(1000);
                if second_ms <= end_ms && begins {
                    enough = !visit(physical);
                }
                !enough && begins
            })?;
        }
        Ok(())
    }

    /// Whether a checkpoint has something to write or to sync.
    pub(crate) fn is_changed(&self) -> bool {
        let unsynced = self.names_changed || !self.dirty.is_empty();
        unsynced || !self.backlog.is_empty() || self.files.iter().any(IndexFile::is_changed)
    }

    /// Writes what waits in memory.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.drain_backlog()?;
        for file in self.files.iter_mut().filter(|file| file.is_changed()) {
            file.flush()?;
            if !self.dirty.contains(&file.path) {
                self.dirty.push(file.path.clone());
            }
        }
        Ok(())
    }

    /// What must be synced for the index to be durable as flushed.
    pub(crate) fn take_dirty(&mut self) -> (Vec<PathBuf>, Option<PathBuf>) {
        let directory = std::mem::take(&mut self.names_changed).then(|| self.directory.clone());
        (std::mem::take(&mut self.dirty), directory)
    }

    /// Forgets all keys of records from `end` on.
    pub(crate) fn truncate(&mut self, end: u64) -> io::Result<()> {
        while self.backlog.back().is_some_and(|key| end <= key.physical) {
            self.backlog.pop_back();
        }
        while let Some(last) = self.files.last_mut() {
            if last.is_empty() || end <= last.header.begin_physical {
                self.disk.remove_file(&last.path)?;
                self.dirty.retain(|path| *path != last.path);
                self.names_changed = true;
                self.files.pop();
                continue;
            }
            // The counters may be older than the slots: look at the last file in any case.
            if end <= last.header.end_physical {
                last.truncate(end)?;
            }
            break;
        }
        Ok(())
    }

    /// Rebuilds the slots of the newest file for records before `end`: after a crash they may be
    /// those of any moment.
    pub(crate) fn repair(&mut self, end: u64) -> io::Result<()> {
        // Nor is it known whether the names of its files are durable.
        self.names_changed = true;
        self.truncate(end)?;
        match self.files.last_mut() {
            Some(last) => last.truncate(end),
            None => Ok(()),
        }
    }

    /// Removes the files that may have lost keys: those newer than what was last known durable.
    /// Gives the first record that must be indexed again.
    pub(crate) fn remove_after(&mut self, durable_ms: i64) -> io::Result<Option<u64>> {
        let mut again = None;
        self.names_changed = true;
        while let Some(last) = self.files.last()
            && (last.is_empty() || durable_ms < last.header.end_ms)
        {
            again = Some(last.header.begin_physical);
            self.disk.remove_file(&last.path)?;
            self.files.pop();
        }
        Ok(again)
    }

    /// Removes the files whose records are all gone from the log, except the last one.
    pub(crate) fn remove_old_files(&mut self, log_start: u64) -> io::Result<usize> {
        let mut removed = 0;
        while 1 < self.files.len() && self.files[0].header.end_physical < log_start {
            self.disk.remove_file(&self.files[0].path)?;
            let gone = self.files.remove(0);
            self.dirty.retain(|path| *path != gone.path);
            self.names_changed = true;
            removed += 1;
        }
        Ok(removed)
    }
}
