//! What Java RocketMQ 5.5.0 sent is read, and written again byte for byte.

use crate::captured::{self, frames};
use bytes::{Bytes, BytesMut};
use protocol::{
    Command, Serialization,
    frame::{put_frame, take_frame},
    message_id::{OffsetId, UniqueId},
    record::{self, Message, Placed},
};

fn decoded(frame: &captured::Captured) -> Command {
    let mut input = frame.padded();
    let command = take_frame(&mut input).unwrap_or_else(|wrong| panic!("{}: {wrong}", frame.place));
    assert!(input.is_empty(), "{}", frame.place);
    command.unwrap_or_else(|| panic!("{}: not a whole frame", frame.place))
}

#[test]
fn every_captured_frame_decodes_to_its_facts_and_encodes_to_its_bytes() {
    for frame in frames() {
        let command = decoded(&frame);
        let facts = &frame.facts;
        let place = &frame.place;
        assert_eq!(facts["code"], command.code, "{place}");
        assert_eq!(facts["opaque"], command.opaque, "{place}");
        assert_eq!(facts["response"], command.is_response(), "{place}");
        assert_eq!(facts["oneway"], command.is_oneway(), "{place}");
        assert_eq!(facts["serialize"], command.serialization.name(), "{place}");
        if frame.frame.len() == frame.whole_bytes {
            assert_eq!(facts["body_len"], command.body.len(), "{place}");
        }

        let mut output = BytesMut::from("before");
        put_frame(&command, &mut output).unwrap();
        assert_eq!(output.len(), 6 + frame.whole_bytes, "{place}");
        let ours = &output[6..6 + frame.frame.len()];
        assert!(ours == frame.frame, "{place}\n{}", String::from_utf8_lossy(ours));
    }
}

#[test]
fn every_captured_header_holds_the_fields_that_another_reader_finds() {
    for frame in frames() {
        let command = decoded(&frame);
        let fields: serde_json::Map<_, _> = command
            .fields
            .iter()
            .flatten()
            .map(|(name, value)| (name.to_string(), value.as_str().into()))
            .collect();
        let header: serde_json::Value = match command.serialization {
            Serialization::Json => {
                serde_json::from_str(frame.facts["header_json"].as_str().unwrap()).unwrap()
            }
            Serialization::Binary => frame.facts["header_decoded"].clone(),
        };
        let place = &frame.place;
        let theirs = header.get("extFields").filter(|fields| !fields.is_null());
        match theirs {
            Some(theirs) => assert_eq!(&serde_json::Value::Object(fields), theirs, "{place}"),
            None => assert!(command.fields.is_none(), "{place}"),
        }
        let remark = header.get("remark").and_then(|remark| remark.as_str());
        assert_eq!(command.remark.as_deref(), remark, "{place}");
        assert_eq!(header["version"], command.version, "{place}");
        assert_eq!(header["flag"], command.flag, "{place}");
    }
}

#[test]
fn frames_that_arrive_in_pieces_come_out_whole_and_in_order() {
    let frames: Vec<_> = frames().into_iter().filter(|f| f.whole_bytes < 4096).take(200).collect();
    let mut stream = BytesMut::new();
    for frame in &frames {
        stream.extend_from_slice(&frame.frame);
    }
    for piece_bytes in [1, 7, 1000] {
        let mut input = BytesMut::new();
        let mut opaques = Vec::new();
        for piece in stream.chunks(piece_bytes) {
            input.extend_from_slice(piece);
            while let Some(command) = take_frame(&mut input).unwrap() {
                opaques.push(command.opaque);
            }
        }
        assert!(input.is_empty());
        let sent: Vec<_> = frames.iter().map(|f| f.facts["opaque"].clone()).collect();
        assert_eq!(serde_json::json!(opaques), serde_json::json!(sent));
    }
}

/// Bodies that are records, one behind the other.
fn record_bodies() -> Vec<(String, Bytes)> {
    let is_record =
        |body: &Bytes| body.get(4..8).is_some_and(|magic| magic == record::MAGIC_V1.to_be_bytes());
    frames()
        .iter()
        .filter(|frame| frame.frame.len() == frame.whole_bytes)
        .map(|frame| (frame.place.clone(), decoded(frame).body))
        .filter(|(_, body)| is_record(body))
        .collect()
}

#[test]
fn messages_in_captured_bodies_verify_and_encode_to_their_bytes() {
    let bodies = record_bodies();
    assert!(50 <= bodies.len(), "only {} bodies with records", bodies.len());
    let mut records = 0;
    for (place, body) in bodies {
        let mut again = BytesMut::new();
        for read in record::scan(body.clone()) {
            let read = read.unwrap_or_else(|wrong| panic!("{place}: {wrong}"));
            read.verify().unwrap();
            read.verify_strictly(read.physical_offset())
                .unwrap_or_else(|wrong| panic!("{place}: {wrong}"));
            let message = Message::from_record(&read);
            assert_eq!(message.encoded_len(), read.total_size());
            assert_eq!(message.properties().encode(), message.properties, "{place}");
            let at = Placed {
                queue_offset: read.queue_offset(),
                physical_offset: read.physical_offset(),
                store_timestamp: read.store_timestamp(),
            };
            message.encode_into(at, &mut again).unwrap();
            records += 1;
        }
        assert!(again == body, "{place}");
    }
    assert!(100 <= records, "only {records} records");
}

#[test]
fn captured_batches_encode_to_their_bytes() {
    let mut batches = 0;
    for frame in frames().iter().filter(|frame| frame.facts["code"] == 320) {
        let body = decoded(frame).body;
        let items = protocol::batch::decode(body.clone());
        if frame.facts["label"] == "err_batch_bad_body" {
            let refused = items.unwrap_err().to_string();
            assert_eq!(refused, "the fixed part of item 0 needs 20 bytes, the batch has 4 left");
            continue;
        }
        let items = items.unwrap();
        assert!(2 <= items.len(), "{}", frame.place);
        assert_eq!(protocol::batch::encode(&items).unwrap(), body, "{}", frame.place);
        batches += 1;
    }
    assert_eq!(batches, 2);
}

#[test]
fn captured_ids_are_read_and_written_again() {
    let mut ids = 0;
    for frame in frames().iter().filter(|frame| frame.facts["response"] == true) {
        let command = decoded(frame);
        let of = |name: &str| {
            let text = command.field(name).map_or("", |text| text.as_str()).to_owned();
            text.split(',').filter(|id| id.len() == 32).map(str::to_owned).collect::<Vec<_>>()
        };
        for id in of("msgId") {
            // A recall is answered with the unique id of the recalled message.
            if frame.facts["request_code"] == 370 {
                continue;
            }
            let read: OffsetId = id.parse().unwrap();
            assert_eq!(read.text(), id.as_str());
            assert_eq!(read.store_host.ip().to_string(), "127.0.0.1", "{}", frame.place);
            ids += 1;
        }
        for id in of("transactionId") {
            let read: UniqueId = id.parse().unwrap();
            assert_eq!(read.text(), id.as_str());
            assert_eq!(read.ip.to_string(), "10.7.0.9", "{}", frame.place);
            ids += 1;
        }
    }
    assert!(100 <= ids, "only {ids} ids");
}
