//! Files of the operating system: plain `pread`, `pwrite` and `fdatasync`, nothing mapped.

mod lock;

use std::{
    fs::{self, File as StdFile, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
    time::UNIX_EPOCH,
};

use bytes::Bytes;
use rustix::{
    buffer::spare_capacity,
    fs::{FallocateFlags, fallocate, statvfs},
    io::{Errno, pread},
};
use tokio::runtime::Handle;

use crate::{BoxFuture, Disk, DiskUsage, Entry, File, FileLock, OpenMode};

/// A read of more than this first asks whether the file is that long, so that a length that lies
/// costs a system call and not memory.
const READ_UNASKED_BYTES_MAX: u64 = 64 * 1024;

pub(super) struct RealDisk {
    tokio: Handle,
}

impl RealDisk {
    pub(super) fn new() -> Self {
        Self { tokio: Handle::current() }
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut options = OpenOptions::new();
        options.read(true);
        match mode {
            OpenMode::Read => &mut options,
            OpenMode::Write => options.write(true),
            OpenMode::Create => options.write(true).create(true),
            OpenMode::CreateNew => options.write(true).create_new(true),
        };
        let file = Arc::new(options.open(path)?);
        Ok(Arc::new(RealFile { file, tokio: self.tokio.clone() }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for found in fs::read_dir(directory)? {
            let found = found?;
            match fs::metadata(found.path()) {
                Ok(metadata) => {
                    entries.push(entry(found.file_name().to_string_lossy().into(), &metadata));
                }
                // Removed since it was listed, or a link to nothing.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        entries.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(entries)
    }

    fn entry(&self, path: &Path) -> io::Result<Entry> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into();
        Ok(entry(name, &fs::metadata(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn sync_dir(&self, directory: &Path) -> BoxFuture<'static, io::Result<()>> {
        let directory = directory.to_path_buf();
        off_the_workers(&self.tokio, move || StdFile::open(directory)?.sync_all())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        Ok(Box::new(lock::RealLock::take(path)?))
    }

    fn usage(&self, path: &Path) -> io::Result<DiskUsage> {
        let space = statvfs(path)?;
        // The blocks that are reserved for root count neither as used nor as free: the ratio of
        // the two is then what `df` and RocketMQ show.
        let used = space.f_blocks.saturating_sub(space.f_bfree);
        let total = used.saturating_add(space.f_bavail);
        Ok(DiskUsage {
            total_bytes: total.saturating_mul(space.f_frsize),
            free_bytes: space.f_bavail.saturating_mul(space.f_frsize),
        })
    }
}

struct RealFile {
    file: Arc<StdFile>,
    tokio: Handle,
}

impl File for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn preallocate(&self, len: u64) -> io::Result<()> {
        match uninterrupted(|| Ok(fallocate(&self.file, FallocateFlags::empty(), 0, len)?)) {
            // Some file systems cannot reserve; the length at least can be had everywhere.
            Err(error) if error.raw_os_error() == Some(Errno::OPNOTSUPP.raw_os_error()) => {
                if self.len()? < len { self.set_len(len) } else { Ok(()) }
            }
            other => other,
        }
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| self.file.read_at(buffer, at))
    }

    fn read_bytes(&self, at: u64, len: u64) -> io::Result<Bytes> {
        if READ_UNASKED_BYTES_MAX < len && self.len()?.saturating_sub(at) < len {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let wanted = usize::try_from(len).map_err(|_| ErrorKind::UnexpectedEof)?;
        let mut buffer = Vec::with_capacity(wanted);
        while buffer.len() < wanted {
            let position = at + buffer.len() as u64;
            // Into memory that nobody had to fill with zeroes first.
            let taken =
                uninterrupted(|| Ok(pread(&self.file, spare_capacity(&mut buffer), position)?))?;
            if taken == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        // The vector may have been given more room than was asked for.
        buffer.truncate(wanted);
        Ok(buffer.into())
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        uninterrupted(|| self.file.write_at(bytes, at))
    }

    fn sync(&self) -> BoxFuture<'static, io::Result<()>> {
        // `fdatasync` also writes the length, because reading back needs it.
        let file = self.file.clone();
        off_the_workers(&self.tokio, move || file.sync_data())
    }
}

/// A system call that may sleep for long, on a thread that no connection waits for.
fn off_the_workers(
    tokio: &Handle,
    call: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> BoxFuture<'static, io::Result<()>> {
    let running = tokio.spawn_blocking(call);
    Box::pin(async move { running.await.map_err(io::Error::other)? })
}

fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

fn entry(name: String, metadata: &fs::Metadata) -> Entry {
    let modified = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let modified_ms = modified.map_or(0, |at| i64::try_from(at.as_millis()).unwrap_or(i64::MAX));
    let is_dir = metadata.is_dir();
    Entry { name, is_dir, len: if is_dir { 0 } else { metadata.len() }, modified_ms }
}
