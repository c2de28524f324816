//! What is safe, and the answers that wait until it is.

use std::time::Duration;

use protocol::{Command, ResponseCode, Text};
use runtime::Now;
use store::{SyncJob, Synced};

use crate::{
    broker::Broker,
    event::{Effect, Table},
    parked::{self, Need},
    requests::{Asked, Refusal, Reply},
};

impl Broker {
    /// Begins a sync of the log, if there is anything to sync; the driver runs it outside of its
    /// lock and brings the outcome back as [`Event::Synced`](crate::Event::Synced).
    pub fn begin_sync(&mut self) -> Option<SyncJob> {
        self.store.begin_sync()
    }

    pub(crate) fn synced(&mut self, synced: Synced, now: Now, effects: &mut Vec<Effect>) {
        match self.store.end_sync(synced) {
            Ok(durable) => {
                self.delay.durable(durable);
                if self.is_young(now) {
                    self.save(Table::Delays, effects);
                }
                let invisible = self.arrivals.back();
                let is_waited_for = invisible.is_some_and(|arrival| durable < arrival.log_end);
                if self.parked.needs_log_beyond(durable) || is_waited_for {
                    effects.push(Effect::Sync);
                }
            }
            Err(failure) => self.disk_failed(&failure.to_string(), now, effects),
        }
    }

    pub(crate) fn saved(&mut self, table: Table, generation: u64, ok: bool) {
        self.saving.saved(table, generation, ok);
        if ok && table == Table::Topics {
            self.topics.saved(generation);
        }
    }

    /// Notices that the store has closed itself, because what it was refused in the middle of
    /// cannot be undone. Of the messages since then (`before`: how many effects there were, and
    /// where the log ended) nobody knows whether the next start finds them: neither yes nor no
    /// would be true, so those who sent them hear nothing.
    pub(crate) fn look_at_store(
        &mut self,
        now: Now,
        before: (usize, u64),
        effects: &mut Vec<Effect>,
    ) {
        if self.disk_failure.is_some() {
            return;
        }
        let Some(poisoned) = self.store.poisoned() else { return };
        let (count, end) = before;
        let since = effects.split_off(count);
        let is_answer = |effect: &Effect| matches!(effect, Effect::Answer { .. });
        effects.extend(since.into_iter().filter(|effect| !is_answer(effect)));
        self.parked.forget_beyond(end);
        self.arrivals.retain(|arrival| arrival.log_end <= end);
        self.disk_failed(&poisoned.to_string(), now, effects);
    }

    /// The disk failed: nobody may be told that something is safe any more.
    fn disk_failed(&mut self, failure: &str, now: Now, effects: &mut Vec<Effect>) {
        tracing::error!(%failure, "the disk failed; nothing is stored any more");
        self.disk_failure = Some(failure.to_owned());
        let remark = Text::from(format!("the message may be lost: {failure}"));
        let answers: Vec<parked::Answer> = self.parked.drain().collect();
        for parked in answers {
            let mut command = parked.command;
            // The record stands in the log and may well survive: a refusal would be a lie.
            command.code = if parked.stored_to.is_some() {
                ResponseCode::FLUSH_DISK_TIMEOUT.0
            } else {
                ResponseCode::SERVICE_NOT_AVAILABLE.0
            };
            command.remark = Some(remark.clone());
            self.meters.count(parked.place, |meter| {
                meter.took(now.monotonic.since(parked.asked));
                meter.refused += 1;
            });
            effects.push(Effect::Answer { peer: parked.peer, command });
        }
    }

    /// What is durable now.
    fn durable(&self) -> Need {
        Need {
            log: self.store.extent().durable,
            topics: self.saving.saved_generation(Table::Topics),
            groups: self.saving.saved_generation(Table::Groups),
        }
    }

    /// Lets an answer wait for its need; answers at once if it is met.
    pub(crate) fn answer_when(
        &mut self,
        asked: &Asked,
        command: Command,
        need: Need,
        stored_to: Option<u64>,
        effects: &mut Vec<Effect>,
    ) -> Reply {
        if need.is_met_by(self.durable()) {
            return Reply::Answer(command);
        }
        if self.store.extent().durable < need.log {
            effects.push(Effect::Sync);
        }
        if !asked.command.is_oneway() {
            let timeout = Duration::from_millis(self.config.sync_flush_timeout_ms);
            let deadline = asked.now.monotonic + timeout;
            self.parked.park(parked::Answer {
                peer: asked.peer,
                command,
                need,
                deadline,
                asked: asked.now.monotonic,
                place: self.place,
                stored_to,
            });
        }
        Reply::Later
    }

    /// Answers an administrator when the table that was changed is saved.
    pub(crate) fn answer_when_saved(
        &mut self,
        asked: &Asked,
        command: Command,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let need =
            Need { log: 0, topics: self.topics.generation(), groups: self.groups.generation() };
        Ok(self.answer_when(asked, command, need, None, effects))
    }

    pub(crate) fn release_parked(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let durable = self.durable();
        while let Some(parked) = self.parked.next_ready(durable) {
            let took = now.monotonic.since(parked.asked);
            self.meters.count(parked.place, |meter| meter.took(took));
            effects.push(Effect::Answer { peer: parked.peer, command: parked.command });
        }
        while let Some(parked) = self.parked.next_late(now.monotonic) {
            let mut command = parked.command;
            if parked.stored_to.is_some() {
                command.code = ResponseCode::FLUSH_DISK_TIMEOUT.0;
            } else if command.code == ResponseCode::SUCCESS.0 {
                command.code = ResponseCode::SYSTEM_ERROR.0;
                command.remark = Some(Text::from_static("the change could not be saved in time"));
            }
            self.meters.count(parked.place, |meter| meter.refused += 1);
            effects.push(Effect::Answer { peer: parked.peer, command });
        }
    }
}
