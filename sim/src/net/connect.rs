//! Establishing connections: SYN, SYN-ACK, and all that may keep them from arriving.

use std::{
    future::Future,
    io::{self, ErrorKind},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use runtime::Stream;

use super::{BACKLOG_MAX, Net, stream::NodeStream};
use crate::{
    node::{Life, node_at},
    world::{Kind, SECOND, World, locked},
};

/// A connect that is under way.
pub(super) struct Connecting {
    life: Arc<Life>,
    to: SocketAddr,
    state: Arc<Mutex<Attempt>>,
}

#[derive(Default)]
struct Attempt {
    outcome: Option<Result<u64, ErrorKind>>,
    waker: Option<Waker>,
    /// Nobody waits any more, or the answer is there already.
    over: bool,
    local: Option<SocketAddr>,
}

type Shared = Arc<Mutex<Attempt>>;

fn conclude(world: &Arc<World>, state: &Shared, outcome: Result<u64, ErrorKind>) {
    let waker = {
        let mut attempt = locked(state);
        if attempt.over {
            return;
        }
        attempt.over = true;
        attempt.outcome = Some(outcome);
        attempt.waker.take()
    };
    if outcome.is_err() {
        world.with_net(|net, _| net.traffic.failed_connects += 1);
    }
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Connecting {
    pub(super) fn start(life: Arc<Life>, to: SocketAddr, timeout: Duration) -> Self {
        let node = life.node.clone();
        let state = Shared::default();
        let timeout = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        let port = node.world.with_net(|net, _| net.free_port(node.id));
        let local = if to.ip().is_loopback() { to.ip() } else { own_ip(node.id, to) };
        if let (true, Some(port)) = (life.may(), port) {
            locked(&state).local = Some(SocketAddr::new(local, port));
            let given_up = state.clone();
            node.world.call_in(timeout, move |world| {
                conclude(world, &given_up, Err(ErrorKind::TimedOut));
            });
            let target = node_at(to.ip(), node.id);
            syn(&node.world, life.clone(), (target, to), state.clone(), SECOND);
        } else if port.is_none() {
            locked(&state).outcome = Some(Err(ErrorKind::AddrNotAvailable));
        }
        Self { life, to, state }
    }
}

fn own_ip(id: u32, to: SocketAddr) -> std::net::IpAddr {
    if to.is_ipv4() { crate::node::ip_of(id) } else { crate::node::ip6_of(id) }
}

type Target = (Option<u32>, SocketAddr);

/// Sends a SYN now, and again after `again` and twice that and so on while there is no answer.
fn syn(world: &Arc<World>, life: Arc<Life>, target: Target, state: Shared, again: u64) {
    if locked(&state).over || !life.is_alive() {
        return;
    }
    let from = life.node.id;
    // An address that nobody has swallows everything.
    let Some(to) = target.0 else { return };
    let delay = world.with_net(|net, _| net.links.delay(from, to));
    let (life_then, state_then) = (life.clone(), state.clone());
    world.call_in(delay, move |world| syn_arrives(world, life_then, target, state_then));
    world.call_in(again, move |world| syn(world, life, target, state, again.saturating_mul(2)));
}

fn syn_arrives(world: &Arc<World>, life: Arc<Life>, target: Target, state: Shared) {
    let (from, Some(to)) = (life.node.id, target.0) else { return };
    let at = (to, target.1.port());
    let answer = world.with_net(|net, _| {
        if !net.is_up(to) || net.links.is_cut(from, to) {
            return None;
        }
        let back = net.links.delay(to, from);
        match net.listeners.get(&at) {
            None => Some((back, false)),
            Some(listener) if listener.backlog.len() < BACKLOG_MAX => Some((back, true)),
            Some(_) => None,
        }
    });
    let Some((back, accepted)) = answer else { return };
    world.call_in(back, move |world| {
        if locked(&state).over || !life.is_alive() {
            return;
        }
        let cut = world.with_net(|net, _| net.links.is_cut(to, from));
        if cut {
            return;
        }
        if !accepted {
            world.saw(from, Kind::Refuse, u64::from(to), u64::from(at.1));
            return conclude(world, &state, Err(ErrorKind::ConnectionRefused));
        }
        let Some(local) = locked(&state).local else { return };
        let ends = [(from, local), (to, target.1)];
        let number = world.with_net(|net, wakers| net.enqueue(at, ends, wakers));
        if let Some(number) = number {
            world.saw(from, Kind::Connect, number, u64::from(to));
            conclude(world, &state, Ok(number));
        }
    });
}

impl Net {
    /// Establishes a connection and puts it into the backlog of whoever listens.
    fn enqueue(
        &mut self,
        at: (u32, u16),
        ends: [(u32, SocketAddr); 2],
        wakers: &mut Vec<Waker>,
    ) -> Option<u64> {
        if !self.is_up(at.0) || !self.listeners.contains_key(&at) {
            return None;
        }
        let number = self.establish(ends);
        let listener = self.listeners.get_mut(&at)?;
        listener.backlog.push_back(number);
        wakers.extend(listener.waker.take());
        Some(number)
    }
}

impl Future for Connecting {
    type Output = io::Result<Box<dyn Stream>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut attempt = locked(&self.state);
        match attempt.outcome.take() {
            Some(Ok(number)) => {
                let local = attempt.local.unwrap_or(self.to);
                Poll::Ready(Ok(Box::new(NodeStream {
                    life: self.life.clone(),
                    number,
                    side: 0,
                    local,
                    peer: self.to,
                })))
            }
            Some(Err(kind)) => {
                Poll::Ready(Err(io::Error::new(kind, format!("{}: {kind}", self.to))))
            }
            None => {
                let before = attempt.waker.replace(cx.waker().clone());
                drop(attempt);
                drop(before);
                Poll::Pending
            }
        }
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        let untaken = {
            let mut attempt = locked(&self.state);
            attempt.over = true;
            attempt.outcome.take()
        };
        if let (Some(Ok(number)), true) = (untaken, self.life.is_alive()) {
            let world = self.life.node.world.clone();
            world.with_net(|net, _| net.close(&world, number, 0, false));
        }
    }
}
