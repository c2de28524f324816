//! The body of a batch: several small messages sent, or stored, as one.
//!
//! ```text
//!  0         4       8          12     16                20+body
//!  | total   | 0     | 0        | user | body            | properties      |
//!  | i32     | magic | body CRC | flag | i32 + n         | i16 + n         |
//! ```
//!
//! Items follow one another. They have no topic and no host: those are the request's. A plain batch
//! becomes one record per item; an inner batch (BatchCQ topics) is stored as it is, and the client
//! of the consumer takes it apart. Java leaves magic and CRC zero and reads neither.
//!
//! Refused when read: lengths that are negative, reach past the body, or do not add up to the total
//! (Differs from Java, which believes the total in one place and the parts in another).
//!
//! Source: common/message/MessageDecoder.java encodeMessage, decodeMessage, countInnerMsgNum.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::{Text, limits::PROPERTIES_BYTES_MAX};

/// Bytes of an item without body and properties.
pub const ITEM_BYTES_MIN: usize = 22;

/// One message of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The user's flag.
    pub flag: i32,
    /// The body.
    pub body: Bytes,
    /// The text of the properties.
    pub properties: Text,
}

/// Why bytes are not a batch, or cannot become one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The batch ends inside an item.
    #[error("{part} of item {index} needs {wanted_bytes} bytes, the batch has {left_bytes} left")]
    Short {
        /// Which item, counted from 0.
        index: usize,
        /// What was being read.
        part: &'static str,
        /// How many bytes it needs.
        wanted_bytes: usize,
        /// How many there are.
        left_bytes: usize,
    },
    /// A length below zero.
    #[error("the length of {part} of item {index} is {length}")]
    NegativeLength {
        /// Which item, counted from 0.
        index: usize,
        /// What was being read.
        part: &'static str,
        /// What its length said.
        length: i32,
    },
    /// The parts of an item are not as long as the whole.
    #[error("item {index} says it has {total_bytes} bytes, its parts have {parts_bytes}")]
    SizesDisagree {
        /// Which item, counted from 0.
        index: usize,
        /// What it said.
        total_bytes: i32,
        /// What its parts add up to.
        parts_bytes: usize,
    },
    /// Properties that are not UTF-8.
    #[error("properties of item {index}: {cause}")]
    NotUtf8 {
        /// Which item, counted from 0.
        index: usize,
        /// Where it is wrong.
        cause: crate::NotUtf8,
    },
    /// More bytes than a length can say.
    #[error("{part} of {bytes} bytes exceeds the limit of {limit_bytes} bytes")]
    TooLong {
        /// What was being written.
        part: &'static str,
        /// How many bytes it has.
        bytes: usize,
        /// The most it may have.
        limit_bytes: usize,
    },
}

impl Item {
    /// How long the item will be.
    pub fn encoded_len(&self) -> usize {
        ITEM_BYTES_MIN + self.body.len() + self.properties.len()
    }

    /// Append the item to a batch; on an error the batch is as it was.
    pub fn encode_into(&self, batch: &mut BytesMut) -> Result<(), BatchError> {
        let most = i32::MAX.unsigned_abs() as usize;
        let too_long = |part, bytes, limit_bytes| BatchError::TooLong { part, bytes, limit_bytes };
        let total = i32::try_from(self.encoded_len())
            .map_err(|_| too_long("the item", self.encoded_len(), most))?;
        let body = i32::try_from(self.body.len())
            .map_err(|_| too_long("the body", self.body.len(), most))?;
        let properties = i16::try_from(self.properties.len())
            .map_err(|_| too_long("the properties", self.properties.len(), PROPERTIES_BYTES_MAX))?;
        batch.reserve(self.encoded_len());
        batch.put_i32(total);
        batch.put_i32(0); // magic
        batch.put_i32(0); // body CRC
        batch.put_i32(self.flag);
        batch.put_i32(body);
        batch.put_slice(&self.body);
        batch.put_i16(properties);
        batch.put_slice(self.properties.as_bytes());
        Ok(())
    }
}

/// The body of a batch of `items`.
pub fn encode(items: &[Item]) -> Result<Bytes, BatchError> {
    let mut batch = BytesMut::with_capacity(items.iter().map(Item::encoded_len).sum());
    for item in items {
        item.encode_into(&mut batch)?;
    }
    Ok(batch.freeze())
}

/// The items of a batch, one by one; they share its memory. Ends after the first that cannot be
/// read.
pub fn items(batch: Bytes) -> Items {
    Items { rest: batch, index: 0 }
}

/// All items of a batch.
pub fn decode(batch: Bytes) -> Result<Vec<Item>, BatchError> {
    items(batch).collect()
}

/// See [`items`].
#[derive(Debug, Clone)]
pub struct Items {
    rest: Bytes,
    index: usize,
}

impl Iterator for Items {
    type Item = Result<Item, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let item = self.take();
        self.index += 1;
        if item.is_err() {
            self.rest = Bytes::new();
        }
        Some(item)
    }
}

impl Items {
    fn take(&mut self) -> Result<Item, BatchError> {
        let index = self.index;
        self.need("the fixed part", 20)?;
        let before = self.rest.len();
        let total_bytes = self.rest.get_i32();
        self.rest.advance(8); // magic and body CRC
        let flag = self.rest.get_i32();
        let length = self.rest.get_i32();
        let body = self.part("the body", length)?;
        self.need("the length of the properties", 2)?;
        let length = i32::from(self.rest.get_i16());
        let properties = self.part("the properties", length)?;
        let parts_bytes = before - self.rest.len();
        if usize::try_from(total_bytes) != Ok(parts_bytes) {
            return Err(BatchError::SizesDisagree { index, total_bytes, parts_bytes });
        }
        let properties =
            Text::from_utf8(properties).map_err(|cause| BatchError::NotUtf8 { index, cause })?;
        Ok(Item { flag, body, properties })
    }

    fn need(&self, part: &'static str, wanted_bytes: usize) -> Result<(), BatchError> {
        let left_bytes = self.rest.len();
        if left_bytes < wanted_bytes {
            return Err(BatchError::Short { index: self.index, part, wanted_bytes, left_bytes });
        }
        Ok(())
    }

    fn part(&mut self, part: &'static str, length: i32) -> Result<Bytes, BatchError> {
        let index = self.index;
        let bytes = usize::try_from(length).map_err(|_| BatchError::NegativeLength {
            index,
            part,
            length,
        })?;
        self.need(part, bytes)?;
        Ok(self.rest.split_to(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(body: &'static str, properties: &str) -> Item {
        Item {
            flag: 7,
            body: Bytes::from_static(body.as_bytes()),
            properties: Text::from(properties),
        }
    }

    #[test]
    fn a_batch_is_read_as_it_was_written() {
        let written = vec![item("first", "TAGS\u{1}a\u{2}"), item("", ""), item("third", "")];
        let batch = encode(&written).unwrap();
        assert_eq!(batch.len(), written.iter().map(Item::encoded_len).sum::<usize>());
        assert_eq!(decode(batch).unwrap(), written);
        assert_eq!(decode(Bytes::new()).unwrap(), vec![]);
    }

    #[test]
    fn lying_lengths_are_named_with_item_and_value() {
        let mut batch =
            BytesMut::from(&encode(&[item("first", ""), item("second", "")]).unwrap()[..]);
        let second = ITEM_BYTES_MIN + 5;
        batch[second + 3] += 1;
        let wrong = decode(batch.clone().freeze()).unwrap_err();
        let parts_bytes = ITEM_BYTES_MIN + 6;
        assert_eq!(wrong, BatchError::SizesDisagree { index: 1, total_bytes: 29, parts_bytes });
        batch[second + 16] = 0x80;
        let wrong = decode(batch.clone().freeze()).unwrap_err();
        let length = i32::MIN + 6;
        assert_eq!(wrong, BatchError::NegativeLength { index: 1, part: "the body", length });
        batch.truncate(second + 19);
        let wrong = decode(batch.freeze()).unwrap_err();
        let (part, wanted_bytes, left_bytes) = ("the fixed part", 20, 19);
        assert_eq!(wrong, BatchError::Short { index: 1, part, wanted_bytes, left_bytes });
    }
}
