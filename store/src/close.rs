//! Closing: everything on disk, and a note that it is.

use std::io;

use crate::{checkpoint::CheckpointError, durability::Poisoned, store::Store};

/// Why the store could not be closed cleanly. The next start will be one after a crash: it takes
/// longer and loses nothing that was durable.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// A sync of the log failed, now or earlier.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
    /// Queues or index could not be synced.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Queues, index or `abort` could not be written.
    #[error("cannot finish the files of the store: {cause}")]
    Disk {
        /// Why not.
        #[from]
        cause: io::Error,
    },
}

impl Store {
    /// Syncs everything, writes a last checkpoint and removes `abort`: the next start is a clean
    /// one. No job may be under way.
    ///
    /// # Errors
    /// Then `abort` remains.
    pub async fn close(mut self) -> Result<(), CloseError> {
        self.stop_writes();
        if let Some(job) = self.begin_sync() {
            let synced = job.run().await;
            self.end_sync(synced)?;
        }
        self.durability.check()?;
        // A log that was only cut has no new bytes, but a new name or a removed one.
        if std::mem::take(&mut self.log.names_changed) {
            self.disk.sync_dir(&self.log.directory).await?;
        }
        if let Some(job) = self.begin_checkpoint()? {
            let done = job.run().await;
            self.end_checkpoint(done)?;
        }
        if !self.is_checkpointed() || 0 < self.queues.waiting_slots() {
            return Err(io::Error::other("queues or index are not on disk").into());
        }
        self.disk.remove_file(&self.config.root.join("abort"))?;
        self.disk.sync_dir(&self.config.root).await?;
        Ok(())
    }

    /// A driver that stops in the middle of a batch has acknowledged none of it.
    fn stop_writes(&mut self) {
        if let Err(refused) = self.end_writes() {
            tracing::warn!(%refused, "the last messages were not stored");
        }
    }
}
