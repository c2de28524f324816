//! How one configuration value is read from and shown as text.

use std::path::PathBuf;

/// A type that a configuration key may have.
pub trait Value: Sized {
    /// What a wrong text should have been, for the error message.
    const EXPECTED: &'static str;
    /// Reads it; `None` if the text is not one.
    fn parse(text: &str) -> Option<Self>;
    /// The text that reads back as the same value.
    fn show(&self) -> String;
}

macro_rules! number {
    ($($type:ty => $expected:literal),+ $(,)?) => {
        $(impl Value for $type {
            const EXPECTED: &'static str = $expected;
            fn parse(text: &str) -> Option<Self> {
                text.trim().parse().ok()
            }
            fn show(&self) -> String {
                self.to_string()
            }
        })+
    };
}

number! {
    i32 => "a whole number from -2147483648 to 2147483647",
    i64 => "a whole number of at most 64 bits",
    u16 => "a whole number from 0 to 65535",
    u32 => "a whole number from 0 to 4294967295",
    u64 => "a whole number of at least 0",
}

impl Value for bool {
    const EXPECTED: &'static str = "true or false";

    // Differs from Java, where every word that is not `true` means false, so that a slip silently
    // switches something off.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("true") {
            Some(true)
        } else {
            text.eq_ignore_ascii_case("false").then_some(false)
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    const EXPECTED: &'static str = "a text";

    fn parse(text: &str) -> Option<Self> {
        Some(text.trim().to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Value for PathBuf {
    const EXPECTED: &'static str = "a path";

    fn parse(text: &str) -> Option<Self> {
        Some(Self::from(text.trim()))
    }

    fn show(&self) -> String {
        self.to_string_lossy().into_owned()
    }
}

/// When a stored message counts as safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlushDiskType {
    /// Answered once written; synced in the background.
    #[default]
    AsyncFlush,
    /// Answered once synced.
    SyncFlush,
}

impl Value for FlushDiskType {
    const EXPECTED: &'static str = "ASYNC_FLUSH or SYNC_FLUSH";

    fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "ASYNC_FLUSH" => Some(Self::AsyncFlush),
            "SYNC_FLUSH" => Some(Self::SyncFlush),
            _ => None,
        }
    }

    fn show(&self) -> String {
        match self {
            Self::AsyncFlush => "ASYNC_FLUSH".to_owned(),
            Self::SyncFlush => "SYNC_FLUSH".to_owned(),
        }
    }
}

/// What this broker is in its set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BrokerRole {
    /// Takes messages and does not wait for a replica.
    #[default]
    AsyncMaster,
}

impl Value for BrokerRole {
    const EXPECTED: &'static str =
        "ASYNC_MASTER (SYNC_MASTER and SLAVE need replication, which this broker lacks yet)";

    fn parse(text: &str) -> Option<Self> {
        (text.trim() == "ASYNC_MASTER").then_some(Self::AsyncMaster)
    }

    fn show(&self) -> String {
        "ASYNC_MASTER".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_back_what_they_show() {
        assert_eq!(Some(-1), i32::parse(&(-1_i32).show()));
        assert_eq!(Some(true), bool::parse("TRUE"));
        assert_eq!(None, bool::parse("yes"));
        assert_eq!(None, i32::parse("3000000000"));
        assert_eq!(None, u16::parse("-1"));
        let sync = FlushDiskType::SyncFlush;
        assert_eq!(Some(sync), FlushDiskType::parse(&sync.show()));
        assert_eq!(None, BrokerRole::parse("SLAVE"));
    }
}
