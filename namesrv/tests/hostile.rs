//! Bytes that nobody promised anything about: in the files a name server starts with, and in what
//! it is asked. It refuses or takes them; it goes on either way.

mod core;

use bytes::Bytes;
use namesrv::{Config, KvConfig};
use proptest::{collection::vec, prelude::*};
use protocol::{Command, RequestCode, properties_file};

use crate::core::{Broker, Core};

/// Pieces of bodies in any order.
const ALMOST_A_BODY: &str = concat!(
    r#"(\{|\}|\[|\]|:|,|"[a-z]{0,3}"|null|true|-?[0-9]{1,20}|1e999|\\u00|é|@|%|=|\\n|"#,
    r#""(configTable|topicConfigTable|topicConfigSerializeWrapper|queueDatas|dataVersion)":){0,30}"#,
);

/// Every code a name server answers, and one more.
const CODES: [RequestCode; 24] = [
    RequestCode::GET_ROUTEINFO_BY_TOPIC,
    RequestCode::REGISTER_BROKER,
    RequestCode::QUERY_DATA_VERSION,
    RequestCode::BROKER_HEARTBEAT,
    RequestCode::UNREGISTER_BROKER,
    RequestCode::GET_BROKER_CLUSTER_INFO,
    RequestCode::GET_BROKER_MEMBER_GROUP,
    RequestCode::WIPE_WRITE_PERM_OF_BROKER,
    RequestCode::ADD_WRITE_PERM_OF_BROKER,
    RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER,
    RequestCode::GET_TOPICS_BY_CLUSTER,
    RequestCode::GET_SYSTEM_TOPIC_LIST_FROM_NS,
    RequestCode::GET_UNIT_TOPIC_LIST,
    RequestCode::GET_HAS_UNIT_SUB_TOPIC_LIST,
    RequestCode::GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST,
    RequestCode::REGISTER_TOPIC_IN_NAMESRV,
    RequestCode::DELETE_TOPIC_IN_NAMESRV,
    RequestCode::PUT_KV_CONFIG,
    RequestCode::GET_KV_CONFIG,
    RequestCode::DELETE_KV_CONFIG,
    RequestCode::GET_KVLIST_BY_NAMESPACE,
    RequestCode::UPDATE_NAMESRV_CONFIG,
    RequestCode::GET_NAMESRV_CONFIG,
    RequestCode(9_999),
];

const FIELDS: [&str; 14] = [
    "topic",
    "brokerName",
    "brokerAddr",
    "clusterName",
    "haServerAddr",
    "brokerId",
    "compressed",
    "bodyCrc32",
    "heartbeatTimeoutMillis",
    "enableActingMaster",
    "namespace",
    "key",
    "value",
    "cluster",
];

fn value() -> impl Strategy<Value = String> {
    let ends = ["", "0", "-1", "2147483647", "9223372036854775807", "true", "a", "a:1", "orders"];
    prop_oneof![
        prop::sample::select(ends.to_vec()).prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        "\\PC{0,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn raw_files_of_values(bytes in vec(any::<u8>(), 0..100), text in ALMOST_A_BODY) {
        let inside = format!("{{\"configTable\":{{\"n\":{{{text}}}}}}}");
        for content in [&bytes, text.as_bytes(), inside.as_bytes()] {
            match KvConfig::from_file(content) {
                Ok(kv) => prop_assert_eq!(KvConfig::from_file(&kv.to_file()), Ok(kv)),
                Err(refused) => prop_assert!(refused.to_string().len() < 1_000),
            }
        }
    }

    #[test]
    fn raw_configurations(bytes in vec(any::<u8>(), 0..200), text in "(listenPort|[a-z=:\\\\ \n]){0,30}") {
        for content in [&bytes, text.as_bytes()] {
            let Ok(read) = properties_file::read(content) else { continue };
            let pairs: Vec<_> = read.into_iter().map(|each| (each.key, each.value)).collect();
            let mut config = Config::default();
            if let Err(refused) = config.set_all(&pairs) {
                let told = refused.to_string();
                prop_assert!(told.len() < 1_000 && !told.contains('\n'), "{told}");
            }
        }
    }

    /// Every request with any few fields and any body; a broker that was there is there still.
    #[test]
    fn raw_requests(
        fields in vec((prop::sample::select(FIELDS.to_vec()), value()), 0..6),
        body in prop_oneof![
            vec(any::<u8>(), 0..60).prop_map(Bytes::from),
            ALMOST_A_BODY.prop_map(Bytes::from),
        ],
    ) {
        let mut core = Core::new();
        core.answer(Broker::new("here", 0, "here:1").with_topic("orders", 1).command());
        for code in CODES {
            let mut asked = Command::request(code).with_body(body.clone());
            for (name, value) in &fields {
                asked.set_field(*name, value.as_str());
            }
            let answer = core.answer(asked);
            prop_assert!(answer.code == 0 || answer.remark.is_some(), "{answer:?}");
        }
        core.assert_replays();
        let whole = Broker::new("still", 0, "still:1").with_topic("alive", 1).command();
        prop_assert_eq!(core.answer(whole).code, 0);
    }
}
