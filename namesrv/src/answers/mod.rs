//! Every request a name server answers: the table, and below it one file per subject.

mod brokers;
mod kv;
mod route;
mod settings;
mod topics;

use protocol::{Command, RequestCode, ResponseCode, Text, request};

use crate::{
    namesrv::{Answered, Asked, Effect, NameServer, Refusal, Reply, Request},
    routes::SmallestChanged,
};

/// What is answered by whom. A code that is not here is answered "not supported".
pub(crate) const REQUESTS: &[Request] = &[
    row(RequestCode::GET_ROUTEINFO_BY_TOPIC, route::route),
    row(RequestCode::REGISTER_BROKER, brokers::register),
    row(RequestCode::QUERY_DATA_VERSION, brokers::query_data_version),
    row(RequestCode::BROKER_HEARTBEAT, brokers::heartbeat),
    row(RequestCode::UNREGISTER_BROKER, brokers::unregister),
    row(RequestCode::GET_BROKER_CLUSTER_INFO, brokers::cluster_info),
    row(RequestCode::GET_BROKER_MEMBER_GROUP, brokers::member_group),
    row(RequestCode::WIPE_WRITE_PERM_OF_BROKER, brokers::wipe_write_perm),
    row(RequestCode::ADD_WRITE_PERM_OF_BROKER, brokers::add_write_perm),
    row(RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER, topics::all),
    row(RequestCode::GET_TOPICS_BY_CLUSTER, topics::of_cluster),
    row(RequestCode::GET_SYSTEM_TOPIC_LIST_FROM_NS, topics::system),
    row(RequestCode::GET_UNIT_TOPIC_LIST, topics::unit),
    row(RequestCode::GET_HAS_UNIT_SUB_TOPIC_LIST, topics::unit_sub),
    row(RequestCode::GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST, topics::unit_sub_only),
    row(RequestCode::REGISTER_TOPIC_IN_NAMESRV, topics::register),
    row(RequestCode::DELETE_TOPIC_IN_NAMESRV, topics::delete),
    row(RequestCode::PUT_KV_CONFIG, kv::put),
    row(RequestCode::GET_KV_CONFIG, kv::get),
    row(RequestCode::DELETE_KV_CONFIG, kv::delete),
    row(RequestCode::GET_KVLIST_BY_NAMESPACE, kv::list),
    row(RequestCode::UPDATE_NAMESRV_CONFIG, settings::update),
    row(RequestCode::GET_NAMESRV_CONFIG, settings::get),
];

const fn row(
    code: RequestCode,
    answer: fn(&mut NameServer, &Asked<'_>, &mut Vec<Effect>) -> Answered,
) -> Request {
    Request { code, answer }
}

impl Asked<'_> {
    /// An answer that all is well.
    fn success(&self) -> Command {
        self.command.answer(ResponseCode::SUCCESS)
    }
}

/// A query that found nothing.
fn not_found(remark: impl Into<Text>) -> Refusal {
    Refusal::new(ResponseCode::QUERY_NOT_FOUND, remark)
}

/// The request that tells a broker set which of its ids is now the smallest.
pub(crate) fn smallest_changed(changed: &SmallestChanged) -> Command {
    let request = request::MinBrokerIdChanged {
        min_broker_id: Some(changed.id),
        min_broker_addr: Some(changed.address.clone()),
        offline_broker_addr: changed.offline.clone(),
        ha_broker_addr: changed.ha_address.clone(),
        ..Default::default()
    };
    request.command().oneway()
}

impl From<Command> for Reply {
    fn from(answer: Command) -> Self {
        Self::Now(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_row() {
        let mut codes: Vec<i32> = REQUESTS.iter().map(|row| row.code.into()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), REQUESTS.len());
    }
}
