//! What all draws of a world begin with: a seed, and from a moment on the seed of another future.
//!
//! A run that branches is the plan's own run up to its moment, draw for draw. From there on every
//! stream begins anew under another seed: delays and losses, what power cuts take, when processes
//! die, which task runs next, and the product's own random numbers. What belongs to a machine or
//! a wire for the whole run, such as the length of the wire, stays what it is.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use super::draw::Draw;

/// A future of a plan other than its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Branch {
    /// The first moment that is not the plan's own, in nanoseconds of true time.
    pub at: u64,
    /// Which of all futures that begin there.
    pub number: u64,
}

impl FromStr for Branch {
    type Err = String;

    /// Reads `NANOSECONDS:NUMBER`.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':').and_then(|(at, number)| {
            Some(Self { at: at.trim().parse().ok()?, number: number.trim().parse().ok()? })
        });
        parts.ok_or_else(|| {
            format!("`{text}` is not a future, such as 32604000001:3: nanoseconds, then its number")
        })
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.at, self.number)
    }
}

/// Where another future begins, and whether it has begun.
#[derive(Debug)]
pub(crate) struct Turn {
    at: u64,
    seed: u64,
    taken: AtomicBool,
}

impl Turn {
    /// The seed of the other future, once it has begun.
    pub(super) fn seed(&self) -> Option<u64> {
        self.taken.load(Relaxed).then_some(self.seed)
    }
}

/// Gives a stream to everything that draws.
#[derive(Clone, Debug)]
pub(crate) struct Seeds {
    seed: u64,
    turn: Option<Arc<Turn>>,
}

impl Seeds {
    pub(crate) fn new(seed: u64, branch: Option<Branch>) -> Self {
        let turn = |branch: Branch| Turn {
            at: branch.at,
            seed: Draw::derive(seed, "future", branch.number).bits(),
            taken: AtomicBool::new(false),
        };
        Self { seed, turn: branch.map(turn).map(Arc::new) }
    }

    /// The seed of the plan.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// The stream of `entity` in `component`, which turns when the world does.
    pub(crate) fn stream(&self, component: &'static str, entity: u64) -> Draw {
        let draw = Draw::derive(self.seed, component, entity);
        match &self.turn {
            Some(turn) => draw.turning(turn.clone(), component, entity),
            None => draw,
        }
    }

    /// Whether something planned for `at` belongs to the plan's own course.
    pub(crate) fn keeps(&self, at: u64) -> bool {
        self.turn.as_ref().is_none_or(|turn| at < turn.at)
    }

    /// Time has come to `now`. If this is where another future begins: how its tasks are shuffled.
    pub(crate) fn reach(&self, now: u64) -> Option<u64> {
        let turn = self.turn.as_ref().filter(|turn| turn.at <= now)?;
        let is_new = !turn.taken.swap(true, Relaxed);
        is_new.then(|| Draw::derive(turn.seed, "schedule", 0).bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BRANCH: Branch = Branch { at: 100, number: 3 };

    #[test]
    fn a_stream_turns_when_the_moment_is_reached_and_not_before() {
        let (own, seeds) = (Seeds::new(7, None), Seeds::new(7, Some(BRANCH)));
        let (mut straight, mut turning) = (own.stream("net", 1), seeds.stream("net", 1));
        assert_eq!(seeds.reach(99), None);
        assert_eq!(straight.bits(), turning.bits());
        assert!(seeds.reach(100).is_some() && seeds.reach(101).is_none());
        assert_ne!(straight.bits(), turning.bits());
        assert_eq!(own.reach(u64::MAX), None);
        assert!(own.keeps(u64::MAX) && seeds.keeps(99) && !seeds.keeps(100));
    }

    #[test]
    fn a_stream_that_begins_later_belongs_to_the_other_future_at_once() {
        let first = |number| {
            let seeds = Seeds::new(7, Some(Branch { at: 0, number }));
            seeds.reach(0);
            (seeds.stream("entropy", 1).bits(), seeds.stream("entropy", 2).bits())
        };
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
        assert_ne!(first(1).0, first(1).1);
        assert_ne!(first(1).0, Seeds::new(7, None).stream("entropy", 1).bits());
    }

    #[test]
    fn a_future_is_read_as_it_is_written() {
        assert_eq!(BRANCH.to_string().parse(), Ok(BRANCH));
        for wrong in ["", "5", "a:1", "1:-1"] {
            assert!(wrong.parse::<Branch>().unwrap_err().contains("32604000001:3"), "{wrong}");
        }
    }
}
