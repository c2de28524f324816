//! From named texts to a typed header and back: the one way all requests and responses use.
//!
//! A header is declared once, with [`header!`]: the Rust name of a field, its type, and the name
//! Java gives it on the wire. The type says the rest:
//!
//! ```text
//! a: i32 = "a"          must be there                 always written
//! a: Option<i32> = "a"  may be missing                written when it is there
//! a: i32 = "a" or 7     7 when missing                always written
//! ```
//!
//! Fields that a header does not declare are ignored on reading, as in Java. Booleans are read as
//! Java's `Boolean.parseBoolean` does: `true` in any case is true, anything else false.

use std::cell::Cell;

use crate::{Fields, Text, text::Decimal};

/// How much of an offending value an error repeats.
const SHOWN_CHARS_MAX: usize = 40;

/// A header that does not hold what its code needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// A field that must be there is not.
    #[error("the field {field} of {header} is missing")]
    Missing {
        /// The header, as Java names it.
        header: &'static str,
        /// The field, as Java names it.
        field: &'static str,
    },
    /// A field does not hold what it should.
    #[error("the field {field} of {header} is `{value}`, not {wanted}")]
    NotA {
        /// The header, as Java names it.
        header: &'static str,
        /// The field, as Java names it.
        field: &'static str,
        /// What it holds, shortened.
        value: String,
        /// What it should hold.
        wanted: &'static str,
    },
}

impl FieldError {
    /// The field that is wrong, as Java names it.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Missing { field, .. } | Self::NotA { field, .. } => field,
        }
    }
}

/// What one text of a header can mean.
pub(crate) trait FieldValue: Sized {
    /// For the error: "..., not {WANTED}".
    const WANTED: &'static str;

    fn from_text(text: &Text) -> Option<Self>;

    fn to_text(&self) -> Text;
}

impl FieldValue for Text {
    const WANTED: &'static str = "a text";

    fn from_text(text: &Text) -> Option<Self> {
        Some(text.clone())
    }

    fn to_text(&self) -> Text {
        self.clone()
    }
}

impl FieldValue for i32 {
    const WANTED: &'static str = "a whole number of 32 bits";

    fn from_text(text: &Text) -> Option<Self> {
        text.parse().ok()
    }

    fn to_text(&self) -> Text {
        Decimal::of(i64::from(*self)).text()
    }
}

impl FieldValue for i64 {
    const WANTED: &'static str = "a whole number of 64 bits";

    fn from_text(text: &Text) -> Option<Self> {
        text.parse().ok()
    }

    fn to_text(&self) -> Text {
        Decimal::of(*self).text()
    }
}

impl FieldValue for bool {
    const WANTED: &'static str = "true or false";

    fn from_text(text: &Text) -> Option<Self> {
        Some(text.eq_ignore_ascii_case("true"))
    }

    fn to_text(&self) -> Text {
        Text::from_static(if *self { "true" } else { "false" })
    }
}

/// A field as a header declares it: required, or optional.
pub(crate) trait Member: Sized {
    fn take(reader: &Reader<'_>, field: &'static str) -> Result<Self, FieldError>;

    fn put(&self, field: &'static str, fields: &mut Fields);
}

impl<T: FieldValue> Member for T {
    fn take(reader: &Reader<'_>, field: &'static str) -> Result<Self, FieldError> {
        let missing = FieldError::Missing { header: reader.header, field };
        reader.get(field)?.ok_or(missing)
    }

    fn put(&self, field: &'static str, fields: &mut Fields) {
        fields.set(Text::from_static(field), self.to_text());
    }
}

impl<T: FieldValue> Member for Option<T> {
    fn take(reader: &Reader<'_>, field: &'static str) -> Result<Self, FieldError> {
        reader.get(field)
    }

    fn put(&self, field: &'static str, fields: &mut Fields) {
        if let Some(value) = self {
            value.put(field, fields);
        }
    }
}

/// The fields of one command, and the header they are read for.
pub(crate) struct Reader<'a> {
    /// Java's name of the header.
    header: &'static str,
    fields: &'a [(Text, Text)],
    /// Behind the field that was found last.
    next: Cell<usize>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(header: &'static str, fields: Option<&'a Fields>) -> Self {
        Self { header, fields: fields.map_or(&[], Fields::as_slice), next: Cell::new(0) }
    }

    /// The text of a field. Most peers write the fields in the order in which they are declared
    /// and read here: the one that is wanted mostly stands behind the one found last.
    fn text(&self, field: &'static str) -> Option<&'a Text> {
        let is_wanted = |(name, _): &(Text, Text)| name.as_str() == field;
        let (before, after) = self.fields.split_at_checked(self.next.get())?;
        let at = match after.iter().position(is_wanted) {
            Some(at) => before.len() + at,
            None => before.iter().position(is_wanted)?,
        };
        self.next.set(at + 1);
        self.fields.get(at).map(|(_, value)| value)
    }

    /// The field, if it is there.
    fn get<T: FieldValue>(&self, field: &'static str) -> Result<Option<T>, FieldError> {
        let Some(text) = self.text(field) else {
            return Ok(None);
        };
        if let Some(value) = T::from_text(text) {
            return Ok(Some(value));
        }
        let mut value: String = text.chars().take(SHOWN_CHARS_MAX).collect();
        if value.len() < text.len() {
            value.push_str("...");
        }
        Err(FieldError::NotA { header: self.header, field, value, wanted: T::WANTED })
    }

    /// The field as its type declares it.
    pub(crate) fn take<M: Member>(&self, field: &'static str) -> Result<M, FieldError> {
        M::take(self, field)
    }

    /// The field, or what it means when it is not there.
    pub(crate) fn take_or<T: FieldValue>(
        &self,
        field: &'static str,
        default: T,
    ) -> Result<T, FieldError> {
        Ok(self.get(field)?.unwrap_or(default))
    }
}

/// Declares one header: see the module.
///
/// `Name "JavaName"` is a response header; `for CODE` makes it a request header; `with inherited`
/// adds the fields that Java's `RpcRequestHeader` gives to most of them.
macro_rules! header {
    (
        $(#[$meta:meta])*
        $name:ident $java:literal $(for $code:ident)? $(with $inherited:ident)? {
            $(
                $(#[$field_meta:meta])*
                $field:ident: $type:ty = $wire:literal $(or $default:expr)?,
            )*
        }
    ) => {
        $(#[$meta])*
        #[doc = ""]
        #[doc = concat!("Java: `", $java, "`.")]
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $(
                $(#[$field_meta])*
                #[doc = concat!("`", $wire, "` on the wire.")]
                pub $field: $type,
            )*
            $(
                /// What Java's `RpcRequestHeader` adds.
                pub $inherited: $crate::request::Inherited,
            )?
        }

        impl $name {
            $(
                /// The code this header belongs to.
                pub const CODE: $crate::RequestCode = $crate::RequestCode::$code;

                /// A request with this header.
                pub fn command(&self) -> $crate::Command {
                    self.command_as(Self::CODE)
                }

                /// A request with this header, under another code that shares it.
                pub fn command_as(&self, code: $crate::RequestCode) -> $crate::Command {
                    $crate::Command::request(code).with_fields(self.fields())
                }
            )?

            /// Reads the header of `command`.
            pub fn decode(command: &$crate::Command) -> Result<Self, $crate::FieldError> {
                let reader = $crate::header::Reader::new($java, command.fields.as_ref());
                Ok(Self {
                    $($field: header!(@take reader $wire $($default)?),)*
                    $($inherited: $crate::request::Inherited::take(&reader)?,)?
                })
            }

            /// Writes the header.
            pub fn fields(&self) -> $crate::Fields {
                let mut fields = $crate::Fields::with_capacity(16);
                $($crate::header::Member::put(&self.$field, $wire, &mut fields);)*
                $(self.$inherited.put(&mut fields);)?
                fields
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($field: header!(@default $($default)?),)*
                    $($inherited: $crate::request::Inherited::default(),)?
                }
            }
        }
    };
    (@take $reader:ident $wire:literal) => { $reader.take($wire)? };
    (@take $reader:ident $wire:literal $default:expr) => { $reader.take_or($wire, $default)? };
    (@default) => { Default::default() };
    (@default $default:expr) => { $default };
}

pub(crate) use header;
