//! The one seam to the world.
//!
//! Everything the broker, the name server and the client learn from the world, and everything they
//! do to it, passes through a [`Runtime`]: five capabilities behind trait objects. [`real`] is the
//! world of production (tokio); the simulator supplies another; [`memory`] is a disk for tests.
//!
//! A rule that follows: nothing outside this room and `sim` reads a clock, opens a socket or a
//! file, starts a task or draws a random number in any other way. Lints and `ci` enforce it.

mod clock;
mod disk;
mod entropy;
pub mod memory;
mod net;
pub mod real;
mod tasks;
pub mod whole_file;

use std::{future::Future, pin::Pin, sync::Arc};

pub use clock::{Clock, Monotonic, Now};
pub use disk::{Disk, DiskUsage, Entry, File, FileLock, OpenMode};
pub use entropy::Entropy;
pub use net::{Listener, Net, Stream};
pub use tasks::{Task, Tasks};

/// A boxed future that may cross threads, as trait objects return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A world to run in. Cloning is cheap; every clone is the same world.
#[derive(Clone)]
pub struct Runtime {
    /// What time it is, and waiting for a later one.
    pub clock: Arc<dyn Clock>,
    /// TCP: listen, connect, resolve.
    pub net: Arc<dyn Net>,
    /// Files and directories.
    pub disk: Arc<dyn Disk>,
    /// Starting tasks, and being told to stop.
    pub tasks: Arc<dyn Tasks>,
    /// Random numbers.
    pub entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Runtime")
    }
}
