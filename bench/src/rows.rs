//! What is measured: one entry per line of the table, with what is wanted of it.

use protocol::Serialization;

use crate::load::{Pace, Work};

/// A quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Metric {
    Rate,
    P50,
    P99,
    P999,
    CpuPerMessage,
    Private,
    Resident,
    Threads,
    IdleCores,
    Time,
    Refused,
    ForeignCores,
}

impl Metric {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rate => "messages/s",
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::P999 => "p99.9",
            Self::CpuPerMessage => "CPU per message",
            Self::Private => "private memory",
            Self::Resident => "resident memory",
            Self::Threads => "threads",
            Self::IdleCores => "cores busy",
            Self::Time => "time",
            Self::Refused => "refused",
            Self::ForeignCores => "cores busy with others",
        }
    }

    /// A value as people read it.
    pub(crate) fn text(self, value: f64) -> String {
        match self {
            Self::Rate => scaled(value, 1000.0, &["", "k", "M"]),
            Self::P50 | Self::P99 | Self::P999 | Self::CpuPerMessage => {
                scaled(value, 1000.0, &[" us", " ms", " s"])
            }
            Self::Private | Self::Resident => {
                scaled(value, 1024.0, &[" B", " KiB", " MiB", " GiB"])
            }
            Self::Time => scaled(value * 1000.0, 1000.0, &[" ms", " s"]),
            Self::IdleCores => format!("{value:.4}"),
            Self::ForeignCores => format!("{value:.2}"),
            Self::Threads | Self::Refused => format!("{value:.0}"),
        }
    }

    pub(crate) fn more_is_better(self) -> bool {
        self == Self::Rate
    }
}

/// Three digits that count, with the unit that suits them.
fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut units = units.iter();
    let mut unit = units.next().unwrap_or(&"");
    while 999.5 <= value {
        let Some(next) = units.next() else { break };
        (value, unit) = (value / step, next);
    }
    let digits = match value {
        value if value < 0.095 => 3,
        value if value < 9.95 => 2,
        value if value < 99.5 => 1,
        _ => 0,
    };
    format!("{value:.digits$}{unit}")
}

/// What is wanted of a quantity of Gantry's.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    /// At least this share of the bare echo's.
    OfEcho(Metric, f64),
    /// At least so many times better than the peer's.
    AheadOfPeer(Metric, f64),
    /// At most this.
    AtMost(Metric, f64),
}

/// Which servers a row needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stand {
    /// A broker that stays, with `flushDiskType` so.
    Staying(&'static str),
    /// One that is started and stopped in every round.
    Fresh,
}

/// What is done in a row.
#[derive(Clone)]
pub(crate) enum Doing {
    Load(Work, Pace, u32, Serialization),
    /// Starts a broker on an empty store and waits for the first accepted send.
    Start,
    /// Looks at a broker to which nobody speaks.
    Idle,
    /// Stops a broker with SIGTERM.
    Stop,
}

/// A line of the table.
pub(crate) struct Row {
    /// For `--only`.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) stand: Stand,
    pub(crate) doing: Doing,
    pub(crate) goals: &'static [Goal],
}

/// Messages per queue that pulls go through again and again.
pub(crate) const BACKLOG_PER_QUEUE: i64 = 30_000;

const BYTES: usize = 1024;
const ASYNC: Stand = Stand::Staying("ASYNC_FLUSH");
const SYNC: Stand = Stand::Staying("SYNC_FLUSH");

const fn closed(connections: u32, in_flight: usize) -> Doing {
    Doing::Load(Work::Send(BYTES), Pace::InFlight(in_flight), connections, Serialization::Json)
}

const fn offered(per_second: u32) -> Doing {
    Doing::Load(Work::Send(BYTES), Pace::PerSecond(per_second), 64, Serialization::Json)
}

use Goal::{AheadOfPeer, AtMost, OfEcho};
use Metric::{CpuPerMessage, IdleCores, P99, Private, Rate, Time};

/// The table, in its order.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "send-64x1",
        title: "send, 64 connections x 1 in flight, ASYNC_FLUSH",
        stand: ASYNC,
        doing: closed(64, 1),
        goals: &[
            OfEcho(Rate, 0.85),
            AheadOfPeer(P99, 10.0),
            AheadOfPeer(CpuPerMessage, 7.0),
            AheadOfPeer(Private, 20.0),
        ],
    },
    Row {
        name: "send-1x1",
        title: "send, 1 x 1",
        stand: ASYNC,
        doing: closed(1, 1),
        goals: &[OfEcho(Rate, 0.85)],
    },
    Row {
        name: "send-256x1",
        title: "send, 256 x 1",
        stand: ASYNC,
        doing: closed(256, 1),
        goals: &[OfEcho(Rate, 0.80)],
    },
    Row {
        name: "send-64x16",
        title: "send, 64 x 16 pipelined",
        stand: ASYNC,
        doing: closed(64, 16),
        goals: &[AheadOfPeer(Rate, 10.0), AheadOfPeer(CpuPerMessage, 12.0)],
    },
    Row {
        name: "send-16x256",
        title: "send, 16 x 256 pipelined",
        stand: ASYNC,
        doing: closed(16, 256),
        goals: &[AheadOfPeer(Rate, 10.0)],
    },
    Row {
        name: "send-64x1-binary",
        title: "send, 64 x 1, ROCKETMQ headers",
        stand: ASYNC,
        doing: Doing::Load(Work::Send(BYTES), Pace::InFlight(1), 64, Serialization::Binary),
        goals: &[OfEcho(Rate, 0.85)],
    },
    Row {
        name: "offered-5k",
        title: "send, 5,000/s offered over 64 connections (open loop)",
        stand: ASYNC,
        doing: offered(5_000),
        goals: &[AheadOfPeer(P99, 5.0)],
    },
    Row {
        name: "offered-15k",
        title: "send, 15,000/s offered over 64 connections (open loop)",
        stand: ASYNC,
        doing: offered(15_000),
        goals: &[AheadOfPeer(P99, 5.0)],
    },
    Row {
        name: "pull",
        title: "pull of a backlog, batches of 32, 4 connections",
        stand: ASYNC,
        doing: Doing::Load(
            Work::Pull(32, BACKLOG_PER_QUEUE),
            Pace::InFlight(1),
            4,
            Serialization::Json,
        ),
        goals: &[AheadOfPeer(Rate, 5.0), AheadOfPeer(CpuPerMessage, 5.0)],
    },
    Row {
        name: "sync-64x1",
        title: "send, SYNC_FLUSH, 64 x 1",
        stand: SYNC,
        doing: closed(64, 1),
        goals: &[AheadOfPeer(Rate, 4.0)],
    },
    Row {
        name: "sync-1x1",
        title: "send, SYNC_FLUSH, 1 x 1",
        stand: SYNC,
        doing: closed(1, 1),
        goals: &[AheadOfPeer(Rate, 2.5)],
    },
    Row {
        name: "sync-64x16",
        title: "send, SYNC_FLUSH, 64 x 16",
        stand: SYNC,
        doing: closed(64, 16),
        goals: &[AheadOfPeer(Rate, 6.0)],
    },
    Row {
        name: "start",
        title: "start on an empty store until the first accepted send",
        stand: Stand::Fresh,
        doing: Doing::Start,
        goals: &[AheadOfPeer(Time, 40.0)],
    },
    Row {
        name: "idle",
        title: "idle broker",
        stand: Stand::Fresh,
        doing: Doing::Idle,
        goals: &[AtMost(IdleCores, 0.002), AheadOfPeer(Private, 20.0)],
    },
    Row {
        name: "stop",
        title: "clean stop",
        stand: Stand::Fresh,
        doing: Doing::Stop,
        goals: &[AheadOfPeer(Time, 50.0)],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_people_write_them() {
        assert_eq!(Rate.text(98_432.0), "98.4k");
        assert_eq!(Rate.text(1_234_000.0), "1.23M");
        assert_eq!(Metric::P50.text(134.0), "134 us");
        assert_eq!(P99.text(999.7), "1.00 ms");
        assert_eq!(Metric::P999.text(45_000.0), "45.0 ms");
        assert_eq!(CpuPerMessage.text(0.52), "0.52 us");
        assert_eq!(Time.text(0.0123), "12.3 ms");
        assert_eq!(Time.text(3.96), "3.96 s");
        assert_eq!(Private.text(f64::from(418 << 20)), "418 MiB");
        assert_eq!(IdleCores.text(0.0751), "0.0751");
    }

    #[test]
    fn rows_have_names_of_their_own() {
        let names: std::collections::BTreeSet<_> = ROWS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), ROWS.len());
    }
}
