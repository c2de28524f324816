//! The text that configuration is written in: `broker.conf`, `namesrv.conf`, and the bodies of
//! requests that show or change configuration.
//!
//! ```text
//! # comment        ! comment
//! key=value        key : value        key value
//! long = first, \
//!        second    a backslash at the end of a line continues it
//! \u4e2d           the escapes \t \n \r \f \uXXXX; any other escaped character stands for itself
//! ```
//! Source: the format of `java.util.Properties.load`, which reads a file as ISO-8859-1.
//!
//! Differs from Java: bytes that are valid UTF-8 are read as UTF-8, so that a value typed in an
//! ordinary editor means what it shows. Pure ASCII reads the same either way. Control characters
//! are refused: whoever names a file that is no text is told so.

mod nearest;

pub use nearest::nearest;

/// Longest text that is read: RocketMQ's keys with values fill a fiftieth of it.
pub const BYTES_MAX: u64 = 1024 * 1024;

/// Why bytes are no text of keys and values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertiesError {
    /// An escape that is none.
    #[error("line {line}: `\\{text}` is no escape of the form \\uXXXX")]
    Escape {
        /// Counted from 1; the first line of a continued one.
        line: usize,
        /// What stands after the backslash.
        text: String,
    },
    /// Far too long to be a configuration.
    #[error("{bytes} bytes exceed the limit of {BYTES_MAX} bytes for a configuration")]
    TooLong {
        /// How long it is.
        bytes: u64,
    },
    /// Not a text at all.
    #[error("line {line}: U+{:04X} stands in no text of keys and values", u32::from(*letter))]
    Control {
        /// Counted from 1; the first line of a continued one.
        line: usize,
        /// The control character.
        letter: char,
    },
}

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

/// Whether a text may be so long: asked of a file before it is read.
///
/// # Errors
///
/// If it exceeds [`BYTES_MAX`].
pub fn check_len(bytes: u64) -> Result<(), PropertiesError> {
    if BYTES_MAX < bytes { Err(PropertiesError::TooLong { bytes }) } else { Ok(()) }
}

/// Reads a whole text.
///
/// # Errors
///
/// The first line with an escape or a character that is none; or that it is too long.
pub fn read(bytes: &[u8]) -> Result<Vec<Property>, PropertiesError> {
    check_len(bytes.len() as u64)?;
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
            properties.push(split(&joined, began, index + 1)?);
        }
    }
    if let Some((joined, began)) = pending {
        properties.push(split(&joined, began, text.split('\n').count())?);
    }
    Ok(properties)
}

/// The text behind bytes, with `\n` as the only end of line.
#[must_use]
pub fn decode(bytes: &[u8]) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    };
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn ends_with_odd_backslash(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

fn split(line: &str, began: usize, ended: usize) -> Result<Property, PropertiesError> {
    let is_control = |letter: &char| letter.is_control() && !matches!(letter, '\t' | '\x0c');
    if let Some(letter) = line.chars().find(is_control) {
        return Err(PropertiesError::Control { line: began, letter });
    }
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
    let unescape =
        |text| unescape(text).map_err(|text| PropertiesError::Escape { line: began, text });
    Ok(Property {
        key: unescape(key)?,
        value: unescape(rest)?,
        line: began,
        lines: ended + 1 - began,
    })
}

/// The characters that are meant; or the escape that means none.
fn unescape(text: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut units: Vec<u16> = Vec::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter == '\\' {
            let mut ahead = letters.clone();
            match ahead.next() {
                Some('u') => {
                    let digits: String = ahead.by_ref().take(4).collect();
                    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                    match u16::from_str_radix(&digits, 16) {
                        Ok(unit) if is_hex && digits.len() == 4 => units.push(unit),
                        _ => return Err(format!("u{digits}")),
                    }
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
    Ok(plain)
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
pub fn line(key: &str, value: &str) -> String {
    let mut line = format!("{key}=");
    for (at, letter) in value.chars().enumerate() {
        match letter {
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            '\x0c' => line.push_str("\\f"),
            ' ' if at == 0 => line.push_str("\\ "),
            other if other.is_control() => line.push_str(&format!("\\u{:04x}", u32::from(other))),
            other => line.push(other),
        }
    }
    line
}

/// What somebody wrote, as a message shows it: on one line, and not the whole of a megabyte.
#[must_use]
pub fn shown(text: &str) -> String {
    const LETTERS_MAX: usize = 128;
    let mut shown = String::new();
    for letter in text.chars().take(LETTERS_MAX) {
        if letter.is_control() { shown.extend(letter.escape_default()) } else { shown.push(letter) }
    }
    if LETTERS_MAX < text.chars().take(LETTERS_MAX + 1).count() {
        shown.push_str("..");
    }
    shown
}

/// ` in line 7`, as a message says where a property stands; nothing for line 0, which is no file's.
#[must_use]
pub fn in_line(line: usize) -> String {
    if line == 0 { String::new() } else { format!(" in line {line}") }
}

/// The end of a message about an unknown key, if a known one was probably meant.
#[must_use]
pub fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default()
}

/// Lines that read back as these keys and values.
///
/// Differs from Java, which escapes nothing: a value with a backslash reads back as another one,
/// and a value with an end of line as other keys.
#[must_use]
pub fn write<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (key, value) in pairs {
        text.push_str(&line(key, value));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &[u8]) -> Vec<(String, String)> {
        read(text).unwrap().into_iter().map(|property| (property.key, property.value)).collect()
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
        assert_eq!(("a=b".into(), "中\tx".into()), one("a\\=b=\\u4e2d\\tx"));
    }

    #[test]
    fn what_is_no_escape_and_what_is_no_text_is_named_with_its_line() {
        let told = |text: &[u8]| read(text).unwrap_err().to_string();
        assert_eq!(r"line 2: `\u12` is no escape of the form \uXXXX", told(b"a=1\nb=\\u12\n"));
        assert_eq!(r"line 1: `\u+123` is no escape of the form \uXXXX", told(b"a=\\u+1234"));
        assert_eq!(r"line 1: `\uüü` is no escape of the form \uXXXX", told("a=\\uüü".as_bytes()));
        let binary = "line 1: U+007F stands in no text of keys and values";
        assert_eq!(binary, told(b"\x7fELF\x02\x01\x01\0\0"));
        let long = "1048577 bytes exceed the limit of 1048576 bytes for a configuration";
        assert_eq!(long, told(&vec![b'#'; (1 << 20) + 1]));
        assert_eq!("line 2: U+0000 stands in no text of keys and values", told(b"# x\na=\0"));
    }

    #[test]
    fn what_is_written_reads_back() {
        for value in
            ["", " x ", "a\\b", "C:\\users", "two\nlines=1", "#x", "a=b:c", "ü\u{1}", "\t😀"]
        {
            let text = write([("k", value), ("l", "1")].into_iter());
            let wanted = [("k".to_owned(), value.to_owned()), ("l".to_owned(), "1".to_owned())];
            assert_eq!(wanted.as_slice(), pairs(text.as_bytes()), "{text:?}");
        }
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
        let lines: Vec<usize> =
            read(b"# x\na=1\n\nb=2\\\n3\nc=4").unwrap().iter().map(|p| p.line).collect();
        assert_eq!(vec![2, 4, 6], lines);
    }
}
