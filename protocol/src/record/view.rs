//! Reading a record where it lies.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::Range,
};

use bytes::Bytes;

use super::{BLANK_BYTES, BLANK_MAGIC, MAGIC_V1, MAGIC_V2, RECORD_BYTES_MIN, at, host_bytes};
use crate::{
    Text,
    properties::{self, Properties},
    sys_flag::{BORN_HOST_V6, STORE_HOST_V6},
};

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The record ends after the bytes do.
    #[error("{part} needs {wanted_bytes} bytes, there are {left_bytes}")]
    Short {
        /// What was being read.
        part: &'static str,
        /// How many bytes it needs.
        wanted_bytes: usize,
        /// How many there are.
        left_bytes: usize,
    },
    /// Neither version.
    #[error("magic {magic:#010x} is no record's")]
    UnknownMagic {
        /// The magic found.
        magic: i32,
    },
    /// A total that no record can have.
    #[error("a record of {total_bytes} bytes is less than the smallest of {RECORD_BYTES_MIN}")]
    TotalTooSmall {
        /// What the record said.
        total_bytes: i32,
    },
    /// A length below zero.
    #[error("the length of {part} is {length}")]
    NegativeLength {
        /// What was being read.
        part: &'static str,
        /// What its length said.
        length: i32,
    },
    /// The parts are not as long as the whole.
    #[error("a record of {total_bytes} bytes has parts of {parts_bytes} bytes")]
    SizesDisagree {
        /// What the record said.
        total_bytes: usize,
        /// What its parts add up to.
        parts_bytes: usize,
    },
}

/// What stands at a place of a commit log where a record may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// A record that says it is so long. Nothing else of it was looked at.
    Record {
        /// Its length.
        total_bytes: usize,
    },
    /// The unused end of a file.
    Blank {
        /// How much of the file is unused, this mark included.
        total_bytes: usize,
    },
    /// Eight zeroes: nothing was ever written here.
    Unwritten,
}

/// Look at the first 8 bytes of a place where a record may begin.
pub fn start(bytes: &[u8]) -> Result<Start, RecordError> {
    let Some(&[t0, t1, t2, t3, m0, m1, m2, m3]) = bytes.first_chunk() else {
        let part = "the start of a record";
        return Err(RecordError::Short { part, wanted_bytes: 8, left_bytes: bytes.len() });
    };
    let total_bytes = i32::from_be_bytes([t0, t1, t2, t3]);
    let magic = i32::from_be_bytes([m0, m1, m2, m3]);
    let too_small = RecordError::TotalTooSmall { total_bytes };
    let total = usize::try_from(total_bytes).map_err(|_| too_small)?;
    match magic {
        MAGIC_V1 | MAGIC_V2 if RECORD_BYTES_MIN <= total => {
            Ok(Start::Record { total_bytes: total })
        }
        BLANK_MAGIC if BLANK_BYTES <= total => Ok(Start::Blank { total_bytes: total }),
        MAGIC_V1 | MAGIC_V2 | BLANK_MAGIC => Err(too_small),
        0 if total == 0 => Ok(Start::Unwritten),
        _ => Err(RecordError::UnknownMagic { magic }),
    }
}

/// Where the places without a fixed position are. All lie inside the record.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Layout {
    born_v6: bool,
    store_v6: bool,
    store_timestamp_at: usize,
    body: Range<usize>,
    topic: Range<usize>,
    properties: Range<usize>,
}

/// A record, whole and with sizes that fit, over bytes of any kind: [`Bytes`] to share them, a
/// slice to only look.
#[derive(Clone, PartialEq, Eq)]
pub struct Record<B = Bytes> {
    bytes: B,
    total_bytes: usize,
    layout: Layout,
}

/// A record that shares the memory it was read from.
pub type RecordView = Record<Bytes>;

impl RecordView {
    /// Read the record at the beginning of `bytes`; what follows it is let go.
    pub fn parse(mut bytes: Bytes) -> Result<Self, RecordError> {
        let (total_bytes, layout) = lay_out(&bytes)?;
        bytes.truncate(total_bytes);
        Ok(Self { bytes, total_bytes, layout })
    }

    /// The record's bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The body as stored: compressed when the system flag says so.
    pub fn body(&self) -> Bytes {
        self.bytes.slice(self.layout.body.clone())
    }

    /// The topic.
    pub fn topic(&self) -> Text {
        self.text(&self.layout.topic)
    }

    /// The text of the properties.
    pub fn properties_text(&self) -> Text {
        self.text(&self.layout.properties)
    }

    /// The properties.
    pub fn properties(&self) -> Properties {
        Properties::parse(&self.properties_text())
    }

    /// Shared when it is UTF-8; else, as in Java, a copy with replacement characters.
    fn text(&self, place: &Range<usize>) -> Text {
        let bytes = self.bytes.slice(place.clone());
        match Text::from_utf8(bytes.clone()) {
            Ok(text) => text,
            Err(_) => Text::from(String::from_utf8_lossy(&bytes)),
        }
    }
}

impl<'a> Record<&'a [u8]> {
    /// Look at the record at the beginning of `bytes`.
    pub fn look(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let (total_bytes, layout) = lay_out(bytes)?;
        Ok(Self { bytes, total_bytes, layout })
    }
}

impl<B: AsRef<[u8]>> Record<B> {
    fn raw(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// The whole record.
    pub fn record_bytes(&self) -> &[u8] {
        &self.raw()[..self.total_bytes]
    }

    /// Bytes of the whole record.
    pub fn total_size(&self) -> usize {
        self.total_bytes
    }

    /// [`MAGIC_V1`] or [`MAGIC_V2`].
    pub fn magic(&self) -> i32 {
        i32_at(self.raw(), at::MAGIC)
    }

    /// What the record says of its body.
    pub fn body_crc(&self) -> i32 {
        i32_at(self.raw(), at::BODY_CRC)
    }

    /// The queue.
    pub fn queue_id(&self) -> i32 {
        i32_at(self.raw(), at::QUEUE_ID)
    }

    /// The user's flag.
    pub fn flag(&self) -> i32 {
        i32_at(self.raw(), at::FLAG)
    }

    /// Its number in the queue.
    pub fn queue_offset(&self) -> i64 {
        i64_at(self.raw(), at::QUEUE_OFFSET)
    }

    /// Where it lies in the commit log.
    pub fn physical_offset(&self) -> i64 {
        i64_at(self.raw(), at::PHYSICAL_OFFSET)
    }

    /// The bits of [`crate::sys_flag`].
    pub fn sys_flag(&self) -> i32 {
        i32_at(self.raw(), at::SYS_FLAG)
    }

    /// When the producer sent it, in milliseconds.
    pub fn born_timestamp(&self) -> i64 {
        i64_at(self.raw(), at::BORN_TIMESTAMP)
    }

    /// Who sent it.
    pub fn born_host(&self) -> SocketAddr {
        host_at(self.raw(), at::BORN_HOST, self.layout.born_v6)
    }

    /// When the broker stored it, in milliseconds.
    pub fn store_timestamp(&self) -> i64 {
        i64_at(self.raw(), self.layout.store_timestamp_at)
    }

    pub(super) fn store_timestamp_at(&self) -> usize {
        self.layout.store_timestamp_at
    }

    /// Who stored it.
    pub fn store_host(&self) -> SocketAddr {
        host_at(self.raw(), self.layout.store_timestamp_at + 8, self.layout.store_v6)
    }

    /// Ports as stored, born and store: they have 32 bits, of which a port is 16.
    pub(super) fn ports(&self) -> [i32; 2] {
        let born = at::BORN_HOST + host_bytes(self.layout.born_v6);
        let store = self.layout.store_timestamp_at + 8 + host_bytes(self.layout.store_v6);
        [i32_at(self.raw(), born - 4), i32_at(self.raw(), store - 4)]
    }

    /// How often it was consumed before.
    pub fn reconsume_times(&self) -> i32 {
        i32_at(self.raw(), self.after_store_host())
    }

    /// Where the first half of its transaction lies.
    pub fn prepared_transaction_offset(&self) -> i64 {
        i64_at(self.raw(), self.after_store_host() + 4)
    }

    fn after_store_host(&self) -> usize {
        self.layout.store_timestamp_at + 8 + host_bytes(self.layout.store_v6)
    }

    /// The body as stored.
    pub fn body_bytes(&self) -> &[u8] {
        &self.raw()[self.layout.body.clone()]
    }

    /// The topic as stored.
    pub fn topic_bytes(&self) -> &[u8] {
        &self.raw()[self.layout.topic.clone()]
    }

    /// The properties as stored.
    pub fn properties_bytes(&self) -> &[u8] {
        &self.raw()[self.layout.properties.clone()]
    }

    /// The value of one property, found without a table; `None` also when the properties are not
    /// UTF-8.
    pub fn property(&self, name: &str) -> Option<&str> {
        properties::find(std::str::from_utf8(self.properties_bytes()).ok()?, name)
    }
}

impl<B: AsRef<[u8]>> fmt::Debug for Record<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("topic", &String::from_utf8_lossy(self.topic_bytes()))
            .field("queue_id", &self.queue_id())
            .field("queue_offset", &self.queue_offset())
            .field("physical_offset", &self.physical_offset())
            .field("total_bytes", &self.total_bytes)
            .finish_non_exhaustive()
    }
}

/// The length of the record at the beginning of `bytes`, and its parts.
fn lay_out(bytes: &[u8]) -> Result<(usize, Layout), RecordError> {
    let total_bytes = match start(bytes)? {
        Start::Record { total_bytes } => total_bytes,
        Start::Blank { .. } => return Err(RecordError::UnknownMagic { magic: BLANK_MAGIC }),
        Start::Unwritten => return Err(RecordError::TotalTooSmall { total_bytes: 0 }),
    };
    let Some(record) = bytes.get(..total_bytes) else {
        let (part, left_bytes) = ("the record", bytes.len());
        return Err(RecordError::Short { part, wanted_bytes: total_bytes, left_bytes });
    };
    let sys_flag = i32_at(record, at::SYS_FLAG);
    let born_v6 = sys_flag & BORN_HOST_V6 != 0;
    let store_v6 = sys_flag & STORE_HOST_V6 != 0;
    let store_timestamp_at = at::BORN_HOST + host_bytes(born_v6);
    let mut cut = Cut { record, at: store_timestamp_at + 8 + host_bytes(store_v6) + 4 + 8 };
    let body = cut.part("the body", 4)?;
    let topic_length_bytes = if i32_at(record, at::MAGIC) == MAGIC_V2 { 2 } else { 1 };
    let topic = cut.part("the topic", topic_length_bytes)?;
    let properties = cut.part("the properties", 2)?;
    if cut.at != total_bytes {
        return Err(RecordError::SizesDisagree { total_bytes, parts_bytes: cut.at });
    }
    let layout = Layout { born_v6, store_v6, store_timestamp_at, body, topic, properties };
    Ok((total_bytes, layout))
}

/// A place in a record, moving forward.
struct Cut<'a> {
    record: &'a [u8],
    at: usize,
}

impl Cut<'_> {
    /// Past a length of so many bytes, signed, and what it counts.
    fn part(
        &mut self,
        part: &'static str,
        length_bytes: usize,
    ) -> Result<Range<usize>, RecordError> {
        let short = |wanted_bytes, at| {
            let left_bytes = self.record.len().saturating_sub(at);
            RecordError::Short { part, wanted_bytes, left_bytes }
        };
        let Some(length) = self.record.get(self.at..self.at + length_bytes) else {
            return Err(short(length_bytes, self.at));
        };
        let length = match *length {
            [one] => i32::from(one.cast_signed()),
            [high, low] => i32::from(i16::from_be_bytes([high, low])),
            [a, b, c, d] => i32::from_be_bytes([a, b, c, d]),
            _ => 0,
        };
        let bytes =
            usize::try_from(length).map_err(|_| RecordError::NegativeLength { part, length })?;
        let start = self.at + length_bytes;
        if self.record.len() < start + bytes {
            return Err(short(bytes, start));
        }
        self.at = start + bytes;
        Ok(start..self.at)
    }
}

fn i32_at(record: &[u8], at: usize) -> i32 {
    record[at..].first_chunk().map_or(0, |bytes| i32::from_be_bytes(*bytes))
}

fn i64_at(record: &[u8], at: usize) -> i64 {
    record[at..].first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes))
}

fn host_at(record: &[u8], at: usize, v6: bool) -> SocketAddr {
    let [_, _, high, low] = i32_at(record, at + host_bytes(v6) - 4).to_be_bytes();
    let ip = if v6 {
        let bytes = record[at..].first_chunk().copied().unwrap_or_default();
        IpAddr::V6(Ipv6Addr::from_octets(bytes))
    } else {
        let bytes = record[at..].first_chunk().copied().unwrap_or_default();
        IpAddr::V4(Ipv4Addr::from_octets(bytes))
    };
    SocketAddr::new(ip, u16::from_be_bytes([high, low]))
}

/// The records of the body of a pull, query or pop answer, one behind the other. Ends after the
/// first that cannot be read.
pub fn scan(body: Bytes) -> Records {
    Records { rest: body }
}

/// See [`scan`].
#[derive(Debug, Clone)]
pub struct Records {
    rest: Bytes,
}

impl Records {
    /// What was not read yet.
    pub fn rest(&self) -> &Bytes {
        &self.rest
    }
}

impl Iterator for Records {
    type Item = Result<RecordView, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match RecordView::parse(self.rest.clone()) {
            Ok(record) => {
                self.rest = self.rest.slice(record.total_size()..);
                Some(Ok(record))
            }
            Err(wrong) => {
                self.rest = Bytes::new();
                Some(Err(wrong))
            }
        }
    }
}
