//! How often each request came, how it went, and how long its answer took: plain data.

use std::time::Duration;

use crate::requests::REQUESTS;

/// Powers of two of microseconds that a latency is sorted into.
const BUCKETS: usize = 32;

/// Of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestMeter {
    /// How often it came.
    pub asked: u64,
    /// How often it was refused.
    pub refused: u64,
    /// How often its answer had to wait, for the disk or for a message.
    pub waited: u64,
    /// Latencies by the power of two of their microseconds: bucket 0 is less than 1 µs, bucket n
    /// less than 2^n.
    pub latency: [u64; BUCKETS],
}

/// Of every request, in the order of [`REQUESTS`], and of those nobody answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meters {
    requests: Vec<RequestMeter>,
    /// Requests with a code that is not in the table.
    pub unknown: u64,
}

impl Default for Meters {
    fn default() -> Self {
        Self { requests: vec![RequestMeter::default(); REQUESTS.len()], unknown: 0 }
    }
}

impl Meters {
    /// Changes the meter of one request.
    pub fn count(&mut self, place: usize, change: impl FnOnce(&mut RequestMeter)) {
        if let Some(meter) = self.requests.get_mut(place) {
            change(meter);
        }
    }

    /// Every meter with its place in [`REQUESTS`].
    pub fn iter(&self) -> impl Iterator<Item = (usize, &RequestMeter)> {
        self.requests.iter().enumerate()
    }
}

impl RequestMeter {
    /// Notes how long an answer took.
    pub fn took(&mut self, span: Duration) {
        let micros = span.as_micros();
        let bits = usize::try_from(u128::BITS - micros.leading_zeros()).unwrap_or(BUCKETS);
        if let Some(bucket) = self.latency.get_mut(bits.min(BUCKETS - 1)) {
            *bucket += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_falls_into_the_bucket_of_its_power_of_two() {
        let mut meter = RequestMeter::default();
        for (micros, bucket) in [(0, 0), (1, 1), (3, 2), (4, 3), (u64::MAX, 31)] {
            meter.took(Duration::from_micros(micros));
            assert_eq!(1, meter.latency[bucket], "{micros}");
            meter.latency[bucket] = 0;
        }
    }
}
