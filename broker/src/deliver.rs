//! Delivering delayed messages that are due.
//!
//! A message returns from the schedule topic to the topic and queue it was sent to. It keeps its
//! properties, DELAY, REAL_TOPIC and REAL_QID among them, as RocketMQ 5.5.0 leaves them.

use std::time::Duration;

use protocol::{
    Text, names, properties,
    record::{Message, RecordView},
};
use runtime::Now;
use store::Want;

use crate::{broker::Broker, event::Effect};

/// Most messages of one level that one tick delivers, so that nobody waits behind a flood.
const BATCH_MAX: usize = 256;

impl Broker {
    /// Delivers what is due.
    pub(crate) fn deliver_due(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.disk_failure.is_some() || self.is_stopping {
            return;
        }
        for (level, from) in self.delay.due_levels(now.monotonic) {
            self.deliver_level(level, from, now);
        }
        if self.is_young(now) && self.delay.has_unsafe() {
            effects.push(Effect::Sync);
        }
    }

    /// Whether the broker has not yet lived as long as progress may wait to be saved. Until then it
    /// is saved at once: a broker that is killed again and again would deliver the same messages
    /// each time, and what groups send back of them would grow without end.
    pub(crate) fn is_young(&self, now: Now) -> bool {
        let delays = Duration::from_millis(self.config.flush_delay_offset_ms);
        self.uptime(now.monotonic) < delays
    }

    fn deliver_level(&mut self, level: i32, mut from: i64, now: Now) {
        let topic = names::SCHEDULE_TOPIC;
        for _ in 0..BATCH_MAX {
            let max = self.store.max_offset(topic, level - 1);
            if max <= from {
                return;
            }
            let min = self.store.min_offset(topic, level - 1);
            if from < min {
                // The log was cleaned before they were due; there is nothing left to deliver.
                tracing::error!(level, from, min, "delayed messages expired before their time");
                from = min;
                continue;
            }
            let got = match self.store.get(topic, level - 1, from, Want::any(1)) {
                Ok(got) => got,
                Err(error) => {
                    tracing::error!(%error, level, from, "a delayed message cannot be read");
                    return;
                }
            };
            let Some(bytes) = got.records.into_iter().next() else {
                if got.next_offset <= from {
                    return;
                }
                from = got.next_offset;
                continue;
            };
            let next = got.next_offset.max(from + 1);
            match RecordView::parse(bytes) {
                Ok(record) => {
                    if !self.delay.is_due(level, from, record.store_timestamp(), now) {
                        return;
                    }
                    if !self.deliver_one(level, &record, now) {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, level, from, "a delayed message is damaged");
                }
            }
            let step = self.config.delay_offset_version_step;
            let end = self.store.extent().end;
            self.delay.delivered(level, next, end, now.wall_ms, step);
            from = next;
        }
    }

    /// Delivers one message. False if it must be tried again.
    fn deliver_one(&mut self, level: i32, record: &RecordView, now: Now) -> bool {
        let real = |name| record.property(name);
        let queue = real(properties::REAL_QUEUE_ID).and_then(|queue| queue.parse().ok());
        let (Some(topic), Some(queue_id)) = (real(properties::REAL_TOPIC), queue) else {
            tracing::error!(level, "a delayed message does not say where it belongs");
            return true;
        };
        let message = Message {
            topic: Text::from(topic),
            queue_id,
            prepared_transaction_offset: 0,
            ..Message::from_record(record)
        };
        match self.append(now, &message, record.property(properties::TAGS)) {
            Ok(_) => true,
            Err(refusal) => {
                tracing::warn!(level, remark = %refusal.remark, "a delayed message must wait on");
                false
            }
        }
    }
}
