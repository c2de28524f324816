//! The writer: any `serde` type to text, byte for byte as fastjson writes it.

use serde::Serialize;
use serde::ser::{Error, Impossible, SerializeMap, SerializeSeq, SerializeStruct, Serializer};

use super::error::JsonError;
use super::number::java_double;
use super::quote::{quote, quote_ascii};

/// How to write: see the table in [`crate::json`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether integers as keys stand in quotes.
    quoted_keys: bool,
    /// Whether everything beyond ASCII becomes `\uXXXX`.
    ascii: bool,
    /// Whether every member gets a line of its own.
    lines: bool,
}

impl Style {
    /// Bodies on the wire.
    pub const WIRE: Self = Self { quoted_keys: false, ascii: false, lines: false };
    /// The route answer for those who can read only standard JSON.
    pub const STANDARD: Self = Self { quoted_keys: true, ascii: true, lines: false };
    /// The files under `config/`.
    pub const FILE: Self = Self { quoted_keys: false, ascii: false, lines: true };
}

/// Writes `value`.
///
/// # Panics
///
/// If the type of `value` has no form in RocketMQ's JSON: raw bytes, tuples, variants with data, or
/// a struct whose members are not declared in alphabetical order. All are visible in the source.
pub fn write<T: Serialize + ?Sized>(value: &T, style: Style) -> Vec<u8> {
    let mut writer =
        Writer { out: Vec::with_capacity(128), style, level: 0, in_key: false, flat: false };
    match value.serialize(&mut writer) {
        Ok(()) => writer.out,
        Err(cause) => panic!("{} cannot be written: {cause}", std::any::type_name::<T>()),
    }
}

struct Writer {
    out: Vec<u8>,
    style: Style,
    /// How many objects and lists are open; the indentation of [`Style::FILE`].
    level: usize,
    /// The next value is a key.
    in_key: bool,
    /// Inside a key, which is written without lines.
    flat: bool,
}

impl Writer {
    /// A new line at the present level, if this style has lines.
    fn line(&mut self) {
        if self.style.lines && !self.flat {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + self.level, b'\t');
        }
    }

    fn number(&mut self, text: &str) {
        let quoted = self.in_key && self.style.quoted_keys;
        if quoted {
            self.out.push(b'"');
        }
        self.out.extend_from_slice(text.as_bytes());
        if quoted {
            self.out.push(b'"');
        }
    }

    fn open(&mut self, bracket: u8) -> Open<'_> {
        self.out.push(bracket);
        self.level += 1;
        self.in_key = false;
        let start = self.out.len();
        Open { writer: self, start, member: start, numbers: false, previous: "" }
    }
}

/// An object or list being written.
struct Open<'a> {
    writer: &'a mut Writer,
    /// Where its first member stands.
    start: usize,
    /// Where the member being written began, its comma included.
    member: usize,
    /// A list of numbers stays on one line.
    numbers: bool,
    /// The last name written. Only grows.
    previous: &'static str,
}

impl Open<'_> {
    fn is_empty(&self) -> bool {
        self.writer.out.len() == self.start
    }

    /// The comma and the line before a member.
    fn separate(&mut self) {
        self.member = self.writer.out.len();
        if !self.is_empty() {
            self.writer.out.push(b',');
        }
        self.writer.line();
    }

    /// Writes what follows the key; takes the whole member back if it is null.
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        self.writer.out.push(b':');
        let from = self.writer.out.len();
        value.serialize(&mut *self.writer)?;
        if &self.writer.out[from..] == b"null" {
            self.writer.out.truncate(self.member);
        }
        Ok(())
    }

    fn close(self, bracket: u8) {
        self.writer.level -= 1;
        if !self.is_empty() && !self.numbers {
            self.writer.line();
        }
        self.writer.out.push(bracket);
    }
}

impl SerializeStruct for Open<'_> {
    type Ok = ();
    type Error = JsonError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), JsonError> {
        assert!(
            self.previous < name,
            "members are written in alphabetical order, but `{name}` comes after `{}`",
            self.previous
        );
        self.previous = name;
        self.separate();
        quote(name, &mut self.writer.out);
        self.value(value)
    }

    fn end(self) -> Result<(), JsonError> {
        self.close(b'}');
        Ok(())
    }
}

impl SerializeMap for Open<'_> {
    type Ok = ();
    type Error = JsonError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), JsonError> {
        self.separate();
        let flat = std::mem::replace(&mut self.writer.flat, true);
        self.writer.in_key = true;
        key.serialize(&mut *self.writer)?;
        self.writer.in_key = false;
        self.writer.flat = flat;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        self.value(value)
    }

    fn end(self) -> Result<(), JsonError> {
        self.close(b'}');
        Ok(())
    }
}

impl SerializeSeq for Open<'_> {
    type Ok = ();
    type Error = JsonError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        self.separate();
        let from = self.writer.out.len();
        value.serialize(&mut *self.writer)?;
        // Numbers share a line; whether they are numbers shows only once one is written.
        if matches!(self.writer.out[from], b'0'..=b'9' | b'-') {
            self.numbers = true;
            let comma = usize::from(self.member != self.start);
            self.writer.out.drain(self.member + comma..from);
        }
        Ok(())
    }

    fn end(self) -> Result<(), JsonError> {
        self.close(b']');
        Ok(())
    }
}

fn formless(what: &str) -> JsonError {
    JsonError::custom(format_args!("RocketMQ's JSON has no form for {what}"))
}

impl<'a> Serializer for &'a mut Writer {
    type Ok = ();
    type Error = JsonError;
    type SerializeSeq = Open<'a>;
    type SerializeTuple = Impossible<(), JsonError>;
    type SerializeTupleStruct = Impossible<(), JsonError>;
    type SerializeTupleVariant = Impossible<(), JsonError>;
    type SerializeMap = Open<'a>;
    type SerializeStruct = Open<'a>;
    type SerializeStructVariant = Impossible<(), JsonError>;

    fn serialize_bool(self, value: bool) -> Result<(), JsonError> {
        self.number(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), JsonError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), JsonError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), JsonError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), JsonError> {
        self.number(&value.to_string());
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Result<(), JsonError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), JsonError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), JsonError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), JsonError> {
        self.number(&value.to_string());
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), JsonError> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), JsonError> {
        match java_double(value) {
            Some(text) => self.number(&text),
            None => self.out.extend_from_slice(b"null"),
        }
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), JsonError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), JsonError> {
        if self.style.ascii {
            quote_ascii(text, &mut self.out);
        } else {
            quote(text, &mut self.out);
        }
        Ok(())
    }

    fn serialize_bytes(self, _bytes: &[u8]) -> Result<(), JsonError> {
        Err(formless("raw bytes"))
    }

    fn serialize_none(self) -> Result<(), JsonError> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), JsonError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), JsonError> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), JsonError> {
        self.open(b'{').close(b'}');
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), JsonError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), JsonError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<(), JsonError> {
        Err(formless("a variant with data"))
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Open<'a>, JsonError> {
        Ok(self.open(b'['))
    }

    fn serialize_tuple(self, _length: usize) -> Result<Self::SerializeTuple, JsonError> {
        Err(formless("a tuple"))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleStruct, JsonError> {
        Err(formless("a tuple"))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleVariant, JsonError> {
        Err(formless("a variant with data"))
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Open<'a>, JsonError> {
        Ok(self.open(b'{'))
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Open<'a>, JsonError> {
        Ok(self.open(b'{'))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeStructVariant, JsonError> {
        Err(formless("a variant with data"))
    }
}
