//! The name server's own configuration.

use protocol::{ResponseCode, properties_file};

use crate::namesrv::{Answered, Asked, Effect, NameServer, Refusal, Reply};

pub(super) fn get(core: &mut NameServer, asked: &Asked<'_>, _: &mut Vec<Effect>) -> Answered {
    Ok(asked.success().with_body(core.config.text()).into())
}

/// Differs from Java: a key that does not exist and a value of the wrong type are errors that say
/// so, and then nothing is changed. Java ignores both and says success.
pub(super) fn update(core: &mut NameServer, asked: &Asked<'_>, _: &mut Vec<Effect>) -> Answered {
    if asked.command.body.is_empty() {
        return Ok(asked.success().into());
    }
    let wanted = properties_file::read(&asked.command.body).map_err(Refusal::unusable)?;
    if wanted.iter().any(|property| core.config.is_black_listed(&property.key)) {
        let remark = "Can not update config in black list.";
        return Err(Refusal::new(ResponseCode::NO_PERMISSION, remark));
    }
    let mut changed = core.config.clone();
    let kept = changed.take(&wanted).map_err(Refusal::unusable)?;
    let content = changed.text();
    // The next start has to read it.
    properties_file::read(content.as_bytes()).map_err(Refusal::unusable)?;
    for key in kept {
        tracing::warn!(key, "this key of RocketMQ is kept, but has no effect here");
    }
    core.config = changed;
    Ok(Reply::Saved {
        path: core.config.config_store_path.clone(),
        content: content.into(),
        answer: asked.success(),
    })
}
