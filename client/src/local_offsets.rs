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
    path::PathBuf,
    sync::{Arc, Mutex},
};

use protocol::{body::ResetOffset, json::Style};
use runtime::{
    Disk,
    whole_file::{self, backup},
};
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
        let saved = whole_file::save(&self.disk, &self.path, &table.to_json_as(Style::FILE)).await;
        drop(alone);
        saved.map_err(|failed| OffsetFileError::Disk {
            path: failed.path,
            cause: failed.cause.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::{collection::vec, prelude::*};
    use runtime::{
        OpenMode,
        memory::{MemoryDisk, finish},
    };

    use super::*;

    fn path() -> PathBuf {
        PathBuf::from("/offsets/c/g/offsets.json")
    }

    fn opened(disk: &MemoryDisk) -> Result<LocalOffsets, OffsetFileError> {
        LocalOffsets::open(Arc::new(disk.clone()), path())
    }

    fn put(disk: &MemoryDisk, path: &Path, content: &[u8]) {
        disk.create_dir_all(path.parent().unwrap()).unwrap();
        let file = disk.open(path, OpenMode::Create).unwrap();
        file.set_len(0).unwrap();
        file.write_all_at(0, content).unwrap();
    }

    fn queue() -> MessageQueue {
        let (topic, broker_name) = ("orders".into(), "broker-a".into());
        protocol::body::MessageQueue { topic, broker_name, queue_id: 3 }.into()
    }

    #[test]
    fn offsets_survive_a_power_cut_and_a_damaged_file_its_backup() {
        let disk = MemoryDisk::new();
        for offset in [7, 8] {
            let offsets = opened(&disk).unwrap();
            offsets.set(&queue(), offset);
            finish(offsets.save()).unwrap();
        }
        disk.crash();
        assert_eq!(opened(&disk).unwrap().get(&queue()), Some(8));

        put(&disk, &path(), b"{\"offsetTable\":");
        assert_eq!(opened(&disk).unwrap().get(&queue()), Some(7));

        put(&disk, &backup(&path()), b"\xFF");
        let refused = opened(&disk).err().unwrap().to_string();
        let told = "offsets in /offsets/c/g/offsets.json and its backup are damaged: ";
        assert!(refused.starts_with(told), "{refused}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// What is taken is kept and read again as the same.
        #[test]
        fn raw_files(
            bytes in vec(any::<u8>(), 0..100),
            text in r#"(\{|\}|\[|\]|:|,|null|-?[0-9]{1,20}|"(topic|queueId|brokerName)":|"a"){0,30}"#,
            number in any::<i64>(),
        ) {
            let entry = format!(r#"{{"brokerName":"a","queueId":{number},"topic":"t"}}"#);
            for content in [
                bytes,
                text.clone().into_bytes(),
                format!("{{\"offsetTable\":{{{text}}}}}").into_bytes(),
                format!("{{\"offsetTable\":{{{entry}:{number}}}}}").into_bytes(),
            ] {
                let disk = MemoryDisk::new();
                put(&disk, &path(), &content);
                match opened(&disk) {
                    Ok(offsets) => {
                        finish(offsets.save()).unwrap();
                        let again = opened(&disk).unwrap();
                        let (before, after) = (locked(&offsets.offsets), locked(&again.offsets));
                        prop_assert_eq!(&*before, &*after);
                    }
                    Err(refused) => {
                        let told = refused.to_string();
                        prop_assert!(told.contains("offsets.json") && told.len() < 1_000);
                    }
                }
            }
        }
    }
}
