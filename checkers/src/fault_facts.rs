//! What struck whom, and when.

use crate::{
    ids::{Moment, NodeId},
    promises::Hit,
};

/// What struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// Asked to end, and ended by itself.
    NormalStop,
    /// The process died; what it wrote stays in the page cache.
    ProcessCrash,
    /// The operating system died; un-synced bytes are at risk.
    OsCrash,
    /// No power; un-synced bytes are at risk, nobody says goodbye on the network.
    PowerCut,
    /// The machine never starts again.
    MachineGone,
    /// Everything on the disk is gone.
    DiskDestroyed,
    /// The process stands still, then goes on.
    Pause,
    /// Two or more sides cannot talk.
    Partition,
    /// One node cannot talk to anybody.
    Isolate,
    /// One direction is cut.
    AsymmetricCut,
    /// A link is slow.
    SlowLink,
    /// A connection carries nothing but stays open.
    Stall,
    /// Connections are reset.
    Reset,
    /// A wall clock jumped.
    ClockStep,
    /// A clock runs fast or slow.
    ClockDrift,
    /// A wall clock stands still.
    ClockFreeze,
    /// No space left.
    DiskFull,
    /// Somebody else filled the disk up to a mark.
    DiskFilled,
    /// Reads fail.
    DiskReadError,
    /// Writes fail.
    DiskWriteError,
    /// Syncs fail.
    DiskSyncError,
    /// The disk is slow.
    DiskSlow,
    /// Stored bytes changed by themselves.
    BitRot,
}

impl FaultKind {
    /// Every kind, in the order of the report.
    pub const ALL: [Self; 23] = [
        Self::NormalStop,
        Self::ProcessCrash,
        Self::OsCrash,
        Self::PowerCut,
        Self::MachineGone,
        Self::DiskDestroyed,
        Self::Pause,
        Self::Partition,
        Self::Isolate,
        Self::AsymmetricCut,
        Self::SlowLink,
        Self::Stall,
        Self::Reset,
        Self::ClockStep,
        Self::ClockDrift,
        Self::ClockFreeze,
        Self::DiskFull,
        Self::DiskFilled,
        Self::DiskReadError,
        Self::DiskWriteError,
        Self::DiskSyncError,
        Self::DiskSlow,
        Self::BitRot,
    ];

    /// Words for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NormalStop => "normal stop",
            Self::ProcessCrash => "process crash",
            Self::OsCrash => "operating system crash",
            Self::PowerCut => "power cut",
            Self::MachineGone => "machine gone",
            Self::DiskDestroyed => "disk destroyed",
            Self::Pause => "pause",
            Self::Partition => "partition",
            Self::Isolate => "isolation",
            Self::AsymmetricCut => "one-way cut",
            Self::SlowLink => "slow link",
            Self::Stall => "stalled connection",
            Self::Reset => "connection reset",
            Self::ClockStep => "clock step",
            Self::ClockDrift => "clock drift",
            Self::ClockFreeze => "frozen clock",
            Self::DiskFull => "disk full",
            Self::DiskFilled => "disk filled",
            Self::DiskReadError => "read error",
            Self::DiskWriteError => "write error",
            Self::DiskSyncError => "sync error",
            Self::DiskSlow => "slow disk",
            Self::BitRot => "bit rot",
        }
    }

    /// Whether it can keep a node from saying goodbye to its peers.
    #[must_use]
    pub const fn parts(self) -> bool {
        self.hit().is_some() || self.holds_back() || matches!(self, Self::Reset)
    }

    /// Whether a disk refuses to read, write or sync.
    #[must_use]
    pub const fn is_of_disk(self) -> bool {
        matches!(
            self,
            Self::DiskFull | Self::DiskReadError | Self::DiskWriteError | Self::DiskSyncError
        )
    }

    /// Whether messages that are under way may stay there until it is over.
    #[must_use]
    pub const fn holds_back(self) -> bool {
        matches!(
            self,
            Self::Pause
                | Self::Partition
                | Self::Isolate
                | Self::AsymmetricCut
                | Self::SlowLink
                | Self::Stall
        )
    }

    /// The column of the promise table, for a fault that can cost stored bytes.
    #[must_use]
    pub const fn hit(self) -> Option<Hit> {
        match self {
            Self::NormalStop => Some(Hit::NormalStop),
            Self::ProcessCrash => Some(Hit::ProcessCrash),
            Self::OsCrash => Some(Hit::OsCrash),
            Self::PowerCut => Some(Hit::PowerCut),
            Self::MachineGone => Some(Hit::MachineGone),
            Self::DiskDestroyed => Some(Hit::DiskDestroyed),
            _ => None,
        }
    }
}

/// A fault that struck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultFact {
    /// When it began.
    pub at: Moment,
    /// When it was over; `None` if it was over at once or never.
    pub until: Option<Moment>,
    /// What it was.
    pub kind: FaultKind,
    /// Whom it struck.
    pub nodes: Vec<NodeId>,
    /// What it did, for people.
    pub words: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_atlas_knows_every_kind() {
        let atlas = include_str!("../../docs/faults.md");
        for kind in FaultKind::ALL {
            let row = format!("\n| {} |", kind.words());
            assert!(atlas.contains(&row), "docs/faults.md has no row for `{}`", kind.words());
        }
    }
}
