//! The broker's own configuration: read and changed while it runs.

use protocol::{ResponseCode, Text, properties_file, response};

use super::{done, succeeded};
use crate::{
    broker::Broker,
    config::ConfigError,
    event::Effect,
    requests::{Asked, Refusal, Reply},
};

/// GET_BROKER_CONFIG: every property of RocketMQ 5.5.0 with the value in force.
pub(crate) fn get(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let all = broker.config.properties();
    let text =
        properties_file::write(all.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let version = broker.config_version.to_json();
    let version = Text::from_utf8(version).unwrap_or_default();
    let fields = response::BrokerConfig { version }.fields();
    Ok(Reply::Answer(succeeded(asked).with_fields(fields).with_body(text)))
}

/// UPDATE_BROKER_CONFIG: all of the given keys, or none. Some take effect only at the next start,
/// which they cannot prevent.
///
/// Differs from Java, which takes what it does not know and ignores what it cannot read.
pub(crate) fn update(
    broker: &mut Broker,
    asked: &Asked,
    effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let refused =
        |error: ConfigError| Refusal::new(ResponseCode::INVALID_PARAMETER, error.to_string());
    let wanted =
        properties_file::read(&asked.command.body).map_err(|error| refused(error.into()))?;
    if wanted.iter().any(|property| !broker.config.may_update(&property.key)) {
        let remark = "Can not update config in black list.";
        return Err(Refusal::new(ResponseCode::NO_PERMISSION, remark));
    }
    let mut changed = broker.config.clone();
    for property in &wanted {
        changed.set(&property.key, &property.value).map_err(refused)?;
    }
    broker.config.check_change(&changed).map_err(refused)?;
    let permission_changed = changed.broker_permission != broker.config.broker_permission;
    broker.config = changed;
    broker.config_version.advance(asked.now.wall_ms);
    for property in &wanted {
        broker.config.remember(&property.key, &property.value);
        tracing::info!(key = property.key, value = property.value, "the configuration was changed");
    }
    if broker.config.path().is_some() {
        broker.config_changes += 1;
    } else {
        tracing::warn!("there is no file to save the change in: it ends with this process");
    }
    if permission_changed {
        broker.topics.touched(asked.now.wall_ms);
        broker.register_whole(None, effects);
    }
    Ok(done(asked))
}
