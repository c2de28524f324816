//! Files and directories.
//!
//! Reads and writes are plain calls that reach the operating system's page cache; only syncing is
//! awaited. The crash model in one sentence: bytes written since the last completed [`File::sync`]
//! survive the death of the process, but after a power cut any of them may be kept, lost or torn;
//! names created, renamed or removed are durable only after [`Disk::sync_dir`] of their directory.
//!
//! Every failure comes back as an `io::Error`, never as a signal: files are not mapped.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use crate::BoxFuture;

/// How to open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Existing, for reading. `NotFound` if absent.
    Read,
    /// Existing, for reading and writing. `NotFound` if absent.
    Write,
    /// For reading and writing, created empty if absent; content is kept.
    Create,
    /// For reading and writing; `AlreadyExists` if present.
    CreateNew,
}

/// What a directory listing tells about one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The last component of the path.
    pub name: String,
    /// A directory, not a file.
    pub is_dir: bool,
    /// Size in bytes; 0 for a directory.
    pub len: u64,
    /// When its content last changed, in wall-clock milliseconds since 1970.
    pub modified_ms: i64,
}

/// The space of the file system that holds a path, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskUsage {
    /// Size of the file system.
    pub total_bytes: u64,
    /// What an ordinary process may still write.
    pub free_bytes: u64,
}

/// A node's disk.
pub trait Disk: Send + Sync {
    /// Opens or creates one file. Does not create directories.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;

    /// Creates a directory and its missing parents. Fine if it exists.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// The entries of a directory, sorted by name. `NotFound` if it is absent.
    fn list(&self, directory: &Path) -> io::Result<Vec<Entry>>;

    /// One entry. `NotFound` if it is absent.
    fn entry(&self, path: &Path) -> io::Result<Entry>;

    /// Renames a file, replacing the target if it exists.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Handles that are open keep working.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory with everything in it.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, directory: &Path) -> BoxFuture<'static, io::Result<()>>;

    /// Takes an exclusive lock on a file, creating it. `WouldBlock` if somebody holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>>;

    /// Space of the file system that holds `path`, which must exist.
    fn usage(&self, path: &Path) -> io::Result<DiskUsage>;

    /// Whether a path exists.
    fn exists(&self, path: &Path) -> bool {
        self.entry(path).is_ok()
    }

    /// The whole content of a file.
    fn read(&self, path: &Path) -> io::Result<Bytes> {
        let file = self.open(path, OpenMode::Read)?;
        file.read_bytes(0, file.len()?)
    }

    /// A path's parent, or the path itself at the root.
    fn parent(&self, path: &Path) -> PathBuf {
        path.parent().unwrap_or(path).to_path_buf()
    }
}

/// Held for as long as the process owns the locked file. Released by dropping it or by dying.
pub trait FileLock: Send + Sync {}

/// An open file. Offsets and lengths are in bytes.
pub trait File: Send + Sync {
    /// Current length.
    fn len(&self) -> io::Result<u64>;

    /// Whether it is empty.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts or extends to `len`; new bytes read as zero and may be a hole.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Extends to `len` and reserves the space, so that later writes below it cannot run out of
    /// disk. `StorageFull` if there is none. Never shrinks.
    fn preallocate(&self, len: u64) -> io::Result<()>;

    /// Reads up to `buffer.len()` bytes at `at`; 0 at or past the end. May be short.
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Exactly `len` bytes at `at`, or `UnexpectedEof`. The result may share memory with whoever
    /// else reads the same bytes; slices of it cost nothing.
    fn read_bytes(&self, at: u64, len: u64) -> io::Result<Bytes>;

    /// Writes a prefix of `bytes` at `at` and says how many it took. Extends the file if needed.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize>;

    /// Makes everything written before the call durable, with the length needed to read it back.
    ///
    /// After an error the state of those bytes is unknown and a later success proves nothing about
    /// them: the caller must not acknowledge them.
    fn sync(&self) -> BoxFuture<'static, io::Result<()>>;

    /// Writes all of `bytes` at `at`.
    fn write_all_at(&self, mut at: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let taken = self.write_at(at, bytes)?;
            if taken == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero));
            }
            let (_, rest) = bytes.split_at(taken);
            bytes = rest;
            at += taken as u64;
        }
        Ok(())
    }

    /// Fills `buffer` from `at`, or `UnexpectedEof`.
    fn read_exact_at(&self, mut at: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            let taken = self.read_at(at, buffer)?;
            if taken == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            let (_, rest) = buffer.split_at_mut(taken);
            buffer = rest;
            at += taken as u64;
        }
        Ok(())
    }
}
