//! Random numbers for the product: a stream per process, from the seed.

use std::sync::Mutex;

use runtime::Entropy;

use crate::world::{Draw, locked};

/// One process's random numbers.
pub(crate) struct SeedEntropy(Mutex<Draw>);

impl SeedEntropy {
    /// The stream of incarnation `life` of `node`.
    pub(crate) fn new(seed: u64, node: u32, life: u64) -> Self {
        Self(Mutex::new(Draw::derive(seed, "entropy", u64::from(node) << 32 | life)))
    }
}

impl Entropy for SeedEntropy {
    fn next_u64(&self) -> u64 {
        locked(&self.0).bits()
    }
}
