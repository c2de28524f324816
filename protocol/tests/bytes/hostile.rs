//! Bytes that nobody promised anything about: no decoder panics, gives out more than it was given,
//! or goes on for ever. A peer, a disk and a bit flip are one to it.

use std::sync::LazyLock;

use bytes::{BufMut, Bytes, BytesMut};
use proptest::{collection::vec, prelude::*};

use crate::captured;
use protocol::{
    Command, Text, batch,
    compress::{Compression, plain_body},
    frame::{put_frame, take_frame},
    limits::FIELDS_MAX,
    message_id::{OffsetId, UniqueId},
    properties::{self, Properties},
    record,
};

pub(crate) static FRAMES: LazyLock<Vec<Bytes>> = LazyLock::new(|| {
    captured::frames().into_iter().filter(|f| f.whole_bytes < 4096).map(|f| f.frame).collect()
});
static BODIES: LazyLock<Vec<Bytes>> = LazyLock::new(|| {
    let body = |frame: &Bytes| take_frame(&mut BytesMut::from(&frame[..])).unwrap().unwrap().body;
    FRAMES.iter().map(body).filter(|body| !body.is_empty()).collect()
});
const LOG: &[u8] = include_bytes!("../golden/records/clean.bin");

/// Pieces of JSON headers in any order.
const ALMOST_JSON: &str = concat!(
    r#"\{("[a-z]{0,4}"|'x'|\{|\}|\[|\]|:|,|1|-|null|\\u00|\\|/\*|\*/|//|"#,
    r#""extFields":\{|"code":| |é){0,40}"#,
);

/// A change to some bytes: at a place, cut so many out and put others in.
pub(crate) type Change = (prop::sample::Index, usize, Vec<u8>);

pub(crate) fn changes() -> impl Strategy<Value = Vec<Change>> {
    let few = prop_oneof![Just(0usize), Just(1), Just(2), Just(4), 0..64usize];
    let bytes = prop_oneof![
        vec(any::<u8>(), 0..8),
        vec(prop::sample::select(b"\"'{}[]:,\\ /u0n-\x00\x01\x02\x7f\x80\xff".to_vec()), 0..8),
    ];
    vec((any::<prop::sample::Index>(), few, bytes), 1..6)
}

pub(crate) fn changed(bytes: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (place, cut, put) in changes {
        let start = if bytes.is_empty() { 0 } else { place.index(bytes.len()) };
        let end = bytes.len().min(start + cut);
        bytes.splice(start..end, put.iter().copied());
    }
    bytes
}

/// A frame around any header and body.
pub(crate) fn framed(serialization: u8, header: &[u8], body: &[u8]) -> BytesMut {
    let mut frame = BytesMut::new();
    frame.put_u32(u32::try_from(4 + header.len() + body.len()).unwrap());
    frame.put_u32(u32::from(serialization) << 24 | u32::try_from(header.len()).unwrap());
    frame.extend_from_slice(header);
    frame.extend_from_slice(body);
    frame
}

/// Take all frames; what was read is small, is written, and is read again as the same.
fn swallow(mut input: BytesMut) {
    let given = input.len();
    let mut taken = 0;
    while let Ok(Some(command)) = take_frame(&mut input) {
        taken += 1;
        assert!(taken <= given / 8);
        check(&command, given);
    }
}

fn check(command: &Command, given: usize) {
    let fields = command.fields.iter().flatten();
    // A replacement character has three bytes, an escape of it six.
    let texts: usize = fields.map(|(name, value)| name.len() + value.len()).sum();
    assert!(texts + command.body.len() <= 3 * given);
    assert!(command.fields.as_ref().is_none_or(|fields| fields.len() <= FIELDS_MAX));
    let mut output = BytesMut::new();
    put_frame(command, &mut output).unwrap();
    let again = take_frame(&mut output).unwrap().unwrap();
    assert_eq!(&again, command);
}

fn swallow_records(bytes: &[u8]) {
    let mut left = bytes.len();
    for read in record::scan(Bytes::copy_from_slice(bytes)) {
        let Ok(read) = read else { break };
        assert!(record::RECORD_BYTES_MIN <= read.total_size() && read.total_size() <= left);
        left -= read.total_size();
        let parts = read.body().len() + read.topic_bytes().len() + read.properties_bytes().len();
        assert!(parts < read.total_size());
        let _ = (read.verify(), read.verify_strictly(0), read.verify_property_crc());
        let _ = (read.born_host(), read.store_host(), read.topic(), read.properties());
        let _ = plain_body(read.sys_flag(), read.body(), 1 << 16);
        let message = record::Message::from_record(&read);
        let mut output = BytesMut::new();
        message.encode_into(record::Placed::default(), &mut output).unwrap();
    }
    let _ = record::Record::look(bytes).map(|read| read.reconsume_times());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn raw_bytes_are_no_frame(bytes in vec(any::<u8>(), 0..256)) {
        swallow(BytesMut::from(&bytes[..]));
    }

    #[test]
    fn raw_headers_in_sound_frames(
        serialization in 0u8..2,
        header in vec(any::<u8>(), 0..256),
        body in vec(any::<u8>(), 0..16),
    ) {
        swallow(framed(serialization, &header, &body));
    }

    #[test]
    fn almost_json_headers(
        header in ALMOST_JSON,
    ) {
        swallow(framed(0, header.as_bytes(), b""));
    }

    #[test]
    fn almost_binary_headers(
        parts in vec((0u16..12, vec(any::<u8>(), 0..8), any::<bool>()), 0..12),
    ) {
        let mut header = BytesMut::from(&[0, 11, 0, 2, 1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0][..]);
        let mut fields = BytesMut::new();
        for (length, bytes, long) in parts {
            let lie = u32::from(length);
            if long { fields.put_u32(lie) } else { fields.put_u16(length) }
            fields.extend_from_slice(&bytes);
        }
        header.put_u32(u32::try_from(fields.len()).unwrap());
        header.extend_from_slice(&fields);
        swallow(framed(1, &header, b""));
    }

    #[test]
    fn changed_frames_of_java(which in any::<prop::sample::Index>(), changes in changes()) {
        let frame = &FRAMES[which.index(FRAMES.len())];
        swallow(BytesMut::from(&changed(frame, &changes)[..]));
        // The same changes to the header alone, in a frame whose lengths are right.
        let header_bytes = usize::from(frame[6]) << 8 | usize::from(frame[7]);
        let (header, body) = frame[8..].split_at(header_bytes);
        swallow(framed(frame[4], &changed(header, &changes), body));
    }

    #[test]
    fn changed_bodies_of_java(which in any::<prop::sample::Index>(), changes in changes()) {
        let body = changed(&BODIES[which.index(BODIES.len())], &changes);
        swallow_records(&body);
        let _ = batch::decode(Bytes::from(body));
    }

    #[test]
    fn changed_logs_of_java(from in any::<prop::sample::Index>(), changes in changes()) {
        let records: Vec<_> = record::scan(Bytes::from_static(LOG)).map_while(Result::ok).collect();
        let from = from.index(records.len());
        let log: Vec<u8> =
            records[from..].iter().take(3).flat_map(|r| r.bytes().iter().copied()).collect();
        swallow_records(&changed(&log, &changes));
    }

    #[test]
    fn raw_records_and_batches(
        magic in prop::sample::select(vec![record::MAGIC_V1, record::MAGIC_V2]),
        total in prop_oneof![Just(None), any::<i32>().prop_map(Some)],
        sys_flag in any::<u8>(),
        mut bytes in vec(any::<u8>(), 40..300),
    ) {
        let total = total.unwrap_or(i32::try_from(bytes.len()).unwrap());
        bytes[..4].copy_from_slice(&total.to_be_bytes());
        bytes[4..8].copy_from_slice(&magic.to_be_bytes());
        bytes[39] = sys_flag;
        swallow_records(&bytes);
        let _ = batch::decode(Bytes::from(bytes));
    }

    #[test]
    fn raw_properties(text in "([a-c]{0,2}[\u{1}\u{2}]{0,2}|\\PC){0,40}") {
        let text = Text::from(text);
        let read = Properties::parse(&text);
        for (name, value) in &read {
            prop_assert_eq!(properties::find(&text, name), Some(value.as_str()));
        }
        prop_assert_eq!(&Properties::parse(&read.encode()), &read);
    }

    #[test]
    fn raw_ids(text in "[0-9A-Fa-fg\\u{e9}]{30,57}") {
        if let Ok(id) = text.parse::<OffsetId>() {
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }
        if let Ok(id) = text.parse::<UniqueId>() {
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            let _ = id.near_ms(0);
        }
    }

    #[test]
    fn raw_and_changed_compressed_bodies(
        kind in prop::sample::select(vec![Compression::Lz4, Compression::Zstd, Compression::Zlib]),
        body in vec(0u8..4, 0..2000),
        raw in vec(any::<u8>(), 0..200),
        changes in changes(),
    ) {
        const LIMIT: usize = 1500;
        let small = kind.compress(&body, 5).unwrap();
        prop_assert_eq!(kind.decompress(&small, body.len()).unwrap(), &body[..]);
        for bytes in [raw, changed(&small, &changes)] {
            if let Ok(unfolded) = kind.decompress(&bytes, LIMIT) {
                prop_assert!(unfolded.len() <= LIMIT);
            }
        }
    }
}
