//! The checkpoint: up to where everything derived from the log is on disk.
//!
//! ```text
//!  0      8        16      24        32        40       48         56        64       72        80
//!  | log  | queues | index | master  | confirm | last   | the same | durable | slots  | segment |
//!  | time | time   | time  | flushed | offset  | queued | again    | end     | in all | bytes   |
//!  |      |        |       |         |         | record |          |         | queues |         |
//! ```
//! All fields are i64, what follows is 0. The first six are RocketMQ's (store/StoreCheckpoint.java; the sixth since
//! 5.4). The others are ours, in bytes that Java leaves alone: if the two record offsets differ,
//! Java has been here since, and the fields mean only what Java means by them.
//!
//! Differs from Java: a checkpoint is written after everything it speaks of was synced, so that
//! recovery starts at an exact byte instead of three seconds earlier.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use runtime::{Disk, OpenMode};

use crate::{index::Index, limits::CHECKPOINT_BYTES, store::Store};

const FIELDS: usize = 10;

/// The content of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) log_ms: i64,
    pub(crate) queues_ms: i64,
    pub(crate) index_ms: i64,
    pub(crate) master_flushed: i64,
    pub(crate) confirm: i64,
    pub(crate) last_queued: i64,
    last_queued_again: i64,
    durable: i64,
    slots: i64,
    segment_bytes: i64,
}

/// What a checkpoint of ours says, to the byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exact {
    /// Start of the last record that has a slot.
    pub(crate) last_queued: u64,
    /// Bytes of the log before this were durable; so were their slots and keys.
    pub(crate) durable: u64,
    /// Sum of the next offsets of all queues, counting only records before `durable`.
    pub(crate) slots: i64,
    /// Length of the files of the log.
    pub(crate) segment_bytes: u64,
}

impl Checkpoint {
    fn fields(&self) -> [i64; FIELDS] {
        let Self { log_ms, queues_ms, index_ms, master_flushed, confirm, .. } = *self;
        let Self { last_queued, last_queued_again, durable, slots, segment_bytes, .. } = *self;
        let javas = [log_ms, queues_ms, index_ms, master_flushed, confirm, last_queued];
        let [a, b, c, d, e, f] = javas;
        [a, b, c, d, e, f, last_queued_again, durable, slots, segment_bytes]
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.fields().iter().flat_map(|f| f.to_be_bytes()).collect();
        bytes.resize(usize::try_from(CHECKPOINT_BYTES).unwrap_or(bytes.len()), 0);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let field = |index: usize| {
            bytes
                .get(index * 8..)
                .and_then(<[u8]>::first_chunk)
                .map_or(0, |b| i64::from_be_bytes(*b))
        };
        Self {
            log_ms: field(0),
            queues_ms: field(1),
            index_ms: field(2),
            master_flushed: field(3),
            confirm: field(4),
            last_queued: field(5),
            last_queued_again: field(6),
            durable: field(7),
            slots: field(8),
            segment_bytes: field(9),
        }
    }

    /// Absent or unreadable is the same as empty: everything is looked through then.
    pub(crate) fn load(disk: &dyn Disk, path: &Path) -> io::Result<Self> {
        match disk.read(path) {
            Ok(bytes) => Ok(Self::decode(&bytes)),
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(cause) => Err(cause),
        }
    }

    /// What it says to the byte, if a Gantry wrote it last.
    pub(crate) fn exact(&self) -> Option<Exact> {
        let last_queued = u64::try_from(self.last_queued).ok()?;
        let durable = u64::try_from(self.durable).ok()?;
        let segment_bytes = u64::try_from(self.segment_bytes).ok()?;
        (self.last_queued == self.last_queued_again && last_queued < durable).then_some(Exact {
            last_queued,
            durable,
            slots: self.slots,
            segment_bytes,
        })
    }
}

#[derive(Debug)]
pub(crate) struct CheckpointState {
    pub(crate) last: Checkpoint,
    running: bool,
    /// A sync of a queue or of the index failed: no later success would mean anything, and the
    /// next start looks through what came after the last checkpoint.
    failed: bool,
}

impl CheckpointState {
    pub(crate) fn new(last: Checkpoint) -> Self {
        Self { last, running: false, failed: false }
    }
}

/// Why no checkpoint was written. The store goes on: recovery only has more to look through.
#[derive(Debug, thiserror::Error)]
#[error("no checkpoint up to {up_to}: {cause}")]
pub struct CheckpointError {
    /// The end of what it would have covered.
    pub up_to: u64,
    /// Why not.
    #[source]
    pub cause: io::Error,
}

/// Syncing queues and index, then writing the checkpoint. To be run without the store.
#[must_use = "a checkpoint that does not run is never ended, and no other begins"]
pub struct CheckpointJob {
    disk: Arc<dyn Disk>,
    files: Vec<PathBuf>,
    directories: BTreeSet<PathBuf>,
    path: PathBuf,
    content: Checkpoint,
}

/// What became of a [`CheckpointJob`].
#[derive(Debug)]
#[must_use = "hand it to Store::end_checkpoint"]
pub struct CheckpointDone {
    content: Checkpoint,
    outcome: io::Result<()>,
}

impl CheckpointJob {
    /// Syncs files and names, then writes and syncs the checkpoint.
    pub async fn run(self) -> CheckpointDone {
        let outcome = self.write().await;
        CheckpointDone { content: self.content, outcome }
    }

    async fn write(&self) -> io::Result<()> {
        for path in &self.files {
            match self.disk.open(path, OpenMode::Write) {
                Ok(file) => file.sync().await?,
                // Expired or deleted meanwhile.
                Err(absent) if absent.kind() == io::ErrorKind::NotFound => {}
                Err(cause) => return Err(cause),
            }
        }
        for directory in &self.directories {
            match self.disk.sync_dir(directory).await {
                Err(absent) if absent.kind() == io::ErrorKind::NotFound => {}
                outcome => outcome?,
            }
        }
        let is_new = !self.disk.exists(&self.path);
        let file = self.disk.open(&self.path, OpenMode::Create)?;
        file.write_all_at(0, &self.content.encode())?;
        file.sync().await?;
        if is_new {
            self.disk.sync_dir(&self.disk.parent(&self.path)).await?;
        }
        Ok(())
    }
}

impl Store {
    /// Writes the slots of durable records to the files of queues in which many wait, or of all
    /// queues if too many wait together. The rest is taken along by a checkpoint.
    ///
    /// # Errors
    /// What the disk says. Slots that were not written wait for the next time, and are read from
    /// memory.
    pub fn flush_queues(&mut self) -> io::Result<()> {
        let memory = &self.config.memory;
        let few = self.queues.waiting_slots() <= memory.waiting_slots;
        let least = if few { memory.queue_tail_slots.max(1) } else { 1 };
        self.queues.flush(self.durability.durable(), least)
    }

    /// Writes all slots and keys of durable records to their files, and collects what must be
    /// synced for a checkpoint. `None` if there is nothing new, if one is being written, or if an
    /// earlier one failed to sync.
    ///
    /// # Errors
    /// What the disk says. Nothing is lost then.
    pub fn begin_checkpoint(&mut self) -> io::Result<Option<CheckpointJob>> {
        let state = &self.checkpoint;
        if state.running || state.failed || self.is_checkpointed() || self.poisoned().is_some() {
            return Ok(None);
        }
        self.queues.flush(self.durability.durable(), 1)?;
        let content = self.checkpoint_content();
        let mut files: Vec<PathBuf> = Vec::new();
        let mut directories = BTreeSet::new();
        if let Some(index) = &mut self.index {
            index.flush()?;
            let (dirty, directory) = index.take_dirty();
            files.extend(dirty);
            directories.extend(directory);
        }
        files.extend(std::mem::take(&mut self.queues.files.dirty));
        directories.extend(std::mem::take(&mut self.queues.files.dirty_directories));
        directories.insert(self.config.root.clone());
        self.checkpoint.running = true;
        Ok(Some(CheckpointJob {
            disk: self.disk.clone(),
            files,
            directories,
            path: self.config.root.join("checkpoint"),
            content,
        }))
    }

    fn checkpoint_content(&self) -> Checkpoint {
        let landmark = self.durability.landmark;
        let offset = |offset: u64| i64::try_from(offset).unwrap_or(i64::MAX);
        let last_queued = offset(landmark.last_queued);
        let durable = offset(self.durability.durable());
        // Of an empty log there is nothing to say.
        let segment_bytes = if durable == 0 { 0 } else { offset(self.log.segment_bytes) };
        Checkpoint {
            log_ms: landmark.stored_ms,
            queues_ms: landmark.stored_ms,
            index_ms: landmark.stored_ms,
            last_queued,
            last_queued_again: last_queued,
            durable,
            slots: self.queues.flushed_slots(),
            segment_bytes,
            ..self.checkpoint.last
        }
    }

    /// Takes note of what became of a checkpoint.
    ///
    /// # Errors
    /// If it was not written. The store goes on, but never writes another one: what is on disk is
    /// not known any more, and the next start looks through everything since the last.
    pub fn end_checkpoint(&mut self, done: CheckpointDone) -> Result<(), CheckpointError> {
        assert!(self.checkpoint.running, "a checkpoint ended that never began");
        self.checkpoint.running = false;
        match done.outcome {
            Ok(()) => {
                self.checkpoint.last = done.content;
                Ok(())
            }
            Err(cause) => {
                self.checkpoint.failed = true;
                tracing::error!(%cause, "queues or index could not be synced");
                let up_to = u64::try_from(done.content.durable).unwrap_or(0);
                Err(CheckpointError { up_to, cause })
            }
        }
    }

    /// Whether the queues and the index are on disk up to the durable end of the log, and the
    /// checkpoint says so.
    pub(crate) fn is_checkpointed(&self) -> bool {
        let durable = self.durability.durable();
        // Keys wait without regard to what is durable; they count once everything is.
        let keys_wait =
            durable == self.log.end() && self.index.as_ref().is_some_and(Index::is_changed);
        let slots_wait = self.queues.files.is_dirty() || self.queues.has_ready(durable);
        let nothing_waits = !self.checkpoint.failed && !keys_wait && !slots_wait;
        nothing_waits && self.checkpoint_content() == self.checkpoint.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_exact_only_if_java_has_not_written_it_since() {
        let ours = Checkpoint {
            last_queued: 7,
            last_queued_again: 7,
            durable: 99,
            slots: 5,
            segment_bytes: 4096,
            ..Checkpoint::default()
        };
        assert_eq!(Checkpoint::decode(&ours.encode()), ours);
        assert_eq!(ours.encode().len(), 4096);
        assert_eq!(
            ours.exact(),
            Some(Exact { last_queued: 7, durable: 99, slots: 5, segment_bytes: 4096 })
        );

        let javas = Checkpoint { last_queued: 8, ..ours };
        assert_eq!(javas.exact(), None);
        assert_eq!(Checkpoint::decode(b"short"), Checkpoint::default());
        assert_eq!(Checkpoint::default().exact(), None);
    }
}
