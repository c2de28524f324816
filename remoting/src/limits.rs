//! What a connection may cost, and for how long.

use std::time::Duration;

use protocol::limits::FRAME_BYTES_MAX;

/// The limits of one end's connections. The default is what RocketMQ has, or ours where it has
/// none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A frame that we are ready to receive, with its length prefix. Never more than
    /// [`FRAME_BYTES_MAX`] counts.
    pub frame_bytes_max: usize,
    /// Calls of ours on one connection that have no response yet. RocketMQ has 65,535 for a whole
    /// process (`clientAsyncSemaphoreValue`).
    pub pending_calls_max: usize,
    /// Bytes of commands that wait because the peer does not read. Requests beyond it are refused;
    /// an answer beyond it closes the connection.
    pub outbox_bytes_max: usize,
    /// With more answers than this unsent, nothing more is read: the peer has to take them first.
    pub unsent_bytes_max: usize,
    /// Connections that one listener holds. More are reset.
    pub connections_max: usize,
    /// A connection on which nothing moves for so long is closed.
    pub idle: Duration,
    /// How long a connection whose end is decided may take to deliver what it still owes.
    pub linger: Duration,
    /// How long a connection may take to come about.
    pub connect: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes_max: FRAME_BYTES_MAX,
            pending_calls_max: 65_535,
            outbox_bytes_max: 2 * FRAME_BYTES_MAX,
            unsent_bytes_max: 1024 * 1024,
            connections_max: 65_536,
            idle: Duration::from_secs(120),
            linger: Duration::from_secs(1),
            connect: Duration::from_secs(3),
        }
    }
}

/// Requests that are applied in one go. It bounds the answers that one read can cause.
pub(crate) const BATCH_FRAMES_MAX: usize = 64;

/// The room for the first read of a connection, and of one that was quiet.
pub(crate) const READ_BYTES_MIN: usize = 4 * 1024;

/// The room for one read of a connection that fills every read.
pub(crate) const READ_BYTES_MAX: usize = 256 * 1024;

/// A write buffer that grew beyond this is given back as soon as it is empty.
pub(crate) const OUTPUT_KEPT_BYTES_MAX: usize = 64 * 1024;

/// After so long without a byte a connection gives its buffers back.
pub(crate) const QUIET: Duration = Duration::from_secs(10);

/// Reads and writes that one connection makes before others get their turn.
pub(crate) const TURNS_MAX: usize = 32;

const _: () = assert!(READ_BYTES_MIN < READ_BYTES_MAX && READ_BYTES_MAX < FRAME_BYTES_MAX);
