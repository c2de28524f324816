//! The items of a list and the members of an object, one at a time.

use serde::de::{DeserializeSeed, MapAccess, SeqAccess};

use super::{JsonError, Reader};

/// What is left of a list.
pub(super) struct Items<'a, 'de> {
    reader: &'a mut Reader<'de>,
    first: bool,
    left: Left,
}

/// Where the next item comes from.
enum Left {
    /// From a list that is open.
    Open,
    /// A single value stands where a list was wanted.
    Single,
    Nothing,
}

impl<'a, 'de> Items<'a, 'de> {
    pub(super) fn new(reader: &'a mut Reader<'de>) -> Self {
        Self { reader, first: true, left: Left::Open }
    }

    pub(super) fn single(reader: &'a mut Reader<'de>) -> Self {
        Self { reader, first: true, left: Left::Single }
    }

    pub(super) fn none(reader: &'a mut Reader<'de>) -> Self {
        Self { reader, first: true, left: Left::Nothing }
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = JsonError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, JsonError> {
        match self.left {
            Left::Nothing => return Ok(None),
            Left::Single => self.left = Left::Nothing,
            Left::Open => {
                if !self.reader.another(b']', &mut self.first)? {
                    self.left = Left::Nothing;
                    return Ok(None);
                }
            }
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

/// What is left of an object.
pub(super) struct Pairs<'a, 'de> {
    reader: &'a mut Reader<'de>,
    first: bool,
    open: bool,
    /// Where the text of the last key stands; an error in its value names it.
    key: std::ops::Range<usize>,
}

impl<'a, 'de> Pairs<'a, 'de> {
    pub(super) fn new(reader: &'a mut Reader<'de>) -> Self {
        Self { reader, first: true, open: true, key: 0..0 }
    }

    pub(super) fn none(reader: &'a mut Reader<'de>) -> Self {
        Self { reader, first: true, open: false, key: 0..0 }
    }
}

impl<'de> MapAccess<'de> for Pairs<'_, 'de> {
    type Error = JsonError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, JsonError> {
        if !self.open || !self.reader.another(b'}', &mut self.first)? {
            self.open = false;
            return Ok(None);
        }
        let start = self.reader.at;
        self.reader.in_key = true;
        let key = seed.deserialize(&mut *self.reader)?;
        self.reader.in_key = false;
        self.key = start..self.reader.at;
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, JsonError> {
        self.reader.take_colon()?;
        seed.deserialize(&mut *self.reader).map_err(|mut cause| {
            if cause.at_bytes == 0 {
                cause.at_bytes = self.reader.at;
            }
            cause.within(self.reader.text[self.key.clone()].trim_matches(['"', '\'']))
        })
    }
}
