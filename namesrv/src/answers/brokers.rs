//! Brokers come, show that they live, and go; and who is there.

use std::time::Duration;

use protocol::{
    Fields, Text,
    body::{
        BrokerGroup, BrokerMemberGroup, ClusterInfo, DataVersion, RegisterBroker as Body,
        TopicConfig, TopicConfigs,
    },
    record,
    request::{
        self, AddWritePerm, BrokerHeartbeat, QueryDataVersion, RegisterBroker, UnregisterBroker,
        WipeWritePerm,
    },
    response,
};

use crate::{
    kv::ORDER_TOPICS,
    namesrv::{Answered, Asked, Effect, NameServer, Refusal},
    routes::{Identity, Queues, Registered, Registration},
};

/// V3_0_11: from here on the body of a registration holds more than the topics.
const BODY_FROM: i32 = 37;

pub(super) fn register(
    core: &mut NameServer,
    asked: &Asked<'_>,
    effects: &mut Vec<Effect>,
) -> Answered {
    let header = RegisterBroker::decode(asked.command).map_err(Refusal::unusable)?;
    let body = &asked.command.body;
    let crc = record::body_crc(body);
    if header.body_crc32 != 0 && header.body_crc32 != crc {
        tracing::warn!(broker = %header.broker_addr, crc, "registration with a wrong checksum");
        return Err(Refusal::unusable("crc32 not match"));
    }
    let registration = registration(core, asked, header)?;
    let identity = registration.identity.clone();
    let is_new = core.routes.version(&identity.cluster, &identity.address).is_none();
    let mut fields = Fields::new();
    match core.routes.register(asked.now.monotonic, registration) {
        Registered::Done { master, changed } => {
            if is_new {
                let Identity { cluster, name, id, address } = &identity;
                tracing::info!(%cluster, %name, id, %address, "broker registered");
            }
            if let Some((address, ha_address)) = master {
                if let Some(ha_address) = ha_address {
                    fields.set("haServerAddr", ha_address);
                }
                fields.set("masterAddr", address);
            }
            core.notify(changed, effects);
        }
        Registered::Outdated => {
            tracing::warn!(?identity, "registration ignored: its place has a newer state");
        }
        Registered::NothingToUpdate => return Err(Refusal::unusable("register broker failed")),
    }
    let mut answer = asked.success().with_fields(fields);
    if core.config.return_order_topic_config_to_broker
        && let Some(orders) = core.kv.list(ORDER_TOPICS)
    {
        answer = answer.with_body(orders);
    }
    Ok(answer.into())
}

/// What a broker says of itself, from whatever form its version says it in.
fn registration(
    core: &NameServer,
    asked: &Asked<'_>,
    header: RegisterBroker,
) -> Result<Registration, Refusal> {
    let command = asked.command;
    let body = if command.body.is_empty() {
        Body::default()
    } else if command.version < BODY_FROM {
        let topics = TopicConfigs::from_json(&command.body).map_err(Refusal::unusable)?;
        Body { topics, ..Body::default() }
    } else if header.compressed {
        Body::from_folded(&command.body, command.version).map_err(Refusal::unusable)?
    } else {
        Body::from_json(&command.body).map_err(Refusal::unusable)?
    };
    let identity =
        identity(&header.cluster_name, &header.broker_name, header.broker_id, &header.broker_addr)?;
    let topics = &body.topics.topic_config_table;
    Ok(Registration {
        peer: asked.peer,
        ha_address: Some(header.ha_server_addr.detached()).filter(|address| !address.is_empty()),
        zone: header.zone_name.map(|zone| zone.detached()),
        timeout: header
            .heartbeat_timeout_ms
            .and_then(|ms| u64::try_from(ms).ok())
            .filter(|&ms| 0 < ms)
            .map(Duration::from_millis),
        enable_acting_master: header.enable_acting_master,
        version: body.topics.data_version,
        // A changed topic is registered by itself, too. Only a whole table tells what is missing,
        // and every whole table has the topic that is called like its broker.
        //
        // Differs from Java, where one changed topic drops all others.
        drop_missing_topics: core.config.delete_topic_with_broker_registration
            && topics.contains_key(&identity.name),
        topics: topics.values().map(|topic| (topic.topic_name.clone(), topic.into())).collect(),
        filter_servers: (BODY_FROM <= command.version)
            .then(|| body.filter_servers.iter().map(Text::detached).collect()),
        mappings: body.topics.topic_queue_mapping_info_map.into_iter().collect(),
        identity,
    })
}

/// Differs from Java: a broker without a name, an address or a cluster cannot be told from another
/// one, and is refused.
fn identity(cluster: &Text, name: &Text, id: i64, address: &Text) -> Result<Identity, Refusal> {
    for (what, text) in [("clusterName", cluster), ("brokerName", name), ("brokerAddr", address)] {
        if text.trim().is_empty() {
            return Err(Refusal::unusable(format!("{what} of the broker is blank")));
        }
    }
    if id < 0 {
        return Err(Refusal::unusable(format!("brokerId {id} of the broker is negative")));
    }
    Ok(Identity {
        cluster: cluster.detached(),
        name: name.detached(),
        id,
        address: address.detached(),
    })
}

impl From<&TopicConfig> for Queues {
    fn from(topic: &TopicConfig) -> Self {
        Self {
            read: topic.read_queues,
            write: topic.write_queues,
            perm: topic.perm,
            sys_flag: topic.topic_sys_flag,
        }
    }
}

pub(super) fn unregister(
    core: &mut NameServer,
    asked: &Asked<'_>,
    effects: &mut Vec<Effect>,
) -> Answered {
    let header = UnregisterBroker::decode(asked.command).map_err(Refusal::unusable)?;
    let broker = Identity {
        cluster: header.cluster_name,
        name: header.broker_name,
        id: header.broker_id,
        address: header.broker_addr,
    };
    let (left, changed) = core.routes.unregister(asked.peer, &broker);
    let Identity { cluster, name, id, address } = &broker;
    tracing::info!(%cluster, %name, id, %address, left, "broker unregistered");
    core.notify(changed, effects);
    Ok(asked.success().into())
}

/// A sign of life, and whether the broker has other topics than the ones known here.
pub(super) fn query_data_version(
    core: &mut NameServer,
    asked: &Asked<'_>,
    _: &mut Vec<Effect>,
) -> Answered {
    let header = QueryDataVersion::decode(asked.command).map_err(Refusal::unusable)?;
    let theirs = DataVersion::from_json(&asked.command.body).map_err(Refusal::unusable)?;
    let (cluster, address) = (&header.cluster_name, &header.broker_addr);
    core.routes.heard(asked.now.monotonic, cluster, address);
    let ours = core.routes.version(cluster, address);
    let changed = ours != Some(&theirs);
    let answer = response::QueryDataVersion { changed };
    let answer = asked.success().with_fields(answer.fields());
    Ok(match ours {
        Some(ours) => answer.with_body(ours.to_json()).into(),
        None => answer.into(),
    })
}

pub(super) fn heartbeat(core: &mut NameServer, asked: &Asked<'_>, _: &mut Vec<Effect>) -> Answered {
    let header = BrokerHeartbeat::decode(asked.command).map_err(Refusal::unusable)?;
    core.routes.heard(asked.now.monotonic, &header.cluster_name, &header.broker_addr);
    Ok(asked.success().into())
}

pub(super) fn cluster_info(
    core: &mut NameServer,
    asked: &Asked<'_>,
    _: &mut Vec<Effect>,
) -> Answered {
    let sets = core.routes.sets().iter();
    let info = ClusterInfo {
        broker_addr_table: sets
            .map(|(name, set)| (name.clone(), set.clone().named(name.clone())))
            .collect(),
        cluster_addr_table: core.routes.clusters().clone(),
    };
    Ok(asked.success().with_body(info.to_json()).into())
}

pub(super) fn member_group(
    core: &mut NameServer,
    asked: &Asked<'_>,
    _: &mut Vec<Effect>,
) -> Answered {
    let header = request::BrokerMemberGroup::decode(asked.command).map_err(Refusal::unusable)?;
    let set = core.routes.sets().get(&header.broker_name);
    let group = BrokerGroup {
        broker_addrs: set.map(|set| set.addresses.clone()).unwrap_or_default(),
        broker_name: header.broker_name,
        cluster: header.cluster_name,
    };
    let body = BrokerMemberGroup { broker_member_group: Some(group) };
    Ok(asked.success().with_body(body.to_json()).into())
}

pub(super) fn wipe_write_perm(
    core: &mut NameServer,
    asked: &Asked<'_>,
    _: &mut Vec<Effect>,
) -> Answered {
    let WipeWritePerm { broker_name } =
        WipeWritePerm::decode(asked.command).map_err(Refusal::unusable)?;
    let topics = core.routes.set_writable(&broker_name, false);
    tracing::info!(%broker_name, topics, "write permission taken");
    let answer = response::WipeWritePerm { topics };
    Ok(asked.success().with_fields(answer.fields()).into())
}

pub(super) fn add_write_perm(
    core: &mut NameServer,
    asked: &Asked<'_>,
    _: &mut Vec<Effect>,
) -> Answered {
    let AddWritePerm { broker_name } =
        AddWritePerm::decode(asked.command).map_err(Refusal::unusable)?;
    let topics = core.routes.set_writable(&broker_name, true);
    tracing::info!(%broker_name, topics, "write permission given back");
    let answer = response::AddWritePerm { topics };
    Ok(asked.success().with_fields(answer.fields()).into())
}
