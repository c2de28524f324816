//! What the checkers say about a history.

use crate::ids::{GroupId, MessageId, Moment, NodeId, QueueId};

/// A thing that an explanation points at, so that a page can link to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pointer {
    /// A position in `History::sends`.
    Send(usize),
    /// A position in `History::deliveries`.
    Delivery(usize),
    /// A position in `History::pulls`.
    Pull(usize),
    /// A position in `History::commits`.
    Commit(usize),
    /// A position in `History::offset_reads`.
    OffsetRead(usize),
    /// A position in `History::faults`.
    Fault(usize),
    /// A position in `History::boots`.
    Boot(usize),
    /// A message, wherever it appears.
    Message(MessageId),
    /// A queue.
    Queue(QueueId),
    /// A group.
    Group(GroupId),
    /// A node.
    Node(NodeId),
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The checker that found it: `C01`.
    pub checker: &'static str,
    /// When the promise was broken or given, for a place on the time line.
    pub at: Moment,
    /// What happened, in one sentence for people.
    pub words: String,
    /// What it points at.
    pub pointers: Vec<Pointer>,
}

/// A departure from the ideal that the promise table allows, with its cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excuse {
    /// The checker that accepted it.
    pub checker: &'static str,
    /// What was not kept and why that is allowed: `acked within the flush window before a power
    /// cut`. The same words for every case of one kind.
    pub cause: String,
    /// How often.
    pub count: u64,
    /// One example.
    pub example: String,
}

/// What one checker found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// Its name: `C01`.
    pub checker: &'static str,
    /// Its title: `ACK-SYNC-FLUSH`.
    pub title: &'static str,
    /// What it promises, in one sentence.
    pub promise: &'static str,
    /// What it does not claim.
    pub not_claimed: &'static str,
    /// How many things it compared. 0 means that it had nothing to judge.
    pub checked: u64,
    /// What was counted: `acked sends`.
    pub unit: &'static str,
    /// Broken promises, at most [`Findings::VIOLATIONS_MAX`] of them.
    pub violations: Vec<Violation>,
    /// Broken promises beyond those.
    pub more: u64,
    /// What was excused.
    pub excuses: Vec<Excuse>,
}

impl Findings {
    /// More violations of one checker than this are counted, not described.
    pub const VIOLATIONS_MAX: usize = 50;

    /// Nothing found yet.
    pub(crate) fn new(
        checker: &'static str,
        title: &'static str,
        promise: &'static str,
        not_claimed: &'static str,
        unit: &'static str,
    ) -> Self {
        Self {
            checker,
            title,
            promise,
            not_claimed,
            checked: 0,
            unit,
            violations: Vec::new(),
            more: 0,
            excuses: Vec::new(),
        }
    }

    /// Whether every promise was kept.
    #[must_use]
    pub fn kept(&self) -> bool {
        self.violations.is_empty()
    }

    /// How many promises were broken.
    #[must_use]
    pub fn broken(&self) -> u64 {
        u64::try_from(self.violations.len()).unwrap_or(u64::MAX).saturating_add(self.more)
    }

    /// One more thing compared.
    pub(crate) fn count(&mut self) {
        self.checked += 1;
    }

    /// A broken promise.
    pub(crate) fn violate(&mut self, at: Moment, words: String, pointers: Vec<Pointer>) {
        if self.violations.len() < Self::VIOLATIONS_MAX {
            self.violations.push(Violation { checker: self.checker, at, words, pointers });
        } else {
            self.more += 1;
        }
    }

    /// An allowed departure. `example` is only asked for the first of its cause.
    pub(crate) fn excuse(&mut self, cause: &str, example: impl FnOnce() -> String) {
        if let Some(known) = self.excuses.iter_mut().find(|excuse| excuse.cause == cause) {
            known.count += 1;
            return;
        }
        self.excuses.push(Excuse {
            checker: self.checker,
            cause: cause.to_owned(),
            count: 1,
            example: example(),
        });
    }
}

/// What all checkers found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// One entry per checker, in the order of [`crate::ALL`].
    pub findings: Vec<Findings>,
}

impl Verdict {
    /// Whether every promise was kept.
    #[must_use]
    pub fn kept(&self) -> bool {
        self.findings.iter().all(Findings::kept)
    }

    /// Every described violation, in the order of time.
    #[must_use]
    pub fn violations(&self) -> Vec<&Violation> {
        let mut all: Vec<_> = self.findings.iter().flat_map(|one| &one.violations).collect();
        all.sort_by_key(|violation| violation.at);
        all
    }

    /// How many promises were broken.
    #[must_use]
    pub fn broken(&self) -> u64 {
        self.findings.iter().map(Findings::broken).sum()
    }

    /// How many things were compared.
    #[must_use]
    pub fn checked(&self) -> u64 {
        self.findings.iter().map(|one| one.checked).sum()
    }

    /// Every excuse: the cause ledger.
    pub fn excuses(&self) -> impl Iterator<Item = &Excuse> {
        self.findings.iter().flat_map(|one| &one.excuses)
    }
}

/// A length as a count.
pub(crate) fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
