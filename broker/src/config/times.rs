//! Values that are lists of times: the delays of the levels, and the hours of deletion.

use super::value::Value;

/// Longest delay of a level: a hundred years. More would leave the range of the clocks.
const DELAY_MS_MAX: i64 = 36_500 * 24 * 3_600 * 1_000;

/// The delays behind the levels 1, 2, 3 and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelayLevels {
    /// As written.
    text: String,
    delays_ms: Vec<i64>,
}

impl DelayLevels {
    /// RocketMQ's 18 levels.
    pub(super) fn of_rocketmq() -> Self {
        let seconds = [1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1_200];
        let seconds = seconds.into_iter().chain([1_800, 3_600, 7_200]);
        Self {
            text: "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h".to_owned(),
            delays_ms: seconds.map(|seconds| seconds * 1_000).collect(),
        }
    }

    /// Level 1 first.
    #[must_use]
    pub fn delays_ms(&self) -> &[i64] {
        &self.delays_ms
    }
}

impl Value for DelayLevels {
    const EXPECTED: &'static str =
        "whole numbers, each followed by s, m, h or d, of at most 36500d, separated by spaces";

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_owned();
        let delays_ms = text.split_ascii_whitespace().map(delay_ms).collect::<Option<_>>()?;
        Some(Self { text, delays_ms })
    }

    fn show(&self) -> String {
        self.text.clone()
    }
}

fn delay_ms(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let number: i64 = number.parse().ok().filter(|number| 0 <= *number)?;
    number.checked_mul(seconds * 1_000).filter(|delay_ms| *delay_ms <= DELAY_MS_MAX)
}

/// Hours of the day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// As written.
    text: String,
    hours: Vec<u8>,
}

impl Hours {
    /// One hour of every day.
    pub(super) fn at(hour: u8) -> Self {
        Self { text: format!("{hour:02}"), hours: vec![hour] }
    }

    /// Each from 0 to 23.
    #[must_use]
    pub fn hours(&self) -> &[u8] {
        &self.hours
    }
}

impl Value for Hours {
    const EXPECTED: &'static str = "hours from 00 to 23, separated by `;`";

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_owned();
        let hour = |hour: &str| hour.trim().parse().ok().filter(|hour| *hour < 24);
        let hours = text.split(';').map(hour).collect::<Option<_>>()?;
        Some(Self { text, hours })
    }

    fn show(&self) -> String {
        self.text.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_in_their_units() {
        let levels = DelayLevels::parse("1s 5m 2h  1d").unwrap();
        assert_eq!([1_000, 300_000, 7_200_000, 86_400_000], levels.delays_ms());
        assert_eq!("1s 5m 2h  1d", levels.show());
        for wrong in ["1", "s", "xs", "-1s", "1w", "36501d", "99999999999999999d", "ж"] {
            assert_eq!(None, DelayLevels::parse(&format!("1s {wrong}")), "{wrong}");
        }
        let usual = DelayLevels::of_rocketmq();
        assert_eq!(Some(&usual), DelayLevels::parse(&usual.text).as_ref());
    }

    #[test]
    fn hours_are_those_of_a_day() {
        assert_eq!([4, 16, 0], Hours::parse("04; 16;0").unwrap().hours());
        for wrong in ["", "24", "-1", "4,5", "04;", "four"] {
            assert_eq!(None, Hours::parse(wrong), "{wrong}");
        }
        assert_eq!(Some(Hours::at(4)), Hours::parse("04"));
    }
}
