//! Names of topics and groups: which are allowed, which are the system's, and how the topics of a
//! group are called.
//!
//! Source: common/topic/TopicValidator.java, common/{MixAll, KeyBuilder}.java.

use crate::{
    Text,
    limits::{GROUP_CHARS_MAX, RETRY_TOPIC_CHARS_MAX, TOPIC_CHARS_MAX},
};

/// The topic whose configuration new topics take.
pub const AUTO_CREATE_TOPIC: &str = "TBW102";
/// Messages that wait for a delay level.
pub const SCHEDULE_TOPIC: &str = "SCHEDULE_TOPIC_XXXX";
/// Where benchmarks send to.
pub const BENCHMARK_TOPIC: &str = "BenchmarkTest";
/// First halves of transactions.
pub const TRANS_HALF_TOPIC: &str = "RMQ_SYS_TRANS_HALF_TOPIC";
/// Which halves are settled.
pub const TRANS_OP_HALF_TOPIC: &str = "RMQ_SYS_TRANS_OP_HALF_TOPIC";
/// Halves that were checked too often.
pub const TRANS_CHECK_MAX_TIME_TOPIC: &str = "TRANS_CHECK_MAX_TIME_TOPIC";
/// Halves kept in RocksDB by Java 5.4 and later.
pub const ROCKSDB_TRANS_HALF_TOPIC: &str = "RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC";
/// Which of those are settled.
pub const ROCKSDB_TRANS_OP_HALF_TOPIC: &str = "RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC";
/// Traces of messages.
pub const TRACE_TOPIC: &str = "RMQ_SYS_TRACE_TOPIC";
/// A broker's test of itself.
pub const SELF_TEST_TOPIC: &str = "SELF_TEST_TOPIC";
/// News of offsets that moved.
pub const OFFSET_MOVED_EVENT: &str = "OFFSET_MOVED_EVENT";
/// Offsets in RocksDB.
pub const CHECKPOINT_TOPIC: &str = "CHECKPOINT_TOPIC";
/// Messages on the timer wheel.
pub const TIMER_TOPIC: &str = "rmq_sys_wheel_timer";

/// Every system topic begins so, or is one of the constants above.
pub const SYSTEM_TOPIC_PREFIX: &str = "rmq_sys_";
/// Before the broker's name: the topic in which members of a broker set meet.
pub const SYNC_BROKER_MEMBER_PREFIX: &str = "rmq_sys_SYNC_BROKER_MEMBER_";
/// Before the cluster's name: check points of pops.
pub const REVIVE_LOG_PREFIX: &str = "rmq_sys_REVIVE_LOG_";
/// After the cluster's name: replies to requests.
pub const REPLY_TOPIC_SUFFIX: &str = "REPLY_TOPIC";
/// Before the group's name: messages to be consumed again.
pub const RETRY_PREFIX: &str = "%RETRY%";
/// Before the group's name: messages given up.
pub const DLQ_PREFIX: &str = "%DLQ%";
/// Before the name of a light queue.
pub const LMQ_PREFIX: &str = "%LMQ%";
/// Before a group of the system.
pub const SYSTEM_GROUP_PREFIX: &str = "CID_RMQ_SYS_";

/// The group of producers that did not name one.
pub const DEFAULT_PRODUCER_GROUP: &str = "DEFAULT_PRODUCER";
/// The group of consumers that did not name one.
pub const DEFAULT_CONSUMER_GROUP: &str = "DEFAULT_CONSUMER";
/// The group of tools.
pub const TOOLS_CONSUMER_GROUP: &str = "TOOLS_CONSUMER";
/// The group of the delay topic.
pub const SCHEDULE_CONSUMER_GROUP: &str = "SCHEDULE_CONSUMER";
/// The group of filter servers.
pub const FILTERSRV_CONSUMER_GROUP: &str = "FILTERSRV_CONSUMER";
/// The group of the monitor.
pub const MONITOR_CONSUMER_GROUP: &str = "__MONITOR_CONSUMER";
/// The group by which a client resends.
pub const CLIENT_INNER_PRODUCER_GROUP: &str = "CLIENT_INNER_PRODUCER";
/// The group of the self test.
pub const SELF_TEST_PRODUCER_GROUP: &str = "SELF_TEST_P_GROUP";
/// The group of the self test.
pub const SELF_TEST_CONSUMER_GROUP: &str = "SELF_TEST_C_GROUP";
/// The group that settles transactions.
pub const TRANS_GROUP: &str = "CID_RMQ_SYS_TRANS";
/// Groups of the HTTP proxy of Aliyun.
pub const ONS_HTTP_PROXY_GROUP: &str = "CID_ONS-HTTP-PROXY";
/// Groups of the API of Aliyun.
pub const CID_ONSAPI_OWNER_GROUP: &str = "CID_ONSAPI_OWNER";
/// Groups of the API of Aliyun.
pub const CID_ONSAPI_PERMISSION_GROUP: &str = "CID_ONSAPI_PERMISSION";
/// Groups of the API of Aliyun.
pub const CID_ONSAPI_PULL_GROUP: &str = "CID_ONSAPI_PULL";

const SYSTEM_TOPICS: [&str; 10] = [
    AUTO_CREATE_TOPIC,
    SCHEDULE_TOPIC,
    BENCHMARK_TOPIC,
    TRANS_HALF_TOPIC,
    TRACE_TOPIC,
    TRANS_OP_HALF_TOPIC,
    TRANS_CHECK_MAX_TIME_TOPIC,
    SELF_TEST_TOPIC,
    OFFSET_MOVED_EVENT,
    CHECKPOINT_TOPIC,
];

const PREDEFINED_GROUPS: [&str; 14] = [
    DEFAULT_CONSUMER_GROUP,
    DEFAULT_PRODUCER_GROUP,
    TOOLS_CONSUMER_GROUP,
    SCHEDULE_CONSUMER_GROUP,
    FILTERSRV_CONSUMER_GROUP,
    MONITOR_CONSUMER_GROUP,
    CLIENT_INNER_PRODUCER_GROUP,
    SELF_TEST_PRODUCER_GROUP,
    SELF_TEST_CONSUMER_GROUP,
    ONS_HTTP_PROXY_GROUP,
    CID_ONSAPI_PERMISSION_GROUP,
    CID_ONSAPI_OWNER_GROUP,
    CID_ONSAPI_PULL_GROUP,
    TRANS_GROUP,
];

/// Why a name cannot be a topic's or a group's. Its text is the remark of Java's answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or only blanks.
    #[error("The specified {what} is blank.")]
    Blank {
        /// `topic` or `group`.
        what: &'static str,
    },
    /// Something else than letters, digits and `%|_-`.
    #[error(
        "The specified {what}: {name}, contains illegal characters, allowing only \
         ^[%|a-zA-Z0-9_-]+$"
    )]
    IllegalCharacter {
        /// `topic` or `group`.
        what: &'static str,
        /// The name.
        name: Text,
    },
    /// More characters than the limit.
    #[error("The specified {what}: {name}, is longer than {what} max length: {limit}")]
    TooLong {
        /// `topic` or `group`.
        what: &'static str,
        /// The name.
        name: Text,
        /// The most it may have.
        limit: usize,
    },
    /// More characters than the limit of a group's topic.
    #[error(
        "The specified topic is DLQ or Retry topic: {name}, and it's longer than topic max \
         length: {limit}"
    )]
    RetryTooLong {
        /// The name.
        name: Text,
        /// The most it may have.
        limit: usize,
    },
}

/// Whether `topic` may be the name of a topic.
pub fn check_topic(topic: &str) -> Result<(), NameError> {
    check_characters("topic", topic)?;
    if topic.starts_with(RETRY_PREFIX) || topic.starts_with(DLQ_PREFIX) {
        if RETRY_TOPIC_CHARS_MAX < topic.len() {
            let limit = RETRY_TOPIC_CHARS_MAX;
            return Err(NameError::RetryTooLong { name: Text::from(topic), limit });
        }
        return Ok(());
    }
    check_length("topic", topic, TOPIC_CHARS_MAX)
}

/// Whether `group` may be the name of a group.
pub fn check_group(group: &str) -> Result<(), NameError> {
    check_characters("group", group)?;
    check_length("group", group, GROUP_CHARS_MAX)
}

fn check_characters(what: &'static str, name: &str) -> Result<(), NameError> {
    if name.chars().all(char::is_whitespace) {
        return Err(NameError::Blank { what });
    }
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'%' | b'|' | b'_' | b'-');
    if !name.bytes().all(legal) {
        return Err(NameError::IllegalCharacter { what, name: Text::from(name) });
    }
    Ok(())
}

fn check_length(what: &'static str, name: &str, limit: usize) -> Result<(), NameError> {
    if limit < name.len() {
        return Err(NameError::TooLong { what, name: Text::from(name), limit });
    }
    Ok(())
}

/// Whether a topic is the system's.
pub fn is_system_topic(topic: &str) -> bool {
    topic.starts_with(SYSTEM_TOPIC_PREFIX) || SYSTEM_TOPICS.contains(&topic)
}

/// The system topics every broker knows, in alphabetical order.
pub fn system_topics() -> impl Iterator<Item = &'static str> {
    let mut topics = SYSTEM_TOPICS;
    topics.sort_unstable();
    topics.into_iter()
}

/// Whether a client must not send to a topic.
pub fn is_send_forbidden(topic: &str) -> bool {
    matches!(
        topic,
        SCHEDULE_TOPIC
            | TRANS_HALF_TOPIC
            | TRANS_OP_HALF_TOPIC
            | TRANS_CHECK_MAX_TIME_TOPIC
            | SELF_TEST_TOPIC
            | OFFSET_MOVED_EVENT
    )
}

/// Whether a group is the system's.
pub fn is_system_group(group: &str) -> bool {
    group.starts_with(SYSTEM_GROUP_PREFIX)
}

/// Whether a group is one that RocketMQ itself names, so nobody needs to create it.
pub fn is_predefined_group(group: &str) -> bool {
    PREDEFINED_GROUPS.contains(&group)
}

/// Whether a queue is a light one.
pub fn is_lmq(topic: &str) -> bool {
    topic.starts_with(LMQ_PREFIX)
}

/// Whether a topic holds what a group will consume again.
pub fn is_retry_topic(topic: &str) -> bool {
    topic.starts_with(RETRY_PREFIX)
}

/// Whether a topic holds what a group gave up.
pub fn is_dlq_topic(topic: &str) -> bool {
    topic.starts_with(DLQ_PREFIX)
}

/// The topic of what a group will consume again.
pub fn retry_topic(group: &str) -> Text {
    Text::from([RETRY_PREFIX, group].concat())
}

/// The topic of what a group gave up.
pub fn dlq_topic(group: &str) -> Text {
    Text::from([DLQ_PREFIX, group].concat())
}

/// The group whose retry or dead letter topic this is.
pub fn group_of(topic: &str) -> Option<&str> {
    topic.strip_prefix(RETRY_PREFIX).or_else(|| topic.strip_prefix(DLQ_PREFIX))
}

/// The topic of replies in a cluster.
pub fn reply_topic(cluster: &str) -> Text {
    Text::from([cluster, "_", REPLY_TOPIC_SUFFIX].concat())
}

/// The retry topic of pops of `topic` by `group`, first form.
pub fn pop_retry_topic(topic: &str, group: &str) -> Text {
    Text::from([RETRY_PREFIX, group, "_", topic].concat())
}

/// The retry topic of pops of `topic` by `group`, second form; its `+` is no legal character.
pub fn pop_retry_topic_v2(topic: &str, group: &str) -> Text {
    Text::from([RETRY_PREFIX, group, "+", topic].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_name_is_refused_in_javas_words() {
        let long = "t".repeat(128);
        let retry = format!("{RETRY_PREFIX}{}", "g".repeat(249));
        for (refused, words) in [
            (check_topic(" "), "The specified topic is blank.".to_owned()),
            (
                check_topic("a+b"),
                "The specified topic: a+b, contains illegal characters, allowing only \
                 ^[%|a-zA-Z0-9_-]+$"
                    .to_owned(),
            ),
            (
                check_topic(&long),
                format!("The specified topic: {long}, is longer than topic max length: 127"),
            ),
            (
                check_topic(&retry),
                format!(
                    "The specified topic is DLQ or Retry topic: {retry}, and it's longer than \
                     topic max length: 255"
                ),
            ),
            (
                check_group(&"g".repeat(121)),
                format!(
                    "The specified group: {}, is longer than group max length: 120",
                    "g".repeat(121)
                ),
            ),
        ] {
            assert_eq!(refused.unwrap_err().to_string(), words);
        }
        assert_eq!(check_topic(&"t".repeat(127)), Ok(()));
        assert_eq!(check_topic(&retry[..255]), Ok(()));
        assert_eq!(check_group("%a|B-9_"), Ok(()));
    }

    #[test]
    fn the_topics_of_a_group_lead_back_to_it() {
        assert_eq!(retry_topic("orders"), "%RETRY%orders");
        assert_eq!(group_of("%DLQ%orders"), Some("orders"));
        assert_eq!(group_of("orders"), None);
        assert!(is_system_topic("rmq_sys_anything") && is_system_topic("TBW102"));
        assert!(!is_system_topic("orders") && is_send_forbidden("SELF_TEST_TOPIC"));
        assert!(is_system_group("CID_RMQ_SYS_TRANS") && !is_system_group("orders"));
        assert!(is_predefined_group("TOOLS_CONSUMER") && !is_predefined_group("orders"));
    }
}
