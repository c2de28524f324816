//! The lock on a store, which a Java broker must respect as we respect its.
//!
//! RocketMQ locks the first byte of the file with `FileChannel.tryLock(0, 1, false)`, which is a
//! POSIX record lock (`fcntl`) on Linux; `flock`, which the standard library uses, would not even
//! notice it. POSIX record locks have two traps, and both are closed by remembering which files
//! this process has locked: they never conflict within one process, and closing *any* descriptor
//! of the file gives them up, so that a second attempt must be refused before it opens the file.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{Mutex, PoisonError},
};

use rustix::fs::{FlockOperation, fcntl_lock};

use crate::FileLock;

/// Device and inode of every file that this process has locked.
static HELD: Mutex<BTreeSet<(u64, u64)>> = Mutex::new(BTreeSet::new());

pub(super) struct RealLock {
    identity: (u64, u64),
    /// Closing it releases the lock.
    file: Option<File>,
}

impl RealLock {
    pub(super) fn take(path: &Path) -> io::Result<Self> {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(metadata) = fs::metadata(path)
            && held.contains(&identity(&metadata))
        {
            return Err(refused(path, "this process"));
        }
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).map_err(io::Error::from) {
            Ok(()) => {}
            // POSIX lets a system answer either for a lock that is held.
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::PermissionDenied) =>
            {
                return Err(refused(path, "another process"));
            }
            Err(error) => return Err(error),
        }
        let identity = identity(&file.metadata()?);
        held.insert(identity);
        Ok(Self { identity, file: Some(file) })
    }
}

impl FileLock for RealLock {}

impl Drop for RealLock {
    fn drop(&mut self) {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.file.take());
        held.remove(&self.identity);
    }
}

fn identity(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn refused(path: &Path, holder: &str) -> io::Error {
    let message = format!("{} is locked by {holder}", path.display());
    io::Error::new(ErrorKind::WouldBlock, message)
}
