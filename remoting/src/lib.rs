//! Frames on a stream: connections, calls and answers.
//!
//! ```text
//!             +----------------- one task per connection -----------------+
//!   bytes --> | input --take every frame--> responses -> pending calls    |
//!             |                             requests  -> Respond::asked   |
//!   bytes <-- | output <--one buffer, one write-- answers + outbox <------|<-- Connection::send
//!             +-----------------------------------------------------------+    Connection::call
//! ```
//!
//! Either side may ask: a broker's request to a client travels on the connection that the client
//! opened. Responses are matched to calls by their opaque and nothing else; they come in any order.
//!
//! Nothing waits without a bound: see [`Limits`]. A peer that does not read is first no longer
//! read from, then refused, then cut off. A peer that cannot be understood is cut off at once.
//!
//! Source: remoting/netty/NettyRemotingAbstract.java, NettyRemotingServer.java,
//! NettyRemotingClient.java.

mod connect;
mod connection;
mod conversation;
mod input;
mod limits;
mod listener;
mod outbox;
mod pending;
mod pool;
mod respond;

pub use connect::{ConnectError, connect};
pub use connection::{Connection, Ending, PeerId};
pub use limits::Limits;
pub use listener::serve;
pub use outbox::SendRefused;
pub use pending::CallError;
pub use pool::{Pool, PoolError};
pub use respond::Respond;
