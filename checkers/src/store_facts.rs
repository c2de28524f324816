//! What was seen of a broker's store from outside: starts, recoveries, files.
//!
//! An image of a store is read from its files by a reader that shares no code with the store.

use crate::ids::{MessageId, Moment, NodeId, QueueId};

/// A node was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// Which.
    pub node: NodeId,
    /// When it was started.
    pub at: Moment,
    /// When it served; `None` if it never did (it was struck again, or see `refused`).
    pub ready: Option<Moment>,
    /// Why it refused to start, if it did.
    pub refused: Option<String>,
    /// When it ended by itself after it had served: it could not go on, or could not save what it
    /// had to when it was asked to stop.
    pub gave_up: Option<Moment>,
    /// Whether this was its first start.
    pub first: bool,
}

/// A store was opened after it had been used before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The broker.
    pub node: NodeId,
    /// When.
    pub at: Moment,
    /// Whether the store had been closed properly.
    pub clean: bool,
    /// End of the longest prefix of whole, valid records that an independent reader found in the
    /// files before the store was opened. `None` if nobody looked.
    pub valid_to: Option<u64>,
    /// Where the log ended after recovery.
    pub recovered_to: u64,
    /// Where the log ended after a second recovery of the result. `None` if nobody tried.
    pub again_to: Option<u64>,
    /// Bytes before this had been synced successfully before the crash. `None` if not known.
    pub durable_to: Option<u64>,
    /// Whether the store itself complained about damage.
    pub complained: bool,
}

/// A broker deleted a segment of its commit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentGone {
    /// The broker.
    pub node: NodeId,
    /// When.
    pub at: Moment,
    /// First position of the segment.
    pub first: u64,
    /// First position of the oldest segment at that moment, this one included.
    pub oldest: u64,
    /// First position of the segment that was being written.
    pub active: u64,
    /// When the segment was last written, by the broker's wall clock in milliseconds.
    pub modified_ms: i64,
    /// The broker's wall clock at that moment, in milliseconds.
    pub wall_ms: i64,
    /// How full the disk was, in percent.
    pub disk_percent: u32,
    /// From how many percent on the broker may delete what has not expired.
    pub force_percent: u32,
    /// The whole records that it held.
    pub records: Vec<LogRecord>,
}

/// One record of a commit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Position in the commit log.
    pub physical: u64,
    /// Length in bytes.
    pub size: u32,
    /// The queue it names.
    pub queue: QueueId,
    /// The queue offset it names.
    pub offset: i64,
    /// Tag code that its consume queue unit must carry: hash of the tags, or for a message that
    /// waits for a delay level the time of its delivery (`None`: any).
    pub tags_code: Option<i64>,
    /// Store time stamp in milliseconds.
    pub store_ms: i64,
    /// Everything an index must find it by: unique key and keys.
    pub keys: Vec<String>,
    /// The number in its body.
    pub message: Option<MessageId>,
    /// [`crate::hash_bytes`] of all its bytes.
    pub hash: u64,
}

/// One unit of a consume queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its position in the queue.
    pub index: i64,
    /// Position of the record it points to.
    pub physical: u64,
    /// Length of that record.
    pub size: u32,
    /// Tag code.
    pub tags_code: i64,
}

/// One consume queue as it lies on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueImage {
    /// The queue.
    pub queue: QueueId,
    /// First offset that the store says it has; `None` if the store was not asked.
    pub min: Option<i64>,
    /// One past the last offset that the store says it has; `None` if the store was not asked.
    pub max: Option<i64>,
    /// The units, in the order of the file.
    pub units: Vec<Unit>,
}

/// How a file looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// There is none.
    Absent,
    /// It parses.
    Good,
    /// It does not.
    Bad,
}

/// A configuration file with its copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigImage {
    /// Its name, such as `consumerOffset.json`.
    pub name: String,
    /// The file.
    pub file: FileState,
    /// Its `.bak`.
    pub backup: FileState,
}

/// What a store looks like at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreImage {
    /// The broker.
    pub node: NodeId,
    /// When.
    pub at: Moment,
    /// Whether the store stood still and had been given time to bring its queues up to date.
    pub at_rest: bool,
    /// First position of every segment, ascending.
    pub segments: Vec<u64>,
    /// Valid records, ascending.
    pub log: Vec<LogRecord>,
    /// End of the last valid record.
    pub log_end: u64,
    /// The consume queues.
    pub queues: Vec<QueueImage>,
    /// The configuration files.
    pub configs: Vec<ConfigImage>,
}
