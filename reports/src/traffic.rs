//! How much of what went through a run.

use checkers::{Consumed, History, Outcome};
use serde::{Deserialize, Serialize};

/// Counts of a run's sends and deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Calls of send.
    pub sends: u64,
    /// Answered: stored.
    pub acked: u64,
    /// Answered: not stored.
    pub refused: u64,
    /// Never left the client.
    pub never_sent: u64,
    /// Nobody knows.
    pub unknown: u64,
    /// Messages given to listeners.
    pub deliveries: u64,
    /// Of those, consumed.
    pub consumed: u64,
    /// Of those, to be delivered again.
    pub failed: u64,
    /// Pulls by applications.
    pub pulls: u64,
    /// Changes of shares.
    pub rebalances: u64,
    /// Records in all queues at the end.
    pub stored: u64,
}

impl Traffic {
    /// Counts a history.
    #[must_use]
    pub fn of(history: &History) -> Self {
        let mut traffic = Self {
            sends: count(history.sends.len()),
            deliveries: count(history.deliveries.len()),
            pulls: count(history.pulls.len()),
            rebalances: count(history.rebalances.len()),
            stored: history.queue_ends.iter().map(|end| count(end.records.len())).sum(),
            ..Self::default()
        };
        for send in &history.sends {
            *match send.outcome {
                Outcome::Acked { .. } => &mut traffic.acked,
                Outcome::Refused { .. } => &mut traffic.refused,
                Outcome::NeverSent => &mut traffic.never_sent,
                Outcome::Unknown => &mut traffic.unknown,
            } += 1;
        }
        for one in &history.deliveries {
            match one.consumed {
                Some(Consumed::Success) => traffic.consumed += 1,
                Some(Consumed::Later) => traffic.failed += 1,
                None => {}
            }
        }
        traffic
    }
}

/// A length as a number that is written.
pub(crate) fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// A number with commas: `12,345`.
#[must_use]
pub(crate) fn commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place != 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Milliseconds as seconds: `12.3 s`.
#[must_use]
pub fn seconds(ms: u64) -> String {
    format!("{}.{} s", commas(ms / 1_000), ms / 100 % 10)
}

/// `1 broker`, `2 brokers`.
#[must_use]
pub(crate) fn plural(number: u64, word: &str) -> String {
    format!("{} {word}{}", commas(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!((commas(0), commas(999), commas(1_234_567)).2, "1,234,567");
        assert_eq!((seconds(12_345), seconds(1_000_000)).1, "1,000.0 s");
        assert_eq!((plural(1, "broker"), plural(2_000, "broker")).1, "2,000 brokers");
    }
}
