//! The broker: events to effects, and the thin driver that moves them.
//!
//! The core ([`Broker`]) takes an [`Event`] and gives [`Effect`]s. It owns the [`store::Store`]
//! and every table, never waits and never looks at a clock. The driver ([`start`]) holds it behind
//! one lock, feeds it what happens in the world and does what it wants done. Start reading at
//! [`Broker::apply`]; what can be asked of a broker is [`REQUESTS`].

mod admin;
mod attributes;
mod batch;
mod broker;
mod calendar;
mod calls;
mod chores;
mod clients;
pub mod config;
mod consumer_offsets;
mod delay;
mod deliver;
mod driver;
mod durability;
mod entropy;
mod event;
mod files;
mod groups;
mod locks;
mod meters;
mod offsets;
mod parked;
mod peers;
mod pull;
mod query;
mod registration;
mod request_modes;
mod requests;
mod saving;
mod send;
mod send_back;
mod send_checks;
mod stats;
mod subscription;
mod timetable;
mod topics;
mod waiting;

pub use broker::{Broker, Identity};
pub use config::{Config, ConfigError, Host};
pub use driver::{LoadError, Running, StartError, StopError, load_tables, start};
pub use event::{CallId, CallOutcome, Door, Effect, Event, Table};
pub use files::TableError;
pub use meters::{Meters, RequestMeter};
pub use requests::{Entry, Kind, REQUESTS};
