//! What is done to a store: a row of operations, drawn from a seed.

use crate::world::Draw;

/// One operation. Everything that it needs to know is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// One message.
    Append(Letter),
    /// Several, all or none.
    Batch(Vec<Letter>),
    /// Several that are written together, as the driver does with all requests of one read.
    Window(Vec<Letter>),
    /// The log is synced; these messages come while it is.
    Sync(Vec<Letter>),
    /// The longer tails of queues are written.
    FlushQueues,
    /// The log is synced; then queues and index, and a checkpoint is written. These messages come
    /// meanwhile.
    Checkpoint(Vec<Letter>),
    /// Segments that have expired are removed, and what speaks of them only.
    Retention,
    /// A table of progress is saved.
    SaveTable,
    /// A topic is removed with its queues.
    DeleteTopic,
    /// The kernel begins to write back, of its own accord.
    Writeback,
    /// A clean stop, and a start.
    CloseAndOpen,
    /// The process dies, and another starts.
    Kill,
    /// The power is cut, anything at risk may go, and a process starts.
    PowerCut,
}

/// A message to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) queue: Recipient,
    pub(super) body_bytes: usize,
}

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Recipient {
    /// One of the queues of the topic that stays.
    Lasting(i32),
    /// The only queue of the topic that is removed now and then.
    Fleeting,
    /// The first half of a transaction, which no queue holds.
    Prepared,
}

/// How often each operation comes.
const WEIGHTS: [u64; 13] = [50, 12, 12, 26, 10, 16, 8, 6, 2, 6, 3, 4, 3];

/// A script of so many operations.
pub(super) fn script(seed: u64, operations: usize) -> Vec<Operation> {
    let mut draw = Draw::derive(seed, "crash script", 0);
    (0..operations).map(|_| operation(&mut draw)).collect()
}

fn operation(draw: &mut Draw) -> Operation {
    match weighted(draw) {
        0 => Operation::Append(letter(draw)),
        1 => Operation::Batch(letters(draw, 2, 4)),
        2 => Operation::Window(letters(draw, 2, 4)),
        3 => Operation::Sync(letters(draw, 0, 2)),
        4 => Operation::FlushQueues,
        5 => Operation::Checkpoint(letters(draw, 0, 2)),
        6 => Operation::Retention,
        7 => Operation::SaveTable,
        8 => Operation::DeleteTopic,
        9 => Operation::Writeback,
        10 => Operation::CloseAndOpen,
        11 => Operation::Kill,
        _ => Operation::PowerCut,
    }
}

fn weighted(draw: &mut Draw) -> usize {
    let mut left = draw.below(WEIGHTS.iter().sum());
    for (place, weight) in WEIGHTS.iter().enumerate() {
        if left < *weight {
            return place;
        }
        left -= weight;
    }
    WEIGHTS.len()
}

fn letters(draw: &mut Draw, least: u64, most: u64) -> Vec<Letter> {
    (0..draw.between(least, most)).map(|_| letter(draw)).collect()
}

fn letter(draw: &mut Draw) -> Letter {
    let queue = match draw.below(10) {
        0 => Recipient::Fleeting,
        1 => Recipient::Prepared,
        _ => Recipient::Lasting(i32::try_from(draw.below(3)).unwrap_or(0)),
    };
    let most = match draw.below(8) {
        // Often the rest of a segment has no room for it.
        0 => 3000,
        1 | 2 => 700,
        _ => 90,
    };
    Letter { queue, body_bytes: draw.index(most) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_scripts_and_every_operation_comes() {
        assert_eq!(script(7, 50), script(7, 50));
        assert_ne!(script(7, 50), script(8, 50));
        let kinds = (0..5).flat_map(|seed| script(seed, 200));
        let kinds: std::collections::BTreeSet<String> = kinds
            .map(|operation| format!("{operation:?}"))
            .map(|words| words.split('(').next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(kinds.len(), WEIGHTS.len(), "{kinds:?}");
    }
}
