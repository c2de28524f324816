//! What master and slave send each other without a controller.
//!
//! ```text
//!  slave to master:   | end of its log: i64 |
//!  master to slave:   | offset: i64 | bytes: i32 | so many bytes of the log |
//! ```
//! The slave speaks first; its first word is what it wants, every later one is what it has. The
//! bytes are cut anywhere, in the middle of a record too; the blank end of a file is sent as it
//! lies there. A transfer without bytes is a heartbeat. All integers are big-endian.
//!
//! Source: store/ha/DefaultHAConnection.java, DefaultHAClient.java.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::HaError;
use crate::limits::TRANSFER_BYTES_MAX;

/// One word of a slave.
pub const REPORT_BYTES: usize = 8;
/// What stands before the bytes of a transfer.
pub const TRANSFER_HEAD_BYTES: usize = 12;

/// Bytes of the master's log, or a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Where they lie in the log; for a heartbeat, where the next ones will.
    pub at: u64,
    /// The bytes; none for a heartbeat.
    pub bytes: Bytes,
}

impl Transfer {
    /// Whether it only says that somebody is there.
    #[must_use]
    pub fn is_heartbeat(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// Writes how long a slave's log is.
pub fn put_report(end: u64, output: &mut BytesMut) {
    output.put_i64(signed(end));
}

/// Takes one report. `Ok(None)`: wait for more.
///
/// # Errors
/// What no slave says: hang up.
pub fn take_report(input: &mut BytesMut) -> Result<Option<u64>, HaError> {
    let Some(word) = input.first_chunk::<REPORT_BYTES>() else { return Ok(None) };
    let end = unsigned(i64::from_be_bytes(*word))?;
    input.advance(REPORT_BYTES);
    Ok(Some(end))
}

/// Writes what stands before `bytes` bytes of the log at `at`, which the caller sends next.
pub fn put_transfer_head(at: u64, bytes: usize, output: &mut BytesMut) {
    assert!(
        bytes <= TRANSFER_BYTES_MAX,
        "a transfer of {bytes} bytes, the limit is {TRANSFER_BYTES_MAX}"
    );
    output.put_i64(signed(at));
    output.put_i32(i32::try_from(bytes).unwrap_or(i32::MAX));
}

/// Takes one transfer. `Ok(None)`: wait for more; at most [`TRANSFER_BYTES_MAX`] will follow.
///
/// # Errors
/// What no master says: hang up.
pub fn take_transfer(input: &mut BytesMut) -> Result<Option<Transfer>, HaError> {
    let Some(&[o0, o1, o2, o3, o4, o5, o6, o7, b0, b1, b2, b3]) = input.first_chunk() else {
        return Ok(None);
    };
    let at = unsigned(i64::from_be_bytes([o0, o1, o2, o3, o4, o5, o6, o7]))?;
    let said = i32::from_be_bytes([b0, b1, b2, b3]);
    let bytes = usize::try_from(said).ok().filter(|&bytes| bytes <= TRANSFER_BYTES_MAX);
    let bytes = bytes.ok_or(HaError::TransferTooLong {
        at,
        bytes: said,
        limit_bytes: TRANSFER_BYTES_MAX,
    })?;
    if input.len() < TRANSFER_HEAD_BYTES + bytes {
        return Ok(None);
    }
    input.advance(TRANSFER_HEAD_BYTES);
    Ok(Some(Transfer { at, bytes: input.split_to(bytes).freeze() }))
}

fn unsigned(offset: i64) -> Result<u64, HaError> {
    u64::try_from(offset).map_err(|_| HaError::OffsetNegative { offset })
}

/// No log is longer than what its offsets can count.
fn signed(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}
