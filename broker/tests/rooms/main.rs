//! The broker's core, told what happens and asked what it wants: no sockets, no clock, no tasks.
#![expect(clippy::unwrap_used, reason = "a test ends where it is surprised")]

mod admins;
mod bad_input;
mod crashes;
mod delays;
mod golden;
mod groups;
mod hostile;
mod pulls;
mod replay;
mod room;
mod sends;
mod words;
