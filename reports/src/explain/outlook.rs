//! What other futures brought, and from when on nothing could help any more.

use checkers::Moment;
use serde_json::{Value, json};

use super::Event;

/// Rows that the text shows of all moments that were looked at.
const ROWS_MAX: usize = 7;

/// Futures that begin after one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// The first moment that is not the plan's own, in nanoseconds.
    pub at_ns: u64,
    /// The last event that is; `None` at the very beginning.
    pub after: Option<Event>,
    /// How many futures broke the promise.
    pub failed: u64,
}

/// What futures brought that began at different moments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prospect {
    /// How many futures began at each moment.
    pub futures: u64,
    /// From how many on a moment is beyond return.
    pub bound: u64,
    /// The moments, in their order. The last one is the end, which is the run itself.
    pub outlooks: Vec<Outlook>,
    /// Position of the point of no return.
    pub point: usize,
    /// How many of as many other futures from there broke the promise.
    pub again: u64,
    /// Futures that did not come to an end by themselves.
    pub lost: u64,
    /// A future that kept the promise, of the last moment that had one: `NANOSECONDS:NUMBER`.
    pub saved: Option<String>,
}

impl Prospect {
    fn at(&self, place: usize) -> Option<&Outlook> {
        self.outlooks.get(place)
    }

    /// The event that nothing could help after.
    pub(super) fn point_event(&self) -> Option<Event> {
        let event = self.at(self.point)?.after.clone()?;
        Some(Event { weight: 0, ..event })
    }

    /// Whether it looked hopeless once and less so later: two moments.
    #[must_use]
    pub fn relief(&self) -> Option<(&Outlook, &Outlook)> {
        let later = self.outlooks.iter().enumerate();
        let mut falls = later.filter_map(|(place, later)| {
            let worst = self.outlooks.get(..place)?.iter().max_by_key(|one| one.failed)?;
            let is_relief = (self.bound <= worst.failed && later.failed < self.bound)
                || self.futures <= 2 * worst.failed.saturating_sub(later.failed);
            is_relief.then_some((worst, later))
        });
        falls.next()
    }

    pub(super) fn lines(&self, checker: &str, replay: &str) -> Vec<String> {
        let mut lines = self.verdict(checker);
        lines.push(format!("Futures that break {checker}, by what they leave as it was:"));
        for place in self.rows() {
            lines.extend(self.at(place).map(|one| self.row(one, place)));
        }
        if let Some((early, late)) = self.relief() {
            lines.push(format!(
                "Not monotone: {} of {} broke it from {} on, {} from {} on.",
                early.failed,
                self.futures,
                precise(early.at_ns),
                late.failed,
                precise(late.at_ns),
            ));
        }
        if 0 < self.lost {
            lines.push(format!("{} futures failed themselves and count as kept.", self.lost));
        }
        if let Some(saved) = &self.saved {
            lines.push(format!("One that keeps it: {replay} --branch {saved}"));
        }
        lines
    }

    fn verdict(&self, checker: &str) -> Vec<String> {
        let (futures, again) = (self.futures, self.again);
        let Some(point) = self.at(self.point) else { return vec![] };
        let failed = point.failed;
        let Some(event) = &point.after else {
            return vec![format!(
                "No point of no return: {failed} of {futures} futures that begin with the run, \
                 without any fault, break {checker}, and {again} of {futures} others."
            )];
        };
        let first = format!("Point of no return: {}, {}", precise(point.at_ns), event.words);
        let second = if self.point + 1 == self.outlooks.len() {
            "Until the very end another future could have kept it.".to_owned()
        } else {
            let sure = if again < self.bound { ": not as sure as it seemed" } else { "" };
            format!(
                "{failed} of {futures} futures that begin after it break {checker}, and {again} of \
                 {futures} others{sure}."
            )
        };
        vec![first, second]
    }

    /// The beginning, the point and its neighbours, and where it changed most.
    fn rows(&self) -> Vec<usize> {
        let mut rows = vec![0, self.point.saturating_sub(1), self.point];
        let change = |place: &usize| {
            let failed = |place: usize| self.at(place).map_or(0, |one| one.failed);
            std::cmp::Reverse(failed(*place).abs_diff(failed(place.saturating_sub(1))))
        };
        let mut others: Vec<usize> = (0..self.outlooks.len()).collect();
        others.sort_by_key(change);
        for other in others {
            if rows.len() < ROWS_MAX && !rows.contains(&other) {
                rows.push(other);
            }
        }
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    fn row(&self, one: &Outlook, place: usize) -> String {
        let after = one.after.as_ref().map_or("nothing: all is drawn anew", |event| &event.words);
        let mark = if place == self.point { '>' } else { ' ' };
        let (at, failed, futures) = (precise(one.at_ns), one.failed, self.futures);
        format!("{mark} {at:>14}  {failed:>3} of {futures}  {after}")
    }

    pub(super) fn json(&self) -> Value {
        let outlook = |one: &Outlook| {
            json!({
                "at_ns": one.at_ns,
                "after": one.after.as_ref().map(|event| &event.words),
                "failed": one.failed,
            })
        };
        let relief = self.relief().map(|(early, late)| json!([early.at_ns, late.at_ns]));
        json!({
            "futures": self.futures,
            "bound": self.bound,
            "point": self.at(self.point).map(outlook),
            "again": self.again,
            "lost": self.lost,
            "saved": self.saved,
            "monotone": relief.is_none(),
            "relief": relief,
            "moments": self.outlooks.iter().map(outlook).collect::<Vec<_>>(),
        })
    }
}

/// Nanoseconds as seconds, to the microsecond.
fn precise(at_ns: u64) -> String {
    let Moment(micros) = Moment(at_ns / 1000);
    format!("{}.{:06} s", micros / 1_000_000, micros % 1_000_000)
}
