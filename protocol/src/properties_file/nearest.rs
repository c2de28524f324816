//! The known key that somebody most likely meant.

/// Longer words are no slip of anything.
const LETTERS_MAX: usize = 64;

/// The candidate with the smallest edit distance to `wanted`, if it is near enough to be a slip:
/// at most a third of the letters wrong. Case is ignored; the first of equals wins.
#[must_use]
pub fn nearest<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A word of a megabyte would cost a megabyte of work per candidate.
    let letters = wanted.chars().take(LETTERS_MAX + 1).count();
    if LETTERS_MAX < letters {
        return None;
    }
    let limit = (letters / 3).max(1);
    candidates
        .map(|candidate| (distance(wanted, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters to insert, drop or change to turn one word into the other.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().flat_map(char::to_lowercase).collect();
    let mut row: Vec<usize> = (0..=left.len()).collect();
    for (done, letter) in right.chars().flat_map(char::to_lowercase).enumerate() {
        let mut diagonal = done;
        let mut before = done + 1;
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (own, cell) in left.iter().zip(row.iter_mut().skip(1)) {
            let changed = diagonal + usize::from(*own != letter);
            diagonal = *cell;
            *cell = changed.min(before + 1).min(diagonal + 1);
            before = *cell;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        assert_eq!(0, distance("listenPort", "listenport"));
        assert_eq!(1, distance("listenPort", "listenPrt"));
        assert_eq!(3, distance("kitten", "sitting"));
        assert_eq!(4, distance("", "four"));
    }

    #[test]
    fn a_slip_finds_its_key_and_nonsense_finds_none() {
        let keys = ["brokerName", "brokerIP1", "namesrvAddr", "listenPort"];
        assert_eq!(Some("namesrvAddr"), nearest("namesrvAdr", keys.into_iter()));
        assert_eq!(Some("listenPort"), nearest("listenport", keys.into_iter()));
        assert_eq!(None, nearest("zzzzzzzz", keys.into_iter()));
        assert_eq!(None, nearest(&"listenPort".repeat(1 << 20), keys.into_iter()));
    }
}
