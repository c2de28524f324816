//! `java.util.Properties` text: what a broker.conf is written in.
//!
//! A logical line is `key`, a separator (`=`, `:` or white space) and a value. `#` or `!` as the
//! first visible character makes a comment, a trailing odd backslash joins the next line, and
//! `\t \n \r \f \uXXXX` are escapes. Java reads a file as ISO-8859-1.
//!
//! Differs from Java: bytes that are valid UTF-8 are read as UTF-8, so that a value typed in an
//! ordinary editor means what it shows. Pure ASCII reads the same either way.

/// One key with its value, and the line (from 1) on which it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// The key, unescaped.
    pub key: String,
    /// The value, unescaped.
    pub value: String,
    /// The line it began on, counted from 1.
    pub line: usize,
    /// How many lines it takes.
    pub lines: usize,
}

/// Reads a whole properties text. Every byte sequence is legal; a malformed `\u` escape stands
/// for itself.
#[must_use]
pub fn read(bytes: &[u8]) -> Vec<Property> {
    let text = decode(bytes);
    let mut properties = Vec::new();
    let mut pending: Option<(String, usize)> = None;
    for (index, raw) in text.split('\n').enumerate() {
        let line = raw.trim_start_matches([' ', '\t', '\x0c']);
        let (mut joined, began) = match pending.take() {
            Some(begun) => begun,
            None if line.is_empty() || line.starts_with(['#', '!']) => continue,
            None => (String::new(), index + 1),
        };
        joined.push_str(line);
        if ends_with_odd_backslash(&joined) {
            joined.pop();
            pending = Some((joined, began));
        } else {
            properties.push(split(&joined, began, index + 1));
        }
    }
    if let Some((joined, began)) = pending {
        properties.push(split(&joined, began, text.split('\n').count()));
    }
    properties
}

/// The text behind bytes, with `\n` as the only end of line.
#[must_use]
pub(super) fn decode(bytes: &[u8]) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    };
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn ends_with_odd_backslash(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

fn split(line: &str, began: usize, ended: usize) -> Property {
    let mut escaped = false;
    let mut key_end = line.len();
    for (at, letter) in line.char_indices() {
        if !escaped && matches!(letter, '=' | ':' | ' ' | '\t' | '\x0c') {
            key_end = at;
            break;
        }
        escaped = letter == '\\' && !escaped;
    }
    let (key, rest) = line.split_at(key_end);
    let blank = [' ', '\t', '\x0c'];
    let rest = rest.trim_start_matches(blank);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(blank);
    Property { key: unescape(key), value: unescape(rest), line: began, lines: ended + 1 - began }
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut units: Vec<u16> = Vec::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter == '\\' {
            let mut ahead = letters.clone();
            match ahead.next() {
                Some('u') => {
                    let digits: String = ahead.clone().take(4).collect();
                    if let (4, Ok(unit)) = (digits.len(), u16::from_str_radix(&digits, 16)) {
                        units.push(unit);
                        letters = ahead;
                        letters.nth(3);
                        continue;
                    }
                    flush_units(&mut units, &mut plain);
                    plain.push('u');
                }
                Some(other) => {
                    flush_units(&mut units, &mut plain);
                    plain.push(match other {
                        't' => '\t',
                        'n' => '\n',
                        'r' => '\r',
                        'f' => '\x0c',
                        same => same,
                    });
                }
                None => {}
            }
            letters = ahead;
        } else {
            flush_units(&mut units, &mut plain);
            plain.push(letter);
        }
    }
    flush_units(&mut units, &mut plain);
    plain
}

/// Escapes name UTF-16 units; a pair of them may make one character.
fn flush_units(units: &mut Vec<u16>, plain: &mut String) {
    if !units.is_empty() {
        plain.extend(
            char::decode_utf16(units.drain(..))
                .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)),
        );
    }
}

/// One line that reads back as a key with this value.
#[must_use]
pub(super) fn line(key: &str, value: &str) -> String {
    let mut line = format!("{key}=");
    for (at, letter) in value.chars().enumerate() {
        match letter {
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            '\x0c' => line.push_str("\\f"),
            ' ' if at == 0 => line.push_str("\\ "),
            other => line.push(other),
        }
    }
    line
}

/// Writes `key=value` lines as the admin tools expect them back: plain, one line each.
#[must_use]
pub fn write<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (key, value) in pairs {
        text.push_str(key);
        text.push('=');
        text.push_str(value);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &[u8]) -> Vec<(String, String)> {
        read(text).into_iter().map(|property| (property.key, property.value)).collect()
    }

    fn one(text: &str) -> (String, String) {
        let mut all = pairs(text.as_bytes());
        assert_eq!(1, all.len(), "{text:?} -> {all:?}");
        all.remove(0)
    }

    #[test]
    fn every_separator_of_java_splits_key_from_value() {
        for text in ["a=b", "a:b", "a b", "a = b", " a\t:\tb", "a\tb", "\x0ca=b", "a   =   b"] {
            assert_eq!(("a".into(), "b".into()), one(text), "{text:?}");
        }
    }

    #[test]
    fn only_the_first_separator_counts() {
        assert_eq!(("a".into(), "=b".into()), one("a==b"));
        assert_eq!(("a".into(), "b:c=d".into()), one("a b:c=d"));
        assert_eq!(("a=b".into(), "c".into()), one(r"a\=b=c"));
    }

    #[test]
    fn comments_and_blank_lines_say_nothing() {
        assert!(pairs(b"# a=b\n  ! c=d\n\n   \n\t\r\n").is_empty());
    }

    #[test]
    fn a_trailing_backslash_joins_the_next_line_without_its_indent() {
        assert_eq!(("a".into(), "bc".into()), one("a=b\\\n    c"));
        assert_eq!(("a".into(), "b\\".into()), one("a=b\\\\"));
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(("k".into(), "\t\n\r\x0cq".into()), one(r"k=\t\n\r\f\q"));
        assert_eq!(("k".into(), "ü".into()), one(r"k=\u00fc"));
        assert_eq!(("k".into(), "😀".into()), one(r"k=\ud83d\ude00"));
        assert_eq!(("k".into(), "uzz".into()), one(r"k=\uzz"));
    }

    #[test]
    fn a_key_alone_has_an_empty_value() {
        assert_eq!(("alone".into(), String::new()), one("alone"));
        assert_eq!(("alone".into(), String::new()), one("alone="));
    }

    #[test]
    fn latin_1_is_read_when_the_bytes_are_not_utf_8() {
        assert_eq!(vec![("k".to_owned(), "ü".to_owned())], pairs(b"k=\xfc"));
    }

    #[test]
    fn the_line_of_a_property_is_the_one_it_began_on() {
        let lines: Vec<usize> = read(b"# x\na=1\n\nb=2\\\n3\nc=4").iter().map(|p| p.line).collect();
        assert_eq!(vec![2, 4, 6], lines);
    }
}
