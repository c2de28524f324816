//! Random choices of the core: drawn from a seed, so that a replay makes the same ones.

/// A small generator (splitmix64); good enough to spread messages over queues.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Seeded.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 bits.
    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound`; 0 if there is none.
    pub(crate) fn below(&mut self, bound: i32) -> i32 {
        let bound = u64::try_from(bound).unwrap_or(0);
        if bound == 0 {
            return 0;
        }
        i32::try_from(self.next_u64() % bound).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_below_their_bound_and_follow_the_seed() {
        let (mut one, mut two) = (Dice::new(7), Dice::new(7));
        for _ in 0..100 {
            let drawn = one.below(5);
            assert!((0..5).contains(&drawn));
            assert_eq!(drawn, two.below(5));
        }
        assert_eq!(0, one.below(0));
        assert_eq!(0, one.below(-3));
    }
}
