//! Bytes that nobody promised anything about: in the files a broker starts with, and in what it is
//! asked. It refuses or takes them; it goes on either way.

use broker::{Config, Host, REQUESTS, Table};
use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use protocol::Command;

use crate::room::{OPERATOR, Room};

/// Pieces of saved tables and of bodies in any order.
const ALMOST_A_TABLE: &str = concat!(
    r#"(\{|\}|\[|\]|:|,|"[a-z]{0,3}"|null|true|-?[0-9]{1,20}|1e999|\\u00|é|@|%|"orders@g":|"#,
    r#""(topicConfigTable|subscriptionGroupTable|offsetTable|dataVersion|orders|perm)":){0,30}"#,
);

/// Numbers at the ends of their types, and what is none.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "",
            "0",
            "-1",
            "1",
            "2147483647",
            "-2147483648",
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551615",
            "true",
            "orders",
            "g",
            "%RETRY%g",
            "0@1;2",
            "1e9",
            "*",
            "a || b",
            "+a=b,-c",
            "broker-a",
        ])
        .prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        "\\PC{0,12}",
    ]
}

/// Names of header fields that requests have.
const FIELDS: [&str; 30] = [
    "topic",
    "queueId",
    "group",
    "consumerGroup",
    "groupName",
    "producerGroup",
    "offset",
    "commitOffset",
    "queueOffset",
    "maxMsgNums",
    "sysFlag",
    "suspendTimeoutMillis",
    "timestamp",
    "beginTimestamp",
    "endTimestamp",
    "maxNum",
    "key",
    "readQueueNums",
    "writeQueueNums",
    "perm",
    "attributes",
    "isForce",
    "index",
    "count",
    "statsName",
    "statsKey",
    "clientId",
    "seq",
    "maxSeqNum",
    "delayLevel",
];

/// A table that was taken is written and taken again.
fn swallow_table(table: Table, saved: &Bytes) {
    let mut room = Room::new();
    room.topic("orders", 1);
    if let Err(refused) = room.broker.load(table, saved) {
        let told = refused.to_string();
        assert!(told.contains(table.file_name()) && told.len() < 1_000, "{told}");
        return;
    }
    room.broker.reconcile();
    let (_, written) = room.broker.table_file(table);
    room.broker.load(table, &written).expect("what was written is read");
    room.pass(std::time::Duration::from_millis(300));
    room.topic("still", 1);
    assert_eq!(0, room.send("still", 0, "alive"));
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 64,
        ..Default::default()
    })]

    #[test]
    fn raw_bytes_are_no_table(bytes in vec(any::<u8>(), 0..100)) {
        for table in Table::ALL {
            swallow_table(table, &Bytes::from(bytes.clone()));
        }
    }

    #[test]
    fn almost_tables(text in ALMOST_A_TABLE) {
        let whole = [
            text.clone(),
            format!("{{\"topicConfigTable\":{{\"orders\":{{{text}}}}}}}"),
            format!("{{\"subscriptionGroupTable\":{{\"g\":{{{text}}}}}}}"),
            format!("{{\"offsetTable\":{{\"orders@g\":{{{text}}}}}}}"),
            format!("{{\"offsetTable\":{{{text}}}}}"),
            format!("{{\"messageRequestModeMap\":{{\"orders\":{{{text}}}}}}}"),
        ];
        for text in whole {
            for table in Table::ALL {
                swallow_table(table, &Bytes::from(text.clone()));
            }
        }
    }

    /// Offsets and settings that no broker writes, in tables of the right shape.
    #[test]
    fn tables_with_any_number(number in any::<i64>(), queue in any::<i32>()) {
        for (table, text) in [
            (Table::Offsets, format!("{{\"offsetTable\":{{\"orders@g\":{{{queue}:{number}}}}}}}")),
            (Table::Delays, format!("{{\"offsetTable\":{{{queue}:{number}}}}}")),
            (Table::Delays, format!("{{\"offsetTable\":{{1:{number},2:{number}}}}}")),
            (Table::Topics, format!(
                "{{\"topicConfigTable\":{{\"orders\":{{\"topicName\":\"orders\",\"perm\":{queue},\
                 \"readQueueNums\":{queue},\"writeQueueNums\":{queue}}}}}}}"
            )),
            (Table::Groups, format!(
                "{{\"subscriptionGroupTable\":{{\"g\":{{\"groupName\":\"g\",\
                 \"retryMaxTimes\":{queue},\"retryQueueNums\":{queue}}}}}}}"
            )),
        ] {
            swallow_table(table, &Bytes::from(text));
        }
    }

    #[test]
    fn raw_configurations(bytes in vec(any::<u8>(), 0..200)) {
        if let Err(refused) = Config::read(&bytes, Host::default()) {
            let told = refused.to_string();
            prop_assert!(!told.is_empty() && told.len() < 1_000 && !told.contains('\n'), "{told}");
        }
    }

    /// What is taken can be shown, checked and read again.
    #[test]
    fn any_value_of_any_key(
        which in any::<prop::sample::Index>(),
        text in prop_oneof![value(), "[0-9smhd; ]{0,12}"],
    ) {
        let key = broker::config::KEYS[which.index(broker::config::KEYS.len())].name;
        let mut config = Config::on(Host::default());
        match config.set(key, &text) {
            Ok(_) => {
                let _usable = config.check().is_ok();
                let (again, _) = Config::read(config.print(false).as_bytes(), Host::default())?;
                prop_assert_eq!(again.properties(), config.properties());
            }
            Err(refused) => {
                let told = refused.to_string();
                prop_assert!(told.starts_with(&format!("`{key}` = `")), "{told}");
            }
        }
    }

    /// Every request with any few fields and any body.
    #[test]
    fn raw_requests(
        fields in vec((prop::sample::select(FIELDS.to_vec()), value()), 0..6),
        body in prop_oneof![
            vec(any::<u8>(), 0..60),
            ALMOST_A_TABLE.prop_map(String::into_bytes),
        ],
    ) {
        let mut room = Room::new();
        room.topic("orders", 1);
        room.send("orders", 0, "x");
        for entry in REQUESTS {
            let mut asked = Command::request(entry.code).with_body(body.clone());
            for (name, value) in &fields {
                asked.set_field(*name, value.as_str());
            }
            room.ask(OPERATOR, asked);
        }
        room.pass(std::time::Duration::from_secs(1));
        room.topic("still", 1);
        room.answer(crate::room::PRODUCER, crate::words::message("still", 0, "alive", ""));
    }
}
