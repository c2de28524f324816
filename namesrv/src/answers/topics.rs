//! Lists of topics, and single topics made known or forgotten.

use protocol::{
    Text,
    body::{TopicList, TopicRoute},
    request::{DeleteTopicInNamesrv, RegisterTopic, TopicsOfCluster},
};

use crate::{
    namesrv::{Answered, Asked, Effect, NameServer, Refusal},
    routes::Queues,
};

/// Bit of a topic's system flag: it belongs to a unit.
const UNIT: i32 = 1;
/// Bit of a topic's system flag: somebody in a unit subscribes to it.
const UNIT_SUB: i32 = 2;

fn list(asked: &Asked<'_>, topics: Vec<Text>) -> Answered {
    let list = TopicList { topics, broker_addr: None };
    Ok(asked.success().with_body(list.to_json()).into())
}

fn disabled() -> Refusal {
    Refusal::unusable("disable")
}

pub(super) fn all(core: &mut NameServer, asked: &Asked<'_>, _: &mut Vec<Effect>) -> Answered {
    if !core.config.enable_all_topic_list {
        return Err(disabled());
    }
    list(asked, core.routes.topics().cloned().collect())
}

pub(super) fn of_cluster(
    core: &mut NameServer,
    asked: &Asked<'_>,
    _: &mut Vec<Effect>,
) -> Answered {
    if !core.config.enable_topic_list {
        return Err(disabled());
    }
    let TopicsOfCluster { cluster } =
        TopicsOfCluster::decode(asked.command).map_err(Refusal::unusable)?;
    list(asked, core.routes.topics_of(&cluster))
}

/// The names of clusters and brokers are topics too.
pub(super) fn system(core: &mut NameServer, asked: &Asked<'_>, _: &mut Vec<Effect>) -> Answered {
    let mut topics = Vec::new();
    for (cluster, names) in core.routes.clusters() {
        topics.push(cluster.clone());
        topics.extend(names.iter().cloned());
    }
    let first = core.routes.sets().values().next();
    let broker_addr = first.and_then(|set| set.addresses.values().next()).cloned();
    let list = TopicList { topics, broker_addr };
    Ok(asked.success().with_body(list.to_json()).into())
}

fn flagged(core: &NameServer, asked: &Asked<'_>, condition: fn(i32) -> bool) -> Answered {
    if !core.config.enable_topic_list {
        return Err(disabled());
    }
    list(asked, core.routes.topics_flagged(condition))
}

pub(super) fn unit(core: &mut NameServer, asked: &Asked<'_>, _: &mut Vec<Effect>) -> Answered {
    flagged(core, asked, |flag| flag & UNIT != 0)
}

pub(super) fn unit_sub(core: &mut NameServer, asked: &Asked<'_>, _: &mut Vec<Effect>) -> Answered {
    flagged(core, asked, |flag| flag & UNIT_SUB != 0)
}

pub(super) fn unit_sub_only(
    core: &mut NameServer,
    asked: &Asked<'_>,
    _: &mut Vec<Effect>,
) -> Answered {
    flagged(core, asked, |flag| flag & UNIT_SUB != 0 && flag & UNIT == 0)
}

pub(super) fn register(core: &mut NameServer, asked: &Asked<'_>, _: &mut Vec<Effect>) -> Answered {
    let RegisterTopic { topic, .. } =
        RegisterTopic::decode(asked.command).map_err(Refusal::unusable)?;
    if !asked.command.body.is_empty() {
        let route = TopicRoute::from_json(&asked.command.body).map_err(Refusal::unusable)?;
        let queues: Vec<(Text, Queues)> = route
            .queues
            .iter()
            .map(|queues| (queues.broker_name.clone(), Queues::from(queues)))
            .collect();
        if !queues.is_empty() && !core.routes.register_topic(&topic, &queues) {
            tracing::warn!(%topic, "not made known: a broker of it is unknown");
        }
    }
    Ok(asked.success().into())
}

pub(super) fn delete(core: &mut NameServer, asked: &Asked<'_>, _: &mut Vec<Effect>) -> Answered {
    let DeleteTopicInNamesrv { topic, cluster_name, .. } =
        DeleteTopicInNamesrv::decode(asked.command).map_err(Refusal::unusable)?;
    let cluster = cluster_name.filter(|cluster| !cluster.is_empty());
    core.routes.delete_topic(&topic, cluster.as_deref());
    Ok(asked.success().into())
}
