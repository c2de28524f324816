//! Any JSON as a tree, with the order of its members kept.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{JsonError, Style, read, write};
use crate::Text;

/// Any JSON value.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Boolean(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(Text),
    /// A list.
    List(Vec<Self>),
    /// An object, its members in the order they were written.
    Object(Vec<(Key, Self)>),
}

/// A number: whole if it was written so and fits, else a float.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Without fraction or exponent.
    Whole(i64),
    /// Everything else.
    Decimal(f64),
}

/// The key of a member. fastjson allows more than text.
#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    /// `"name":`
    Text(Text),
    /// `7:`
    Whole(i64),
    /// `{"queueId":0}:`
    Object(Vec<(Self, Value)>),
}

impl Value {
    /// Reads one value that fills the whole text.
    pub fn from_json(text: &[u8]) -> Result<Self, JsonError> {
        read(text)
    }

    /// Writes the value, members in their order.
    pub fn to_json(&self, style: Style) -> Vec<u8> {
        write(self, style)
    }

    /// The member called `name`, if this is an object that has one.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        let is_named = |key: &Key| matches!(key, Key::Text(text) if &**text == name);
        members.iter().rev().find(|(key, _)| is_named(key)).map(|(_, value)| value)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(Number::Whole(value)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(Number::Decimal(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(Text::from(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, pairs: A) -> Result<Value, A::Error> {
        Ok(Value::Object(members(pairs)?))
    }
}

fn members<'de, A: MapAccess<'de>>(mut pairs: A) -> Result<Vec<(Key, Value)>, A::Error> {
    let mut members = Vec::new();
    while let Some(pair) = pairs.next_entry()? {
        members.push(pair);
    }
    Ok(members)
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyKey;

impl<'de> Visitor<'de> for AnyKey {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a whole number or an object as key")
    }

    fn visit_unit<E: Error>(self) -> Result<Key, E> {
        Ok(Key::Text(Text::from("null")))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Key, E> {
        Ok(Key::Text(Text::from(if value { "true" } else { "false" })))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Key, E> {
        Ok(Key::Whole(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Key, E> {
        Ok(Key::Text(Text::from(value)))
    }

    fn visit_map<A: MapAccess<'de>>(self, pairs: A) -> Result<Key, A::Error> {
        Ok(Key::Object(members(pairs)?))
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyKey)
    }
}

fn write_members<S: Serializer>(
    members: &[(Key, Value)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(members.len()))?;
    for (key, value) in members {
        map.serialize_entry(key, value)?;
    }
    map.end()
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Number(Number::Whole(value)) => serializer.serialize_i64(*value),
            Self::Number(Number::Decimal(value)) => serializer.serialize_f64(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => items.serialize(serializer),
            Self::Object(members) => write_members(members, serializer),
        }
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Whole(value) => serializer.serialize_i64(*value),
            Self::Object(members) => write_members(members, serializer),
        }
    }
}
