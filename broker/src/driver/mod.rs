//! The driver: moves what the core decides.
//!
//! ```text
//!  connections --asked--> +--------+ --Answer, Tell, Call--> connections
//!  ticker ------Ticked--> |  core  | --Sync--> syncer  --Synced--> core
//!  name servers -Joined-> | (lock) | --Save--> saver   --Saved---> core
//!                         +--------+ --Register--> name servers
//! ```
//!
//! The task that read the bytes of a connection applies every request in them under the lock, with
//! the store's writes held back to one, and writes all answers at once. Nothing hot ever waits for
//! another task. One lock, never held across a wait.

mod address_server;
mod files;
mod housekeeping;
mod hub;
mod name_servers;
mod open;
mod running;
mod saver;
mod sync;
mod ticker;

pub use files::{LoadError, load_tables};
pub use open::{StartError, start};
pub use running::{Running, StopError};
