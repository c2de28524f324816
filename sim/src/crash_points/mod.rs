//! Every disk that a crash may leave, at every point of a script, recovered and looked through.
//!
//! ```text
//!  script ──> player ──> store ──> stage: a disk that remembers itself after each effect
//!                                    │ each effect is a point
//!                                 states: everything at risk there, kept, lost or torn
//!                                    │ each disk once
//!                                 recovery, again, and again ──> check: what was sent, what was
//!                                                                promised ──> findings
//! ```
//!
//! What is at risk, and how it may go, is the model of the simulator's own disk
//! ([`crate::disk`]): here all of it is tried, or a part that is said, instead of drawn. Start
//! reading at [`explore`].

mod check;
mod explore;
#[cfg(test)]
mod kernel;
mod player;
mod recover;
mod script;
mod sent;
mod stage;
mod stage_file;
mod states;
mod tally;
#[cfg(test)]
mod tests;
mod ways;

use std::fmt::Display;

pub(crate) use explore::{Options, explore, replay};
pub(crate) use tally::{Finding, Tally};
pub(crate) use ways::Crash;

/// When the scripts begin.
const WALL_MS: i64 = 1_800_000_000_000;

/// What is wrong, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble(String);

impl Trouble {
    fn new<E: Display>(what: &'static str) -> impl Fn(E) -> Self {
        move |error| Self(format!("{what}: {error}"))
    }

    fn after(self, what: &str) -> Self {
        Self(format!("{what}: {}", self.0))
    }
}

impl From<String> for Trouble {
    fn from(words: String) -> Self {
        Self(words)
    }
}

impl From<&str> for Trouble {
    fn from(words: &str) -> Self {
        Self(words.to_owned())
    }
}

impl Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
