//! Histories in, verdicts out: what was promised, checked.
//!
//! A [`History`] is a list of plain facts about one run. [`judge`] runs every checker over it and
//! gives a [`Verdict`]. One file holds one promise, as one pure function `check(&History) ->
//! Findings`. What an acknowledgement means stands in one table, [`promises`].
//!
//! Three rules. Unknown is never "absent": a send that timed out may be stored. A fault that a
//! promise does not cover makes an excuse with an entry in the ledger, never silence. And this
//! room imports nothing, neither ours nor anybody's.
//!
//! | checker | file | promise |
//! |---|---|---|
//! | C01 | `ack_survives_power` | an ack under SYNC_FLUSH survives a power cut |
//! | C02 | `ack_survives_crash` | every ack survives a crash of the process |
//! | C04 | `no_hole` | what a group has passed, it has consumed |
//! | C05 | `no_phantom` | what is received was sent |
//! | C06 | `offset_binding` | a queue offset means one message for ever |
//! | C08 | `single_append` | one request makes one record |
//! | C09 | `queue_order` | log, offsets and synchronous sends agree in order |
//! | C11 | `duplicates_explained` | every duplicate has a cause |
//! | C12 | `offsets_only_grow` | consumer offsets do not go back |
//! | C14 | `queue_points_into_log` | consume queues and commit log agree |
//! | C15 | `index_finds_all` | a query by key gives what a scan gives |
//! | C16 | `recovery_keeps_prefix` | recovery keeps the longest valid prefix |
//! | C17 | `retention_takes_prefix` | only old segments are deleted |
//! | C18 | `config_whole` | a configuration file or its copy can be read |
//! | C19 | `time_search` | a search by time gives what a scan gives |
//! | C20 | `filter_exact` | filters are exact, pulls go forward |
//! | C29 | `delay_never_early` | a delayed message waits |
//! | C30 | `delay_comes_true` | a delayed message comes, once |
//! | L1 | `sends_succeed` | a healed cluster takes messages |
//! | L2 | `lag_reaches_zero` | a healed cluster delivers everything |

mod ack_survives_crash;
mod ack_survives_power;
mod audit_facts;
mod config_whole;
mod delay_comes_true;
mod delay_never_early;
mod duplicates_explained;
mod fault_facts;
mod filter_exact;
mod history;
mod ids;
mod index_finds_all;
mod lag_reaches_zero;
mod ledger;
mod no_hole;
mod no_phantom;
mod offset_binding;
mod offsets_only_grow;
pub mod promises;
mod queue_order;
mod queue_points_into_log;
mod recovery_keeps_prefix;
mod retention_takes_prefix;
#[cfg(test)]
mod sample;
mod sends_succeed;
mod single_append;
mod store_facts;
mod stored;
mod time_search;
mod verdict;

pub use audit_facts::{Boundary, Bounds, EndRecord, GroupEnd, KeyQuery, QueueEnd, TimeSearch};
pub use fault_facts::{FaultFact, FaultKind};
pub use history::{
    Admin, AdminDeed, Begin, BrokerFact, Commit, Consumed, Content, Delivery, Filter, GroupFact,
    History, Mode, NodeFact, NodeKind, OffsetRead, Outcome, Pull, PullStatus, QueueFact, Rebalance,
    SendFact, SentBack,
};
pub use ids::{GroupId, MessageId, Moment, Names, NodeId, QueueId, TopicId, hash_bytes};
pub use store_facts::{
    Boot, ConfigImage, FileState, LogRecord, QueueImage, Recovery, SegmentGone, StoreImage, Unit,
};
pub use verdict::{Excuse, Findings, Pointer, Verdict, Violation};

/// A checker: a pure function of a history.
pub type Check = fn(&History) -> Findings;

/// Every checker, in the order of the report.
pub const ALL: [Check; 20] = [
    ack_survives_power::check,
    ack_survives_crash::check,
    no_hole::check,
    no_phantom::check,
    offset_binding::check,
    single_append::check,
    queue_order::check,
    duplicates_explained::check,
    offsets_only_grow::check,
    queue_points_into_log::check,
    index_finds_all::check,
    recovery_keeps_prefix::check,
    retention_takes_prefix::check,
    config_whole::check,
    time_search::check,
    filter_exact::check,
    delay_never_early::check,
    delay_comes_true::check,
    sends_succeed::check,
    lag_reaches_zero::check,
];

/// Runs every checker.
#[must_use]
pub fn judge(history: &History) -> Verdict {
    Verdict { findings: ALL.iter().map(|check| check(history)).collect() }
}
