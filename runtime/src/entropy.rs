//! Randomness.

/// A source of random numbers: the operating system's in production, the seed's in the simulator.
pub trait Entropy: Send + Sync {
    /// 64 uniformly random bits.
    fn next_u64(&self) -> u64;

    /// A number in `0..bound`. `bound` of 0 gives 0. The bias is below 2^-32 for bounds below 2^32.
    fn below(&self, bound: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }
}
