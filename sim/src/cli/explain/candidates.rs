//! The moments of a run after which another future can begin.

use std::collections::BTreeMap;

use checkers::{History, Moment, Violation};
use reports::Event;

use crate::{Kind, Played, Seen};

/// So many faults are looked at before the search begins.
const LANDMARKS_MAX: usize = 8;

/// What a product says is worth so much, if it is said by a node of the violation.
const SAID: u8 = 2;

/// What a product says is cut off after so many letters.
const LETTERS_MAX: usize = 140;

/// What a power cut took from a disk of the violation.
const LOST: u8 = 3;

/// A moment after which another future can begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The first nanosecond that is not the plan's own.
    pub(super) at_ns: u64,
    /// The most telling event just before it; `None` at the beginning.
    pub(super) after: Option<Event>,
    /// Whether a fault struck there.
    is_fault: bool,
}

/// What the world saw itself: the node, and what happened there.
pub(super) fn told(played: &Played) -> Vec<(String, Event)> {
    let names = played.plan.node_names();
    let name = |node: u32| {
        let place = usize::try_from(node).ok().and_then(|node| node.checked_sub(1));
        place.and_then(|place| names.get(place)).copied()
    };
    let event = |seen: &Seen| {
        let node = name(seen.node)?;
        let (weight, words) = words(seen)?;
        let words = format!("{node}: {words}");
        Some((node.to_owned(), Event { at: Moment(seen.at / 1000), words, weight }))
    };
    played.story.0.iter().filter_map(event).collect()
}

/// Events that a history does not have, and how much they say.
fn words(seen: &Seen) -> Option<(u8, String)> {
    let mut text: String = seen.text.chars().take(LETTERS_MAX).collect();
    if text.len() < seen.text.len() {
        text.push_str(" ...");
    }
    match seen.kind {
        Kind::Said if text.starts_with("WARN") || text.starts_with("ERROR") => Some((SAID, text)),
        Kind::Fault => Some((LOST, text)),
        Kind::Said | Kind::Note | Kind::Probe if !text.is_empty() => Some((0, text)),
        Kind::Connect => Some((0, "connects".to_owned())),
        Kind::Death => Some((0, format!("ends: {text}"))),
        _ => None,
    }
}

/// All moments in their order, from the beginning to the end.
pub(super) fn of(
    history: &History,
    violation: &Violation,
    extra: &[(String, Event)],
) -> Vec<Candidate> {
    let mut moments: BTreeMap<u64, Event> = BTreeMap::new();
    for event in reports::events(history, violation, extra) {
        // A history counts microseconds: all that happened in this one stays.
        let known = moments.entry((event.at.0 + 1) * 1000).or_insert_with(|| event.clone());
        if known.weight < event.weight {
            *known = event;
        }
    }
    let faults: Vec<u64> = history.faults.iter().map(|fault| (fault.at.0 + 1) * 1000).collect();
    let start = Candidate { at_ns: 0, after: None, is_fault: false };
    let others = moments.into_iter().map(|(at_ns, event)| Candidate {
        at_ns,
        after: Some(event),
        is_fault: faults.contains(&at_ns),
    });
    std::iter::once(start).chain(others).collect()
}

/// Places to look at first: the beginning, and faults, because a moment before a fault is one
/// without it.
pub(super) fn landmarks(moments: &[Candidate]) -> Vec<usize> {
    let faults: Vec<usize> =
        (0..).zip(moments).filter(|(_, one)| one.is_fault).map(|(place, _)| place).collect();
    let step = faults.len().div_ceil(LANDMARKS_MAX).max(1);
    // The last fault is always among them: seen from the end.
    let mut places: Vec<usize> = faults.iter().rev().step_by(step).copied().collect();
    places.push(0);
    places.reverse();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(at_ns: u64, is_fault: bool) -> Candidate {
        Candidate { at_ns, after: None, is_fault }
    }

    #[test]
    fn the_beginning_and_the_last_fault_are_landmarks_and_not_too_many() {
        let moments: Vec<Candidate> = (0..100).map(|at| moment(at, 0 < at)).collect();
        let places = landmarks(&moments);
        assert!(places.is_sorted() && places.len() <= LANDMARKS_MAX + 1, "{places:?}");
        assert_eq!((places.first(), places.last()), (Some(&0), Some(&99)));
        assert_eq!(landmarks(&moments[..1]), [0]);
    }
}
