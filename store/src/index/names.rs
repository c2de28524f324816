//! Names of index files: when they were created, in local time, as `yyyyMMddHHmmssSSS`.

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const NAME_LEN: usize = 17;

pub(crate) fn is_name(name: &str) -> bool {
    name.len() == NAME_LEN && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name that sorts behind the newest one.
///
/// Differs from Java, whose new file sorts in front of older ones after the clock stepped back.
pub(crate) fn next(newest: Option<&str>, local_ms: i64) -> String {
    let name = name_of(local_ms);
    match newest {
        Some(newest) if name.as_str() <= newest => {
            newest.parse().map_or(name, |number: u64| format!("{:017}", number + 1))
        }
        _ => name,
    }
}

fn name_of(local_ms: i64) -> String {
    let (day, ms) = (local_ms.div_euclid(DAY_MS), local_ms.rem_euclid(DAY_MS));
    let (year, month, day) = date(day);
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    let (seconds, ms) = (ms / 1000 % 60, ms % 1000);
    format!("{year:04}{month:02}{day:02}{hours:02}{minutes:02}{seconds:02}{ms:03}")
}

/// The civil date of a day counted from 1970-01-01.
fn date(day: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the leap day is the last of its year.
    let day = day + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + carry, month, date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dates_and_only_grow() {
        assert_eq!(name_of(1_795_198_190_952), "20261120180950952");
        assert_eq!(name_of(951_782_400_000), "20000229000000000");
        assert_eq!(next(Some("20261120180950952"), 0), "20261120180950953");
        assert_eq!(next(None, 0), "19700101000000000");
        assert!(is_name("20261120180950952") && !is_name("2026112018095095x"));
    }
}
