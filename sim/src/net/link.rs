//! The wires: how long one way takes, and what is wrong with it.

use std::collections::BTreeMap;

use crate::world::{Draw, MS, Seeds};

/// What a wire is like when nothing is wrong.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    /// Least time of one way, in nanoseconds.
    pub ns_min: u64,
    /// Most time of one way, in nanoseconds.
    pub ns_max: u64,
    /// Chance in a million that bytes are lost once and sent again.
    pub loss_ppm: u32,
}

impl Default for Latency {
    fn default() -> Self {
        Self { ns_min: 50_000, ns_max: 800_000, loss_ppm: 0 }
    }
}

/// What is wrong with one direction between two nodes. Everything is counted or added, so that
/// faults that overlap end one by one.
#[derive(Clone, Debug, Default)]
struct Ills {
    cuts: u32,
    delay_ns: u64,
    jitter_ns: u64,
}

/// All wires.
pub(super) struct Links {
    pub(super) latency: Latency,
    /// The wire's own least time: some are longer than others for the whole run.
    base: BTreeMap<(u32, u32), u64>,
    ills: BTreeMap<(u32, u32), Ills>,
    seed: u64,
    draw: Draw,
}

impl Links {
    pub(super) fn new(seeds: &Seeds) -> Self {
        Self {
            latency: Latency::default(),
            base: BTreeMap::new(),
            ills: BTreeMap::new(),
            seed: seeds.seed(),
            draw: seeds.stream("wires", 0),
        }
    }

    /// How long bytes take from one node to another that leave now.
    pub(super) fn delay(&mut self, from: u32, to: u32) -> u64 {
        if from == to {
            return self.draw.between(5_000, 20_000);
        }
        let Latency { ns_min, ns_max, loss_ppm } = self.latency;
        let seed = self.seed;
        let own = *self.base.entry((from, to)).or_insert_with(|| {
            let entity = u64::from(from) << 32 | u64::from(to);
            Draw::derive(seed, "wire", entity).between(ns_min, ns_min.midpoint(ns_max))
        });
        let mut delay = self.draw.between(own, ns_max.max(own));
        if let Some(ills) = self.ills.get(&(from, to)) {
            delay += ills.delay_ns + self.draw.below(ills.jitter_ns + 1);
        }
        // Lost bytes are sent again after a time-out that doubles.
        let mut again = 200 * MS;
        while self.draw.chance(loss_ppm.min(900_000)) && again < 60_000 * MS {
            delay += again;
            again *= 2;
        }
        delay
    }

    /// Whether nothing at all travels this way.
    pub(super) fn is_cut(&self, from: u32, to: u32) -> bool {
        from != to && self.ills.get(&(from, to)).is_some_and(|ills| ills.cuts != 0)
    }

    pub(super) fn cut(&mut self, from: u32, to: u32) {
        self.ills.entry((from, to)).or_default().cuts += 1;
    }

    pub(super) fn slow(&mut self, from: u32, to: u32, delay_ns: u64, jitter_ns: u64) {
        let ills = self.ills.entry((from, to)).or_default();
        (ills.delay_ns, ills.jitter_ns) = (delay_ns, jitter_ns);
    }

    /// Nothing is wrong any more.
    pub(super) fn heal(&mut self) {
        self.ills.clear();
    }
}
