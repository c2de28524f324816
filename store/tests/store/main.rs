//! The store as a whole, from outside, on a disk in memory.
#![expect(clippy::unwrap_used, reason = "what a test cannot do without ends it")]

mod appending;
mod common;
mod durability;
mod garbage;
mod golden_store;
mod model;
mod reading;
mod recovery;
mod replica;
mod retention;
mod scale;
