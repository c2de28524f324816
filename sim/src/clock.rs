//! A node's two clocks, as functions of true time.
//!
//! The monotonic clock runs at its own rate. The wall clock runs at its own rate from its own
//! offset, can be stepped either way, and can stand still for a while. Both are piecewise linear:
//! each change starts a new piece at the true time it happens. Integers only.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use runtime::{BoxFuture, Clock, Monotonic};

use crate::{
    node::Life,
    world::{Due, Kind, Ticket, locked},
};

/// One part in a million, against which rates are given.
const MILLION: i128 = 1_000_000;

/// A straight piece: `value` at true time `at`, running `ppm` fast (or slow, if negative).
#[derive(Clone, Copy, Debug)]
struct Piece {
    at: u64,
    value: i128,
    ppm: i64,
}

impl Piece {
    fn read(self, now: u64) -> i128 {
        let passed = i128::from(now.saturating_sub(self.at));
        self.value + passed * (MILLION + i128::from(self.ppm)) / MILLION
    }

    fn restart(&mut self, now: u64) {
        *self = Self { at: now, value: self.read(now), ppm: self.ppm };
    }
}

/// Both clocks of one node.
#[derive(Debug)]
pub(crate) struct Clocks {
    monotonic: Piece,
    wall: Piece,
    /// What the wall clock shows while it stands still.
    frozen: Option<i128>,
}

impl Clocks {
    /// Clocks that start at true time `now`: the wall at `wall_ms`, the monotonic at `up_ns`.
    pub(crate) fn new(now: u64, wall_ms: i64, up_ns: u64) -> Self {
        let wall = Piece { at: now, value: i128::from(wall_ms) * 1_000_000, ppm: 0 };
        let monotonic = Piece { at: now, value: i128::from(up_ns), ppm: 0 };
        Self { monotonic, wall, frozen: None }
    }

    /// The monotonic clock in nanoseconds.
    pub(crate) fn monotonic(&self, now: u64) -> u64 {
        u64::try_from(self.monotonic.read(now)).unwrap_or(0)
    }

    /// The wall clock in milliseconds since 1970.
    pub(crate) fn wall_ms(&self, now: u64) -> i64 {
        let nanos = self.frozen.unwrap_or_else(|| self.wall.read(now));
        i64::try_from(nanos.div_euclid(1_000_000)).unwrap_or(i64::MAX)
    }

    /// The first true time at which the monotonic clock shows `reading` or more.
    fn true_time_of(&self, reading: u64) -> u64 {
        let Piece { at, value, ppm } = self.monotonic;
        let missing = (i128::from(reading) - value).max(0);
        let rate = MILLION + i128::from(ppm);
        let span = (missing * MILLION + rate - 1) / rate;
        u64::try_from(i128::from(at) + span).unwrap_or(u64::MAX)
    }

    /// Moves the wall clock by `by_ms`.
    pub(crate) fn step(&mut self, now: u64, by_ms: i64) {
        self.wall.restart(now);
        self.wall.value += i128::from(by_ms) * 1_000_000;
        if let Some(frozen) = &mut self.frozen {
            *frozen += i128::from(by_ms) * 1_000_000;
        }
    }

    /// Both clocks run `ppm` fast from now on.
    pub(crate) fn drift(&mut self, now: u64, ppm: i64) {
        // A clock never stands still or runs backwards by drifting.
        let ppm = ppm.clamp(-500_000, 1_000_000);
        self.monotonic.restart(now);
        self.wall.restart(now);
        self.monotonic.ppm = ppm;
        self.wall.ppm = ppm;
    }

    /// Stops the wall clock.
    pub(crate) fn freeze(&mut self, now: u64) {
        self.frozen.get_or_insert(self.wall.read(now));
    }

    /// Lets the wall clock run again: from where it would be, or from where it stood.
    pub(crate) fn thaw(&mut self, now: u64, catch_up: bool) {
        let stood = self.frozen.take();
        if let (Some(stood), false) = (stood, catch_up) {
            self.wall.restart(now);
            self.wall.value = stood;
        }
    }

    /// What remains after a power cut: the wall clock, and a monotonic clock near zero.
    pub(crate) fn power_cycle(&mut self, now: u64, up_ns: u64) {
        self.monotonic = Piece { at: now, value: i128::from(up_ns), ppm: self.monotonic.ppm };
    }
}

/// The clocks as one process sees them.
pub(crate) struct NodeClock(pub(crate) Arc<Life>);

impl NodeClock {
    fn clocks(&self) -> &Mutex<Clocks> {
        &self.0.node.clocks
    }
}

impl Clock for NodeClock {
    fn wall_ms(&self) -> i64 {
        locked(self.clocks()).wall_ms(self.0.node.world.now())
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(locked(self.clocks()).monotonic(self.0.node.world.now()))
    }

    fn sleep_until(&self, at: Monotonic) -> BoxFuture<'static, ()> {
        Box::pin(Sleep { life: self.0.clone(), at: at.0, ticket: None })
    }
}

/// A wait on the monotonic clock of a node.
struct Sleep {
    life: Arc<Life>,
    at: u64,
    ticket: Option<Ticket>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let node = self.life.node.clone();
        let (now, world) = (node.world.now(), &node.world);
        if !self.life.is_alive() {
            return Poll::Pending;
        }
        let (shown, due) = {
            let clocks = locked(&node.clocks);
            (clocks.monotonic(now), clocks.true_time_of(self.at))
        };
        if let Some(ticket) = self.ticket.take() {
            if shown < self.at && world.queue().rewake(ticket, cx.waker()) {
                self.ticket = Some(ticket);
                return Poll::Pending;
            }
            world.queue().cancel(ticket);
        }
        if self.at <= shown {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        self.ticket = Some(world.plan(due, Due::Wake { node: node.id, waker }));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            // The waker goes after the lock: it may be the last thing that holds its task.
            let due = self.life.node.world.queue().cancel(ticket);
            drop(due);
        }
    }
}

impl crate::node::Node {
    /// Changes this node's clocks; its sleepers look at them again.
    pub(crate) fn set_clocks(&self, change: impl FnOnce(&mut Clocks, u64)) {
        let now = self.world.now();
        let (wall, monotonic) = {
            let mut clocks = locked(&self.clocks);
            change(&mut clocks, now);
            (clocks.wall_ms(now), clocks.monotonic(now))
        };
        self.world.saw(self.id, Kind::Note, wall.cast_unsigned(), monotonic);
        let sleepers = self.world.queue().take_sleepers(self.id);
        sleepers.into_iter().for_each(std::task::Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000_000_000;

    #[test]
    fn a_sleep_ends_at_the_first_true_time_that_the_clock_shows_it() {
        for ppm in [-1000, -1, 0, 1, 1000] {
            let mut clocks = Clocks::new(0, 0, 7);
            clocks.drift(10, ppm);
            for reading in [18, 1000, 123_456_789, HOUR] {
                let at = clocks.true_time_of(reading);
                assert!(reading <= clocks.monotonic(at), "{ppm} ppm, {reading}");
                assert!(clocks.monotonic(at - 1) < reading, "{ppm} ppm, {reading}");
            }
        }
    }

    #[test]
    fn drift_is_what_it_says_after_an_hour() {
        let mut clocks = Clocks::new(0, 1_000_000, 0);
        clocks.drift(0, 1000);
        assert_eq!(clocks.monotonic(HOUR), HOUR + HOUR / 1000);
        assert_eq!(clocks.wall_ms(HOUR), 1_000_000 + 3_603_600);
    }

    #[test]
    fn steps_and_freezes_leave_the_monotonic_clock_alone() {
        let mut clocks = Clocks::new(0, 0, 0);
        clocks.step(HOUR, -86_400_000);
        assert_eq!(clocks.wall_ms(HOUR), 3_600_000 - 86_400_000);
        clocks.freeze(HOUR);
        assert_eq!(clocks.wall_ms(2 * HOUR), 3_600_000 - 86_400_000);
        clocks.thaw(2 * HOUR, false);
        assert_eq!(clocks.wall_ms(2 * HOUR), 3_600_000 - 86_400_000);
        clocks.freeze(2 * HOUR);
        clocks.thaw(3 * HOUR, true);
        assert_eq!(clocks.wall_ms(3 * HOUR), 2 * 3_600_000 - 86_400_000);
        assert_eq!(clocks.monotonic(3 * HOUR), 3 * HOUR);
    }
}
