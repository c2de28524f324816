//! Consumer groups: create, change, delete, show.

use protocol::{
    ResponseCode,
    body::{self, SubscriptionGroupConfig},
    names, request, response,
};

use super::{succeeded, topics::page, with_body};
use crate::{
    broker::Broker,
    clients::unreadable,
    event::Effect,
    requests::{Asked, Refusal, Reply},
    topics::QUEUES_MAX,
};

fn check(group: &SubscriptionGroupConfig) -> Result<(), Refusal> {
    let invalid = |remark: String| Refusal::new(ResponseCode::INVALID_PARAMETER, remark);
    names::check_group(&group.group_name).map_err(|error| invalid(error.to_string()))?;
    if !(0..=QUEUES_MAX).contains(&group.retry_queues) {
        let queues = group.retry_queues;
        return Err(invalid(format!("retryQueueNums {queues} is not in 0..={QUEUES_MAX}")));
    }
    Ok(())
}

/// The attributes a group was given carry a sign for what should become of them.
fn unsigned(broker: &Broker, group: SubscriptionGroupConfig) -> SubscriptionGroupConfig {
    let mut attributes = broker
        .groups
        .get(&group.group_name)
        .map(|known| known.attributes.clone())
        .unwrap_or_default();
    for (signed, value) in &group.attributes {
        if let Some(key) = signed.strip_prefix('+') {
            attributes.insert(key.into(), value.detached());
        } else if let Some(key) = signed.strip_prefix('-') {
            attributes.remove(key);
        }
    }
    SubscriptionGroupConfig { attributes, ..group }
}

/// UPDATE_AND_CREATE_SUBSCRIPTIONGROUP.
pub(crate) fn create(
    broker: &mut Broker,
    asked: &Asked,
    effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let group = SubscriptionGroupConfig::from_json(&asked.command.body)
        .map_err(|error| unreadable(&error))?;
    check(&group)?;
    tracing::info!(group = %group.group_name, "a group was configured");
    let group = unsigned(broker, group);
    broker.groups.put(group, asked.now.wall_ms);
    broker.answer_when_saved(asked, succeeded(asked), effects)
}

/// UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST: all or none.
pub(crate) fn create_list(
    broker: &mut Broker,
    asked: &Asked,
    effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let list = body::SubscriptionGroupList::from_json(&asked.command.body)
        .map_err(|error| unreadable(&error))?;
    for group in &list.group_config_list {
        check(group)?;
    }
    for group in list.group_config_list {
        let group = unsigned(broker, group);
        broker.groups.put(group, asked.now.wall_ms);
    }
    broker.answer_when_saved(asked, succeeded(asked), effects)
}

/// DELETE_SUBSCRIPTIONGROUP.
pub(crate) fn delete(
    broker: &mut Broker,
    asked: &Asked,
    effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::DeleteGroup::decode(&asked.command)?;
    broker.groups.remove(&header.group_name, asked.now.wall_ms);
    if header.clean_offset {
        broker.offsets.remove_group(&header.group_name);
    }
    broker.stats.remove_group(&header.group_name);
    tracing::info!(group = %header.group_name, "a group was deleted");
    broker.answer_when_saved(asked, succeeded(asked), effects)
}

/// GET_SUBSCRIPTIONGROUP_CONFIG.
pub(crate) fn get(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::SubscriptionGroup::decode(&asked.command)?;
    let now_ms = asked.now.wall_ms;
    let Some(group) = broker.groups.find_or_create(&header.group, &broker.config, now_ms) else {
        let remark = format!("No group in this broker. group: {}", header.group);
        return Err(Refusal::new(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, remark));
    };
    Ok(with_body(asked, group.to_json()))
}

/// GET_ALL_SUBSCRIPTIONGROUP_CONFIG: all at once, or one page.
pub(crate) fn get_all(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::AllSubscriptionGroups::decode(&asked.command)?;
    let wants_all =
        header.group_seq.is_none() && header.data_version.is_none() && header.max_groups.is_none();
    let (from, count) = if wants_all || !broker.config.split_metadata {
        (0, usize::MAX)
    } else {
        let wanted = (header.group_seq, header.max_groups);
        page(broker, header.data_version.as_deref(), broker.groups.version(), wanted)
    };
    let table = broker.groups.table();
    let subscription_group_table: std::collections::BTreeMap<_, _> = table
        .iter()
        .skip(from)
        .take(count)
        .map(|(name, group)| (name.clone(), group.clone()))
        .collect();
    let forbidden_table = broker
        .groups
        .forbidden()
        .iter()
        .filter(|(group, _)| subscription_group_table.contains_key(group.as_str()))
        .map(|(group, topics)| (group.clone(), topics.clone()))
        .collect();
    let total = i32::try_from(table.len()).unwrap_or(i32::MAX);
    let body = body::SubscriptionGroupTable {
        data_version: *broker.groups.version(),
        forbidden_table,
        subscription_group_table,
    };
    let fields = response::AllSubscriptionGroups { total_groups: Some(total) }.fields();
    Ok(Reply::Answer(succeeded(asked).with_fields(fields).with_body(body.to_json())))
}

/// UPDATE_AND_GET_GROUP_FORBIDDEN.
pub(crate) fn forbidden(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::GroupForbidden::decode(&asked.command)?;
    let (group, topic) = (&header.group, &header.topic);
    if let Some(readable) = header.readable {
        broker.groups.forbid_read(group, topic, !readable, asked.now.wall_ms);
    }
    let body = body::GroupForbidden {
        group: group.clone(),
        readable: Some(!broker.groups.is_read_forbidden(group, topic)),
        topic: topic.clone(),
    };
    Ok(with_body(asked, body.to_json()))
}
