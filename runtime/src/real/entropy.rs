//! A stream cipher seeded by the operating system.

use std::{
    fs::File,
    io::{self, Read},
    sync::{Mutex, PoisonError},
};

use rand_chacha::{
    ChaCha12Rng,
    rand_core::{Rng, SeedableRng},
};

use crate::Entropy;

pub(super) struct RealEntropy(Mutex<ChaCha12Rng>);

impl RealEntropy {
    pub(super) fn seeded() -> Self {
        match seed() {
            Ok(seed) => Self(Mutex::new(ChaCha12Rng::from_seed(seed))),
            Err(cause) => panic!("the operating system gives no randomness: {cause}"),
        }
    }
}

impl Entropy for RealEntropy {
    fn next_u64(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next_u64()
    }
}

fn seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(seed)
}
