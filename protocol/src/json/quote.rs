//! Texts in quotes.

/// Appends `text` in double quotes, escaped as fastjson does.
pub fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            0x08 => b"\\b",
            b'\t' => b"\\t",
            b'\n' => b"\\n",
            0x0c => b"\\f",
            b'\r' => b"\\r",
            0..0x20 => b"",
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[plain_from..at]);
        if escape.is_empty() {
            push_utf16(u16::from(byte), out);
        } else {
            out.extend_from_slice(escape);
        }
        plain_from = at + 1;
    }
    out.extend_from_slice(&text.as_bytes()[plain_from..]);
    out.push(b'"');
}

/// Appends `text` in double quotes, everything beyond ASCII escaped.
pub(super) fn quote_ascii(text: &str, out: &mut Vec<u8>) {
    if text.is_ascii() {
        return quote(text, out);
    }
    let mut quoted = Vec::with_capacity(text.len() + 2);
    quote(text, &mut quoted);
    for character in String::from_utf8_lossy(&quoted).chars() {
        if character.is_ascii() {
            out.extend(u8::try_from(character));
        } else {
            let mut units = [0; 2];
            character.encode_utf16(&mut units).iter().for_each(|unit| push_utf16(*unit, out));
        }
    }
}

fn push_utf16(unit: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
}
