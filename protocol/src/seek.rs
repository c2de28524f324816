//! Finding one of a few bytes, eight bytes at a time.
//!
//! A byte of a word is zero where `(word - 0x01..) & !word & 0x80..` has its highest bit set. Bits
//! above the lowest one set may be wrong, because of borrows; the lowest is always right, and it is
//! the only one looked at.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The first place of `wanted`.
pub(crate) fn byte(bytes: &[u8], wanted: u8) -> Option<usize> {
    seek(bytes, |word| is(word, wanted), |byte| byte == wanted)
}

/// The first place of `quote` or of a backslash: where a string's plain part ends.
pub(crate) fn quote_or_escape(bytes: &[u8], quote: u8) -> Option<usize> {
    seek(bytes, |word| is(word, quote) | is(word, b'\\'), |byte| byte == quote || byte == b'\\')
}

/// The first place of a byte that a JSON string cannot hold as it is.
pub(crate) fn unwritable(bytes: &[u8]) -> Option<usize> {
    seek(
        bytes,
        |word| is(word, b'"') | is(word, b'\\') | is_below(word, b' '),
        |byte| byte < b' ' || byte == b'"' || byte == b'\\',
    )
}

/// The highest bit of every byte of `word` that is `wanted`.
fn is(word: u64, wanted: u8) -> u64 {
    let zero_where_wanted = word ^ (ONES * u64::from(wanted));
    zero_where_wanted.wrapping_sub(ONES) & !zero_where_wanted & HIGHS
}

/// The highest bit of every byte of `word` that is less than `least`, which is at most 0x80.
fn is_below(word: u64, least: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(least)) & !word & HIGHS
}

fn seek(bytes: &[u8], marks: impl Fn(u64) -> u64, is: impl Fn(u8) -> bool) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            // At most 7, so it fits.
            let [place, ..] = (marks.trailing_zeros() / 8).to_le_bytes();
            return Some(number * 8 + usize::from(place));
        }
    }
    let start = bytes.len() - rest.len();
    rest.iter().position(|&byte| is(byte)).map(|place| start + place)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_place_is_the_one_that_looking_byte_by_byte_finds(
            bytes in proptest::collection::vec(
                prop_oneof![8 => any::<u8>(), 1 => Just(b'"'), 1 => Just(b'\\'), 1 => 0x1Eu8..0x22],
                0..40,
            ),
        ) {
            let first = |is: &dyn Fn(u8) -> bool| bytes.iter().position(|&byte| is(byte));
            prop_assert_eq!(byte(&bytes, 0x1F), first(&|b| b == 0x1F));
            prop_assert_eq!(quote_or_escape(&bytes, b'"'), first(&|b| b == b'"' || b == b'\\'));
            let unwritable_at = first(&|b| b < b' ' || b == b'"' || b == b'\\');
            prop_assert_eq!(unwritable(&bytes), unwritable_at);
        }
    }
}
