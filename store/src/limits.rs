//! Every size of the store that is not configurable, in one place.
//!
//! Source: store/ConsumeQueue.java, store/index/IndexHeader.java, store/StoreCheckpoint.java,
//! store/CommitLog.java.

/// One slot of a consume queue.
pub(crate) const SLOT_BYTES: u64 = 20;
/// What must stay free behind a record: the head of a blank record.
pub(crate) const BLANK_BYTES_MIN: u64 = 8;
/// The counters at the start of an index file.
pub(crate) const INDEX_HEADER_BYTES: u64 = 40;
/// One hash slot of an index file.
pub(crate) const INDEX_SLOT_BYTES: u64 = 4;
/// One entry of an index file.
pub(crate) const INDEX_ENTRY_BYTES: u64 = 20;
/// The checkpoint file.
pub(crate) const CHECKPOINT_BYTES: u64 = 4096;
/// How many bytes of records one answer may hold, whatever was asked for (`MAX_PULL_MSG_SIZE`).
pub(crate) const GET_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// The smallest record there can be: an empty body, a topic of one byte, no properties.
pub(crate) const RECORD_BYTES_MIN: u64 = 92;
/// Bytes that recovery reads at once.
pub(crate) const SCAN_BYTES: u64 = 1024 * 1024;

const _: () = assert!(BLANK_BYTES_MIN < RECORD_BYTES_MIN);

/// Memory for held writes that is kept between two batches: what most batches need.
pub(crate) const HELD_KEPT_BYTES_MAX: usize = 256 * 1024;
