//! Bodies and configuration texts that nobody promised anything about.

use std::sync::LazyLock;

use bytes::{BufMut, Bytes, BytesMut};
use proptest::{collection::vec, prelude::*};
use protocol::{body, frame::take_frame, json, properties_file};

use crate::hostile::{FRAMES, changed, changes};

/// Pieces of bodies in any order.
const ALMOST_A_BODY: &str = concat!(
    r#"(\{|\}|\[|\]|:|,|"[a-z]{0,3}"|'x'|null|true|-?[0-9]{1,20}|1e999|\\u00|/\*|é|"#,
    r#""(topicConfigTable|offsetTable|dataVersion|brokerAddrs|consumerDataSet)":|@|%){0,40}"#,
);

static BODIES: LazyLock<Vec<Bytes>> = LazyLock::new(|| {
    let body = |frame: &Bytes| take_frame(&mut BytesMut::from(&frame[..])).unwrap().unwrap().body;
    FRAMES.iter().map(body).filter(|body| body.first() == Some(&b'{')).collect()
});

/// Reads the bytes as each of these; what was understood is written and read again as the same.
macro_rules! swallow {
    ($bytes:expr; $($name:ident),+ $(,)?) => {
        $(if let Ok(body) = body::$name::from_json($bytes) {
            let again = body::$name::from_json(&body.to_json());
            assert_eq!(again.as_ref(), Ok(&body), stringify!($name));
        })+
    };
}

fn swallow(bytes: &[u8]) {
    swallow!(bytes;
        BrokerConsumeStats, BrokerMemberGroup, BrokerStats, CheckClient, ClusterInfo, ConsumeQueueEntries, ConsumeStats, ConsumeTimeSpans, ConsumedDirectly, ConsumerConnection, ConsumerList, ConsumerOffsetTable, ConsumerRunningInfo, ConsumerStatus, CorrectionOffsets, DataVersion, DelayOffsetTable, GroupForbidden, GroupList, Heartbeat, KeyValueTable, KvConfigTable, LockBatch, LockedBatch, MessageQueue, MessageRequestModeSetting, MessageRequestModes, ProducerConnection, ProducerTable, QueueMapping, QueueMappingDetail, RegisterBroker, ResetOffset, ResetOffsetForC, SubscriptionAnswer, SubscriptionData, SubscriptionGroupConfig, SubscriptionGroupList, SubscriptionGroupTable, TimerMetrics, TopicConfig, TopicConfigList, TopicConfigTable, TopicConfigs, TopicList, TopicRoute, TopicStats,
    );
    let _ = body::RegisterBroker::from_folded(bytes, i32::MAX);
    let _ = json::Value::from_json(bytes);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn raw_bytes_are_no_body(bytes in vec(any::<u8>(), 0..200)) {
        swallow(&bytes);
    }

    #[test]
    fn almost_bodies(text in ALMOST_A_BODY) {
        swallow(text.as_bytes());
        swallow(format!("{{\"offsetTable\":{{{text}}}}}").as_bytes());
    }

    #[test]
    fn changed_json_bodies_of_java(which in any::<prop::sample::Index>(), changes in changes()) {
        swallow(&changed(&BODIES[which.index(BODIES.len())], &changes));
    }

    /// What a registration unfolds to believes lengths and counts of its own.
    #[test]
    fn raw_folded_registrations(
        parts in vec((prop_oneof![Just(None), any::<i32>().prop_map(Some)], "[ -~]{0,20}"), 0..8),
        version in prop_oneof![Just(0), Just(i32::MAX)],
    ) {
        let mut plain = BytesMut::new();
        for (lie, text) in parts {
            plain.put_i32(lie.unwrap_or(i32::try_from(text.len()).unwrap()));
            plain.extend_from_slice(text.as_bytes());
        }
        let folded = protocol::compress::Compression::Zlib.compress(&plain, 5).unwrap();
        let _ = body::RegisterBroker::from_folded(&folded, version);
    }

    #[test]
    fn changed_folded_registrations(changes in changes()) {
        let mut whole = body::RegisterBroker::default();
        whole.topics.topic_config_table.insert("orders".into(), body::TopicConfig::default());
        let folded = whole.to_folded();
        let _ = body::RegisterBroker::from_folded(&changed(&folded, &changes), i32::MAX);
    }

    #[test]
    fn raw_bytes_are_no_configuration(bytes in vec(any::<u8>(), 0..200)) {
        swallow_configuration(&bytes);
    }

    #[test]
    fn almost_configurations(
        text in r"(listenPort|[a-z]{0,3}|=|:| |\t|\n|\r|\\|\\u00|\\u00e9|#|!|é|😀){0,40}",
    ) {
        swallow_configuration(text.as_bytes());
    }
}

/// What was understood is written and read again as the same.
fn swallow_configuration(bytes: &[u8]) {
    let Ok(read) = properties_file::read(bytes) else { return };
    assert!(read.len() <= bytes.len());
    let letters: usize = read.iter().map(|each| each.key.len() + each.value.len()).sum();
    // A byte that is Latin-1 has two in UTF-8; a lone surrogate becomes three.
    assert!(letters <= 3 * bytes.len());
    for property in read {
        let line = properties_file::line("key", &property.value);
        let again = properties_file::read(line.as_bytes()).unwrap();
        assert_eq!(again[0].value, property.value);
    }
}
