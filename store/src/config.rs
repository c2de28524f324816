//! How a store is configured. Defaults are RocketMQ's (store/config/MessageStoreConfig.java).

use std::{path::PathBuf, time::Duration};

use crate::limits::{BLANK_BYTES_MIN, INDEX_ENTRY_BYTES, RECORD_BYTES_MIN, SLOT_BYTES};

/// When a message counts as stored (`flushDiskType`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flush {
    /// Once the operating system has it: it survives the death of the process.
    #[default]
    Async,
    /// Once the disk has it: it survives a power cut. Nobody reads it before.
    Sync,
}

/// Where a store lies and how large its parts are.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The directory of everything but the log (`storePathRootDir`).
    pub root: PathBuf,
    /// The directory of the log (`storePathCommitLog`); `<root>/commitlog` if absent.
    pub commitlog: Option<PathBuf>,
    /// Length of one file of the log (`mappedFileSizeCommitLog`).
    pub segment_bytes: u64,
    /// Slots in one file of a consume queue (`mappedFileSizeConsumeQueue` / 20).
    pub queue_file_slots: u64,
    /// Whether keys are indexed at all (`messageIndexEnable`).
    pub index: bool,
    /// Hash slots of an index file (`maxHashSlotNum`).
    pub index_slots: u32,
    /// Entries of an index file, the unused first one included (`maxIndexNum`).
    pub index_entries: u32,
    /// When a message counts as stored.
    pub flush: Flush,
    /// With [`Flush::Sync`]: whether messages may be read before they are on disk
    /// (`readUnCommitted`).
    pub read_uncommitted: bool,
    /// The longest body (`maxMessageSize`). A record may be 64 KiB longer.
    pub body_bytes_max: u32,
    /// Delivery delay of each level of `SCHEDULE_TOPIC_XXXX`, level 1 first (`messageDelayLevel`).
    pub delay_levels_ms: Vec<i64>,
    /// What goes into the `abort` file.
    pub pid: u32,
    /// Local time minus UTC, for `delete_when` and the names of index files.
    pub utc_offset_minutes: i32,
    /// When and how much the driver flushes and deletes.
    pub pace: Pace,
    /// What to delete, and when the disk counts as full.
    pub retention: RetentionConfig,
    /// How much one read may give.
    pub get: GetLimits,
    /// What may stay in memory.
    pub memory: MemoryLimits,
}

/// The rhythm of the driver's housekeeping. The store itself never waits.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two looks for bytes to sync (`flushIntervalCommitLog`).
    pub sync: Duration,
    /// Fewer dirty pages than this wait for a later look (`flushCommitLogLeastPages`).
    pub sync_pages_min: u64,
    /// After this long everything is synced (`flushCommitLogThoroughInterval`).
    pub sync_thorough: Duration,
    /// Between two flushes of the larger queue tails (`flushIntervalConsumeQueue`).
    pub queues: Duration,
    /// Between two checkpoints, which write and sync all queues and the index
    /// (`flushConsumeQueueThoroughInterval`).
    pub checkpoint: Duration,
    /// Between two looks for expired files (`cleanResourceInterval`).
    pub retention: Duration,
    /// How long a sender waits for the disk (`syncFlushTimeout`).
    pub sync_timeout: Duration,
}

/// What to delete, and when the disk counts as full.
#[derive(Clone, Debug)]
pub struct RetentionConfig {
    /// Age at which a file of the log may go (`fileReservedTime`).
    pub reserved_hours: u64,
    /// Local hours of the day at which expired files are deleted (`deleteWhen`).
    pub delete_when_hours: Vec<u8>,
    /// Files deleted in one round (`deleteFileBatchMax`).
    pub batch_max: usize,
    /// Above this, expired files are deleted at any hour (`diskMaxUsedSpaceRatio`).
    pub used_percent_max: u8,
    /// Above this, files are deleted before they expire (`diskSpaceCleanForciblyRatio`).
    pub used_percent_force: u8,
    /// Above this, nothing is appended any more (`diskSpaceWarningLevelRatio`).
    pub used_percent_full: u8,
    /// Whether files may go before they expire (`cleanFileForciblyEnable`).
    pub force: bool,
}

/// How much one read may give.
#[derive(Clone, Copy, Debug)]
pub struct GetLimits {
    /// Bytes of records that lie in memory (`maxTransferBytesOnMessageInMemory`).
    pub memory_bytes: u64,
    /// Records that lie in memory (`maxTransferCountOnMessageInMemory`).
    pub memory_messages: usize,
    /// Bytes of records that lie on disk (`maxTransferBytesOnMessageInDisk`).
    pub disk_bytes: u64,
    /// Records that lie on disk (`maxTransferCountOnMessageInDisk`).
    pub disk_messages: usize,
    /// Bytes of a queue that one read looks at (`maxFilterMessageSize`).
    pub scan_bytes: u64,
    /// Records this near to the end of the log count as lying in memory: 40 % of the machine's
    /// memory in Java (`accessMessageInMemoryMaxRatio`).
    pub in_memory_bytes: u64,
    /// Records that one query by key gives (`maxMsgsNumBatch`).
    pub query_messages: usize,
}

/// What may stay in memory.
#[derive(Clone, Copy, Debug)]
pub struct MemoryLimits {
    /// Newest bytes of the log that are read without asking the disk.
    pub tail_bytes: u64,
    /// What the tail grows by; no more than `tail_bytes`.
    pub tail_chunk_bytes: u64,
    /// Open files of all queues together.
    pub queue_files_open: usize,
    /// Slots of one queue that wait in memory before a flush takes them along.
    pub queue_tail_slots: usize,
    /// Slots of all queues that wait in memory before a flush takes all along.
    pub waiting_slots: usize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            root: PathBuf::from("store"),
            commitlog: None,
            segment_bytes: 1024 * 1024 * 1024,
            queue_file_slots: 300_000,
            index: true,
            index_slots: 5_000_000,
            index_entries: 20_000_000,
            flush: Flush::Async,
            read_uncommitted: false,
            body_bytes_max: 4 * 1024 * 1024,
            delay_levels_ms: delay_levels(),
            pid: 0,
            utc_offset_minutes: 0,
            pace: Pace::default(),
            retention: RetentionConfig::default(),
            get: GetLimits::default(),
            memory: MemoryLimits::default(),
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            sync: Duration::from_millis(500),
            sync_pages_min: 4,
            sync_thorough: Duration::from_secs(10),
            queues: Duration::from_secs(1),
            checkpoint: Duration::from_secs(60),
            retention: Duration::from_secs(10),
            sync_timeout: Duration::from_secs(5),
        }
    }
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            reserved_hours: 72,
            delete_when_hours: vec![4],
            batch_max: 10,
            used_percent_max: 75,
            used_percent_force: 85,
            used_percent_full: 90,
            force: true,
        }
    }
}

impl Default for GetLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 * 1024,
            memory_messages: 32,
            disk_bytes: 64 * 1024,
            disk_messages: 8,
            scan_bytes: 16_000,
            in_memory_bytes: 4 * 1024 * 1024 * 1024,
            query_messages: 64,
        }
    }
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self {
            tail_bytes: 32 * 1024 * 1024,
            tail_chunk_bytes: 256 * 1024,
            queue_files_open: 512,
            queue_tail_slots: 400,
            waiting_slots: 500_000,
        }
    }
}

/// The 18 levels of RocketMQ: 1s 5s 10s 30s 1m .. 10m 20m 30m 1h 2h.
fn delay_levels() -> Vec<i64> {
    let seconds = [1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800];
    seconds.into_iter().chain([3600, 7200]).map(|seconds: i64| seconds * 1000).collect()
}

/// A size that no store can have.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{key} is {value}, but must be between {min} and {max}")]
pub struct ConfigError {
    /// The key in RocketMQ's configuration.
    pub key: &'static str,
    /// What it says.
    pub value: u64,
    /// The least it may say.
    pub min: u64,
    /// The most it may say.
    pub max: u64,
}

impl StoreConfig {
    /// Everything below `root`, everything else as RocketMQ has it.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), ..Self::default() }
    }

    /// The directory of the log.
    pub fn log_directory(&self) -> PathBuf {
        self.commitlog.clone().unwrap_or_else(|| self.root.join("commitlog"))
    }

    /// Whether all sizes can work.
    pub fn check(&self) -> Result<(), ConfigError> {
        let i32_max = u64::from(i32::MAX.unsigned_abs());
        let least_segment = RECORD_BYTES_MIN + BLANK_BYTES_MIN;
        let entries_max = i32_max / INDEX_ENTRY_BYTES;
        let ranges = [
            ("mappedFileSizeCommitLog", self.segment_bytes, least_segment, i32_max),
            ("mappedFileSizeConsumeQueue / 20", self.queue_file_slots, 1, i32_max / SLOT_BYTES),
            ("maxHashSlotNum", u64::from(self.index_slots), 1, i32_max / 4),
            ("maxIndexNum", u64::from(self.index_entries), 2, entries_max),
            ("maxMessageSize", u64::from(self.body_bytes_max), 1, i32_max - 64 * 1024),
            ("queue_files_open", self.memory.queue_files_open as u64, 1, u64::MAX),
            ("diskSpaceWarningLevelRatio", u64::from(self.retention.used_percent_full), 1, 100),
        ];
        for (key, value, min, max) in ranges {
            if value < min || max < value {
                return Err(ConfigError { key, value, min, max });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_possible_and_a_segment_without_room_for_a_record_is_not() {
        assert_eq!(StoreConfig::default().check(), Ok(()));
        assert_eq!(StoreConfig::default().delay_levels_ms.len(), 18);

        let tiny = StoreConfig { segment_bytes: 99, ..StoreConfig::default() };
        let refused = tiny.check().unwrap_err();
        assert_eq!((refused.key, refused.value, refused.min), ("mappedFileSizeCommitLog", 99, 100));
    }
}
