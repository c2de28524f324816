//! Random numbers for the product: a stream per process, from the seed.

use std::sync::Mutex;

use runtime::Entropy;

use crate::world::{Draw, Seeds, locked};

/// One process's random numbers.
pub(crate) struct SeedEntropy(Mutex<Draw>);

impl SeedEntropy {
    /// The stream of incarnation `life` of `node`.
    pub(crate) fn new(seeds: &Seeds, node: u32, life: u64) -> Self {
        Self(Mutex::new(seeds.stream("entropy", u64::from(node) << 32 | life)))
    }
}

impl Entropy for SeedEntropy {
    fn next_u64(&self) -> u64 {
        locked(&self.0).bits()
    }
}
