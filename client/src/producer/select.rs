//! Choosing a queue.

use protocol::{Text, properties::java_hash};
use runtime::Monotonic;

use crate::{MessageQueue, faults::Faults};

/// The queue a key belongs to, as `SelectMessageQueueByHash` finds it.
pub(super) fn by_hash<'a>(queues: &'a [MessageQueue], key: &str) -> Option<&'a MessageQueue> {
    let count = i64::try_from(queues.len()).ok().filter(|&count| 0 < count)?;
    let index = (i64::from(java_hash(key)) % count).unsigned_abs();
    queues.get(usize::try_from(index).ok()?)
}

/// The first queue from `turn` on that suits, and how many were passed over.
///
/// Best is one that is not being avoided and not on the broker that just failed; then one on
/// another broker that answered at all; then one on another broker; then any.
///
/// # Panics
/// Without any queue.
pub(super) fn in_turn<'a>(
    queues: &'a [MessageQueue],
    turn: usize,
    last: Option<&Text>,
    faults: &Faults,
    now: Monotonic,
) -> (&'a MessageQueue, usize) {
    assert!(!queues.is_empty(), "a topic without queues is refused before");
    let candidate = |skipped: usize| {
        let index = turn.wrapping_add(skipped) % queues.len();
        queues.get(index).map(|queue| (queue, skipped))
    };
    let other = |queue: &MessageQueue| last != Some(&queue.broker_name);
    let available = |queue: &MessageQueue| faults.is_available(now, &queue.broker_name);
    let reachable = |queue: &MessageQueue| faults.is_reachable(&queue.broker_name);
    let find = |suits: &dyn Fn(&MessageQueue) -> bool| {
        (0..queues.len()).filter_map(candidate).find(|(queue, _)| suits(queue))
    };
    find(&|queue| other(queue) && available(queue))
        .or_else(|| find(&|queue| other(queue) && reachable(queue)))
        .or_else(|| find(&other))
        .or_else(|| candidate(0))
        .unwrap_or((&queues[0], 0))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::faults::Seen;

    fn queues() -> Vec<MessageQueue> {
        ["a", "a", "b", "b"]
            .iter()
            .zip([0, 1, 0, 1])
            .map(|(broker, id)| MessageQueue::new("t", *broker, id))
            .collect()
    }

    fn pick(turn: usize, last: Option<&str>, faults: &Faults) -> (String, usize) {
        let queues = queues();
        let last = last.map(Text::from);
        let (queue, skipped) = in_turn(&queues, turn, last.as_ref(), faults, Monotonic(0));
        (format!("{}{}", queue.broker_name, queue.queue_id), skipped)
    }

    #[test]
    fn queues_take_turns() {
        let faults = Faults::default();
        let picked: Vec<String> = (0..5).map(|turn| pick(turn, None, &faults).0).collect();
        assert_eq!(picked, ["a0", "a1", "b0", "b1", "a0"]);
        assert_eq!(pick(usize::MAX, None, &faults).1, 0);
    }

    #[test]
    fn the_broker_that_failed_is_not_next_when_there_is_another() {
        let faults = Faults::default();
        assert_eq!(pick(0, Some("a"), &faults), ("b0".to_owned(), 2));
        assert_eq!(pick(3, Some("b"), &faults), ("a0".to_owned(), 1));
        let alone = [MessageQueue::new("t", "a", 0)];
        let last = Text::from("a");
        let (queue, _) = in_turn(&alone, 9, Some(&last), &faults, Monotonic(0));
        assert_eq!(queue.broker_name, "a");
    }

    #[test]
    fn a_broker_to_avoid_is_passed_over_until_all_are_to_be_avoided() {
        let mut faults = Faults::new(true);
        faults.note(Monotonic(0), &Text::from("a"), Duration::ZERO, Seen::Refused);
        assert_eq!(pick(0, None, &faults).0, "b0");
        faults.note(Monotonic(0), &Text::from("b"), Duration::ZERO, Seen::Silent);
        assert_eq!(pick(2, None, &faults).0, "a0", "one that answered rather than a silent one");
        assert_eq!(pick(0, Some("a"), &faults).0, "b0", "any other rather than the same");
    }

    #[test]
    fn a_key_belongs_to_the_queue_java_would_give_it() {
        let queues = queues();
        let of =
            |key: &str| by_hash(&queues, key).map(|q| format!("{}{}", q.broker_name, q.queue_id));
        assert_eq!(of("").unwrap(), "a0");
        assert_eq!(of("a").unwrap(), "a1"); // 97 % 4
        assert_eq!(of("polygenelubricants").unwrap(), "a0"); // Integer.MIN_VALUE
        assert_eq!(by_hash(&[], "a"), None);
    }
}
