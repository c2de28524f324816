//! The offsets of a broadcasting consumer: its own, so it keeps them itself, in a file.
//!
//! ```text
//! <directory>/<client id>/<group>/offsets.json        {"offsetTable":{<queue>:<offset>,..}}
//! ```
//! Replaced as a whole: written beside it, synced, renamed; the one before stays as `.bak`.
//! Source: client/consumer/store/LocalFileOffsetStore.java.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use protocol::{body::ResetOffset, json::Style};
use runtime::{Disk, OpenMode};
use thiserror::Error;

use crate::{MessageQueue, time::locked};

/// Why local offsets could not be read or kept.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OffsetFileError {
    /// The disk refused.
    #[error("offsets in {}: {cause}", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        cause: String,
    },
    /// Neither the file nor its backup holds offsets.
    #[error("offsets in {} and its backup are damaged: {cause}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
}

pub(crate) struct LocalOffsets {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    offsets: Mutex<BTreeMap<MessageQueue, i64>>,
    /// Held while the file is replaced.
    saving: tokio::sync::Mutex<()>,
}

impl LocalOffsets {
    /// Reads the offsets of an earlier run, if there was one.
    pub(crate) fn open(disk: Arc<dyn Disk>, path: PathBuf) -> Result<Self, OffsetFileError> {
        let mut wrong = None;
        let mut offsets = BTreeMap::new();
        for each in [path.clone(), backup(&path)] {
            match disk.read(&each) {
                Ok(content) => match ResetOffset::from_json(&content) {
                    Ok(table) => {
                        let read = table.offset_table.into_iter();
                        offsets = read.map(|(queue, offset)| (queue.into(), offset)).collect();
                        wrong = None;
                        break;
                    }
                    Err(cause) => {
                        let cause = cause.to_string();
                        wrong = Some(OffsetFileError::Damaged { path: path.clone(), cause });
                    }
                },
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
                Err(cause) => {
                    let cause = cause.to_string();
                    return Err(OffsetFileError::Disk { path: each, cause });
                }
            }
        }
        match wrong {
            Some(wrong) => Err(wrong),
            None => Ok(Self {
                disk,
                path,
                offsets: Mutex::new(offsets),
                saving: tokio::sync::Mutex::default(),
            }),
        }
    }

    pub(crate) fn get(&self, queue: &MessageQueue) -> Option<i64> {
        locked(&self.offsets).get(queue).copied()
    }

    pub(crate) fn set(&self, queue: &MessageQueue, offset: i64) {
        locked(&self.offsets).insert(queue.clone(), offset);
    }

    /// Keeps all offsets durably.
    pub(crate) async fn save(&self) -> Result<(), OffsetFileError> {
        let alone = self.saving.lock().await;
        let table = ResetOffset {
            offset_table: locked(&self.offsets)
                .iter()
                .map(|(queue, offset)| (queue.clone().into(), *offset))
                .collect(),
        };
        let saved = replace(&*self.disk, &self.path, &table.to_json_as(Style::FILE)).await;
        drop(alone);
        saved.map_err(|cause| OffsetFileError::Disk {
            path: self.path.clone(),
            cause: cause.to_string(),
        })
    }
}

async fn replace(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let missing: Vec<&Path> = directory
        .ancestors()
        .take_while(|each| !each.as_os_str().is_empty() && !disk.exists(each))
        .collect();
    disk.create_dir_all(directory)?;
    for parent in missing.iter().filter_map(|each| each.parent()) {
        if !parent.as_os_str().is_empty() {
            disk.sync_dir(parent).await?;
        }
    }
    let unfinished = with_suffix(path, ".tmp");
    let file = disk.open(&unfinished, OpenMode::Create)?;
    file.set_len(0)?;
    file.write_all_at(0, content)?;
    file.sync().await?;
    if disk.exists(path) {
        disk.rename(path, &backup(path))?;
    }
    disk.rename(&unfinished, path)?;
    disk.sync_dir(directory).await
}

fn backup(path: &Path) -> PathBuf {
    with_suffix(path, ".bak")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
