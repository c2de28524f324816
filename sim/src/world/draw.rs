//! Random draws, one stream per component.
//!
//! Each component of the world draws from a stream of its own, derived from the seed, the
//! component's name and an entity number. One draw more in the network therefore changes nothing
//! in the disks or in the faults, which is what makes a plan shrinkable and a change bisectable.

use std::sync::Arc;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::seeds::Turn;

/// Chances are given in parts of a million.
pub(crate) const SURE: u32 = 1_000_000;

/// One stream of draws.
#[derive(Debug)]
pub(crate) struct Draw {
    numbers: ChaCha8Rng,
    /// If the world is to turn: when, and whose stream begins anew then.
    turn: Option<(Arc<Turn>, &'static str, u64)>,
}

impl Draw {
    /// The stream of `entity` in `component` under `seed`. Equal arguments give equal streams, on
    /// every machine and in every build.
    pub(crate) fn derive(seed: u64, component: &str, entity: u64) -> Self {
        let mut name = 0xcbf2_9ce4_8422_2325_u64;
        for byte in component.bytes() {
            name = (name ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let mut key = [0; 32];
        let words = [seed, name, entity, 0x6761_6e74_7279_0001];
        for (place, word) in key.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        Self { numbers: ChaCha8Rng::from_seed(key), turn: None }
    }

    /// The same stream, which begins anew under another seed once `turn` was taken.
    pub(super) fn turning(self, turn: Arc<Turn>, component: &'static str, entity: u64) -> Self {
        Self { turn: Some((turn, component, entity)), ..self }
    }

    /// 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        if let Some((turn, component, entity)) = &self.turn
            && let Some(seed) = turn.seed()
        {
            *self = Self::derive(seed, component, *entity);
        }
        self.numbers.next_u64()
    }

    /// A number below `bound`; 0 if `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.bits()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        let span = high.saturating_sub(low);
        low + if span == u64::MAX { self.bits() } else { self.below(span + 1) }
    }

    /// True with a chance of `ppm` in a million.
    pub(crate) fn chance(&mut self, ppm: u32) -> bool {
        // No draw for the impossible and the certain: switching a fault off must not shift others.
        ppm != 0 && (SURE <= ppm || self.below(u64::from(SURE)) < u64::from(ppm))
    }

    /// A place in a sequence of `count` things.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_the_same_for_ever() {
        // A changed number here means that every stored plan now plays another run.
        assert_eq!(Draw::derive(7, "net", 3).bits(), 9_822_453_620_310_516_939);
    }

    #[test]
    fn every_part_of_the_name_changes_the_stream() {
        let first = Draw::derive(1, "net", 1).bits();
        for (seed, component, entity) in [(2, "net", 1), (1, "disk", 1), (1, "net", 2)] {
            assert_ne!(first, Draw::derive(seed, component, entity).bits());
        }
    }

    #[test]
    fn the_impossible_and_the_certain_draw_nothing() {
        let mut draw = Draw::derive(1, "x", 1);
        assert!(!draw.chance(0) && draw.chance(SURE));
        assert_eq!(draw.bits(), Draw::derive(1, "x", 1).bits());
    }
}
