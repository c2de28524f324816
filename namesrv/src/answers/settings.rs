//! The name server's own configuration.

use protocol::ResponseCode;

use crate::{
    namesrv::{Answered, Asked, Effect, NameServer, Refusal, Reply},
    properties,
};

pub(super) fn get(core: &mut NameServer, asked: &Asked<'_>, _: &mut Vec<Effect>) -> Answered {
    Ok(asked.success().with_body(core.config.text()).into())
}

/// Differs from Java: a key that does not exist and a value of the wrong type are errors that say
/// so, and then nothing is changed. Java ignores both and says success.
pub(super) fn update(core: &mut NameServer, asked: &Asked<'_>, _: &mut Vec<Effect>) -> Answered {
    if asked.command.body.is_empty() {
        return Ok(asked.success().into());
    }
    let text = std::str::from_utf8(&asked.command.body).map_err(Refusal::unusable)?;
    let pairs = properties::parse(text).map_err(Refusal::unusable)?;
    if pairs.iter().any(|(key, _)| core.config.is_black_listed(key)) {
        let remark = "Can not update config in black list.";
        return Err(Refusal::new(ResponseCode::NO_PERMISSION, remark));
    }
    for key in core.config.set_all(&pairs).map_err(Refusal::unusable)? {
        tracing::warn!(key, "this key of RocketMQ is kept, but has no effect here");
    }
    Ok(Reply::Saved {
        path: core.config.config_store_path.clone(),
        content: core.config.text().into(),
        answer: asked.success(),
    })
}
