//! Requests written once and patched for every use, and answers read no further than needed: the
//! generator must cost as little as it can, whoever answers.

use bytes::{Bytes, BytesMut};
use protocol::{Command, RequestCode, Serialization, frame, request, sys_flag};

use crate::error::BenchError;

/// Numbers of requests start here: in JSON they have ten digits from the first to the last.
pub(crate) const FIRST_OPAQUE: i32 = 1_000_000_000;

/// Stand for what is patched; nothing else in a request looks like them.
const BORN_MS: i64 = 1_777_777_777_777;
const UNIQUE_KEY: &str = "7F000001ABCD0000000000000000FEDC";
const QUEUE_OFFSET: i64 = 5_555_555_555;

/// A topic of four queues is what every row uses.
pub(crate) const QUEUES: i32 = 4;

/// A request with places that change.
pub(crate) struct Prepared {
    frame: Vec<u8>,
    serialization: Serialization,
    opaque_at: usize,
    born_at: Option<usize>,
    key_at: Option<usize>,
    offset_at: Option<usize>,
}

impl Prepared {
    /// A send to one queue of a topic, as the official client writes it: short field names, time of
    /// birth, unique key.
    pub(crate) fn send(
        topic: &str,
        queue_id: i32,
        bytes: usize,
        serialization: Serialization,
    ) -> Result<Self, BenchError> {
        let properties = format!("UNIQ_KEY\u{1}{UNIQUE_KEY}\u{2}WAIT\u{1}true\u{2}");
        let header = request::Send {
            producer_group: "bench".into(),
            topic: topic.into(),
            default_topic: "TBW102".into(),
            default_topic_queues: QUEUES,
            queue_id,
            born_timestamp_ms: BORN_MS,
            properties: Some(properties.into()),
            reconsume_times: Some(0),
            unit_mode: Some(false),
            batch: Some(false),
            ..request::Send::default()
        };
        let command = header
            .command_as(RequestCode::SEND_MESSAGE_V2)
            .with_body(Bytes::from(vec![b'x'; bytes]))
            .with_serialization(serialization);
        Self::new(command)
    }

    /// A pull from one queue, of so many messages at most, that does not wait.
    pub(crate) fn pull(
        topic: &str,
        queue_id: i32,
        batch: i32,
        serialization: Serialization,
    ) -> Result<Self, BenchError> {
        let header = request::Pull {
            consumer_group: "bench".into(),
            topic: topic.into(),
            queue_id,
            queue_offset: QUEUE_OFFSET,
            max_messages: batch,
            sys_flag: sys_flag::pull::SUBSCRIPTION,
            subscription: Some("*".into()),
            expression_type: Some("TAG".into()),
            ..request::Pull::default()
        };
        Self::new(header.command().with_serialization(serialization))
    }

    fn new(mut command: Command) -> Result<Self, BenchError> {
        command.opaque = FIRST_OPAQUE;
        let mut frame = BytesMut::new();
        frame::put_frame(&command, &mut frame)?;
        let frame = frame.to_vec();
        let digits = |number: i64| find(&frame, number.to_string().as_bytes());
        let opaque_at = match command.serialization {
            Serialization::Json => find(&frame, b"\"opaque\":").map_or(0, |at| at + 9),
            Serialization::Binary => BINARY_OPAQUE_AT,
        };
        Ok(Self {
            opaque_at,
            born_at: digits(BORN_MS),
            key_at: find(&frame, UNIQUE_KEY.as_bytes()),
            offset_at: digits(QUEUE_OFFSET),
            serialization: command.serialization,
            frame,
        })
    }

    /// Appends the request under this number, made unique by it and by the connection's number.
    pub(crate) fn put(
        &mut self,
        opaque: i32,
        connection: u64,
        born_ms: i64,
        output: &mut BytesMut,
    ) {
        match self.serialization {
            Serialization::Json => {
                digits_into(&mut self.frame, self.opaque_at, 10, i64::from(opaque));
            }
            Serialization::Binary => {
                if let Some(place) = self.frame.get_mut(self.opaque_at..self.opaque_at + 4) {
                    place.copy_from_slice(&opaque.to_be_bytes());
                }
            }
        }
        if let Some(at) = self.born_at {
            digits_into(&mut self.frame, at, 13, born_ms);
        }
        if let Some(at) = self.key_at {
            // Six digits of the connection and ten of the request, behind 16 that stay.
            digits_into(&mut self.frame, at + 16, 6, i64::try_from(connection).unwrap_or(0));
            digits_into(&mut self.frame, at + 22, 10, i64::from(opaque));
        }
        output.extend_from_slice(&self.frame);
    }

    /// Where the next pull begins.
    pub(crate) fn set_offset(&mut self, offset: i64) {
        if let Some(at) = self.offset_at {
            digits_into(&mut self.frame, at, 10, offset);
        }
    }
}

/// Length, serialisation, code, language, version: then the opaque of a binary header.
const BINARY_OPAQUE_AT: usize = 8 + 2 + 1 + 2;

/// Writes a number with leading zeros, from its last digit on.
fn digits_into(frame: &mut [u8], at: usize, width: usize, mut number: i64) {
    for place in frame.iter_mut().skip(at).take(width).rev() {
        *place = b'0' + u8::try_from(number.rem_euclid(10)).unwrap_or(0);
        number /= 10;
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// What of an answer matters to a generator.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The number of the request it answers.
    pub(crate) opaque: i32,
    /// 0 is success.
    pub(crate) code: i32,
}

/// Reads code and number out of a whole frame.
pub(crate) fn seen(frame: &[u8]) -> Option<Seen> {
    let number = |at: usize| frame.get(at..at + 4)?.try_into().ok().map(i32::from_be_bytes);
    if frame.get(4) == Some(&Serialization::Binary.byte()) {
        let code = i16::from_be_bytes(frame.get(8..10)?.try_into().ok()?);
        return Some(Seen { opaque: number(BINARY_OPAQUE_AT)?, code: i32::from(code) });
    }
    let header = frame.get(8..body_at(frame)?)?;
    let code = match header.strip_prefix(b"{\"code\":") {
        Some(rest) => leading_number(rest),
        None => leading_number(header.get(find(header, b"\"code\":")? + 7..)?),
    };
    // Writers sort their members: the number is near the end, and no `q` comes after it.
    let near = header.iter().rposition(|byte| *byte == b'q').and_then(|q| {
        header.get(q.checked_sub(4)?..).filter(|rest| rest.starts_with(b"\"opaque\":"))
    });
    let rest = match near {
        Some(rest) => rest,
        None => header.get(find(header, b"\"opaque\":")?..)?,
    };
    Some(Seen { opaque: leading_number(rest.get(9..)?), code })
}

/// Where the body of a whole frame begins.
fn body_at(frame: &[u8]) -> Option<usize> {
    let &[high, middle, low] = frame.get(5..8)? else { return None };
    Some(8 + (usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low)))
}

/// How many records a pull has brought: each begins with its length.
pub(crate) fn records(frame: &[u8]) -> u32 {
    let mut rest = body_at(frame).and_then(|at| frame.get(at..)).unwrap_or_default();
    let mut count = 0;
    while let Some(length) = rest.first_chunk::<4>() {
        let bytes = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if bytes < 4 || rest.len() < bytes {
            break;
        }
        count += 1;
        rest = rest.get(bytes..).unwrap_or_default();
    }
    count
}

fn leading_number(text: &[u8]) -> i32 {
    text.iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0_i32, |number, digit| number.wrapping_mul(10).wrapping_add(i32::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use protocol::ResponseCode;

    use super::*;

    fn both() -> [Serialization; 2] {
        [Serialization::Json, Serialization::Binary]
    }

    fn decoded(mut prepared: Prepared, opaque: i32) -> Command {
        let mut output = BytesMut::new();
        prepared.put(opaque, 7, 1_700_000_000_123, &mut output);
        frame::take_frame(&mut output).unwrap().unwrap()
    }

    #[test]
    fn a_patched_send_decodes_to_what_was_patched_in() {
        for serialization in both() {
            let prepared = Prepared::send("t", 3, 16, serialization).unwrap();
            let command = decoded(prepared, FIRST_OPAQUE + 42);
            assert_eq!(command.opaque, FIRST_OPAQUE + 42);
            let header = request::Send::decode(&command).unwrap();
            assert_eq!((header.queue_id, header.born_timestamp_ms), (3, 1_700_000_000_123));
            let properties = header.properties.unwrap().to_string();
            assert!(properties.contains("7F000001ABCD00000000071000000042"), "{properties}");
            assert_eq!(command.body.len(), 16);
        }
    }

    #[test]
    fn a_pull_asks_from_the_offset_that_was_set() {
        for serialization in both() {
            let mut prepared = Prepared::pull("t", 1, 32, serialization).unwrap();
            prepared.set_offset(96);
            let header = request::Pull::decode(&decoded(prepared, FIRST_OPAQUE)).unwrap();
            assert_eq!((header.queue_offset, header.max_messages), (96, 32));
        }
    }

    #[test]
    fn code_and_number_are_read_from_both_serialisations() {
        for serialization in both() {
            let mut asked = Command::request(RequestCode::SEND_MESSAGE);
            asked.opaque = FIRST_OPAQUE + 9;
            asked.serialization = serialization;
            let mut answer = asked.answer(ResponseCode::SYSTEM_BUSY).with_remark("a quiet \"q\"");
            answer.set_field("queueId", "0");
            let mut output = BytesMut::new();
            frame::put_frame(&answer, &mut output).unwrap();
            assert_eq!(seen(&output), Some(Seen { opaque: FIRST_OPAQUE + 9, code: 2 }));
        }
    }

    #[test]
    fn records_are_counted_by_their_lengths_and_a_torn_one_is_not() {
        let mut answer = Command::request(ResponseCode::SUCCESS);
        answer.body = Bytes::from_static(b"\0\0\0\x06ab\0\0\0\x05c\0\0\0\x09d");
        let mut output = BytesMut::new();
        frame::put_frame(&answer, &mut output).unwrap();
        assert_eq!(records(&output), 2);
    }
}
