//! Tokio's sockets.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpSocket, TcpStream, lookup_host},
    time::timeout,
};

use crate::{BoxFuture, Listener, Net, Stream};

/// Connections that the kernel completes before they are accepted: RocketMQ's default.
const BACKLOG: u32 = 1024;

/// Addresses set aside for documentation: nobody is there and nothing is sent, but asking for the
/// way to them tells which of our own addresses the world would see.
const ELSEWHERE: [&str; 2] = ["192.0.2.1:9", "[2001:db8::1]:9"];

pub(super) struct RealNet;

impl Net for RealNet {
    fn listen(&self, at: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            // A restarted server takes its port back from connections that linger.
            socket.set_reuseaddr(true)?;
            socket.bind(at)?;
            let listener: Box<dyn Listener> = Box::new(RealListener(socket.listen(BACKLOG)?));
            Ok(listener)
        })
    }

    fn connect(
        &self,
        to: SocketAddr,
        limit: Duration,
    ) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let Ok(connected) = timeout(limit, TcpStream::connect(to)).await else {
                let message = format!("no connection to {to} within {limit:?}");
                return Err(io::Error::new(ErrorKind::TimedOut, message));
            };
            let stream: Box<dyn Stream> = Box::new(RealStream::new(connected?)?);
            Ok(stream)
        })
    }

    fn resolve(&self, host_and_port: &str) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let host_and_port = host_and_port.to_owned();
        Box::pin(async move { Ok(lookup_host(host_and_port).await?.collect()) })
    }

    fn local_address(&self) -> IpAddr {
        let routed = ELSEWHERE.iter().find_map(|elsewhere| address_on_the_way_to(elsewhere).ok());
        routed.or_else(|| address_of(&self.host_name())).unwrap_or(Ipv4Addr::LOCALHOST.into())
    }

    fn host_name(&self) -> String {
        rustix::system::uname().nodename().to_string_lossy().into_owned()
    }
}

fn address_on_the_way_to(elsewhere: &str) -> io::Result<IpAddr> {
    let any = if elsewhere.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(any)?;
    socket.connect(elsewhere)?;
    let address = socket.local_addr()?.ip();
    if address.is_unspecified() { Err(ErrorKind::AddrNotAvailable.into()) } else { Ok(address) }
}

fn address_of(host_name: &str) -> Option<IpAddr> {
    let mut addresses = (host_name, 0).to_socket_addrs().ok()?.map(|address| address.ip());
    addresses.find(|address| !address.is_loopback())
}

struct RealListener(TcpListener);

impl Listener for RealListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Box<dyn Stream>, SocketAddr)>> {
        Box::pin(async move {
            let (accepted, _) = self.0.accept().await?;
            let stream = RealStream::new(accepted)?;
            let peer = stream.peer;
            let stream: Box<dyn Stream> = Box::new(stream);
            Ok((stream, peer))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

struct RealStream {
    inner: TcpStream,
    peer: SocketAddr,
    local: SocketAddr,
}

impl RealStream {
    fn new(inner: TcpStream) -> io::Result<Self> {
        // Answers are gathered into one write already; waiting for more would only delay them.
        inner.set_nodelay(true)?;
        let peer = canonical(inner.peer_addr()?);
        let local = canonical(inner.local_addr()?);
        Ok(Self { inner, peer, local })
    }
}

/// An IPv4 peer of a socket that listens on both families shows as itself, as it does in Java.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl Stream for RealStream {
    fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    fn local_addr(&self) -> SocketAddr {
        self.local
    }

    fn reset(self: Box<Self>) {
        // Closing with a linger time of zero sends a reset. If the option is refused the
        // connection is already gone.
        self.inner.set_zero_linger().ok();
    }
}

impl AsyncRead for RealStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for RealStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
