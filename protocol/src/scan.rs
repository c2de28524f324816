//! One pass over a JSON text, as lenient as fastjson, that borrows what it reads.
//!
//! For headers only: whole documents with nesting are `json`'s. Nothing here recurses, and nothing
//! allocates except a string with an escape in it.

use std::borrow::Cow;

use crate::{Text, known::known, limits::HEADER_DEPTH_MAX, seek};

/// What is wrong with a JSON text, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Something else stands there.
    #[error("expected {wanted} at byte {at}, found {found:?}")]
    Unexpected {
        /// What should stand there.
        wanted: &'static str,
        /// Where.
        at: usize,
        /// What stands there; `None` is the end of the text.
        found: Option<char>,
    },
    /// An escape in a string that means nothing.
    #[error("unknown escape at byte {at}")]
    Escape {
        /// Where its backslash is.
        at: usize,
    },
    /// Brackets in brackets in brackets.
    #[error("nested deeper than {limit} at byte {at}")]
    TooDeep {
        /// The greatest depth.
        limit: usize,
        /// Where the bracket is that was too many.
        at: usize,
    },
}

/// Room for what follows the first escape of a string. Mostly they are the properties of a message,
/// which have an escape on both sides of every name.
const ESCAPED_CHARS_USUAL: usize = 160;

/// A place in a JSON text.
pub(crate) struct Scan<'a> {
    whole: &'a Text,
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// The next name needs no comma before it: the object was only just opened.
    fresh: bool,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(text: &'a Text) -> Self {
        const MARK: &[u8] = "\u{FEFF}".as_bytes();
        let bytes: &[u8] = text.as_bytes();
        let at = if bytes.starts_with(MARK) { MARK.len() } else { 0 };
        Self { whole: text, text, bytes, at, fresh: false }
    }

    /// Past blanks and an opening brace.
    pub(crate) fn open_object(&mut self) -> Result<(), ScanError> {
        self.blanks()?;
        self.take(b'{', "an object")?;
        self.fresh = true;
        Ok(())
    }

    /// Past the next name of this object and its colon; `None` past its closing brace.
    pub(crate) fn next_name(&mut self) -> Result<Option<Cow<'a, str>>, ScanError> {
        if let Some(name) = self.plain_name() {
            return Ok(Some(Cow::Borrowed(name)));
        }
        self.blanks()?;
        if !self.fresh && self.peek() != Some(b'}') {
            self.take(b',', "a comma or a closing brace")?;
            self.blanks()?;
        }
        self.fresh = false;
        let name = match self.peek() {
            Some(b'}') => {
                self.at += 1;
                return Ok(None);
            }
            Some(quote @ (b'"' | b'\'')) => self.string(quote)?,
            _ => self.bare("a name")?,
        };
        self.blanks()?;
        self.take(b':', "a colon")?;
        self.blanks()?;
        Ok(Some(name))
    }

    /// Nothing but blanks until the end.
    pub(crate) fn end(&mut self) -> Result<(), ScanError> {
        self.blanks()?;
        if self.at < self.bytes.len() {
            return Err(self.unexpected("the end"));
        }
        Ok(())
    }

    /// Past a plain integer of up to nine digits; `None`, and nowhere, when it is not so simple.
    pub(crate) fn small_integer(&mut self) -> Option<i32> {
        let mut value = 0;
        let mut at = self.at;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(at) {
            if at == self.at + 9 {
                return None;
            }
            value = value * 10 + i32::from(digit - b'0');
            at += 1;
        }
        if at == self.at || !matches!(self.bytes.get(at), Some(b',' | b'}')) {
            return None;
        }
        self.at = at;
        Some(value)
    }

    /// Past `null`, if it stands here.
    pub(crate) fn take_null(&mut self) -> bool {
        let null = self.bytes[self.at..].starts_with(b"null")
            && !self.bytes.get(self.at + 4).is_some_and(|&byte| is_bare(byte));
        if null {
            self.at += 4;
        }
        null
    }

    /// Past one value: a string's characters, any other value's own text; `None` for null.
    pub(crate) fn value(&mut self) -> Result<Option<Cow<'a, str>>, ScanError> {
        if let Some((value, end)) = self.plain(self.at) {
            self.at = end;
            return Ok(Some(Cow::Borrowed(value)));
        }
        match self.peek() {
            Some(quote @ (b'"' | b'\'')) => self.string(quote).map(Some),
            Some(b'{' | b'[') => {
                let start = self.at;
                self.skip_value()?;
                Ok(Some(Cow::Borrowed(&self.text[start..self.at])))
            }
            _ if self.take_null() => Ok(None),
            _ => self.bare("a value").map(Some),
        }
    }

    /// As [`Scan::value`], to be kept.
    pub(crate) fn value_text(&mut self) -> Result<Option<Text>, ScanError> {
        Ok(self.value()?.map(|value| self.keep(value)))
    }

    /// A name or a value, to be kept: a constant or a view of the text, when it can be.
    pub(crate) fn keep(&self, read: Cow<'a, str>) -> Text {
        match read {
            Cow::Borrowed(part) => known(part).unwrap_or_else(|| self.whole.slice_ref(part)),
            Cow::Owned(own) => Text::from(own),
        }
    }

    /// Past one value, whatever is in it.
    pub(crate) fn skip_value(&mut self) -> Result<(), ScanError> {
        // One bit per open bracket, 1 for a brace.
        let mut open = 0u64;
        let mut depth = 0;
        loop {
            self.blanks()?;
            match self.peek() {
                Some(quote @ (b'"' | b'\'')) => self.skip_string(quote)?,
                Some(bracket @ (b'{' | b'[')) => {
                    if depth == HEADER_DEPTH_MAX {
                        return Err(ScanError::TooDeep { limit: HEADER_DEPTH_MAX, at: self.at });
                    }
                    open = open << 1 | u64::from(bracket == b'{');
                    depth += 1;
                    self.at += 1;
                }
                Some(bracket @ (b'}' | b']')) if 0 < depth => {
                    if open & 1 != u64::from(bracket == b'}') {
                        return Err(self.unexpected("the other closing bracket"));
                    }
                    open >>= 1;
                    depth -= 1;
                    self.at += 1;
                }
                Some(b',' | b':') if 0 < depth => self.at += 1,
                _ => self.skip_bare("a value")?,
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Past a name as every client writes it: in double quotes, no escape, no blank anywhere.
    /// `None`, and nowhere, when it is not so simple.
    #[inline]
    fn plain_name(&mut self) -> Option<&'a str> {
        let start = match self.peek() {
            Some(b',') if !self.fresh => self.at + 1,
            Some(b'"') if self.fresh => self.at,
            _ => return None,
        };
        let (name, end) = self.plain(start)?;
        let (b':', value) = (*self.bytes.get(end)?, *self.bytes.get(end + 1)?) else {
            return None;
        };
        if !begins_a_token(value) {
            return None;
        }
        self.at = end + 1;
        self.fresh = false;
        Some(name)
    }

    /// The characters of a string in double quotes without an escape, and where it ends.
    #[inline]
    fn plain(&self, start: usize) -> Option<(&'a str, usize)> {
        let rest = self.text.get(start..)?.strip_prefix('"')?;
        let bytes = seek::quote_or_escape(rest.as_bytes(), b'"')?;
        let plain = rest.as_bytes()[bytes] == b'"';
        plain.then(|| (&rest[..bytes], start + bytes + 2))
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn unexpected(&self, wanted: &'static str) -> ScanError {
        let found = self.text.get(self.at..).and_then(|rest| rest.chars().next());
        ScanError::Unexpected { wanted, at: self.at, found }
    }

    #[inline]
    fn take(&mut self, byte: u8, wanted: &'static str) -> Result<(), ScanError> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected(wanted));
        }
        self.at += 1;
        Ok(())
    }

    /// Past white space and comments, of which machines write none.
    #[inline]
    fn blanks(&mut self) -> Result<(), ScanError> {
        match self.peek() {
            Some(byte) if begins_a_token(byte) => Ok(()),
            _ => self.some_blanks(),
        }
    }

    #[cold]
    fn some_blanks(&mut self) -> Result<(), ScanError> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | b'\n' | 0x0C | 0x08) => self.at += 1,
                Some(b'/') => self.comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn comment(&mut self) -> Result<(), ScanError> {
        let rest = &self.text[self.at..];
        let bytes = match rest.as_bytes().get(1) {
            Some(b'/') => rest.find('\n').unwrap_or(rest.len()),
            Some(b'*') => match rest[2..].find("*/") {
                Some(bytes) => bytes + 4,
                None => {
                    self.at = self.bytes.len();
                    return Err(self.unexpected("the end of a comment"));
                }
            },
            _ => return Err(self.unexpected("JSON")),
        };
        self.at += bytes;
        Ok(())
    }

    /// Past letters and digits without quotes: a number, true, or a name.
    fn skip_bare(&mut self, wanted: &'static str) -> Result<(), ScanError> {
        let rest = &self.bytes[self.at..];
        let bytes = rest.iter().position(|&byte| !is_bare(byte)).unwrap_or(rest.len());
        if bytes == 0 {
            return Err(self.unexpected(wanted));
        }
        self.at += bytes;
        Ok(())
    }

    fn bare(&mut self, wanted: &'static str) -> Result<Cow<'a, str>, ScanError> {
        let start = self.at;
        self.skip_bare(wanted)?;
        Ok(Cow::Borrowed(&self.text[start..self.at]))
    }

    fn skip_string(&mut self, quote: u8) -> Result<(), ScanError> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(byte) if byte == quote => break,
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
                None => {
                    self.at = self.bytes.len();
                    return Err(self.unexpected("a closing quote"));
                }
            }
        }
        self.at += 1;
        Ok(())
    }

    /// Past a string; its characters, borrowed when there is no escape in it.
    fn string(&mut self, quote: u8) -> Result<Cow<'a, str>, ScanError> {
        let start = self.at + 1;
        let rest = &self.bytes[start..];
        match seek::quote_or_escape(rest, quote) {
            Some(bytes) if rest[bytes] == quote => {
                self.at = start + bytes + 1;
                Ok(Cow::Borrowed(&self.text[start..start + bytes]))
            }
            Some(bytes) => self.escaped(start, start + bytes, quote).map(Cow::Owned),
            None => {
                self.at = self.bytes.len();
                Err(self.unexpected("a closing quote"))
            }
        }
    }

    /// Past a string from `start` whose first escape is at `escape`.
    fn escaped(&mut self, start: usize, escape: usize, quote: u8) -> Result<String, ScanError> {
        let mut characters = String::with_capacity(escape - start + ESCAPED_CHARS_USUAL);
        characters.push_str(&self.text[start..escape]);
        self.at = escape;
        loop {
            let plain = self.at;
            let rest = &self.bytes[plain..];
            let Some(bytes) = seek::quote_or_escape(rest, quote) else {
                self.at = self.bytes.len();
                return Err(self.unexpected("a closing quote"));
            };
            characters.push_str(&self.text[plain..plain + bytes]);
            self.at = plain + bytes + 1;
            if rest[bytes] == quote {
                return Ok(characters);
            }
            characters.push(self.escape()?);
        }
    }

    /// Past what follows a backslash.
    fn escape(&mut self) -> Result<char, ScanError> {
        let wrong = ScanError::Escape { at: self.at - 1 };
        let Some(byte) = self.peek() else {
            return Err(wrong);
        };
        self.at += 1;
        Ok(match byte {
            b'"' | b'\'' | b'\\' | b'/' => char::from(byte),
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{C}',
            b'v' => '\u{B}',
            b'0'..=b'7' => char::from(byte - b'0'),
            b'x' => {
                char::from_u32(self.hex(2).ok_or(wrong)?).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            b'u' => self.unit().ok_or(wrong)?,
            _ => return Err(wrong),
        })
    }

    /// The character of one UTF-16 unit, or of two of them in two escapes. Half a pair is no
    /// character: Java keeps it and writes a question mark later.
    fn unit(&mut self) -> Option<char> {
        let first = self.hex(4)?;
        if let Some(character) = char::from_u32(first) {
            return Some(character);
        }
        let after_first = self.at;
        if first < 0xDC00 && self.bytes[self.at..].starts_with(b"\\u") {
            self.at += 2;
            match self.hex(4) {
                Some(second @ 0xDC00..=0xDFFF) => {
                    return char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00));
                }
                _ => self.at = after_first,
            }
        }
        Some(char::REPLACEMENT_CHARACTER)
    }

    fn hex(&mut self, digits: usize) -> Option<u32> {
        let text = self.bytes.get(self.at..self.at + digits)?;
        let mut value = 0;
        for &digit in text {
            value = value << 4 | char::from(digit).to_digit(16)?;
        }
        self.at += digits;
        Some(value)
    }
}

/// Neither white space nor the start of a comment, for sure.
const fn begins_a_token(byte: u8) -> bool {
    b'/' < byte || byte == b'"' || byte == b','
}

/// What a name or a number without quotes is made of. Everything past ASCII is a letter here.
const fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'-' | b'+' | b'.') || 0x7F < byte
}
