//! The broker's core: one event in, any number of effects out.
//!
//! It never waits, never looks at a clock and starts nothing. Start reading at
//! [`Broker::apply`]; what can be asked is in [`crate::requests::REQUESTS`].

use std::{net::SocketAddr, time::Duration};

use protocol::{Command, ResponseCode, Text, body::DataVersion, message_id::UniqueIds};
use remoting::PeerId;
use runtime::{DiskUsage, Monotonic, Now};
use store::Store;

use crate::{
    calls::Calls,
    config::Config,
    delay::Delay,
    entropy::Dice,
    event::{Door, Effect, Event},
    groups::Groups,
    locks::QueueLocks,
    meters::Meters,
    offsets::Offsets,
    parked::Parked,
    peers::Peers,
    pull,
    request_modes::RequestModes,
    requests::{self, Asked, REQUESTS, Refusal, Reply},
    saving::Saving,
    stats::Stats,
    timetable::Timetable,
    topics::Topics,
    waiting::WaitingPulls,
};

/// What a broker is told about itself when it is made.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// The address that is written into records and message ids.
    pub store_host: SocketAddr,
    /// The process.
    pub process: u32,
    /// Where the random choices begin.
    pub seed: u64,
}

/// A message that somebody may wait for.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub topic: Text,
    pub queue_id: i32,
    pub queue_offset: i64,
    pub tags_code: i64,
    /// Where its record ends in the log.
    pub log_end: u64,
}

/// A broker: tables over a store.
pub struct Broker {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) identity: Identity,
    pub(crate) topics: Topics,
    pub(crate) groups: Groups,
    pub(crate) offsets: Offsets,
    pub(crate) request_modes: RequestModes,
    pub(crate) delay: Delay,
    pub(crate) peers: Peers,
    pub(crate) locks: QueueLocks,
    pub(crate) waiting: WaitingPulls,
    pub(crate) parked: Parked,
    pub(crate) calls: Calls,
    pub(crate) stats: Stats,
    pub(crate) meters: Meters,
    pub(crate) saving: Saving,
    pub(crate) timetable: Timetable,
    pub(crate) dice: Dice,
    pub(crate) ids: UniqueIds,
    /// Messages that were stored since the last time somebody was woken, oldest first.
    pub(crate) arrivals: std::collections::VecDeque<Arrival>,
    /// Version of the configuration as GET_BROKER_CONFIG tells it.
    pub(crate) config_version: DataVersion,
    /// How often it was changed since the start, if it has a file.
    pub(crate) config_changes: u64,
    /// When this life began.
    pub(crate) started: Now,
    /// The place of the request that is being answered.
    pub(crate) place: usize,
    pub(crate) is_stopping: bool,
    /// How full the disk was when the driver last looked.
    pub(crate) disk_usage: Option<DiskUsage>,
    /// What the disk said when it failed. Nothing is written after that.
    pub(crate) disk_failure: Option<String>,
}

impl Broker {
    /// A broker on an opened store, with nothing saved; see [`Broker::load`].
    pub fn new(config: Config, store: Store, identity: Identity, now: Now) -> Self {
        let mut dice = Dice::new(identity.seed);
        let [loader, ..] = dice.next_u64().to_le_bytes().map(i32::from);
        let wall_ms = now.wall_ms;
        Self {
            topics: Topics::new(&config, wall_ms),
            groups: Groups::new(wall_ms),
            offsets: Offsets::new(wall_ms, config.consumer_offset_version_step),
            request_modes: RequestModes::default(),
            delay: Delay::new(config.message_delay_level.delays_ms(), wall_ms),
            peers: Peers::default(),
            locks: QueueLocks::default(),
            waiting: WaitingPulls::default(),
            parked: Parked::default(),
            calls: Calls::default(),
            stats: Stats::default(),
            meters: Meters::default(),
            saving: Saving::default(),
            timetable: Timetable::new(now.monotonic),
            dice,
            ids: UniqueIds::new(identity.store_host.ip(), identity.process, loader),
            arrivals: std::collections::VecDeque::new(),
            config_changes: 0,
            config_version: DataVersion { timestamp_ms: wall_ms, ..DataVersion::default() },
            started: now,
            place: 0,
            is_stopping: false,
            disk_usage: None,
            disk_failure: None,
            config,
            store,
            identity,
        }
    }

    /// Take one event at `now`; say what must be done.
    pub fn apply(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        let before = (effects.len(), self.store.extent().end);
        self.take(now, event, effects);
        self.look_at_store(now, before, effects);
        self.settle(now, effects);
    }

    /// Takes all events that came together. Their messages are written in one go, and those who
    /// wait for them are woken once.
    pub fn apply_all(
        &mut self,
        now: Now,
        events: impl Iterator<Item = Event>,
        effects: &mut Vec<Effect>,
    ) {
        let before = (effects.len(), self.store.extent().end);
        self.store.begin_writes();
        for event in events {
            self.take(now, event, effects);
        }
        let written = self.store.end_writes();
        self.look_at_store(now, before, effects);
        if let (Err(error), None) = (written, &self.disk_failure) {
            self.void(before.0, &error.to_string(), effects);
        }
        // Only now: an answer that is released here is about a message that was written before.
        self.settle(now, effects);
    }

    /// None of the messages of a batch is stored: whatever was answered in it is void.
    fn void(&mut self, before: usize, why: &str, effects: &mut [Effect]) {
        tracing::error!(%why, "messages cannot be written");
        let remark = Text::from(format!("service not available now: {why}"));
        let refuse = |command: &mut Command| {
            command.code = ResponseCode::SERVICE_NOT_AVAILABLE.0;
            command.remark = Some(remark.clone());
            command.fields = None;
            command.body = bytes::Bytes::new();
        };
        for effect in effects.iter_mut().skip(before) {
            if let Effect::Answer { command, .. } = effect {
                refuse(command);
            }
        }
        let end = self.store.extent().end;
        self.parked.change_beyond(end, refuse);
        self.arrivals.retain(|arrival| arrival.log_end <= end);
    }

    /// Takes one event and leaves what follows from it to the next [`Broker::settle`]: the driver
    /// settles once for all requests that one read brought.
    pub(crate) fn take(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Opened { peer, remote } => self.peers.opened(peer, remote),
            Event::Closed { peer } => self.closed(peer, effects),
            Event::Asked { peer, door, command } => {
                self.asked(Asked { now, peer, door, command }, effects);
            }
            Event::Called { call, outcome } => self.called(call, outcome, effects),
            Event::Synced(synced) => self.synced(synced, now, effects),
            Event::Saved { table, generation, ok } => self.saved(table, generation, ok),
            Event::DiskLooked { usage } => self.disk_usage = Some(usage),
            Event::NameServerJoined { index } => self.register_whole(Some(index), effects),
            Event::Ticked => self.ticked(now, effects),
            Event::Stopping => self.stopping(now, effects),
        }
    }

    /// Does what follows from the events taken: wakes pulls, releases answers, registers and saves
    /// what changed.
    pub(crate) fn settle(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.wake_pulls(now, effects);
        self.release_parked(now, effects);
        self.register_changes(effects);
        self.save_changes(effects);
    }

    /// A request: the one place where it is found, authorised, counted and traced.
    fn asked(&mut self, asked: Asked, effects: &mut Vec<Effect>) {
        let command = &asked.command;
        let place = requests::find(command.code);
        let entry = place.and_then(|place| REQUESTS.get(place));
        let entry = entry.filter(|entry| entry.fast || asked.door == Door::Main);
        let (Some(place), Some(entry)) = (place, entry) else {
            self.meters.unknown += 1;
            let remark = format!(" request type {} not supported", command.code);
            let refusal = Refusal::new(ResponseCode::REQUEST_CODE_NOT_SUPPORTED, remark);
            answer(&asked, refusal.answer(command), effects);
            return;
        };
        let span = tracing::trace_span!(
            "request",
            code = entry.code.0,
            peer = asked.peer.0,
            opaque = command.opaque
        );
        let _entered = span.enter();
        self.place = place;
        let outcome = match self.authorise(&asked, entry) {
            Ok(()) => (entry.answers)(self, &asked, effects),
            Err(refusal) => Err(refusal),
        };
        self.meters.count(place, |meter| {
            meter.asked += 1;
            match &outcome {
                Ok(Reply::Answer(_)) => meter.took(Duration::ZERO),
                Ok(Reply::Later) => meter.waited += 1,
                Err(_) => meter.refused += 1,
            }
        });
        match outcome {
            Ok(Reply::Answer(response)) => answer(&asked, response, effects),
            Ok(Reply::Later) => {}
            Err(refusal) => {
                tracing::debug!(request = %entry.code, remark = %refusal.remark, "refused");
                answer(&asked, refusal.answer(&asked.command), effects);
            }
        }
    }

    /// Whether somebody may ask something. Everybody may: there is no authoriser yet.
    #[expect(clippy::unused_self, reason = "the authoriser will be a part of the broker")]
    fn authorise(&self, _asked: &Asked, _entry: &requests::Entry) -> Result<(), Refusal> {
        Ok(())
    }

    fn closed(&mut self, peer: PeerId, effects: &mut Vec<Effect>) {
        self.waiting.forget(peer);
        self.leave_all(peer, effects);
        self.peers.closed(peer);
    }

    /// Wakes whom new messages concern: those that may be read. Under SYNC_FLUSH that is only what
    /// the disk has.
    fn wake_pulls(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(arrival) = self.arrivals.front() {
            if self.store.readable_to() < arrival.log_end {
                return;
            }
            let Some(arrival) = self.arrivals.pop_front() else { return };
            let woken = self.waiting.wake(
                &arrival.topic,
                arrival.queue_id,
                arrival.queue_offset,
                arrival.tags_code,
            );
            for waiting in woken {
                pull::again(self, now, waiting, effects);
            }
        }
    }

    /// How long this life has lasted.
    pub(crate) fn uptime(&self, now: Monotonic) -> Duration {
        now.since(self.started.monotonic)
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The store, for what the driver moves: flushing, checkpoints, retention, closing.
    pub fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    /// Ends the core; its store remains, to be closed.
    pub fn into_store(self) -> Store {
        self.store
    }

    /// What the disk said when it failed.
    pub fn disk_failure(&self) -> Option<String> {
        self.disk_failure.clone()
    }

    /// Counters and latencies of every request.
    pub fn meters(&self) -> &Meters {
        &self.meters
    }
}

/// Answers, unless nobody waits.
fn answer(asked: &Asked, command: Command, effects: &mut Vec<Effect>) {
    if !asked.command.is_oneway() {
        effects.push(Effect::Answer { peer: asked.peer, command });
    }
}
