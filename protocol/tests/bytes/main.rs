//! The bytes half of the room, against the bytes that Java RocketMQ 5.5.0 sent and wrote.

#![expect(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    reason = "a test may fail, and a hostile input's result may be anything"
)]

mod captured;
mod golden_frames;
mod golden_ha;
mod golden_records;
mod hostile;
mod hostile_bodies;
mod refused;
mod round_trips;
