//! Frames: how commands lie on a stream of bytes.
//!
//! ```text
//!  0        4               5         8                  8+header        4+length   big-endian
//!  | length | serialization | header  | header ..        | body ..                |
//!  | i32    | u8            | bytes:  | JSON or binary,  | absent when empty      |
//!  |        | 0 JSON 1 bin. | u24     | UTF-8            |                        |
//! ```
//!
//! `length` counts what follows it. A whole frame is at most [`FRAME_BYTES_MAX`] long. Refused, and
//! never to be read past: a length that is negative, too great, or too small for its header; an
//! unknown serialisation; a header that cannot be read.
//!
//! Source: remoting/netty/NettyDecoder.java (Netty's LengthFieldBasedFrameDecoder),
//! remoting/protocol/RemotingCommand.java decode and fastEncodeHeader.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::{
    Command, Serialization, Text,
    header_binary::{self, BinaryHeaderError},
    header_json::{self, JsonHeaderError},
    limits::{FRAME_BYTES_MAX, FRAME_BYTES_MIN, HEADER_BYTES_MAX},
    text::NotUtf8,
};

/// Bytes of the length, which does not count itself.
const LENGTH_BYTES: usize = 4;

/// Room for the header of most answers.
const HEADER_BYTES_USUAL: usize = 384;

/// Why a frame can never be read, or never be written. The connection it came from is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length says more than the limit.
    #[error("a frame of {frame_bytes} bytes exceeds the limit of {limit_bytes} bytes")]
    TooLong {
        /// The whole frame, its length prefix included.
        frame_bytes: usize,
        /// The most a frame may be.
        limit_bytes: usize,
    },
    /// The length is negative, or has no room for the header length.
    #[error("a frame length of {length} is less than the 4 bytes of a header length")]
    TooShort {
        /// What the length said.
        length: i32,
    },
    /// The header reaches past the frame.
    #[error("a header of {header_bytes} bytes in a frame with room for {room_bytes}")]
    HeaderTooLong {
        /// What the header length said, or what the header to be written needs.
        header_bytes: usize,
        /// What there is.
        room_bytes: usize,
    },
    /// Neither JSON nor binary.
    #[error("unknown header serialisation {byte}; known are 0 (JSON) and 1 (ROCKETMQ)")]
    UnknownSerialization {
        /// The byte in the frame.
        byte: u8,
    },
    /// The header is not UTF-8.
    #[error("header: {0}")]
    NotUtf8(#[from] NotUtf8),
    /// A JSON header that cannot be read.
    #[error("JSON header: {0}")]
    Json(#[from] JsonHeaderError),
    /// A binary header that cannot be read or written.
    #[error("binary header: {0}")]
    Binary(#[from] BinaryHeaderError),
}

/// Take the first whole frame out of `input`.
///
/// `Ok(None)` means not yet: nothing was taken, read more. `Err` means never: close the connection.
/// The command's texts and body share the memory of `input`.
pub fn take_frame(input: &mut BytesMut) -> Result<Option<Command>, FrameError> {
    let Some(frame_bytes) = frame_bytes(input)? else {
        return Ok(None);
    };
    if input.len() < frame_bytes {
        return Ok(None);
    }
    let mut frame = input.split_to(frame_bytes).freeze();
    frame.advance(LENGTH_BYTES);
    decode(frame).map(Some)
}

/// How long the first frame of `input` is, prefix included; `None` when its first 8 bytes are not
/// all there. Everything that can be refused by these 8 bytes is refused.
pub fn frame_bytes(input: &[u8]) -> Result<Option<usize>, FrameError> {
    let Some(length) = input.first_chunk::<LENGTH_BYTES>() else {
        return Ok(None);
    };
    let length = i32::from_be_bytes(*length);
    let frame_bytes = match usize::try_from(length) {
        Ok(bytes) if FRAME_BYTES_MIN <= bytes + LENGTH_BYTES => bytes + LENGTH_BYTES,
        _ => return Err(FrameError::TooShort { length }),
    };
    if FRAME_BYTES_MAX < frame_bytes {
        return Err(FrameError::TooLong { frame_bytes, limit_bytes: FRAME_BYTES_MAX });
    }
    let Some(prefix) = input.first_chunk::<FRAME_BYTES_MIN>() else {
        return Ok(None);
    };
    let byte = prefix[4];
    if Serialization::from_byte(byte).is_none() {
        return Err(FrameError::UnknownSerialization { byte });
    }
    let header_bytes = u24([prefix[5], prefix[6], prefix[7]]);
    let room_bytes = frame_bytes - FRAME_BYTES_MIN;
    if room_bytes < header_bytes {
        return Err(FrameError::HeaderTooLong { header_bytes, room_bytes });
    }
    Ok(Some(frame_bytes))
}

fn u24(bytes: [u8; 3]) -> usize {
    let [high, middle, low] = bytes.map(usize::from);
    high << 16 | middle << 8 | low
}

/// Read a frame without its length prefix.
fn decode(mut frame: Bytes) -> Result<Command, FrameError> {
    let Some(&[byte, high, middle, low]) = frame.first_chunk() else {
        return Err(FrameError::TooShort { length: 0 });
    };
    let Some(serialization) = Serialization::from_byte(byte) else {
        return Err(FrameError::UnknownSerialization { byte });
    };
    let header_bytes = u24([high, middle, low]);
    frame.advance(4);
    if frame.len() < header_bytes {
        return Err(FrameError::HeaderTooLong { header_bytes, room_bytes: frame.len() });
    }
    let header = frame.split_to(header_bytes);
    let mut command = match serialization {
        Serialization::Json => header_json::read(&Text::from_utf8(header)?)?,
        Serialization::Binary => header_binary::read(header)?,
    };
    // An empty body stays a constant: it must not keep the frame in memory.
    if !frame.is_empty() {
        command.body = frame;
    }
    Ok(command)
}

/// Append `command` to `output` as one frame. On an error `output` is as it was.
pub fn put_frame(command: &Command, output: &mut BytesMut) -> Result<(), FrameError> {
    put_head(command, output)?;
    output.extend_from_slice(&command.body);
    Ok(())
}

/// Append the frame of `command` but for its body, which the caller sends behind it without a copy.
/// On an error `output` is as it was.
pub fn put_head(command: &Command, output: &mut BytesMut) -> Result<(), FrameError> {
    // A header is dozens of small pieces, and a vector takes such for a fraction of what a shared
    // buffer, ready to be split at any time, asks for each of them.
    let mut header = Vec::with_capacity(HEADER_BYTES_USUAL);
    match command.serialization {
        Serialization::Json => header_json::write(command, &mut header),
        Serialization::Binary => header_binary::write(command, &mut header)?,
    }
    let prefix = prefix(command, header.len())?;
    output.reserve(prefix.len() + header.len());
    output.put_slice(&prefix);
    output.put_slice(&header);
    Ok(())
}

/// The first 8 bytes of the frame of `command`, whose header took `header_bytes`.
fn prefix(command: &Command, header_bytes: usize) -> Result<[u8; 8], FrameError> {
    if HEADER_BYTES_MAX < header_bytes {
        return Err(FrameError::HeaderTooLong { header_bytes, room_bytes: HEADER_BYTES_MAX });
    }
    let frame_bytes = FRAME_BYTES_MIN + header_bytes + command.body.len();
    let too_long = FrameError::TooLong { frame_bytes, limit_bytes: FRAME_BYTES_MAX };
    if FRAME_BYTES_MAX < frame_bytes {
        return Err(too_long);
    }
    let length = u32::try_from(frame_bytes - LENGTH_BYTES).map_err(|_| too_long)?;
    let header = u32::try_from(header_bytes)
        .map_err(|_| FrameError::HeaderTooLong { header_bytes, room_bytes: HEADER_BYTES_MAX })?;
    let mut prefix = [0; 8];
    prefix[..4].copy_from_slice(&length.to_be_bytes());
    prefix[4..].copy_from_slice(&header.to_be_bytes());
    prefix[4] = command.serialization.byte();
    Ok(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fields, RequestCode};

    fn framed(length: i32, word: u32, rest: &[u8]) -> BytesMut {
        let mut input = BytesMut::new();
        input.put_i32(length);
        input.put_u32(word);
        input.put_slice(rest);
        input
    }

    #[test]
    fn a_frame_that_is_not_all_there_takes_nothing() {
        let mut whole = BytesMut::new();
        let asked = Command::request(RequestCode::HEART_BEAT).with_body("body");
        put_frame(&asked, &mut whole).unwrap();
        for bytes in 0..whole.len() {
            let mut input = BytesMut::from(&whole[..bytes]);
            assert_eq!(take_frame(&mut input), Ok(None));
            assert_eq!(input.len(), bytes);
        }
        assert_eq!(take_frame(&mut whole), Ok(Some(asked)));
    }

    #[test]
    fn lengths_that_lie_are_refused_before_anything_is_read() {
        for (length, word, refused) in [
            (-1, 0, FrameError::TooShort { length: -1 }),
            (i32::MIN, 0, FrameError::TooShort { length: i32::MIN }),
            (3, 0, FrameError::TooShort { length: 3 }),
            (
                16 * 1024 * 1024 - 3,
                0,
                FrameError::TooLong { frame_bytes: 16_777_217, limit_bytes: 16_777_216 },
            ),
            (
                i32::MAX,
                0,
                FrameError::TooLong { frame_bytes: 2_147_483_651, limit_bytes: 16_777_216 },
            ),
            (10, 7, FrameError::HeaderTooLong { header_bytes: 7, room_bytes: 6 }),
            (10, 0x0200_0000, FrameError::UnknownSerialization { byte: 2 }),
            (10, 0xFF00_0000, FrameError::UnknownSerialization { byte: 255 }),
        ] {
            let mut input = framed(length, word, b"");
            assert_eq!(take_frame(&mut input), Err(refused));
        }
        let mut input = framed(16 * 1024 * 1024 - 4, 0, b"");
        assert_eq!(take_frame(&mut input), Ok(None));
    }

    #[test]
    fn an_empty_header_is_no_header() {
        assert!(matches!(take_frame(&mut framed(4, 0, b"")), Err(FrameError::Json(_))));
        assert!(matches!(take_frame(&mut framed(4, 1 << 24, b"")), Err(FrameError::Binary(_))));
    }

    #[test]
    fn a_header_that_is_not_utf8_says_where() {
        let refused = take_frame(&mut framed(6, 2, b"{\xFF")).unwrap_err();
        assert_eq!(refused.to_string(), "header: not UTF-8 from byte 1 of 2");
    }

    #[test]
    fn what_cannot_be_written_leaves_the_output_as_it_was() {
        let mut output = BytesMut::from("before");
        let long = Command::request(1).with_body(vec![0; FRAME_BYTES_MAX]);
        assert!(matches!(put_frame(&long, &mut output), Err(FrameError::TooLong { .. })));
        let name = Command::request(1)
            .with_fields(Fields::new().with("n".repeat(40_000), "v"))
            .with_serialization(Serialization::Binary);
        assert!(matches!(put_frame(&name, &mut output), Err(FrameError::Binary(_))));
        let header = Command::request(1).with_remark("r".repeat(FRAME_BYTES_MAX));
        assert!(matches!(put_frame(&header, &mut output), Err(FrameError::HeaderTooLong { .. })));
        assert_eq!(output, "before");
    }

    #[test]
    fn the_longest_frame_goes_there_and_back() {
        let mut output = BytesMut::new();
        let mut command = Command::request(RequestCode::SEND_MESSAGE_V2);
        put_frame(&command, &mut output).unwrap();
        let room = FRAME_BYTES_MAX - output.len();
        command.body = vec![7; room].into();
        output.clear();
        put_frame(&command, &mut output).unwrap();
        assert_eq!(output.len(), FRAME_BYTES_MAX);
        assert_eq!(take_frame(&mut output), Ok(Some(command)));
    }
}
