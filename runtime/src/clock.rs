//! Time: what a wall clock shows, and how much of it has passed. The two are kept apart because
//! only the first one can jump.

use std::{ops::Add, time::Duration};

use crate::BoxFuture;

/// A point on a node's monotonic clock, in nanoseconds since an arbitrary start of that process.
///
/// Never goes back, never jumps, may run slightly fast or slow. Leases, time-outs and intervals
/// are measured on this clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// The time from `earlier` to `self`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Monotonic {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// Both clocks read at one instant: the `now` that a core is given with each event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since 1970 as this node's wall clock shows them. May step either way.
    pub wall_ms: i64,
    /// This node's monotonic clock.
    pub monotonic: Monotonic,
}

/// A node's clocks.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970 on the wall clock. May step either way between two calls.
    fn wall_ms(&self) -> i64;

    /// The monotonic clock.
    fn monotonic(&self) -> Monotonic;

    /// Completes when the monotonic clock has reached `at`; at once if it has already.
    /// Dropping the future cancels the wait.
    fn sleep_until(&self, at: Monotonic) -> BoxFuture<'static, ()>;

    /// Both clocks at once.
    fn now(&self) -> Now {
        Now { wall_ms: self.wall_ms(), monotonic: self.monotonic() }
    }

    /// Completes after `span` of monotonic time.
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(self.monotonic() + span)
    }
}
