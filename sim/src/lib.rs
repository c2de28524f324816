//! The simulated world, and the command that plays a cluster in it under one seed.
//!
//! ```text
//!   scenarios::Plan ──> play ──> cluster (nodes: name servers, brokers, clients: shipping code)
//!                        │            │ Runtime
//!                     faults ──> world: clock · net · disk · tasks · entropy ──> trace hash
//!                        │
//!                     inspect ──> checkers::History ──> verdict ──> report
//! ```
//!
//! [`World`], [`Node`] and [`run`] are usable from another crate's tests: boot a node, give its
//! [`runtime::Runtime`] to your own producer or consumer, and let it all happen under a seed.

#[cfg(not(madsim))]
compile_error!(
    "sim needs `--cfg madsim`, which .cargo/config.toml sets: unset RUSTFLAGS, it replaces that \
     setting"
);

mod cli;
mod clock;
mod cluster;
mod crash_points;
mod disk;
mod ear;
mod entropy;
mod faults;
mod inspect;
mod net;
mod node;
mod play;
mod probes;
mod programs;
mod tasks;
mod world;

pub use cli::main;
pub use disk::{Ailments, AtRisk, Felt};
pub use net::{Latency, Traffic};
pub use node::{Death, Node, Process};
pub use play::{Options, Played, Progress, play};
pub use world::{Bounds, Branch, Broken, Kind, Seen, World, run};

#[cfg(test)]
mod tests;
