//! Commit logs that Java RocketMQ 5.5.0 wrote are read, and written again byte for byte.

use bytes::{Bytes, BytesMut};
use protocol::{
    properties,
    record::{self, CorruptRecord, Message, Placed, RecordError, RecordView, Start},
};

const CLEAN: &[u8] = include_bytes!("../golden/records/clean.bin");
/// The last record was zeroed from inside its body.
const CRASHED_BODY: &[u8] = include_bytes!("../golden/records/crashed_body.bin");
/// The last record was zeroed from inside its properties.
const CRASHED_PROPERTIES: &[u8] = include_bytes!("../golden/records/crashed_properties.bin");
/// The last two records of a file, and its unused end.
const END_OF_FILE: &[u8] = include_bytes!("../golden/records/end_of_file.bin");

/// Where the crashed logs were damaged.
const CRASHED_AT: i64 = 14_533;

fn records(log: &'static [u8]) -> Vec<RecordView> {
    let mut records = Vec::new();
    let mut rest = Bytes::from_static(log);
    while let Start::Record { total_bytes } = record::start(&rest).unwrap() {
        records.push(RecordView::parse(rest.clone()).unwrap());
        rest = rest.slice(total_bytes..);
    }
    records
}

#[test]
fn a_clean_log_verifies_and_encodes_to_its_bytes() {
    let mut again = BytesMut::new();
    let records = records(CLEAN);
    assert_eq!(records.len(), 56);
    for record in &records {
        record.verify().unwrap();
        let at = i64::try_from(again.len()).unwrap();
        record.verify_strictly(at).unwrap();
        let place = Placed {
            queue_offset: record.queue_offset(),
            physical_offset: at,
            store_timestamp: record.store_timestamp(),
        };
        let message = Message::from_record(record);
        message.encode_into(Placed::default(), &mut again).unwrap();
        let start = again.len() - record.total_size();
        record::place(&mut again[start..], place).unwrap();
        // What has no value is dropped when read; Java writes one such (a recall's trace context).
        let whole = message.properties.replace("TRACE_CONTEXT\u{1}\u{2}", "");
        assert_eq!(message.properties().encode(), whole);
    }
    again.extend_from_slice(&[0; 8]);
    assert!(again == CLEAN);
}

#[test]
fn a_clean_log_holds_every_kind_of_message() {
    let records = records(CLEAN);
    let has = |bits| records.iter().any(|record| record.sys_flag() & bits != 0);
    assert!(has(protocol::sys_flag::COMPRESSED) && has(protocol::sys_flag::INNER_BATCH));
    assert!(records.iter().any(|record| record.topic() == "SCHEDULE_TOPIC_XXXX"));
    for name in [properties::TAGS, properties::KEYS, properties::POP_CK, properties::INNER_NUM] {
        let _ = records.iter().find_map(|record| record.property(name));
    }
    for record in records.iter().filter(|r| r.sys_flag() & protocol::sys_flag::COMPRESSED != 0) {
        let plain =
            protocol::compress::plain_body(record.sys_flag(), record.body(), 1 << 20).unwrap();
        assert!(record.body().len() < plain.len());
    }
    for record in records.iter().filter(|r| r.sys_flag() & protocol::sys_flag::INNER_BATCH != 0) {
        let items = protocol::batch::decode(record.body()).unwrap();
        let count = record.property(properties::INNER_NUM).unwrap().parse();
        assert_eq!(Ok(items.len()), count);
    }
}

#[test]
fn a_record_zeroed_from_inside_its_body_is_no_record() {
    let mut read: Vec<_> = record::scan(Bytes::from_static(CRASHED_BODY)).collect();
    let torn = read.pop().unwrap().unwrap_err();
    assert_eq!(torn, RecordError::SizesDisagree { total_bytes: 256, parts_bytes: 107 });
    let sound: usize = read.iter().map(|record| record.as_ref().unwrap().total_size()).sum();
    assert_eq!(i64::try_from(sound), Ok(CRASHED_AT));
    assert!(read.iter().all(|record| record.as_ref().unwrap().verify().is_ok()));
}

#[test]
fn damage_in_a_body_fails_what_java_checks() {
    let mut log = BytesMut::from(CRASHED_BODY);
    log[14_370] ^= 1;
    let wrong = record::scan(log.freeze()).map_while(Result::ok).find_map(|r| r.verify().err());
    assert!(matches!(wrong, Some(CorruptRecord::BodyCrc { .. })), "{wrong:?}");
}

#[test]
fn damage_behind_a_body_passes_what_java_checks_and_fails_our_stricter_check() {
    let records = records(CRASHED_PROPERTIES);
    let last = records.last().unwrap();
    assert_eq!(last.verify(), Ok(()));
    assert_eq!(last.physical_offset(), CRASHED_AT);
    let wrong = last.verify_strictly(CRASHED_AT).unwrap_err();
    assert!(matches!(wrong, CorruptRecord::Property { .. }), "{wrong}");
    let wrong = last.verify_strictly(CRASHED_AT + 1).unwrap_err();
    assert!(matches!(wrong, CorruptRecord::Misplaced { at: 14_534, .. }), "{wrong}");
}

#[test]
fn the_unused_end_of_a_file_is_a_blank_and_ends_a_scan() {
    let records = records(END_OF_FILE);
    assert_eq!(records.len(), 2);
    let blank_at: usize = records.iter().map(RecordView::total_size).sum();
    let total_bytes = END_OF_FILE.len() - blank_at;
    assert_eq!(record::start(&END_OF_FILE[blank_at..]), Ok(Start::Blank { total_bytes }));
    let mut blank = BytesMut::new();
    record::put_blank(total_bytes, &mut blank).unwrap();
    assert_eq!(blank, END_OF_FILE[blank_at..blank_at + 8]);
    let scanned: Vec<_> = record::scan(Bytes::from_static(END_OF_FILE)).collect();
    assert_eq!(scanned.len(), 3);
    assert!(scanned[2].is_err());
}
