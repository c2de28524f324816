//! Plays a script on a store over a [`Stage`].

use std::{
    future::Future,
    path::{Path, PathBuf},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use runtime::{Disk, Monotonic, Now, whole_file};
use store::{
    Appended, CheckpointJob, Flush, MemoryLimits, Opened, RetentionConfig, Store, StoreConfig,
    SyncJob,
};

use super::{
    Trouble, WALL_MS,
    script::{Letter, Operation, Recipient},
    sent::{Expected, FLEETING, Promise, Sent, message},
    stage::{Effect, Platters, Stage},
};
use crate::world::Draw;

/// Where the table of progress lies.
pub(super) const TABLE: &str = "store/config/progress.json";

/// A store in which everything rolls early. Each seed has one of two ways to flush.
pub(super) fn config(seed: u64) -> StoreConfig {
    let hours = (0..24).collect();
    StoreConfig {
        segment_bytes: 4096,
        queue_file_slots: 16,
        index_slots: 16,
        index_entries: 32,
        flush: if seed.is_multiple_of(2) { Flush::Async } else { Flush::Sync },
        memory: MemoryLimits {
            tail_bytes: 16_384,
            tail_chunk_bytes: 4096,
            queue_files_open: 3,
            queue_tail_slots: 3,
            waiting_slots: 10,
        },
        retention: RetentionConfig {
            reserved_hours: 0,
            delete_when_hours: hours,
            batch_max: 3,
            ..RetentionConfig::default()
        },
        ..StoreConfig::at("store")
    }
}

/// The time of every start, so that equal disks are recovered equally.
pub(super) fn beginning() -> Now {
    Now { wall_ms: WALL_MS, monotonic: Monotonic::default() }
}

/// Waits for something that goes on whenever it is asked, and does something else meanwhile.
pub(super) fn wait<T>(future: impl Future<Output = T>, mut meanwhile: impl FnMut()) -> T {
    let mut future = pin!(future);
    loop {
        let polled =
            Future::poll(Pin::as_mut(&mut future), &mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(value) = polled {
            return value;
        }
        meanwhile();
    }
}

/// Opens the store of a disk.
pub(super) fn open(stage: &Stage, config: &StoreConfig) -> Result<(Store, Opened), Trouble> {
    let disk: Arc<dyn Disk> = Arc::new(stage.clone());
    wait(Store::open(disk, beginning(), config.clone()), || {})
        .map_err(Trouble::new("does not open"))
}

/// What an operation did to the disk, and what must hold meanwhile.
pub(super) struct Played {
    pub(super) effects: Vec<Effect>,
    /// The disk when all is done.
    pub(super) after: Platters,
    pub(super) expected: Expected,
    /// Messages were lost for good: their places in the log will be given to others.
    pub(super) forgot: bool,
}

/// A store that is being used, and what its users know.
pub(super) struct Player {
    stage: Stage,
    config: StoreConfig,
    store: Option<Store>,
    sent: Vec<Sent>,
    messages: u64,
    table: u64,
    life: u32,
    deleted: bool,
    clock_ms: u64,
    draw: Draw,
}

impl Player {
    /// An empty disk, and a store that is opened on it.
    pub(super) fn new(seed: u64) -> Result<(Self, Played), Trouble> {
        let stage = Stage::new(Platters::default());
        stage.record();
        let mut player = Self {
            stage,
            config: config(seed),
            store: None,
            sent: Vec::new(),
            messages: 0,
            table: 0,
            life: 0,
            deleted: false,
            clock_ms: 0,
            draw: Draw::derive(seed, "crash play", 0),
        };
        let before = Promise::default();
        player.open()?;
        let played = player.played(before, false);
        Ok((player, played))
    }

    pub(super) fn config(&self) -> &StoreConfig {
        &self.config
    }

    /// Does one operation.
    pub(super) fn play(&mut self, operation: &Operation) -> Result<Played, Trouble> {
        let before = self.promise()?;
        self.clock_ms += 10;
        self.stage.state().wall_ms = self.now().wall_ms;
        let forgot = matches!(operation, Operation::PowerCut);
        match operation {
            Operation::Append(letter) => self.append(*letter)?,
            Operation::Batch(letters) => self.batch(letters)?,
            Operation::Window(letters) => self.window(letters)?,
            Operation::Sync(meanwhile) => self.sync(meanwhile)?,
            Operation::FlushQueues => {
                self.store()?.flush_queues().map_err(Trouble::new("cannot flush queues"))?;
            }
            Operation::Checkpoint(meanwhile) => {
                self.sync(&[])?;
                self.checkpoint(meanwhile)?;
            }
            Operation::Retention => self.retain()?,
            Operation::SaveTable => self.save_table()?,
            Operation::DeleteTopic => {
                let deleted = self.store()?.delete_topic(FLEETING);
                deleted.map_err(Trouble::new("cannot delete a topic"))?;
                self.life += 1;
                self.deleted = true;
            }
            Operation::Writeback => {
                self.stage.change("the kernel begins to write back", Platters::begin_writeback);
            }
            Operation::CloseAndOpen => self.close_and_open()?,
            Operation::Kill => self.kill()?,
            Operation::PowerCut => return self.power_cut(before),
        }
        Ok(self.played(before, forgot))
    }

    fn now(&self) -> Now {
        let span = Duration::from_millis(self.clock_ms);
        let wall_ms = WALL_MS + i64::try_from(self.clock_ms).unwrap_or(0);
        Now { wall_ms, monotonic: Monotonic::default() + span }
    }

    fn store(&mut self) -> Result<&mut Store, Trouble> {
        self.store.as_mut().ok_or_else(|| Trouble::from("no store is open"))
    }

    fn promise(&mut self) -> Result<Promise, Trouble> {
        let (table, life, deleted) = (self.table, self.life, self.deleted);
        let extent = self.store()?.extent();
        let (durable, written, start) = (extent.durable, extent.end, extent.start);
        Ok(Promise { durable, written, start, table, life, deleted })
    }

    fn played(&mut self, before: Promise, forgot: bool) -> Played {
        let after = self.promise().unwrap_or_else(|_| before.clone());
        let sent = Arc::new(self.sent.clone());
        Played {
            effects: self.stage.take_effects(),
            after: self.stage.platters(),
            expected: Expected { before, after, sent },
            forgot,
        }
    }

    fn open(&mut self) -> Result<Opened, Trouble> {
        let (store, opened) = open(&self.stage, &self.config)?;
        self.note_life(&store)?;
        self.store = Some(store);
        Ok(opened)
    }

    /// A crash may bring a removed topic back: what its queue shows now is its life.
    fn note_life(&mut self, store: &Store) -> Result<(), Trouble> {
        let shown = super::check::queue_of(store, Recipient::Fleeting)?;
        self.deleted = shown.is_empty();
        for sent in self.sent.iter_mut().filter(|sent| sent.queue == Recipient::Fleeting) {
            let is_shown = shown.iter().any(|(_, record)| *record == sent.bytes);
            if is_shown {
                sent.life = self.life;
            } else if sent.life == self.life {
                sent.life = self.life.saturating_sub(1);
            }
        }
        Ok(())
    }

    fn append(&mut self, letter: Letter) -> Result<(), Trouble> {
        let now = self.now();
        let (key, message) = self.write(letter);
        let appended = self.store()?.append(now, &message);
        let appended = appended.map_err(Trouble::new("does not take a message"))?;
        self.remember(letter, key, appended)
    }

    fn write(&mut self, letter: Letter) -> (String, protocol::record::Message) {
        self.messages += 1;
        message(letter, self.messages)
    }

    fn remember(&mut self, letter: Letter, key: String, appended: Appended) -> Result<(), Trouble> {
        let Appended { physical_offset: start, size, queue_offset: offset, .. } = appended;
        let bytes = self.store()?.read(start, size);
        let bytes = bytes.map_err(Trouble::new("cannot read what was appended"))?;
        if letter.queue == Recipient::Fleeting {
            self.deleted = false;
        }
        let (queue, end, life) = (letter.queue, appended.end(), self.life);
        self.sent.push(Sent { queue, offset, start, end, key, bytes, life });
        Ok(())
    }

    fn batch(&mut self, letters: &[Letter]) -> Result<(), Trouble> {
        let now = self.now();
        let (keys, messages): (Vec<_>, Vec<_>) = letters.iter().map(|l| self.write(*l)).unzip();
        let appended = self.store()?.append_batch(now, &messages);
        let appended = appended.map_err(Trouble::new("does not take a batch"))?;
        for ((letter, key), appended) in letters.iter().zip(keys).zip(appended) {
            self.remember(*letter, key, appended)?;
        }
        Ok(())
    }

    fn window(&mut self, letters: &[Letter]) -> Result<(), Trouble> {
        self.store()?.begin_writes();
        for letter in letters {
            self.append(*letter)?;
        }
        self.store()?.end_writes().map_err(Trouble::new("cannot write what was held"))
    }

    /// Messages that come while something else goes on: one at each of its pauses.
    fn meanwhile<T>(
        &mut self,
        letters: &[Letter],
        job: impl Future<Output = T>,
    ) -> Result<T, Trouble> {
        let mut letters = letters.iter();
        let mut outcome = Ok(());
        let done = wait(job, || {
            if let Some(letter) = letters.next()
                && outcome.is_ok()
            {
                outcome = self.append(*letter);
            }
        });
        outcome.map(|()| done)
    }

    fn sync(&mut self, meanwhile: &[Letter]) -> Result<(), Trouble> {
        let Some(job) = self.store()?.begin_sync() else { return Ok(()) };
        let synced = self.meanwhile(meanwhile, SyncJob::run(job))?;
        self.store()?.end_sync(synced).map_err(Trouble::new("cannot sync"))?;
        Ok(())
    }

    fn checkpoint(&mut self, meanwhile: &[Letter]) -> Result<(), Trouble> {
        let job = self.store()?.begin_checkpoint();
        let job = job.map_err(Trouble::new("cannot begin a checkpoint"))?;
        let Some(job) = job else { return Ok(()) };
        let done = self.meanwhile(meanwhile, CheckpointJob::run(job))?;
        self.store()?.end_checkpoint(done).map_err(Trouble::new("cannot write a checkpoint"))
    }

    fn retain(&mut self) -> Result<(), Trouble> {
        let now = self.now();
        let failed = Trouble::new("cannot remove what expired");
        let Some(job) = self.store()?.begin_retention(now).map_err(failed)? else {
            return Ok(());
        };
        let removed = wait(job.run(), || {});
        self.store()?.end_retention(removed).map_err(Trouble::new("cannot end a removal"))?;
        Ok(())
    }

    fn save_table(&mut self) -> Result<(), Trouble> {
        let version = self.table + 1;
        let disk: Arc<dyn Disk> = Arc::new(self.stage.clone());
        let content = table(version);
        let saved = whole_file::save(&disk, Path::new(TABLE), content.as_bytes());
        wait(saved, || {}).map_err(Trouble::new("cannot save a table"))?;
        self.table = version;
        Ok(())
    }

    fn close_and_open(&mut self) -> Result<(), Trouble> {
        let Some(store) = self.store.take() else { return Ok(()) };
        wait(store.close(), || {}).map_err(Trouble::new("cannot close"))?;
        let end = self.sent.last().map_or(0, |last| last.end);
        let opened = self.open()?;
        if opened.crashed || opened.end < end || opened.cut.is_some() {
            return Err(Trouble::from(format!("after a clean stop at {end}: {opened:?}")));
        }
        Ok(())
    }

    fn kill(&mut self) -> Result<(), Trouble> {
        self.store = None;
        self.stage.change("the process dies", Platters::forget_lost);
        let end = self.sent.last().map_or(0, |last| last.end);
        let opened = self.open()?;
        if opened.end < end {
            return Err(Trouble::from(format!("a process died after {end}: {opened:?}")));
        }
        Ok(())
    }

    /// Cuts the power, starts again, and goes on with what is left.
    fn power_cut(&mut self, before: Promise) -> Result<Played, Trouble> {
        self.store = None;
        let left = super::states::drawn(&self.stage.platters(), &mut self.draw);
        self.stage.change("the power is cut", |platters| *platters = left);
        let opened = self.open()?;
        let known = std::mem::take(&mut self.sent);
        let end = opened.end;
        let kept = known.iter().filter(|sent| sent.end <= end).cloned().collect();
        let mut played = self.played(before, true);
        // What is expected of this start itself is that it loses nothing it may not.
        played.expected.sent = Arc::new(known);
        self.sent = kept;
        let disk: Arc<dyn Disk> = Arc::new(self.stage.clone());
        let version = table_of(&*disk).map_err(Trouble::from)?;
        played.expected.after.table = self.table.max(version);
        self.table = version;
        // What was written before it and lost is no fault of a process that dies in this start.
        played.expected.before.written = played.expected.before.written.min(end);
        Ok(played)
    }
}

/// The content of a version of the table.
fn table(version: u64) -> String {
    // More than a sector, so that it can be torn.
    format!("{version}{}{version}", " ".repeat(600))
}

/// The version of the table that a start would find; 0 if there is none.
pub(super) fn table_of(disk: &dyn Disk) -> Result<u64, String> {
    let read = whole_file::load(disk, &PathBuf::from(TABLE)).map_err(|error| error.to_string())?;
    let Some(content) = read else { return Ok(0) };
    let text = String::from_utf8_lossy(&content);
    let version = text.split(' ').next().and_then(|first| first.parse().ok());
    version
        .filter(|version| table(*version).as_bytes() == &content[..])
        .ok_or_else(|| format!("a table of {} bytes is damaged", content.len()))
}
