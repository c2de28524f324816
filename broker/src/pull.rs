//! PULL_MESSAGE and LITE_PULL_MESSAGE: messages of one queue from an offset on.
//!
//! ```text
//!  may it? -> what does it want? -> look into the queue -> found          answer
//!                                                       -> nothing yet    wait (first pass only)
//!                                                       -> wrong offset   answer with a better one
//! ```
//!
//! A pull that waits is run again when a message comes or its time is up, and then answers
//! whatever it finds.
//!
//! Source: `broker/processor/PullMessageProcessor.java`.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use protocol::{
    Command, Fields, RequestCode, ResponseCode, Text, body::MessageModel, permission, request,
    response, sys_flag::pull as flags,
};
use runtime::Now;
use store::{GetStatus, Got, Want};

use crate::{
    broker::Broker,
    clients::unsupported_filter,
    event::{Door, Effect},
    requests::{Asked, Refusal, Reply},
    subscription::{TagFilter, is_tag_type},
    waiting::Waiting,
};

/// Where clients read more about a refusal.
const FAQ: &str = "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";

/// Who forbids a pull, as the header field `forbiddenType` tells it.
#[derive(Clone, Copy, Debug)]
enum Forbidden {
    Broker = 1,
    Group = 2,
    Topic = 3,
    Broadcasting = 4,
    Subscription = 5,
}

/// What a pull may see.
struct Permit {
    filter: TagFilter,
    topic_sys_flag: i32,
    group_sys_flag: i32,
}

fn refuse(code: ResponseCode, remark: impl Into<Text>) -> Refusal {
    Refusal::new(code, remark).with_fields(Fields::new())
}

fn forbid(who: Forbidden, remark: impl Into<Text>) -> Refusal {
    let fields = Fields::new().with("forbiddenType", (who as i32).to_string());
    Refusal::new(ResponseCode::NO_PERMISSION, remark).with_fields(fields)
}

/// PULL_MESSAGE, LITE_PULL_MESSAGE.
pub(crate) fn pull(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::Pull::decode(&asked.command)?;
    let permit = broker.permit_pull(asked, &header)?;
    broker.run_pull(asked, &header, &permit, true)
}

/// Runs a pull again that has waited; this time it answers whatever it finds.
pub(crate) fn again(broker: &mut Broker, now: Now, waiting: Waiting, effects: &mut Vec<Effect>) {
    let Waiting { peer, command, asked: asked_at, place, .. } = waiting;
    let asked = Asked { now, peer, door: Door::Main, command };
    let outcome = request::Pull::decode(&asked.command).map_err(Refusal::from).and_then(|header| {
        let permit = broker.permit_pull(&asked, &header)?;
        broker.run_pull(&asked, &header, &permit, false)
    });
    let command = match outcome {
        Ok(Reply::Answer(command)) => command,
        Ok(Reply::Later) => return,
        Err(refusal) => refusal.answer(&asked.command),
    };
    broker.meters.count(place, |meter| meter.took(now.monotonic.since(asked_at)));
    effects.push(Effect::Answer { peer, command });
}

impl Broker {
    /// Whether a pull is allowed, and what it wants; in RocketMQ's order of questions.
    fn permit_pull(&mut self, asked: &Asked, header: &request::Pull) -> Result<Permit, Refusal> {
        let ip = &self.config.broker_ip1;
        if !permission::is_readable(self.config.broker_permission) {
            let remark = format!("the broker[{ip}] pulling message is forbidden");
            return Err(forbid(Forbidden::Broker, remark));
        }
        let is_lite = asked.command.code == RequestCode::LITE_PULL_MESSAGE.0;
        if is_lite && !self.config.lite_pull {
            let remark = format!("the broker[{ip}] for lite pull consumer is forbidden");
            return Err(forbid(Forbidden::Broker, remark));
        }
        let (name, topic) = (&header.consumer_group, &header.topic);
        let now_ms = asked.now.wall_ms;
        let Some(group) = self.groups.find_or_create(name, &self.config, now_ms) else {
            let remark = format!("subscription group [{name}] does not exist, {FAQ}");
            return Err(refuse(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, remark));
        };
        if !group.consume_enable {
            let remark = format!("subscription group no permission, {name}");
            return Err(forbid(Forbidden::Group, remark));
        }
        let group_sys_flag = group.group_sys_flag;
        let Some(config) = self.topics.get(topic) else {
            let remark = format!("topic[{topic}] not exist, apply first please! {FAQ}");
            return Err(refuse(ResponseCode::TOPIC_NOT_EXIST, remark));
        };
        if !permission::is_readable(config.perm) {
            let remark = format!("the topic[{topic}] pulling message is forbidden");
            return Err(forbid(Forbidden::Topic, remark));
        }
        if !(0..config.read_queues).contains(&header.queue_id) {
            let remark = format!(
                "queueId[{}] is illegal, topic:[{topic}] topicConfig.readQueueNums:[{}] \
                 consumer:[/{}]",
                header.queue_id,
                config.read_queues,
                self.peers.remote(asked.peer)
            );
            return Err(refuse(ResponseCode::INVALID_PARAMETER, remark));
        }
        let topic_sys_flag = config.topic_sys_flag;
        let filter = self.filter_of(asked, header)?;
        Ok(Permit { filter, topic_sys_flag, group_sys_flag })
    }

    /// What a pull wants: as it says itself, or as its group said.
    fn filter_of(&self, asked: &Asked, header: &request::Pull) -> Result<TagFilter, Refusal> {
        let name = &header.consumer_group;
        let members = self.peers.group(name);
        if self.config.reject_pull_consumer
            && !members.is_some_and(|members| members.clients.contains_key(&asked.peer))
        {
            let remark = format!(
                "the consumer's group info not exist, or the pull consumer is rejected by server.{FAQ}"
            );
            return Err(refuse(ResponseCode::SUBSCRIPTION_NOT_EXIST, remark));
        }
        if header.sys_flag & flags::SUBSCRIPTION != 0 {
            if !is_tag_type(header.expression_type.as_deref()) {
                let kind = header.expression_type.as_deref().unwrap_or_default();
                return Err(unsupported_filter(kind).with_fields(Fields::new()));
            }
            let expression = header.subscription.as_deref().unwrap_or_default();
            return TagFilter::parse(expression).ok_or_else(|| {
                let remark = "parse the consumer's subscription failed";
                refuse(ResponseCode::SUBSCRIPTION_PARSE_FAILED, remark)
            });
        }
        let Some(members) = members else {
            let remark = format!("the consumer's group info not exist{FAQ}");
            return Err(refuse(ResponseCode::SUBSCRIPTION_NOT_EXIST, remark));
        };
        let group = self.groups.get(name);
        let may_broadcast = group.is_none_or(|group| group.consume_broadcast_enable);
        if !may_broadcast && members.message_model == MessageModel::Broadcasting {
            let remark = format!("the consumer group[{name}] can not consume by broadcast way");
            return Err(forbid(Forbidden::Broadcasting, remark));
        }
        if self.groups.is_read_forbidden(name, &header.topic) {
            let remark =
                format!("the consumer group[{name}] is forbidden for topic[{}]", header.topic);
            return Err(forbid(Forbidden::Subscription, remark));
        }
        let Some(subscription) = members.subscriptions.get(header.topic.as_str()) else {
            let remark = format!("the consumer's subscription not exist{FAQ}");
            return Err(refuse(ResponseCode::SUBSCRIPTION_NOT_EXIST, remark));
        };
        if subscription.data.sub_version < header.sub_version {
            let remark = "the consumer's subscription not latest";
            return Err(refuse(ResponseCode::SUBSCRIPTION_NOT_LATEST, remark));
        }
        if !is_tag_type(Some(&subscription.data.expression_type)) {
            return Err(
                unsupported_filter(&subscription.data.expression_type).with_fields(Fields::new())
            );
        }
        Ok(subscription.filter.clone())
    }

    /// Looks into the queue.
    fn run_pull(
        &mut self,
        asked: &Asked,
        header: &request::Pull,
        permit: &Permit,
        is_first_pass: bool,
    ) -> Result<Reply, Refusal> {
        let (group, topic) = (&header.consumer_group, &header.topic);
        let queue_id = header.queue_id;
        if self.config.server_side_reset_offset
            && let Some(offset) = self.offsets.take_reset(group, topic, queue_id)
        {
            return Ok(Reply::Answer(self.reset_answer(asked, header, permit, offset)));
        }
        let messages = usize::try_from(header.max_messages.max(1)).unwrap_or(1);
        let matches = |tags_code: i64| permit.filter.matches(tags_code);
        let want = Want { tag: &matches, ..Want::any(messages) };
        let got = self.store.get(topic, queue_id, header.queue_offset, want).map_err(|error| {
            tracing::error!(%error, %topic, queue_id, "a pull cannot be read");
            Refusal::system_error(error.to_string()).with_fields(Fields::new())
        })?;
        // The topic exists, so its queue does, even if nothing was ever stored there.
        let status = match got.status {
            GetStatus::NoMatchedLogicQueue => GetStatus::NoMessageInQueue,
            status => status,
        };
        let code = code_of(status, header.queue_offset);
        let may_wait = is_first_pass && header.sys_flag & flags::SUSPEND != 0;
        if is_first_pass {
            self.note_pull(asked, header, got.next_offset);
        }
        if code == ResponseCode::PULL_NOT_FOUND && may_wait && !self.is_stopping {
            self.park_pull(asked, header, permit);
            return Ok(Reply::Later);
        }
        let command = self.pull_answer(asked, permit, code, status.name(), &got);
        let bytes: usize = command.body.len();
        self.stats.pulled(topic, group, got.records.len() as u64, bytes as u64);
        Ok(Reply::Answer(command))
    }

    /// Notes how far the group has read, and what the pull itself commits.
    fn note_pull(&mut self, asked: &Asked, header: &request::Pull, next_offset: i64) {
        let (group, queue) = (&header.consumer_group, (&header.topic, header.queue_id));
        self.offsets.pulled(group, queue, next_offset);
        if header.sys_flag & flags::COMMIT_OFFSET != 0 && 0 <= header.commit_offset {
            self.commit(asked, group, queue, header.commit_offset);
        }
    }

    fn park_pull(&mut self, asked: &Asked, header: &request::Pull, permit: &Permit) {
        let wait_ms = if self.config.long_polling {
            u64::try_from(header.suspend_timeout_ms).unwrap_or(0)
        } else {
            self.config.short_polling_ms
        };
        self.waiting.park(Waiting {
            peer: asked.peer,
            command: asked.command.clone(),
            topic: header.topic.clone(),
            queue_id: header.queue_id,
            from: header.queue_offset,
            filter: permit.filter.clone(),
            deadline: asked.now.monotonic + Duration::from_millis(wait_ms),
            asked: asked.now.monotonic,
            place: self.place,
        });
    }

    /// The answer that brings an administrator's reset to the consumer. Differs from Java, where
    /// the same pull may commit the old offset over the new one.
    fn reset_answer(
        &self,
        asked: &Asked,
        header: &request::Pull,
        permit: &Permit,
        offset: i64,
    ) -> Command {
        let fields = response::Pull {
            next_begin_offset: offset,
            min_offset: self.store.min_offset(&header.topic, header.queue_id),
            max_offset: self.store.max_offset(&header.topic, header.queue_id),
            ..self.pull_fields(permit)
        };
        let code = ResponseCode::PULL_OFFSET_MOVED;
        asked
            .command
            .answer(code)
            .with_fields(fields.fields())
            .with_remark(Text::from_static(GetStatus::OffsetReset.name()))
    }

    fn pull_fields(&self, permit: &Permit) -> response::Pull {
        response::Pull {
            // A master alone never sends anybody elsewhere: `slaveReadEnable` needs a replica.
            suggest_which_broker_id: 0,
            topic_sys_flag: Some(permit.topic_sys_flag),
            group_sys_flag: Some(permit.group_sys_flag),
            ..response::Pull::default()
        }
    }

    fn pull_answer(
        &self,
        asked: &Asked,
        permit: &Permit,
        code: ResponseCode,
        status: &'static str,
        got: &Got,
    ) -> Command {
        let fields = response::Pull {
            next_begin_offset: got.next_offset,
            min_offset: got.min_offset,
            max_offset: got.max_offset,
            ..self.pull_fields(permit)
        };
        asked
            .command
            .answer(code)
            .with_fields(fields.fields())
            .with_remark(Text::from_static(status))
            .with_body(join(&got.records))
    }
}

/// Records one after another: the body of a pull answer.
pub(crate) fn join(records: &[Bytes]) -> Bytes {
    match records {
        [] => Bytes::new(),
        [one] => one.clone(),
        many => {
            let mut body = BytesMut::with_capacity(many.iter().map(Bytes::len).sum());
            for record in many {
                body.extend_from_slice(record);
            }
            body.freeze()
        }
    }
}

/// The response code of what the queue said.
fn code_of(status: GetStatus, from: i64) -> ResponseCode {
    match status {
        GetStatus::Found => ResponseCode::SUCCESS,
        GetStatus::NoMatchedMessage | GetStatus::MessageWasRemoving => {
            ResponseCode::PULL_RETRY_IMMEDIATELY
        }
        GetStatus::NoMatchedLogicQueue | GetStatus::NoMessageInQueue if from == 0 => {
            ResponseCode::PULL_NOT_FOUND
        }
        GetStatus::OffsetFoundNull | GetStatus::OffsetOverflowOne => ResponseCode::PULL_NOT_FOUND,
        GetStatus::NoMatchedLogicQueue
        | GetStatus::NoMessageInQueue
        | GetStatus::OffsetOverflowBadly
        | GetStatus::OffsetTooSmall
        | GetStatus::OffsetReset => ResponseCode::PULL_OFFSET_MOVED,
    }
}
