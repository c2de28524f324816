//! Writing a record.

use std::net::{IpAddr, SocketAddr};

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    BLANK_BYTES, BLANK_MAGIC, MAGIC_V1, MAGIC_V2, RecordError, RecordView, at, body_crc,
    host_bytes,
    verify::{CRC_PROPERTY_BYTES, crc_property},
    view::Record,
};
use crate::{
    Text,
    limits::{PROPERTIES_BYTES_MAX, RECORD_BYTES_MAX, TOPIC_BYTES_MAX_V1, TOPIC_BYTES_MAX_V2},
    properties::{CRC32, PROPERTY_SEPARATOR, Properties, push},
    sys_flag::{BORN_HOST_V6, STORE_HOST_V6},
};

/// Bytes of a record in front of its body, with two hosts of IPv6.
const HEAD_BYTES_MAX: usize = at::BORN_HOST + 2 * host_bytes(true) + 8 + 4 + 8 + 4;

/// A message before it has a place: all of a record that the sender and the broker decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The topic.
    pub topic: Text,
    /// The queue.
    pub queue_id: i32,
    /// The user's flag.
    pub flag: i32,
    /// The bits of [`crate::sys_flag`]; the two of the hosts are set when written.
    pub sys_flag: i32,
    /// When the producer sent it, in milliseconds.
    pub born_timestamp: i64,
    /// Who sent it.
    pub born_host: SocketAddr,
    /// Who stores it.
    pub store_host: SocketAddr,
    /// How often it was consumed before.
    pub reconsume_times: i32,
    /// Where the first half of its transaction lies.
    pub prepared_transaction_offset: i64,
    /// The body as it will be stored.
    pub body: Bytes,
    /// The text of the properties.
    pub properties: Text,
}

/// What only the store can say: where and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Placed {
    /// Its number in the queue; 0 for both ends of a transaction, which no queue holds.
    pub queue_offset: i64,
    /// Where it lies in the commit log.
    pub physical_offset: i64,
    /// When it was stored, in milliseconds.
    pub store_timestamp: i64,
}

/// Why a message cannot be a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// More bytes than its length can say.
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

impl Message {
    /// The message of a record.
    pub fn from_record(record: &RecordView) -> Self {
        Self {
            topic: record.topic(),
            queue_id: record.queue_id(),
            flag: record.flag(),
            sys_flag: record.sys_flag(),
            born_timestamp: record.born_timestamp(),
            born_host: record.born_host(),
            store_host: record.store_host(),
            reconsume_times: record.reconsume_times(),
            prepared_transaction_offset: record.prepared_transaction_offset(),
            body: record.body(),
            properties: record.properties_text(),
        }
    }

    /// The properties.
    pub fn properties(&self) -> Properties {
        Properties::parse(&self.properties)
    }

    /// [`MAGIC_V1`], unless the topic needs [`MAGIC_V2`].
    ///
    /// Differs from Java, which counts characters here and bytes when it writes the length: a topic
    /// of 127 characters that are not ASCII is written with a negative length.
    pub fn magic(&self) -> i32 {
        if TOPIC_BYTES_MAX_V1 < self.topic.len() { MAGIC_V2 } else { MAGIC_V1 }
    }

    /// How long the record will be.
    pub fn encoded_len(&self) -> usize {
        let topic_length_bytes = if self.magic() == MAGIC_V2 { 2 } else { 1 };
        at::BORN_HOST
            + host_bytes(self.born_host.ip().to_canonical().is_ipv6())
            + 8 // store timestamp
            + host_bytes(self.store_host.ip().to_canonical().is_ipv6())
            + 4 // reconsume times
            + 8 // prepared transaction offset
            + 4 + self.body.len()
            + topic_length_bytes + self.topic.len()
            + 2 + self.properties.len()
    }

    /// Append the record to `output`; on an error `output` is as it was.
    pub fn encode_into(&self, place: Placed, output: &mut BytesMut) -> Result<(), EncodeError> {
        self.encode_with_crc_into(body_crc(&self.body), place, output)
    }

    /// As [`Message::encode_into`], for who already knows the [`body_crc`] of the body.
    pub fn encode_with_crc_into(
        &self,
        body_crc: i32,
        place: Placed,
        output: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        let total_bytes = self.encoded_len();
        let total = length("the record", total_bytes, RECORD_BYTES_MAX)?;
        let body = length("the body", self.body.len(), RECORD_BYTES_MAX)?;
        let topic = length("the topic", self.topic.len(), TOPIC_BYTES_MAX_V2)?;
        let properties = length("the properties", self.properties.len(), PROPERTIES_BYTES_MAX)?;
        let magic = self.magic();
        // The dozen small places are filled on the stack: the shared buffer would be asked for room
        // for each of them.
        let mut head = [0; HEAD_BYTES_MAX];
        let mut rest = &mut head[..];
        rest.put_i32(total);
        rest.put_i32(magic);
        rest.put_i32(body_crc);
        rest.put_i32(self.queue_id);
        rest.put_i32(self.flag);
        rest.put_i64(place.queue_offset);
        rest.put_i64(place.physical_offset);
        rest.put_i32(self.sys_flag_with_hosts());
        rest.put_i64(self.born_timestamp);
        put_host(self.born_host, &mut rest);
        rest.put_i64(place.store_timestamp);
        put_host(self.store_host, &mut rest);
        rest.put_i32(self.reconsume_times);
        rest.put_i64(self.prepared_transaction_offset);
        rest.put_i32(body);
        let head_bytes = HEAD_BYTES_MAX - rest.len();
        output.reserve(total_bytes);
        output.put_slice(&head[..head_bytes]);
        output.put_slice(&self.body);
        // The two high bytes are 0: both lengths were compared with their limits above.
        let [_, _, high, low] = topic.to_be_bytes();
        if magic == MAGIC_V2 {
            output.put_u8(high);
        }
        output.put_u8(low);
        output.put_slice(self.topic.as_bytes());
        let [_, _, high, low] = properties.to_be_bytes();
        output.put_slice(&[high, low]);
        output.put_slice(self.properties.as_bytes());
        Ok(())
    }

    /// As [`Message::encode_into`], with a CRC of the whole record as its last property
    /// (`enabledAppendPropCRC`). The record must not be placed again: the CRC covers its place.
    pub fn encode_sealed_into(
        &self,
        place: Placed,
        output: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        let mut properties = String::with_capacity(self.properties.len() + 1 + CRC_PROPERTY_BYTES);
        properties.push_str(&self.properties);
        if !properties.is_empty() && !properties.ends_with(PROPERTY_SEPARATOR) {
            properties.push(PROPERTY_SEPARATOR);
        }
        push(&mut properties, CRC32, "0000000000");
        let start = output.len();
        let reserved = Self { properties: properties.into(), ..self.clone() };
        reserved.encode_into(place, output)?;
        let crc_at = output.len() - CRC_PROPERTY_BYTES;
        let crc = crc_property(body_crc(&output[start..crc_at]));
        output[crc_at..].copy_from_slice(crc.as_bytes());
        Ok(())
    }

    fn sys_flag_with_hosts(&self) -> i32 {
        let bit = |host: SocketAddr, bit| if host.ip().to_canonical().is_ipv6() { bit } else { 0 };
        (self.sys_flag & !(BORN_HOST_V6 | STORE_HOST_V6))
            | bit(self.born_host, BORN_HOST_V6)
            | bit(self.store_host, STORE_HOST_V6)
    }
}

fn length(part: &'static str, bytes: usize, limit_bytes: usize) -> Result<i32, EncodeError> {
    let too_long = EncodeError::TooLong { part, bytes, limit_bytes };
    if limit_bytes < bytes {
        return Err(too_long);
    }
    i32::try_from(bytes).map_err(|_| too_long)
}

/// An IPv4 address in IPv6's clothes is written as IPv4: so does Java.
fn put_host(host: SocketAddr, output: &mut &mut [u8]) {
    match host.ip().to_canonical() {
        IpAddr::V4(ip) => output.put_slice(&ip.octets()),
        IpAddr::V6(ip) => output.put_slice(&ip.octets()),
    }
    output.put_i32(i32::from(host.port()));
}

/// Give a record that is already encoded its place.
pub fn place(record: &mut [u8], place: Placed) -> Result<(), RecordError> {
    let timestamp_at = Record::look(record)?.store_timestamp_at();
    put_i64(record, at::QUEUE_OFFSET, place.queue_offset);
    put_i64(record, at::PHYSICAL_OFFSET, place.physical_offset);
    put_i64(record, timestamp_at, place.store_timestamp);
    Ok(())
}

fn put_i64(record: &mut [u8], at: usize, value: i64) {
    record[at..at + 8].copy_from_slice(&value.to_be_bytes());
}

/// Append the mark of the unused end of a file: `total_bytes` are left, this mark included.
pub fn put_blank(total_bytes: usize, output: &mut BytesMut) -> Result<(), EncodeError> {
    assert!(BLANK_BYTES <= total_bytes, "a blank of {total_bytes} bytes has no room for its mark");
    output.put_i32(length("the blank", total_bytes, RECORD_BYTES_MAX)?);
    output.put_i32(BLANK_MAGIC);
    Ok(())
}
