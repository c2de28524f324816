//! The binary header, `ROCKETMQ` in Java's configuration.
//!
//! ```text
//!  0      2          3         5        9      13           17        21+remark   big-endian
//!  | code | language | version | opaque | flag | remark     | fields    |
//!  | i16  | u8       | i16     | i32    | i32  | i32 + text | i32 + ..  |
//!
//!  a field:  | name       | value      |
//!            | i16 + text | i32 + text |
//! ```
//!
//! A remark of no bytes means there is none. The code has 16 bits, and a greater one is cut to
//! them, as Java does (POP_MESSAGE, 200050, is sent as 3442). Refused: negative lengths, lengths
//! past the header, bytes left over, text that is not UTF-8, more than [`FIELDS_MAX`] fields.
//!
//! Source: remoting/protocol/RocketMQSerializable.java.

use bytes::{Buf, BufMut, Bytes};

use crate::{
    Command, Fields, Language, Serialization, Text,
    fields::Seen,
    known::known,
    limits::{FIELD_NAME_BYTES_MAX, FIELDS_MAX},
    text::NotUtf8,
};

/// Why a binary header cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BinaryHeaderError {
    /// The header ends inside something.
    #[error("{part} needs {wanted_bytes} bytes, the header has {left_bytes} left")]
    Short {
        /// What was being read.
        part: &'static str,
        /// How many bytes it needs.
        wanted_bytes: usize,
        /// How many there are.
        left_bytes: usize,
    },
    /// A length below zero.
    #[error("the length of {part} is {length}")]
    NegativeLength {
        /// What was being read.
        part: &'static str,
        /// What its length said.
        length: i32,
    },
    /// Bytes after the last field.
    #[error("{left_bytes} bytes follow the fields")]
    LeftOver {
        /// How many.
        left_bytes: usize,
    },
    /// More fields than any header has.
    #[error("more than {limit} fields")]
    TooManyFields {
        /// The most there may be.
        limit: usize,
    },
    /// A text that is not UTF-8.
    ///
    /// Differs from Java, which puts replacement characters in place of what it cannot read and
    /// goes on with a changed name or value.
    #[error("{part}: {cause}")]
    NotUtf8 {
        /// What was being read.
        part: &'static str,
        /// Where it is wrong.
        cause: NotUtf8,
    },
    /// A text to be written that is longer than its length can say.
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

/// Bytes of the places before the remark.
const FIXED_BYTES: usize = 13;
/// The smallest field: a name and a value of no bytes.
const FIELD_BYTES_MIN: usize = 6;

pub(crate) fn read(mut header: Bytes) -> Result<Command, BinaryHeaderError> {
    need("the fixed part", FIXED_BYTES, header.len())?;
    let code = i32::from(header.get_i16());
    // An unknown language is not worth a connection; in Java it is null.
    let language = Language::from_byte(header.get_u8()).unwrap_or(Language::Other);
    let version = i32::from(header.get_i16());
    let opaque = header.get_i32();
    let flag = header.get_i32();
    let remark = long_text("the remark", &mut header)?;
    let fields_bytes = long_length("all fields", &mut header)?;
    need("all fields", fields_bytes, header.len())?;
    if fields_bytes < header.len() {
        return Err(BinaryHeaderError::LeftOver { left_bytes: header.len() - fields_bytes });
    }
    let fields = read_fields(header)?;
    Ok(Command {
        code,
        language,
        version,
        opaque,
        flag,
        remark: (!remark.is_empty()).then_some(remark),
        fields: (!fields.is_empty()).then_some(fields),
        body: Bytes::new(),
        serialization: Serialization::Binary,
    })
}

fn read_fields(mut header: Bytes) -> Result<Fields, BinaryHeaderError> {
    let mut fields = Fields::with_capacity(FIELDS_MAX.min(header.len() / (FIELD_BYTES_MIN * 2)));
    let mut names = Seen::default();
    while header.has_remaining() {
        let name = short_text("the name of a field", &mut header)?;
        let value = long_text("the value of a field", &mut header)?;
        // Java reads an empty value as null. We keep it: it is what the sender's table held, and
        // what a JSON header would have said. A name of no bytes nobody can ask for.
        if name.is_empty() {
            continue;
        }
        if FIELDS_MAX <= fields.len() {
            return Err(BinaryHeaderError::TooManyFields { limit: FIELDS_MAX });
        }
        fields.set_quickly(name, value, &mut names);
    }
    Ok(fields)
}

fn need(
    part: &'static str,
    wanted_bytes: usize,
    left_bytes: usize,
) -> Result<(), BinaryHeaderError> {
    if left_bytes < wanted_bytes {
        return Err(BinaryHeaderError::Short { part, wanted_bytes, left_bytes });
    }
    Ok(())
}

fn long_length(part: &'static str, header: &mut Bytes) -> Result<usize, BinaryHeaderError> {
    need(part, 4, header.len())?;
    let length = header.get_i32();
    usize::try_from(length).map_err(|_| BinaryHeaderError::NegativeLength { part, length })
}

fn long_text(part: &'static str, header: &mut Bytes) -> Result<Text, BinaryHeaderError> {
    let bytes = long_length(part, header)?;
    text(part, bytes, header)
}

fn short_text(part: &'static str, header: &mut Bytes) -> Result<Text, BinaryHeaderError> {
    need(part, 2, header.len())?;
    let length = header.get_i16();
    let bytes = usize::try_from(length)
        .map_err(|_| BinaryHeaderError::NegativeLength { part, length: i32::from(length) })?;
    text(part, bytes, header)
}

fn text(part: &'static str, bytes: usize, header: &mut Bytes) -> Result<Text, BinaryHeaderError> {
    need(part, bytes, header.len())?;
    if let Some(known) = std::str::from_utf8(&header[..bytes]).ok().and_then(known) {
        header.advance(bytes);
        return Ok(known);
    }
    Text::from_utf8(header.split_to(bytes))
        .map_err(|cause| BinaryHeaderError::NotUtf8 { part, cause })
}

#[expect(clippy::cast_possible_truncation, reason = "Java's putShort: the low 16 bits are sent")]
pub(crate) fn write(command: &Command, output: &mut Vec<u8>) -> Result<(), BinaryHeaderError> {
    output.put_i16(command.code as i16);
    output.put_u8(command.language.byte());
    output.put_i16(command.version as i16);
    output.put_i32(command.opaque);
    output.put_i32(command.flag);
    put_long_text("the remark", command.remark.as_deref().unwrap_or_default(), output)?;
    let start = output.len();
    output.put_i32(0);
    for (name, value) in command.fields.iter().flatten() {
        let bytes = name.len();
        let length = i16::try_from(bytes).map_err(|_| BinaryHeaderError::TooLong {
            part: "the name of a field",
            bytes,
            limit_bytes: FIELD_NAME_BYTES_MAX,
        })?;
        output.put_i16(length);
        output.put_slice(name.as_bytes());
        put_long_text("the value of a field", value, output)?;
    }
    let length = length_of("all fields", output.len() - start - 4)?;
    output[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

fn length_of(part: &'static str, bytes: usize) -> Result<i32, BinaryHeaderError> {
    i32::try_from(bytes).map_err(|_| BinaryHeaderError::TooLong {
        part,
        bytes,
        limit_bytes: crate::limits::RECORD_BYTES_MAX,
    })
}

fn put_long_text(
    part: &'static str,
    text: &str,
    output: &mut Vec<u8>,
) -> Result<(), BinaryHeaderError> {
    output.put_i32(length_of(part, text.len())?);
    output.put_slice(text.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;

    fn header(parts: &[&[u8]]) -> Bytes {
        let mut bytes = BytesMut::from(&[0, 11, 0, 2, 1, 0, 0, 0, 9, 0, 0, 0, 0][..]);
        for part in parts {
            bytes.extend_from_slice(part);
        }
        bytes.freeze()
    }

    #[test]
    fn the_fixed_places_are_read_as_drawn() {
        let command = read(header(&[&[0, 0, 0, 2], b"ok", &[0, 0, 0, 0]])).unwrap();
        assert_eq!((command.code, command.version, command.opaque), (11, 513, 9));
        assert_eq!(command.remark, Some(Text::from("ok")));
        assert_eq!(command.fields, None);
    }

    #[test]
    fn lying_lengths_are_named_with_their_value() {
        let negative = read(header(&[&[0xFF, 0xFF, 0xFF, 0xFE]])).unwrap_err();
        let part = "the remark";
        assert_eq!(negative, BinaryHeaderError::NegativeLength { part, length: -2 });
        let long = read(header(&[&[0, 0, 1, 0], b"short"])).unwrap_err();
        assert_eq!(long, BinaryHeaderError::Short { part, wanted_bytes: 256, left_bytes: 5 });
        let more = read(header(&[&[0; 8], b"x"])).unwrap_err();
        assert_eq!(more, BinaryHeaderError::LeftOver { left_bytes: 1 });
        let name = read(header(&[&[0; 4], &[0, 0, 0, 6], &[0x80, 0, 0, 0, 0, 0]])).unwrap_err();
        let part = "the name of a field";
        assert_eq!(name, BinaryHeaderError::NegativeLength { part, length: -32768 });
    }

    #[test]
    fn a_code_above_16_bits_is_cut_as_java_cuts_it() {
        let mut output = Vec::new();
        let mut pop = Command::request(crate::RequestCode::POP_MESSAGE);
        pop.serialization = Serialization::Binary;
        write(&pop, &mut output).unwrap();
        assert_eq!(read(Bytes::from(output)).unwrap().code, 3442);
    }

    #[test]
    fn more_fields_than_the_limit_are_refused() {
        let mut fields = Fields::new();
        for index in 0..=FIELDS_MAX {
            fields.set(format!("f{index}"), "1");
        }
        let mut output = Vec::new();
        write(&Command::request(11).with_fields(fields), &mut output).unwrap();
        let refused = read(Bytes::from(output)).unwrap_err();
        assert_eq!(refused, BinaryHeaderError::TooManyFields { limit: FIELDS_MAX });
    }
}
