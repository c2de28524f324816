//! The counters at the start of an index file.
//!
//! ```text
//!  0           8           16          24          32            36        40   big-endian
//!  | first     | last      | first     | last      | hash slots  | next    |
//!  | stored ms | stored ms | record    | record    | in use: i32 | entry:  |
//!  | i64       | i64       | offset    | offset    |             | i32     |
//! ```
//! Entries are counted from 1: entry 0 is never used, and 0 in a hash slot means empty.
//! Source: store/index/IndexHeader.java.

use crate::limits::INDEX_HEADER_BYTES;

const HEADER_LEN: usize = 40;
const _: () = assert!(HEADER_LEN as u64 == INDEX_HEADER_BYTES);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) begin_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) begin_physical: u64,
    pub(crate) end_physical: u64,
    pub(crate) slots_used: u32,
    /// Number of the next entry. At least 1.
    pub(crate) next: u32,
}

impl Default for Header {
    fn default() -> Self {
        let (begin_ms, end_ms, begin_physical, end_physical) = (0, 0, 0, 0);
        Self { begin_ms, end_ms, begin_physical, end_physical, slots_used: 0, next: 1 }
    }
}

impl Header {
    pub(crate) fn encode(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(&self.begin_ms.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.end_ms.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.begin_physical.to_be_bytes());
        bytes[24..32].copy_from_slice(&self.end_physical.to_be_bytes());
        bytes[32..36].copy_from_slice(&self.slots_used.to_be_bytes());
        bytes[36..].copy_from_slice(&self.next.to_be_bytes());
        bytes
    }

    /// Counters that no index file can have are taken for those of an empty file.
    pub(crate) fn decode(bytes: &[u8], entries_max: u32) -> Self {
        let long = |at: usize| bytes.get(at..)?.first_chunk().map(|b| i64::from_be_bytes(*b));
        let int = |at: usize| bytes.get(at..)?.first_chunk().map(|b| i32::from_be_bytes(*b));
        let decoded = || {
            Some(Self {
                begin_ms: long(0)?,
                end_ms: long(8)?,
                begin_physical: u64::try_from(long(16)?).ok()?,
                end_physical: u64::try_from(long(24)?).ok()?,
                slots_used: u32::try_from(int(32)?).ok()?,
                next: u32::try_from(int(36)?)
                    .ok()
                    .filter(|next| (1..=entries_max).contains(next))?,
            })
        };
        decoded().unwrap_or_default()
    }
}
