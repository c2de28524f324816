//! What the broker does when time passes, and when it stops.

use std::time::Duration;

use runtime::Now;

use crate::{
    broker::Broker,
    event::{Effect, Table},
    pull,
    timetable::Chore,
};

/// How often clients and leases are looked through for those that ran out.
const EXPIRE_PERIOD: Duration = Duration::from_secs(10);
/// Registration is at least and at most this far apart, whatever the configuration says.
const REGISTER_PERIOD_MS: std::ops::RangeInclusive<u64> = 10_000..=60_000;

/// Tables that are saved as soon as they change.
const AT_ONCE: [Table; 4] =
    [Table::Topics, Table::Groups, Table::RequestModes, Table::Configuration];

impl Broker {
    pub(crate) fn ticked(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(waiting) = self.waiting.next_late(now.monotonic) {
            pull::again(self, now, waiting, effects);
        }
        self.deliver_due(now, effects);
        self.stats.tick(now.wall_ms);
        let at = now.monotonic;
        let (least, most) = (*REGISTER_PERIOD_MS.start(), *REGISTER_PERIOD_MS.end());
        let register = Duration::from_millis(self.config.register_period_ms.clamp(least, most));
        if self.timetable.is_due(Chore::Register, register, at) {
            self.register_whole(None, effects);
        }
        let offsets = Duration::from_millis(self.config.flush_consumer_offset_ms);
        if self.timetable.is_due(Chore::SaveOffsets, offsets, at) {
            self.save(Table::Offsets, effects);
        }
        let delays = Duration::from_millis(self.config.flush_delay_offset_ms);
        if self.timetable.is_due(Chore::SaveDelays, delays, at) {
            self.delay.durable(self.store.extent().durable);
            self.save(Table::Delays, effects);
        }
        if self.timetable.is_due(Chore::Expire, EXPIRE_PERIOD, at) {
            self.expire(now, effects);
        }
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let silence = Duration::from_millis(self.config.channel_expired_ms);
        for (peer, group) in self.peers.expired(now.monotonic, silence) {
            tracing::warn!(%group, peer = peer.0, "a consumer was silent for too long");
            self.leave(peer, &group, effects);
        }
        self.locks.expire(now.monotonic);
    }

    pub(crate) fn save(&mut self, table: Table, effects: &mut Vec<Effect>) {
        let generation = self.generation(table);
        if self.saving.ask(table, generation) {
            effects.push(Effect::Save { table, generation });
        }
    }

    /// Saves what changed and must not wait.
    pub(crate) fn save_changes(&mut self, effects: &mut Vec<Effect>) {
        for table in AT_ONCE {
            self.save(table, effects);
        }
    }

    /// Answers whoever waits, saves everything and leaves the name servers. The driver then syncs
    /// and closes the store.
    pub(crate) fn stopping(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.unregister(effects);
        self.is_stopping = true;
        for waiting in self.waiting.drain() {
            pull::again(self, now, waiting, effects);
        }
        self.delay.durable(self.store.extent().durable);
        for table in Table::ALL {
            self.save(table, effects);
        }
    }
}
