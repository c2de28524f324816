//! Small files that are replaced as a whole, with the version before as `.bak`.
//!
//! ```text
//! save:  write <file>.tmp, sync it; rename <file> to <file>.bak, .tmp to <file>; sync directory
//! load:  <file>, or <file>.bak when it is missing or empty
//! ```
//! A crash at any point leaves the old version or the new one under the name or under `.bak`:
//! the new content is written and synced under a third name before any name changes.
//! Source: common/config/ConfigManager.java, common/MixAll.java `string2File`.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use crate::{Disk, OpenMode};

/// Why a file could not be read or replaced.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {}: {cause}", path.display())]
pub struct WholeFileError {
    /// What was tried.
    pub verb: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub cause: io::Error,
}

/// Replaces the content of a file. When this returns the new content survives a power cut; if it
/// fails, the old or the new content does.
///
/// # Errors
/// What the disk says.
pub async fn save(disk: &Arc<dyn Disk>, path: &Path, content: &[u8]) -> Result<(), WholeFileError> {
    let failed = |verb, path: &Path| {
        let path = path.to_path_buf();
        move |cause| WholeFileError { verb, path, cause }
    };
    let directory = disk.parent(path);
    // Before anything else exists there: whoever creates it without us may not have synced it.
    if disk.list(&directory).is_ok_and(|names| names.is_empty()) || !disk.exists(&directory) {
        let created = create_directory(disk, &directory).await;
        created.map_err(failed("create", &directory))?;
    }
    let fresh = beside(path, ".tmp");
    let file = disk.open(&fresh, OpenMode::Create).map_err(failed("create", &fresh))?;
    let written = file.set_len(0).and_then(|()| file.write_all_at(0, content));
    if let Err(cause) = written {
        // Half a file under a third name harms nobody, but takes space.
        disk.remove_file(&fresh).ok();
        return Err(failed("write", &fresh)(cause));
    }
    file.sync().await.map_err(failed("sync", &fresh))?;
    if disk.exists(path) {
        // Differs from Java, which writes the name itself: for a moment the only whole version of
        // the file would be the old one under `.bak`. Here too, but the new one lies ready.
        disk.rename(path, &backup(path)).map_err(failed("rename", path))?;
    }
    disk.rename(&fresh, path).map_err(failed("rename", &fresh))?;
    disk.sync_dir(&directory).await.map_err(failed("sync", &directory))
}

/// The content of a file; of its `.bak` if it is absent or empty. `None` if there is neither.
///
/// # Errors
/// What the disk says.
pub fn load(disk: &dyn Disk, path: &Path) -> Result<Option<Bytes>, WholeFileError> {
    Ok(match read(disk, path)? {
        Some(content) => Some(content),
        None => read(disk, &backup(path))?,
    })
}

/// The content of `.bak`, for a caller who found the file itself damaged.
///
/// # Errors
/// What the disk says.
pub fn load_backup(disk: &dyn Disk, path: &Path) -> Result<Option<Bytes>, WholeFileError> {
    read(disk, &backup(path))
}

fn read(disk: &dyn Disk, path: &Path) -> Result<Option<Bytes>, WholeFileError> {
    match disk.read(path) {
        Ok(content) => Ok(Some(content).filter(|content| !content.is_empty())),
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(WholeFileError { verb: "read", path: path.to_path_buf(), cause }),
    }
}

/// Creates a directory and makes its name, and those of its missing parents, durable.
///
/// # Errors
/// What the disk says.
pub async fn create_directory(disk: &Arc<dyn Disk>, directory: &Path) -> io::Result<()> {
    disk.create_dir_all(directory)?;
    for parent in directory.ancestors().skip(1) {
        let synced = match disk.sync_dir(parent).await {
            // The parent of a relative path is where the process is.
            Err(cause)
                if cause.kind() == io::ErrorKind::NotFound && parent.as_os_str().is_empty() =>
            {
                disk.sync_dir(Path::new(".")).await
            }
            synced => synced,
        };
        match synced {
            // A parent that we may not open was not created by us.
            Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => break,
            synced => synced?,
        }
    }
    Ok(())
}

/// Where the version before lies.
#[must_use]
pub fn backup(path: &Path) -> PathBuf {
    beside(path, ".bak")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{MemoryDisk, finish};

    fn disk() -> (MemoryDisk, Arc<dyn Disk>) {
        let disk = MemoryDisk::new();
        (disk.clone(), Arc::new(disk))
    }

    #[test]
    fn a_saved_file_survives_a_power_cut_and_its_old_version_is_kept() {
        let (memory, disk) = disk();
        let path = Path::new("store/config/topics.json");

        finish(save(&disk, path, b"one")).unwrap();
        finish(save(&disk, path, b"two")).unwrap();
        memory.crash();

        assert_eq!(load(&*disk, path).unwrap().unwrap(), "two");
        assert_eq!(load_backup(&*disk, path).unwrap().unwrap(), "one");
    }

    #[test]
    fn a_save_that_fails_leaves_the_old_version() {
        let (memory, disk) = disk();
        let path = Path::new("store/config/topics.json");
        finish(save(&disk, path, b"one")).unwrap();

        memory.fail_writes(2);
        let refused = finish(save(&disk, path, b"two")).unwrap_err();
        assert!(refused.to_string().contains("topics.json.tmp"), "{refused}");
        memory.fail_syncs(1);
        finish(save(&disk, path, b"two")).unwrap_err();
        memory.crash();

        assert_eq!(load(&*disk, path).unwrap().unwrap(), "one");
    }

    #[test]
    fn a_lost_or_empty_file_is_read_from_its_backup() {
        let (_, disk) = disk();
        let path = Path::new("store/config/topics.json");
        assert!(load(&*disk, path).unwrap().is_none());
        finish(save(&disk, path, b"one")).unwrap();
        finish(save(&disk, path, b"two")).unwrap();

        disk.open(path, OpenMode::Write).unwrap().set_len(0).unwrap();
        assert_eq!(load(&*disk, path).unwrap().unwrap(), "one");

        disk.remove_file(path).unwrap();
        assert_eq!(load(&*disk, path).unwrap().unwrap(), "one");
    }
}
