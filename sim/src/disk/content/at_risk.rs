//! What a power cut may do to one file, one thing at a time: for those who try all of it instead
//! of drawing.

use super::{Content, SECTOR_BYTES, of_layer, sectors_of};

/// One thing about a file that a power cut decides. Each has several ways to go, numbered from 0
/// (as if it had never been done) to [`Risk::most`] (as if it had been synced).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Risk {
    /// How many bytes of a sector reach the platter.
    Sector {
        /// Of the syncs under way, and what is dirty as the last of them.
        sync: usize,
        /// Which of its pages.
        place: usize,
        /// Which sector of the page.
        sector: usize,
        /// Where in the file the sector begins.
        at: u64,
    },
    /// Which of its lengths the file has: that of the platter, or that of a sync under way.
    Len {
        /// How many there are to choose from.
        of: u16,
    },
}

/// A whole sector.
const WHOLE_SECTOR: u16 = 512;
const _: () = assert!(WHOLE_SECTOR as usize == SECTOR_BYTES);

impl Risk {
    /// The way in which everything is kept.
    pub(crate) fn most(self) -> u16 {
        match self {
            Self::Sector { .. } => WHOLE_SECTOR,
            Self::Len { of } => of - 1,
        }
    }
}

impl Content {
    /// Everything that a power cut decides about this file.
    pub(crate) fn risks(&self) -> Vec<Risk> {
        let mut risks = Vec::new();
        for (sync, writeback) in self.at_risk().iter().enumerate() {
            for (place, (page, _, bits)) in writeback.pages.iter().enumerate() {
                for sector in sectors_of(*bits) {
                    let at = page * super::PAGE_BYTES as u64 + (sector * SECTOR_BYTES) as u64;
                    risks.push(Risk::Sector { sync, place, sector, at });
                }
            }
        }
        let of = u16::try_from(self.lens().len()).unwrap_or(u16::MAX);
        if 1 < of {
            risks.push(Risk::Len { of });
        }
        risks
    }

    /// The lengths that the file may have after a power cut: first that of the platter, last the
    /// newest.
    fn lens(&self) -> Vec<u64> {
        let at_risk = self.at_risk();
        let later = at_risk.iter().map(|sync| sync.len);
        let mut lens: Vec<u64> = [self.platter.len].into_iter().chain(later).collect();
        lens.dedup();
        lens
    }

    /// The file after a power cut in which each of its risks went its way.
    pub(crate) fn after_power_cut(&self, ways: &[(Risk, u16)]) -> Self {
        let (at_risk, lens) = (self.at_risk(), self.lens());
        let mut after = self.clone();
        let mut len = self.platter.len;
        for (risk, way) in ways {
            match *risk {
                Risk::Sector { sync, place, sector, .. } => {
                    after.platter.take_bytes(&at_risk[sync].pages[place], sector, (*way).into());
                }
                Risk::Len { .. } => len = lens[usize::from(*way)],
            }
        }
        after.reboot(len);
        after
    }

    /// A hash of what can be read.
    pub(crate) fn hash(&self) -> u64 {
        of_layer(&self.cache)
    }
}
