//! Deleting what has expired, and noticing that the disk is full.
//!
//! Only ever a prefix of whole segments, never the last one and none behind the last checkpoint. Each
//! file is removed first, its name synced next; only then does the log begin later: what a reader
//! has seen gone does not come back after a power cut. Files of queues and of the index follow.
//! Source: store/DefaultMessageStore.java, `CleanCommitLogService`.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use runtime::{Disk, Now};

use crate::{config::RetentionConfig, store::Store};

const HOUR_MS: i64 = 60 * 60 * 1000;
/// Rounds in which files are deleted at any hour after an operator asked for it.
const MANUAL_ROUNDS: u32 = 20;

#[derive(Debug)]
pub(crate) struct RetentionState {
    /// How full the disk is, in percent, if that is too full to take messages.
    pub(crate) full: Option<u8>,
    used_percent: u8,
    /// Both clocks when the store was opened.
    opened: Now,
    manual_rounds: u32,
    running: bool,
    /// Some queues or the index could not be told of the last removal.
    behind: bool,
}

impl RetentionState {
    pub(crate) fn new(opened: Now) -> Self {
        Self {
            full: None,
            used_percent: 0,
            opened,
            manual_rounds: 0,
            running: false,
            behind: false,
        }
    }

    /// What the wall clock shows, unless it ran ahead of the time that has passed: files do not
    /// expire because somebody set the clock.
    ///
    /// Differs from Java, which deletes everything when the clock jumps four days ahead.
    fn trusted_wall_ms(&self, now: Now) -> i64 {
        let passed = now.monotonic.since(self.opened.monotonic);
        let slack = passed / 100 + std::time::Duration::from_secs(60);
        let most = i64::try_from((passed + slack).as_millis()).unwrap_or(i64::MAX);
        now.wall_ms.min(self.opened.wall_ms.saturating_add(most))
    }
}

/// Removing expired segments. To be run without the store.
#[must_use = "a removal that does not run is never ended, and no other begins"]
pub struct RetentionJob {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    /// Oldest first.
    paths: Vec<PathBuf>,
}

/// What became of a [`RetentionJob`].
#[derive(Debug)]
#[must_use = "hand it to Store::end_retention"]
pub struct Removed {
    segments: usize,
    outcome: io::Result<()>,
}

/// What is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionReport {
    /// Files of the log.
    pub segments: usize,
    /// Files of queues.
    pub queue_files: usize,
    /// Files of the index.
    pub index_files: usize,
    /// First byte of the log that is still kept.
    pub min_physical: u64,
}

impl RetentionJob {
    /// Removes the files, and syncs their directory after each: after a power cut those that are
    /// left must still follow one another.
    pub async fn run(self) -> Removed {
        let (mut segments, mut outcome) = (0, Ok(()));
        for path in &self.paths {
            outcome = self.remove(path).await;
            if outcome.is_err() {
                // Whether this one comes back after a power cut is not known: keep it in mind.
                break;
            }
            segments += 1;
        }
        Removed { segments, outcome }
    }

    async fn remove(&self, path: &Path) -> io::Result<()> {
        match self.disk.remove_file(path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
            _ => self.disk.sync_dir(&self.directory).await,
        }
    }
}

impl Store {
    /// Looks how full the disk is and which segments have expired. `None` if there is nothing to
    /// remove or a removal is under way. A job may have no segment to remove, when queues have to
    /// be told of the removal before once more.
    ///
    /// # Errors
    /// What the disk says. How full it is counts as before then.
    pub fn begin_retention(&mut self, now: Now) -> io::Result<Option<RetentionJob>> {
        let used = used_percent(&*self.disk, &self.log.directory)?
            .max(used_percent(&*self.disk, &self.config.root)?);
        self.note_usage(used);
        let config = &self.config.retention;
        let manual = 0 < self.retention.manual_rounds;
        let due = self.is_hour_of_deletion(now) || config.used_percent_max < used || manual;
        if self.retention.running || !(due || self.retention.behind) {
            return Ok(None);
        }
        let forced = is_forced(config, used);
        self.retention.manual_rounds -= u32::from(manual);
        let paths = if due { self.expired(now, forced)? } else { Vec::new() };
        if paths.is_empty() && !self.retention.behind {
            return Ok(None);
        }
        self.retention.running = true;
        let (disk, directory) = (self.disk.clone(), self.log.directory.clone());
        Ok(Some(RetentionJob { disk, directory, paths }))
    }

    /// Expired files are deleted in the next rounds, whatever the hour.
    pub fn delete_expired_soon(&mut self) {
        self.retention.manual_rounds = MANUAL_ROUNDS;
    }

    /// How full the disk was when last looked at, in percent.
    #[must_use]
    pub fn disk_used_percent(&self) -> u8 {
        self.retention.used_percent
    }

    /// Whether the disk is too full to take messages.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        self.retention.full.is_some()
    }

    fn note_usage(&mut self, used: u8) {
        self.retention.used_percent = used;
        let limit = self.config.retention.used_percent_full;
        let full = (limit < used).then_some(used);
        if full.is_some() != self.retention.full.is_some() {
            tracing::warn!(
                used,
                limit,
                "messages are {}",
                if full.is_some() { "refused" } else { "taken" }
            );
        }
        self.retention.full = full;
    }

    fn is_hour_of_deletion(&self, now: Now) -> bool {
        let local_ms = now.wall_ms + i64::from(self.config.utc_offset_minutes) * 60_000;
        let hour = local_ms.div_euclid(HOUR_MS).rem_euclid(24);
        self.config.retention.delete_when_hours.iter().any(|&when| i64::from(when) == hour)
    }

    /// The oldest segments that may go, up to the first that may not.
    fn expired(&self, now: Now, forced: bool) -> io::Result<Vec<PathBuf>> {
        let config = &self.config.retention;
        let reserved_ms = i64::try_from(config.reserved_hours).unwrap_or(i64::MAX / HOUR_MS);
        let reserved_ms = reserved_ms.saturating_mul(HOUR_MS);
        let wall_ms = self.retention.trusted_wall_ms(now);
        let mut paths = Vec::new();
        // Once a byte of the last file is durable, so are its name and all files before it.
        let last = self.log.segments.back().map_or(u64::MAX, |segment| segment.start);
        if self.durability.durable() <= last {
            return Ok(paths);
        }
        // Slots of records that are gone cannot be made again: they must be on disk, or a queue
        // would give the same offsets out twice.
        let checkpointed = self.checkpoint.last.exact().map_or(0, |exact| exact.durable);
        let all_but_last = self.log.segments.len().saturating_sub(1);
        for segment in self.log.segments.iter().take(all_but_last.min(config.batch_max)) {
            if checkpointed < segment.start + self.log.segment_bytes {
                break;
            }
            let changed_ms = self.disk.entry(&segment.path)?.modified_ms;
            let expired = changed_ms.saturating_add(reserved_ms) <= wall_ms;
            if !(expired || forced) {
                break;
            }
            paths.push(segment.path.clone());
        }
        Ok(paths)
    }

    /// Takes note of removed segments, and removes the files of queues and of the index that only
    /// speak of them.
    ///
    /// # Errors
    /// If a segment could not be removed, or files of queues or index could not. Those that could
    /// are gone.
    pub fn end_retention(&mut self, removed: Removed) -> io::Result<RetentionReport> {
        assert!(self.retention.running, "a removal ended that never began");
        self.retention.running = false;
        assert!(removed.segments < self.log.segments.len().max(1), "the last segment is gone");
        self.log.segments.drain(..removed.segments);
        let start = self.log.start();
        let mut report = RetentionReport {
            segments: removed.segments,
            min_physical: start,
            ..RetentionReport::default()
        };
        // One that fails keeps none of the others from following the log.
        let told = self.follow_log(start, &mut report);
        self.retention.behind = told.is_err();
        removed.outcome?;
        told?;
        Ok(report)
    }

    /// Lets queues and index begin where the log begins now.
    fn follow_log(&mut self, start: u64, report: &mut RetentionReport) -> io::Result<()> {
        let mut told = Ok(());
        for number in self.queues.numbers() {
            let Some((queue, files)) = self.queues.at_mut(number) else { continue };
            let gone = queue.correct_min(files, start).and_then(|()| queue.remove_old_files(files));
            match gone {
                Ok(gone) => report.queue_files += gone,
                Err(cause) => told = Err(cause),
            }
        }
        match self.index.as_mut().map_or(Ok(0), |index| index.remove_old_files(start)) {
            Ok(gone) => report.index_files = gone,
            Err(cause) => told = Err(cause),
        }
        told
    }
}

fn is_forced(config: &RetentionConfig, used: u8) -> bool {
    config.force && config.used_percent_force < used
}

fn used_percent(disk: &dyn Disk, path: &Path) -> io::Result<u8> {
    let usage = disk.usage(path)?;
    let used = usage.total_bytes.saturating_sub(usage.free_bytes);
    let percent = u128::from(used) * 100 / u128::from(usage.total_bytes.max(1));
    Ok(u8::try_from(percent).unwrap_or(100))
}
