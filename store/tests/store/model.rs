//! Random work against a list: whatever happens in whatever order, the store holds what a list of
//! messages would, minus what a power cut may take.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::common::{at_ms, bodies, files, found, message, open, parse, small};
use proptest::prelude::*;
use runtime::{
    Disk, Now, OpenMode,
    memory::{MemoryDisk, finish},
};
use store::{Flush, Opened, Store, StoreConfig, Want};

#[derive(Clone, Debug)]
enum Deed {
    Append {
        queue_id: i32,
        len: usize,
    },
    Batch {
        queue_id: i32,
        lens: Vec<usize>,
    },
    Window {
        lens: Vec<usize>,
    },
    ClockSteps {
        ms: i64,
    },
    Sync,
    FailedSync,
    FlushQueues,
    Checkpoint,
    Expire,
    Close,
    Kill,
    PowerCut,
    /// Of what was not synced, each half sector, length and name survives by chance.
    TornPowerCut {
        seed: u64,
    },
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let len = 0..700usize;
    let lens = prop::collection::vec(0..300usize, 1..6);
    let deed = prop_oneof![
        12 => (0..3, len).prop_map(|(queue_id, len)| Deed::Append { queue_id, len }),
        3 => (0..3, lens.clone()).prop_map(|(queue_id, lens)| Deed::Batch { queue_id, lens }),
        3 => lens.prop_map(|lens| Deed::Window { lens }),
        1 => (-5000..5000i64).prop_map(|ms| Deed::ClockSteps { ms }),
        4 => Just(Deed::Sync),
        1 => Just(Deed::FailedSync),
        2 => Just(Deed::FlushQueues),
        2 => Just(Deed::Checkpoint),
        1 => Just(Deed::Expire),
        1 => Just(Deed::Close),
        2 => Just(Deed::Kill),
        1 => Just(Deed::PowerCut),
        3 => any::<u64>().prop_map(|seed| Deed::TornPowerCut { seed }),
    ];
    prop::collection::vec(deed, 1..80)
}

/// A message as the list remembers it.
#[derive(Clone, Debug)]
struct Sent {
    queue_id: i32,
    offset: i64,
    body: String,
    start: u64,
    end: u64,
    stored_ms: i64,
}

struct Play {
    disk: MemoryDisk,
    config: StoreConfig,
    store: Option<Store>,
    sent: Vec<Sent>,
    next_body: usize,
    clock_ms: i64,
}

impl Play {
    fn new(flush: Flush) -> Self {
        let memory = store::MemoryLimits {
            tail_bytes: 6000,
            tail_chunk_bytes: 1000,
            queue_files_open: 2,
            queue_tail_slots: 3,
            waiting_slots: 10,
        };
        let retention = store::RetentionConfig {
            reserved_hours: 0,
            delete_when_hours: (0..24).collect(),
            batch_max: 2,
            ..small().retention
        };
        let config = StoreConfig { flush, memory, retention, ..small() };
        let disk = MemoryDisk::new();
        let store = Some(open(&disk, &config).0);
        Self { disk, config, store, sent: Vec::new(), next_body: 0, clock_ms: 0 }
    }

    fn store(&mut self) -> &mut Store {
        self.store.as_mut().unwrap()
    }

    fn now(&self) -> Now {
        at_ms(self.clock_ms)
    }

    fn body(&mut self, len: usize) -> String {
        self.next_body += 1;
        format!("{}-{}", self.next_body, "x".repeat(len))
    }

    fn append(&mut self, queue_id: i32, len: usize) {
        let (now, body) = (self.now(), self.body(len));
        let message = message("orders", queue_id, &body);
        match self.store().append(now, &message) {
            Ok(appended) => self.remember(queue_id, body, appended),
            Err(refused) => assert!(self.store().poisoned().is_some(), "{refused}"),
        }
    }

    fn remember(&mut self, queue_id: i32, body: String, appended: store::Appended) {
        let (start, end) = (appended.physical_offset, appended.end());
        let (offset, stored_ms) = (appended.queue_offset, appended.store_timestamp);
        let last = self.sent.last();
        assert!(last.is_none_or(|last| last.end <= start && last.stored_ms <= stored_ms));
        self.sent.push(Sent { queue_id, offset, body, start, end, stored_ms });
    }

    fn batch(&mut self, queue_id: i32, lens: &[usize]) {
        let now = self.now();
        let bodies: Vec<_> = lens.iter().map(|&len| self.body(len)).collect();
        let messages: Vec<_> = bodies.iter().map(|b| message("orders", queue_id, b)).collect();
        match self.store().append_batch(now, &messages) {
            Ok(appended) => {
                for (body, appended) in bodies.into_iter().zip(appended) {
                    self.remember(queue_id, body, appended);
                }
            }
            Err(refused) => assert!(self.store().poisoned().is_some(), "{refused}"),
        }
    }

    /// The process is gone; what the operating system has is not.
    fn kill(&mut self) {
        self.store = None;
        let opened = self.reopen(true);
        assert_eq!(opened.end, self.end_of_sent(opened.end));
        assert_eq!(opened.cut, None);
    }

    fn power_cut(&mut self) {
        let extent = self.store().extent();
        self.store = None;
        self.disk.crash();
        self.sent.retain(|sent| sent.end <= extent.durable);
        let opened = self.reopen(true);
        assert_eq!(opened.cut, None);
    }

    fn torn_power_cut(&mut self, seed: u64) {
        let extent = self.store().extent();
        self.store = None;
        tear(&self.disk, seed);
        let opened = self.reopen(true);
        assert!(extent.durable <= opened.end, "{opened:?}, but {extent:?}");
        assert!(extent.start <= self.store().min_physical(), "the start went back");
        self.sent.retain(|sent| sent.end <= opened.end);
        // Twice is once.
        self.store = None;
        let again = self.reopen(true);
        assert_eq!((again.end, again.cut), (opened.end, None));
    }

    fn close(&mut self) {
        let store = self.store.take().unwrap();
        let poisoned = store.poisoned().is_some();
        let durable = store.extent().durable;
        assert_eq!(finish(store.close()).is_err(), poisoned);
        if poisoned {
            self.disk.crash();
            self.sent.retain(|sent| sent.end <= durable);
        }
        self.reopen(poisoned);
    }

    fn reopen(&mut self, crashed: bool) -> Opened {
        let (store, opened) = open(&self.disk, &self.config);
        assert_eq!((opened.crashed, opened.unqueued), (crashed, 0));
        assert!(self.end_of_sent(opened.end) <= opened.end);
        self.store = Some(store);
        opened
    }

    /// Where the last message ends that lies before `end`; `end` itself if only a blank follows.
    fn end_of_sent(&self, end: u64) -> u64 {
        let last = self.sent.iter().rev().find(|sent| sent.end <= end).map_or(0, |sent| sent.end);
        if end.is_multiple_of(4096) && last / 4096 + 1 == end / 4096 { end } else { last }
    }

    fn expire(&mut self) {
        let now = self.now();
        let before = self.store().min_physical();
        self.disk.set_wall_ms(0);
        if let Some(job) = self.store().begin_retention(now).unwrap() {
            let removed = finish(job.run());
            let report = self.store().end_retention(removed).unwrap();
            assert!(before < report.min_physical);
        }
        let (store, config) = (self.store.as_ref().unwrap(), &self.config);
        assert!(store.min_physical() < store.max_physical().max(1) + config.segment_bytes);
        let start = store.min_physical();
        self.sent.retain(|sent| start <= sent.start);
    }

    fn play(&mut self, deed: Deed) {
        match deed {
            Deed::Append { queue_id, len } => self.append(queue_id, len),
            Deed::Batch { queue_id, lens } => self.batch(queue_id, &lens),
            Deed::Window { lens } => {
                self.store().begin_writes();
                for (index, len) in lens.into_iter().enumerate() {
                    self.append(i32::try_from(index % 3).unwrap(), len);
                }
                self.store().end_writes().unwrap();
            }
            Deed::ClockSteps { ms } => self.clock_ms = (self.clock_ms + ms).max(0),
            Deed::Sync => common_sync(self.store()),
            Deed::FailedSync => {
                self.disk.fail_syncs(1);
                if let Some(job) = self.store().begin_sync() {
                    let synced = finish(job.run());
                    self.store().end_sync(synced).unwrap_err();
                }
                self.disk.fail_syncs(0);
            }
            Deed::FlushQueues => self.store().flush_queues().unwrap(),
            Deed::Checkpoint => {
                if let Some(job) = self.store().begin_checkpoint().unwrap() {
                    let done = finish(job.run());
                    self.store().end_checkpoint(done).unwrap();
                }
            }
            Deed::Expire => self.expire(),
            Deed::Close => self.close(),
            Deed::Kill => self.kill(),
            Deed::PowerCut => self.power_cut(),
            Deed::TornPowerCut { seed } => self.torn_power_cut(seed),
        }
    }

    fn assert_same(&self) {
        let store = self.store.as_ref().unwrap();
        let readable = store.readable_to();
        for queue_id in 0..3 {
            let of_queue = self.sent.iter().filter(|sent| sent.queue_id == queue_id);
            let visible: Vec<_> = of_queue.filter(|sent| sent.end <= readable).collect();
            let expected: Vec<_> = visible.iter().map(|sent| sent.body.clone()).collect();
            assert_eq!(bodies(store, "orders", queue_id), expected);
            for (first, sent) in visible.iter().take(1).enumerate() {
                assert_eq!(store.min_offset("orders", queue_id), sent.offset, "{first}");
            }
            assert_times(store, queue_id, &visible);
        }
        for sent in self.sent.iter().rev().take(5) {
            let key = format!("unique-{}", sent.body);
            assert_eq!(found(store, "orders", &key), std::slice::from_ref(&sent.body));
            assert_eq!(parse(&store.view(sent.start).unwrap()).body(), sent.body.as_bytes());
        }
    }
}

/// The power is cut, and what was not synced survives in part.
fn tear(disk: &MemoryDisk, mut seed: u64) {
    let mut coin = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 63 == 1
    };
    let current: BTreeMap<_, _> = files(disk, "store").into_iter().collect();
    disk.crash();
    let durable: BTreeMap<_, _> = files(disk, "store").into_iter().collect();
    let names: BTreeSet<_> = current.keys().chain(durable.keys()).collect();
    for name in names {
        let path = Path::new(name);
        let (new, old) = (current.get(name), durable.get(name));
        // A name that was created or removed is there or not.
        let kept =
            if new.is_some() == old.is_some() { new } else { [new, old][usize::from(coin())] };
        let Some(kept) = kept else {
            disk.remove_file(path).ok();
            continue;
        };
        let old = old.cloned().unwrap_or_default();
        let len = if coin() { kept.len() } else { old.len() };
        let mut content = vec![0; len];
        for from in (0..len).step_by(256) {
            let source = if coin() { kept } else { &old };
            let to = len.min(from + 256).min(source.len());
            if from < to {
                content[from..to].copy_from_slice(&source[from..to]);
            }
        }
        disk.create_dir_all(&disk.parent(path)).unwrap();
        let file = disk.open(path, OpenMode::Create).unwrap();
        file.set_len(0).unwrap();
        file.write_all_at(0, &content).unwrap();
        finish(file.sync()).unwrap();
        for directory in path.ancestors().skip(1) {
            finish(disk.sync_dir(directory)).unwrap();
        }
    }
}

/// A search by time gives what a walk through the list gives.
fn assert_times(store: &Store, queue_id: i32, visible: &[&Sent]) {
    let times =
        visible.iter().flat_map(|sent| [sent.stored_ms - 1, sent.stored_ms, sent.stored_ms + 1]);
    for time in times.step_by(4) {
        let max = store.max_offset("orders", queue_id);
        let lower = visible.iter().find(|sent| time <= sent.stored_ms).map_or(max, |s| s.offset);
        let min = store.min_offset("orders", queue_id);
        let upper = visible.iter().rev().find(|s| s.stored_ms <= time).map_or(min, |s| s.offset);
        let search = |boundary| store.offset_by_time("orders", queue_id, time, boundary).unwrap();
        assert_eq!(search(store::Boundary::Lower), lower);
        assert_eq!(search(store::Boundary::Upper), upper);
    }
}

fn common_sync(store: &mut Store) {
    if let Some(job) = store.begin_sync() {
        let synced = finish(job.run());
        store.end_sync(synced).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_store_holds_what_a_list_of_messages_would(
        deeds in deeds(),
        flush in prop_oneof![Just(Flush::Async), Just(Flush::Sync)],
    ) {
        let mut play = Play::new(flush);
        for deed in deeds {
            play.play(deed);
            play.assert_same();
        }
        let got = play.store().get("nowhere", 0, 0, Want::any(1)).unwrap();
        prop_assert!(got.records.is_empty());
        play.kill();
        play.assert_same();
        play.close();
        play.assert_same();
    }
}
