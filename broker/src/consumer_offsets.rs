//! Requests by which consumers ask and tell how far their group is.
//!
//! Source: `broker/processor/ConsumerManageProcessor.java`.

use protocol::{Fields, ResponseCode, Text, body::ConsumeType, request, response};

use crate::{
    broker::Broker,
    event::Effect,
    offsets::Committer,
    requests::{Asked, Refusal, Reply},
};

fn refuse(code: ResponseCode, remark: String) -> Refusal {
    Refusal::new(code, remark).with_fields(Fields::new())
}

/// UPDATE_CONSUMER_OFFSET.
pub(crate) fn update(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::UpdateConsumerOffset::decode(&asked.command)?;
    let (group, topic) = (&header.consumer_group, &header.topic);
    if broker.groups.get(group).is_none() {
        let remark = format!("Group {group} not exist!");
        return Err(refuse(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, remark));
    }
    if !broker.topics.contains(topic) {
        return Err(refuse(ResponseCode::TOPIC_NOT_EXIST, format!("Topic {topic} not exist!")));
    }
    // Differs from Java, which stores any number.
    if header.queue_id < 0 || header.commit_offset < 0 {
        let remark = format!(
            "queue {} and offset {} must not be negative",
            header.queue_id, header.commit_offset
        );
        return Err(refuse(ResponseCode::INVALID_PARAMETER, remark));
    }
    let answer = asked.command.answer(ResponseCode::SUCCESS).with_fields(Fields::new());
    if broker.config.server_side_reset_offset
        && broker.offsets.is_reset(group, topic, header.queue_id)
    {
        return Ok(Reply::Answer(answer.with_remark("Offset has been previously reset")));
    }
    if !broker.commit(asked, group, (topic, header.queue_id), header.commit_offset) {
        tracing::info!(%group, %topic, queue = header.queue_id, offset = header.commit_offset,
            "a late commit of a former owner was ignored");
    }
    Ok(Reply::Answer(answer))
}

/// QUERY_CONSUMER_OFFSET.
pub(crate) fn query(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::QueryConsumerOffset::decode(&asked.command)?;
    let (group, topic, queue) = (&header.consumer_group, &header.topic, header.queue_id);
    let known = broker.offsets.query(group, topic, queue);
    let offset = match known {
        Some(offset) => offset,
        None if header.set_zero_if_not_found == Some(false) => {
            let remark = "Not found, do not set to zero, maybe this group boot first";
            return Err(refuse(ResponseCode::QUERY_NOT_FOUND, remark.to_owned()));
        }
        None if broker.may_begin_at_zero(topic, queue) => 0,
        None => {
            let remark = "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first";
            return Err(refuse(ResponseCode::QUERY_NOT_FOUND, remark.to_owned()));
        }
    };
    let fields = response::Offset { offset }.fields();
    Ok(Reply::Answer(asked.command.answer(ResponseCode::SUCCESS).with_fields(fields)))
}

impl Broker {
    /// Commits what somebody asks for. False if it was ignored.
    ///
    /// Differs from Java, which commits offsets beyond the end of a queue, too. After a power cut
    /// took the tail of the log, or a new disk the place of the old one, a member still tells how
    /// far it had been; whoever takes the queue over from it would skip the messages that were
    /// stored in those places since, and could not go back as long as there are none.
    pub(crate) fn commit(
        &mut self,
        asked: &Asked,
        group: &Text,
        (topic, queue_id): (&Text, i32),
        offset: i64,
    ) -> bool {
        let offset = offset.min(self.store.next_offset(topic, queue_id));
        let committer = self.committer(asked, group);
        let now_ms = asked.now.wall_ms;
        self.offsets.commit(group, (topic, queue_id), offset, committer, now_ms)
    }

    /// In what capacity somebody commits an offset of a group.
    pub(crate) fn committer(&self, asked: &Asked, group: &str) -> Committer {
        let pushes = self.peers.group(group).is_some_and(|members| {
            members.consume_type != ConsumeType::Actively
                && members.clients.contains_key(&asked.peer)
        });
        if pushes { Committer::Member(asked.peer) } else { Committer::Other(Some(asked.peer)) }
    }

    /// Whether a group without an offset can be told to begin with the very first message of a
    /// queue: it is still there and so near that nobody minds reading it.
    ///
    /// Differs from Java, which says no for a queue that has never held a message: the client then
    /// asks for the end of the queue, and a message that arrives in between is never consumed.
    fn may_begin_at_zero(&self, topic: &str, queue_id: i32) -> bool {
        let in_topic = self.topics.get(topic).is_some_and(|topic| {
            (0..topic.read_queues.max(topic.write_queues)).contains(&queue_id)
        });
        if !in_topic || 0 < self.store.min_offset(topic, queue_id) {
            return false;
        }
        self.store.max_offset(topic, queue_id) == 0 || self.is_first_near(topic, queue_id)
    }

    /// Whether the first message of a queue is still there, and so young that it lies in memory.
    fn is_first_near(&self, topic: &str, queue_id: i32) -> bool {
        let Ok(slots) = self.store.slots(topic, queue_id, 0, 1) else { return false };
        let near = self.store.config().get.in_memory_bytes;
        slots.first().is_some_and(|slot| {
            slot.queue_offset == 0
                && self.store.max_physical().saturating_sub(slot.physical_offset) <= near
        })
    }
}
