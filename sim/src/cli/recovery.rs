//! How long the clusters of a sweep took to recover: from the heal until everything was consumed.

use hdrhistogram::Histogram;
use reports::{Sweep, seconds};

/// Times are kept to three digits.
const DIGITS: u8 = 3;

/// One line, or none if no run has healed and drained.
pub(super) fn line(sweep: &Sweep) -> Option<String> {
    let times = || sweep.seeds.values().filter_map(|one| Some((one.recovery_ms?, one.seed)));
    let (longest, seed) = times().max()?;
    let mut histogram = Histogram::<u64>::new(DIGITS).ok()?;
    for (ms, _) in times() {
        // It grows as it must: a recovery is bounded by its run.
        histogram.record(ms).ok()?;
    }
    let at = |quantile| seconds(histogram.value_at_quantile(quantile));
    Some(format!(
        "Recovered {} times, until everything was consumed: p50 {}, p90 {}, p99 {}, longest {} \
         (seed {seed})",
        histogram.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        seconds(longest),
    ))
}

#[cfg(test)]
mod tests {
    use reports::SeedResult;

    use super::*;

    #[test]
    fn the_line_tells_quantiles_and_the_seed_that_took_longest() {
        let mut sweep = Sweep::default();
        assert_eq!(line(&sweep), None);
        for seed in 0..100 {
            let mut one = SeedResult::failed(seed, "mixed", String::new());
            one.recovery_ms = (seed != 50).then_some((100 - seed) * 1000);
            sweep.add(one);
        }
        assert_eq!(
            line(&sweep).as_deref(),
            Some(
                "Recovered 99 times, until everything was consumed: p50 51.0 s, p90 91.0 s, \
                 p99 100.0 s, longest 100.0 s (seed 0)"
            )
        );
    }
}
