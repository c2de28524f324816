//! Whole tables, as replicas copy them.

use protocol::{
    ResponseCode,
    body::{self, MessageRequestModeSetting},
    names,
};

use super::{done, with_body};
use crate::{
    broker::Broker,
    clients::unreadable,
    event::Effect,
    requests::{Asked, Refusal, Reply},
};

/// GET_ALL_CONSUMER_OFFSET.
pub(crate) fn consumer_offsets(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    Ok(with_body(asked, broker.offset_table().to_json()))
}

/// GET_ALL_DELAY_OFFSET.
pub(crate) fn delay_offsets(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    Ok(with_body(asked, broker.delay_table().to_json()))
}

/// GET_ALL_MESSAGE_REQUEST_MODE.
pub(crate) fn request_modes(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    Ok(with_body(asked, broker.request_modes.table().to_json()))
}

/// SET_MESSAGE_REQUEST_MODE. Only kept: this broker does not pop yet, so POP is refused.
pub(crate) fn set_request_mode(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let setting = MessageRequestModeSetting::from_json(&asked.command.body)
        .map_err(|error| unreadable(&error))?;
    if names::is_retry_topic(&setting.topic) {
        let remark = "retry topic is not allowed to set mode";
        return Err(Refusal::new(ResponseCode::NO_PERMISSION, remark));
    }
    if setting.mode == body::MessageRequestMode::Pop {
        let remark = "this broker does not support POP yet";
        return Err(Refusal::new(ResponseCode::REQUEST_CODE_NOT_SUPPORTED, remark));
    }
    broker.request_modes.set(setting);
    Ok(done(asked))
}
