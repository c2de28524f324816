//! The way to a topic.

use protocol::{
    ResponseCode,
    body::{BrokerData, QueueData, TopicRoute},
    json::Style,
    request::RouteInfo,
};

use crate::{
    kv::ORDER_TOPICS,
    namesrv::{Answered, Asked, Effect, NameServer, Refusal},
    routes::{BrokerSet, Queues, Route},
};

/// V4_9_4: from here on a client reads standard JSON.
const STANDARD_JSON_FROM: i32 = 401;

const HELP: &str = "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";

pub(super) fn route(core: &mut NameServer, asked: &Asked<'_>, _: &mut Vec<Effect>) -> Answered {
    let header = RouteInfo::decode(asked.command).map_err(Refusal::unusable)?;
    if !core.is_ready(asked.now) {
        return Err(Refusal::unusable("name server not ready"));
    }
    let topic = &header.topic;
    let Some(mut route) = core.routes.route(topic, core.config.support_acting_master) else {
        let remark = format!("No topic route info in name server for the topic: {topic}{HELP}");
        return Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, remark));
    };
    if let Some(zone) = header.zone_name.as_ref().filter(|zone| !zone.trim().is_empty())
        && header.zone_mode == Some(true)
    {
        route.keep_zone(zone);
    }
    let mut body = TopicRoute::from(route);
    if core.config.order_message_enable {
        body.order_topic_conf = core.kv.get(ORDER_TOPICS, topic).cloned();
    }
    let standard = STANDARD_JSON_FROM <= asked.command.version
        || header.accept_standard_json_only == Some(true);
    let body = body.to_json_as(if standard { Style::STANDARD } else { Style::WIRE });
    Ok(asked.success().with_body(body).into())
}

impl From<&QueueData> for Queues {
    fn from(data: &QueueData) -> Self {
        Self {
            read: data.read_queues,
            write: data.write_queues,
            perm: data.perm,
            sys_flag: data.topic_sys_flag,
        }
    }
}

impl From<Route> for TopicRoute {
    fn from(route: Route) -> Self {
        let queues = route.queues.into_iter().map(|(broker_name, queues)| QueueData {
            broker_name,
            read_queues: queues.read,
            write_queues: queues.write,
            perm: queues.perm,
            topic_sys_flag: queues.sys_flag,
        });
        let brokers = route.brokers.into_iter().map(|(name, set)| set.named(name));
        Self {
            queues: queues.collect(),
            brokers: brokers.collect(),
            filter_server_table: route.filter_servers,
            topic_queue_mapping_by_broker: route.mappings,
            order_topic_conf: None,
        }
    }
}

impl BrokerSet {
    pub(super) fn named(self, broker_name: protocol::Text) -> BrokerData {
        BrokerData {
            cluster: self.cluster,
            broker_name,
            broker_addrs: self.addresses,
            zone_name: self.zone,
            enable_acting_master: self.enable_acting_master,
        }
    }
}
