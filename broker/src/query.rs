//! Looking at messages and offsets: by key, by place, by time.
//!
//! Source: `broker/processor/{QueryMessageProcessor,AdminBrokerProcessor}.java`.

use protocol::{Fields, ResponseCode, request, response};
use store::{Boundary, ReadError};

use crate::{
    broker::Broker,
    event::Effect,
    pull::join,
    requests::{Asked, Refusal, Reply},
};

/// A read that failed.
pub(crate) fn unreadable(error: &ReadError) -> Refusal {
    Refusal::system_error(error.to_string())
}

fn answer(asked: &Asked, fields: Fields) -> Reply {
    Reply::Answer(asked.command.answer(ResponseCode::SUCCESS).with_fields(fields))
}

/// QUERY_MESSAGE: messages of a topic by key or unique key.
pub(crate) fn query_message(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::QueryMessage::decode(&asked.command)?;
    let wanted = if header.unique_key_query == Some(true) {
        broker.config.unique_query_max_messages
    } else {
        u32::try_from(header.max_messages).unwrap_or(0)
    };
    let max = usize::try_from(wanted.min(broker.config.query_max_messages)).unwrap_or(0);
    let span = (header.begin_timestamp_ms, header.end_timestamp_ms);
    let queried = broker
        .store
        .query(&header.topic, &header.key, max, span.0, span.1)
        .map_err(|error| unreadable(&error))?;
    let physical = i64::try_from(queried.index_last_update_physical).unwrap_or(i64::MAX);
    let is_found = !queried.records.is_empty();
    let fields = response::QueryMessage {
        index_last_update_timestamp_ms: if is_found {
            queried.index_last_update_timestamp
        } else {
            0
        },
        index_last_update_physical_offset: if is_found { physical } else { 0 },
    }
    .fields();
    if !is_found {
        let remark = "can not find message, maybe time range not correct";
        return Err(Refusal::new(ResponseCode::QUERY_NOT_FOUND, remark).with_fields(fields));
    }
    let answer = asked.command.answer(ResponseCode::SUCCESS).with_fields(fields);
    Ok(Reply::Answer(answer.with_body(join(&queried.records))))
}

/// VIEW_MESSAGE_BY_ID: one message by its place in the log.
pub(crate) fn view_message(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::ViewMessage::decode(&asked.command)?;
    let failed = |why: &str| {
        tracing::debug!(offset = header.offset, why, "no message");
        let remark = format!("can not find message by the offset, {}", header.offset);
        Refusal::system_error(remark)
    };
    let place = u64::try_from(header.offset).map_err(|_| failed("negative"))?;
    let record = broker.store.view(place).map_err(|error| failed(&error.to_string()))?;
    Ok(Reply::Answer(asked.command.answer(ResponseCode::SUCCESS).with_body(record)))
}

/// SEARCH_OFFSET_BY_TIMESTAMP.
pub(crate) fn search_offset(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::SearchOffset::decode(&asked.command)?;
    let boundary = match header.boundary.unwrap_or_default() {
        request::Boundary::Lower => Boundary::Lower,
        request::Boundary::Upper => Boundary::Upper,
    };
    let offset = broker
        .store
        .offset_by_time(&header.topic, header.queue_id, header.timestamp_ms, boundary)
        .map_err(|error| unreadable(&error))?;
    Ok(answer(asked, response::Offset { offset }.fields()))
}

/// GET_MAX_OFFSET.
pub(crate) fn max_offset(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::MaxOffset::decode(&asked.command)?;
    let offset = broker.store.max_offset(&header.topic, header.queue_id);
    Ok(answer(asked, response::Offset { offset }.fields()))
}

/// GET_MIN_OFFSET.
pub(crate) fn min_offset(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::MinOffset::decode(&asked.command)?;
    let offset = broker.store.min_offset(&header.topic, header.queue_id);
    Ok(answer(asked, response::Offset { offset }.fields()))
}

/// GET_EARLIEST_MSG_STORETIME: -1 if the queue holds nothing.
pub(crate) fn earliest_store_time(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::EarliestStoreTime::decode(&asked.command)?;
    let timestamp_ms = broker
        .store
        .earliest_store_time(&header.topic, header.queue_id)
        .map_err(|error| unreadable(&error))?
        .unwrap_or(-1);
    Ok(answer(asked, response::EarliestStoreTime { timestamp_ms }.fields()))
}
