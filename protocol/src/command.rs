//! One command: a request or its response, in either serialisation.
//!
//! Source: remoting/protocol/RemotingCommand.java.

use bytes::Bytes;

use crate::{
    Fields, Text,
    code::{Language, OUR_VERSION},
};

/// Bit of [`Command::flag`] that marks a response.
pub const FLAG_RESPONSE: i32 = 1;
/// Bit of [`Command::flag`] that marks a request which wants no answer.
pub const FLAG_ONEWAY: i32 = 2;

/// How the header of a frame is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Serialization {
    /// A JSON object; the default of every client.
    #[default]
    Json,
    /// Fixed binary places, called `ROCKETMQ` in Java's configuration. Its code has only 16 bits.
    Binary,
}

impl Serialization {
    /// The byte in the frame.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Json => 0,
            Self::Binary => 1,
        }
    }

    /// The reverse of [`Serialization::byte`].
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Json),
            1 => Some(Self::Binary),
            _ => None,
        }
    }

    /// Java's name of it, as configuration and the JSON header have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Binary => "ROCKETMQ",
        }
    }
}

/// A request or a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What is asked ([`crate::RequestCode`]) or how it went ([`crate::ResponseCode`]).
    pub code: i32,
    /// What the sender is written in.
    pub language: Language,
    /// The sender's version; 0 when it did not say.
    pub version: i32,
    /// The sender's number of the request; the response repeats it.
    pub opaque: i32,
    /// [`FLAG_RESPONSE`], [`FLAG_ONEWAY`].
    pub flag: i32,
    /// A text for people, mostly the reason of a failure.
    pub remark: Option<Text>,
    /// The header fields; `None` when the header has no place for them at all, which Java writes
    /// for requests without header fields.
    pub fields: Option<Fields>,
    /// What follows the header; empty when nothing does.
    pub body: Bytes,
    /// How the header was or will be written.
    pub serialization: Serialization,
}

impl Command {
    /// A request of ours. The caller's connection sets the opaque.
    pub fn request(code: impl Into<i32>) -> Self {
        Self {
            code: code.into(),
            language: Language::Java,
            version: OUR_VERSION,
            opaque: 0,
            flag: 0,
            remark: None,
            fields: None,
            body: Bytes::new(),
            serialization: Serialization::Json,
        }
    }

    /// The same request, wanting no answer.
    #[must_use]
    pub fn oneway(mut self) -> Self {
        self.flag |= FLAG_ONEWAY;
        self
    }

    /// The response to this request: its opaque, and its serialisation.
    ///
    /// Differs from Java, which answers in the serialisation its own process is configured with:
    /// who can write one can certainly read it.
    #[must_use]
    pub fn answer(&self, code: impl Into<i32>) -> Self {
        Self {
            opaque: self.opaque,
            flag: FLAG_RESPONSE,
            serialization: self.serialization,
            ..Self::request(code)
        }
    }

    /// Whether this is a response.
    pub fn is_response(&self) -> bool {
        self.flag & FLAG_RESPONSE != 0
    }

    /// Whether nobody waits for an answer.
    pub fn is_oneway(&self) -> bool {
        self.flag & FLAG_ONEWAY != 0
    }

    /// The same command with a remark.
    #[must_use]
    pub fn with_remark(mut self, remark: impl Into<Text>) -> Self {
        self.remark = Some(remark.into());
        self
    }

    /// The same command with these header fields.
    #[must_use]
    pub fn with_fields(mut self, fields: impl Into<Fields>) -> Self {
        self.fields = Some(fields.into());
        self
    }

    /// The same command with a body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The same command with this opaque.
    #[must_use]
    pub fn with_opaque(mut self, opaque: i32) -> Self {
        self.opaque = opaque;
        self
    }

    /// The same command in this serialisation.
    #[must_use]
    pub fn with_serialization(mut self, serialization: Serialization) -> Self {
        self.serialization = serialization;
        self
    }

    /// The value of one header field.
    pub fn field(&self, name: &str) -> Option<&Text> {
        self.fields.as_ref()?.get(name)
    }

    /// Give one header field a value.
    pub fn set_field(&mut self, name: impl Into<Text>, value: impl Into<Text>) {
        self.fields.get_or_insert_default().set(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RequestCode, ResponseCode};

    #[test]
    fn an_answer_repeats_opaque_and_serialisation_and_speaks_as_our_server() {
        let mut asked = Command::request(RequestCode::PULL_MESSAGE);
        asked.opaque = 77;
        asked.language = Language::Go;
        asked.version = 401;
        asked.serialization = Serialization::Binary;
        let answer = asked.answer(ResponseCode::PULL_NOT_FOUND);
        assert!(answer.is_response());
        assert!(!answer.is_oneway());
        assert_eq!(answer.opaque, 77);
        assert_eq!(answer.serialization, Serialization::Binary);
        assert_eq!(answer.code, 19);
        assert_eq!((answer.language, answer.version), (Language::Java, 513));
    }
}
