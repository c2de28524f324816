//! One slot of a consume queue: where to find the n-th message of one queue.
//!
//! ```text
//!  0        8            12            20   bytes, big-endian
//!  | record | record     | tag hash    |
//!  | offset | bytes: i32 | i64         |
//! ```
//! A slot whose size is not positive was never written. The slot (0, `i32::MAX`, 0) fills a file
//! in front of a queue whose first message was not number 0.
//! Source: store/ConsumeQueue.java, `CQ_STORE_UNIT_SIZE` = 20.

use crate::limits::SLOT_BYTES;

/// Where one message lies in the log, and what to filter it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Start of the record.
    pub(crate) physical: u64,
    /// Length of the record.
    pub(crate) size: u32,
    /// Java's hash of the tag, or the time of delivery in `SCHEDULE_TOPIC_XXXX`.
    pub(crate) tag: i64,
}

/// What stands in front of a queue that does not begin at 0.
pub(crate) const FILLER: Slot = Slot { physical: 0, size: i32::MAX.unsigned_abs(), tag: 0 };

const SLOT_LEN: usize = 20;
const _: () = assert!(SLOT_LEN as u64 == SLOT_BYTES);

impl Slot {
    /// The end of the record.
    pub(crate) fn end(self) -> u64 {
        self.physical + u64::from(self.size)
    }

    pub(crate) fn is_filler(self) -> bool {
        self == FILLER
    }

    pub(crate) fn encode(self) -> [u8; SLOT_LEN] {
        let mut bytes = [0; SLOT_LEN];
        bytes[..8].copy_from_slice(&self.physical.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.size.to_be_bytes());
        bytes[12..].copy_from_slice(&self.tag.to_be_bytes());
        bytes
    }

    /// `None` if it was never written, or is torn.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let physical = i64::from_be_bytes(*bytes.first_chunk()?);
        let size = i32::from_be_bytes(*bytes.get(8..)?.first_chunk()?);
        let tag = i64::from_be_bytes(*bytes.get(12..)?.first_chunk()?);
        let physical = u64::try_from(physical).ok()?;
        let size = u32::try_from(size).ok().filter(|&size| size != 0)?;
        Some(Self { physical, size, tag })
    }

    /// All slots of a run of bytes, up to the first that was never written.
    pub(crate) fn decode_all(bytes: &[u8]) -> Vec<Self> {
        bytes.chunks_exact(SLOT_LEN).map_while(Self::decode).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_has_the_twenty_bytes_that_java_gave_it() {
        // The last slot of queue 0 in the golden store "rolled".
        let bytes = [0, 0, 0, 0, 0, 9, 0x4d, 0xc8, 0, 0, 6, 0x17, 0, 0, 0, 0, 0, 0, 0x0a, 0x5f];

        let slot = Slot::decode(&bytes).unwrap();

        assert_eq!(slot, Slot { physical: 609_736, size: 1559, tag: 2655 });
        assert_eq!(slot.encode(), bytes);
    }

    #[test]
    fn zeroes_and_negative_numbers_are_no_slot() {
        assert_eq!(Slot::decode(&[0; 20]), None);
        assert_eq!(Slot::decode(&[0xff; 20]), None);
        assert_eq!(Slot::decode(&[1; 19]), None);
        assert!(Slot::decode(&FILLER.encode()).unwrap().is_filler());
    }
}
