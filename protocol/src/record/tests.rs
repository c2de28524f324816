//! Records of every shape, and lies about their sizes.

use bytes::{Bytes, BytesMut};

use super::*;
use crate::{Text, properties, sys_flag};

fn message() -> Message {
    Message {
        topic: Text::from("orders"),
        queue_id: 3,
        flag: 9,
        sys_flag: sys_flag::MULTI_TAGS,
        born_timestamp: 1_795_197_272_701,
        born_host: "10.7.0.9:50001".parse().unwrap(),
        store_host: "127.0.0.1:10911".parse().unwrap(),
        reconsume_times: 2,
        prepared_transaction_offset: 77,
        body: Bytes::from_static(b"paid"),
        properties: Text::from("TAGS\u{1}a\u{2}KEYS\u{1}k1 k2\u{2}"),
    }
}

const PLACED: Placed =
    Placed { queue_offset: 5, physical_offset: 1_000_000, store_timestamp: 1_795_197_272_705 };

fn encoded(message: &Message) -> BytesMut {
    let mut output = BytesMut::new();
    message.encode_into(PLACED, &mut output).unwrap();
    output
}

fn parsed(bytes: &BytesMut) -> Result<RecordView, RecordError> {
    RecordView::parse(bytes.clone().freeze())
}

#[test]
fn a_record_reads_as_it_was_written_with_either_kind_of_host_and_either_version() {
    let v6 = "[2001:db8::7]:50001".parse().unwrap();
    let v4 = message().born_host;
    for topic in ["t", &"t".repeat(127), &"t".repeat(128), &"é".repeat(100), &"t".repeat(32_767)] {
        for (born_host, store_host) in [(v4, v4), (v6, v4), (v4, v6), (v6, v6)] {
            let message = Message { topic: topic.into(), born_host, store_host, ..message() };
            let bytes = encoded(&message);
            let record = parsed(&bytes).unwrap();
            assert_eq!(record.total_size(), bytes.len());
            assert_eq!(message.encoded_len(), bytes.len());
            assert_eq!(record.magic() == MAGIC_V2, 127 < topic.len());
            assert_eq!(record.sys_flag() & sys_flag::BORN_HOST_V6 != 0, born_host.is_ipv6());
            assert_eq!(record.sys_flag() & sys_flag::STORE_HOST_V6 != 0, store_host.is_ipv6());
            let sys_flag = record.sys_flag();
            assert_eq!(Message::from_record(&record), Message { sys_flag, ..message });
            assert_eq!(record.queue_offset(), PLACED.queue_offset);
            assert_eq!(record.physical_offset(), PLACED.physical_offset);
            assert_eq!(record.store_timestamp(), PLACED.store_timestamp);
            assert_eq!(record.property(properties::TAGS), Some("a"));
            record.verify_strictly(PLACED.physical_offset).unwrap();
        }
    }
}

#[test]
fn the_smallest_record_has_the_size_the_drawing_gives() {
    let none =
        Message { topic: Text::EMPTY, body: Bytes::new(), properties: Text::EMPTY, ..message() };
    assert_eq!(encoded(&none).len(), RECORD_BYTES_MIN);
    assert_eq!(encoded(&message())[..8], [0, 0, 0, 119, 0xDA, 0xA3, 0x20, 0xA7]);
}

#[test]
fn an_ipv4_address_in_ipv6_clothes_is_written_as_ipv4() {
    let mapped = Message { born_host: "[::ffff:10.7.0.9]:50001".parse().unwrap(), ..message() };
    assert_eq!(encoded(&mapped), encoded(&message()));
}

#[test]
fn a_record_can_be_given_its_place_later() {
    let mut bytes = BytesMut::new();
    let v6 = Message { born_host: "[2001:db8::7]:1".parse().unwrap(), ..message() };
    v6.encode_into(Placed::default(), &mut bytes).unwrap();
    place(&mut bytes, PLACED).unwrap();
    assert_eq!(bytes, encoded(&v6));
}

#[test]
fn texts_longer_than_their_length_can_say_are_refused_and_nothing_is_written() {
    for (long, part, bytes) in [
        (Message { topic: "t".repeat(32_768).into(), ..message() }, "the topic", 32_768),
        (Message { properties: "p".repeat(40_000).into(), ..message() }, "the properties", 40_000),
    ] {
        let mut output = BytesMut::from("before");
        let refused = long.encode_into(PLACED, &mut output).unwrap_err();
        assert_eq!(refused, EncodeError::TooLong { part, bytes, limit_bytes: 32_767 });
        assert_eq!(output, "before");
    }
}

#[test]
fn lying_sizes_are_named_with_their_value() {
    let sound = encoded(&message());
    let total = sound.len();
    let lie = |at: usize, bytes: &[u8]| {
        let mut record = sound.clone();
        record[at..at + bytes.len()].copy_from_slice(bytes);
        parsed(&record).unwrap_err()
    };
    let (body_at, topic_at, properties_at) = (84, 92, 99);
    assert_eq!(lie(0, &[0xFF; 4]), RecordError::TotalTooSmall { total_bytes: -1 });
    assert_eq!(lie(0, &[0, 0, 0, 90]), RecordError::TotalTooSmall { total_bytes: 90 });
    assert_eq!(lie(4, &[0; 4]), RecordError::UnknownMagic { magic: 0 });
    assert_eq!(
        lie(0, &[0x7F, 0xFF, 0xFF, 0xFF]),
        RecordError::Short { part: "the record", wanted_bytes: 0x7FFF_FFFF, left_bytes: total }
    );
    assert_eq!(
        lie(0, &[0, 0, 0, 118]),
        RecordError::Short { part: "the properties", wanted_bytes: 18, left_bytes: 17 }
    );
    assert_eq!(
        lie(body_at, &[0x80, 0, 0, 0]),
        RecordError::NegativeLength { part: "the body", length: i32::MIN }
    );
    assert_eq!(
        lie(body_at, &[0x7F, 0xFF, 0xFF, 0xFF]),
        RecordError::Short { part: "the body", wanted_bytes: 0x7FFF_FFFF, left_bytes: total - 88 }
    );
    assert_eq!(
        lie(topic_at, &[0x80]),
        RecordError::NegativeLength { part: "the topic", length: -128 }
    );
    assert_eq!(
        lie(properties_at, &[0x80, 0]),
        RecordError::NegativeLength { part: "the properties", length: -32_768 }
    );
    assert_eq!(
        lie(properties_at, &[0, 17]),
        RecordError::SizesDisagree { total_bytes: total, parts_bytes: total - 1 }
    );
}

#[test]
fn a_place_in_a_log_is_a_record_a_blank_or_nothing() {
    let mut blank = BytesMut::new();
    put_blank(4096, &mut blank).unwrap();
    assert_eq!(start(&blank), Ok(Start::Blank { total_bytes: 4096 }));
    assert_eq!(start(&[0; 8]), Ok(Start::Unwritten));
    assert_eq!(start(&encoded(&message())), Ok(Start::Record { total_bytes: 119 }));
    assert!(matches!(start(&[0; 7]), Err(RecordError::Short { left_bytes: 7, .. })));
    blank[3] = 7;
    blank[2] = 0;
    assert_eq!(start(&blank), Err(RecordError::TotalTooSmall { total_bytes: 7 }));
}

#[test]
fn a_scan_gives_what_it_can_read_and_then_one_error() {
    let mut body = encoded(&message());
    body.extend_from_slice(&encoded(&message())[..100]);
    let read: Vec<_> = scan(body.freeze()).collect();
    assert_eq!(read.len(), 2);
    assert!(read[0].is_ok());
    assert!(matches!(read[1], Err(RecordError::Short { left_bytes: 100, .. })));
}

#[test]
fn a_damaged_topic_is_still_a_record_and_only_the_strict_check_objects() {
    let mut bytes = encoded(&message());
    bytes[93] = 0xFF;
    let record = parsed(&bytes).unwrap();
    assert_eq!(record.topic(), "\u{FFFD}rders");
    assert_eq!(record.verify(), Ok(()));
    let wrong = record.verify_strictly(PLACED.physical_offset).unwrap_err();
    assert_eq!(wrong.to_string(), "the topic: not UTF-8 from byte 0 of 6");
}

#[test]
fn a_record_crc_in_the_last_property_is_checked_when_it_is_there() {
    for properties in ["", "a\u{1}1", "a\u{1}1\u{2}"] {
        let message = Message { properties: properties.into(), ..message() };
        let mut bytes = BytesMut::from("before");
        message.encode_sealed_into(PLACED, &mut bytes).unwrap();
        let bytes = bytes.split_off(6);
        let record = parsed(&bytes).unwrap();
        record.verify_strictly(PLACED.physical_offset).unwrap();
        let digits = record.property(properties::CRC32).unwrap();
        assert_eq!(property_crc(digits), Some(body_crc(&bytes[..bytes.len() - 20])));

        let mut damaged = bytes.clone();
        damaged[13] ^= 1; // the queue
        let wrong = parsed(&damaged).unwrap().verify_property_crc().unwrap_err();
        assert!(matches!(wrong, CorruptRecord::PropertyCrc { .. }), "{wrong}");
    }
    assert_eq!(property_crc("1234567890"), Some(987_654_321));
    assert_eq!(property_crc("99999999999"), None);
}
