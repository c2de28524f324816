//! Whether a record holds what was written: the one predicate, asked when it is written, when it is
//! read, on recovery, and by checkers.

use super::{Record, RecordView};
use crate::{
    properties::{CRC32, NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR, push},
    text::NotUtf8,
};

/// Why a record whose sizes fit does not hold what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CorruptRecord {
    /// The body is not the body that was written.
    #[error("body CRC is {found:#010x}, the record says {stored:#010x}")]
    BodyCrc {
        /// Of the body.
        found: i32,
        /// In the record.
        stored: i32,
    },
    /// The record is not the record that was written.
    #[error("record CRC is {found:#010x}, its last property says {stored:#010x}")]
    PropertyCrc {
        /// Of the record.
        found: i32,
        /// In its properties.
        stored: i32,
    },
    /// It lies elsewhere than it says.
    #[error("the record at {at} says it lies at {physical_offset}")]
    Misplaced {
        /// Where it was read.
        at: i64,
        /// What it says.
        physical_offset: i64,
    },
    /// A number that no writer writes.
    #[error("{part} is {value}")]
    Impossible {
        /// Which.
        part: &'static str,
        /// Its value.
        value: i64,
    },
    /// A text that is not UTF-8.
    #[error("{part}: {cause}")]
    NotUtf8 {
        /// Which.
        part: &'static str,
        /// Where it is wrong.
        cause: NotUtf8,
    },
    /// A property that no writer writes.
    #[error("property number {index} has no name, no separator, or a zero in it")]
    Property {
        /// Which, counted from 0.
        index: usize,
    },
}

/// CRC-32 without its highest bit, as RocketMQ stores it.
pub fn body_crc(body: &[u8]) -> i32 {
    i32::from_be_bytes((crc32fast::hash(body) & 0x7FFF_FFFF).to_be_bytes())
}

/// The CRC of a whole record that its last property holds: ten digits, the least significant first.
pub fn property_crc(digits: &str) -> Option<i32> {
    digits.bytes().rev().try_fold(0i32, |value, digit| {
        let digit = char::from(digit).to_digit(10)?;
        value.checked_mul(10)?.checked_add(i32::try_from(digit).ok()?)
    })
}

/// The property that holds the CRC of a whole record.
pub(super) fn crc_property(crc: i32) -> String {
    let mut property = String::with_capacity(CRC_PROPERTY_BYTES);
    let digits: String = format!("{crc:010}").chars().rev().collect();
    push(&mut property, CRC32, &digits);
    property
}

/// Bytes of the property that holds the CRC of a whole record.
pub(super) const CRC_PROPERTY_BYTES: usize = CRC32.len() + 12;

impl<B: AsRef<[u8]>> Record<B> {
    /// What Java checks on recovery, so what decides where a log ends: sizes (when it was read) and
    /// the CRC of a body that is not empty. Damage behind the body passes.
    pub fn verify(&self) -> Result<(), CorruptRecord> {
        let found = body_crc(self.body_bytes());
        let stored = self.body_crc();
        if found != stored && !self.body_bytes().is_empty() {
            return Err(CorruptRecord::BodyCrc { found, stored });
        }
        Ok(())
    }

    /// All that a record written by a sound broker at `physical_offset` fulfils.
    ///
    /// Differs from Java, which never asks for this. Not a reason to cut a log: a record that only
    /// fails here is kept and served as Java would; a checker or an operator is told of it.
    pub fn verify_strictly(&self, physical_offset: i64) -> Result<(), CorruptRecord> {
        let (found, stored) = (body_crc(self.body_bytes()), self.body_crc());
        if found != stored {
            return Err(CorruptRecord::BodyCrc { found, stored });
        }
        if self.physical_offset() != physical_offset {
            let says = self.physical_offset();
            return Err(CorruptRecord::Misplaced { at: physical_offset, physical_offset: says });
        }
        let [born_port, store_port] = self.ports();
        for (part, value, most) in [
            ("the queue id", i64::from(self.queue_id()), i64::from(i32::MAX)),
            ("the queue offset", self.queue_offset(), i64::MAX),
            ("the store timestamp", self.store_timestamp(), i64::MAX),
            ("the reconsume times", i64::from(self.reconsume_times()), i64::from(i32::MAX)),
            ("the born port", i64::from(born_port), i64::from(u16::MAX)),
            ("the store port", i64::from(store_port), i64::from(u16::MAX)),
            ("the topic's length", i64::from(!self.topic_bytes().is_empty()) - 1, 0),
        ] {
            if value < 0 || most < value {
                return Err(CorruptRecord::Impossible { part, value });
            }
        }
        utf8("the topic", self.topic_bytes())?;
        check_properties(utf8("the properties", self.properties_bytes())?)?;
        self.verify_property_crc()
    }

    /// The CRC of the whole record, when its last property holds one (`enabledAppendPropCRC`).
    pub fn verify_property_crc(&self) -> Result<(), CorruptRecord> {
        let whole = self.record_bytes();
        let Some(before) = whole.len().checked_sub(CRC_PROPERTY_BYTES) else {
            return Ok(());
        };
        let Some(stored) = std::str::from_utf8(&whole[before..])
            .ok()
            .and_then(|property| property.strip_prefix(CRC32))
            .and_then(|property| property.strip_prefix(NAME_VALUE_SEPARATOR))
            .and_then(|property| property.strip_suffix(PROPERTY_SEPARATOR))
            .and_then(property_crc)
        else {
            return Ok(());
        };
        let found = body_crc(&whole[..before]);
        if found != stored {
            return Err(CorruptRecord::PropertyCrc { found, stored });
        }
        Ok(())
    }
}

fn utf8<'a>(part: &'static str, bytes: &'a [u8]) -> Result<&'a str, CorruptRecord> {
    std::str::from_utf8(bytes).map_err(|wrong| CorruptRecord::NotUtf8 {
        part,
        cause: NotUtf8 { at: wrong.valid_up_to(), bytes: bytes.len() },
    })
}

/// Every entry has a name and a separator, and no zero. A value may be empty: Java writes such, and
/// drops them when it reads. Brokers of 4.x left out the last end.
fn check_properties(text: &str) -> Result<(), CorruptRecord> {
    let whole = text.strip_suffix(PROPERTY_SEPARATOR).unwrap_or(text);
    if whole.is_empty() {
        return Ok(());
    }
    for (index, entry) in whole.split(PROPERTY_SEPARATOR).enumerate() {
        let named = entry.find(NAME_VALUE_SEPARATOR).is_some_and(|name_bytes| 0 < name_bytes);
        if !named || entry.contains('\0') {
            return Err(CorruptRecord::Property { index });
        }
    }
    Ok(())
}

impl RecordView {
    /// The body, when its CRC is right.
    pub fn verified_body(&self) -> Result<bytes::Bytes, CorruptRecord> {
        self.verify().map(|()| self.body())
    }
}
