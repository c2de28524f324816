//! One file of the log: preallocated, named by the offset of its first byte, filled front to back.
//!
//! ```text
//!  | record | record | .. | blank: i32 bytes to the end, i32 0xCBD43194 | anything |
//! ```
//! A record never spans two files. A file that nothing more fits into ends with a blank record,
//! whose size covers everything up to the end of the file; behind the last record of the log
//! there are only zeroes.
//! Source: store/CommitLog.java, `DefaultAppendMessageCallback`.

use std::{io, path::PathBuf, sync::Arc};

use runtime::{Disk, File, OpenMode};

use crate::{
    directory::file_name,
    limits::{BLANK_BYTES_MIN, SCAN_BYTES},
};

const BLANK_MAGIC: u32 = 0xCBD4_3194;

pub(crate) struct Segment {
    /// Offset in the log of the file's first byte.
    pub(crate) start: u64,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
}

impl Segment {
    /// Creates the file at its full size. Leaves nothing behind if there is no room for it.
    pub(crate) fn create(
        disk: &dyn Disk,
        directory: &std::path::Path,
        start: u64,
        len: u64,
    ) -> io::Result<Self> {
        let path = directory.join(file_name(start));
        let file = match disk.open(&path, OpenMode::CreateNew) {
            // An earlier attempt failed, and so did its removal. The log never began it.
            Err(there) if there.kind() == io::ErrorKind::AlreadyExists => {
                disk.remove_file(&path)?;
                disk.open(&path, OpenMode::CreateNew)?
            }
            opened => opened?,
        };
        if let Err(cause) = file.preallocate(len) {
            // If this fails too, an empty last file remains: the next attempt, or the next start,
            // removes it.
            disk.remove_file(&path).ok();
            return Err(cause);
        }
        Ok(Self { start, path, file })
    }

    pub(crate) fn open(disk: &dyn Disk, path: PathBuf, start: u64) -> io::Result<Self> {
        let file = disk.open(&path, OpenMode::Write)?;
        Ok(Self { start, path, file })
    }

    /// Writes the bytes of `from..to` (offsets in the file) that are not zero again as they are.
    pub(crate) fn rewrite(&self, from: u64, to: u64) -> io::Result<()> {
        let mut at = from;
        while at < to {
            let len = SCAN_BYTES.min(to - at);
            let bytes = self.file.read_bytes(at, len)?;
            if bytes.iter().any(|&byte| byte != 0) {
                self.file.write_all_at(at, &bytes)?;
            }
            at += len;
        }
        Ok(())
    }

    /// Forgets whatever lies from `from` on, without looking at it. A crash may leave the file
    /// shorter than it should be.
    pub(crate) fn forget(&self, from: u64, len: u64) -> io::Result<()> {
        self.file.set_len(from)?;
        self.file.preallocate(len)
    }

    /// Whether there is anything but zeroes in `from..to`.
    pub(crate) fn holds_anything(&self, from: u64, to: u64) -> io::Result<bool> {
        let bytes = self.file.read_bytes(from, to - from)?;
        Ok(bytes.iter().any(|&byte| byte != 0))
    }

    /// Overwrites with zeroes whatever in `from..to` (offsets in the file) is not zero.
    pub(crate) fn zero(&self, from: u64, to: u64) -> io::Result<bool> {
        let mut changed = false;
        let mut at = from;
        while at < to {
            let len = SCAN_BYTES.min(to - at);
            let bytes = self.file.read_bytes(at, len)?;
            if let Some(first) = bytes.iter().position(|&byte| byte != 0) {
                let last = bytes.iter().rposition(|&byte| byte != 0).unwrap_or(first);
                self.file.write_all_at(at + first as u64, &vec![0; last - first + 1])?;
                changed = true;
            }
            at += len;
        }
        Ok(changed)
    }
}

/// The head of a blank record that covers `len` bytes.
pub(crate) fn blank(len: u64) -> [u8; 8] {
    let mut bytes = [0; 8];
    let len = u32::try_from(len).unwrap_or(0);
    bytes[..4].copy_from_slice(&len.to_be_bytes());
    bytes[4..].copy_from_slice(&BLANK_MAGIC.to_be_bytes());
    bytes
}

/// Whether these bytes begin a blank record that covers exactly `rest` bytes.
///
/// Differs from Java: a blank whose size is not that of the rest of the file is torn, not blank.
pub(crate) fn is_blank(bytes: &[u8], rest: u64) -> bool {
    BLANK_BYTES_MIN <= rest && bytes.first_chunk() == Some(&blank(rest))
}
