//! The reader: text to any `serde` type, in one pass and without a tree.

mod access;
mod token;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::error::{JsonError, Wrong, shorten};
use access::{Items, Pairs};

/// How deep objects and lists may nest. RocketMQ's deepest body has seven levels.
pub const DEPTH_MAX: u32 = 64;

/// Objects and lists that any text may hold; above it they must be worth their bytes.
const CONTAINERS_FREE: usize = 4096;

/// The bytes that an object or list takes at least, what it holds included, on average. `{}` in a
/// list takes 3 bytes on the wire and two hundred in memory; the shortest honest ones,
/// `"t@g":{0:1},` and `{"CG_req":[]},`, take 12 and twice 7.
const CONTAINER_BYTES: usize = 8;

/// Reads one value that fills the whole text.
pub fn read<'de, T: Deserialize<'de>>(text: &'de [u8]) -> Result<T, JsonError> {
    let text = std::str::from_utf8(text)
        .map_err(|cause| JsonError::new(cause.valid_up_to(), Wrong::NotUtf8))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
        containers: 0,
        containers_max: CONTAINERS_FREE + text.len() / CONTAINER_BYTES,
        in_key: false,
    };
    // What serde itself reports (a wrong shape) does not know where we stand; add it here.
    let placed = |mut cause: JsonError, at| {
        if cause.at_bytes == 0 {
            cause.at_bytes = at;
        }
        cause
    };
    let value = T::deserialize(&mut reader).map_err(|cause| placed(cause, reader.at))?;
    reader.skip_blank()?;
    if reader.at < text.len() {
        return Err(reader.wrong(Wrong::Trailing));
    }
    Ok(value)
}

/// A text and how far it has been read.
struct Reader<'de> {
    text: &'de str,
    /// Grows with every token, never past `text.len()`, always on a character boundary.
    at: usize,
    /// How many objects and lists are open.
    depth: u32,
    /// How many objects and lists were opened. Only grows.
    containers: usize,
    containers_max: usize,
    /// The next value is the key of an object: a bare word is text there.
    in_key: bool,
}

impl<'de> Reader<'de> {
    fn wrong(&self, wrong: Wrong) -> JsonError {
        JsonError::new(self.at, wrong)
    }

    /// Steps into an object or list, past its first character.
    fn enter(&mut self) -> Result<(), JsonError> {
        self.depth += 1;
        if DEPTH_MAX < self.depth {
            return Err(self.wrong(Wrong::TooDeep { limit: DEPTH_MAX }));
        }
        self.containers += 1;
        if self.containers_max < self.containers {
            let (limit, text_bytes) = (self.containers_max, self.text.len());
            return Err(self.wrong(Wrong::TooMany { limit, text_bytes }));
        }
        self.at += 1;
        self.in_key = false;
        Ok(())
    }

    /// Whether one more item follows before `close`; steps past the comma, or past `close`.
    fn another(&mut self, close: u8, first: &mut bool) -> Result<bool, JsonError> {
        self.skip_blank()?;
        if !std::mem::take(first) {
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(byte) if byte == close => {}
                _ => return Err(self.unexpected("a comma or the end of the list")),
            }
            self.skip_blank()?;
        }
        if self.peek() == Some(close) {
            self.at += 1;
            self.depth -= 1;
            return Ok(false);
        }
        Ok(true)
    }

    /// Steps over one value of any kind.
    fn skip_value(&mut self) -> Result<(), JsonError> {
        self.skip_blank()?;
        match self.peek() {
            Some(b'{') => {
                self.enter()?;
                let mut first = true;
                while self.another(b'}', &mut first)? {
                    self.in_key = true;
                    self.skip_value()?;
                    self.in_key = false;
                    self.take_colon()?;
                    self.skip_value()?;
                }
                Ok(())
            }
            Some(b'[') => {
                self.enter()?;
                let mut first = true;
                while self.another(b']', &mut first)? {
                    self.skip_value()?;
                }
                Ok(())
            }
            Some(b'"' | b'\'') => self.take_quoted().map(drop),
            _ if self.in_key => self.take_word().map(drop),
            _ => {
                let word = self.take_word()?;
                if matches!(word, "true" | "false" | "null") || token::is_number(word) {
                    return Ok(());
                }
                Err(self.not_a(word, "a value"))
            }
        }
    }

    fn not_a(&self, found: &str, wanted: &'static str) -> JsonError {
        self.wrong(Wrong::NotA { found: shorten(found), wanted })
    }

    /// An integer, however it was written: `5`, `"5"`, `5.9`, `true`, `""` and `null` are all one.
    fn take_integer(&mut self) -> Result<i64, JsonError> {
        self.skip_blank()?;
        if let Some(b'"' | b'\'') = self.peek() {
            let text = self.take_quoted()?;
            let text = text.trim();
            if text.is_empty() || text == "null" {
                return Ok(0);
            }
            return token::integer(text).ok_or_else(|| self.not_a(text, "a whole number"));
        }
        match self.take_word()? {
            "null" | "false" => Ok(0),
            "true" => Ok(1),
            word => token::integer(word).ok_or_else(|| self.not_a(word, "a whole number")),
        }
    }

    fn take_decimal(&mut self) -> Result<f64, JsonError> {
        self.skip_blank()?;
        if let Some(b'"' | b'\'') = self.peek() {
            let text = self.take_quoted()?;
            let text = text.trim();
            if text.is_empty() || text == "null" {
                return Ok(0.0);
            }
            return token::decimal(text).ok_or_else(|| self.not_a(text, "a number"));
        }
        match self.take_word()? {
            "null" => Ok(0.0),
            word => token::decimal(word).ok_or_else(|| self.not_a(word, "a number")),
        }
    }

    fn take_boolean(&mut self) -> Result<bool, JsonError> {
        self.skip_blank()?;
        let text = match self.peek() {
            Some(b'"' | b'\'') => self.take_quoted()?,
            _ => self.take_word()?.into(),
        };
        match &*text {
            "" | "null" | "0" => Ok(false),
            "1" => Ok(true),
            text if text.eq_ignore_ascii_case("true") => Ok(true),
            text if text.eq_ignore_ascii_case("false") => Ok(false),
            text => Err(self.not_a(text, "true or false")),
        }
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = JsonError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.skip_blank()?;
        match self.peek() {
            Some(b'{') => self.deserialize_map(visitor),
            Some(b'[') => self.deserialize_seq(visitor),
            Some(b'"' | b'\'') => self.deserialize_str(visitor),
            _ => {
                let word = self.take_word()?;
                match word {
                    "true" => return visitor.visit_bool(true),
                    "false" => return visitor.visit_bool(false),
                    "null" => return visitor.visit_unit(),
                    _ => {}
                }
                if let Some(integer) = token::whole(word) {
                    return visitor.visit_i64(integer);
                }
                if let Some(decimal) = token::decimal(word) {
                    return visitor.visit_f64(decimal);
                }
                if self.in_key {
                    return visitor.visit_borrowed_str(word);
                }
                Err(self.not_a(word, "a value"))
            }
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        let value = self.take_boolean()?;
        visitor.visit_bool(value)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        let value = self.take_integer()?;
        visitor.visit_i64(value)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        let value = self.take_decimal()?;
        visitor.visit_f64(value)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.skip_blank()?;
        match self.peek() {
            Some(b'"' | b'\'') => match self.take_quoted()? {
                std::borrow::Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                std::borrow::Cow::Owned(text) => visitor.visit_string(text),
            },
            // An object where text is wanted is taken as its own text.
            Some(b'{' | b'[') => {
                let start = self.at;
                self.skip_value()?;
                visitor.visit_borrowed_str(&self.text[start..self.at])
            }
            _ => match self.take_word()? {
                "null" if !self.in_key => visitor.visit_borrowed_str(""),
                word if self.in_key || token::is_number(word) => visitor.visit_borrowed_str(word),
                word @ ("true" | "false") => visitor.visit_borrowed_str(word),
                word => Err(self.not_a(word, "a text")),
            },
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.skip_blank()?;
        if !self.in_key && self.peek() == Some(b'n') {
            return match self.take_word()? {
                "null" => visitor.visit_none(),
                word => Err(self.not_a(word, "a value")),
            };
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.skip_blank()?;
        match self.peek() {
            Some(b'[') => {
                self.enter()?;
                visitor.visit_seq(Items::new(self))
            }
            Some(b'n') => match self.take_word()? {
                "null" => visitor.visit_seq(Items::none(self)),
                word => Err(self.not_a(word, "a list")),
            },
            _ => visitor.visit_seq(Items::single(self)),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.skip_blank()?;
        match self.peek() {
            Some(b'{') => {
                self.enter()?;
                visitor.visit_map(Pairs::new(self))
            }
            Some(b'n') => match self.take_word()? {
                "null" => visitor.visit_map(Pairs::none(self)),
                word => Err(self.not_a(word, "an object")),
            },
            _ => Err(self.unexpected("an object")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        self.skip_blank()?;
        match self.peek() {
            Some(b'"' | b'\'') => {
                let name = self.take_quoted()?;
                visitor.visit_enum(IntoDeserializer::<JsonError>::into_deserializer(&*name))
            }
            _ => Err(self.unexpected("a name in quotes")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.skip_value()?;
        visitor.visit_unit()
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, JsonError> {
        Err(JsonError::custom("no body holds raw bytes"))
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u32 u128 f32 char byte_buf unit unit_struct tuple tuple_struct
    }
}
