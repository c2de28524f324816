//! The replication port: a stream of its own, beside the frames of [`crate::frame`].
//!
//! A slave connects, says how long its log is, and is sent the bytes that follow. There are two
//! dialects, and nothing in the stream says which: both ends are configured alike. [`plain`] is
//! that of master and slave; a broker under a controller speaks another, with hand-shake and
//! epochs, which will be a module beside it.

pub mod plain;

/// Something on a replication port that no peer of ours says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HaError {
    /// A negative place in a log.
    #[error("an offset of {offset} is negative")]
    OffsetNegative {
        /// What was said.
        offset: i64,
    },
    /// A length that is none, or more than one transfer may hold.
    #[error("a transfer of {bytes} bytes at offset {at}, the limit is {limit_bytes}")]
    TransferTooLong {
        /// Where in the log it would belong.
        at: u64,
        /// What was said.
        bytes: i32,
        /// [`crate::limits::TRANSFER_BYTES_MAX`].
        limit_bytes: usize,
    },
}
