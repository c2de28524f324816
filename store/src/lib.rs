//! Commit log, consume queues and index files, as RocketMQ lays them out.
//!
//! The store is synchronous and driven: it never waits, never reads a clock and starts nothing.
//! Appends and reads are plain calls on a [`Store`]; what must wait for a disk is handed out as a
//! job ([`SyncJob`], [`CheckpointJob`], [`RetentionJob`]) that the driver runs outside its lock and
//! whose outcome it hands back.
//!
//! One message is appended once, to the log; its slot in a consume queue and its entries in the
//! index are derived from the log, kept in memory, and written to their files in batches, never
//! before the log itself is durable up to there. Start reading at [`Store`].
//!
//! All integers on disk are big-endian. Compatible with Apache RocketMQ 5.5.0.

mod append;
mod checkpoint;
mod close;
mod config;
mod directory;
mod durability;
mod get;
mod index;
mod limits;
mod log;
mod marks;
mod open;
mod query;
mod queue;
mod queue_files;
mod queues;
mod rebuild;
mod recovery;
mod replica;
mod retention;
mod scan;
mod segment;
mod slot;
mod store;
mod tail;
mod time_search;
mod transfer;
mod walk;

pub use append::{AppendError, Appended};
pub use checkpoint::{CheckpointDone, CheckpointError, CheckpointJob};
pub use close::CloseError;
pub use config::{ConfigError, Flush, GetLimits, MemoryLimits, Pace, RetentionConfig, StoreConfig};
pub use durability::{Extent, Poisoned, SyncJob, Synced};
pub use get::{Damage, GetStatus, Got, ReadError, Want};
pub use open::{Cut, OpenError, Opened};
pub use query::Queried;
pub use replica::{Arrived, ReplicateError, Replicated};
pub use retention::{Removed, RetentionJob, RetentionReport};
pub use store::{QueueName, Store};
pub use time_search::{Boundary, QueueSlot};
pub use transfer::TransferError;
