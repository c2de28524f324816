//! A disk in memory, for tests: sparse, deterministic, and able to lose what was not synced.
//!
//! Its futures complete on the first poll, so a test needs no executor: see [`finish`].
//!
//! What a power cut leaves ([`MemoryDisk::crash`]) is the strictest reading of the crash model:
//! only synced bytes, under names whose directory was synced. The simulator's disk also tears,
//! keeps in part and lies; this one never does.

mod pages;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::{Future, ready},
    io::{self, ErrorKind},
    ops::Bound,
    path::{Path, PathBuf},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use pages::Pages;

use crate::{BoxFuture, Disk, DiskUsage, Entry, File, FileLock, OpenMode};

/// The result of a future that is ready at once, as all futures over a [`MemoryDisk`] are.
///
/// # Panics
/// If the future waits for something.
pub fn finish<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a future over a memory disk waits for something else"),
    }
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    names: BTreeMap<PathBuf, Node>,
    /// The names that a crash leaves: what each directory held when it was last synced.
    durable_names: BTreeMap<PathBuf, Node>,
    /// Who holds which lock: a number that tells a holder from before a crash from one after it.
    locks: BTreeMap<PathBuf, u64>,
    locks_taken: u64,
    /// Bytes that may still be written; no limit if absent.
    free_bytes: Option<u64>,
    failing_syncs: u32,
    failing_writes: u32,
    failing_reads: u32,
    wall_ms: i64,
}

#[derive(Clone)]
enum Node {
    Directory,
    File(Arc<Mutex<Content>>),
}

/// What one file holds.
#[derive(Default)]
struct Content {
    current: Pages,
    durable: Pages,
    /// Bytes of the file that were paid for out of the free space.
    reserved: u64,
    modified_ms: i64,
}

impl MemoryDisk {
    /// An empty disk without a limit.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The power is cut: un-synced bytes and names are gone, locks are free. Files that were open
    /// no longer belong to this disk.
    pub fn crash(&self) {
        let state = &mut *self.state();
        let kept = std::mem::take(&mut state.durable_names);
        state.names.clear();
        state.locks.clear();
        for (path, node) in kept {
            if missing_parent(&state.names, &path).is_some() {
                continue;
            }
            let node = match node {
                Node::Directory => Node::Directory,
                Node::File(content) => Node::File(Arc::new(Mutex::new(locked(&content).reborn()))),
            };
            state.names.insert(path, node);
        }
        state.durable_names = state.names.clone();
    }

    /// The next `count` syncs of files fail with an I/O error. As on Linux, what they should have
    /// made durable counts as clean from then on: a later sync succeeds without it, until somebody
    /// writes the same bytes again.
    pub fn fail_syncs(&self, count: u32) {
        self.state().failing_syncs = count;
    }

    /// The next `count` writes fail with an I/O error before they change anything.
    pub fn fail_writes(&self, count: u32) {
        self.state().failing_writes = count;
    }

    /// The next `count` reads fail with an I/O error.
    pub fn fail_reads(&self, count: u32) {
        self.state().failing_reads = count;
    }

    /// From now on only this many more bytes fit.
    pub fn set_free_bytes(&self, free_bytes: u64) {
        self.state().free_bytes = Some(free_bytes);
    }

    /// What files changed from now on show as their time of change.
    pub fn set_wall_ms(&self, wall_ms: i64) {
        self.state().wall_ms = wall_ms;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

impl State {
    fn node(&self, path: &Path) -> io::Result<Node> {
        self.names.get(path).cloned().ok_or_else(|| absent(path))
    }

    fn create(&mut self, path: &Path) -> io::Result<Arc<Mutex<Content>>> {
        if let Some(parent) = missing_parent(&self.names, path) {
            return Err(absent(&parent));
        }
        let content = Content { modified_ms: self.wall_ms, ..Content::default() };
        let content = Arc::new(Mutex::new(content));
        self.names.insert(path.to_path_buf(), Node::File(content.clone()));
        Ok(content)
    }

    /// Takes `bytes` out of the free space.
    fn pay(&mut self, bytes: u64) -> io::Result<()> {
        if let Some(free) = self.free_bytes.as_mut() {
            *free = free.checked_sub(bytes).ok_or(ErrorKind::StorageFull)?;
        }
        Ok(())
    }
}

impl Content {
    /// What is left of it after a crash.
    fn reborn(&self) -> Self {
        Self {
            current: self.durable.clone(),
            durable: self.durable.clone(),
            reserved: self.durable.len(),
            modified_ms: self.modified_ms,
        }
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        let content = match (state.names.get(path), mode) {
            (Some(Node::Directory), _) => return Err(ErrorKind::IsADirectory.into()),
            (Some(_), OpenMode::CreateNew) => return Err(ErrorKind::AlreadyExists.into()),
            (Some(Node::File(content)), _) => content.clone(),
            (None, OpenMode::Read | OpenMode::Write) => return Err(absent(path)),
            (None, OpenMode::Create | OpenMode::CreateNew) => state.create(path)?,
        };
        let writable = mode != OpenMode::Read;
        Ok(Arc::new(MemoryFile { content, disk: self.clone(), writable }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        for directory in path.ancestors().filter(|path| !is_root(path)) {
            match state.names.get(directory) {
                Some(Node::File(_)) => return Err(ErrorKind::NotADirectory.into()),
                Some(Node::Directory) => {}
                None => {
                    state.names.insert(directory.to_path_buf(), Node::Directory);
                }
            }
        }
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Entry>> {
        let state = self.state();
        if !is_root(directory) && matches!(state.node(directory)?, Node::File(_)) {
            return Err(ErrorKind::NotADirectory.into());
        }
        let children = children(&state.names, directory);
        Ok(children.map(|(path, node)| entry(path, node)).collect())
    }

    fn entry(&self, path: &Path) -> io::Result<Entry> {
        if is_root(path) {
            return Ok(entry(path, &Node::Directory));
        }
        Ok(entry(path, &self.state().node(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        if let Some(parent) = missing_parent(&state.names, to) {
            return Err(absent(&parent));
        }
        if let Some(Node::Directory) = state.names.get(to) {
            return Err(ErrorKind::IsADirectory.into());
        }
        let Node::File(content) = state.node(from)? else {
            return Err(ErrorKind::IsADirectory.into());
        };
        state.names.remove(from);
        state.names.insert(to.to_path_buf(), Node::File(content));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let Node::File(content) = state.node(path)? else {
            return Err(ErrorKind::IsADirectory.into());
        };
        state.names.remove(path);
        if let Some(free) = state.free_bytes.as_mut() {
            *free += locked(&content).reserved;
        }
        Ok(())
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.node(path)?;
        state.names.retain(|name, _| !name.starts_with(path));
        Ok(())
    }

    fn sync_dir(&self, directory: &Path) -> BoxFuture<'static, io::Result<()>> {
        let state = &mut *self.state();
        if !is_root(directory) && !matches!(state.names.get(directory), Some(Node::Directory)) {
            return Box::pin(ready(Err(absent(directory))));
        }
        let gone = children(&state.durable_names, directory).map(|(path, _)| path.clone());
        for path in gone.collect::<Vec<_>>() {
            state.durable_names.remove(&path);
        }
        let children = children(&state.names, directory);
        state.durable_names.extend(children.map(|(path, node)| (path.clone(), node.clone())));
        Box::pin(ready(Ok(())))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        let mut state = self.state();
        if state.locks.contains_key(path) {
            return Err(ErrorKind::WouldBlock.into());
        }
        if !state.names.contains_key(path) {
            state.create(path)?;
        }
        state.locks_taken += 1;
        let number = state.locks_taken;
        state.locks.insert(path.to_path_buf(), number);
        Ok(Box::new(MemoryLock { disk: self.clone(), path: path.to_path_buf(), number }))
    }

    fn usage(&self, path: &Path) -> io::Result<DiskUsage> {
        self.entry(path)?;
        let state = self.state();
        let used: u64 = state.names.values().map(|node| node.content(|file| file.reserved)).sum();
        let free_bytes = state.free_bytes.unwrap_or(1 << 50);
        Ok(DiskUsage { total_bytes: used + free_bytes, free_bytes })
    }
}

impl Node {
    fn content<T: Default>(&self, ask: impl FnOnce(&Content) -> T) -> T {
        match self {
            Self::Directory => T::default(),
            Self::File(content) => ask(&locked(content)),
        }
    }
}

struct MemoryFile {
    content: Arc<Mutex<Content>>,
    disk: MemoryDisk,
    writable: bool,
}

impl MemoryFile {
    /// Gives the content for a change that makes it `len` long at least and pays for the growth.
    fn change<T>(&self, len: u64, apply: impl FnOnce(&mut Content) -> T) -> io::Result<T> {
        if !self.writable {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let mut disk = self.disk.state();
        if let Some(rest) = disk.failing_writes.checked_sub(1) {
            disk.failing_writes = rest;
            return Err(broken("write"));
        }
        let mut content = locked(&self.content);
        disk.pay(len.saturating_sub(content.reserved))?;
        content.reserved = content.reserved.max(len);
        content.modified_ms = disk.wall_ms;
        Ok(apply(&mut content))
    }
}

impl File for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(locked(&self.content).current.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(0, |content| content.current.set_len(len))
    }

    fn preallocate(&self, len: u64) -> io::Result<()> {
        self.change(len, |content| content.current.set_len(content.current.len().max(len)))
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut disk = self.disk.state();
        if let Some(rest) = disk.failing_reads.checked_sub(1) {
            disk.failing_reads = rest;
            return Err(broken("read"));
        }
        Ok(locked(&self.content).current.read(at, buffer))
    }

    fn read_bytes(&self, at: u64, len: u64) -> io::Result<Bytes> {
        if self.len()?.saturating_sub(at) < len {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let len = usize::try_from(len).map_err(|_| ErrorKind::UnexpectedEof)?;
        let mut buffer = vec![0; len];
        self.read_exact_at(at, &mut buffer)?;
        Ok(buffer.into())
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        self.change(at + bytes.len() as u64, |content| content.current.write(at, bytes))?;
        Ok(bytes.len())
    }

    fn sync(&self) -> BoxFuture<'static, io::Result<()>> {
        let mut disk = self.disk.state();
        let mut content = locked(&self.content);
        if let Some(rest) = disk.failing_syncs.checked_sub(1) {
            disk.failing_syncs = rest;
            content.current.forget_changes();
            return Box::pin(ready(Err(broken("sync"))));
        }
        let Content { current, durable, .. } = &mut *content;
        current.copy_changes_to(durable);
        Box::pin(ready(Ok(())))
    }
}

struct MemoryLock {
    disk: MemoryDisk,
    path: PathBuf,
    number: u64,
}

impl FileLock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.locks.get(&self.path) == Some(&self.number) {
            state.locks.remove(&self.path);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that panicked elsewhere must not turn this test's failure into a second panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_root(path: &Path) -> bool {
    path.parent().is_none() || path == Path::new("") || path == Path::new(".")
}

/// What lies directly in a directory. Paths sort by component: all that is below a directory
/// follows it without a gap, so that one of a hundred thousand directories is listed at once.
fn children<'a>(
    names: &'a BTreeMap<PathBuf, Node>,
    directory: &'a Path,
) -> impl Iterator<Item = (&'a PathBuf, &'a Node)> {
    let from = if is_root(directory) { Path::new("") } else { directory };
    let below = names.range::<Path, _>((Bound::Included(from), Bound::Unbounded));
    let below = below.take_while(move |(path, _)| path.starts_with(from));
    below.filter(move |(path, _)| path.parent() == Some(directory))
}

/// The nearest ancestor that should be a directory and is not.
fn missing_parent(names: &BTreeMap<PathBuf, Node>, path: &Path) -> Option<PathBuf> {
    let parents: BTreeSet<&Path> = path.ancestors().skip(1).filter(|path| !is_root(path)).collect();
    let missing = |path: &&Path| !matches!(names.get(*path), Some(Node::Directory));
    parents.into_iter().find(missing).map(Path::to_path_buf)
}

fn entry(path: &Path, node: &Node) -> Entry {
    Entry {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        is_dir: matches!(node, Node::Directory),
        len: node.content(|content| content.current.len()),
        modified_ms: node.content(|content| content.modified_ms),
    }
}

fn absent(path: &Path) -> io::Error {
    io::Error::new(ErrorKind::NotFound, format!("no such file or directory: {}", path.display()))
}

fn broken(what: &str) -> io::Error {
    io::Error::other(format!("injected {what} error"))
}

#[cfg(test)]
mod tests;
