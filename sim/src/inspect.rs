//! A broker's store as it lies on the disk, read by somebody who is not the store.
//!
//! Nothing here asks the broker. Commit log, consume queues and configuration files are read from
//! the bytes of the simulated disk, with the record format of `protocol` and no code of `store`,
//! and turned into plain facts for the checkers.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use checkers::{
    ConfigImage, FileState, History, LogRecord, MessageId, Moment, NodeId, QueueImage, StoreImage,
    Unit, hash_bytes,
};
use protocol::{
    compress, json, names,
    properties::{self, KEY_SEPARATOR},
    record::{self, RecordView, Start},
};

/// Bytes of one unit of a consume queue.
const UNIT_BYTES: usize = 20;

/// No body of a workload is longer, decompressed.
const BODY_BYTES_MAX: usize = 16 << 20;

/// Files of a disk, by path.
pub(crate) type Files = [(PathBuf, Bytes)];

/// Whose store is read, and when.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) node: NodeId,
    pub(crate) at: Moment,
    /// `storePathRootDir`.
    pub(crate) root: &'a Path,
    /// Whether the store stands still.
    pub(crate) at_rest: bool,
}

/// Everything about a store.
pub(crate) fn image(history: &mut History, look: Look<'_>, files: &Files) -> StoreImage {
    let segments = segments(look.root, files);
    let mut log = vec![];
    let log_end =
        scan(&segments, |record, physical| log.push(fact(history, look, record, physical)));
    StoreImage {
        node: look.node,
        at: look.at,
        at_rest: look.at_rest,
        segments: segments.iter().map(|(start, _)| *start).collect(),
        log,
        log_end,
        queues: queues(history, look, files),
        configs: configs(look.root, files),
    }
}

/// The number that the workload wrote into a body, after its mark.
fn number_of(body: &[u8]) -> Option<MessageId> {
    let number = body.strip_prefix(b"GNT1")?.first_chunk()?;
    Some(MessageId(u64::from_be_bytes(*number)))
}

/// Whether the commit log holds anything but zeroes past `end`.
pub(crate) fn is_written_beyond(root: &Path, files: &Files, end: u64) -> bool {
    segments(root, files).into_iter().any(|(start, content)| {
        let from = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        let rest = content.get(from.min(content.len())..).unwrap_or_default();
        // The unused rest of a full segment is not a torn tail.
        let blank = matches!(record::start(rest), Ok(Start::Blank { .. }));
        !blank && rest.iter().any(|byte| *byte != 0)
    })
}

/// Whether a record of the log has no unit in its consume queue.
pub(crate) fn is_queue_behind(image: &StoreImage) -> bool {
    let units = image.queues.iter().flat_map(|queue| &queue.units);
    let last = units.map(|unit| unit.physical).max();
    image.log.last().is_some_and(|record| last.is_none_or(|last| last < record.physical))
}

/// The whole records of one segment of the log, which begins at `start`.
pub(crate) fn records(
    history: &mut History,
    look: Look<'_>,
    (start, content): (u64, &Bytes),
) -> Vec<LogRecord> {
    let mut records = vec![];
    let segment = [(start, content)];
    scan(&segment, |record, physical| records.push(fact(history, look, record, physical)));
    records
}

/// Whether a store says that it was closed properly.
pub(crate) fn is_clean(root: &Path, files: &Files) -> bool {
    let abort = root.join("abort");
    !files.iter().any(|(path, _)| *path == abort)
}

/// Where the longest prefix of valid records ends.
pub(crate) fn valid_to(root: &Path, files: &Files) -> u64 {
    scan(&segments(root, files), |_, _| {})
}

/// The segments of the commit log, ascending, by the position that their name says.
fn segments<'a>(root: &Path, files: &'a Files) -> Vec<(u64, &'a Bytes)> {
    let directory = root.join("commitlog");
    let mut segments: Vec<(u64, &Bytes)> = files
        .iter()
        .filter(|(path, _)| path.parent() == Some(&directory))
        .filter_map(|(path, content)| Some((start_of(path)?, content)))
        .collect();
    segments.sort_unstable_by_key(|(start, _)| *start);
    segments
}

fn start_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    (name.len() == 20).then(|| name.parse().ok())?
}

/// Gives every valid record from the first segment on to `each`, up to the first place where there
/// is none. Gives the end of the last one.
fn scan(segments: &[(u64, &Bytes)], mut each: impl FnMut(&RecordView, u64)) -> u64 {
    let mut end = segments.first().map_or(0, |(start, _)| *start);
    let mut position = end;
    for (start, content) in segments {
        if *start != position {
            return end;
        }
        let mut at = 0;
        loop {
            let rest = content.slice(at.min(content.len())..);
            match record::start(&rest) {
                Ok(Start::Record { .. }) => {
                    let physical = start + at as u64;
                    let Ok(record) = RecordView::parse(rest) else { return end };
                    let placed = i64::try_from(physical) == Ok(record.physical_offset());
                    // Nobody writes zeroes into a topic or a property: a sector was lost there.
                    let texts = [record.topic_bytes(), record.properties_bytes()];
                    let torn = texts.iter().any(|text| text.contains(&0));
                    if !placed || torn || record.verify().is_err() {
                        return end;
                    }
                    each(&record, physical);
                    at += record.total_size();
                    end = start + at as u64;
                }
                // The rest of a segment is unused; the next one begins where this one ends.
                Ok(Start::Blank { .. }) => {
                    end = start + content.len() as u64;
                    break;
                }
                Ok(Start::Unwritten) | Err(_) if at == content.len() && at != 0 => break,
                Ok(Start::Unwritten) | Err(_) => return end,
            }
        }
        position = start + content.len() as u64;
    }
    end
}

fn fact(history: &mut History, look: Look<'_>, record: &RecordView, physical: u64) -> LogRecord {
    let topic = record.topic();
    let text = record.properties_text();
    let tags = properties::find(&text, properties::TAGS);
    let waits = topic.as_str() == names::SCHEDULE_TOPIC;
    let unique = properties::find(&text, properties::UNIQ_KEY);
    let keys = properties::find(&text, properties::KEYS).unwrap_or_default();
    let keys = keys.split(KEY_SEPARATOR).filter(|key| !key.is_empty());
    let topic = history.topic(&topic);
    let body = compress::plain_body(record.sys_flag(), record.body(), BODY_BYTES_MAX).ok();
    LogRecord {
        physical,
        size: u32::try_from(record.total_size()).unwrap_or(u32::MAX),
        queue: history.queue(look.node, topic, record.queue_id()),
        offset: record.queue_offset(),
        tags_code: (!waits).then(|| tags.map_or(0, properties::tags_code)),
        store_ms: record.store_timestamp(),
        keys: unique.into_iter().chain(keys).map(str::to_owned).collect(),
        message: body.and_then(|body| number_of(&body)),
        hash: hash_bytes(record.bytes()),
    }
}

/// Every consume queue, in the order of topics and numbers.
fn queues(history: &mut History, look: Look<'_>, files: &Files) -> Vec<QueueImage> {
    let root = look.root.join("consumequeue");
    let mut images: Vec<QueueImage> = vec![];
    for (path, content) in files {
        let Ok(inner) = path.strip_prefix(&root) else { continue };
        let parts: Vec<&str> = inner.iter().filter_map(|part| part.to_str()).collect();
        let [topic, number, _] = parts.as_slice() else { continue };
        let (Ok(number), Some(start)) = (number.parse(), start_of(path)) else { continue };
        let topic = history.topic(topic);
        let queue = history.queue(look.node, topic, number);
        // Files come in the order of their paths, so those of one queue follow one another.
        if images.last().is_none_or(|image| image.queue != queue) {
            images.push(QueueImage { queue, min: None, max: None, units: vec![] });
        }
        if let Some(image) = images.last_mut() {
            units(start, content, &mut image.units);
        }
    }
    images
}

fn units(start: u64, content: &Bytes, units: &mut Vec<Unit>) {
    let first = i64::try_from(start / UNIT_BYTES as u64).unwrap_or(i64::MAX);
    for (index, unit) in (first..).zip(content.chunks_exact(UNIT_BYTES)) {
        let Some((physical, size, tags_code)) = parts(unit) else { return };
        if size <= 0 {
            return;
        }
        // What stands before the first message of a queue that began late.
        if physical == 0 && size == i32::MAX {
            continue;
        }
        let (Ok(physical), Ok(size)) = (u64::try_from(physical), u32::try_from(size)) else {
            return;
        };
        units.push(Unit { index, physical, size, tags_code });
    }
}

/// Position, size and tag code of a unit.
fn parts(unit: &[u8]) -> Option<(i64, i32, i64)> {
    let (physical, rest) = unit.split_first_chunk()?;
    let (size, rest) = rest.split_first_chunk()?;
    let code = rest.first_chunk()?;
    Some((i64::from_be_bytes(*physical), i32::from_be_bytes(*size), i64::from_be_bytes(*code)))
}

/// The configuration files and their copies.
fn configs(root: &Path, files: &Files) -> Vec<ConfigImage> {
    let directory = root.join("config");
    let state = |path: &Path| {
        let Some((_, content)) = files.iter().find(|(known, _)| known == path) else {
            return FileState::Absent;
        };
        match json::read::<json::Value>(content) {
            Ok(_) if !content.is_empty() => FileState::Good,
            _ => FileState::Bad,
        }
    };
    let names = files.iter().filter_map(|(path, _)| {
        let name = path.file_name()?.to_str()?;
        let name = name.strip_suffix(".bak").unwrap_or(name);
        (path.parent() == Some(&directory) && name.ends_with(".json")).then(|| name.to_owned())
    });
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names.dedup();
    let config = |name: String| ConfigImage {
        file: state(&directory.join(&name)),
        backup: state(&directory.join(format!("{name}.bak"))),
        name,
    };
    names.into_iter().map(config).collect()
}
