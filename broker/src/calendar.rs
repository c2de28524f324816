//! Wall-clock time for people, in UTC: this process does not know where they are.

const DAY_MS: i64 = 86_400_000;

/// `2026-11-20#17:55:04:883`, as RocketMQ writes times for people.
pub(crate) fn show(ms: i64) -> String {
    let (days, of_day) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
    let (year, month, day) = civil(days);
    let (hours, minutes) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (seconds, millis) = (of_day / 1_000 % 60, of_day % 1_000);
    format!("{year:04}-{month:02}-{day:02}#{hours:02}:{minutes:02}:{seconds:02}:{millis:03}")
}

/// Year, month and day of a day since 1970, counting years from March so that leap days come last.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_rocketmq_shows_them() {
        assert_eq!("2026-11-20#17:55:04:883", show(1_795_197_304_883));
        assert_eq!("1970-01-01#00:00:00:000", show(0));
        assert_eq!("1969-12-31#23:59:59:999", show(-1));
        assert_eq!("2024-02-29#00:00:00:000", show(1_709_164_800_000));
    }
}
