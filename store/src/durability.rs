//! What of the log survives a power cut, and how more of it comes to.
//!
//! One sync is under way at a time. Whatever is appended meanwhile waits for the next: that is
//! group commit. A sync that failed says nothing about any byte it should have made durable, and
//! a later success would say nothing either: the store takes no more messages until it is opened
//! again.

use std::{io, path::PathBuf, sync::Arc};

use runtime::{Disk, File};

use crate::store::Store;

/// Where the log begins and ends. Offsets are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First byte still kept. Grows when old segments are deleted.
    pub start: u64,
    /// Bytes before this survive a power cut. Grows when a sync completes.
    pub durable: u64,
    /// Next byte to be written. Grows on every append.
    pub end: u64,
    // Invariant: start <= durable && durable <= end.
}

/// A record that queues or the index know, and its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Landmark {
    /// Start of the last record that has a slot.
    pub(crate) last_queued: u64,
    /// When the last record was stored.
    pub(crate) stored_ms: i64,
}

#[derive(Debug)]
pub(crate) struct Durability {
    durable: u64,
    /// Of the records before `durable`.
    pub(crate) landmark: Landmark,
    /// Of all records.
    pub(crate) newest: Landmark,
    syncing: bool,
    poison: Option<Arc<str>>,
}

/// The store takes no more messages: a sync failed, and what is on disk is not known any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store takes no more messages until it is opened again: {reason}")]
pub struct Poisoned {
    /// What happened.
    pub reason: Arc<str>,
}

/// A sync of the log, to be run without the store.
#[must_use = "a sync that does not run is never ended, and no other begins"]
pub struct SyncJob {
    disk: Arc<dyn Disk>,
    files: Vec<Arc<dyn File>>,
    directory: Option<PathBuf>,
    up_to: u64,
    landmark: Landmark,
}

/// What became of a [`SyncJob`].
#[derive(Debug)]
#[must_use = "hand it to Store::end_sync"]
pub struct Synced {
    up_to: u64,
    landmark: Landmark,
    named: bool,
    outcome: io::Result<()>,
}

impl SyncJob {
    /// The end of what will be durable.
    #[must_use]
    pub fn up_to(&self) -> u64 {
        self.up_to
    }

    /// Syncs the names of new files, then the files.
    pub async fn run(self) -> Synced {
        let named = self.directory.is_some();
        let outcome = self.sync().await;
        Synced { up_to: self.up_to, landmark: self.landmark, named, outcome }
    }

    async fn sync(&self) -> io::Result<()> {
        if let Some(directory) = &self.directory {
            self.disk.sync_dir(directory).await?;
        }
        for file in &self.files {
            file.sync().await?;
        }
        Ok(())
    }
}

impl Durability {
    pub(crate) fn new(durable: u64, newest: Landmark) -> Self {
        Self { durable, landmark: newest, newest, syncing: false, poison: None }
    }

    pub(crate) fn durable(&self) -> u64 {
        self.durable
    }

    pub(crate) fn poison(&mut self, reason: &str) {
        if self.poison.is_none() {
            tracing::error!(reason, "the store takes no more messages until it is opened again");
            self.poison = Some(Arc::from(reason));
        }
    }

    pub(crate) fn check(&self) -> Result<(), Poisoned> {
        match &self.poison {
            Some(reason) => Err(Poisoned { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// The log now ends at `end`.
    pub(crate) fn cut(&mut self, end: u64) {
        self.durable = self.durable.min(end);
    }
}

impl Store {
    /// Why the store takes no more messages, if it does not.
    #[must_use]
    pub fn poisoned(&self) -> Option<Poisoned> {
        self.durability.check().err()
    }

    /// Collects what must be synced for everything written so far to be durable. `None` if it is,
    /// or if a sync is under way, writes are held, or the store is poisoned.
    pub fn begin_sync(&mut self) -> Option<SyncJob> {
        let written = self.log.written();
        // Held writes may still be taken back; what is known of them is not known of the disk.
        if self.durability.syncing
            || self.writes.is_some()
            || written <= self.durability.durable
            || self.durability.check().is_err()
        {
            return None;
        }
        let from = self.durability.durable;
        let segments = self.log.segments.iter();
        let dirty = segments.filter(|segment| {
            from < segment.start + self.log.segment_bytes && segment.start < written
        });
        let job = SyncJob {
            disk: self.disk.clone(),
            files: dirty.map(|segment| segment.file.clone()).collect(),
            directory: self.log.names_changed.then(|| self.log.directory.clone()),
            up_to: written,
            landmark: self.durability.newest,
        };
        self.durability.syncing = true;
        self.log.names_changed = false;
        Some(job)
    }

    /// Takes note of what became of a sync. Gives the durable end of the log.
    ///
    /// # Errors
    /// If the sync failed: from now on the store takes no messages, and whoever waited for these
    /// bytes must be told that they may be lost.
    pub fn end_sync(&mut self, synced: Synced) -> Result<u64, Poisoned> {
        assert!(self.durability.syncing, "a sync up to {} ended that never began", synced.up_to);
        self.durability.syncing = false;
        if let Err(cause) = synced.outcome {
            self.log.names_changed |= synced.named;
            self.durability
                .poison(&format!("sync of the log up to {} failed: {cause}", synced.up_to));
        }
        self.durability.check()?;
        // The log may have been cut meanwhile.
        let durable = synced.up_to.min(self.log.written());
        if self.durability.durable < durable {
            self.durability.durable = durable;
            self.durability.landmark = synced.landmark;
        }
        Ok(self.durability.durable)
    }

    /// Bytes of the log that a power cut may take away.
    #[must_use]
    pub fn unsynced_bytes(&self) -> u64 {
        let Extent { durable, end, .. } = self.extent();
        end - durable
    }
}
