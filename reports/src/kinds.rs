//! Failures that say the same but for numbers and names, as one kind.

use std::collections::BTreeMap;

use crate::sweep::{SeedResult, Sweep};

/// Failures of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureKind<'a> {
    /// What they say, with `#` for numbers and `*` for what tells one node from another.
    pub signature: String,
    /// The seeds that show it.
    pub seeds: Vec<u64>,
    /// The one that is played quickest.
    pub example: &'a SeedResult,
}

impl Sweep {
    /// The failures by kind, the most frequent first. A run counts for what it says first.
    #[must_use]
    pub fn kinds(&self) -> Vec<FailureKind<'_>> {
        let mut kinds: BTreeMap<(u8, String), FailureKind<'_>> = BTreeMap::new();
        for result in self.seeds.values().filter(|one| one.exit_code != 0) {
            let signature = signature(result.first_words());
            let kind = kinds.entry((result.exit_code, signature.clone())).or_insert(FailureKind {
                signature,
                seeds: Vec::new(),
                example: result,
            });
            kind.seeds.push(result.seed);
            if (result.waited_ms, result.seed) < (kind.example.waited_ms, kind.example.seed) {
                kind.example = result;
            }
        }
        let mut kinds: Vec<_> = kinds.into_values().collect();
        // Stable: of two that are as frequent, broken promises come before failed runs.
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.seeds.len()));
        kinds
    }
}

impl SeedResult {
    /// What it says first: the first broken promise, or what made the run fail.
    #[must_use]
    pub fn first_words(&self) -> &str {
        let first = self.violations.first().or_else(|| self.troubles.first());
        first.map_or("no words", String::as_str)
    }
}

/// Words without what differs from run to run. The name of the checker stays as it is.
fn signature(words: &str) -> String {
    let mut parts = words.split(' ');
    let checker = parts.next().unwrap_or_default().to_owned();
    parts.fold(checker, |text, part| text + " " + &without_names(part))
}

fn without_names(word: &str) -> String {
    let mut text = String::new();
    let mut rest = word.chars().peekable();
    while let Some(one) = rest.next() {
        if one.is_ascii_digit() {
            while rest.next_if(|next| next.is_ascii_digit() || *next == '.').is_some() {}
            text.push('#');
        } else if one == '-' && !text.is_empty() {
            // broker-a, consumer-3
            while rest.next_if(char::is_ascii_alphanumeric).is_some() {}
            text.push_str("-*");
        } else {
            text.push(one);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(seed: u64, waited_ms: u64, words: &str) -> SeedResult {
        let mut result = SeedResult::failed(seed, "mixed", String::new());
        result.exit_code = 1;
        result.waited_ms = waited_ms;
        result.violations = vec![words.to_owned()];
        result
    }

    #[test]
    fn numbers_and_nodes_make_no_difference() {
        let one = signature("C17 broker-a deleted the segment at 143360 at 17.034 s");
        assert_eq!(one, "C17 broker-* deleted the segment at # at # s");
        assert_eq!(one, signature("C17 broker-c deleted the segment at 1 at 2.1 s"));
        assert_ne!(one, signature("C16 broker-c deleted the segment at 1 at 2.1 s"));
    }

    #[test]
    fn failures_are_grouped_and_the_quickest_stands_for_its_kind() {
        let mut sweep = Sweep::default();
        sweep.add(broken(1, 900, "L2 at the end nobody of group ledger holds queue 2 on broker-b"));
        sweep.add(broken(2, 100, "C04 message M5 is missing"));
        sweep.add(broken(3, 200, "L2 at the end nobody of group ledger holds queue 7 on broker-a"));
        let kinds = sweep.kinds();
        assert_eq!(kinds.len(), 2);
        assert_eq!((kinds[0].seeds.as_slice(), kinds[0].example.seed), ([1, 3].as_slice(), 3));
        assert_eq!(kinds[1].seeds, [2]);
    }
}
