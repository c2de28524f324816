//! The network: our own TCP, with the endings that real ones have.
//!
//! * Bytes arrive late, in order, in other pieces than they were sent in; a window bounds them.
//! * Nothing travels through a partition: bytes wait and come late, a connect times out, and
//!   nobody learns of the other side's death.
//! * A process that dies leaves a FIN or, with unread bytes, a reset. A machine without power
//!   leaves silence; it answers old connections with resets once it is up again.
//! * Nobody listening is a refusal, but only where the way there and back is open.

mod connect;
mod link;
mod pipe;
mod stream;

use std::{
    collections::{BTreeMap, VecDeque},
    io::ErrorKind,
    net::SocketAddr,
    sync::Arc,
    task::Waker,
};

use bytes::Bytes;
pub use link::Latency;
use link::Links;
use pipe::{Freight, Pipe};
pub(crate) use stream::NodeNet;

use crate::world::{Draw, Kind, MS, SECOND, Seeds, World};

/// Connections that may wait for `accept`.
const BACKLOG_MAX: usize = 128;

/// Where an end of a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The process holds it.
    Open,
    /// The process let go of it; what it sent still travels.
    Closed,
    /// The machine forgot it.
    Gone,
}

/// One end of a connection.
struct End {
    node: u32,
    address: SocketAddr,
    state: State,
    /// What the next read or write is told.
    error: Option<ErrorKind>,
    /// A reset waits for the way to this end to open.
    reset_blocked: bool,
}

/// One connection. `pipes[side]` carries what `ends[side]` sends.
struct Connection {
    ends: [End; 2],
    pipes: [Pipe; 2],
    /// Chance in a million that a read or a write takes a part only.
    choppy_ppm: u32,
    /// After so long without a way the sender gives up.
    patience_ns: u64,
    /// Stays open and carries nothing.
    stalled: bool,
}

struct Host {
    name: String,
    up: bool,
    next_port: u16,
}

/// A port that somebody listens on.
struct Listening {
    backlog: VecDeque<u64>,
    waker: Option<Waker>,
    /// Tells one listener on a port from the next.
    number: u64,
}

/// What the network has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Connections established.
    pub connections: u64,
    /// Connects refused or timed out.
    pub failed_connects: u64,
    /// Resets that reached somebody.
    pub resets: u64,
    /// Resets and closings that cut bytes short which were on their way.
    pub cut_short: u64,
    /// Bytes delivered.
    pub bytes: u64,
    /// Deliveries that had to wait for a way.
    pub blocked: u64,
}

/// The state of the network.
pub(crate) struct Net {
    draw: Draw,
    links: Links,
    hosts: BTreeMap<u32, Host>,
    listeners: BTreeMap<(u32, u16), Listening>,
    connections: BTreeMap<u64, Connection>,
    /// Numbers given to connections and listeners.
    numbers: u64,
    /// How much this run's connections chop.
    choppy_ppm: u32,
    pub(crate) traffic: Traffic,
}

impl Net {
    pub(crate) fn new(seeds: &Seeds) -> Self {
        let mut draw = seeds.stream("net", 0);
        let choppy_ppm = [0, 20_000, 300_000][draw.index(3)];
        Self {
            draw,
            links: Links::new(seeds),
            hosts: BTreeMap::new(),
            listeners: BTreeMap::new(),
            connections: BTreeMap::new(),
            numbers: 0,
            choppy_ppm,
            traffic: Traffic::default(),
        }
    }

    /// How long one way takes when nothing is wrong.
    pub(crate) fn set_latency(&mut self, latency: Latency) {
        self.links.latency = latency;
    }

    pub(crate) fn add_host(&mut self, id: u32, name: &str) {
        self.hosts.insert(id, Host { name: name.to_owned(), up: false, next_port: 32_768 });
    }

    /// The machine has power. Old connections that still wait for it will learn the truth.
    pub(crate) fn host_up(&mut self, world: &Arc<World>, id: u32, _: &mut Vec<Waker>) {
        if let Some(host) = self.hosts.get_mut(&id) {
            host.up = true;
        }
        self.retry_blocked(world);
    }

    /// The machine lost power: it forgets everything, and nobody hears of it.
    pub(crate) fn host_down(&mut self, id: u32, wakers: &mut Vec<Waker>) {
        if let Some(host) = self.hosts.get_mut(&id) {
            host.up = false;
        }
        self.forget_listeners(id, wakers);
        for connection in self.connections.values_mut() {
            for side in [0, 1] {
                if connection.ends[side].node == id {
                    connection.ends[side].state = State::Gone;
                    connection.pipes[side].drop_flight();
                }
            }
        }
        self.sweep();
    }

    /// The process is gone: the kernel closes what it held.
    pub(crate) fn process_gone(&mut self, world: &Arc<World>, id: u32, wakers: &mut Vec<Waker>) {
        let waiting = self.forget_listeners(id, wakers);
        let mine = |connection: &Connection, side: usize| {
            connection.ends[side].node == id && connection.ends[side].state == State::Open
        };
        let held: Vec<(u64, usize)> = self
            .connections
            .iter()
            .flat_map(|(number, one)| [0, 1].map(|side| (*number, side, mine(one, side))))
            .filter_map(|(number, side, mine)| mine.then_some((number, side)))
            .collect();
        for (number, side) in held {
            let abort = waiting.contains(&number) || self.draw.chance(250_000);
            self.close(world, number, side, abort);
        }
    }

    /// Removes every listener of a node. Gives the connections that nobody accepted.
    fn forget_listeners(&mut self, id: u32, wakers: &mut Vec<Waker>) -> Vec<u64> {
        let ports: Vec<_> =
            self.listeners.range((id, 0)..=(id, u16::MAX)).map(|(at, _)| *at).collect();
        let gone = ports.into_iter().filter_map(|at| self.listeners.remove(&at));
        gone.flat_map(|listener| {
            wakers.extend(listener.waker);
            listener.backlog
        })
        .collect()
    }

    /// Two nodes, one direction: nothing travels.
    pub(crate) fn cut(&mut self, from: u32, to: u32) {
        self.links.cut(from, to);
    }

    /// Connections between two nodes that are open now carry nothing. Gives their numbers.
    pub(crate) fn stall_between(&mut self, one: u32, other: u32) -> Vec<u64> {
        let hit = self.between(one, other);
        for number in &hit {
            if let Some(connection) = self.connections.get_mut(number) {
                connection.stalled = true;
            }
        }
        hit
    }

    /// Stalled connections go on.
    pub(crate) fn unstall(&mut self, world: &Arc<World>, numbers: &[u64]) {
        for number in numbers {
            if let Some(connection) = self.connections.get_mut(number) {
                connection.stalled = false;
            }
        }
        self.retry_blocked(world);
    }

    /// Two nodes, one direction: longer by so many nanoseconds.
    pub(crate) fn slow(&mut self, from: u32, to: u32, delay_ns: u64, jitter_ns: u64) {
        self.links.slow(from, to, delay_ns, jitter_ns);
    }

    /// Nothing is wrong with any wire any more.
    pub(crate) fn heal(&mut self, world: &Arc<World>) {
        self.links.heal();
        self.connections.values_mut().for_each(|one| one.stalled = false);
        self.retry_blocked(world);
    }

    /// Resets every connection between two nodes. Gives how many there were.
    pub(crate) fn reset_between(&mut self, world: &Arc<World>, one: u32, other: u32) -> u64 {
        let hit = self.between(one, other);
        for number in &hit {
            self.plan_reset(world, *number, 0);
            self.plan_reset(world, *number, 1);
        }
        hit.len() as u64
    }

    /// Open connections between two nodes.
    fn between(&self, one: u32, other: u32) -> Vec<u64> {
        let hit = self.connections.iter().filter(|(_, connection)| {
            let nodes = [connection.ends[0].node, connection.ends[1].node];
            nodes == [one, other] || nodes == [other, one]
        });
        hit.map(|(number, _)| *number).collect()
    }

    fn is_up(&self, id: u32) -> bool {
        self.hosts.get(&id).is_some_and(|host| host.up)
    }

    /// Whether what `ends[1 - to]` of a connection sends reaches `ends[to]` now.
    fn is_open(&self, connection: &Connection, to: usize) -> bool {
        let (from, to) = (connection.ends[1 - to].node, connection.ends[to].node);
        !connection.stalled && self.is_up(to) && !self.links.is_cut(from, to)
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Puts freight on its way from `side` and plans its delivery.
    fn send(&mut self, world: &Arc<World>, number: u64, side: usize, freight: Freight) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let (from, to) = (connection.ends[side].node, connection.ends[1 - side].node);
        let at = world.now() + self.links.delay(from, to);
        connection.pipes[side].put(at, freight);
        Self::plan_delivery(world, connection, number, side);
    }

    fn plan_delivery(world: &Arc<World>, connection: &mut Connection, number: u64, side: usize) {
        let pipe = &mut connection.pipes[side];
        let Some((at, _)) = pipe.flight.front() else { return };
        if pipe.planned || pipe.blocked_since.is_some() {
            return;
        }
        pipe.planned = true;
        world.call_in(at.saturating_sub(world.now()), move |world| {
            world.with_net(|net, wakers| net.deliver(world, number, side, wakers));
        });
    }

    /// What `side` sent may arrive now.
    fn deliver(&mut self, world: &Arc<World>, number: u64, side: usize, wakers: &mut Vec<Waker>) {
        let Some(connection) = self.connections.get(&number) else { return };
        let (to, open) = (connection.ends[1 - side].node, self.is_open(connection, 1 - side));
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let pipe = &mut connection.pipes[side];
        pipe.planned = false;
        if !open {
            if pipe.blocked_since.is_none() && !pipe.flight.is_empty() {
                pipe.blocked_since = Some(world.now());
                self.traffic.blocked += 1;
                let patience = connection.patience_ns;
                world.call_in(patience, move |world| {
                    world.with_net(|net, wakers| net.give_up(world, number, side, wakers));
                });
            }
            return;
        }
        if connection.ends[1 - side].state != State::Open {
            // Nobody reads there: data is answered with a reset, a FIN is swallowed.
            let had_data =
                pipe.flight.iter().any(|(_, freight)| matches!(freight, Freight::Data(_)));
            pipe.drop_flight();
            if had_data {
                self.plan_reset(world, number, side);
            }
            self.sweep_one(number);
            return;
        }
        let (count, ended) = pipe.arrive(world.now());
        self.traffic.bytes += count as u64;
        wakers.extend(pipe.reader.take());
        world.saw(to, Kind::Deliver, number, count as u64);
        if ended {
            world.saw(to, Kind::Finish, number, 0);
        }
        Self::plan_delivery(world, connection, number, side);
        self.sweep_one(number);
    }

    /// What `side` sent found no way for too long.
    fn give_up(&mut self, world: &Arc<World>, number: u64, side: usize, wakers: &mut Vec<Waker>) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let waited = connection.pipes[side].blocked_since.map(|since| world.now() - since);
        if waited.is_none_or(|waited| waited < connection.patience_ns) {
            return;
        }
        connection.ends[side].error.get_or_insert(ErrorKind::TimedOut);
        connection.pipes[side].drop_flight();
        connection.pipes[side].blocked_since = None;
        connection.pipes.iter_mut().for_each(|pipe| pipe.wake_all(wakers));
        let node = connection.ends[side].node;
        world.told(node, Kind::Reset, (number, side as u64), "no way for too long".into());
    }

    /// Everything that waited for a way and has one now goes on, after a retransmission time-out.
    fn retry_blocked(&mut self, world: &Arc<World>) {
        let numbers: Vec<u64> = self.connections.keys().copied().collect();
        for number in numbers {
            for side in [0, 1] {
                let Some(one) = self.connections.get(&number) else { continue };
                if !self.is_open(one, 1 - side) {
                    continue;
                }
                let Some(one) = self.connections.get_mut(&number) else { continue };
                let again = self.draw.between(MS, 1500 * MS);
                if one.pipes[side].blocked_since.take().is_some() {
                    one.pipes[side].planned = true;
                    world.call_in(again, move |world| {
                        world.with_net(|net, wakers| net.deliver(world, number, side, wakers));
                    });
                }
                // Whatever `side` has to say about the other direction travels the same way.
                if std::mem::take(&mut one.pipes[1 - side].credit_blocked) {
                    Self::plan_credit(world, number, 1 - side, again);
                }
                if std::mem::take(&mut one.ends[1 - side].reset_blocked) {
                    Self::plan_reset_in(world, number, 1 - side, again);
                }
            }
        }
    }

    /// A process lets go of its end. `abort` forces a reset.
    fn close(&mut self, world: &Arc<World>, number: u64, side: usize, abort: bool) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        if connection.ends[side].state != State::Open {
            return;
        }
        connection.ends[side].state = State::Closed;
        let unread = !connection.pipes[1 - side].arrived.is_empty();
        let broken = connection.ends[side].error.is_some();
        if abort || unread {
            self.traffic.cut_short += u64::from(!connection.pipes[side].flight.is_empty());
            connection.pipes[side].drop_flight();
            self.plan_reset(world, number, 1 - side);
        } else if !connection.pipes[side].fin_sent && !broken {
            connection.pipes[side].fin_sent = true;
            self.send(world, number, side, Freight::Fin);
        }
        self.sweep_one(number);
    }

    /// A reset travels to `side`.
    fn plan_reset(&mut self, world: &Arc<World>, number: u64, side: usize) {
        let Some(connection) = self.connections.get(&number) else { return };
        let (from, to) = (connection.ends[1 - side].node, connection.ends[side].node);
        let delay = self.links.delay(from, to);
        Self::plan_reset_in(world, number, side, delay);
    }

    fn plan_reset_in(world: &Arc<World>, number: u64, side: usize, delay: u64) {
        world.call_in(delay, move |world| {
            world.with_net(|net, wakers| net.reset_arrives(world, number, side, wakers));
        });
    }

    fn reset_arrives(
        &mut self,
        world: &Arc<World>,
        number: u64,
        side: usize,
        wakers: &mut Vec<Waker>,
    ) {
        let Some(connection) = self.connections.get(&number) else { return };
        let (to, open) = (connection.ends[side].node, self.is_open(connection, side));
        let Some(connection) = self.connections.get_mut(&number) else { return };
        if !open {
            connection.ends[side].reset_blocked = true;
            return;
        }
        connection.ends[side].error.get_or_insert(ErrorKind::ConnectionReset);
        self.traffic.cut_short += u64::from(!connection.pipes[1 - side].flight.is_empty());
        connection.pipes[1 - side].drop_flight();
        connection.pipes.iter_mut().for_each(|pipe| pipe.wake_all(wakers));
        self.traffic.resets += 1;
        world.saw(to, Kind::Reset, number, side as u64);
        self.sweep_one(number);
    }

    /// News of room in `pipes[side]` travels to its sender.
    fn plan_credit(world: &Arc<World>, number: u64, side: usize, delay: u64) {
        world.call_in(delay, move |world| {
            world.with_net(|net, wakers| {
                let Some(connection) = net.connections.get(&number) else { return };
                let open = net.is_open(connection, side);
                let Some(connection) = net.connections.get_mut(&number) else { return };
                let pipe = &mut connection.pipes[side];
                if !open {
                    pipe.credit_blocked = true;
                    return;
                }
                pipe.outstanding = pipe.outstanding.saturating_sub(pipe.credit);
                (pipe.credit, pipe.credit_on_way) = (0, false);
                wakers.extend(pipe.writer.take());
            });
        });
    }

    /// The process read `count` bytes of what `side` sent.
    fn consumed(&mut self, world: &Arc<World>, number: u64, side: usize, count: usize) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let (from, to) = (connection.ends[1 - side].node, connection.ends[side].node);
        let pipe = &mut connection.pipes[side];
        pipe.credit += count;
        // As TCP does, news of little room is not worth a packet.
        if !pipe.credit_on_way && pipe.window / 2 <= pipe.credit.max(pipe.outstanding) {
            pipe.credit_on_way = true;
            let delay = self.links.delay(from, to);
            Self::plan_credit(world, number, side, delay);
        }
    }

    /// Forgets a connection that neither process holds and on which nothing travels.
    fn sweep_one(&mut self, number: u64) {
        let over = self.connections.get(&number).is_some_and(|one| {
            one.ends.iter().all(|end| end.state != State::Open)
                && one.pipes.iter().all(|pipe| pipe.flight.is_empty())
        });
        if over {
            self.connections.remove(&number);
        }
    }

    fn sweep(&mut self) {
        let numbers: Vec<u64> = self.connections.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.sweep_one(number));
    }

    /// A connection between two addresses.
    fn establish(&mut self, ends: [(u32, SocketAddr); 2]) -> u64 {
        let number = self.number();
        let windows = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];
        let window = windows[self.draw.index(windows.len())];
        let end = |(node, address): (u32, SocketAddr)| End {
            node,
            address,
            state: State::Open,
            error: None,
            reset_blocked: false,
        };
        let connection = Connection {
            ends: ends.map(end),
            pipes: [Pipe::new(window), Pipe::new(window)],
            choppy_ppm: self.choppy_ppm,
            patience_ns: self.draw.between(15 * SECOND, 900 * SECOND),
            stalled: false,
        };
        self.connections.insert(number, connection);
        self.traffic.connections += 1;
        number
    }

    /// The node called `name`.
    fn host_called(&self, name: &str) -> Option<u32> {
        self.hosts.iter().find(|(_, host)| host.name == name).map(|(id, _)| *id)
    }

    /// A port of `id` that nobody uses.
    fn free_port(&mut self, id: u32) -> Option<u16> {
        let used = |net: &Self, port: u16| {
            let end = |one: &Connection| {
                one.ends.iter().any(|end| end.node == id && end.address.port() == port)
            };
            net.listeners.contains_key(&(id, port)) || net.connections.values().any(end)
        };
        for _ in 0..32_768 {
            let host = self.hosts.get_mut(&id)?;
            let port = host.next_port;
            host.next_port = port.checked_add(1).unwrap_or(32_768);
            if !used(self, port) {
                return Some(port);
            }
        }
        None
    }

    /// Hands bytes to the network. `None`: no room, `waker` is called when there is.
    fn write(
        &mut self,
        world: &Arc<World>,
        (number, side): (u64, usize),
        bytes: &[u8],
        waker: &Waker,
    ) -> Option<Result<usize, ErrorKind>> {
        let Some(connection) = self.connections.get_mut(&number) else {
            return Some(Err(ErrorKind::BrokenPipe));
        };
        if let Some(error) = connection.ends[side].error {
            return Some(Err(error));
        }
        let choppy_ppm = connection.choppy_ppm;
        let pipe = &mut connection.pipes[side];
        if pipe.fin_sent {
            return Some(Err(ErrorKind::BrokenPipe));
        }
        let mut count = bytes.len().min(pipe.room());
        if count == 0 && !bytes.is_empty() {
            pipe.writer = Some(waker.clone());
            return None;
        }
        if 1 < count && self.draw.chance(choppy_ppm) {
            count = 1 + self.draw.index(count - 1);
        }
        pipe.outstanding += count;
        let node = connection.ends[side].node;
        let hash = crate::world::of_bytes(&bytes[..count]);
        world.saw(node, Kind::Send, number << 1 | side as u64, hash);
        self.send(world, number, side, Freight::Data(Bytes::copy_from_slice(&bytes[..count])));
        Some(Ok(count))
    }

    /// Takes up to `room` bytes that arrived. `Ok(None)`: nothing yet; empty: the end.
    fn read(
        &mut self,
        world: &Arc<World>,
        (number, side): (u64, usize),
        room: usize,
        waker: &Waker,
    ) -> Result<Option<Bytes>, ErrorKind> {
        let Some(connection) = self.connections.get_mut(&number) else {
            return Err(ErrorKind::NotConnected);
        };
        let choppy_ppm = connection.choppy_ppm;
        let pipe = &mut connection.pipes[1 - side];
        let mut count = room.min(pipe.arrived.len());
        if 1 < count && self.draw.chance(choppy_ppm) {
            count = 1 + self.draw.index(count - 1);
        }
        if count != 0 {
            let bytes = pipe.arrived.split_to(count).freeze();
            self.consumed(world, number, 1 - side, count);
            return Ok(Some(bytes));
        }
        if let Some(error) = connection.ends[side].error {
            return Err(error);
        }
        if pipe.fin_arrived || room == 0 {
            return Ok(Some(Bytes::new()));
        }
        pipe.reader = Some(waker.clone());
        Ok(None)
    }

    /// A process says that it will send no more.
    fn shut_down(&mut self, world: &Arc<World>, number: u64, side: usize) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let pipe = &mut connection.pipes[side];
        if !pipe.fin_sent && connection.ends[side].error.is_none() {
            pipe.fin_sent = true;
            self.send(world, number, side, Freight::Fin);
        }
    }
}
