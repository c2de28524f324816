//! A disk to play on that remembers itself after each effect: the same pages, sectors and names
//! as a simulated node's disk, without its clock and without its ailments.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use runtime::{BoxFuture, Disk, DiskUsage, Entry, File, FileLock, OpenMode};

use super::stage_file::{StageFile, StageLock, Syncing};
use crate::{
    disk::{Content, Name, Names, is_root},
    world::locked,
};

/// Size of the file system in bytes.
const CAPACITY: u64 = 1 << 30;

/// All that a disk holds, and what of it is at risk. A clone shares what has not changed.
#[derive(Clone, Default)]
pub(super) struct Platters {
    pub(super) names: Names,
    pub(super) files: BTreeMap<u64, Arc<Content>>,
    files_made: u64,
}

impl Platters {
    pub(super) fn content(&mut self, file: u64) -> io::Result<&mut Content> {
        let absent = || io::Error::new(ErrorKind::NotFound, format!("file {file} is no more"));
        self.files.get_mut(&file).map(Arc::make_mut).ok_or_else(absent)
    }

    /// Forgets files that no name leads to. Nobody may have one open.
    pub(super) fn forget_lost(&mut self) {
        let names = &self.names;
        self.files.retain(|file, _| names.knows(*file));
    }

    /// The kernel begins to write everything back, and does not say when it will have.
    pub(super) fn begin_writeback(&mut self) {
        for file in self.files.values_mut().filter(|file| file.is_dirty()) {
            Arc::make_mut(file).begin_sync();
        }
    }
}

/// One thing that happened to the disk, and the disk after it.
pub(super) struct Effect {
    pub(super) words: String,
    pub(super) after: Platters,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) platters: Platters,
    pub(super) locks: BTreeSet<u64>,
    pub(super) wall_ms: i64,
    /// What happened, if somebody wants to know. A sync has a begin and an end then.
    effects: Option<Vec<Effect>>,
}

impl State {
    pub(super) fn happened(&mut self, words: impl FnOnce() -> String) {
        if let Some(effects) = &mut self.effects {
            effects.push(Effect { words: words(), after: self.platters.clone() });
        }
    }

    pub(super) fn is_recorded(&self) -> bool {
        self.effects.is_some()
    }

    fn entry(&self, path: &Path, name: Name) -> Entry {
        let file = match name {
            Name::Directory => None,
            Name::File(file) => self.platters.files.get(&file),
        };
        Entry {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            is_dir: name == Name::Directory,
            len: file.map_or(0, |file| file.len()),
            modified_ms: file.map_or(0, |file| file.modified_ms),
        }
    }

    fn make_file(&mut self, path: &Path) -> io::Result<u64> {
        let parent = path.parent().unwrap_or(path);
        if !self.platters.names.is_dir(parent) {
            return Err(absent(parent));
        }
        self.platters.files_made += 1;
        let file = self.platters.files_made;
        self.platters.files.insert(file, Arc::new(Content::new(self.wall_ms)));
        self.platters.names.put(path, Name::File(file));
        self.happened(|| format!("create {}", path.display()));
        Ok(file)
    }
}

fn absent(path: &Path) -> io::Error {
    io::Error::new(ErrorKind::NotFound, format!("no such file or directory: {}", path.display()))
}

/// The disk. Clones are the same disk.
#[derive(Clone)]
pub(super) struct Stage(Arc<Mutex<State>>);

impl Stage {
    /// A disk that holds this, as a process finds it that has just started.
    pub(super) fn new(platters: Platters) -> Self {
        Self(Arc::new(Mutex::new(State { platters, ..State::default() })))
    }

    /// From now on every effect is remembered.
    pub(super) fn record(&self) {
        self.state().effects = Some(Vec::new());
    }

    /// What has happened since the last call.
    pub(super) fn take_effects(&self) -> Vec<Effect> {
        self.state().effects.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(super) fn platters(&self) -> Platters {
        self.state().platters.clone()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0)
    }

    /// Changes something all at once, which counts as one effect.
    pub(super) fn change(&self, words: &str, change: impl FnOnce(&mut Platters)) {
        let mut state = self.state();
        change(&mut state.platters);
        state.happened(|| words.to_owned());
    }
}

impl Disk for Stage {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        let number = match (state.platters.names.get(path), mode) {
            (Some(Name::Directory), _) => return Err(ErrorKind::IsADirectory.into()),
            (Some(_), OpenMode::CreateNew) => return Err(ErrorKind::AlreadyExists.into()),
            (Some(Name::File(number)), _) => number,
            (None, OpenMode::Read | OpenMode::Write) => return Err(absent(path)),
            (None, OpenMode::Create | OpenMode::CreateNew) => state.make_file(path)?,
        };
        drop(state);
        let writable = mode != OpenMode::Read;
        Ok(Arc::new(StageFile { stage: self.clone(), number, writable, path: path.into() }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let mut missing = vec![];
        for directory in path.ancestors().filter(|path| !is_root(path)) {
            match state.platters.names.get(directory) {
                Some(Name::File(_)) => return Err(ErrorKind::NotADirectory.into()),
                Some(Name::Directory) => break,
                None => missing.push(directory),
            }
        }
        for directory in missing.into_iter().rev() {
            state.platters.names.put(directory, Name::Directory);
            state.happened(|| format!("mkdir {}", directory.display()));
        }
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Entry>> {
        let state = self.state();
        match state.platters.names.get(directory) {
            None => Err(absent(directory)),
            Some(Name::File(_)) => Err(ErrorKind::NotADirectory.into()),
            Some(Name::Directory) => {
                let children = state.platters.names.children(directory).into_iter();
                Ok(children.map(|(path, name)| state.entry(&path, name)).collect())
            }
        }
    }

    fn entry(&self, path: &Path) -> io::Result<Entry> {
        let state = self.state();
        let name = state.platters.names.get(path).ok_or_else(|| absent(path))?;
        Ok(state.entry(path, name))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let parent = to.parent().unwrap_or(to);
        if !state.platters.names.is_dir(parent) {
            return Err(absent(parent));
        }
        if state.platters.names.is_dir(to) {
            return Err(ErrorKind::IsADirectory.into());
        }
        match state.platters.names.get(from).ok_or_else(|| absent(from))? {
            Name::Directory => Err(ErrorKind::IsADirectory.into()),
            Name::File(number) => {
                state.platters.names.rename(from, to, number);
                state.happened(|| format!("rename {} to {}", from.display(), to.display()));
                Ok(())
            }
        }
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        match state.platters.names.get(path).ok_or_else(|| absent(path))? {
            Name::Directory => Err(ErrorKind::IsADirectory.into()),
            Name::File(_) => {
                state.platters.names.remove(path);
                state.happened(|| format!("remove {}", path.display()));
                Ok(())
            }
        }
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.platters.names.get(path).ok_or_else(|| absent(path))?;
        for (path, _) in state.platters.names.tree(path).into_iter().rev() {
            state.platters.names.remove(&path);
            state.happened(|| format!("remove {}", path.display()));
        }
        Ok(())
    }

    fn sync_dir(&self, directory: &Path) -> BoxFuture<'static, io::Result<()>> {
        let mut state = self.state();
        if !state.platters.names.is_dir(directory) {
            return Box::pin(std::future::ready(Err(absent(directory))));
        }
        let mark = state.platters.names.mark();
        state.happened(|| format!("begin to sync {}", directory.display()));
        let pauses = state.is_recorded();
        drop(state);
        let path: PathBuf = directory.into();
        Syncing::start(self, pauses, move |state| {
            state.platters.names.synced(&path, mark);
            state.happened(|| format!("end of syncing {}", path.display()));
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        self.open(path, OpenMode::Create)?;
        let mut state = self.state();
        let Some(Name::File(number)) = state.platters.names.get(path) else {
            return Err(absent(path));
        };
        if !state.locks.insert(number) {
            return Err(ErrorKind::WouldBlock.into());
        }
        drop(state);
        Ok(Box::new(StageLock { stage: self.clone(), number }))
    }

    fn usage(&self, path: &Path) -> io::Result<DiskUsage> {
        self.entry(path)?;
        Ok(DiskUsage { total_bytes: CAPACITY, free_bytes: CAPACITY / 2 })
    }
}
