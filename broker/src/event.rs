//! Everything that can happen to a broker, and everything a broker can want from the world.
//!
//! [`crate::Broker::apply`] takes an [`Event`] and gives [`Effect`]s. Both are plain data that can
//! be compared: the events of a run, recorded and fed to a fresh broker on the same store, give the
//! same effects.

use std::{net::SocketAddr, time::Duration};

use protocol::{Command, Text};
use remoting::PeerId;
use runtime::DiskUsage;
use store::Synced;

/// The two ports of a broker. Both lead to the same core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// `listenPort`.
    Main,
    /// Two below it, where consuming requests are not answered.
    Fast,
}

/// Number of a call to a client, unique within a broker's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallId(pub u64);

/// How a call to a client ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// With its answer.
    Answered(Command),
    /// With silence.
    TimedOut,
    /// With a connection that is gone, or too slow to take the call.
    Failed(Text),
}

/// Something that is saved as a file of its own, below `config/` if nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// `topics.json`.
    Topics,
    /// `subscriptionGroup.json`.
    Groups,
    /// `consumerOffset.json`.
    Offsets,
    /// `delayOffset.json`.
    Delays,
    /// `messageRequestMode.json`.
    RequestModes,
    /// The file the configuration came from.
    Configuration,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 6] = [
        Self::Topics,
        Self::Groups,
        Self::Offsets,
        Self::Delays,
        Self::RequestModes,
        Self::Configuration,
    ];

    /// Its file.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Topics => "topics.json",
            Self::Groups => "subscriptionGroup.json",
            Self::Offsets => "consumerOffset.json",
            Self::Delays => "delayOffset.json",
            Self::RequestModes => "messageRequestMode.json",
            Self::Configuration => "broker.conf",
        }
    }
}

/// Everything that can happen to a broker.
#[derive(Debug)]
pub enum Event {
    /// A connection was opened to us.
    Opened {
        /// The connection.
        peer: PeerId,
        /// Where it comes from.
        remote: SocketAddr,
    },
    /// A connection is gone.
    Closed {
        /// The connection.
        peer: PeerId,
    },
    /// Somebody asks.
    Asked {
        /// Over this connection.
        peer: PeerId,
        /// Through this door.
        door: Door,
        /// This.
        command: Command,
    },
    /// A call to a client has ended.
    Called {
        /// Which.
        call: CallId,
        /// How.
        outcome: CallOutcome,
    },
    /// The sync that [`crate::Broker::begin_sync`] handed out is done.
    Synced(Synced),
    /// A table was saved, or not.
    Saved {
        /// The table.
        table: Table,
        /// The generation that was saved.
        generation: u64,
        /// Whether it is on the disk now.
        ok: bool,
    },
    /// Somebody looked how full the disk is.
    DiskLooked {
        /// How full.
        usage: DiskUsage,
    },
    /// A connection to a name server was made.
    NameServerJoined {
        /// Its place in the list.
        index: usize,
    },
    /// Time has passed.
    Ticked,
    /// The broker is about to stop: answer whoever waits, and leave the name servers.
    Stopping,
}

/// Everything a broker can want from the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Answer a request.
    Answer {
        /// Over this connection.
        peer: PeerId,
        /// With this.
        command: Command,
    },
    /// Tell a client something; it does not answer.
    Tell {
        /// Over this connection.
        peer: PeerId,
        /// This.
        command: Command,
    },
    /// Ask a client something; its answer comes as [`Event::Called`].
    Call {
        /// The number to give back.
        call: CallId,
        /// Over this connection.
        peer: PeerId,
        /// This.
        command: Command,
        /// How long to wait.
        timeout: Duration,
    },
    /// Somebody waits for the disk: begin a sync.
    Sync,
    /// Save a table, at least as new as this generation; report as [`Event::Saved`].
    Save {
        /// The table.
        table: Table,
        /// The generation.
        generation: u64,
    },
    /// Send something to name servers.
    Register {
        /// To this one; to all if absent.
        index: Option<usize>,
        /// This.
        command: Command,
    },
}
