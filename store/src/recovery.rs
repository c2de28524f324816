//! Finding the end of the log, and making queues and index agree with it.
//!
//! Everything but the log can be made again from the log, so recovery is one walk: from a point
//! before which queues and index are known to be on disk, through every record, to the first
//! thing that is none. What stands there is cut off, unless it is known to have been durable:
//! then the disk has lost what was promised, and the store does not open.
//!
//! Each step may be interrupted: the next start repeats it and comes to the same end.
//! Source: store/CommitLog.java `recoverNormally`, `recoverAbnormally`.

use std::io;

use runtime::{OpenMode, whole_file::create_directory};

use crate::{
    checkpoint::Exact,
    directory::{NumberedFile, file_name},
    durability::Durability,
    limits::SCAN_BYTES,
    log::{Behind, LogFailure},
    open::{Cut, FoundLog, Gaps, OpenError, Opened, failed, segment_path},
    rebuild::Rebuild,
    scan::{Scanner, Step, first_record},
    segment::Segment,
    store::{QueueName, Store},
    walk::{Ended, Walk},
};

/// Java trusts a checkpoint only up to this long before it.
const JAVA_SLACK_MS: i64 = 3000;

/// From where to walk, and what is known about the way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// A record begins here, or the log.
    from: u64,
    /// Slots and keys of records before this are whole, if they are there.
    trusted: u64,
    /// Bytes before this were durable.
    pub(crate) durable: u64,
    /// Whether a Gantry said so: then everything behind may have been lost to a power cut.
    exact: bool,
    pub(crate) crashed: bool,
}

impl Plan {
    /// How to get rid of what lies behind the end of the log.
    fn behind(self, at: u64, store: &Store) -> Behind {
        let same_size = store
            .checkpoint
            .last
            .exact()
            .is_some_and(|exact| exact.segment_bytes == store.log.segment_bytes);
        match (self.crashed, self.exact && same_size) {
            (false, true) if at == self.durable => Behind::Nothing,
            (true, true) => Behind::Forget,
            _ => Behind::Zero,
        }
    }
}

pub(crate) async fn recover(
    store: &mut Store,
    crashed: bool,
    found: FoundLog,
    gaps: Gaps,
) -> Result<Opened, OpenError> {
    let exact = store.checkpoint.last.exact();
    check_files(store, &found, crashed, exact.map_or(0, |exact| exact.durable))?;
    open_segments(store, &found)?;
    remove_useless(store, gaps.useless)?;
    let mut plan = plan(store, crashed, gaps.lost).map_err(in_log(store))?;

    let mut opened = Opened { crashed, scanned_from: plan.from, ..Opened::default() };
    let mut rebuild = Rebuild::new(store, (plan.trusted, plan.durable), plan.exact);
    let mut walk = Walk::from(plan.from);
    let mut ended = walk.finish(store, plan, &mut rebuild).await?;
    let lost = exact.is_some_and(|exact| rebuild.slots_before(store) != exact.slots);
    if (rebuild.gap || lost) && store.log.start() < plan.from {
        // Queues lack slots from before the walk began: walk through everything.
        plan.from = store.log.start();
        opened.scanned_from = plan.from;
        rebuild = Rebuild::new(store, (plan.trusted, plan.durable), plan.exact);
        walk = Walk::from(plan.from);
        ended = walk.finish(store, plan, &mut rebuild).await?;
    }
    if ended.at < plan.durable {
        return Err(damaged(store, &ended, plan.durable));
    }
    walk.secure(store, plan).await?;
    opened.cut = cut(store, plan, &ended, &found.behind).await?;
    rebuild.finish(store, ended.at).map_err(in_queues(store))?;

    (opened.slots_rebuilt, opened.keys_rebuilt) = (rebuild.slots, rebuild.keys);
    (opened.unqueued, opened.end) = (rebuild.unqueued, ended.at);
    store.durability = Durability::new(ended.at, walk.newest);
    store.last_stored_ms = walk.newest.stored_ms;
    Ok(opened)
}

/// Refuses a log that lacks a file it had.
fn check_files(
    store: &Store,
    found: &FoundLog,
    crashed: bool,
    durable: u64,
) -> Result<(), OpenError> {
    let config = &store.config;
    let end = found.run.last().map(|last| last.start + config.segment_bytes);
    let end = end.or_else(|| found.behind.first().map(|file| file.start)).unwrap_or(0);
    let missing = |durable| {
        let path = segment_path(config, end);
        Err(OpenError::SegmentMissing { path, durable })
    };
    if end < durable {
        return missing(durable);
    }
    // After a clean stop only the file prepared for what comes next may lack its length.
    if !crashed && found.behind.iter().any(|file| file.len != 0) {
        return missing(durable.max(end));
    }
    Ok(())
}

fn open_segments(store: &mut Store, found: &FoundLog) -> Result<(), OpenError> {
    for file in &found.run {
        let segment = Segment::open(&*store.disk, file.path.clone(), file.start);
        let segment = segment.map_err(failed("open", &file.path))?;
        if file.len < store.log.segment_bytes {
            let grown = segment.file.preallocate(store.log.segment_bytes);
            grown.map_err(failed("extend", &file.path))?;
        }
        store.log.segments.push_back(segment);
    }
    let start = found.behind.first().map_or(0, |file| file.start);
    let end = found.run.last().map_or(start, |last| last.start + store.log.segment_bytes);
    store.log.set_end(end);
    Ok(())
}

/// Removes files of queues that stand before or behind a gap.
fn remove_useless(store: &mut Store, useless: Vec<(QueueName, Vec<u64>)>) -> Result<(), OpenError> {
    for (name, starts) in useless {
        let directory = store.queues.files.queue_directory(&name);
        for start in starts {
            let path = directory.join(file_name(start));
            store.disk.remove_file(&path).map_err(failed("remove", &path))?;
        }
        store.queues.files.dirty_directories.insert(directory);
    }
    Ok(())
}

/// Decides from where to walk.
fn plan(store: &mut Store, crashed: bool, slots_lost: bool) -> io::Result<Plan> {
    let start = store.log.start();
    let (mut from, trusted, durable, exact) = match store.checkpoint.last.exact() {
        Some(Exact { last_queued, durable, .. }) => {
            let trusted = if crashed { last_queued } else { u64::MAX };
            (last_queued.max(start), trusted, durable, true)
        }
        None if crashed => (segment_before_checkpoint(store)?, 0, 0, false),
        None => (last_queued_of_java(store)?, u64::MAX, 0, false),
    };
    let no_slots = store.queues.iter().all(|queue| queue.end_physical == 0);
    if slots_lost || no_slots || store.log.segments.is_empty() {
        from = start;
    }
    let index_ms = store.checkpoint.last.index_ms;
    if let Some(index) = &mut store.index {
        let again = match (crashed, exact) {
            (true, true) => {
                index.repair(trusted)?;
                index.last().map(|_| trusted)
            }
            (true, false) => match index.remove_after(index_ms)? {
                Some(first_removed) => Some(first_removed),
                None => index.last().map(|last| last.physical),
            },
            (false, _) => index.last().map(|last| last.physical),
        };
        // An index without any key was lost.
        from = from.min(again.unwrap_or(start).max(start));
    }
    if from != start && !is_record(store, from)? {
        from = if durable == 0 { segment_start(store, from) } else { from };
    }
    Ok(Plan { from, trusted, durable, exact, crashed })
}

/// After a crash of a Java broker: the newest segment that begins before the checkpoint's time.
fn segment_before_checkpoint(store: &Store) -> io::Result<u64> {
    let checkpoint = &store.checkpoint.last;
    let until = checkpoint.log_ms.min(checkpoint.queues_ms).saturating_sub(JAVA_SLACK_MS);
    for segment in store.log.segments.iter().rev() {
        let first = first_record(segment, store.log.segment_bytes)?;
        let stored_ms = first.map_or(0, |record| record.store_timestamp());
        if 0 < stored_ms && stored_ms <= until {
            return Ok(segment.start);
        }
    }
    Ok(store.log.start())
}

/// After a clean stop of a Java broker: the last record that it said to have a slot, or the newest
/// segment that has any record.
fn last_queued_of_java(store: &Store) -> io::Result<u64> {
    let last_queued = u64::try_from(store.checkpoint.last.last_queued).unwrap_or(0);
    if 0 < last_queued && is_record(store, last_queued)? {
        return Ok(last_queued);
    }
    for segment in store.log.segments.iter().rev() {
        if first_record(segment, store.log.segment_bytes)?.is_some() {
            return Ok(segment.start);
        }
    }
    Ok(store.log.start())
}

fn is_record(store: &Store, at: u64) -> io::Result<bool> {
    let Some(segment) = store.log.segment(at) else { return Ok(false) };
    Ok(matches!(Scanner::new(segment, store.log.segment_bytes).look(at)?, Step::Record(_)))
}

fn segment_start(store: &Store, at: u64) -> u64 {
    store.log.segment(at).map_or(store.log.start(), |segment| segment.start)
}

fn damaged(store: &Store, ended: &Ended, durable: u64) -> OpenError {
    let reason = ended.bad.clone().unwrap_or_else(|| "nothing is written there".to_owned());
    OpenError::Corrupt {
        path: segment_path(&store.config, ended.at),
        at: ended.at,
        reason,
        durable,
    }
}

/// Makes the log end where the walk did.
async fn cut(
    store: &mut Store,
    plan: Plan,
    ended: &Ended,
    behind: &[NumberedFile],
) -> Result<Option<Cut>, OpenError> {
    let at = ended.at;
    let later: Vec<_> = store.log.segments.iter().filter(|segment| at < segment.start).collect();
    let mut written = 0;
    let mut whole = 0;
    for segment in &later {
        let head = segment.file.read_bytes(0, SCAN_BYTES.min(store.log.segment_bytes));
        let head = head.map_err(failed("read", &segment.path))?;
        written += usize::from(head.iter().any(|&byte| byte != 0));
        let first = first_record(segment, store.log.segment_bytes);
        whole += usize::from(first.map_err(failed("read", &segment.path))?.is_some());
    }
    let lost_names = behind.iter().filter(|file| file.len != 0).count();
    // A power cut takes what was not durable, here and there. If nobody said what was durable,
    // whole messages behind damaged ones are not for us to throw away.
    let keep = !plan.exact && 0 < whole + lost_names;
    let kept_in = if keep { Some(keep_rest(store, at, behind).await?) } else { None };

    for file in behind.iter().filter(|file| store.disk.exists(&file.path)) {
        store.disk.remove_file(&file.path).map_err(failed("remove", &file.path))?;
    }
    let there = store.log.end_at(at, plan.behind(at, store)).map_err(refused)?;
    // The first file of an empty log is made durable at once: without it, a later file that alone
    // survives a power cut would look like the rest of a log whose older files have expired.
    if store.log.segments.is_empty() {
        store.log.place(0).map_err(refused)?;
    }
    if let Some(last) = store.log.segments.back() {
        last.file.sync().await.map_err(failed("sync", &last.path))?;
    }
    let directory = &store.log.directory;
    store.disk.sync_dir(directory).await.map_err(failed("sync", directory))?;
    store.log.names_changed = false;

    let segments = written + lost_names;
    if !there && segments == 0 {
        return Ok(None);
    }
    let nothing = || "nothing is written there, but something behind it".to_owned();
    let cut = Cut { at, reason: ended.bad.clone().unwrap_or_else(nothing), segments, kept_in };
    tracing::warn!(?cut, "the end of the log was no whole message");
    Ok(Some(cut))
}

fn refused(LogFailure { verb, path, cause }: LogFailure) -> OpenError {
    OpenError::Disk { verb, path, cause }
}

/// Puts everything from `at` on aside: whole files by name, the rest of a file as a copy.
async fn keep_rest(
    store: &mut Store,
    at: u64,
    behind: &[NumberedFile],
) -> Result<std::path::PathBuf, OpenError> {
    let aside = store.log.directory.join("damaged");
    create_directory(&store.disk, &aside).await.map_err(failed("create", &aside))?;
    if let Some(segment) = store.log.segment(at) {
        let path = aside.join(file_name(at));
        let position = at - segment.start;
        let copied = copy(store, segment, position, &path).map_err(failed("write", &path))?;
        copied.sync().await.map_err(failed("sync", &path))?;
    }
    let later = store.log.segments.iter().filter(|segment| at < segment.start);
    let behind = behind.iter().filter(|file| file.len != 0);
    let files =
        later.map(|s| (s.start, &s.path)).chain(behind.map(|file| (file.start, &file.path)));
    for (start, path) in files {
        let target = aside.join(file_name(start));
        store.disk.rename(path, &target).map_err(failed("rename", path))?;
    }
    store.log.segments.retain(|segment| segment.start <= at);
    store.disk.sync_dir(&aside).await.map_err(failed("sync", &aside))?;
    Ok(aside)
}

fn copy(
    store: &Store,
    segment: &Segment,
    position: u64,
    to: &std::path::Path,
) -> io::Result<std::sync::Arc<dyn runtime::File>> {
    let target = store.disk.open(to, OpenMode::Create)?;
    target.set_len(0)?;
    let mut from = position;
    while from < store.log.segment_bytes {
        let len = SCAN_BYTES.min(store.log.segment_bytes - from);
        let bytes = segment.file.read_bytes(from, len)?;
        if bytes.iter().any(|&byte| byte != 0) {
            target.write_all_at(from - position, &bytes)?;
        }
        from += len;
    }
    Ok(target)
}

fn in_log(store: &Store) -> impl FnOnce(io::Error) -> OpenError + use<> {
    let path = store.log.directory.clone();
    move |cause| OpenError::Disk { verb: "read", path, cause }
}

pub(crate) fn in_queues(store: &Store) -> impl FnOnce(io::Error) -> OpenError + use<> {
    let path = store.queues.files.directory.clone();
    move |cause| OpenError::Disk { verb: "repair", path, cause }
}
