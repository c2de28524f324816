//! Small files that are replaced as a whole: the KV configuration and changed settings.
//!
//! ```text
//! save:  write <file>.tmp, sync it; rename <file> to <file>.bak, .tmp to <file>; sync directory
//! load:  <file>, or <file>.bak when it is missing or not what it should be
//! ```
//! At every step one of the two holds a whole older or newer content, also after a power cut.

use std::{
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use runtime::{Disk, OpenMode};
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
    for each in [path.to_path_buf(), with_suffix(path, ".bak")] {
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

/// Replaces the content of a file. When this returns `Ok`, the new content survives a power cut.
pub(crate) async fn save(disk: &dyn Disk, path: &Path, content: &Bytes) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    make_directory(disk, directory).await?;
    let unfinished = with_suffix(path, ".tmp");
    let file = disk.open(&unfinished, OpenMode::Create)?;
    file.set_len(0)?;
    file.write_all_at(0, content)?;
    file.sync().await?;
    if disk.exists(path) {
        disk.rename(path, &with_suffix(path, ".bak"))?;
    }
    disk.rename(&unfinished, path)?;
    disk.sync_dir(directory).await
}

/// Creates a directory; the names of those that were missing are durable afterwards.
async fn make_directory(disk: &dyn Disk, directory: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = directory
        .ancestors()
        .take_while(|each| !each.as_os_str().is_empty() && !disk.exists(each))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    disk.create_dir_all(directory)?;
    for each in missing {
        let parent = match each.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        disk.sync_dir(parent).await?;
    }
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
