//! The real world: tokio's tasks, timers and sockets, the operating system's files and clocks.
//!
//! Only a program's `main` and tests of this world construct it.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this is what the others are told to ask for"
)]

mod clock;
mod disk;
mod entropy;
mod net;
mod tasks;

use std::{future::Future, io, sync::Arc, thread::available_parallelism};

use crate::Runtime;

/// The real world, as seen from inside a tokio runtime.
///
/// # Panics
/// Outside a tokio runtime, and when the operating system has no randomness to give.
#[must_use]
pub fn runtime() -> Runtime {
    Runtime {
        clock: Arc::new(clock::RealClock::start()),
        net: Arc::new(net::RealNet),
        disk: Arc::new(disk::RealDisk::new()),
        tasks: Arc::new(tasks::RealTasks::new()),
        entropy: Arc::new(entropy::RealEntropy::seeded()),
    }
}

/// Plays `program` in the real world, with one worker thread per core, and gives its result. This
/// is what a program's `main` consists of.
pub fn run<T, F>(program: impl FnOnce(Runtime) -> F) -> io::Result<T>
where
    F: Future<Output = T>,
{
    let cores = available_parallelism()?.get();
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores)
        .thread_name("gantry")
        .enable_all()
        .build()?;
    Ok(tokio.block_on(async { program(runtime()).await }))
}
