//! SEND_MESSAGE and SEND_MESSAGE_V2: one message into the store.
//!
//! ```text
//!  may it? -> which topic and queue? -> what do its properties ask for? -> append -> answer
//!  checks      auto-create, dead letters    delay level                            now, or when
//!                                                                                  the disk has it
//! ```
//!
//! Source: `broker/processor/{AbstractSendMessageProcessor,SendMessageProcessor}.java`,
//! `broker/util/HookUtils.java`.

use protocol::{
    Command, Fields, ResponseCode, Text, message_id::OffsetId, names, properties, record::Message,
    request, response,
};
use runtime::Now;
use store::{AppendError, Appended};

use crate::{
    broker::{Arrival, Broker},
    config::FlushDiskType,
    event::Effect,
    parked::Need,
    requests::{Asked, Refusal, Reply},
    send_checks::{self, Properties},
};

/// SEND_MESSAGE, SEND_MESSAGE_V2. The second may carry a batch, if its header says so.
pub(crate) fn send(
    broker: &mut Broker,
    asked: &Asked,
    effects: &mut Vec<Effect>,
) -> Result<Reply, Refusal> {
    let header = request::Send::decode(&asked.command)?;
    let outcome = if header.is_batch() {
        crate::batch::store_batch(broker, asked, &header, effects)
    } else {
        broker.store_one(asked, &header, effects)
    };
    outcome.map_err(|refusal| broker.with_region(refusal))
}

/// What a producer is told about a stored message.
pub(crate) struct Receipt {
    pub message_id: Text,
    pub topic: Text,
    pub queue_id: i32,
    pub queue_offset: i64,
    pub unique_key: Option<Text>,
    /// Where the record ends in the log.
    pub log_end: u64,
    /// Whether the answer waits for the disk.
    pub waits: bool,
}

impl Broker {
    fn store_one(
        &mut self,
        asked: &Asked,
        header: &request::Send,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        send_checks::check(self, asked, header)?;
        let text = header.properties.clone().unwrap_or_default();
        let wanted = Properties::scan(&text);
        let target = send_checks::target(self, asked, header)?;
        send_checks::check_message(self, asked, header, &target, &wanted)?;
        let unique_key = match wanted.unique_key {
            Some(key) => text.slice_ref(key),
            None => self.ids.make(asked.now.wall_ms),
        };
        let real_topic = target.topic.clone();
        let delay = if target.is_dead_letter { None } else { wanted.delay_level };
        let mut message = Message {
            topic: target.topic,
            queue_id: target.queue_id,
            flag: header.flag,
            sys_flag: target.sys_flag,
            born_timestamp: header.born_timestamp_ms,
            born_host: self.peers.remote(asked.peer),
            store_host: self.identity.store_host,
            reconsume_times: header.reconsume_times.unwrap_or(0),
            prepared_transaction_offset: 0,
            body: asked.command.body.clone(),
            properties: self.stored_properties(&text, &wanted, &unique_key, target.is_dead_letter),
        };
        let level = delay.filter(|level| 0 < *level);
        if let Some(level) = level {
            self.divert(&mut message, level);
        }
        let tags = if level.is_some() { None } else { wanted.tags };
        let appended = self.append(asked.now, &message, tags)?;
        let receipt = Receipt {
            message_id: self.offset_id(&appended),
            topic: real_topic,
            queue_id: target.queue_id,
            queue_offset: appended.queue_offset,
            unique_key: Some(unique_key),
            log_end: appended.end(),
            waits: wanted.waits,
        };
        Ok(self.acknowledge(asked, receipt, effects))
    }

    /// The properties as they are stored: the producer's, and what the broker adds.
    fn stored_properties(
        &self,
        text: &Text,
        wanted: &Properties<'_>,
        unique_key: &str,
        is_dead_letter: bool,
    ) -> Text {
        const ADDED: [&str; 4] = [
            properties::MSG_REGION,
            properties::TRACE_SWITCH,
            properties::CLUSTER,
            properties::POP_CK,
        ];
        let mut stored = String::with_capacity(text.len() + 128);
        if wanted.is_clean && !is_dead_letter {
            stored.push_str(text);
            if !text.is_empty() && !text.ends_with(properties::PROPERTY_SEPARATOR) {
                stored.push(properties::PROPERTY_SEPARATOR);
            }
        } else {
            for (name, value) in properties::entries(text) {
                let is_replaced = is_dead_letter && name == properties::DELAY;
                if !is_replaced && !ADDED.contains(&name) {
                    properties::push(&mut stored, name, value);
                }
            }
        }
        if wanted.unique_key.is_none() {
            properties::push(&mut stored, properties::UNIQ_KEY, unique_key);
        }
        if is_dead_letter {
            properties::push(&mut stored, properties::DELAY, "-1");
        }
        properties::push(&mut stored, properties::MSG_REGION, &self.config.region_id);
        properties::push(&mut stored, properties::TRACE_SWITCH, self.trace_on());
        properties::push(&mut stored, properties::CLUSTER, &self.config.broker_cluster_name);
        Text::from(stored)
    }

    /// Sends a message to the schedule topic instead, from where it returns when it is due.
    pub(crate) fn divert(&mut self, message: &mut Message, level: i32) {
        let level = self.delay.clamp(level);
        let mut stored = String::with_capacity(message.properties.len() + 64);
        const REPLACED: [&str; 5] = [
            properties::REAL_TOPIC,
            properties::REAL_QUEUE_ID,
            properties::TIMER_DELAY_MS,
            properties::TIMER_DELAY_SEC,
            properties::TIMER_DELIVER_MS,
        ];
        for (name, value) in properties::entries(&message.properties) {
            if name == properties::DELAY {
                properties::push(&mut stored, name, &level.to_string());
            } else if !REPLACED.contains(&name) {
                properties::push(&mut stored, name, value);
            }
        }
        properties::push(&mut stored, properties::REAL_TOPIC, &message.topic);
        properties::push(&mut stored, properties::REAL_QUEUE_ID, &message.queue_id.to_string());
        message.properties = Text::from(stored);
        message.topic = Text::from_static(names::SCHEDULE_TOPIC);
        message.queue_id = level - 1;
    }

    /// Appends one message, and tells those who wait for it.
    pub(crate) fn append(
        &mut self,
        now: Now,
        message: &Message,
        tags: Option<&str>,
    ) -> Result<Appended, Refusal> {
        self.check_writable()?;
        let appended = match self.store.append(now, message) {
            Ok(appended) => appended,
            Err(error) => return Err(self.append_failed(&error)),
        };
        self.note_appended(now, message, tags, &appended);
        Ok(appended)
    }

    /// Everything that follows from a stored message.
    pub(crate) fn note_appended(
        &mut self,
        now: Now,
        message: &Message,
        tags: Option<&str>,
        appended: &Appended,
    ) {
        self.stats.stored(&message.topic, 1, u64::from(appended.size));
        if message.topic == names::SCHEDULE_TOPIC {
            self.delay.stored(message.queue_id + 1, appended.queue_offset, now.monotonic);
        }
        if self.waiting.is_waited_for(&message.topic, message.queue_id) {
            self.arrivals.push_back(Arrival {
                topic: message.topic.clone(),
                queue_id: message.queue_id,
                queue_offset: appended.queue_offset,
                tags_code: tags.map_or(0, properties::tags_code),
                log_end: appended.end(),
            });
        }
    }

    /// Whether anything may be stored now.
    pub(crate) fn check_writable(&self) -> Result<(), Refusal> {
        match &self.disk_failure {
            None if !self.is_stopping => Ok(()),
            failure => {
                let why = failure.as_deref().unwrap_or("the broker is stopping");
                Err(self.not_available(why))
            }
        }
    }

    fn not_available(&self, why: &str) -> Refusal {
        Refusal::new(
            ResponseCode::SERVICE_NOT_AVAILABLE,
            format!("service not available now: {why}"),
        )
    }

    /// The refusal that a failed append makes.
    pub(crate) fn append_failed(&mut self, error: &AppendError) -> Refusal {
        self.stats.totals.put_failed += 1;
        match error {
            AppendError::TooLong { .. } => send_checks::too_large(&self.config),
            error => {
                tracing::warn!(%error, "a message cannot be stored");
                self.not_available(&error.to_string())
            }
        }
    }

    /// Tells the producer: at once, or when what was promised is durable.
    pub(crate) fn acknowledge(
        &mut self,
        asked: &Asked,
        receipt: Receipt,
        effects: &mut Vec<Effect>,
    ) -> Reply {
        let command = self.receipt_answer(asked, &receipt);
        if !receipt.waits {
            // Nobody waits for it, but consumers may only see it once it is durable.
            self.sync_soon(effects);
            return Reply::Answer(command);
        }
        let need = self.need(receipt.log_end, &receipt.topic);
        self.answer_when(asked, command, need, Some(receipt.log_end), effects)
    }

    /// What must be durable before somebody is told that a message is safe: under SYNC_FLUSH its
    /// record; in any case the topic, if the message has created it, for without its topic nobody
    /// could read it.
    pub(crate) fn need(&self, log_end: u64, topic: &str) -> Need {
        let syncs = self.config.flush_disk_type == FlushDiskType::SyncFlush;
        Need { log: if syncs { log_end } else { 0 }, topics: self.topics.created(topic), groups: 0 }
    }

    fn sync_soon(&self, effects: &mut Vec<Effect>) {
        if self.config.flush_disk_type == FlushDiskType::SyncFlush {
            effects.push(Effect::Sync);
        }
    }

    fn receipt_answer(&self, asked: &Asked, receipt: &Receipt) -> Command {
        let fields = response::Send {
            message_id: receipt.message_id.clone(),
            queue_id: receipt.queue_id,
            queue_offset: receipt.queue_offset,
            transaction_id: receipt.unique_key.clone(),
            batch_unique_id: None,
            recall_handle: None,
            region: Some(Text::from(self.config.region_id.as_str())),
            trace_on: Some(self.config.trace_on),
        };
        asked.command.answer(ResponseCode::SUCCESS).with_fields(fields.fields())
    }

    /// The id under which a record can be found.
    pub(crate) fn offset_id(&self, appended: &Appended) -> Text {
        let physical_offset = i64::try_from(appended.physical_offset).unwrap_or(i64::MAX);
        OffsetId { store_host: self.identity.store_host, physical_offset }.text()
    }

    fn trace_on(&self) -> &'static str {
        if self.config.trace_on { "true" } else { "false" }
    }

    /// The header fields that every answer to a send has.
    pub(crate) fn with_region(&self, refusal: Refusal) -> Refusal {
        let fields = Fields::new()
            .with(properties::MSG_REGION, self.config.region_id.as_str())
            .with(properties::TRACE_SWITCH, self.trace_on());
        refusal.with_fields(fields)
    }
}
