//! Why a run could not be measured.

use std::{io, net::SocketAddr};

use protocol::frame::FrameError;

/// Whatever ends a run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The network, the disk or `/proc` failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What came back was not a frame, or a request did not fit into one.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// Nothing but refusals.
    #[error("{0} accepted no request at all: {1}")]
    Refused(SocketAddr, String),
    /// The peer hung up.
    #[error("{0} closed the connection")]
    Closed(SocketAddr),
    /// The peer is silent.
    #[error("{0} left requests unanswered")]
    Silent(SocketAddr),
    /// A task of the generator ended early.
    #[error("{0}")]
    Task(#[from] tokio::task::JoinError),
    /// A program that was started did not do what it was started for.
    #[error("{0}")]
    Program(String),
    /// No such row.
    #[error("no row is called `{0}`; there are: {1}")]
    UnknownRow(String, String),
    /// Asked to stop.
    #[error("interrupted; everything that was started has been ended")]
    Interrupted,
}
