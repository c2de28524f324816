//! A walk through the records of the log, which ends at the first thing that is none.

use crate::{
    durability::Landmark,
    get::Damage,
    open::{OpenError, failed},
    rebuild::Rebuild,
    recovery::{Plan, in_queues},
    scan::{Scanner, Step, is_torn},
    store::Store,
};

/// Slots in memory before they are written, when a whole log is walked through.
const WAITING_SLOTS_MAX: usize = 1 << 20;

/// Where a walk ended, and why there.
pub(crate) struct Ended {
    pub(crate) at: u64,
    /// `None` if nothing was ever written there.
    pub(crate) bad: Option<String>,
}

/// A walk through the records of the log.
pub(crate) struct Walk {
    /// The next record.
    at: u64,
    /// Bytes from the start of the walk up to here are on disk.
    secured: u64,
    pub(crate) newest: Landmark,
}

impl Walk {
    pub(crate) fn from(at: u64) -> Self {
        Self { at, secured: at, newest: Landmark::default() }
    }

    /// Hands all records to `rebuild`, and lets it write down what it made of them when that
    /// becomes too much for the memory.
    pub(crate) async fn finish(
        &mut self,
        store: &mut Store,
        plan: Plan,
        rebuild: &mut Rebuild,
    ) -> Result<Ended, OpenError> {
        loop {
            if let Some(ended) = self.some(store, plan, rebuild)? {
                return Ok(ended);
            }
            self.secure(store, plan).await?;
            store.queues.flush(self.at, 1).map_err(in_queues(store))?;
        }
    }

    /// Goes on until the end, or until enough slots wait.
    fn some(
        &mut self,
        store: &mut Store,
        plan: Plan,
        rebuild: &mut Rebuild,
    ) -> Result<Option<Ended>, OpenError> {
        let may_be_torn = |at| plan.crashed && plan.durable <= at;
        let Store { log, queues, index, batch_topics, config, .. } = store;
        while let Some(segment) = log.segment(self.at) {
            let mut scanner = Scanner::new(segment, log.segment_bytes);
            loop {
                if WAITING_SLOTS_MAX < queues.waiting_slots() {
                    return Ok(None);
                }
                let at = self.at;
                let record = match scanner.look(at).map_err(failed("read", &segment.path))? {
                    Step::Record(record)
                        if may_be_torn(at) && is_torn(&record, at - segment.start) =>
                    {
                        return Ok(Some(Ended { at, bad: Some(Damage::Torn.to_string()) }));
                    }
                    Step::Record(record) => record,
                    Step::Blank => break,
                    Step::Unwritten => return Ok(Some(Ended { at, bad: None })),
                    Step::Bad(reason) => return Ok(Some(Ended { at, bad: Some(reason) })),
                };
                let taken = rebuild.take(&record, queues, index.as_mut(), (batch_topics, config));
                if taken.map_err(failed("rebuild", &config.root))? {
                    self.newest.last_queued = at;
                }
                self.newest.stored_ms = self.newest.stored_ms.max(record.store_timestamp());
                self.at += record.total_size() as u64;
            }
            self.at = segment.start + log.segment_bytes;
        }
        Ok(Some(Ended { at: self.at, bad: None }))
    }

    /// What the process before us wrote may not be on disk yet: slots must not point to it before.
    ///
    /// A sync of it may even have failed after that process died, and the operating system takes
    /// those bytes for clean since: they are written once more, so that our sync means something.
    pub(crate) async fn secure(&mut self, store: &Store, plan: Plan) -> Result<(), OpenError> {
        let segment_bytes = store.log.segment_bytes;
        for segment in &store.log.segments {
            let end = self.at.min(segment.start + segment_bytes);
            if end <= self.secured || end <= segment.start {
                continue;
            }
            let unsure = self.secured.max(plan.durable).max(segment.start);
            if plan.crashed && unsure < end {
                let rewritten = segment.rewrite(unsure - segment.start, end - segment.start);
                rewritten.map_err(failed("write", &segment.path))?;
            }
            segment.file.sync().await.map_err(failed("sync", &segment.path))?;
        }
        self.secured = self.at;
        let directory = &store.log.directory;
        store.disk.sync_dir(directory).await.map_err(failed("sync", directory))
    }
}
