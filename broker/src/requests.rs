//! What a broker can be asked: one table, one line per request.
//!
//! The table is data. Dispatch walks it; so do the counters, the authoriser's question, the trace
//! span, and the generated compatibility page.

use protocol::{Command, FieldError, Fields, RequestCode, ResponseCode, Text};
use remoting::PeerId;
use runtime::Now;

use crate::{
    admin, batch, broker::Broker, clients, consumer_offsets, event::Door, event::Effect, pull,
    query, send, send_back,
};

/// One request as a function sees it.
#[derive(Debug)]
pub struct Asked {
    /// When it came.
    pub now: Now,
    /// Who asks.
    pub peer: PeerId,
    /// Through which door.
    pub door: Door,
    /// What.
    pub command: Command,
}

/// How a request was taken.
#[derive(Debug)]
pub enum Reply {
    /// Answered at once.
    Answer(Command),
    /// The answer comes later, as an effect of another event.
    Later,
}

/// A request that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The response code.
    pub code: ResponseCode,
    /// Why, for people; clients show it.
    pub remark: Text,
    /// Header fields that clients expect even then.
    pub fields: Option<Fields>,
}

impl Refusal {
    /// Refuses with a reason.
    pub fn new(code: ResponseCode, remark: impl Into<Text>) -> Self {
        Self { code, remark: remark.into(), fields: None }
    }

    /// Refuses with SYSTEM_ERROR.
    pub fn system_error(remark: impl Into<Text>) -> Self {
        Self::new(ResponseCode::SYSTEM_ERROR, remark)
    }

    /// With header fields.
    #[must_use]
    pub fn with_fields(mut self, fields: Fields) -> Self {
        self.fields = Some(fields);
        self
    }

    /// The answer it makes.
    pub fn answer(self, command: &Command) -> Command {
        let mut answer = command.answer(self.code);
        if !self.remark.is_empty() {
            answer.remark = Some(self.remark);
        }
        answer.fields = self.fields;
        answer
    }
}

impl From<FieldError> for Refusal {
    fn from(error: FieldError) -> Self {
        Self::system_error(error.to_string())
    }
}

/// What a request is about: what an authoriser is asked for, and how counters are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Writes messages.
    Produce,
    /// Reads messages of a group.
    Consume,
    /// Announces clients and their progress.
    Client,
    /// Looks at messages or offsets.
    Inspect,
    /// Changes or shows what an operator owns.
    Operate,
    /// Copies tables for replicas.
    Replicate,
}

/// The function that answers a request.
pub(crate) type Answers = fn(&mut Broker, &Asked, &mut Vec<Effect>) -> Result<Reply, Refusal>;

/// One line of the table.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The request.
    pub code: RequestCode,
    /// What it is about.
    pub kind: Kind,
    /// Whether the fast port answers it too.
    pub fast: bool,
    /// Who answers it.
    pub answers: Answers,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.code, self.kind)
    }
}

const fn entry(code: RequestCode, kind: Kind, answers: Answers) -> Entry {
    Entry { code, kind, fast: true, answers }
}

/// A request that only the main port answers.
const fn slow(code: RequestCode, kind: Kind, answers: Answers) -> Entry {
    Entry { code, kind, fast: false, answers }
}

use Kind::{Client, Consume, Inspect, Operate, Produce, Replicate};
use RequestCode as Code;

/// Everything a broker can be asked, by code.
pub const REQUESTS: &[Entry] = &[
    entry(Code::SEND_MESSAGE, Produce, send::send),
    slow(Code::PULL_MESSAGE, Consume, pull::pull),
    entry(Code::QUERY_MESSAGE, Inspect, query::query_message),
    entry(Code::QUERY_CONSUMER_OFFSET, Client, consumer_offsets::query),
    entry(Code::UPDATE_CONSUMER_OFFSET, Client, consumer_offsets::update),
    entry(Code::UPDATE_AND_CREATE_TOPIC, Operate, admin::topics::create),
    entry(Code::UPDATE_AND_CREATE_TOPIC_LIST, Operate, admin::topics::create_list),
    entry(Code::GET_ALL_TOPIC_CONFIG, Replicate, admin::topics::get_all),
    entry(Code::UPDATE_BROKER_CONFIG, Operate, admin::configuration::update),
    entry(Code::GET_BROKER_CONFIG, Operate, admin::configuration::get),
    entry(Code::GET_BROKER_RUNTIME_INFO, Operate, admin::runtime_info::get),
    entry(Code::SEARCH_OFFSET_BY_TIMESTAMP, Inspect, query::search_offset),
    entry(Code::GET_MAX_OFFSET, Inspect, query::max_offset),
    entry(Code::GET_MIN_OFFSET, Inspect, query::min_offset),
    entry(Code::GET_EARLIEST_MSG_STORETIME, Inspect, query::earliest_store_time),
    entry(Code::VIEW_MESSAGE_BY_ID, Inspect, query::view_message),
    entry(Code::HEART_BEAT, Client, clients::heartbeat),
    entry(Code::UNREGISTER_CLIENT, Client, clients::unregister),
    entry(Code::CONSUMER_SEND_MSG_BACK, Consume, send_back::send_back),
    entry(Code::GET_CONSUMER_LIST_BY_GROUP, Client, clients::consumer_list),
    entry(Code::LOCK_BATCH_MQ, Consume, clients::lock_queues),
    entry(Code::UNLOCK_BATCH_MQ, Consume, clients::unlock_queues),
    entry(Code::GET_ALL_CONSUMER_OFFSET, Replicate, admin::tables::consumer_offsets),
    entry(Code::GET_ALL_DELAY_OFFSET, Replicate, admin::tables::delay_offsets),
    entry(Code::CHECK_CLIENT_CONFIG, Client, clients::check_config),
    entry(Code::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, Operate, admin::groups::create),
    entry(Code::GET_ALL_SUBSCRIPTIONGROUP_CONFIG, Replicate, admin::groups::get_all),
    entry(Code::GET_TOPIC_STATS_INFO, Operate, admin::stats::topic_stats),
    entry(Code::GET_CONSUMER_CONNECTION_LIST, Operate, admin::connections::consumers),
    entry(Code::GET_PRODUCER_CONNECTION_LIST, Operate, admin::connections::producers),
    entry(Code::DELETE_SUBSCRIPTIONGROUP, Operate, admin::groups::delete),
    entry(Code::GET_CONSUME_STATS, Operate, admin::stats::consume_stats),
    entry(Code::DELETE_TOPIC_IN_BROKER, Operate, admin::topics::delete),
    entry(Code::INVOKE_BROKER_TO_RESET_OFFSET, Operate, admin::offsets::reset),
    entry(Code::INVOKE_BROKER_TO_GET_CONSUMER_STATUS, Operate, admin::calls::consumer_status),
    entry(Code::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST, Operate, admin::groups::create_list),
    entry(Code::QUERY_TOPIC_CONSUME_BY_WHO, Operate, admin::connections::groups_of_topic),
    entry(Code::QUERY_CONSUME_TIME_SPAN, Operate, admin::stats::consume_time_span),
    entry(Code::GET_SYSTEM_TOPIC_LIST_FROM_BROKER, Operate, admin::topics::system_list),
    entry(Code::CLEAN_EXPIRED_CONSUMEQUEUE, Operate, admin::upkeep::clean_queues),
    entry(Code::GET_CONSUMER_RUNNING_INFO, Operate, admin::calls::running_info),
    entry(Code::QUERY_CORRECTION_OFFSET, Operate, admin::offsets::correction),
    entry(Code::CONSUME_MESSAGE_DIRECTLY, Operate, admin::calls::consume_directly),
    entry(Code::SEND_MESSAGE_V2, Produce, send::send),
    entry(Code::CLONE_GROUP_OFFSET, Operate, admin::offsets::clone_group),
    entry(Code::VIEW_BROKER_STATS_DATA, Operate, admin::stats::broker_stats),
    entry(Code::CLEAN_UNUSED_TOPIC, Operate, admin::upkeep::clean_topics),
    entry(Code::GET_BROKER_CONSUME_STATS, Operate, admin::stats::broker_consume_stats),
    entry(Code::SEND_BATCH_MESSAGE, Produce, batch::send_batch),
    entry(Code::QUERY_CONSUME_QUEUE, Operate, admin::stats::consume_queue),
    entry(Code::GET_ALL_PRODUCER_INFO, Operate, admin::connections::all_producers),
    entry(Code::DELETE_EXPIRED_COMMITLOG, Operate, admin::upkeep::delete_expired),
    entry(Code::QUERY_TOPICS_BY_CONSUMER, Operate, admin::connections::topics_of_group),
    entry(Code::QUERY_SUBSCRIPTION_BY_CONSUMER, Operate, admin::connections::subscription),
    entry(Code::GET_TOPIC_CONFIG, Operate, admin::topics::get),
    entry(Code::GET_SUBSCRIPTIONGROUP_CONFIG, Operate, admin::groups::get),
    entry(Code::UPDATE_AND_GET_GROUP_FORBIDDEN, Operate, admin::groups::forbidden),
    slow(Code::LITE_PULL_MESSAGE, Consume, pull::pull),
    entry(Code::SET_MESSAGE_REQUEST_MODE, Operate, admin::tables::set_request_mode),
    entry(Code::GET_ALL_MESSAGE_REQUEST_MODE, Replicate, admin::tables::request_modes),
    entry(Code::GET_BROKER_HA_STATUS, Operate, admin::upkeep::ha_status),
];

/// The place of a request in [`REQUESTS`].
pub(crate) fn find(code: i32) -> Option<usize> {
    REQUESTS.binary_search_by_key(&code, |entry| entry.code.0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_finds_each_of_its_lines() {
        for pair in REQUESTS.windows(2) {
            assert!(pair[0].code < pair[1].code, "{:?} {:?}", pair[0], pair[1]);
        }
        for (place, entry) in REQUESTS.iter().enumerate() {
            assert_eq!(Some(place), find(entry.code.0));
        }
        assert_eq!(None, find(9999));
    }

    #[test]
    fn only_consuming_requests_are_kept_from_the_fast_port() {
        for entry in REQUESTS.iter().filter(|entry| !entry.fast) {
            assert_eq!(Consume, entry.kind, "{entry:?}");
        }
    }
}
