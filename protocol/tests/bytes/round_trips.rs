//! What is written is read again as the same, whatever it holds.

use std::net::{IpAddr, SocketAddr};

use bytes::{Bytes, BytesMut};
use proptest::{collection::vec, option, prelude::*};
use protocol::{
    Command, Fields, Language, Serialization, Text,
    batch::{self, Item},
    frame::{put_frame, take_frame},
    message_id::{OffsetId, UniqueId},
    properties::Properties,
    record::{Message, Placed, RecordView},
};

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![
        "[ -~]{1,12}".prop_map(Text::from),
        "\\PC{1,12}".prop_map(Text::from),
        vec(any::<char>(), 1..12).prop_map(Text::from_iter),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let serialization = prop_oneof![Just(Serialization::Json), Just(Serialization::Binary)];
    let numbers = (any::<i16>(), any::<i16>(), any::<i32>(), any::<i32>(), 0u8..14);
    let fields = option::of(vec((text(), text()), 1..8).prop_map(Fields::from));
    (serialization, numbers, option::of(text()), fields, vec(any::<u8>(), 0..64)).prop_map(
        |(serialization, (code, version, opaque, flag, language), remark, fields, body)| Command {
            code: i32::from(code),
            version: i32::from(version),
            opaque,
            flag,
            language: Language::from_byte(language).unwrap(),
            remark,
            fields,
            body: Bytes::from(body),
            serialization,
        },
    )
}

fn host() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip.to_canonical(), port))
}

fn message() -> impl Strategy<Value = Message> {
    let topic = prop_oneof!["[a-z]{1,20}", "[a-z]{120,140}", "é{60,70}"].prop_map(Text::from);
    let properties = vec(("[a-z]{1,5}", "\\PC{1,9}"), 0..6)
        .prop_map(|pairs| pairs.into_iter().collect::<Properties>().encode());
    let numbers = (any::<i32>(), any::<i32>(), any::<i32>(), any::<i64>(), any::<i32>());
    let body = vec(any::<u8>(), 0..200).prop_map(Bytes::from);
    (topic, numbers, any::<i64>(), host(), host(), body, properties).prop_map(
        |(topic, numbers, prepared_transaction_offset, born_host, store_host, body, properties)| {
            let (queue_id, flag, sys_flag, born_timestamp, reconsume_times) = numbers;
            Message {
                topic,
                queue_id,
                flag,
                sys_flag,
                born_timestamp,
                born_host,
                store_host,
                reconsume_times,
                prepared_transaction_offset,
                body,
                properties,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn commands(commands in vec(command(), 1..5)) {
        let mut stream = BytesMut::new();
        for command in &commands {
            put_frame(command, &mut stream).unwrap();
        }
        for command in &commands {
            let read = take_frame(&mut stream).unwrap();
            prop_assert_eq!(read.as_ref(), Some(command));
        }
        prop_assert!(stream.is_empty());
    }

    #[test]
    fn records(
        message in message(),
        queue_offset in any::<i64>(),
        physical_offset in any::<i64>(),
        store_timestamp in any::<i64>(),
    ) {
        let placed = Placed { queue_offset, physical_offset, store_timestamp };
        let mut bytes = BytesMut::new();
        message.encode_into(placed, &mut bytes).unwrap();
        prop_assert_eq!(bytes.len(), message.encoded_len());
        let record = RecordView::parse(bytes.clone().freeze()).unwrap();
        prop_assert_eq!(record.verify(), Ok(()));
        prop_assert_eq!(record.queue_offset(), queue_offset);
        prop_assert_eq!(record.physical_offset(), physical_offset);
        prop_assert_eq!(record.store_timestamp(), store_timestamp);
        let read = Message::from_record(&record);
        let sys_flag = read.sys_flag;
        prop_assert_eq!(&read, &Message { sys_flag, ..message });
        let mut again = BytesMut::new();
        read.encode_into(placed, &mut again).unwrap();
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn batches(items in vec((any::<i32>(), vec(any::<u8>(), 0..50), "\\PC{0,20}"), 0..6)) {
        let item = |(flag, body, properties): (i32, Vec<u8>, String)| Item {
            flag,
            body: Bytes::from(body),
            properties: Text::from(properties),
        };
        let items: Vec<Item> = items.into_iter().map(item).collect();
        let batch = batch::encode(&items).unwrap();
        prop_assert_eq!(batch::decode(batch).unwrap(), items);
    }

    #[test]
    fn ids(
        host in host(),
        physical_offset in any::<i64>(),
        process in any::<u16>(),
        loader in any::<i32>(),
        month_ms in any::<i32>(),
        counter in any::<u16>(),
    ) {
        let offset = OffsetId { store_host: host, physical_offset };
        prop_assert_eq!(offset.text().parse(), Ok(offset));
        let unique = UniqueId { ip: host.ip(), process, loader, month_ms, counter };
        prop_assert_eq!(unique.text().parse(), Ok(unique));
    }
}
