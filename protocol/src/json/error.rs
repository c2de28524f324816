//! Why a text could not be read as JSON.

use std::fmt;

/// How much of the offending text an error repeats.
const SHOWN_CHARS_MAX: usize = 40;

/// A text that could not be read: what is wrong, in which member, at which byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// Where the reader stood, in bytes from the start of the text.
    pub at_bytes: usize,
    /// The member being read, as `topicConfigTable.orders.perm`; empty at the top.
    pub member: String,
    /// What is wrong there.
    pub wrong: Wrong,
}

/// What can be wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Wrong {
    /// The text is not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// The text ends inside a value.
    #[error("the text ends where {wanted} should be")]
    Ended {
        /// What the reader was looking for.
        wanted: &'static str,
    },
    /// A character that cannot stand here.
    #[error("found `{found}` where {wanted} should be")]
    Unexpected {
        /// The character.
        found: char,
        /// What the reader was looking for.
        wanted: &'static str,
    },
    /// A token that is not what the member holds.
    #[error("`{found}` is not {wanted}")]
    NotA {
        /// The token, shortened.
        found: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// More text after the value.
    #[error("more text after the end of the value")]
    Trailing,
    /// Objects and lists nested too deep.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The deepest allowed level.
        limit: u32,
    },
    /// More objects and lists than a text of this length honestly holds.
    #[error("more than {limit} objects and lists in {text_bytes} bytes")]
    TooMany {
        /// How many would have been read.
        limit: usize,
        /// How long the text is.
        text_bytes: usize,
    },
    /// The values are well formed but do not fit the type.
    #[error("{0}")]
    Shape(String),
}

impl JsonError {
    pub(super) fn new(at_bytes: usize, wrong: Wrong) -> Self {
        Self { at_bytes, member: String::new(), wrong }
    }

    /// The same error, seen from the object that holds `name`.
    pub(super) fn within(mut self, name: &str) -> Self {
        let name = shorten(name);
        self.member = if self.member.is_empty() { name } else { format!("{name}.{}", self.member) };
        self
    }
}

/// At most [`SHOWN_CHARS_MAX`] characters of `text`: errors must not carry a peer's megabytes.
pub(super) fn shorten(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    shown
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.member.is_empty() {
            write!(f, "{} (byte {})", self.wrong, self.at_bytes)
        } else {
            write!(f, "{}: {} (byte {})", self.member, self.wrong, self.at_bytes)
        }
    }
}

impl std::error::Error for JsonError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.wrong)
    }
}

impl serde::de::Error for JsonError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(0, Wrong::Shape(message.to_string()))
    }
}

impl serde::ser::Error for JsonError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(0, Wrong::Shape(message.to_string()))
    }
}
