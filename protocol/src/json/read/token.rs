//! Blanks, quoted texts and bare words.

use std::borrow::Cow;

use super::{JsonError, Reader, Wrong};

impl<'de> Reader<'de> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn unexpected(&self, wanted: &'static str) -> JsonError {
        match self.text[self.at..].chars().next() {
            Some(found) => self.wrong(Wrong::Unexpected { found, wanted }),
            None => self.wrong(Wrong::Ended { wanted }),
        }
    }

    /// Steps over white space and comments.
    pub(super) fn skip_blank(&mut self) -> Result<(), JsonError> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c) => self.at += 1,
                Some(b'/') => self.skip_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_comment(&mut self) -> Result<(), JsonError> {
        let rest = &self.text[self.at..];
        if rest.starts_with("//") {
            self.at += rest.find('\n').unwrap_or(rest.len());
            return Ok(());
        }
        if let Some(inside) = rest.strip_prefix("/*") {
            let Some(end) = inside.find("*/") else {
                self.at = self.text.len();
                return Err(self.unexpected("the end of a comment"));
            };
            self.at += 2 + end + 2;
            return Ok(());
        }
        Err(self.unexpected("a value"))
    }

    pub(super) fn take_colon(&mut self) -> Result<(), JsonError> {
        self.skip_blank()?;
        if self.peek() != Some(b':') {
            return Err(self.unexpected("a colon"));
        }
        self.at += 1;
        Ok(())
    }

    /// A number, a literal, or an unquoted name: everything up to the next delimiter.
    pub(super) fn take_word(&mut self) -> Result<&'de str, JsonError> {
        self.skip_blank()?;
        let rest = &self.text[self.at..];
        let is_delimiter = |c: char| {
            matches!(c, ',' | ':' | '{' | '}' | '[' | ']' | '"' | '\'' | '/') || c.is_whitespace()
        };
        let end = rest.find(is_delimiter).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.unexpected("a value"));
        }
        self.at += end;
        Ok(&rest[..end])
    }

    /// A text between quotes of either kind.
    pub(super) fn take_quoted(&mut self) -> Result<Cow<'de, str>, JsonError> {
        let quote = if self.peek() == Some(b'\'') { '\'' } else { '"' };
        self.at += 1;
        let mut whole = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(stop) = rest.find([quote, '\\']) else {
                self.at = self.text.len();
                return Err(self.unexpected("the closing quote"));
            };
            let plain = &rest[..stop];
            self.at += stop + 1;
            if rest.as_bytes()[stop] == b'\\' {
                whole.push_str(plain);
                whole.push(self.take_escape()?);
            } else if whole.is_empty() {
                return Ok(Cow::Borrowed(plain));
            } else {
                whole.push_str(plain);
                return Ok(Cow::Owned(whole));
            }
        }
    }

    /// What follows a backslash.
    fn take_escape(&mut self) -> Result<char, JsonError> {
        let Some(byte) = self.peek() else { return Err(self.unexpected("an escape")) };
        let meant = match byte {
            b'"' | b'\'' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'v' => '\u{b}',
            b'0' => '\0',
            b'x' => {
                self.at += 1;
                let code = self.take_hex(2)?;
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            b'u' => {
                self.at += 1;
                return self.take_utf16();
            }
            _ => return Err(self.unexpected("an escape")),
        };
        self.at += 1;
        Ok(meant)
    }

    /// One character out of `XXXX` or `XXXX\uXXXX`. Java can send half a pair; it has no UTF-8.
    fn take_utf16(&mut self) -> Result<char, JsonError> {
        let high = self.take_hex(4)?;
        if !(0xd800..0xdc00).contains(&high) || !self.text[self.at..].starts_with("\\u") {
            return Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.at;
        self.at += 2;
        let low = self.take_hex(4)?;
        if !(0xdc00..0xe000).contains(&low) {
            self.at = before;
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        let whole = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        Ok(char::from_u32(whole).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn take_hex(&mut self, digits: usize) -> Result<u32, JsonError> {
        let wanted = "a hexadecimal digit";
        let mut code = 0;
        for _ in 0..digits {
            let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(16)) else {
                return Err(self.unexpected(wanted));
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }
}

/// Whether a bare word begins as a number does. `NaN`, `Infinity` and hexadecimal are not ours.
fn looks_like_a_number(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
}

/// fastjson marks the width of some numbers with a letter: `5L`, `0.5D`.
fn without_width(word: &str) -> &str {
    let bare = word.strip_suffix(['L', 'S', 'B', 'F', 'D']).unwrap_or(word);
    if looks_like_a_number(bare) { bare } else { word }
}

/// The word as an integer, if it is written as one and fits.
pub(super) fn whole(word: &str) -> Option<i64> {
    without_width(word).parse().ok()
}

pub(super) fn decimal(word: &str) -> Option<f64> {
    let word = without_width(word);
    if looks_like_a_number(word) { word.parse().ok() } else { None }
}

pub(super) fn is_number(word: &str) -> bool {
    decimal(word).is_some()
}

/// The word as an integer; a fraction is cut off, as Java does.
pub(super) fn integer(word: &str) -> Option<i64> {
    /// 2^63: the first whole number above what an `i64` holds, exact as a float.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    whole(word).or_else(|| {
        let decimal = decimal(word)?;
        #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
        (-BEYOND..BEYOND).contains(&decimal).then_some(decimal as i64)
    })
}
