//! TCP as the product sees it.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::BoxFuture;

/// A node's network.
pub trait Net: Send + Sync {
    /// Binds and listens. Port 0 asks for any free port. `AddrInUse` if it is taken.
    fn listen(&self, at: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Listener>>>;

    /// Opens a connection, or fails with `TimedOut` after `timeout`.
    fn connect(
        &self,
        to: SocketAddr,
        timeout: Duration,
    ) -> BoxFuture<'static, io::Result<Box<dyn Stream>>>;

    /// The addresses behind `host:port`, where host is a name or a literal address (IPv6 literals
    /// in brackets).
    fn resolve(&self, host_and_port: &str) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;

    /// The address this node would publish when none is configured.
    fn local_address(&self) -> IpAddr;

    /// The name of this host.
    fn host_name(&self) -> String;
}

/// A listening socket. Dropping it closes it.
pub trait Listener: Send {
    /// The next connection and its peer's address.
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Box<dyn Stream>, SocketAddr)>>;

    /// Where it listens, with the port that was assigned.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// One TCP connection. `poll_shutdown` closes the sending half only; dropping closes both.
/// Bytes written are on their way without a flush.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// The other end.
    fn peer_addr(&self) -> SocketAddr;

    /// This end.
    fn local_addr(&self) -> SocketAddr;

    /// Drops the connection with a reset instead of a polite close.
    fn reset(self: Box<Self>);
}
