//! Random numbers that never change.
//!
//! A seed must draw the same plan for ever, whatever becomes of the crates around us, so the
//! generator is written down here: splitmix64, one stream per purpose, so that one more draw for
//! the faults does not change the workload.

/// One stream of random numbers.
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// The stream of a purpose under a seed.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut dice = Self { state: seed ^ checkers::hash_bytes(purpose.as_bytes()) };
        // Neighbouring seeds differ in few bits; two rounds spread them.
        dice.state = dice.next_u64() ^ dice.next_u64().rotate_left(32);
        dice
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number from `min` to `max`, both included.
    pub fn between(&mut self, min: u64, max: u64) -> u64 {
        min + self.below(max.saturating_sub(min).saturating_add(1))
    }

    /// The same for 32 bits.
    pub fn between_u32(&mut self, min: u32, max: u32) -> u32 {
        u32::try_from(self.between(u64::from(min), u64::from(max))).unwrap_or(max)
    }

    /// True so many times of a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of several; `None` of none.
    pub fn one_of<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let place = self.below(u64::try_from(items.len()).unwrap_or(0));
        usize::try_from(place).ok().and_then(|place| items.get(place))
    }

    /// A number whose magnitude is uniform rather than its value: small ones are as likely as big
    /// ones.
    pub fn magnitude(&mut self, min: u64, max: u64) -> u64 {
        let min = min.max(1);
        let doublings = u64::from((max / min).max(1).ilog2());
        let low = min << self.between(0, doublings);
        self.between(low, low.saturating_mul(2).saturating_sub(1).min(max.max(low)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_seed_never_change() {
        let mut dice = Dice::new(7, "faults");
        let drawn = [dice.next_u64(), dice.below(1000), dice.between(5, 9), dice.magnitude(1, 64)];
        assert_eq!(drawn, [8_169_886_785_668_214_966, 887, 9, 47]);
    }

    #[test]
    fn streams_and_seeds_differ() {
        let first = |seed, purpose| Dice::new(seed, purpose).next_u64();
        assert_ne!(first(1, "a"), first(1, "b"));
        assert_ne!(first(1, "a"), first(2, "a"));
    }

    #[test]
    fn a_magnitude_stays_in_its_range() {
        let mut dice = Dice::new(1, "m");
        assert!((0..1000).map(|_| dice.magnitude(3, 100)).all(|n| (3..=100).contains(&n)));
    }
}
