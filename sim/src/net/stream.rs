//! The network as one process sees it.

use std::{
    future::{poll_fn, ready},
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use runtime::{BoxFuture, Listener, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Listening, connect::Connecting};
use crate::{
    node::{Life, ip_of, node_at},
    world::Kind,
};

/// One process's network.
pub(crate) struct NodeNet(pub(crate) Arc<Life>);

impl NodeNet {
    fn bind(&self, at: SocketAddr) -> io::Result<NodeListener> {
        let node = &self.0.node;
        if !self.0.may() {
            return Err(ErrorKind::NetworkDown.into());
        }
        if node_at(at.ip(), node.id) != Some(node.id) {
            return Err(io::Error::new(ErrorKind::AddrNotAvailable, format!("{at} is not ours")));
        }
        let number = node.world.with_net(|net, _| {
            let port = match at.port() {
                0 => net.free_port(node.id).ok_or(ErrorKind::AddrNotAvailable)?,
                port => port,
            };
            if net.listeners.contains_key(&(node.id, port)) {
                let text = format!("{at} is in use");
                return Err(io::Error::new(ErrorKind::AddrInUse, text));
            }
            let number = net.number();
            let listening = Listening { backlog: [].into(), waker: None, number };
            net.listeners.insert((node.id, port), listening);
            Ok((port, number))
        });
        let (port, number) = number?;
        node.world.saw(node.id, Kind::Listen, u64::from(port), 0);
        Ok(NodeListener { life: self.0.clone(), at: SocketAddr::new(at.ip(), port), number })
    }
}

impl runtime::Net for NodeNet {
    fn listen(&self, at: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        let bound = self.bind(at).map(|listener| Box::new(listener) as Box<dyn Listener>);
        Box::pin(ready(bound))
    }

    fn connect(
        &self,
        to: SocketAddr,
        timeout: Duration,
    ) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        Box::pin(Connecting::start(self.0.clone(), to, timeout))
    }

    fn resolve(&self, host_and_port: &str) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let text = host_and_port.to_owned();
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Box::pin(ready(Ok(vec![address])));
        }
        let node = &self.0.node;
        let resolved = text.rsplit_once(':').and_then(|(host, port)| {
            let port = port.parse().ok()?;
            let ip = match host {
                "localhost" => IpAddr::from([127, 0, 0, 1]),
                _ => ip_of(node.world.with_net(|net, _| net.host_called(host))?),
            };
            Some(vec![SocketAddr::new(ip, port)])
        });
        let unknown = || io::Error::new(ErrorKind::NotFound, format!("nobody is called {text}"));
        Box::pin(ready(resolved.ok_or_else(unknown)))
    }

    fn local_address(&self) -> IpAddr {
        self.0.node.ip()
    }

    fn host_name(&self) -> String {
        self.0.node.name.clone()
    }
}

struct NodeListener {
    life: Arc<Life>,
    at: SocketAddr,
    number: u64,
}

impl Listener for NodeListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Box<dyn Stream>, SocketAddr)>> {
        let life = self.life.clone();
        let (at, number) = ((life.node.id, self.at.port()), self.number);
        Box::pin(poll_fn(move |cx| {
            let world = life.node.world.clone();
            let next = world.with_net(|net, _| {
                let listener = net.listeners.get_mut(&at).filter(|one| one.number == number);
                let Some(listener) = listener else { return Err(ErrorKind::NotConnected) };
                let Some(accepted) = listener.backlog.pop_front() else {
                    listener.waker = Some(cx.waker().clone());
                    return Ok(None);
                };
                let ends = net.connections.get(&accepted).map(|one| &one.ends);
                Ok(ends.map(|ends| (accepted, ends[1].address, ends[0].address)))
            });
            match next {
                Ok(Some((number, local, peer))) => {
                    let stream = NodeStream { life: life.clone(), number, side: 1, local, peer };
                    Poll::Ready(Ok((Box::new(stream) as Box<dyn Stream>, peer)))
                }
                Ok(None) => Poll::Pending,
                Err(kind) => Poll::Ready(Err(kind.into())),
            }
        }))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.at)
    }
}

impl Drop for NodeListener {
    fn drop(&mut self) {
        if !self.life.is_alive() {
            return;
        }
        let world = self.life.node.world.clone();
        let at = (self.life.node.id, self.at.port());
        world.with_net(|net, _| {
            if net.listeners.get(&at).is_some_and(|one| one.number == self.number)
                && let Some(listener) = net.listeners.remove(&at)
            {
                for number in listener.backlog {
                    net.close(&world, number, 1, true);
                }
            }
        });
    }
}

/// One end of a connection, as its process holds it.
pub(super) struct NodeStream {
    pub(super) life: Arc<Life>,
    pub(super) number: u64,
    pub(super) side: usize,
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
}

impl AsyncRead for NodeStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.life.is_alive() {
            return Poll::Pending;
        }
        let world = &self.life.node.world;
        let end = (self.number, self.side);
        let room = buffer.remaining();
        match world.with_net(|net, _| net.read(world, end, room, cx.waker())) {
            Ok(Some(bytes)) => {
                buffer.put_slice(&bytes);
                Poll::Ready(Ok(()))
            }
            Ok(None) => Poll::Pending,
            Err(kind) => Poll::Ready(Err(kind.into())),
        }
    }
}

impl AsyncWrite for NodeStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.life.may() {
            return Poll::Pending;
        }
        let world = &self.life.node.world;
        let end = (self.number, self.side);
        match world.with_net(|net, _| net.write(world, end, bytes, cx.waker())) {
            Some(outcome) => Poll::Ready(outcome.map_err(io::Error::from)),
            None => Poll::Pending,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.life.may() {
            let world = &self.life.node.world;
            world.with_net(|net, _| net.shut_down(world, self.number, self.side));
        }
        Poll::Ready(Ok(()))
    }
}

impl Stream for NodeStream {
    fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    fn local_addr(&self) -> SocketAddr {
        self.local
    }

    fn reset(self: Box<Self>) {
        if self.life.may() {
            let world = &self.life.node.world;
            world.with_net(|net, _| net.close(world, self.number, self.side, true));
        }
    }
}

impl Drop for NodeStream {
    fn drop(&mut self) {
        if self.life.is_alive() {
            let world = &self.life.node.world;
            world.with_net(|net, _| net.close(world, self.number, self.side, false));
        }
    }
}
