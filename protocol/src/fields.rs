//! The header fields of a command: a small ordered table of text.
//!
//! Java holds them in a HashMap named `extFields`, so their order on the wire has no meaning. We
//! keep the order in which they came or were set: what was decoded is encoded to the same bytes.
//! A name that comes twice keeps its first place and its last value.

use crate::Text;

/// Named texts, at most a few dozen, looked up by walking them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(Text, Text)>);

impl Fields {
    /// No fields.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// No fields yet, room for `count`.
    pub fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    /// Fields whose names the caller knows to be distinct.
    pub(crate) const fn from_distinct(pairs: Vec<(Text, Text)>) -> Self {
        Self(pairs)
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&Text> {
        self.0.iter().find(|(each, _)| each.as_str() == name).map(|(_, value)| value)
    }

    /// Whether `name` has a value.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Give `name` a value: in its old place when it had one, else at the end.
    pub fn set(&mut self, name: impl Into<Text>, value: impl Into<Text>) {
        let name = name.into();
        let value = value.into();
        match self.0.iter_mut().find(|(each, _)| *each == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// As [`Fields::set`], for the many names of one header: a name that is surely new is not
    /// looked for among the others.
    pub(crate) fn set_quickly(&mut self, name: Text, value: Text, seen: &mut Seen) {
        if seen.is_surely_new(&name) {
            self.0.push((name, value));
        } else {
            self.set(name, value);
        }
    }

    /// The same fields and one more.
    #[must_use]
    pub fn with(mut self, name: impl Into<Text>, value: impl Into<Text>) -> Self {
        self.set(name, value);
        self
    }

    /// Take `name` out.
    pub fn remove(&mut self, name: &str) -> Option<Text> {
        let place = self.0.iter().position(|(each, _)| each.as_str() == name)?;
        Some(self.0.remove(place).1)
    }

    /// Names and values in order.
    pub fn iter(&self) -> std::slice::Iter<'_, (Text, Text)> {
        self.0.iter()
    }

    /// Names and values in order.
    pub(crate) fn as_slice(&self) -> &[(Text, Text)] {
        &self.0
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Which names were seen, roughly: one bit of 64 for each.
#[derive(Debug, Default)]
pub(crate) struct Seen(u64);

impl Seen {
    fn is_surely_new(&mut self, name: &str) -> bool {
        let (first, last) = match name.as_bytes() {
            [] => (0, 0),
            [first, .., last] => (*first, *last),
            [only] => (*only, 0),
        };
        // Where the common headers have their names apart: found by trying.
        let bits = u32::from(first) + 3 * u32::from(last);
        let length = u32::try_from(name.len() & 63).unwrap_or(0);
        let bit = 1u64 << ((bits + 7 * length) & 63);
        let new = self.0 & bit == 0;
        self.0 |= bit;
        new
    }
}

impl From<Vec<(Text, Text)>> for Fields {
    fn from(pairs: Vec<(Text, Text)>) -> Self {
        pairs.into_iter().collect()
    }
}

impl<N: Into<Text>, V: Into<Text>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut fields = Self::new();
        for (name, value) in pairs {
            fields.set(name, value);
        }
        fields
    }
}

impl<N: Into<Text>, V: Into<Text>> Extend<(N, V)> for Fields {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, pairs: I) {
        for (name, value) in pairs {
            self.set(name, value);
        }
    }
}

impl IntoIterator for Fields {
    type Item = (Text, Text);
    type IntoIter = std::vec::IntoIter<(Text, Text)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Fields {
    type Item = &'a (Text, Text);
    type IntoIter = std::slice::Iter<'a, (Text, Text)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_set_twice_keeps_its_place_and_its_last_value() {
        let fields: Fields = [("a", "1"), ("b", "2"), ("a", "3")].into_iter().collect();
        let pairs: Vec<_> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("a", "3"), ("b", "2")]);
    }

    #[test]
    fn a_removed_name_is_gone_and_the_others_stay_in_order() {
        let mut fields: Fields = [("a", "1"), ("b", "2"), ("c", "3")].into_iter().collect();
        assert_eq!(fields.remove("b"), Some(Text::from("2")));
        assert_eq!(fields.remove("b"), None);
        assert_eq!(fields.len(), 2);
        assert_eq!(fields.get("c").map(Text::as_str), Some("3"));
    }
}
