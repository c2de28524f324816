//! What an acknowledgement means: the one table of guarantee x configuration x fault.
//!
//! The checkers read it, the README and the report print it, `docs/promises.md` is written from
//! it, and nothing else defines it. Whatever the table does not promise turns into an entry in the
//! ledger of excuses, never into silence.

use std::fmt;

/// When a broker answers a send, with regard to its own disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flush {
    /// At once; the disk follows (`ASYNC_FLUSH`).
    Async,
    /// After the record is on the disk (`SYNC_FLUSH`).
    Sync,
}

/// Who else holds a record when the send is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Nobody. An `ASYNC_MASTER` whose replicas may be behind promises the same.
    Single,
}

/// How good an answer to a send is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ack {
    /// `SEND_OK`.
    SendOk,
    /// `FLUSH_DISK_TIMEOUT`: stored, but not known to be on the disk.
    FlushDiskTimeout,
    /// `FLUSH_SLAVE_TIMEOUT`: stored, but not known to be replicated.
    FlushSlaveTimeout,
    /// `SLAVE_NOT_AVAILABLE`: stored, nobody to replicate to.
    SlaveNotAvailable,
}

impl Ack {
    /// RocketMQ's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SendOk => "SEND_OK",
            Self::FlushDiskTimeout => "FLUSH_DISK_TIMEOUT",
            Self::FlushSlaveTimeout => "FLUSH_SLAVE_TIMEOUT",
            Self::SlaveNotAvailable => "SLAVE_NOT_AVAILABLE",
        }
    }
}

impl Flush {
    /// RocketMQ's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Async => "ASYNC_FLUSH",
            Self::Sync => "SYNC_FLUSH",
        }
    }
}

/// The six ways in which a broker can end that RocketMQ's literature names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hit {
    /// Asked to stop, and the disk took what was left to write. A stop that a full or failing
    /// disk kept from writing is a crash, and the process says so by its exit code.
    NormalStop,
    /// The process died.
    ProcessCrash,
    /// The operating system died and came back.
    OsCrash,
    /// Power was lost and restored.
    PowerCut,
    /// The machine never starts again.
    MachineGone,
    /// The disk is destroyed.
    DiskDestroyed,
}

impl Hit {
    /// All of them, mildest first.
    pub const ALL: [Self; 6] = [
        Self::NormalStop,
        Self::ProcessCrash,
        Self::OsCrash,
        Self::PowerCut,
        Self::MachineGone,
        Self::DiskDestroyed,
    ];

    /// Words for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NormalStop => "normal stop",
            Self::ProcessCrash => "process crash",
            Self::OsCrash => "OS crash",
            Self::PowerCut => "power cut",
            Self::MachineGone => "machine gone",
            Self::DiskDestroyed => "disk destroyed",
        }
    }
}

/// What is guaranteed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guarantee {
    /// An acknowledged message is in its queue, with the same bytes, at the offset acknowledged.
    Stored,
    /// Every group gets every acknowledged message at least once, or finds it among the dead
    /// letters.
    Delivered,
    /// A queue offset that anybody has seen means the same message for ever.
    OffsetBound,
    /// A consumer offset that was confirmed does not go back.
    OffsetKept,
    /// Within one queue, messages of one synchronous producer are in the order of its sends.
    Ordered,
}

impl Guarantee {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Stored, Self::Delivered, Self::OffsetBound, Self::OffsetKept, Self::Ordered];

    /// One sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Stored => {
                "an acknowledged message stays in its queue, at the offset acknowledged"
            }
            Self::Delivered => "every group gets every acknowledged message at least once",
            Self::OffsetBound => "a queue offset that was seen means one message for ever",
            Self::OffsetKept => "a consumer offset that the broker accepted does not go back",
            Self::Ordered => "messages of one synchronous producer keep their order in a queue",
        }
    }
}

/// Everything that a promise depends on, besides the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting {
    /// The flush policy.
    pub flush: Flush,
    /// Who else holds the record.
    pub role: Role,
    /// What the answer said. `None`: no answer, such as for a one-way send.
    pub ack: Option<Ack>,
}

/// How much may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Budget {
    /// What was accepted within the flush window before the fault: at most
    /// `flushCommitLogThoroughInterval` (10,000 ms unless configured), plus the time that the disk
    /// takes for one sync. The window does not run while the process stands still or syncs fail.
    FlushWindow,
    /// What was accepted within one `flushConsumerOffsetInterval` (5,000 ms unless configured)
    /// before the fault.
    OffsetWindow,
    /// The longer of the two: an offset beyond the end of a queue whose last messages were lost is
    /// lowered to it.
    EitherWindow,
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FlushWindow => "the last flush window (10,000 ms + one sync)",
            Self::OffsetWindow => "the last offset window (5,000 ms + one write)",
            Self::EitherWindow => "the last flush or offset window, whichever is longer",
        })
    }
}

/// A cell of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// Nothing is lost.
    Kept,
    /// At most this much is lost.
    LostUpTo(Budget),
    /// Nothing is promised, for this reason.
    NotPromised(&'static str),
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept => f.write_str("kept"),
            Self::LostUpTo(budget) => write!(f, "lost: at most {budget}"),
            Self::NotPromised(why) => write!(f, "not promised: {why}"),
        }
    }
}

const NO_COPY: &str = "the only copy is gone";
const NO_ANSWER: &str = "nothing was acknowledged";
const NOT_ON_DISK: &str = "the answer said that the record was not known to be on the disk";

/// The table.
#[must_use]
pub fn promise(guarantee: Guarantee, setting: Setting, hit: Hit) -> Promise {
    use Guarantee::{Delivered, OffsetBound, OffsetKept, Ordered, Stored};
    match (guarantee, hit) {
        (Stored | Delivered | Ordered, _) if setting.ack.is_none() => {
            Promise::NotPromised(NO_ANSWER)
        }
        (_, Hit::MachineGone | Hit::DiskDestroyed) => Promise::NotPromised(NO_COPY),
        (OffsetKept, Hit::NormalStop) => Promise::Kept,
        (OffsetKept, Hit::OsCrash | Hit::PowerCut) if setting.flush == Flush::Async => {
            Promise::LostUpTo(Budget::EitherWindow)
        }
        (OffsetKept, _) => Promise::LostUpTo(Budget::OffsetWindow),
        (Ordered, _) | (_, Hit::NormalStop | Hit::ProcessCrash) => Promise::Kept,
        (Stored | Delivered | OffsetBound, Hit::OsCrash | Hit::PowerCut) => unsynced(setting),
    }
}

/// What becomes of a record when un-synced bytes are lost.
fn unsynced(setting: Setting) -> Promise {
    match (setting.flush, setting.ack) {
        (Flush::Async, _) => Promise::LostUpTo(Budget::FlushWindow),
        (Flush::Sync, Some(Ack::FlushDiskTimeout)) => Promise::NotPromised(NOT_ON_DISK),
        (Flush::Sync, None) => Promise::NotPromised(NO_ANSWER),
        (Flush::Sync, Some(Ack::SendOk | Ack::FlushSlaveTimeout | Ack::SlaveNotAvailable)) => {
            Promise::Kept
        }
    }
}

/// Every setting that the table has a row for.
#[must_use]
pub fn settings() -> Vec<Setting> {
    let mut all = Vec::new();
    for flush in [Flush::Async, Flush::Sync] {
        for ack in [Some(Ack::SendOk), Some(Ack::FlushDiskTimeout), None] {
            if (flush, ack) != (Flush::Async, Some(Ack::FlushDiskTimeout)) {
                all.push(Setting { flush, role: Role::Single, ack });
            }
        }
    }
    all
}

/// The table as Markdown: one section per guarantee, one row per setting, one column per fault.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from("# What Gantry promises\n\n");
    page.push_str("Written by `checkers::promises::markdown`; do not edit.\n");
    page.push_str("The checkers judge every simulated run by this table.\n");
    for guarantee in Guarantee::ALL {
        section(&mut page, guarantee);
    }
    page
}

fn section(page: &mut String, guarantee: Guarantee) {
    let header: String = Hit::ALL.iter().map(|hit| format!(" {} |", hit.words())).collect();
    let title = guarantee.words();
    page.push_str(&format!("\n## {guarantee:?}: {title}\n\n| broker, answer |{header}\n|---|"));
    page.push_str(&"---|".repeat(Hit::ALL.len()));
    for setting in settings() {
        let answer = setting.ack.map_or("no answer (one way, timeout)", Ack::name);
        page.push_str(&format!("\n| single {}, {answer} |", setting.flush.name()));
        for hit in Hit::ALL {
            page.push_str(&format!(" {} |", promise(guarantee, setting, hit)));
        }
    }
    page.push('\n');
}

/// The rows for acknowledged messages as text, for a terminal.
#[must_use]
pub fn text() -> String {
    let mut lines = String::new();
    for flush in [Flush::Async, Flush::Sync] {
        let setting = Setting { flush, role: Role::Single, ack: Some(Ack::SendOk) };
        lines.push_str(&format!("SEND_OK from a single broker under {}:\n", flush.name()));
        for hit in Hit::ALL {
            let cell = promise(Guarantee::Stored, setting, hit);
            lines.push_str(&format!("  {:<15} {cell}\n", hit.words()));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNC: Setting =
        Setting { flush: Flush::Sync, role: Role::Single, ack: Some(Ack::SendOk) };
    const ASYNC: Setting =
        Setting { flush: Flush::Async, role: Role::Single, ack: Some(Ack::SendOk) };

    #[test]
    fn send_ok_under_sync_flush_survives_a_power_cut() {
        assert_eq!(promise(Guarantee::Stored, SYNC, Hit::PowerCut), Promise::Kept);
    }

    #[test]
    fn send_ok_under_async_flush_survives_a_process_crash_but_not_wholly_a_power_cut() {
        assert_eq!(promise(Guarantee::Stored, ASYNC, Hit::ProcessCrash), Promise::Kept);
        let cut = promise(Guarantee::Stored, ASYNC, Hit::PowerCut);
        assert_eq!(cut, Promise::LostUpTo(Budget::FlushWindow));
    }

    #[test]
    fn flush_disk_timeout_is_no_promise_of_durability() {
        let late = Setting { ack: Some(Ack::FlushDiskTimeout), ..SYNC };
        let cut = promise(Guarantee::Stored, late, Hit::PowerCut);
        assert_eq!(cut, Promise::NotPromised(NOT_ON_DISK));
        assert_eq!(promise(Guarantee::Stored, late, Hit::ProcessCrash), Promise::Kept);
    }

    #[test]
    fn a_worse_fault_never_promises_more() {
        for guarantee in Guarantee::ALL {
            for setting in settings() {
                let row: Vec<_> =
                    Hit::ALL.map(|hit| promise(guarantee, setting, hit)).into_iter().collect();
                assert!(row.is_sorted(), "{guarantee:?} {setting:?}: {row:?}");
            }
        }
    }

    #[test]
    fn the_page_has_a_row_for_every_setting_of_every_guarantee() {
        let rows = markdown().lines().filter(|line| line.starts_with("| single")).count();
        assert_eq!(rows, settings().len() * Guarantee::ALL.len());
        assert!(text().contains("SYNC_FLUSH"));
    }

    #[test]
    fn the_page_in_docs_is_the_table() {
        let page = include_str!("../../docs/promises.md");
        assert_eq!(page, markdown(), "write docs/promises.md anew from `promises::markdown`");
    }
}
