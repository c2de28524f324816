//! Why a client did not start.

use protocol::names::NameError;
use thiserror::Error;

use crate::OffsetFileError;

/// Why a client did not start.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StartError {
    /// The group, or a topic it subscribes to, cannot have this name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The offsets of an earlier run cannot be read. They were not touched.
    #[error(transparent)]
    Offsets(#[from] OffsetFileError),
    /// Settings that contradict each other.
    #[error("{setting}: {why}")]
    Settings {
        /// Which.
        setting: &'static str,
        /// What is wrong with it.
        why: String,
    },
}
