//! The message record: the same bytes in the commit log and in the body of a pull answer.
//!
//! ```text
//!  0         4       8          12       16     20      28         36       40
//!  | total   | magic | body CRC | queue  | user | queue | physical | system | born      |
//!  | bytes   |       |          |        | flag | offset| offset   | flag   | timestamp |
//!  | i32     | i32   | i32      | i32    | i32  | i64   | i64      | i32    | i64       |
//!
//!  48        56          64      72          76            84        with IPv4
//!  | born    | store     | store | reconsume | prepared    | body    | topic        | properties |
//!  | host    | timestamp | host  | times     | transaction | i32 + n | V1: i8 + n   | i16 + n    |
//!  | IP, i32 | i64       |       | i32       | offset i64  |         | V2: i16 + n  |            |
//! ```
//!
//! Big-endian; a host is 4 or 16 bytes of address (a bit of the system flag each) and a port. The
//! second version is written when the topic does not fit one signed byte. The body CRC is CRC-32 of
//! the body as stored, without its highest bit. A record that does not fit a file's end is
//! preceded by a blank: total bytes, [`BLANK_MAGIC`], anything.
//!
//! Refused when read: an unknown magic, lengths that are negative, that reach past the record, or
//! that do not add up to its total. Texts are *not* judged when read: a record on disk with a
//! damaged topic is still a record, and cutting a log there would lose what follows it.
//!
//! Source: common/message/{MessageDecoder, MessageVersion}.java,
//! store/{MessageExtEncoder, CommitLog}.java.

mod message;
mod verify;
mod view;

pub use message::{EncodeError, Message, Placed, place, put_blank};
pub use verify::{CorruptRecord, body_crc, property_crc};
pub use view::{Record, RecordError, RecordView, Records, Start, scan, start};

/// First version: the topic's length has one byte.
pub const MAGIC_V1: i32 = -626_843_481;
/// Second version: the topic's length has two bytes.
pub const MAGIC_V2: i32 = -626_843_477;
/// Not a record but the unused end of a file.
pub const BLANK_MAGIC: i32 = -875_286_124;
/// Bytes of a blank that mean anything: its length and its magic.
pub const BLANK_BYTES: usize = 8;
/// The smallest record: first version, IPv4, nothing in it.
pub const RECORD_BYTES_MIN: usize = 91;

/// Where the places with a fixed position are.
pub(crate) mod at {
    pub(crate) const MAGIC: usize = 4;
    pub(crate) const BODY_CRC: usize = 8;
    pub(crate) const QUEUE_ID: usize = 12;
    pub(crate) const FLAG: usize = 16;
    pub(crate) const QUEUE_OFFSET: usize = 20;
    pub(crate) const PHYSICAL_OFFSET: usize = 28;
    pub(crate) const SYS_FLAG: usize = 36;
    pub(crate) const BORN_TIMESTAMP: usize = 40;
    pub(crate) const BORN_HOST: usize = 48;
}

/// Bytes of a host: address and port.
pub(crate) const fn host_bytes(v6: bool) -> usize {
    if v6 { 20 } else { 8 }
}

#[cfg(test)]
mod tests;
