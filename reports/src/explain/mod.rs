//! Why a run broke a promise: the promise, the events that have to do with it, and the point of
//! no return, in at most [`LINES_MAX`] lines.

mod concern;
mod events;
mod outlook;
mod store;
#[cfg(test)]
mod tests;

use checkers::{Findings, Violation};
use serde_json::{Value, json};

pub use events::{Event, events};
pub use outlook::{Outlook, Prospect};

use crate::{run::RunSummary, traffic::plural};

/// An explanation never has more lines than this.
pub const LINES_MAX: usize = 40;

/// A broken promise, with all that is known about how it came to be.
#[derive(Clone, Debug)]
pub struct Explanation<'a> {
    /// The run.
    pub run: &'a RunSummary<'a>,
    /// The broken promise.
    pub violation: &'a Violation,
    /// What the world saw beside the history: the node, and what happened there.
    pub told: &'a [(String, Event)],
    /// What other futures brought.
    pub prospect: &'a Prospect,
}

impl Explanation<'_> {
    /// The story, ending with the point of no return.
    #[must_use]
    pub fn text(&self) -> String {
        let head = self.head();
        let tail = self.prospect.lines(self.violation.checker, self.run.replay);
        // The headings and empty lines between the parts, and what says how much is left out.
        let room = LINES_MAX.saturating_sub(head.len() + tail.len() + 4);
        let (chain, left_out) = self.chain(room);
        let mut lines = head;
        lines.extend([String::new(), "What led to it".to_owned()]);
        lines.extend(chain.iter().map(|event| self.line(event)));
        if 0 < left_out {
            let what = plural(left_out, "more event");
            lines.push(format!("{:>14}  and {what} of the same messages, queues and nodes", ""));
        }
        lines.push(String::new());
        lines.extend(tail);
        // What comes from outside may hold line breaks; the limit counts what is seen.
        let lines: Vec<String> = lines.iter().map(|line| line.replace(['\n', '\r'], " ")).collect();
        lines.join("\n") + "\n"
    }

    /// The same for programs, with every moment that was looked at.
    #[must_use]
    pub fn json(&self) -> String {
        let (run, violation) = (self.run, self.violation);
        let event = |event: &Event| json!({ "at_us": event.at.0, "words": event.words });
        let (chain, left_out) = self.chain(usize::MAX);
        let findings = self.findings();
        let value: Value = json!({
            "seed": run.seed,
            "scenario": run.scenario,
            "trace_hash": format!("{:016x}", run.trace_hash),
            "replay": run.replay,
            "checker": violation.checker,
            "title": findings.map(|one| one.title),
            "promise": findings.map(|one| one.promise),
            "violation": { "at_us": violation.at.0, "words": violation.words },
            "chain": chain.iter().map(event).collect::<Vec<_>>(),
            "left_out": left_out,
            "no_return": self.prospect.json(),
        });
        serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
    }

    fn findings(&self) -> Option<&Findings> {
        self.run.verdict.findings.iter().find(|one| one.checker == self.violation.checker)
    }

    fn head(&self) -> Vec<String> {
        let (run, checker) = (self.run, self.violation.checker);
        let broken = plural(run.verdict.broken(), "promise");
        let title = self.findings().map_or("", |one| one.title);
        vec![
            format!(
                "Seed {} of {}: {broken} broken, the first to explain: {checker}",
                run.seed, run.scenario
            ),
            format!("Promised  {title}: {}", self.findings().map_or("", |one| one.promise)),
            format!("Found     {}", self.violation.words),
        ]
    }

    fn line(&self, event: &Event) -> String {
        let is_point = self.prospect.point_event().is_some_and(|point| point == *event);
        let mark = if is_point { '>' } else { ' ' };
        format!("{mark} {:>12}  {}", event.at.to_string(), event.words)
    }

    /// At most `room` of the events that concern the violation, in the order of time: those that
    /// have most to do with it, and of equals those nearest to it. And how many are left out.
    fn chain(&self, room: usize) -> (Vec<Event>, u64) {
        let mut all = events(self.run.history, self.violation, self.told);
        all.retain(|event| 0 < event.weight);
        if let Some(point) = self.prospect.point_event() {
            all.retain(|event| *event != point);
            all.push(Event { weight: u8::MAX, ..point });
        }
        // Of two that happened at once, the one that was told first stays the first.
        all.sort_by_key(|event| event.at);
        let mut all: Vec<(usize, Event)> = all.into_iter().enumerate().collect();
        let at = self.violation.at;
        all.sort_by_key(|(_, one)| (std::cmp::Reverse(one.weight), one.at.0.abs_diff(at.0)));
        let left_out = all.len().saturating_sub(room);
        all.truncate(room);
        all.sort_by_key(|(place, _)| *place);
        let mut all: Vec<Event> = all.into_iter().map(|(_, event)| event).collect();
        for event in &mut all {
            // Equal to itself again, so that its line can be marked.
            event.weight = if event.weight == u8::MAX { 0 } else { event.weight };
        }
        (all, u64::try_from(left_out).unwrap_or(u64::MAX))
    }
}
