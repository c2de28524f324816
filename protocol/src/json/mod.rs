//! JSON as RocketMQ speaks it, which is not quite JSON.
//!
//! RocketMQ's peers write with fastjson, in three styles, and read more than they write:
//!
//! ```text
//! style       integer keys   object keys              non-ASCII   layout
//! WIRE        {0:"a"}        {{"queueId":0}:5}        raw         one line
//! STANDARD    {"0":"a"}      {{"queueId":0}:5}        \uXXXX      one line
//! FILE        {0:"a"}        {{"queueId":0}:5}        raw         tabs, as config/*.json
//! ```
//!
//! In every style the members of an object come in alphabetical order and a member that is null is
//! left out. Bodies are `serde` types: [`read`] fills them, [`fn@write`] writes them, and neither
//! builds a tree in between. [`Value`] is the tree for the few who need one.
//!
//! The reader also takes single quotes, unquoted names and integers as keys, objects as keys,
//! trailing commas, comments, numbers in quotes, and a single value where a list is wanted.
//! It refuses text that is not UTF-8, nests deeper than [`DEPTH_MAX`], or holds more objects and
//! lists than its length can explain, so that no body makes us hold much more than it weighs.
//!
//! Source: `remoting/protocol/RemotingSerializable.java` and fastjson2 2.0.59 as observed.

mod error;
mod language;
mod number;
mod quote;
mod read;
#[cfg(test)]
mod tests;
mod value;
mod write;

pub use error::{JsonError, Wrong};
pub use quote::quote;
pub use read::{DEPTH_MAX, read};
pub use value::{Key, Number, Value};
pub use write::{Style, write};
