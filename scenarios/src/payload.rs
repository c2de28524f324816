//! Bodies that say which message they belong to, and that show when one byte of them changed.

use checkers::{Content, MessageId, hash_bytes};

const MAGIC: &[u8; 4] = b"GNT1";

/// Bytes of a body that say whose it is; no body is shorter.
const HEAD_BYTES: usize = 16;

/// User properties of the workload begin with this.
pub(crate) const USER_PREFIX: &str = "gantry-";

/// The body of a message: its number, its length, and bytes that follow from both.
#[must_use]
pub(crate) fn body(message: MessageId, bytes: u32) -> Vec<u8> {
    let len = usize::try_from(bytes).unwrap_or(HEAD_BYTES).max(HEAD_BYTES);
    let mut body = Vec::with_capacity(len);
    body.extend_from_slice(MAGIC);
    body.extend_from_slice(&message.0.to_be_bytes());
    body.extend_from_slice(&bytes.to_be_bytes());
    // Half of the bodies compress well, half do not.
    let mut state = message.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while body.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let byte = state.to_be_bytes()[0];
        body.push(if message.0.is_multiple_of(2) { byte } else { b'a' + byte % 4 });
    }
    body
}

/// Whose body this is; `None` if it is not one of ours.
#[must_use]
pub(crate) fn owner(body: &[u8]) -> Option<MessageId> {
    let number = body.strip_prefix(MAGIC)?.first_chunk::<8>()?;
    Some(MessageId(u64::from_be_bytes(*number)))
}

/// What a history keeps of a message.
#[must_use]
pub(crate) fn content<'a>(
    body: &[u8],
    (tags, keys): (Option<&str>, Option<&str>),
    flag: i32,
    properties: impl Iterator<Item = (&'a str, &'a str)>,
) -> Content {
    let mut own: Vec<_> = properties.filter(|(name, _)| name.starts_with(USER_PREFIX)).collect();
    own.sort_unstable();
    let mut text = String::new();
    for (name, value) in own {
        for part in [name, "=", value, "\n"] {
            text.push_str(part);
        }
    }
    Content {
        message: owner(body),
        body_hash: hash_bytes(body),
        body_bytes: u32::try_from(body.len()).unwrap_or(u32::MAX),
        tags: tags.map(str::to_owned),
        keys: keys.map(str::to_owned),
        properties_hash: hash_bytes(text.as_bytes()),
        flag,
        unique_key: None,
        born_ms: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_names_its_owner() {
        for (number, bytes) in [(1, 16), (2, 1000), (u64::MAX, 17)] {
            let body = body(MessageId(number), bytes);
            assert_eq!(body.len(), bytes as usize);
            assert_eq!(owner(&body), Some(MessageId(number)));
        }
        assert_eq!(owner(b"hello"), None);
        assert_eq!(owner(b""), None);
    }

    #[test]
    fn foreign_properties_do_not_count() {
        let of = |list: &[(&'static str, &'static str)]| {
            content(b"x", (None, None), 0, list.iter().copied()).properties_hash
        };
        assert_eq!(of(&[("gantry-a", "1"), ("UNIQ_KEY", "2")]), of(&[("gantry-a", "1")]));
        assert_ne!(of(&[("gantry-a", "1")]), of(&[("gantry-a", "2")]));
    }
}
