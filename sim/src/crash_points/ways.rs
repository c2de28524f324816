//! A crash as text, so that a finding can be looked at again.

use std::{fmt, str::FromStr};

/// What happens at a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    /// The process dies; what it wrote is there for the next.
    Process,
    /// The power is cut, and each thing at risk goes its way.
    Power(Vec<u16>),
}

impl fmt::Display for Crash {
    /// `process`, or the ways, equal ones next to each other counted: `0x5,512,1x2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Power(ways) = self else { return f.write_str("process") };
        if ways.is_empty() {
            return f.write_str("nothing");
        }
        for (place, run) in ways.chunk_by(|one, other| one == other).enumerate() {
            let comma = if place == 0 { "" } else { "," };
            match run {
                [way] => write!(f, "{comma}{way}")?,
                run => write!(f, "{comma}{}x{}", run[0], run.len())?,
            }
        }
        Ok(())
    }
}

/// No point of any script has more at risk.
const AT_RISK_MAX: usize = 100_000;

impl FromStr for Crash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "process" {
            return Ok(Self::Process);
        }
        let mut ways = Vec::new();
        for part in text.split(',').filter(|part| *part != "nothing") {
            let (way, times) = part.split_once('x').unwrap_or((part, "1"));
            let (way, times) = (way.parse::<u16>(), times.parse::<usize>());
            let (Ok(way), Ok(times)) = (way, times) else {
                return Err(format!("`{part}` of `{text}` is no way, such as 0, 512 or 1x3"));
            };
            if AT_RISK_MAX < ways.len().saturating_add(times) {
                return Err(format!("`{text}` speaks of more than {AT_RISK_MAX} things"));
            }
            ways.extend(std::iter::repeat_n(way, times));
        }
        Ok(Self::Power(ways))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_is_read_as_it_is_written() {
        let ways = [vec![], vec![7], vec![0, 0, 512, 1, 1, 1]].map(Crash::Power);
        for crash in ways.into_iter().chain([Crash::Process]) {
            assert_eq!(crash.to_string().parse(), Ok(crash));
        }
        assert_eq!(Crash::Power(vec![0, 0, 512]).to_string(), "0x2,512");
        assert!("0x".parse::<Crash>().unwrap_err().contains("is no way"));
        assert!("1x99999999999".parse::<Crash>().unwrap_err().contains("more than 100000"));
    }
}
