//! The text of a Java properties file: `namesrv.conf`, and the body of config requests.
//!
//! ```text
//! # comment        ! comment
//! key=value        key : value        key value
//! long = first, \
//!        second    a backslash at the end of a line continues it
//! \u4e2d           the escapes \t \n \r \f \uXXXX; any other escaped character stands for itself
//! ```
//! Source: the format of `java.util.Properties.load`.

use thiserror::Error;

/// Why a text is not a properties file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: `{text}` is not a \\uXXXX escape")]
pub struct PropertiesError {
    /// Counted from 1; the first line of a continued one.
    pub line: usize,
    /// What stands after the backslash.
    pub text: String,
}

/// A properties file is Latin-1 by its definition.
///
/// Differs from Java: bytes that are valid UTF-8 are taken as that, so a value typed in an editor
/// of today means what it shows.
#[must_use]
pub(crate) fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// Keys and values in the order of the file, values without surrounding white space.
pub(crate) fn parse(text: &str) -> Result<Vec<(String, String)>, PropertiesError> {
    let mut pairs = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, first)) = lines.next() {
        let line = index + 1;
        let mut logical = first.trim_start().to_owned();
        if logical.is_empty() || logical.starts_with(['#', '!']) {
            continue;
        }
        while ends_open(&logical) {
            logical.pop();
            let Some((_, next)) = lines.next() else { break };
            logical.push_str(next.trim_start());
        }
        let (key, value) = split(&logical);
        let key = unescape(key, line)?;
        let value = unescape(value, line)?;
        pairs.push((key, value.trim().to_owned()));
    }
    Ok(pairs)
}

/// An odd number of backslashes at the end.
fn ends_open(line: &str) -> bool {
    line.chars().rev().take_while(|&c| c == '\\').count() % 2 == 1
}

/// The key ends at the first separator that is not escaped.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line
        .char_indices()
        .find(|&(_, c)| {
            let separates = !escaped && (c == '=' || c == ':' || c.is_whitespace());
            escaped = !escaped && c == '\\';
            separates
        })
        .map_or(line.len(), |(at, _)| at);
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start();
    (key, rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start())
}

fn unescape(text: &str, line: usize) -> Result<String, PropertiesError> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    let mut pair = [0; 2];
    while let Some(c) = chars.next() {
        if c != '\\' {
            units.extend_from_slice(c.encode_utf16(&mut pair));
            continue;
        }
        match chars.next() {
            None => {}
            Some('t') => units.push(u16::from(b'\t')),
            Some('n') => units.push(u16::from(b'\n')),
            Some('r') => units.push(u16::from(b'\r')),
            Some('f') => units.push(0x0C),
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                let unit = if digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                    u16::from_str_radix(&digits, 16).ok()
                } else {
                    None
                };
                let Some(unit) = unit else {
                    return Err(PropertiesError { line, text: format!("u{digits}") });
                };
                units.push(unit);
            }
            Some(other) => units.extend_from_slice(other.encode_utf16(&mut pair)),
        }
    }
    Ok(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn comments_and_empty_lines_say_nothing() {
        assert_eq!(pairs("# a=b\n\n  ! c=d\nkey=value\n"), [pair("key", "value")]);
    }

    #[test]
    fn equals_colon_and_space_all_separate() {
        assert_eq!(
            pairs("a=1\nb : 2\nc 3\nd\ne = f = g"),
            [pair("a", "1"), pair("b", "2"), pair("c", "3"), pair("d", ""), pair("e", "f = g")]
        );
    }

    #[test]
    fn a_backslash_at_the_end_continues_the_line() {
        assert_eq!(
            pairs("a=1,\\\n   2,\\\r\n 3\nb=x\\\\\nc=4"),
            [pair("a", "1,2,3"), pair("b", "x\\"), pair("c", "4")]
        );
    }

    #[test]
    fn escapes_stand_for_their_characters() {
        assert_eq!(pairs("a\\=b=\\u4e2d\\tx\\ud83d\\ude00\\q"), [pair("a=b", "中\tx😀q")]);
    }

    #[test]
    fn a_broken_escape_is_refused_with_its_line() {
        let refused = parse("a=1\nb=\\u12\n").unwrap_err();
        assert_eq!(refused, PropertiesError { line: 2, text: "u12".to_owned() });
        assert!(parse("a=\\u+123").is_err());
    }

    #[test]
    fn bytes_that_are_not_utf8_are_latin1() {
        assert_eq!(decode(b"a=\xe9"), "a=é");
        assert_eq!(decode("a=é".as_bytes()), "a=é");
    }
}
