//! How much is stored and consumed: per topic, per group, per queue.

use protocol::{Text, body, request};
use store::ReadError;

use super::{no_such_topic, with_body};
use crate::{
    broker::Broker,
    calendar,
    event::Effect,
    query::unreadable,
    requests::{Asked, Refusal, Reply},
    stats::{Meter, Rate, Window},
};

/// Most entries of a consume queue in one answer. Ours: RocketMQ gives as many as are asked for.
const ENTRIES_MAX: i32 = 10_000;

impl Broker {
    /// When a message was stored; 0 if it is not there.
    fn stored_ms(&self, topic: &str, queue_id: i32, offset: i64) -> Result<i64, Refusal> {
        let read: Result<Option<i64>, ReadError> = self.store.store_time(topic, queue_id, offset);
        read.map(|stored| stored.unwrap_or(0)).map_err(|error| unreadable(&error))
    }

    /// How far a group is in one queue.
    fn progress(
        &self,
        group: &str,
        topic: &str,
        queue_id: i32,
    ) -> Result<body::OffsetWrapper, Refusal> {
        let consumer_offset = self.offsets.query(group, topic, queue_id).unwrap_or(0).max(0);
        let pulled = self.offsets.query_pulled(group, topic, queue_id).unwrap_or(0);
        let last_timestamp_ms = if 0 < consumer_offset {
            self.stored_ms(topic, queue_id, consumer_offset - 1)?
        } else {
            0
        };
        Ok(body::OffsetWrapper {
            broker_offset: self.store.max_offset(topic, queue_id),
            consumer_offset,
            last_timestamp_ms,
            pull_offset: consumer_offset.max(pulled),
        })
    }

    /// Whether a group's members, if there are any, want a topic.
    fn is_wanted(&self, group: &str, topic: &str) -> bool {
        self.peers.group(group).is_none_or(|members| {
            members.subscriptions.is_empty() || members.subscriptions.contains_key(topic)
        })
    }
}

/// GET_TOPIC_STATS_INFO.
pub(crate) fn topic_stats(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::TopicStats::decode(&asked.command)?;
    let topic = &header.topic;
    let Some(config) = broker.topics.get(topic) else { return Err(no_such_topic(topic)) };
    let mut body = body::TopicStats {
        topic_put_tps: broker.stats.put_rate(topic),
        ..body::TopicStats::default()
    };
    for queue_id in 0..config.read_queues.max(config.write_queues) {
        let max_offset = broker.store.max_offset(topic, queue_id);
        let offset = body::TopicOffset {
            last_update_timestamp_ms: if 0 < max_offset {
                broker.stored_ms(topic, queue_id, max_offset - 1)?
            } else {
                0
            },
            max_offset,
            min_offset: broker.store.min_offset(topic, queue_id),
        };
        body.offset_table.insert(broker.queue_name(topic, queue_id), offset);
    }
    Ok(with_body(asked, body.to_json()))
}

/// GET_CONSUME_STATS.
pub(crate) fn consume_stats(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::ConsumeStats::decode(&asked.command)?;
    let group = &header.consumer_group;
    let listed: Vec<Text> = header
        .topic_list
        .as_deref()
        .unwrap_or_default()
        .split(';')
        .filter(|topic| !topic.is_empty())
        .map(Text::from)
        .collect();
    let named = header.topic.clone().filter(|topic| !topic.trim().is_empty());
    let topics: Vec<Text> = match named {
        _ if !listed.is_empty() => listed,
        Some(topic) if broker.is_wanted(group, &topic) => vec![topic],
        Some(_) => Vec::new(),
        None => {
            let known = broker.offsets.topics_of(group).into_iter();
            known.filter(|topic| broker.is_wanted(group, topic)).collect()
        }
    };
    let mut body = body::ConsumeStats::default();
    for topic in topics {
        let Some(config) = broker.topics.get(&topic) else { continue };
        for queue_id in 0..config.read_queues {
            let progress = broker.progress(group, &topic, queue_id)?;
            body.offset_table.insert(broker.queue_name(&topic, queue_id), progress);
        }
        body.consume_tps += broker.stats.get_rate(&topic, group);
    }
    Ok(with_body(asked, body.to_json()))
}

/// GET_BROKER_CONSUME_STATS: every group in every topic.
pub(crate) fn broker_consume_stats(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::BrokerConsumeStats::decode(&asked.command)?;
    let mut body = body::BrokerConsumeStats {
        broker_addr: Some(Text::from(broker.config.address())),
        ..body::BrokerConsumeStats::default()
    };
    for group in broker.groups.table().keys() {
        let mut of_group = Vec::new();
        for topic in broker.offsets.topics_of(group) {
            let Some(config) = broker.topics.get(&topic) else { continue };
            if (header.is_order && !config.order) || !broker.is_wanted(group, &topic) {
                continue;
            }
            let mut stats = body::ConsumeStats {
                consume_tps: broker.stats.get_rate(&topic, group),
                ..body::ConsumeStats::default()
            };
            for queue_id in 0..config.write_queues {
                // Java leaves the pulled offset out of this answer.
                let progress = broker.progress(group, &topic, queue_id)?;
                let progress = body::OffsetWrapper { pull_offset: 0, ..progress };
                body.total_diff += progress.broker_offset - progress.consumer_offset;
                body.total_inflight_diff += progress.pull_offset - progress.consumer_offset;
                stats.offset_table.insert(broker.queue_name(&topic, queue_id), progress);
            }
            of_group.push(stats);
        }
        body.consume_stats_list.push([(group.clone(), of_group)].into());
    }
    Ok(with_body(asked, body.to_json()))
}

/// QUERY_CONSUME_TIME_SPAN: from when to when the messages of each queue are.
pub(crate) fn consume_time_span(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::ConsumeTimeSpan::decode(&asked.command)?;
    let (topic, group) = (&header.topic, &header.group);
    let Some(config) = broker.topics.get(topic) else { return Err(no_such_topic(topic)) };
    let mut body = body::ConsumeTimeSpans::default();
    for queue_id in 0..config.write_queues {
        let max_offset = broker.store.max_offset(topic, queue_id);
        let earliest = broker.store.earliest_store_time(topic, queue_id);
        let min_ms = earliest.map_err(|error| unreadable(&error))?.unwrap_or(-1);
        let max_ms = broker.stored_ms(topic, queue_id, max_offset - 1)?;
        let consumed = broker.offsets.query(group, topic, queue_id).unwrap_or(-1);
        let consume_ms =
            if 0 < consumed { broker.stored_ms(topic, queue_id, consumed - 1)? } else { min_ms };
        let delay_ms = if consumed < max_offset {
            asked.now.wall_ms - broker.stored_ms(topic, queue_id, consumed.max(0))?
        } else {
            0
        };
        let shown = |ms: i64| Some(Text::from(calendar::show(ms)));
        body.spans.push(body::ConsumeTimeSpan {
            consume_timestamp_ms: consume_ms,
            consume_time: shown(consume_ms),
            delay_ms,
            max_timestamp_ms: max_ms,
            max_time: shown(max_ms),
            message_queue: broker.queue_name(topic, queue_id),
            min_timestamp_ms: min_ms,
            min_time: shown(min_ms),
        });
    }
    Ok(with_body(asked, body.to_json()))
}

/// VIEW_BROKER_STATS_DATA.
pub(crate) fn broker_stats(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::BrokerStats::decode(&asked.command)?;
    let Some(meter) = broker.stats.find(&header.stats_name, &header.stats_key) else {
        return Err(Refusal::system_error(format!(
            "The stats <{}> <{}> not exist",
            header.stats_name, header.stats_key
        )));
    };
    let item = |meter: &Meter, window| {
        let Rate { sum, per_second, average } = meter.rate(window);
        let sum = i64::try_from(sum).unwrap_or(i64::MAX);
        body::BrokerStatsItem { average, sum, per_second }
    };
    let body = body::BrokerStats {
        stats_day: item(meter, Window::Day),
        stats_hour: item(meter, Window::Hour),
        stats_minute: item(meter, Window::Minute),
    };
    Ok(with_body(asked, body.to_json()))
}

/// QUERY_CONSUME_QUEUE: the entries themselves.
pub(crate) fn consume_queue(
    broker: &mut Broker,
    asked: &Asked,
    _effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::ConsumeQueue::decode(&asked.command)?;
    let (topic, queue_id) = (&header.topic, header.queue_id);
    if !broker.store.has_queue(topic, queue_id) {
        return Err(Refusal::system_error(format!("{queue_id}@{topic} is not exist!")));
    }
    let count = usize::try_from(header.count.clamp(0, ENTRIES_MAX)).unwrap_or(0);
    let slots = broker
        .store
        .slots(topic, queue_id, header.index, count)
        .map_err(|error| unreadable(&error))?;
    let entries = slots
        .into_iter()
        .map(|slot| body::ConsumeQueueEntry {
            physical_offset: i64::try_from(slot.physical_offset).unwrap_or(i64::MAX),
            physical_bytes: i32::try_from(slot.size).unwrap_or(i32::MAX),
            tags_code: slot.tags_code,
            ..body::ConsumeQueueEntry::default()
        })
        .collect();
    let group = header.consumer_group.clone();
    let known = group.as_deref().and_then(|group| broker.peers.subscription(group, topic));
    let filter_data = match (&group, known) {
        (Some(group), None) => Some(Text::from(format!("{group}@{topic} is not online!"))),
        (Some(_), Some(_)) => Some(Text::from_static("null")),
        (None, _) => None,
    };
    let body = body::ConsumeQueueEntries {
        filter_data,
        max_queue_index: broker.store.max_offset(topic, queue_id),
        min_queue_index: broker.store.min_offset(topic, queue_id),
        entries: Some(entries),
        subscription_data: known.map(|subscription| subscription.data.clone()),
    };
    Ok(with_body(asked, body.to_json()))
}
