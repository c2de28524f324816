//! Names of files that are numbers, and what a directory of them holds.

use std::{
    io::{self, ErrorKind::NotFound},
    path::{Path, PathBuf},
};

use runtime::Disk;

/// A file whose name is the offset of its first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NumberedFile {
    pub(crate) start: u64,
    pub(crate) len: u64,
    pub(crate) path: PathBuf,
    pub(crate) modified_ms: i64,
}

/// Offsets are signed 64-bit numbers in every file; no log or queue comes near to that.
const START_MAX: u64 = 1 << 62;

/// The name of the file that starts at this offset.
pub(crate) fn file_name(start: u64) -> String {
    format!("{start:020}")
}

/// All numbered files of a directory in order; other names are none of ours. Empty if absent.
pub(crate) fn numbered(disk: &dyn Disk, directory: &Path) -> io::Result<Vec<NumberedFile>> {
    let entries = match disk.list(directory) {
        Ok(entries) => entries,
        Err(absent) if absent.kind() == NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(cause),
    };
    let files = entries.into_iter().filter(|entry| !entry.is_dir && entry.name.len() == 20);
    let files = files.filter_map(|entry| {
        let is_number = entry.name.bytes().all(|byte| byte.is_ascii_digit());
        let start = entry.name.parse().ok().filter(|&start| is_number && start <= START_MAX)?;
        let path = directory.join(&entry.name);
        Some(NumberedFile { start, len: entry.len, path, modified_ms: entry.modified_ms })
    });
    Ok(files.collect())
}

/// Names of the directories in a directory. Empty if absent.
pub(crate) fn directories(disk: &dyn Disk, directory: &Path) -> io::Result<Vec<String>> {
    match disk.list(directory) {
        Ok(entries) => {
            Ok(entries.into_iter().filter(|entry| entry.is_dir).map(|entry| entry.name).collect())
        }
        Err(absent) if absent.kind() == NotFound => Ok(Vec::new()),
        Err(cause) => Err(cause),
    }
}
