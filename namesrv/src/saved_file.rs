//! Reads back what was saved: the file, or its backup when it is missing or not what it should be.

use std::{
    io,
    path::{Path, PathBuf},
};

use runtime::{Disk, whole_file::backup};
use thiserror::Error;

/// Largest file that is read back.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why a file and its backup could both not be used.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The disk refused.
    #[error("cannot read {}: {cause}", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        #[source]
        cause: io::Error,
    },
    /// Neither the file nor its backup holds what it should.
    #[error("{} and its backup are damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with the one that was tried last.
        what: String,
    },
}

/// The content of a file, or of its backup; `None` if neither exists.
pub(crate) fn load<T, E: std::fmt::Display>(
    disk: &dyn Disk,
    path: &Path,
    parse: impl Fn(&[u8]) -> Result<T, E>,
) -> Result<Option<T>, LoadError> {
    let mut damaged = None;
    for each in [path.to_path_buf(), backup(path)] {
        let unreadable = |cause| LoadError::Disk { path: each.clone(), cause };
        match disk.entry(&each) {
            Ok(entry) if BYTES_MAX < entry.len => {
                damaged = Some(format!("{} bytes exceed the limit of {BYTES_MAX}", entry.len));
            }
            Ok(_) => match parse(&disk.read(&each).map_err(unreadable)?) {
                Ok(content) => return Ok(Some(content)),
                Err(what) => damaged = Some(what.to_string()),
            },
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(unreadable(cause)),
        }
    }
    match damaged {
        Some(what) => Err(LoadError::Damaged { path: path.to_path_buf(), what }),
        None => Ok(None),
    }
}
