//! KV configuration.

use protocol::request::{DeleteKvConfig, GetKvConfig, KvList, PutKvConfig};
use protocol::{Command, Fields};

use super::not_found;
use crate::namesrv::{Answered, Asked, Effect, NameServer, Refusal, Reply};

pub(super) fn put(core: &mut NameServer, asked: &Asked<'_>, _: &mut Vec<Effect>) -> Answered {
    let PutKvConfig { namespace, key, value } =
        PutKvConfig::decode(asked.command).map_err(Refusal::unusable)?;
    core.kv.put(&namespace, &key, &value);
    Ok(save(core, asked.success()))
}

pub(super) fn delete(core: &mut NameServer, asked: &Asked<'_>, _: &mut Vec<Effect>) -> Answered {
    let DeleteKvConfig { namespace, key } =
        DeleteKvConfig::decode(asked.command).map_err(Refusal::unusable)?;
    core.kv.delete(&namespace, &key);
    Ok(save(core, asked.success()))
}

fn save(core: &NameServer, answer: Command) -> Reply {
    Reply::Saved { path: core.config.kv_config_path.clone(), content: core.kv.to_file(), answer }
}

pub(super) fn get(core: &mut NameServer, asked: &Asked<'_>, _: &mut Vec<Effect>) -> Answered {
    let GetKvConfig { namespace, key } =
        GetKvConfig::decode(asked.command).map_err(Refusal::unusable)?;
    match core.kv.get(&namespace, &key) {
        Some(value) => {
            let fields = Fields::new().with("value", value.clone());
            Ok(asked.success().with_fields(fields).into())
        }
        None => Err(not_found(format!("No config item, Namespace: {namespace} Key: {key}"))),
    }
}

pub(super) fn list(core: &mut NameServer, asked: &Asked<'_>, _: &mut Vec<Effect>) -> Answered {
    let KvList { namespace } = KvList::decode(asked.command).map_err(Refusal::unusable)?;
    match core.kv.list(&namespace) {
        Some(body) => Ok(asked.success().with_body(body).into()),
        None => Err(not_found(format!("No config item, Namespace: {namespace}"))),
    }
}
