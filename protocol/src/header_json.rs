//! The JSON header.
//!
//! ```text
//! {"code":310,"extFields":{"a":"group",..},"flag":0,"language":"JAVA","opaque":7,
//!  "remark":"..","serializeTypeCurrentRPC":"JSON","version":513}
//! ```
//!
//! Written exactly as Java writes it: members in alphabetical order, absent ones left out, the
//! characters below space and `"` and `\` escaped, everything else raw UTF-8. Read as leniently as
//! Java reads it: members in any order, unknown members skipped, the last of two equal names wins,
//! numbers in quotes, single quotes, bare names, comments, a comma too many. A value that is not a
//! string becomes its text; `null` is as good as absent.
//!
//! This is the hot path: one pass over the bytes, and every string without an escape is a view into
//! the frame. Refused: nesting beyond [`HEADER_DEPTH_MAX`], more than [`FIELDS_MAX`] fields,
//! anything after the object, and what is not JSON at all.
//!
//! [`HEADER_DEPTH_MAX`]: crate::limits::HEADER_DEPTH_MAX
//!
//! Source: remoting/protocol/{RemotingCommand, RemotingSerializable}.java with fastjson2 2.0.59.

use bytes::Bytes;

use crate::{
    Command, Fields, Language, Serialization, Text,
    fields::Seen,
    limits::FIELDS_MAX,
    scan::{Scan, ScanError},
    seek,
    text::Decimal,
};

/// Why a JSON header cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonHeaderError {
    /// Not JSON, however lenient.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// A member that must be a 32-bit integer and is not.
    #[error("{member} is {value:?}, not a 32-bit integer")]
    NotAnInteger {
        /// Which member.
        member: &'static str,
        /// Its first characters.
        value: String,
    },
    /// More fields than any header has.
    #[error("more than {limit} fields")]
    TooManyFields {
        /// The most there may be.
        limit: usize,
    },
}

/// How much of a wrong value an error repeats.
const QUOTED_CHARS_MAX: usize = 64;

pub(crate) fn read(header: &Text) -> Result<Command, JsonHeaderError> {
    let mut scan = Scan::new(header);
    // What a member means that is not there: Java's initial values.
    let mut command = Command {
        code: 0,
        language: Language::Java,
        version: 0,
        opaque: 0,
        flag: 0,
        remark: None,
        fields: None,
        body: Bytes::new(),
        serialization: Serialization::Json,
    };
    scan.open_object()?;
    while let Some(name) = scan.next_name()? {
        match &*name {
            "code" => command.code = integer("code", &mut scan)?,
            "extFields" => command.fields = fields(&mut scan)?,
            "flag" => command.flag = integer("flag", &mut scan)?,
            "language" => command.language = language(&mut scan)?,
            "opaque" => command.opaque = integer("opaque", &mut scan)?,
            "remark" => command.remark = scan.value_text()?,
            "version" => command.version = integer("version", &mut scan)?,
            _ => scan.skip_value()?,
        }
    }
    scan.end()?;
    Ok(command)
}

fn integer(member: &'static str, scan: &mut Scan<'_>) -> Result<i32, JsonHeaderError> {
    if let Some(quick) = scan.small_integer() {
        return Ok(quick);
    }
    let Some(text) = scan.value()? else {
        return Ok(0);
    };
    let wrong = || JsonHeaderError::NotAnInteger {
        member,
        value: text.chars().take(QUOTED_CHARS_MAX).collect(),
    };
    // Java takes 1.9 for 1, "" for 0 and true for 1.
    let whole = text.trim();
    let whole = match whole.find('.') {
        Some(point) if whole[point + 1..].bytes().all(|b| b.is_ascii_digit()) => &whole[..point],
        _ => whole,
    };
    match whole {
        "" | "false" => Ok(0),
        "true" => Ok(1),
        digits => digits.parse().map_err(|_| wrong()),
    }
}

/// An unknown language is not worth a connection; in Java it is null.
fn language(scan: &mut Scan<'_>) -> Result<Language, JsonHeaderError> {
    let Some(name) = scan.value()? else {
        return Ok(Language::Java);
    };
    let by_number = || name.parse().ok().and_then(Language::from_byte);
    Ok(Language::from_name(&name).or_else(by_number).unwrap_or(Language::Other))
}

fn fields(scan: &mut Scan<'_>) -> Result<Option<Fields>, JsonHeaderError> {
    if scan.take_null() {
        return Ok(None);
    }
    // Most headers have between 6 and 16 fields.
    let mut fields = Fields::with_capacity(16);
    let mut names = Seen::default();
    scan.open_object()?;
    while let Some(name) = scan.next_name()? {
        let Some(value) = scan.value_text()? else {
            fields.remove(&name);
            continue;
        };
        fields.set_quickly(scan.keep(name), value, &mut names);
        if FIELDS_MAX < fields.len() {
            return Err(JsonHeaderError::TooManyFields { limit: FIELDS_MAX });
        }
    }
    Ok(Some(fields))
}

pub(crate) fn write(command: &Command, output: &mut Vec<u8>) {
    output.extend_from_slice(b"{\"code\":");
    put_integer(command.code, output);
    if let Some(fields) = &command.fields {
        output.extend_from_slice(b",\"extFields\":{");
        let mut comma: &[u8] = b"";
        for (name, value) in fields {
            output.extend_from_slice(comma);
            put_string(name, output);
            output.push(b':');
            put_string(value, output);
            comma = b",";
        }
        output.push(b'}');
    }
    output.extend_from_slice(b",\"flag\":");
    put_integer(command.flag, output);
    output.extend_from_slice(b",\"language\":\"");
    output.extend_from_slice(command.language.name().as_bytes());
    output.extend_from_slice(b"\",\"opaque\":");
    put_integer(command.opaque, output);
    if let Some(remark) = &command.remark {
        output.extend_from_slice(b",\"remark\":");
        put_string(remark, output);
    }
    output.extend_from_slice(b",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":");
    put_integer(command.version, output);
    output.push(b'}');
}

fn put_integer(value: i32, output: &mut Vec<u8>) {
    output.extend_from_slice(Decimal::of(i64::from(value)).as_bytes());
}

/// `text` in quotes, escaped as fastjson2 escapes.
fn put_string(text: &str, output: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    output.reserve(text.len() + 2);
    output.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = seek::unwritable(rest) {
        output.extend_from_slice(&rest[..at]);
        let byte = rest[at];
        match byte {
            b'"' | b'\\' => output.extend_from_slice(&[b'\\', byte]),
            0x08 => output.extend_from_slice(b"\\b"),
            b'\t' => output.extend_from_slice(b"\\t"),
            b'\n' => output.extend_from_slice(b"\\n"),
            0x0C => output.extend_from_slice(b"\\f"),
            b'\r' => output.extend_from_slice(b"\\r"),
            _ => {
                let [high, low] = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                output.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            }
        }
        rest = &rest[at + 1..];
    }
    output.extend_from_slice(rest);
    output.push(b'"');
}

#[cfg(test)]
mod tests;
