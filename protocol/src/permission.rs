//! Permissions of a broker, a topic or a queue.
//!
//! Source: common/constant/PermName.java.

/// The topic has priorities.
pub const PRIORITY: i32 = 1 << 3;
/// Messages may be read.
pub const READ: i32 = 1 << 2;
/// Messages may be sent.
pub const WRITE: i32 = 1 << 1;
/// New topics may take their configuration from this one.
pub const INHERIT: i32 = 1;

/// Whether messages may be read.
pub const fn is_readable(permission: i32) -> bool {
    permission & READ == READ
}

/// Whether messages may be sent.
pub const fn is_writable(permission: i32) -> bool {
    permission & WRITE == WRITE
}

/// Whether new topics may take their configuration from this one.
pub const fn is_inherited(permission: i32) -> bool {
    permission & INHERIT == INHERIT
}

/// Whether it is a permission at all. Java allows no priority bit from outside.
pub const fn is_valid(permission: i32) -> bool {
    0 <= permission && permission < PRIORITY
}

/// As consoles show it: `RW-`.
pub fn text(permission: i32) -> String {
    [(READ, 'R'), (WRITE, 'W'), (INHERIT, 'X')]
        .map(|(bit, letter)| if permission & bit == bit { letter } else { '-' })
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_reads_as_java_prints_it() {
        let texts = [0, 2, 4, 6, 7].map(text);
        assert_eq!(texts, ["---", "-W-", "R--", "RW-", "RWX"]);
        assert!(is_valid(7) && !is_valid(8) && !is_valid(-1));
    }
}
