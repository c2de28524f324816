//! One entry of an index file, and how keys become numbers.
//!
//! ```text
//!  0          4               12              16               20   big-endian
//!  | key hash | record        | seconds since | entry before   |
//!  | i32      | offset: i64   | the first: i32| of the slot:i32|
//! ```
//! Source: store/index/IndexFile.java.

use protocol::properties::java_hash;

use crate::limits::INDEX_ENTRY_BYTES;

pub(crate) const ENTRY_LEN: usize = 20;
const _: () = assert!(ENTRY_LEN as u64 == INDEX_ENTRY_BYTES);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) hash: u32,
    pub(crate) physical: u64,
    pub(crate) seconds: i32,
    /// The entry before this one in the same hash slot; 0 if there is none.
    pub(crate) before: u32,
}

impl Entry {
    pub(crate) fn encode(self) -> [u8; ENTRY_LEN] {
        let mut bytes = [0; ENTRY_LEN];
        bytes[..4].copy_from_slice(&self.hash.to_be_bytes());
        bytes[4..12].copy_from_slice(&self.physical.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.seconds.to_be_bytes());
        bytes[16..].copy_from_slice(&self.before.to_be_bytes());
        bytes
    }

    /// `None` if no writer wrote this.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let int = |at: usize| bytes.get(at..)?.first_chunk().map(|b| i32::from_be_bytes(*b));
        let physical = i64::from_be_bytes(*bytes.get(4..)?.first_chunk()?);
        Some(Self {
            hash: u32::try_from(int(0)?).ok()?,
            physical: u64::try_from(physical).ok()?,
            seconds: int(12).filter(|seconds| 0 <= *seconds)?,
            before: u32::try_from(int(16)?).ok()?,
        })
    }
}

/// The hash of a key of a topic: that of `topic#key`, made positive as Java makes it.
pub(crate) fn key_hash(topic: &str, key: &str) -> u32 {
    positive(more(more(java_hash(topic), "#"), key))
}

/// The hash of a tag of a topic: that of `topic#T#tag`.
pub(crate) fn tag_hash(topic: &str, tag: &str) -> u32 {
    positive(more(more(java_hash(topic), "#T#"), tag))
}

/// The hash of a text of which `hash` is that of the first part.
fn more(hash: i32, text: &str) -> i32 {
    let units = text.encode_utf16();
    units.fold(hash, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

fn positive(hash: i32) -> u32 {
    // abs of the smallest number is negative in Java, and a negative hash is taken for 0.
    hash.checked_abs().unwrap_or(0).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_hash_is_that_of_topic_and_key_and_never_negative() {
        assert_eq!(key_hash("a", "b"), java_hash("a#b").unsigned_abs());
        assert_eq!(tag_hash("a", "b"), java_hash("a#T#b").unsigned_abs());
        assert_eq!((positive(i32::MIN), positive(-7)), (0, 7));
        assert!(key_hash("orders", "\u{1F600}") <= i32::MAX.unsigned_abs());
    }

    #[test]
    fn an_entry_survives_its_bytes_and_garbage_is_none() {
        let entry = Entry { hash: 7, physical: 1 << 40, seconds: 3, before: 2 };
        assert_eq!(Entry::decode(&entry.encode()), Some(entry));
        assert_eq!(Entry::decode(&[0xff; 20]), None);
    }
}
