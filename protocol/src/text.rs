//! Text that shares its memory: a slice of the frame it came in, or a constant of ours.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    ops::Deref,
};

use bytes::Bytes;
use bytestring::ByteString;

use crate::known::known;

/// UTF-8 text that is cheap to clone.
///
/// A `Text` read from a frame is a view into that frame: it costs no copy, and it keeps the whole
/// frame in memory for as long as it lives. Whoever stores one for longer than the request (a topic
/// name in a table, say) stores [`Text::detached`].
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(ByteString);

/// A whole number in decimal digits, without memory of its own: the longest has a sign and 19.
pub(crate) struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    pub(crate) fn of(value: i64) -> Self {
        let mut digits = [0; 20];
        let mut start = digits.len();
        let mut left = value.unsigned_abs();
        loop {
            start -= 1;
            let [.., digit] = (left % 10).to_be_bytes();
            digits[start] = b'0' + digit;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        if value < 0 {
            start -= 1;
            digits[start] = b'-';
        }
        Self { digits, start }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.digits[self.start..]
    }

    pub(crate) fn text(&self) -> Text {
        let text = str::from_utf8(self.as_bytes()).unwrap_or_default();
        known(text).unwrap_or_else(|| Text::from(text))
    }
}

/// Bytes that should have been UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not UTF-8 from byte {at} of {bytes}")]
pub struct NotUtf8 {
    /// The first byte that is not part of a valid character.
    pub at: usize,
    /// How many bytes were to be read.
    pub bytes: usize,
}

impl Text {
    /// No characters.
    pub const EMPTY: Self = Self(ByteString::new());

    /// Text of the program itself: no memory, no count of references.
    pub const fn from_static(text: &'static str) -> Self {
        Self(ByteString::from_static(text))
    }

    /// A view of `bytes`, which are checked once, here.
    pub fn from_utf8(bytes: Bytes) -> Result<Self, NotUtf8> {
        let length = bytes.len();
        ByteString::try_from(bytes)
            .map(Self)
            .map_err(|wrong| NotUtf8 { at: wrong.valid_up_to(), bytes: length })
    }

    /// A view of a part of this text.
    ///
    /// # Panics
    /// When `part` is not a slice of this very text.
    pub fn slice_ref(&self, part: &str) -> Self {
        if part.is_empty() { Self::EMPTY } else { Self(self.0.slice_ref(part)) }
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes, sharing memory.
    pub fn as_bytes(&self) -> &Bytes {
        self.0.as_bytes()
    }

    /// The bytes, sharing memory.
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }

    /// A copy that keeps nothing else in memory, for texts that outlive their frame.
    pub fn detached(&self) -> Self {
        Self::from(self.as_str())
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        if text.is_empty() { Self::EMPTY } else { Self(ByteString::from(text)) }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(ByteString::from(text))
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Cow<'_, str>> for Text {
    fn from(text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::from(text),
            Cow::Owned(text) => Self::from(text),
        }
    }
}

impl From<&Self> for Text {
    fn from(text: &Self) -> Self {
        text.clone()
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.as_str().to_owned()
    }
}

impl From<Text> for Bytes {
    fn from(text: Text) -> Self {
        text.into_bytes()
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Text {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<Text> for str {
    fn eq(&self, other: &Text) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<Text> for &str {
    fn eq(&self, other: &Text) -> bool {
        *self == other.as_str()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl FromIterator<char> for Text {
    fn from_iter<I: IntoIterator<Item = char>>(characters: I) -> Self {
        Self::from(characters.into_iter().collect::<String>())
    }
}

impl serde::Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_shares_the_memory_of_its_frame_and_a_detached_text_does_not() {
        let frame = Text::from_utf8(Bytes::from_static(b"GoldenTopic, queue 3")).unwrap();
        let topic = frame.slice_ref(&frame[..11]);
        assert_eq!(topic, "GoldenTopic");
        assert_eq!(topic.as_ptr(), frame.as_ptr());
        assert_ne!(topic.detached().as_ptr(), frame.as_ptr());
        assert_eq!(topic.detached(), topic);
    }

    #[test]
    fn bytes_that_are_not_utf8_say_where() {
        let wrong = Text::from_utf8(Bytes::from_static(b"ab\xff\xfe")).unwrap_err();
        assert_eq!(wrong, NotUtf8 { at: 2, bytes: 4 });
    }

    #[test]
    fn a_table_keyed_by_text_is_asked_with_plain_str() {
        let mut table = std::collections::BTreeMap::new();
        table.insert(Text::from("orders"), 1);
        assert_eq!(table.get("orders"), Some(&1));
    }
}
