//! Housekeeping by hand, and what replication would show.

use super::{done, with_body};
use crate::{
    broker::Broker,
    event::Effect,
    requests::{Asked, Refusal, Reply},
};

/// CLEAN_EXPIRED_CONSUMEQUEUE: queues of topics that nobody configured and whose messages have all
/// expired.
pub(crate) fn clean_queues(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let topics = &broker.topics;
    let keep = |topic: &str| topics.contains(topic) || topics.is_system(topic);
    let removed = broker
        .store
        .delete_expired_topics(&keep)
        .map_err(|error| Refusal::system_error(format!("expired queues: {error}")))?;
    tracing::info!(?removed, "expired queues were removed");
    Ok(done(asked))
}

/// CLEAN_UNUSED_TOPIC: queues of topics that nobody configured, whatever they hold.
pub(crate) fn clean_topics(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    for topic in broker.store.topics() {
        if broker.topics.contains(&topic) || broker.topics.is_system(&topic) {
            continue;
        }
        broker
            .store
            .delete_topic(&topic)
            .map_err(|error| Refusal::system_error(format!("queues of {topic}: {error}")))?;
        tracing::info!(%topic, "queues of a topic that does not exist were removed");
    }
    Ok(done(asked))
}

/// DELETE_EXPIRED_COMMITLOG: in the next rounds, whatever the hour.
pub(crate) fn delete_expired(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    broker.store.delete_expired_soon();
    Ok(done(asked))
}

/// GET_BROKER_HA_STATUS: of a master without replicas.
pub(crate) fn ha_status(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let max = broker.store.max_physical();
    let body = format!(
        "{{\"haClientRuntimeInfo\":{{\"lastReadTimestamp\":0,\"lastWriteTimestamp\":0,\
         \"masterFlushOffset\":0,\"maxOffset\":0,\"transferredByteInSecond\":0}},\
         \"haConnectionInfo\":[],\"inSyncSlaveNums\":0,\"master\":true,\
         \"masterCommitLogMaxOffset\":{max}}}"
    );
    Ok(with_body(asked, body.into()))
}
