//! Topics: create, change, delete, show.

use protocol::{
    ResponseCode, Text,
    body::{self, DataVersion, TopicConfig, TopicFilterType},
    names, permission, request, response,
};

use super::{succeeded, with_body};
use crate::{
    attributes,
    broker::Broker,
    clients::unreadable,
    event::Effect,
    requests::{Asked, Refusal, Reply},
};

fn invalid(remark: impl Into<Text>) -> Refusal {
    Refusal::new(ResponseCode::INVALID_PARAMETER, remark)
}

/// Whether a topic of this name may be created or changed.
fn check_name(broker: &Broker, topic: &str) -> Result<(), Refusal> {
    names::check_topic(topic).map_err(|error| invalid(error.to_string()))?;
    check_not_system(broker, topic)
}

fn check_not_system(broker: &Broker, topic: &str) -> Result<(), Refusal> {
    if broker.config.validate_system_topic && broker.topics.is_system(topic) {
        return Err(invalid(format!("The topic[{topic}] is conflict with system topic.")));
    }
    Ok(())
}

fn check_change(topic: &TopicConfig) -> Result<(), Refusal> {
    if !permission::is_valid(topic.perm) {
        return Err(invalid(format!("permission {} of {} is none", topic.perm, topic.topic_name)));
    }
    let kind = topic.attributes.get("+message.type");
    if kind.is_some_and(|kind| *kind == "MIXED") {
        return Err(invalid("MIXED message type is not supported."));
    }
    Ok(())
}

/// UPDATE_AND_CREATE_TOPIC.
pub(crate) fn create(
    broker: &mut Broker,
    asked: &Asked,
    effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::CreateTopic::decode(&asked.command)?;
    check_name(broker, &header.topic)?;
    let topic_filter_type = TopicFilterType::from_name(&header.topic_filter_type)
        .ok_or_else(|| invalid(format!("topicFilterType `{}`", header.topic_filter_type)))?;
    let change = header.attributes.as_deref().unwrap_or_default();
    let attributes = attributes::parse(change).map_err(Refusal::system_error)?;
    let wanted = TopicConfig {
        attributes,
        order: header.order,
        perm: header.perm,
        read_queues: header.read_queues,
        topic_filter_type,
        topic_name: header.topic.detached(),
        topic_sys_flag: header.topic_sys_flag.unwrap_or(0),
        write_queues: header.write_queues,
    };
    check_change(&wanted)?;
    let now_ms = asked.now.wall_ms;
    let changed = broker.topics.update(wanted, now_ms).map_err(Refusal::system_error)?;
    tracing::info!(topic = %header.topic, changed, "a topic was configured");
    broker.answer_when_saved(asked, succeeded(asked), effects)
}

/// UPDATE_AND_CREATE_TOPIC_LIST: all or none.
pub(crate) fn create_list(
    broker: &mut Broker,
    asked: &Asked,
    effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let list = body::TopicConfigList::from_json(&asked.command.body)
        .map_err(|error| unreadable(&error))?;
    for topic in &list.topic_config_list {
        check_name(broker, &topic.topic_name)?;
        check_change(topic)?;
        broker.topics.check(topic).map_err(Refusal::system_error)?;
    }
    for topic in list.topic_config_list {
        broker.topics.update(topic, asked.now.wall_ms).map_err(Refusal::system_error)?;
    }
    broker.answer_when_saved(asked, succeeded(asked), effects)
}

/// DELETE_TOPIC_IN_BROKER: with its queues, its offsets and, if configured, its retry topics.
pub(crate) fn delete(
    broker: &mut Broker,
    asked: &Asked,
    effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::DeleteTopic::decode(&asked.command)?;
    let topic = &header.topic;
    if topic.trim().is_empty() {
        return Err(invalid("The specified topic is blank."));
    }
    check_not_system(broker, topic)?;
    let mut doomed = vec![topic.clone()];
    if broker.config.clear_retry_topic {
        for group in broker.offsets.groups_of(topic) {
            doomed.push(names::pop_retry_topic(topic, &group));
            doomed.push(names::pop_retry_topic_v2(topic, &group));
        }
    }
    for topic in doomed {
        if broker.topics.remove(&topic, asked.now.wall_ms) {
            tracing::info!(%topic, "a topic was deleted");
        }
        broker.offsets.remove_topic(&topic);
        broker.stats.remove_topic(&topic);
        broker
            .store
            .delete_topic(&topic)
            .map_err(|error| Refusal::system_error(format!("queues of {topic}: {error}")))?;
    }
    broker.answer_when_saved(asked, succeeded(asked), effects)
}

/// GET_TOPIC_CONFIG.
pub(crate) fn get(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::TopicConfig::decode(&asked.command)?;
    let Some(topic) = broker.topics.get(&header.topic) else {
        let remark = format!("No topic in this broker. topic: {}", header.topic);
        return Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, remark));
    };
    Ok(with_body(asked, topic.to_json()))
}

/// GET_ALL_TOPIC_CONFIG: all at once, or one page.
pub(crate) fn get_all(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::AllTopicConfig::decode(&asked.command)?;
    let wants_all =
        header.topic_seq.is_none() && header.data_version.is_none() && header.max_topics.is_none();
    let topic_config_table = if wants_all || !broker.config.split_metadata {
        broker.topics.table().clone()
    } else {
        let page = page(
            broker,
            header.data_version.as_deref(),
            broker.topics.version(),
            (header.topic_seq, header.max_topics),
        );
        broker.topics.page(page.0, page.1)
    };
    let body = body::TopicConfigs {
        data_version: *broker.topics.version(),
        mapping_data_version: DataVersion {
            timestamp_ms: broker.started.wall_ms,
            ..DataVersion::default()
        },
        topic_config_table,
        ..body::TopicConfigs::default()
    };
    let total = i32::try_from(broker.topics.table().len()).unwrap_or(i32::MAX);
    let fields = response::AllTopicConfig { total_topics: Some(total) }.fields();
    Ok(Reply::Answer(succeeded(asked).with_fields(fields).with_body(body.to_json())))
}

/// Where a page begins and how long it is. A page of another version starts over.
pub(super) fn page(
    broker: &Broker,
    version: Option<&str>,
    current: &DataVersion,
    wanted: (Option<i32>, Option<i32>),
) -> (usize, usize) {
    let (from, count) = wanted;
    let same = version
        .and_then(|version| DataVersion::from_json(version.as_bytes()).ok())
        .is_some_and(|version| version == *current);
    let from = usize::try_from(from.unwrap_or(0)).unwrap_or(0);
    let most = usize::try_from(broker.config.split_metadata_size).unwrap_or(usize::MAX);
    let count = usize::try_from(count.unwrap_or(i32::MAX)).unwrap_or(0).min(most);
    (if same { from } else { 0 }, count)
}

/// GET_SYSTEM_TOPIC_LIST_FROM_BROKER.
pub(crate) fn system_list(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let topics = broker.topics.system().iter().cloned().collect();
    let body = body::TopicList { topics, ..body::TopicList::default() };
    Ok(with_body(asked, body.to_json()))
}
