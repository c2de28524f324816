//! Opening a store: look at everything first, change nothing before all of it is understood.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use protocol::Text;
use runtime::{Disk, FileLock, Now, OpenMode, whole_file::create_directory};

use crate::{
    checkpoint::{Checkpoint, CheckpointState, Exact},
    config::{ConfigError, StoreConfig},
    directory::{NumberedFile, directories, file_name, numbered},
    durability::{Durability, Landmark},
    index::{BadIndexFile, Index, Shape},
    log::Log,
    queue::{BadFile, Queue},
    queue_files::QueueFiles,
    queues::Queues,
    recovery,
    retention::RetentionState,
    store::{QueueName, Store},
    tail::Tail,
};

/// What opening found, and what it did about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// The store was not closed cleanly.
    pub crashed: bool,
    /// Where in the log the search for its end began.
    pub scanned_from: u64,
    /// The end of the log.
    pub end: u64,
    /// Slots that were missing in queues and have been made again.
    pub slots_rebuilt: u64,
    /// Messages whose keys were missing in the index and have been put there again.
    pub keys_rebuilt: u64,
    /// Messages that no queue can hold, because of an impossible topic, queue or offset.
    pub unqueued: u64,
    /// What was cut off the end of the log.
    pub cut: Option<Cut>,
}

/// Bytes at the end of the log that are no whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Where the log ends now.
    pub at: u64,
    /// What stood there.
    pub reason: String,
    /// Later files of the log that are gone.
    pub segments: usize,
    /// Where the bytes were kept, if there were whole messages among them although nothing says
    /// that a power cut may have taken what is missing in front of them.
    pub kept_in: Option<PathBuf>,
}

/// Why a store cannot be opened. Nothing in it was changed, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A size that no store can have.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Another process uses the store.
    #[error("another process uses this store: {} is locked", path.display())]
    Locked {
        /// The locked file.
        path: PathBuf,
    },
    /// A file that was made with another configuration.
    #[error("{} has {len} bytes, {key} is configured to make it {expected}", path.display())]
    FileLength {
        /// The file.
        path: PathBuf,
        /// How long it is.
        len: u64,
        /// How long it should be.
        expected: u64,
        /// The key in RocketMQ's configuration.
        key: &'static str,
    },
    /// A file whose name does not fit the configured size.
    #[error("{} cannot start at {start}: {key} is {size}", path.display())]
    FileName {
        /// The file.
        path: PathBuf,
        /// The offset in its name.
        start: u64,
        /// The configured size, of which the offset should be a multiple.
        size: u64,
        /// The key in RocketMQ's configuration.
        key: &'static str,
    },
    /// A file of the log is absent, and was there.
    #[error("{} is missing; the log was durable up to {durable}", path.display())]
    SegmentMissing {
        /// The file.
        path: PathBuf,
        /// The end of what was durable.
        durable: u64,
    },
    /// A message that was durable is damaged. Cutting the log here would lose it and all after it
    /// without a word: restore the file from a replica or a backup, or remove the checkpoint file
    /// to accept the loss.
    #[error(
        "the log is damaged at {at} ({reason}) in {}, but was durable up to {durable}",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in the log.
        at: u64,
        /// What stands there.
        reason: String,
        /// The end of what was durable.
        durable: u64,
    },
    /// The operating system refused. What was changed is repeated by the next start.
    #[error("cannot {verb} {}: {cause}", path.display())]
    Disk {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
}

pub(crate) fn failed<'a>(
    verb: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> OpenError + 'a {
    move |cause| OpenError::Disk { verb, path: path.to_path_buf(), cause }
}

/// What lies in the directory of the log.
#[derive(Debug, Default)]
pub(crate) struct FoundLog {
    /// Files without a gap between them.
    pub(crate) run: Vec<NumberedFile>,
    /// Files behind a gap, and files without content.
    pub(crate) behind: Vec<NumberedFile>,
}

impl FoundLog {
    /// The first byte that is known.
    pub(crate) fn start(&self) -> u64 {
        self.run.first().or(self.behind.first()).map_or(0, |file| file.start)
    }
}

/// What lies in the directories of the queues.
pub(crate) struct FoundQueues {
    pub(crate) queues: Queues,
    pub(crate) gaps: Gaps,
    pub(crate) batch_topics: BTreeSet<Text>,
}

/// Gaps between the names of queue files.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    /// Files before or behind a gap that are of no use, by first byte.
    pub(crate) useless: Vec<(QueueName, Vec<u64>)>,
    /// A file is lost whose slots the log may still have.
    pub(crate) lost: bool,
}

impl Store {
    /// Opens the store in `config.root`, or makes an empty one.
    ///
    /// # Errors
    /// One per thing that can be wrong; each names the file, what it holds and what it should.
    pub async fn open(
        disk: Arc<dyn Disk>,
        now: Now,
        config: StoreConfig,
    ) -> Result<(Self, Opened), OpenError> {
        config.check()?;
        let log_directory = config.log_directory();
        for directory in [&config.root, &log_directory] {
            create_directory(&disk, directory).await.map_err(failed("create", directory))?;
        }
        let lock = take_lock(&*disk, &config.root)?;
        let abort = config.root.join("abort");
        let crashed = disk.exists(&abort);

        let checkpoint_path = config.root.join("checkpoint");
        let checkpoint =
            Checkpoint::load(&*disk, &checkpoint_path).map_err(failed("read", &checkpoint_path))?;
        let short_for = checkpoint.exact().filter(|_| crashed);
        let found_log = find_log(&*disk, &config, short_for)?;
        let found_queues = find_queues(&disk, &config, found_log.start())?;
        let index = find_index(&disk, &config)?;
        write_abort(&*disk, &abort, config.pid).await?;

        let tail = Tail::new(config.memory.tail_bytes, config.memory.tail_chunk_bytes);
        let mut store = Self {
            log: Log::new(disk.clone(), &log_directory, config.segment_bytes, tail),
            queues: found_queues.queues,
            index,
            batch_topics: found_queues.batch_topics,
            durability: Durability::new(0, Landmark::default()),
            checkpoint: CheckpointState::new(checkpoint),
            retention: RetentionState::new(now),
            writes: None,
            last_stored_ms: 0,
            _lock: lock,
            disk,
            config,
        };
        let opened = recovery::recover(&mut store, crashed, found_log, found_queues.gaps).await?;
        tracing::info!(?opened, root = %store.config.root.display(), "store opened");
        Ok((store, opened))
    }
}

fn take_lock(disk: &dyn Disk, root: &Path) -> Result<Box<dyn FileLock>, OpenError> {
    let path = root.join("lock");
    // Nothing is written into the file: to close it once more would give up the lock.
    disk.lock(&path).map_err(|cause| match cause.kind() {
        io::ErrorKind::WouldBlock => OpenError::Locked { path: path.clone() },
        _ => failed("lock", &path)(cause),
    })
}

/// From now on the store counts as crashed, until it is closed.
async fn write_abort(disk: &dyn Disk, path: &Path, pid: u32) -> Result<(), OpenError> {
    let file = disk.open(path, OpenMode::Create).map_err(failed("create", path))?;
    let written = file.set_len(0).and_then(|()| file.write_all_at(0, pid.to_string().as_bytes()));
    written.map_err(failed("write", path))?;
    file.sync().await.map_err(failed("sync", path))?;
    let directory = disk.parent(path);
    disk.sync_dir(&directory).await.map_err(failed("sync", &directory))
}

/// A file may be shorter than it should be if recovery was interrupted while it made it shorter:
/// behind what was durable, and only if the configuration has not changed since.
fn find_log(
    disk: &dyn Disk,
    config: &StoreConfig,
    short_for: Option<Exact>,
) -> Result<FoundLog, OpenError> {
    let directory = config.log_directory();
    let (expected, key) = (config.segment_bytes, "mappedFileSizeCommitLog");
    let mut found = FoundLog::default();
    for file in numbered(disk, &directory).map_err(failed("list", &directory))? {
        let NumberedFile { start, len, ref path, .. } = file;
        let may_be_short = short_for.is_some_and(|exact| {
            exact.segment_bytes == expected && exact.durable <= start + len && len < expected
        });
        if len != 0 && len != expected && !may_be_short {
            return Err(OpenError::FileLength { path: path.clone(), len, expected, key });
        }
        if start % expected != 0 {
            return Err(OpenError::FileName { path: path.clone(), start, size: expected, key });
        }
        let next = found.run.last().map_or(start, |last| last.start + expected);
        // A file without length was created just before the process or the power went.
        if len == 0 || start != next || !found.behind.is_empty() {
            found.behind.push(file);
        } else {
            found.run.push(file);
        }
    }
    Ok(found)
}

fn find_queues(
    disk: &Arc<dyn Disk>,
    config: &StoreConfig,
    log_start: u64,
) -> Result<FoundQueues, OpenError> {
    let root = config.root.join("consumequeue");
    let open_max = config.memory.queue_files_open;
    let files = QueueFiles::new(disk.clone(), root.clone(), config.queue_file_slots, open_max);
    let mut queues = Queues::new(files);
    let mut gaps = Gaps::default();
    for topic in directories(&**disk, &root).map_err(failed("list", &root))? {
        let directory = root.join(&topic);
        for queue in directories(&**disk, &directory).map_err(failed("list", &directory))? {
            let Ok(queue_id) = queue.parse() else { continue };
            if queue_id < 0 || queue != i32::to_string(&queue_id) {
                continue;
            }
            let name = QueueName { topic: Text::from(topic.as_str()), queue_id };
            let from = (&queues.files, log_start);
            let loaded = Queue::load(queues.next_number(), name.clone(), from);
            let loaded = loaded.map_err(failed("read", &directory.join(&queue)))?;
            let loaded = loaded.map_err(|BadFile { file, expected }| OpenError::FileLength {
                path: file.path,
                len: file.len,
                expected,
                key: "mappedFileSizeConsumeQueue",
            })?;
            gaps.lost |= loaded.lost;
            if !loaded.useless.is_empty() {
                gaps.useless.push((name, loaded.useless));
            }
            if let Some(queue) = loaded.queue {
                queues.add(queue);
            }
        }
    }
    let batches = config.root.join("batchconsumequeue");
    let batch_topics = directories(&**disk, &batches).map_err(failed("list", &batches))?;
    let batch_topics = batch_topics.into_iter().map(Text::from).collect();
    Ok(FoundQueues { queues, gaps, batch_topics })
}

fn find_index(disk: &Arc<dyn Disk>, config: &StoreConfig) -> Result<Option<Index>, OpenError> {
    if !config.index {
        return Ok(None);
    }
    let directory = config.root.join("index");
    let shape = Shape { slots: config.index_slots, entries: config.index_entries };
    let mut index = Index::new(disk.clone(), &directory, shape, config.utc_offset_minutes);
    let loaded = index.load().map_err(failed("read", &directory))?;
    loaded.map_err(|BadIndexFile { path, len, expected }| OpenError::FileLength {
        path,
        len,
        expected,
        key: "maxHashSlotNum * 4 + maxIndexNum * 20 + 40",
    })?;
    Ok(Some(index))
}

/// The path of the segment that holds a byte.
pub(crate) fn segment_path(config: &StoreConfig, at: u64) -> PathBuf {
    config.log_directory().join(file_name(at - at % config.segment_bytes))
}
