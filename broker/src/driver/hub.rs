//! Where everything meets: the core behind its lock, the connections, and the bells of the tasks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use protocol::{Command, Text};
use remoting::{CallError, Connection, PeerId, Respond};
use runtime::{Now, Runtime};
use tokio::sync::Notify;

use super::name_servers::NameServers;
use crate::{Broker, CallId, CallOutcome, Door, Effect, Event, Table};

/// The core, and who is connected to it.
pub(super) struct Core {
    pub(super) broker: Broker,
    connections: BTreeMap<PeerId, Connection>,
    /// Kept between batches for its memory.
    effects: Vec<Effect>,
}

/// What every task of the driver shares.
pub(super) struct Hub {
    pub(super) runtime: Runtime,
    /// `None` once the broker has stopped.
    core: Mutex<Option<Core>>,
    pub(super) name_servers: NameServers,
    /// Rung when somebody waits for the disk.
    pub(super) sync_bell: Notify,
    /// Rung when a table must be saved.
    pub(super) save_bell: Notify,
    to_save: Mutex<BTreeSet<Table>>,
}

/// Effects that are not for the connection at hand.
#[derive(Default)]
struct Outward {
    sync: bool,
    save: bool,
}

impl Hub {
    pub(super) fn new(runtime: Runtime, broker: Broker, name_servers: NameServers) -> Arc<Self> {
        let core = Core { broker, connections: BTreeMap::new(), effects: Vec::new() };
        Arc::new(Self {
            runtime,
            core: Mutex::new(Some(core)),
            name_servers,
            sync_bell: Notify::new(),
            save_bell: Notify::new(),
            to_save: Mutex::new(BTreeSet::new()),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Core>> {
        // In production a panic ends the process; in a test the first one is the one to see.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at, or works on, the broker. `None` once it has stopped.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Broker, Now) -> T) -> Option<T> {
        let mut core = self.lock();
        let now = self.runtime.clock.now();
        core.as_mut().map(|core| work(&mut core.broker, now))
    }

    /// Takes the broker out: nothing reaches it any more.
    pub(super) fn take(&self) -> Option<Broker> {
        self.lock().take().map(|core| core.broker)
    }

    /// Tables that wait to be saved.
    pub(super) fn take_saves(&self) -> BTreeSet<Table> {
        std::mem::take(&mut *self.to_save.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells the core what happened, and does what it wants done.
    pub(super) fn dispatch(self: &Arc<Self>, event: Event) {
        let mut outward = Outward::default();
        if let Some(core) = self.lock().as_mut() {
            let now = self.runtime.clock.now();
            let mut effects = std::mem::take(&mut core.effects);
            core.broker.apply(now, event, &mut effects);
            for effect in effects.drain(..) {
                self.carry_out(core, effect, &mut outward);
            }
            core.effects = effects;
        }
        self.ring(&outward);
    }

    /// One read's requests: applied in one go, answered in one write.
    fn serve(
        self: &Arc<Self>,
        door: Door,
        connection: &Connection,
        requests: &mut Vec<Command>,
        answers: &mut Vec<Command>,
    ) {
        let peer = connection.id();
        let mut outward = Outward::default();
        match self.lock().as_mut() {
            Some(core) => {
                let now = self.runtime.clock.now();
                let mut effects = std::mem::take(&mut core.effects);
                let events = requests.drain(..).map(|command| Event::Asked { peer, door, command });
                core.broker.apply_all(now, events, &mut effects);
                for effect in effects.drain(..) {
                    match effect {
                        Effect::Answer { peer: to, command } if to == peer => answers.push(command),
                        other => self.carry_out(core, other, &mut outward),
                    }
                }
                core.effects = effects;
            }
            None => connection.close(),
        }
        self.ring(&outward);
    }

    fn ring(&self, outward: &Outward) {
        if outward.sync {
            self.sync_bell.notify_one();
        }
        if outward.save {
            self.save_bell.notify_one();
        }
    }

    fn carry_out(self: &Arc<Self>, core: &Core, effect: Effect, outward: &mut Outward) {
        match effect {
            Effect::Answer { peer, command } | Effect::Tell { peer, command } => {
                if let Some(connection) = core.connections.get(&peer)
                    && let Err(error) = connection.send(command)
                {
                    tracing::debug!(%error, "not sent");
                }
            }
            Effect::Call { call, peer, command, timeout } => {
                self.call(core.connections.get(&peer), call, command, timeout);
            }
            Effect::Sync => outward.sync = true,
            Effect::Save { table, .. } => {
                self.to_save.lock().unwrap_or_else(PoisonError::into_inner).insert(table);
                outward.save = true;
            }
            Effect::Register { index, command } => self.name_servers.tell(index, &command),
        }
    }

    /// Calls a client in a task of its own: somebody else waits for the outcome.
    fn call(
        self: &Arc<Self>,
        connection: Option<&Connection>,
        call: CallId,
        command: Command,
        timeout: Duration,
    ) {
        let hub = self.clone();
        let called = connection.map(|connection| connection.call(command, timeout));
        self.runtime.tasks.spawn(
            "client call",
            Box::pin(async move {
                let outcome = match called {
                    Some(called) => outcome(called.await),
                    None => CallOutcome::Failed(Text::from_static("its connection is gone")),
                };
                hub.dispatch(Event::Called { call, outcome });
            }),
        );
    }
}

fn outcome(answer: Result<Command, CallError>) -> CallOutcome {
    match answer {
        Ok(answer) => CallOutcome::Answered(answer),
        Err(CallError::TimedOut { .. }) => CallOutcome::TimedOut,
        Err(error) => CallOutcome::Failed(Text::from(error.to_string())),
    }
}

/// One of the two doors, as connections see it.
pub(super) struct Reception {
    pub(super) hub: Arc<Hub>,
    pub(super) door: Door,
}

impl Respond for Reception {
    fn opened(&self, connection: &Connection) {
        if let Some(core) = self.hub.lock().as_mut() {
            core.connections.insert(connection.id(), connection.clone());
        }
        let (peer, remote) = (connection.id(), connection.remote());
        self.hub.dispatch(Event::Opened { peer, remote });
    }

    fn asked(
        &self,
        connection: &Connection,
        requests: &mut Vec<Command>,
        answers: &mut Vec<Command>,
    ) {
        self.hub.serve(self.door, connection, requests, answers);
    }

    fn closed(&self, connection: &Connection) {
        if let Some(core) = self.hub.lock().as_mut() {
            core.connections.remove(&connection.id());
        }
        self.hub.dispatch(Event::Closed { peer: connection.id() });
    }
}
