//! What a message must be before it is stored, and where it goes; in RocketMQ's order.
//!
//! Source: `AbstractSendMessageProcessor.msgCheck`, `SendMessageProcessor.handleRetryAndDLQ`,
//! `HookUtils.checkBeforePutMessage`.

use protocol::{
    ResponseCode, Text,
    body::{TopicConfig, TopicFilterType},
    limits::PROPERTIES_BYTES_MAX,
    names, permission, properties, request, sys_flag,
};

use crate::{
    attributes,
    broker::Broker,
    config::Config,
    requests::{Asked, Refusal},
    topics::UnitMode,
};

/// From this version on a client's own limit of retries counts.
const OWN_RETRY_LIMIT_VERSION: i32 = 121;

/// What the properties of a message ask the broker for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Properties<'a> {
    /// The unique key, if the producer gave one.
    pub unique_key: Option<&'a str>,
    /// The tags.
    pub tags: Option<&'a str>,
    /// The delay level.
    pub delay_level: Option<i32>,
    /// Whether the answer waits for the disk.
    pub waits: bool,
    /// Whether there are keys.
    pub has_keys: bool,
    /// Whether it is a half message.
    pub is_half: bool,
    /// Whether it asks for a precise delivery time.
    pub is_timed: bool,
    /// Whether it claims to be a batch within.
    pub is_inner_batch: bool,
    /// Whether none of the names that the broker writes is there.
    pub is_clean: bool,
}

impl<'a> Properties<'a> {
    /// One walk over the text.
    pub(crate) fn scan(text: &'a str) -> Self {
        let mut found = Self { waits: true, is_clean: true, ..Self::default() };
        for (name, value) in properties::entries(text) {
            match name {
                properties::UNIQ_KEY => found.unique_key = Some(value),
                properties::TAGS => found.tags = Some(value),
                properties::DELAY => found.delay_level = value.parse().ok(),
                properties::WAIT => found.waits = value.eq_ignore_ascii_case("true"),
                properties::KEYS => found.has_keys = !value.trim().is_empty(),
                properties::TRANSACTION_PREPARED => {
                    found.is_half = value.eq_ignore_ascii_case("true");
                }
                properties::TIMER_DELAY_MS
                | properties::TIMER_DELAY_SEC
                | properties::TIMER_DELIVER_MS => found.is_timed = true,
                properties::INNER_NUM => found.is_inner_batch = true,
                properties::MSG_REGION
                | properties::TRACE_SWITCH
                | properties::CLUSTER
                | properties::POP_CK => found.is_clean = false,
                _ => {}
            }
        }
        found
    }

    fn is_delayed(&self) -> bool {
        self.delay_level.is_some_and(|level| 0 < level)
    }
}

/// Where a message goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Its topic.
    pub topic: Text,
    /// Its queue.
    pub queue_id: i32,
    /// Its flags.
    pub sys_flag: i32,
    /// It was tried too often and goes to the dead letters.
    pub is_dead_letter: bool,
}

/// The refusal of a message that is too large in one way or another.
pub(crate) fn too_large(config: &Config) -> Refusal {
    Refusal::new(
        ResponseCode::MESSAGE_ILLEGAL,
        format!(
            "the message is illegal, maybe msg body or properties length not matched. msg body \
             length limit {}B, msg properties length limit 32KB.",
            config.max_message_bytes
        ),
    )
}

/// Whether anybody may send this now, and to this topic; creates the topic if that is allowed.
pub(crate) fn check(
    broker: &mut Broker,
    asked: &Asked,
    header: &request::Send,
) -> Result<(), Refusal> {
    let accept_after_ms = broker.config.accept_send_after_ms;
    if asked.now.wall_ms < accept_after_ms {
        return Err(Refusal::system_error(format!(
            "broker unable to service, until {accept_after_ms}"
        )));
    }
    let topic = &header.topic;
    // Only ordered topics are refused, as in Java: clients do not send to a broker without write
    // permission once their route says so, and until then their messages are welcome.
    if !permission::is_writable(broker.config.broker_permission) && broker.topics.is_ordered(topic)
    {
        return Err(Refusal::new(
            ResponseCode::NO_PERMISSION,
            format!("the broker[{}] sending message is forbidden", broker.config.broker_ip1),
        ));
    }
    names::check_topic(topic)
        .map_err(|error| Refusal::new(ResponseCode::INVALID_PARAMETER, error.to_string()))?;
    if names::is_send_forbidden(topic) {
        return Err(Refusal::new(
            ResponseCode::NO_PERMISSION,
            format!("Sending message to topic[{topic}] is forbidden."),
        ));
    }
    let Some(config) = find_or_create(broker, asked, header) else {
        return Err(Refusal::new(
            ResponseCode::TOPIC_NOT_EXIST,
            format!(
                "topic[{topic}] not exist, apply first please!\nSee \
                 https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details."
            ),
        ));
    };
    if config.write_queues.max(config.read_queues) <= header.queue_id {
        let shown = show(config);
        let remote = broker.peers.remote(asked.peer);
        return Err(Refusal::new(
            ResponseCode::INVALID_PARAMETER,
            format!("request queueId[{}] is illegal, {shown} Producer: {remote}", header.queue_id),
        ));
    }
    Ok(())
}

fn find_or_create<'a>(
    broker: &'a mut Broker,
    asked: &Asked,
    header: &request::Send,
) -> Option<&'a TopicConfig> {
    let topic = &header.topic;
    let now_ms = asked.now.wall_ms;
    if !broker.topics.contains(topic) {
        let sys_flag = UnitMode(header.unit_mode == Some(true)).sys_flag(topic);
        let queues = header.default_topic_queues;
        let example = &header.default_topic;
        // The example may be left from a time when topics were created.
        let is_off = example == names::AUTO_CREATE_TOPIC && !broker.config.auto_create_topic;
        let is_created = !is_off
            && broker.topics.create_for_send(topic, example, queues, sys_flag, now_ms).is_some();
        if !is_created && names::is_retry_topic(topic) {
            broker.topics.create_for_group(topic, 1, None, sys_flag, now_ms);
        }
        if broker.topics.contains(topic) {
            tracing::info!(%topic, "a topic was created for the first message sent to it");
        }
    }
    broker.topics.get(topic)
}

/// A topic as Java prints it in this message.
fn show(topic: &TopicConfig) -> String {
    let attributes: Vec<String> =
        topic.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!(
        "TopicConfig [topicName={}, readQueueNums={}, writeQueueNums={}, perm={}, \
         topicFilterType={}, topicSysFlag={}, order={}, attributes={{{}}}]",
        topic.topic_name,
        topic.read_queues,
        topic.write_queues,
        permission::text(topic.perm),
        topic.topic_filter_type,
        topic.topic_sys_flag,
        topic.order,
        attributes.join(", ")
    )
}

/// The queue of a message: as the producer wants, or any that may be written.
pub(crate) fn queue(broker: &mut Broker, header: &request::Send) -> i32 {
    if 0 <= header.queue_id {
        return header.queue_id;
    }
    let queues = broker.topics.get(&header.topic).map_or(1, |topic| topic.write_queues);
    broker.dice.below(queues)
}

/// Where a message goes: to its topic, or, if it was tried too often, to the dead letters.
pub(crate) fn target(
    broker: &mut Broker,
    asked: &Asked,
    header: &request::Send,
) -> Result<Target, Refusal> {
    let queue_id = queue(broker, header);
    let topic_config = broker.topics.get(&header.topic);
    let multi = topic_config.is_some_and(|t| t.topic_filter_type == TopicFilterType::MultiTag);
    let sys_flag = if multi { header.sys_flag | sys_flag::MULTI_TAGS } else { header.sys_flag };
    let topic = topic_config.map_or_else(|| header.topic.clone(), |t| t.topic_name.clone());
    let plain = Target { topic, queue_id, sys_flag, is_dead_letter: false };
    let Some(group) = header.topic.strip_prefix(names::RETRY_PREFIX) else { return Ok(plain) };
    let now_ms = asked.now.wall_ms;
    let Some(config) = broker.groups.find_or_create(group, &broker.config, now_ms) else {
        return Err(no_such_group(group));
    };
    let own_limit =
        header.max_reconsume_times.filter(|_| OWN_RETRY_LIMIT_VERSION <= asked.command.version);
    let limit = own_limit.unwrap_or(config.retry_max_times);
    let tried_too_often = limit < header.reconsume_times.unwrap_or(0);
    // A group that consumes in order gives a message back only when it has given up on it.
    if !tried_too_often && !broker.locks.is_held(asked.now.monotonic, group) {
        return Ok(plain);
    }
    let dead = names::dlq_topic(group);
    broker.topics.create_for_group(&dead, 1, None, 0, now_ms);
    Ok(Target { topic: dead, queue_id: 0, is_dead_letter: true, ..plain })
}

/// The refusal for a consumer group that does not exist and may not be created.
pub(crate) fn no_such_group(group: &str) -> Refusal {
    Refusal::new(
        ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
        format!(
            "subscription group not exist, {group} \nSee \
             https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details."
        ),
    )
}

/// Whether the message itself can be stored, and as what it asks to be.
pub(crate) fn check_message(
    broker: &Broker,
    asked: &Asked,
    header: &request::Send,
    target: &Target,
    wanted: &Properties<'_>,
) -> Result<(), Refusal> {
    let config = &broker.config;
    let illegal = |remark: &str| Refusal::new(ResponseCode::MESSAGE_ILLEGAL, remark);
    let topic_config = broker.topics.get(&header.topic);
    let attribute = |name| topic_config.and_then(|topic| topic.attributes.get(name));
    if attribute(attributes::CLEANUP_POLICY).is_some_and(|policy| *policy == "COMPACTION")
        && !wanted.has_keys
    {
        return Err(illegal("Required message key is missing"));
    }
    let transaction = sys_flag::transaction(header.sys_flag);
    let is_half =
        wanted.is_half && !(0 < header.reconsume_times.unwrap_or(0) && wanted.is_delayed());
    if is_half
        || transaction == sys_flag::TRANSACTION_PREPARED
        || transaction == sys_flag::TRANSACTION_ROLLBACK
    {
        // Stored as an ordinary message it would be seen before its transaction is decided.
        return Err(Refusal::new(
            ResponseCode::NO_PERMISSION,
            format!("the broker[{}] sending transaction message is forbidden", config.broker_ip1),
        ));
    }
    if wanted.is_timed && !wanted.is_delayed() {
        // Stored as an ordinary message it would be delivered at once.
        return Err(illegal("messages with a precise delivery time are not supported yet"));
    }
    if wanted.is_inner_batch || sys_flag::has(header.sys_flag, sys_flag::INNER_BATCH) {
        return Err(illegal("batches stored as one record are not supported yet"));
    }
    let topic_limit = usize::try_from(config.max_topic_letters).unwrap_or(usize::MAX);
    let topic_too_long = topic_limit < target.topic.len()
        && !names::is_retry_topic(&target.topic)
        && !target.is_dead_letter;
    let body_bytes = asked.command.body.len();
    let body_limit = usize::try_from(config.max_message_bytes).unwrap_or(usize::MAX);
    let property_bytes = header.properties.as_ref().map_or(0, |text| text.len());
    if topic_too_long
        || body_bytes == 0
        || body_limit < body_bytes
        || PROPERTIES_BYTES_MAX < property_bytes
    {
        return Err(too_large(config));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_scanned_in_one_walk() {
        let text =
            "KEYS\u{1}k\u{2}UNIQ_KEY\u{1}A1\u{2}WAIT\u{1}false\u{2}DELAY\u{1}3\u{2}TAGS\u{1}T";
        let found = Properties::scan(text);
        assert_eq!(Some("A1"), found.unique_key);
        assert_eq!(Some("T"), found.tags);
        assert_eq!(Some(3), found.delay_level);
        assert!(!found.waits && found.has_keys && found.is_clean && !found.is_half);
        assert!(!Properties::scan("CLUSTER\u{1}x\u{2}").is_clean);
        assert!(Properties::scan("TRAN_MSG\u{1}TRUE\u{2}").is_half);
        assert!(Properties::scan("TIMER_DELAY_MS\u{1}5\u{2}").is_timed);
        assert!(Properties::scan("").waits);
    }
}
