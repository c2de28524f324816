//! The name server: who is where.
//!
//! Brokers register with every name server and keep saying that they live; clients ask any of them
//! for the way to a topic. Name servers know nothing of each other and keep nothing but the
//! operators' KV configuration: what they know of brokers, the brokers tell them again.
//!
//! [`NameServer`] decides and never waits; [`start`] gives it connections, a ticker and a disk.
//! Start reading at [`NameServer::apply`].

mod answers;
mod config;
mod driver;
mod kv;
mod liveness;
mod namesrv;
mod routes;
mod saved_file;

pub use config::{Config, ConfigError};
pub use driver::{Running, StartError, start};
pub use kv::KvConfig;
pub use namesrv::{Counted, Effect, Event, NameServer};
pub use saved_file::LoadError;
