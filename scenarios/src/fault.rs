//! Faults as data.
//!
//! A fault strikes at its time. What it does lasts until something ends it: its own `for_ms`, a
//! fault that says the opposite ([`Fault::Restart`], [`Fault::Resume`], [`Fault::HealNetwork`],
//! ...), or the heal at the end of the plan, which ends all of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A fault and its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Struck {
    /// When, in milliseconds of true time since the run began.
    pub at_ms: u64,
    /// What.
    pub fault: Fault,
}

/// What becomes of bytes, lengths and names that were not synced when the power is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unsynced {
    /// All of them stay.
    Kept,
    /// All of them are gone.
    Lost,
    /// Each sector and each name is kept, lost or torn by itself, as the seed has it.
    Torn,
}

impl fmt::Display for Unsynced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kept => "kept",
            Self::Lost => "lost",
            Self::Torn => "torn",
        })
    }
}

/// Which calls of a disk fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskCall {
    /// Reading.
    Read,
    /// Writing, extending, creating, renaming.
    Write,
    /// Syncing: what was written since the last good sync may never reach the platter, and a
    /// later sync that succeeds proves nothing about it.
    Sync,
}

/// What a node does that an ambush waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cue {
    /// It creates a file.
    Creates,
    /// It gives a file another name.
    Renames,
    /// It removes a file.
    Removes,
    /// It logs a warning or an error.
    Complains,
}

impl fmt::Display for Cue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Creates => "creates a file",
            Self::Renames => "renames a file",
            Self::Removes => "removes a file",
            Self::Complains => "logs a warning",
        })
    }
}

/// What strikes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Asks a server or a client to end, and waits until it has.
    StopGracefully {
        /// Whom.
        node: String,
    },
    /// Kills the process. Files keep everything written; the kernel closes its connections.
    Crash {
        /// Whom.
        node: String,
    },
    /// The operating system panics and boots anew. Connections fall silent; un-synced bytes are at
    /// risk.
    OsCrash {
        /// Whom.
        node: String,
        /// What becomes of un-synced bytes.
        unsynced: Unsynced,
    },
    /// Takes the power away. Connections fall silent; un-synced bytes are at risk.
    PowerCut {
        /// Whom.
        node: String,
        /// What becomes of un-synced bytes.
        unsynced: Unsynced,
    },
    /// Takes the power away and empties the disk.
    DiskLoss {
        /// Whom.
        node: String,
    },
    /// Starts a node that does not run. Nothing happens to one that runs.
    Restart {
        /// Whom.
        node: String,
    },
    /// Stops a process without ending it.
    Pause {
        /// Whom.
        node: String,
    },
    /// Lets a paused process go on.
    Resume {
        /// Whom.
        node: String,
    },
    /// Lies in wait for something that a node does, and then lets another fault strike it, once.
    Ambush {
        /// Whom.
        node: String,
        /// What it waits for.
        on: Cue,
        /// For how long it waits.
        for_ms: u64,
        /// So much later the fault strikes.
        after_ms: u64,
        /// What strikes.
        fault: Box<Self>,
        /// So much later the node is started again, if it does not run.
        down_ms: u64,
    },
    /// Nodes of different sides cannot talk. Nodes on no side talk to everybody.
    Partition {
        /// The sides.
        sides: Vec<Vec<String>>,
    },
    /// One node cannot talk to anybody.
    Isolate {
        /// Whom.
        node: String,
    },
    /// Nothing travels from one set of nodes to another; the way back works.
    AsymmetricCut {
        /// From these.
        from: Vec<String>,
        /// To these.
        to: Vec<String>,
    },
    /// Bytes between two nodes take longer, both ways.
    SlowLink {
        /// One end.
        a: String,
        /// The other end.
        b: String,
        /// Longer by at least this.
        delay_ms: u64,
        /// And by up to this on top.
        jitter_ms: u64,
    },
    /// Connections between two nodes that are open now stay open and carry nothing.
    Stall {
        /// One end.
        a: String,
        /// The other end.
        b: String,
        /// For how long.
        for_ms: u64,
    },
    /// Connections between two nodes that are open now are reset.
    Reset {
        /// One end.
        a: String,
        /// The other end.
        b: String,
    },
    /// Undoes every fault of the network.
    HealNetwork,
    /// A wall clock jumps.
    ClockStep {
        /// Whose.
        node: String,
        /// By so much; negative is back.
        by_ms: i64,
    },
    /// Both clocks of a node run fast (positive) or slow, in parts per million.
    ClockDrift {
        /// Whose.
        node: String,
        /// How much.
        ppm: i32,
    },
    /// A wall clock stands still, then shows the right time again.
    ClockFreeze {
        /// Whose.
        node: String,
        /// For how long.
        for_ms: u64,
    },
    /// No space is left on a disk.
    DiskFull {
        /// Whose.
        node: String,
    },
    /// Somebody else fills a disk up to a mark.
    DiskFilled {
        /// Whose.
        node: String,
        /// So much of it, in percent.
        used_percent: u8,
    },
    /// There is space again.
    DiskFree {
        /// Whose.
        node: String,
    },
    /// Calls of a disk fail for a while.
    DiskError {
        /// Whose.
        node: String,
        /// Which calls.
        on: DiskCall,
        /// How many of a thousand.
        per_mille: u32,
        /// For how long.
        for_ms: u64,
    },
    /// Syncs of a disk take longer for a while.
    DiskSlow {
        /// Whose.
        node: String,
        /// Longer by this.
        by_ms: u64,
        /// For how long.
        for_ms: u64,
    },
}

impl Fault {
    /// Every node it names.
    #[must_use]
    pub fn nodes(&self) -> Vec<&str> {
        match self {
            Self::StopGracefully { node }
            | Self::Crash { node }
            | Self::OsCrash { node, .. }
            | Self::PowerCut { node, .. }
            | Self::DiskLoss { node }
            | Self::Restart { node }
            | Self::Pause { node }
            | Self::Resume { node }
            | Self::Isolate { node }
            | Self::ClockStep { node, .. }
            | Self::ClockDrift { node, .. }
            | Self::ClockFreeze { node, .. }
            | Self::DiskFull { node }
            | Self::DiskFilled { node, .. }
            | Self::DiskFree { node }
            | Self::DiskError { node, .. }
            | Self::DiskSlow { node, .. } => vec![node],
            Self::Ambush { node, fault, .. } => {
                let mut nodes = fault.nodes();
                nodes.push(node);
                nodes
            }
            Self::Partition { sides } => sides.iter().flatten().map(String::as_str).collect(),
            Self::AsymmetricCut { from, to } => from.iter().chain(to).map(String::as_str).collect(),
            Self::SlowLink { a, b, .. } | Self::Stall { a, b, .. } | Self::Reset { a, b } => {
                vec![a, b]
            }
            Self::HealNetwork => Vec::new(),
        }
    }

    /// How long it lasts in milliseconds, where that is its own.
    pub(crate) fn length_mut(&mut self) -> Option<&mut u64> {
        match self {
            Self::Stall { for_ms, .. }
            | Self::Ambush { for_ms, .. }
            | Self::ClockFreeze { for_ms, .. }
            | Self::DiskError { for_ms, .. }
            | Self::DiskSlow { for_ms, .. } => Some(for_ms),
            _ => None,
        }
    }

    /// Leaves nodes out of the sides of a partition or cut. A side that is empty then is gone, and
    /// what has no two sides any more names nobody.
    pub(crate) fn keep_only(&mut self, is_there: impl Fn(&str) -> bool) {
        match self {
            Self::Partition { sides } => {
                sides.iter_mut().for_each(|side| side.retain(|node| is_there(node)));
                sides.retain(|side| !side.is_empty());
                if sides.len() < 2 {
                    sides.clear();
                }
            }
            Self::AsymmetricCut { from, to } => {
                from.retain(|node| is_there(node));
                to.retain(|node| is_there(node));
                if from.is_empty() || to.is_empty() {
                    from.clear();
                    to.clear();
                }
            }
            _ => {}
        }
    }

    /// Which row of the report it counts for; `None` for what ends a fault.
    #[must_use]
    pub const fn kind(&self) -> Option<checkers::FaultKind> {
        use checkers::FaultKind as Kind;
        Some(match self {
            Self::StopGracefully { .. } => Kind::NormalStop,
            Self::Crash { .. } => Kind::ProcessCrash,
            Self::OsCrash { .. } => Kind::OsCrash,
            Self::PowerCut { .. } => Kind::PowerCut,
            Self::DiskLoss { .. } => Kind::DiskDestroyed,
            Self::Ambush { fault, .. } => return fault.kind(),
            Self::Pause { .. } => Kind::Pause,
            Self::Partition { .. } => Kind::Partition,
            Self::Isolate { .. } => Kind::Isolate,
            Self::AsymmetricCut { .. } => Kind::AsymmetricCut,
            Self::SlowLink { .. } => Kind::SlowLink,
            Self::Stall { .. } => Kind::Stall,
            Self::Reset { .. } => Kind::Reset,
            Self::ClockStep { .. } => Kind::ClockStep,
            Self::ClockDrift { .. } => Kind::ClockDrift,
            Self::ClockFreeze { .. } => Kind::ClockFreeze,
            Self::DiskFull { .. } => Kind::DiskFull,
            Self::DiskFilled { .. } => Kind::DiskFilled,
            Self::DiskError { on: DiskCall::Read, .. } => Kind::DiskReadError,
            Self::DiskError { on: DiskCall::Write, .. } => Kind::DiskWriteError,
            Self::DiskError { on: DiskCall::Sync, .. } => Kind::DiskSyncError,
            Self::DiskSlow { .. } => Kind::DiskSlow,
            Self::Restart { .. }
            | Self::Resume { .. }
            | Self::HealNetwork
            | Self::DiskFree { .. } => return None,
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StopGracefully { node } => write!(f, "{node} is asked to stop"),
            Self::Crash { node } => write!(f, "{node} crashes"),
            Self::OsCrash { node, unsynced } => {
                write!(f, "the system of {node} panics, un-synced bytes {unsynced}")
            }
            Self::PowerCut { node, unsynced } => {
                write!(f, "power cut of {node}, un-synced bytes {unsynced}")
            }
            Self::DiskLoss { node } => write!(f, "the disk of {node} is destroyed"),
            Self::Restart { node } => write!(f, "{node} is started"),
            Self::Pause { node } => write!(f, "{node} is paused"),
            Self::Resume { node } => write!(f, "{node} goes on"),
            Self::Ambush { node, on, fault, .. } => write!(f, "once {node} {on}: {fault}"),
            Self::Partition { sides } => {
                let sides: Vec<_> = sides.iter().map(|side| side.join(", ")).collect();
                write!(f, "partition: {}", sides.join(" | "))
            }
            Self::Isolate { node } => write!(f, "{node} is isolated"),
            Self::AsymmetricCut { from, to } => {
                write!(f, "nothing travels from {} to {}", from.join(", "), to.join(", "))
            }
            Self::SlowLink { a, b, delay_ms, jitter_ms } => {
                write!(f, "slow link {a} - {b}: {delay_ms} ms and up to {jitter_ms} ms more")
            }
            Self::Stall { a, b, for_ms } => {
                write!(f, "connections {a} - {b} stall for {for_ms} ms")
            }
            Self::Reset { a, b } => write!(f, "connections {a} - {b} are reset"),
            Self::HealNetwork => f.write_str("the network is healed"),
            Self::ClockStep { node, by_ms } => write!(f, "clock of {node} jumps by {by_ms} ms"),
            Self::ClockDrift { node, ppm } => write!(f, "clocks of {node} drift by {ppm} ppm"),
            Self::ClockFreeze { node, for_ms } => {
                write!(f, "wall clock of {node} stands still for {for_ms} ms")
            }
            Self::DiskFull { node } => write!(f, "the disk of {node} is full"),
            Self::DiskFilled { node, used_percent } => {
                write!(f, "the disk of {node} is filled to {used_percent} %")
            }
            Self::DiskFree { node } => write!(f, "the disk of {node} has space again"),
            Self::DiskError { node, on, per_mille, for_ms } => {
                let call = format!("{on:?}").to_lowercase();
                write!(f, "{per_mille} of 1000 {call}s of {node}'s disk fail for {for_ms} ms")
            }
            Self::DiskSlow { node, by_ms, for_ms } => {
                write!(f, "syncs of {node} take {by_ms} ms longer for {for_ms} ms")
            }
        }
    }
}
