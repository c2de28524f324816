//! The two ids of a message. Both are upper-case hexadecimal digits, and nothing in them tells one
//! from the other: whoever is given one has to try both.
//!
//! ```text
//!  offset id:  | store host IP | port | physical offset |            32 or 56 digits
//!              | 4 or 16 bytes | i32  | i64             |
//!  unique id:  | client's IP   | process | loader | time in the month | counter |   the same
//!              | 4 or 16 bytes | i16     | i32    | i32, milliseconds | i16     |
//! ```
//!
//! Source: common/message/{MessageDecoder, MessageClientIDSetter}.java.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use bytes::Buf;

use crate::Text;

/// Digits of an id with an IPv4 address.
const DIGITS_V4: usize = 32;
/// Digits of an id with an IPv6 address.
const DIGITS_V6: usize = 56;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageIdError {
    /// Of a length no id has.
    #[error("an id of {digits} digits has neither {DIGITS_V4} nor {DIGITS_V6}")]
    Length {
        /// How many it has.
        digits: usize,
    },
    /// Something else than a hexadecimal digit.
    #[error("an id has {found:?} where a hexadecimal digit should be")]
    NotHexadecimal {
        /// What stands there.
        found: char,
    },
    /// A port with more than 16 bits.
    #[error("an id has port {port}")]
    Port {
        /// The port.
        port: i32,
    },
}

/// Where a message lies: broker and place in its commit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OffsetId {
    /// The broker.
    pub store_host: SocketAddr,
    /// The place.
    pub physical_offset: i64,
}

impl OffsetId {
    /// The id as text.
    pub fn text(&self) -> Text {
        let mut id = Hexadecimal::with_ip(self.store_host.ip().to_canonical());
        id.put(&i32::from(self.store_host.port()).to_be_bytes());
        id.put(&self.physical_offset.to_be_bytes());
        id.0.into()
    }
}

impl fmt::Display for OffsetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl FromStr for OffsetId {
    type Err = MessageIdError;

    fn from_str(text: &str) -> Result<Self, MessageIdError> {
        let bytes = bytes_of(text)?;
        let (ip, mut rest) = ip_of(&bytes);
        let port = rest.get_i32();
        let port = u16::try_from(port).map_err(|_| MessageIdError::Port { port })?;
        Ok(Self { store_host: SocketAddr::new(ip, port), physical_offset: rest.get_i64() })
    }
}

/// What a unique id tells about the client that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UniqueId {
    /// The client's address.
    pub ip: IpAddr,
    /// The client's process, its low 16 bits.
    pub process: u16,
    /// Tells two class loaders of one process apart.
    pub loader: i32,
    /// Milliseconds since the month began where the client is.
    pub month_ms: i32,
    /// Counts ids; wraps.
    pub counter: u16,
}

impl UniqueId {
    /// The id as text.
    pub fn text(&self) -> Text {
        let mut id = Hexadecimal::with_ip(self.ip.to_canonical());
        id.put(&self.process.to_be_bytes());
        id.put(&self.loader.to_be_bytes());
        id.put(&self.month_ms.to_be_bytes());
        id.put(&self.counter.to_be_bytes());
        id.0.into()
    }

    /// About when the id was made, in milliseconds of the epoch: an id only knows the time in its
    /// month, so it was this month or, when that would be still to come, the one before. By UTC.
    pub fn near_ms(&self, now_ms: i64) -> i64 {
        let span = i64::from(self.month_ms.cast_unsigned());
        let month = month_start_ms(now_ms);
        if now_ms <= month.saturating_add(span) {
            return month_start_ms(month.saturating_sub(1)).saturating_add(span);
        }
        month.saturating_add(span)
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl FromStr for UniqueId {
    type Err = MessageIdError;

    fn from_str(text: &str) -> Result<Self, MessageIdError> {
        let bytes = bytes_of(text)?;
        let (ip, mut rest) = ip_of(&bytes);
        let process = rest.get_u16();
        let loader = rest.get_i32();
        let month_ms = rest.get_i32();
        Ok(Self { ip, process, loader, month_ms, counter: rest.get_u16() })
    }
}

/// Makes unique ids for one client.
#[derive(Debug, Clone)]
pub struct UniqueIds {
    next: UniqueId,
    month_start_ms: i64,
    next_month_start_ms: i64,
}

impl UniqueIds {
    /// For the client at `ip`, in `process`. `loader` is any number that tells this maker from
    /// others in the process: Java takes a hash, we draw it.
    pub fn new(ip: IpAddr, process: u32, loader: i32) -> Self {
        let [_, _, high, low] = process.to_be_bytes();
        let process = u16::from_be_bytes([high, low]);
        let next = UniqueId { ip, process, loader, month_ms: 0, counter: 0 };
        // Before the first month: the first id sets both.
        Self { next, month_start_ms: i64::MIN, next_month_start_ms: i64::MIN }
    }

    /// The next id, made at `now_ms`, in milliseconds of the epoch.
    ///
    /// The month is UTC's; Java takes the local one. Nothing but [`UniqueId::near_ms`] reads it.
    pub fn make(&mut self, now_ms: i64) -> Text {
        const CLOCK_STEP_MS: i64 = 1_000_000;
        if self.next_month_start_ms <= now_ms {
            self.month_start_ms = month_start_ms(now_ms);
            self.next_month_start_ms = next_month_start_ms(now_ms);
        }
        let span = now_ms.saturating_sub(self.month_start_ms);
        // A clock that was set back over the first of the month, as Java guards against it.
        let span = if -CLOCK_STEP_MS < span && span < 0 { 0 } else { span };
        let [_, _, _, _, bytes @ ..] = span.to_be_bytes();
        self.next.month_ms = i32::from_be_bytes(bytes);
        let text = self.next.text();
        self.next.counter = self.next.counter.wrapping_add(1);
        text
    }
}

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Days from the epoch to the first of the month `now_ms` is in, and of the next one.
///
/// The civil calendar counted from March, so that the leap day is a year's last.
fn months(now_ms: i64) -> (i64, i64) {
    let day = now_ms.div_euclid(DAY_MS) + 719_468;
    let day_of_era = day.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let first_of_year = 365 * year_of_era + year_of_era / 4 - year_of_era / 100;
    let day_of_year = day_of_era - first_of_year;
    let month = (5 * day_of_year + 2) / 153;
    let first = (153 * month + 2) / 5;
    // February is the last: it ends with the year, not after 31 days.
    let leap = (year_of_era + 1) % 4 == 0
        && ((year_of_era + 1) % 100 != 0 || (year_of_era + 1) % 400 == 0);
    let next = if month == 11 { 365 + i64::from(leap) } else { (153 * (month + 1) + 2) / 5 };
    let epoch = day - 719_468 - day_of_year;
    (epoch + first, epoch + next)
}

fn month_start_ms(now_ms: i64) -> i64 {
    months(now_ms).0.saturating_mul(DAY_MS)
}

fn next_month_start_ms(now_ms: i64) -> i64 {
    months(now_ms).1.saturating_mul(DAY_MS)
}

/// A text of upper-case digits.
struct Hexadecimal(String);

impl Hexadecimal {
    fn with_ip(ip: IpAddr) -> Self {
        let mut id = Self(String::with_capacity(if ip.is_ipv4() { DIGITS_V4 } else { DIGITS_V6 }));
        match ip {
            IpAddr::V4(ip) => id.put(&ip.octets()),
            IpAddr::V6(ip) => id.put(&ip.octets()),
        }
        id
    }

    fn put(&mut self, bytes: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        for byte in bytes {
            self.0.push(char::from(DIGITS[usize::from(byte >> 4)]));
            self.0.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

fn bytes_of(text: &str) -> Result<Vec<u8>, MessageIdError> {
    if text.len() != DIGITS_V4 && text.len() != DIGITS_V6 {
        return Err(MessageIdError::Length { digits: text.chars().count() });
    }
    if let Some(found) = text.chars().find(|digit| !digit.is_ascii_hexdigit()) {
        return Err(MessageIdError::NotHexadecimal { found });
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0);
    let byte = |pair: &[u8]| pair.iter().fold(0, |value, &byte| value << 4 | digit(byte));
    Ok(text.as_bytes().chunks(2).map(|pair| byte(pair).to_be_bytes()[3]).collect())
}

/// The address at the beginning of an id, and the 12 bytes behind it.
fn ip_of(bytes: &[u8]) -> (IpAddr, &[u8]) {
    let (ip, rest) = bytes.split_at(bytes.len() - 12);
    let ip = match (<[u8; 4]>::try_from(ip), <[u8; 16]>::try_from(ip)) {
        (Ok(v4), _) => IpAddr::V4(Ipv4Addr::from_octets(v4)),
        (_, Ok(v6)) => IpAddr::V6(Ipv6Addr::from_octets(v6)),
        _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    (ip, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_id_is_javas() {
        let id: OffsetId = "7F000001000051AF00000000000001F4".parse().unwrap();
        assert_eq!(id.store_host, "127.0.0.1:20911".parse().unwrap());
        assert_eq!(id.physical_offset, 500);
        assert_eq!(id.to_string(), "7F000001000051AF00000000000001F4");
        let v6 =
            OffsetId { store_host: "[2001:db8::1]:10911".parse().unwrap(), physical_offset: -1 };
        assert_eq!(v6.text(), "20010DB800000000000000000000000100002A9FFFFFFFFFFFFFFFFF");
        assert_eq!(v6.text().parse(), Ok(v6));
    }

    #[test]
    fn a_text_that_is_no_id_says_why() {
        assert_eq!("7F".parse::<OffsetId>(), Err(MessageIdError::Length { digits: 2 }));
        let found = 'g';
        assert_eq!(
            "g".repeat(32).parse::<UniqueId>(),
            Err(MessageIdError::NotHexadecimal { found })
        );
        assert_eq!(
            "7F000001FFFFFFFF00000000000001F4".parse::<OffsetId>(),
            Err(MessageIdError::Port { port: -1 })
        );
        assert_eq!(
            "é".repeat(16).parse::<UniqueId>(),
            Err(MessageIdError::NotHexadecimal { found: 'é' })
        );
    }

    #[test]
    fn ids_of_one_maker_count_up_and_name_their_time() {
        // 2026-11-20T19:40:05.123Z
        let now_ms = 1_795_203_605_123;
        let mut ids = UniqueIds::new("10.7.0.9".parse().unwrap(), 70_000, 0x1234_5678);
        let first: UniqueId = ids.make(now_ms).parse().unwrap();
        let second: UniqueId = ids.make(now_ms).parse().unwrap();
        assert_eq!((first.counter, second.counter), (0, 1));
        assert_eq!(first.process, 4464);
        assert_eq!(first.near_ms(now_ms + 1), now_ms);
        assert_eq!(first.near_ms(now_ms + 20 * DAY_MS), now_ms);
        ids.next.counter = u16::MAX;
        ids.make(now_ms);
        assert_eq!(ids.next.counter, 0);
    }

    #[test]
    fn months_begin_where_the_calendar_says() {
        for (now_ms, start_ms, next_ms) in [
            (0, 0, 2_678_400_000),
            (-1, -2_678_400_000, 0),
            (1_709_164_800_000, 1_706_745_600_000, 1_709_251_200_000), // 2024-02-29
            (1_740_787_199_999, 1_738_368_000_000, 1_740_787_200_000), // 2025-02-28, last ms
            (951_782_400_000, 949_363_200_000, 951_868_800_000),       // 2000-02-29
            (1_798_761_599_999, 1_796_083_200_000, 1_798_761_600_000), // 2026-12-31, last ms
        ] {
            assert_eq!(month_start_ms(now_ms), start_ms, "start of {now_ms}");
            assert_eq!(next_month_start_ms(now_ms), next_ms, "end of {now_ms}");
        }
    }

    #[test]
    fn a_clock_set_back_over_the_first_of_the_month_gives_zero() {
        let mut ids = UniqueIds::new("10.7.0.9".parse().unwrap(), 1, 1);
        let month = month_start_ms(1_795_203_605_123);
        ids.make(month + 5);
        let back: UniqueId = ids.make(month - 10).parse().unwrap();
        assert_eq!(back.month_ms, 0);
        assert!(ids.make(i64::MIN).len() == DIGITS_V4 && ids.make(i64::MAX).len() == DIGITS_V4);
    }
}
