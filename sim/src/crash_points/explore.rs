//! One script, all its points, all their states.

use std::collections::BTreeMap;

use super::{
    Crash, Finding, Tally, Trouble,
    check::{Verdict, bounds},
    player::{Played, Player},
    recover::{Recovery, caught},
    script::script,
    sent::Expected,
    stage::Platters,
    states::{Depth, Stakes},
};
use crate::world::Draw;

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Operations of a script.
    pub(crate) operations: usize,
    /// Where so many things are at risk (or fewer), each kept or lost, all combinations are tried.
    pub(crate) full_at: u32,
    /// Of so many distinct states one is interrupted at every point of its recovery.
    pub(crate) interrupt_every: u64,
    /// At how many drawn bytes each sector is torn, in each of three surroundings.
    pub(crate) tears: u64,
}

/// Of so many distinct states one is used further.
const USED_FURTHER_EVERY: u64 = 8;

impl Options {
    fn depth(self) -> Depth {
        Depth { full: 1 << self.full_at.min(20), pairs_among: 40, drawn: 192, tears: self.tears }
    }
}

/// Plays a script and tries every crash at every point of it.
pub(crate) fn explore(seed: u64, options: Options, progress: &mut dyn FnMut(&Tally)) -> Tally {
    let mut explorer = Explorer::new(seed, options, None);
    explorer.play(progress);
    explorer.tally
}

/// Tries one crash at one point. Gives what was at risk and how it went.
pub(crate) fn replay(
    seed: u64,
    options: Options,
    (point, crash): (u64, Crash),
) -> (Tally, Vec<String>) {
    let mut explorer = Explorer::new(seed, options, Some((point, crash)));
    explorer.play(&mut |_| {});
    (explorer.tally, explorer.words)
}

struct Explorer {
    seed: u64,
    options: Options,
    /// Only this is tried.
    only: Option<(u64, Crash)>,
    words: Vec<String>,
    tally: Tally,
    draw: Draw,
    /// What came of the states that were met since messages were lost for good.
    known: BTreeMap<u64, Option<Verdict>>,
    /// Where we are.
    place: Place,
}

#[derive(Clone, Default)]
struct Place {
    operation: usize,
    during: String,
    point: u64,
    effect: String,
}

impl Explorer {
    fn new(seed: u64, options: Options, only: Option<(u64, Crash)>) -> Self {
        let draw = Draw::derive(seed, "crash states", 0);
        let (words, known, place) = (Vec::new(), BTreeMap::new(), Place::default());
        Self { seed, options, only, words, tally: Tally::default(), draw, known, place }
    }

    fn play(&mut self, progress: &mut dyn FnMut(&Tally)) {
        self.place.during = "the first start".to_owned();
        let (mut player, played) = match caught(|| Player::new(self.seed)) {
            Ok(begun) => begun,
            Err(trouble) => return self.found(Crash::Process, trouble),
        };
        let config = player.config().clone();
        self.look_at(&config, played);
        for operation in script(self.seed, self.options.operations) {
            self.place.operation += 1;
            self.place.during = format!("{operation:?}");
            match caught(|| player.play(&operation)) {
                Ok(played) => self.look_at(&config, played),
                Err(trouble) => {
                    return self.found(Crash::Process, trouble.after("without a crash"));
                }
            }
            progress(&self.tally);
            if self.only.as_ref().is_some_and(|(point, _)| *point < self.place.point) {
                return;
            }
        }
    }

    /// Every point of an operation, and the one after it.
    fn look_at(&mut self, config: &store::StoreConfig, played: Played) {
        for effect in played.effects {
            self.place.effect = effect.words;
            self.point(Recovery { config, expected: &played.expected }, &effect.after);
        }
        "nothing more".clone_into(&mut self.place.effect);
        let after = played.expected.after.clone();
        let settled = Expected { before: after, ..played.expected };
        self.point(Recovery { config, expected: &settled }, &played.after);
        if played.forgot {
            self.known.clear();
        }
    }

    fn point(&mut self, recovery: Recovery<'_>, platters: &Platters) {
        match self.only.clone() {
            None => {
                self.tally.points += 1;
                self.death(&recovery, platters);
                self.power_cuts(&recovery, platters);
            }
            Some((point, crash)) if point == self.place.point => {
                self.tally.points += 1;
                match crash {
                    Crash::Process => self.death(&recovery, platters),
                    Crash::Power(ways) => self.one_power_cut(&recovery, platters, ways),
                }
            }
            Some(_) => {}
        }
        self.place.point += 1;
    }

    /// The process dies; another starts, and then the power is cut.
    fn death(&mut self, recovery: &Recovery<'_>, platters: &Platters) {
        self.tally.deaths += 1;
        let mut left = platters.clone();
        left.forget_lost();
        let outcome = recovery.again(left).and_then(|(verdict, left)| {
            bounds(&verdict, recovery.expected, recovery.expected.before.written)?;
            recovery.goes_on(verdict, left)
        });
        if let Err(trouble) = outcome {
            self.found(Crash::Process, trouble);
        }
    }

    fn power_cuts(&mut self, recovery: &Recovery<'_>, platters: &Platters) {
        let mut stakes = Stakes::of(platters);
        self.tally.at_risk_max = self.tally.at_risk_max.max(stakes.len() as u64);
        let mut tried = Vec::new();
        let depth = self.options.depth();
        let full = stakes.each(depth, &mut self.draw, &mut |ways| tried.push(ways.to_vec()));
        self.tally.points_in_full += u64::from(full);
        for ways in tried {
            self.tally.states += 1;
            let hash = stakes.hash(&ways);
            let outcome = match self.known.get(&hash) {
                // Whoever met it first has told.
                Some(None) => continue,
                Some(Some(verdict)) => Ok(*verdict),
                None => {
                    self.tally.distinct += 1;
                    self.distinct(recovery, (hash, stakes.disk(&ways)))
                }
            };
            let kept = outcome.as_ref().ok().copied();
            self.known.insert(hash, kept);
            let safe = recovery.expected.before.durable;
            let judged = outcome.and_then(|verdict| bounds(&verdict, recovery.expected, safe));
            if let Err(trouble) = judged {
                self.found(Crash::Power(ways), trouble);
            }
        }
    }

    /// A state that was not met before.
    fn distinct(
        &mut self,
        recovery: &Recovery<'_>,
        (hash, disk): (u64, Platters),
    ) -> Result<Verdict, Trouble> {
        let (verdict, left) = recovery.again(disk.clone())?;
        self.tally.fold(&[hash, verdict.start, verdict.end, verdict.next.unsigned_abs()]);
        if hash.is_multiple_of(USED_FURTHER_EVERY) || self.only.is_some() {
            recovery.goes_on(verdict, left)?;
        }
        if hash % self.options.interrupt_every.max(1) == 1 || self.only.is_some() {
            // A draw of its own, so that a replay of this state draws the same.
            let mut draw = Draw::derive(hash, "crash in recovery", 0);
            self.tally.in_recovery += recovery.interrupted(verdict, disk, &mut draw)?;
        }
        Ok(verdict)
    }

    fn one_power_cut(&mut self, recovery: &Recovery<'_>, platters: &Platters, ways: Vec<u16>) {
        let mut stakes = Stakes::of(platters);
        if let Err(trouble) = stakes.fits(&ways) {
            return self.found(Crash::Power(ways), trouble);
        }
        self.words = stakes.words(&ways);
        self.tally.states += 1;
        self.tally.distinct += 1;
        let hash = stakes.hash(&ways);
        let outcome = self.distinct(recovery, (hash, stakes.disk(&ways)));
        let safe = recovery.expected.before.durable;
        let judged = outcome.and_then(|verdict| bounds(&verdict, recovery.expected, safe));
        if let Err(trouble) = judged {
            self.found(Crash::Power(ways), trouble);
        }
    }

    fn found(&mut self, crash: Crash, trouble: Trouble) {
        let Place { operation, during, point, effect } = self.place.clone();
        let seed = self.seed;
        self.tally.found(Finding { seed, operation, during, point, effect, crash, trouble });
    }
}
