//! What a broker registers: its topics, plain or folded.
//!
//! Plain it is JSON. Folded (the header says `compressed`) it is a zlib stream of
//!
//! ```text
//! | length: i32 | DataVersion as JSON       |
//! | count: i32  | count x ( length: i32 | topic text )     |
//! | length: i32 | filter servers as JSON    |
//! | count: i32  | count x ( length: i32 | QueueMapping as JSON ) |   since 5.0.0
//! ```
//!
//! all big-endian. A topic text is `name read write perm filterType attributes`, separated by
//! single spaces. It has no room for `order` and `topicSysFlag`: these are lost.
//!
//! Source: `remoting/protocol/body/RegisterBrokerBody.java`, `common/TopicConfig.java`.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};

use bytes::{Buf, Bytes};
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use serde::{Deserialize, Serialize};

use super::{
    BodyError, DataVersion, QueueMapping, TopicConfig, TopicConfigs, TopicFilterType, bodies,
};
use crate::Text;
use crate::json::{Style, read, write};

/// What a folded body may unfold to. Ours: half a million topics.
const UNFOLDED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The first version whose folded body has static queues: V5_0_0.
const VERSION_WITH_MAPPINGS: i32 = 413;

/// The topics of a broker.
///
/// Java: `RegisterBrokerBody`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RegisterBroker {
    /// Always empty today.
    #[serde(rename = "filterServerList")]
    pub filter_servers: Vec<Text>,
    /// The topics.
    #[serde(rename = "topicConfigSerializeWrapper")]
    pub topics: TopicConfigs,
}

bodies!(RegisterBroker);

impl RegisterBroker {
    /// Reads a folded body from a peer of `version` (the number in its command).
    pub fn from_folded(body: &[u8], version: i32) -> Result<Self, BodyError> {
        let unfolded = unfold(body)?;
        let mut rest = &unfolded[..];
        let mut topics = TopicConfigs {
            data_version: DataVersion::from_json(take_part(&mut rest, "the data version")?)?,
            ..TopicConfigs::default()
        };
        for _ in 0..take_count(&mut rest, "the list of topics")? {
            let TopicText(topic) = take_part(&mut rest, "a topic")?.try_into()?;
            topics.topic_config_table.insert(topic.topic_name.clone(), topic);
        }
        let filter_servers = read(take_part(&mut rest, "the list of filter servers")?)
            .map_err(|cause| BodyError::Json { body: "list of filter servers", cause })?;
        if VERSION_WITH_MAPPINGS <= version {
            for _ in 0..take_count(&mut rest, "the list of static topics")? {
                let mapping = QueueMapping::from_json(take_part(&mut rest, "a static topic")?)?;
                let topic = mapping.topic.clone().unwrap_or_default();
                topics.topic_queue_mapping_info_map.insert(topic, mapping);
            }
        }
        Ok(Self { filter_servers, topics })
    }

    /// Folds the body, for a peer that reads what a V5_0_0 or newer broker sends.
    pub fn to_folded(&self) -> Bytes {
        let mut unfolded = Vec::new();
        put_part(&self.topics.data_version.to_json(), &mut unfolded);
        put_length(self.topics.topic_config_table.len(), &mut unfolded);
        for topic in self.topics.topic_config_table.values() {
            put_part(TopicText(topic.clone()).to_string().as_bytes(), &mut unfolded);
        }
        put_part(&write(&self.filter_servers, Style::WIRE), &mut unfolded);
        put_length(self.topics.topic_queue_mapping_info_map.len(), &mut unfolded);
        for mapping in self.topics.topic_queue_mapping_info_map.values() {
            put_part(&mapping.to_json(), &mut unfolded);
        }
        let mut folder = ZlibEncoder::new(Vec::new(), Compression::best());
        match folder.write_all(&unfolded).and_then(|()| folder.finish()) {
            Ok(folded) => folded.into(),
            Err(cause) => panic!("writing to memory failed: {cause}"),
        }
    }
}

fn unfold(body: &[u8]) -> Result<Vec<u8>, BodyError> {
    let mut unfolded = Vec::new();
    // One byte more than allowed tells a body at the limit from one beyond it.
    let limit = u64::try_from(UNFOLDED_BYTES_MAX + 1).unwrap_or(u64::MAX);
    if ZlibDecoder::new(body).take(limit).read_to_end(&mut unfolded).is_err() {
        return Err(BodyError::Compressed { unfolded_bytes: unfolded.len() });
    }
    if UNFOLDED_BYTES_MAX < unfolded.len() {
        return Err(BodyError::TooLong { limit_bytes: UNFOLDED_BYTES_MAX });
    }
    Ok(unfolded)
}

fn take_i32(rest: &mut &[u8], part: &'static str) -> Result<i32, BodyError> {
    let left_bytes = rest.len();
    rest.try_get_i32().map_err(|_| BodyError::PartCut { part, part_bytes: 4, left_bytes })
}

fn take_count(rest: &mut &[u8], part: &'static str) -> Result<u32, BodyError> {
    let entries = take_i32(rest, part)?;
    u32::try_from(entries).map_err(|_| BodyError::Count { part, entries })
}

fn take_part<'a>(rest: &mut &'a [u8], part: &'static str) -> Result<&'a [u8], BodyError> {
    let part_bytes = take_i32(rest, part)?;
    let taken = usize::try_from(part_bytes).ok().and_then(|length| rest.split_at_checked(length));
    let Some((found, left)) = taken else {
        return Err(BodyError::PartCut { part, part_bytes, left_bytes: rest.len() });
    };
    *rest = left;
    Ok(found)
}

fn put_length(length: usize, unfolded: &mut Vec<u8>) {
    let length = i32::try_from(length).unwrap_or(i32::MAX);
    unfolded.extend_from_slice(&length.to_be_bytes());
}

fn put_part(part: &[u8], unfolded: &mut Vec<u8>) {
    put_length(part.len(), unfolded);
    unfolded.extend_from_slice(part);
}

/// A topic as the text it has in a folded body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicText(pub TopicConfig);

impl fmt::Display for TopicText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TopicConfig { topic_name, read_queues, write_queues, perm, topic_filter_type, .. } =
            &self.0;
        write!(f, "{topic_name} {read_queues} {write_queues} {perm} {topic_filter_type} ")?;
        f.write_str(&String::from_utf8_lossy(&write(&self.0.attributes, Style::WIRE)))
    }
}

impl TryFrom<&[u8]> for TopicText {
    type Error = BodyError;

    fn try_from(bytes: &[u8]) -> Result<Self, BodyError> {
        let whole = String::from_utf8_lossy(bytes);
        let wrong = |wanted| BodyError::Topic { text: whole.chars().take(80).collect(), wanted };
        // Differs from Java: attributes may hold spaces, they are the rest of the text.
        let mut parts = whole.splitn(6, ' ');
        let mut part = || parts.next().ok_or_else(|| wrong("it has fewer than five parts"));
        let number = |text: &str| text.parse().map_err(|_| wrong("its numbers are not"));
        let mut topic = TopicConfig {
            topic_name: part()?.into(),
            read_queues: number(part()?)?,
            write_queues: number(part()?)?,
            perm: number(part()?)?,
            ..TopicConfig::default()
        };
        topic.topic_filter_type = TopicFilterType::from_name(part()?)
            .ok_or_else(|| wrong("its filter type is neither SINGLE_TAG nor MULTI_TAG"))?;
        if let Some(attributes) = parts.next() {
            topic.attributes = read::<BTreeMap<Text, Text>>(attributes.as_bytes())
                .map_err(|_| wrong("its attributes are not JSON"))?;
        }
        Ok(Self(topic))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn two_topics() -> RegisterBroker {
        let mut topic = TopicConfig::new("TopicA", 4, 6);
        topic.attributes.insert("+message.type".into(), "NORMAL with spaces".into());
        let mut body = RegisterBroker::default();
        for topic in [topic, TopicConfig::new("TopicB", 1, 2)] {
            body.topics.topic_config_table.insert(topic.topic_name.clone(), topic);
        }
        let mapping = QueueMapping { topic: Some("S".into()), ..QueueMapping::default() };
        body.topics.topic_queue_mapping_info_map.insert("S".into(), mapping);
        body
    }

    fn fold(unfolded: &[u8]) -> Vec<u8> {
        let mut folder = ZlibEncoder::new(Vec::new(), Compression::fast());
        folder.write_all(unfolded).unwrap();
        folder.finish().unwrap()
    }

    #[test]
    fn a_folded_body_unfolds_to_itself() {
        assert_eq!(RegisterBroker::from_folded(&two_topics().to_folded(), 513), Ok(two_topics()));
    }

    #[test]
    fn a_peer_before_5_0_sends_no_static_topics() {
        let mut body = two_topics();
        body.topics.topic_queue_mapping_info_map.clear();
        let mut unfolded = unfold(&body.to_folded()).unwrap();
        unfolded.truncate(unfolded.len() - 4);

        assert_eq!(RegisterBroker::from_folded(&fold(&unfolded), 401), Ok(body));
        assert_eq!(
            RegisterBroker::from_folded(&fold(&unfolded), 413),
            Err(BodyError::PartCut {
                part: "the list of static topics",
                part_bytes: 4,
                left_bytes: 0
            })
        );
    }

    #[test]
    fn a_body_that_unfolds_without_end_is_refused() {
        let bomb = fold(&vec![0; UNFOLDED_BYTES_MAX + 2]);

        assert_eq!(
            RegisterBroker::from_folded(&bomb, 513),
            Err(BodyError::TooLong { limit_bytes: UNFOLDED_BYTES_MAX })
        );
    }

    #[test]
    fn lengths_that_lie_are_refused_by_name() {
        let refused =
            |bytes: &[u8]| RegisterBroker::from_folded(&fold(bytes), 513).unwrap_err().to_string();

        assert_eq!(
            refused(&[0x7f, 0xff, 0xff, 0xff, b'{']),
            "the data version should have 2147483647 bytes, but only 1 are left"
        );
        assert_eq!(
            refused(&[0xff, 0xff, 0xff, 0xff]),
            "the data version should have -1 bytes, but only 0 are left"
        );
        assert_eq!(
            refused(&[0, 0, 0, 2, b'{', b'}', 0xff, 0xff, 0xff, 0xff]),
            "the list of topics cannot have -1 entries"
        );
        assert_eq!(
            refused(&[0, 0, 0, 2, b'{', b'}', 0, 0, 0, 1, 0, 0, 0, 3, b'T', b' ', b'x']),
            "`T x` is not a topic: its numbers are not"
        );
    }

    proptest! {
        #[test]
        fn raw_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(RegisterBroker::from_folded(&bytes, 513));
            drop(RegisterBroker::from_folded(&fold(&bytes), 513));
            drop(RegisterBroker::from_json(&bytes));
        }

        #[test]
        fn a_bent_body_never_panics(at in 0_usize..200, byte in any::<u8>()) {
            let mut unfolded = unfold(&two_topics().to_folded()).unwrap();
            let at = at % unfolded.len();
            unfolded[at] = byte;
            drop(RegisterBroker::from_folded(&fold(&unfolded), 513));
        }
    }
}
