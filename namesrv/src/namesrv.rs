//! The name server: what happens to it, and what it wants done.
//!
//! Start reading here. [`NameServer::apply`] takes one [`Event`] and says with [`Effect`]s what the
//! driver must do. It never waits and never looks at a clock, so a recorded list of events played
//! to a fresh name server gives the same effects again.

use std::{collections::BTreeMap, path::PathBuf};

use bytes::Bytes;
use protocol::{Command, RequestCode, ResponseCode, Text};
use remoting::PeerId;
use runtime::{Monotonic, Now};

use crate::{
    answers,
    config::Config,
    kv::KvConfig,
    liveness::Peer,
    routes::{Routes, SmallestChanged},
};

/// Everything that can happen to a name server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A connection was opened.
    Opened {
        /// Which.
        peer: PeerId,
    },
    /// A request came.
    Asked {
        /// Through which connection.
        peer: PeerId,
        /// The request.
        command: Command,
    },
    /// A connection ended. Nothing is heard of this peer again.
    Closed {
        /// Which.
        peer: PeerId,
    },
    /// About `scanNotActiveBrokerInterval` has passed.
    Ticked,
    /// A file that [`Effect::Save`] asked for is durable, or could not be written.
    Saved {
        /// The number in the effect.
        ticket: u64,
        /// What the disk said, if it refused.
        error: Option<String>,
    },
}

/// Everything a name server can want from the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Answer a request.
    Answer {
        /// Through which connection.
        peer: PeerId,
        /// The response.
        command: Command,
    },
    /// Send a broker something it did not ask for; no harm if it is not there.
    Tell {
        /// Where the broker listens.
        address: Text,
        /// A one-way request.
        command: Command,
    },
    /// Close a connection.
    Close {
        /// Which.
        peer: PeerId,
    },
    /// Replace a file, durably, then say so with [`Event::Saved`].
    Save {
        /// Comes back in the event. Grows; the effects are to be carried out in this order.
        ticket: u64,
        /// The file.
        path: PathBuf,
        /// Its new content.
        content: Bytes,
    },
}

/// How often a code was asked for and how often the answer was a refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Requests, one-way ones included.
    pub asked: u64,
    /// Answers with a code other than success.
    pub refused: u64,
}

/// The state of a name server.
#[derive(Debug)]
pub struct NameServer {
    pub(crate) config: Config,
    pub(crate) routes: Routes,
    pub(crate) kv: KvConfig,
    started: Monotonic,
    /// The open connections.
    peers: BTreeMap<PeerId, Peer>,
    /// The number of the next connection. Grows.
    next_peer: u64,
    /// Answers that wait for a file.
    unsaved: BTreeMap<u64, (PeerId, Command)>,
    /// The number of the next save. Grows.
    next_ticket: u64,
    counted: BTreeMap<i32, Counted>,
}

/// A request on its way to the function that answers it.
pub(crate) struct Asked<'a> {
    pub(crate) now: Now,
    pub(crate) peer: Peer,
    pub(crate) command: &'a Command,
}

/// What a function made of a request.
pub(crate) enum Reply {
    /// Answer now.
    Now(Command),
    /// Answer once this file is durable.
    Saved { path: PathBuf, content: Bytes, answer: Command },
}

/// A request that is answered with an error.
pub(crate) struct Refusal {
    pub(crate) code: ResponseCode,
    pub(crate) remark: Text,
}

impl Refusal {
    pub(crate) fn new(code: ResponseCode, remark: impl Into<Text>) -> Self {
        Self { code, remark: remark.into() }
    }

    /// What came in cannot be used.
    pub(crate) fn unusable(what: impl ToString) -> Self {
        Self::new(ResponseCode::SYSTEM_ERROR, what.to_string())
    }
}

pub(crate) type Answered = Result<Reply, Refusal>;

/// One row of the dispatch table.
pub(crate) struct Request {
    pub(crate) code: RequestCode,
    pub(crate) answer: fn(&mut NameServer, &Asked<'_>, &mut Vec<Effect>) -> Answered,
}

impl NameServer {
    /// A name server that starts at `now` and knows no broker yet.
    #[must_use]
    pub fn new(now: Now, config: Config, kv: KvConfig) -> Self {
        Self {
            config,
            routes: Routes::default(),
            kv,
            started: now.monotonic,
            peers: BTreeMap::new(),
            next_peer: 0,
            unsaved: BTreeMap::new(),
            next_ticket: 0,
            counted: BTreeMap::new(),
        }
    }

    /// Take one event at `now`; say what must be done.
    pub fn apply(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Opened { peer } => {
                self.peer(peer);
            }
            Event::Asked { peer, command } => self.asked(now, peer, &command, effects),
            Event::Closed { peer } => self.closed(peer, effects),
            Event::Ticked => self.ticked(now, effects),
            Event::Saved { ticket, error } => self.saved(ticket, error, effects),
        }
    }

    /// What was asked so far, by request code.
    #[must_use]
    pub fn counted(&self) -> &BTreeMap<i32, Counted> {
        &self.counted
    }

    /// The settings now in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether the warm-up of `needWaitForService` is over.
    pub(crate) fn is_ready(&self, now: Now) -> bool {
        !self.config.need_wait_for_service
            || self.config.wait_for_service <= now.monotonic.since(self.started)
    }

    /// The one place a request passes on its way in and its answer on its way out: here an
    /// authoriser is asked, here is counted, here a span begins and ends.
    fn asked(&mut self, now: Now, peer: PeerId, command: &Command, effects: &mut Vec<Effect>) {
        let asked = Asked { now, peer: self.peer(peer), command };
        let row = answers::REQUESTS.iter().find(|row| row.code == command.code);
        let answered = match row {
            Some(row) => (row.answer)(self, &asked, effects),
            None => Err(Refusal::new(
                ResponseCode::REQUEST_CODE_NOT_SUPPORTED,
                format!(" request type {} not supported", command.code),
            )),
        };
        let refused = match &answered {
            Ok(Reply::Now(answer) | Reply::Saved { answer, .. }) => {
                answer.code != i32::from(ResponseCode::SUCCESS)
            }
            Err(_) => true,
        };
        // Unknown codes share one counter: they are chosen by the peer and must not fill memory.
        let counted = self.counted.entry(row.map_or(-1, |row| row.code.into())).or_default();
        counted.asked += 1;
        counted.refused += u64::from(refused);

        let answer = match answered {
            Ok(Reply::Now(answer)) => answer,
            Ok(Reply::Saved { path, content, answer }) => {
                let ticket = self.next_ticket;
                self.next_ticket += 1;
                if !command.is_oneway() {
                    self.unsaved.insert(ticket, (peer, answer));
                }
                effects.push(Effect::Save { ticket, path, content });
                return;
            }
            Err(Refusal { code, remark }) => command.answer(code).with_remark(remark),
        };
        if !command.is_oneway() {
            effects.push(Effect::Answer { peer, command: answer });
        }
    }

    fn peer(&mut self, id: PeerId) -> Peer {
        *self.peers.entry(id).or_insert_with(|| {
            let order = self.next_peer;
            self.next_peer += 1;
            Peer { order, id }
        })
    }

    fn closed(&mut self, peer: PeerId, effects: &mut Vec<Effect>) {
        self.unsaved.retain(|_, (waiting, _)| *waiting != peer);
        let Some(peer) = self.peers.remove(&peer) else { return };
        for (address, changed) in self.routes.closed(peer) {
            tracing::info!(%address, "broker left: its connection closed");
            self.notify(changed, effects);
        }
    }

    fn ticked(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let interval = self.config.scan_interval;
        for (address, peer, changed) in self.routes.expire(now.monotonic, interval) {
            tracing::warn!(%address, "broker left: silent for too long");
            effects.push(Effect::Close { peer: peer.id });
            self.notify(changed, effects);
        }
    }

    fn saved(&mut self, ticket: u64, error: Option<String>, effects: &mut Vec<Effect>) {
        let Some((peer, answer)) = self.unsaved.remove(&ticket) else { return };
        let command = match error {
            None => answer,
            // Differs from Java, which says success when the file could not be written.
            Some(error) => {
                let remark = format!("accepted in memory, but not saved: {error}");
                let mut refused = answer.with_remark(remark);
                refused.code = ResponseCode::SYSTEM_ERROR.into();
                refused
            }
        };
        effects.push(Effect::Answer { peer, command });
    }

    /// Tells a broker set that its smallest id is another one, if that is wanted.
    pub(crate) fn notify(&self, changed: Option<SmallestChanged>, effects: &mut Vec<Effect>) {
        if let Some(changed) = changed.filter(|_| self.config.notify_min_broker_id_changed) {
            let command = answers::smallest_changed(&changed);
            effects.extend(changed.tell.iter().map(|address| Effect::Tell {
                address: address.clone(),
                command: command.clone(),
            }));
        }
    }
}
