//! Recovering a disk, in every way that must give the same.

use std::panic::{AssertUnwindSafe, catch_unwind};

use store::StoreConfig;

use super::{
    Trouble,
    check::{Verdict, look},
    player::{beginning, open, wait},
    script::{Letter, Recipient},
    sent::{Expected, LASTING, Sent, message},
    stage::{Platters, Stage},
    states::{Depth, Stakes},
};
use crate::{tasks::text_of, world::Draw};

/// How thoroughly a power cut in the midst of a recovery is tried.
const IN_RECOVERY: Depth = Depth { full: 64, pairs_among: 0, drawn: 8, tears: 0 };

/// Recovers disks, and says what came of it.
pub(super) struct Recovery<'a> {
    pub(super) config: &'a StoreConfig,
    pub(super) expected: &'a Expected,
}

impl Recovery<'_> {
    /// Recovers a disk, looks through it, and leaves it as a process that dies then.
    pub(super) fn once(&self, disk: Platters) -> Result<(Verdict, Platters), Trouble> {
        let work = || {
            let stage = Stage::new(disk);
            let (store, opened) = open(&stage, self.config)?;
            let verdict = look((&store, &opened, &stage), self.expected)?;
            drop(store);
            Ok((verdict, stage.platters()))
        };
        caught(work)
    }

    /// Recovers a disk; then once more after the process died, and after the power was cut.
    pub(super) fn again(&self, disk: Platters) -> Result<(Verdict, Platters), Trouble> {
        let (verdict, left) = self.once(disk)?;
        self.same(verdict, left.clone(), "a second start")?;
        let mut stakes = Stakes::of(&left);
        let lost = vec![0; stakes.len()];
        let cut = stakes.disk(&lost);
        let what = "a start after the power was cut behind the first";
        let (again, _) = self.once(cut).map_err(|trouble| trouble.after(what))?;
        // A table that was just being saved when the process died may be lost with the power.
        let saved = self.expected.before.table..=verdict.table;
        let due = Verdict { table: again.table, ..verdict };
        if again != due || !saved.contains(&again.table) {
            return Err(Trouble::from(format!("{what} finds {again:?}, not {verdict:?}")));
        }
        Ok((verdict, left))
    }

    fn same(&self, verdict: Verdict, disk: Platters, what: &str) -> Result<(), Trouble> {
        let (again, _) = self.once(disk).map_err(|trouble| trouble.after(what))?;
        if again != verdict {
            return Err(Trouble::from(format!("{what} finds {again:?}, not {verdict:?}")));
        }
        Ok(())
    }

    /// Goes on working with what a recovery left: one more message, a clean stop, and a start.
    pub(super) fn goes_on(&self, verdict: Verdict, left: Platters) -> Result<(), Trouble> {
        caught(|| {
            let stage = Stage::new(left);
            let (mut store, _) = open(&stage, self.config)?;
            let letter = Letter { queue: Recipient::Lasting(0), body_bytes: 40 };
            let (key, message) = message(letter, 1 << 40);
            let appended = store.append(beginning(), &message);
            let appended = appended.map_err(Trouble::new("takes no message any more"))?;
            let bytes = store.read(appended.physical_offset, appended.size);
            let bytes = bytes.map_err(Trouble::new("cannot read a new message"))?;
            wait(store.close(), || {}).map_err(Trouble::new("cannot be closed any more"))?;

            let (queue, offset) = (letter.queue, appended.queue_offset);
            let (start, end) = (appended.physical_offset, appended.end());
            let kept = self.expected.sent.iter().filter(|sent| sent.end <= verdict.end);
            let new = Sent { queue, offset, start, end, key, bytes, life: 0 };
            let sent = kept.cloned().chain([new]).collect::<Vec<_>>().into();
            let expected = Expected { sent, ..self.expected.clone() };
            let (store, opened) = open(&stage, self.config)?;
            let again = look((&store, &opened, &stage), &expected)?;
            let due = Verdict { end, next: verdict.next + 1, ..verdict };
            if again != due || opened.crashed || opened.cut.is_some() {
                let words = format!("one more message for {LASTING}, {opened:?}: {again:?}");
                return Err(Trouble::from(format!("{words} instead of {due:?}")));
            }
            Ok(())
        })
        .map_err(|trouble| trouble.after("going on after a recovery"))
    }

    /// Cuts the power at every point of a recovery. Gives how many states were recovered.
    pub(super) fn interrupted(
        &self,
        verdict: Verdict,
        disk: Platters,
        draw: &mut Draw,
    ) -> Result<u64, Trouble> {
        let stage = Stage::new(disk);
        stage.record();
        drop(caught(|| open(&stage, self.config))?);
        let mut seen = std::collections::BTreeSet::new();
        for effect in stage.take_effects() {
            let mut stakes = Stakes::of(&effect.after);
            let mut ways = Vec::new();
            stakes.each(IN_RECOVERY, draw, &mut |way| ways.push(way.to_vec()));
            for ways in ways {
                if seen.insert(stakes.hash(&ways)) {
                    let what = format!("a recovery interrupted after `{}`", effect.words);
                    self.same(verdict, stakes.disk(&ways), &what)?;
                }
            }
        }
        Ok(seen.len() as u64)
    }
}

/// A panic is a finding like any other.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => outcome,
        Err(payload) => Err(Trouble::from(format!("panic: {}", text_of(&*payload)))),
    }
}
