//! A slave's log follows its master's, byte for byte, however the bytes are cut.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use runtime::{
    Disk,
    memory::{MemoryDisk, finish},
};
use store::{Arrived, Flush, ReplicateError, RetentionConfig, Store, StoreConfig, TransferError};

use crate::common::{at_ms, bodies, checkpoint, files, found, message, open, small, sync};

/// Fills about five files.
fn fill(master: &mut Store, tag: &str) {
    for number in 0..40 {
        let queue = number % 3;
        let body = format!("{tag}{number}-{}", "x".repeat(300));
        master.append(at_ms(i64::from(number)), &message("orders", queue, &body)).unwrap();
    }
}

/// A slave, and what has come from its master but is no whole record yet.
struct Follower {
    store: Store,
    waiting: BytesMut,
    arrived: Vec<Arrived>,
}

impl Follower {
    fn of(store: Store) -> Self {
        Self { store, waiting: BytesMut::new(), arrived: Vec::new() }
    }

    fn take(&mut self, at: u64, bytes: &[u8]) -> Result<(), ReplicateError> {
        self.waiting.extend_from_slice(bytes);
        let mut begin = at + bytes.len() as u64 - self.waiting.len() as u64;
        let mut waiting = std::mem::take(&mut self.waiting).freeze();
        loop {
            let replicated = self.store.replicate(begin, &waiting)?;
            if replicated.taken == 0 {
                self.waiting = BytesMut::from(&waiting[..]);
                return Ok(());
            }
            begin += replicated.taken as u64;
            waiting = waiting.slice(replicated.taken..);
            self.arrived.extend(replicated.arrived);
        }
    }

    /// Takes all that the master has, so many bytes at a time.
    fn catch_up(&mut self, master: &Store, piece_bytes: u64) {
        let mut at = master.transfer_start(self.store.max_physical()).unwrap();
        loop {
            let bytes = master.transfer(at, piece_bytes).unwrap();
            if bytes.is_empty() {
                return;
            }
            self.take(at, &bytes).unwrap();
            at += bytes.len() as u64;
        }
    }
}

/// The files of log and queues, which the two have in common.
fn common_files(disk: &MemoryDisk) -> Vec<(String, Bytes)> {
    let mut common = files(disk, "store/commitlog");
    common.extend(files(disk, "store/consumequeue"));
    common
}

#[test]
fn the_stores_of_master_and_slave_are_equal_however_the_bytes_are_cut() {
    for piece_bytes in [1, 7, 100, 5000] {
        let (master_disk, slave_disk) = (MemoryDisk::new(), MemoryDisk::new());
        let (mut master, _) = open(&master_disk, &small());
        let mut slave = Follower::of(open(&slave_disk, &small()).0);
        // An empty slave would begin with the last file.
        master.append(at_ms(0), &message("orders", 0, "first")).unwrap();
        slave.catch_up(&master, piece_bytes);
        fill(&mut master, "a");
        slave.catch_up(&master, piece_bytes);

        assert_eq!(slave.store.max_physical(), master.max_physical());
        assert_eq!(slave.arrived.len(), 41);
        for queue in 0..3 {
            assert_eq!(bodies(&slave.store, "orders", queue), bodies(&master, "orders", queue));
        }
        assert_eq!(found(&slave.store, "orders", "all"), found(&master, "orders", "all"));
        checkpoint(&mut master);
        checkpoint(&mut slave.store);
        assert_eq!(common_files(&slave_disk), common_files(&master_disk));
    }
}

#[test]
fn a_slave_that_dies_in_the_middle_of_a_record_asks_for_that_record_again() {
    let (master_disk, slave_disk) = (MemoryDisk::new(), MemoryDisk::new());
    let (mut master, _) = open(&master_disk, &small());
    master.append(at_ms(0), &message("orders", 0, "first")).unwrap();
    let mut slave = Follower::of(open(&slave_disk, &small()).0);
    slave.catch_up(&master, 100);
    let end = slave.store.max_physical();
    fill(&mut master, "a");
    slave.take(end, &master.transfer(end, 50).unwrap()).unwrap();
    assert_eq!(slave.store.max_physical(), end);
    drop(slave);

    let (store, opened) = open(&slave_disk, &small());
    assert_eq!((opened.end, opened.cut), (end, None));
    let mut slave = Follower::of(store);
    slave.catch_up(&master, 1000);
    finish(slave.store.close()).unwrap();

    let (slave, opened) = open(&slave_disk, &small());
    assert_eq!((opened.crashed, opened.end), (false, master.max_physical()));
    assert_eq!(bodies(&slave, "orders", 1), bodies(&master, "orders", 1));
}

#[test]
fn an_empty_slave_begins_with_the_last_file_and_survives_power_cuts_from_then_on() {
    let (master_disk, slave_disk) = (MemoryDisk::new(), MemoryDisk::new());
    let (mut master, _) = open(&master_disk, &small());
    fill(&mut master, "a");
    let mut slave = Follower::of(open(&slave_disk, &small()).0);
    slave.catch_up(&master, 100);
    let start = master.max_physical() / 4096 * 4096;
    assert!(0 < start);
    assert_eq!((slave.store.min_physical(), slave.store.extent().durable), (start, start));
    sync(&mut slave.store);

    for _ in 0..2 {
        drop(slave);
        let (store, opened) = open(&slave_disk, &small());
        assert_eq!((opened.cut, opened.end), (None, master.max_physical()));
        slave = Follower::of(store);
        master.append(at_ms(99), &message("orders", 0, "more")).unwrap();
        slave.catch_up(&master, 100);
        // The last file need not hold messages of every queue.
        let queues: Vec<i32> = slave.store.queues().map(|queue| queue.queue_id).collect();
        assert!(!queues.is_empty());
        for queue in queues {
            let from = slave.store.min_offset("orders", queue);
            assert!(0 < from);
            let all = bodies(&master, "orders", queue);
            let held = bodies(&slave.store, "orders", queue);
            assert_eq!(held[..], all[usize::try_from(from).unwrap()..]);
        }
    }
}

#[test]
fn a_topic_that_was_made_again_on_the_master_begins_anew_on_the_slave() {
    let (mut master, _) = open(&MemoryDisk::new(), &small());
    let mut slave = Follower::of(open(&MemoryDisk::new(), &small()).0);
    for body in ["a", "b", "c"] {
        master.append(at_ms(0), &message("orders", 0, body)).unwrap();
    }
    slave.catch_up(&master, 100);
    master.delete_topic("orders").unwrap();
    master.append(at_ms(0), &message("orders", 0, "d")).unwrap();
    slave.catch_up(&master, 100);
    assert_eq!(bodies(&slave.store, "orders", 0), ["d"]);
}

#[test]
fn what_does_not_follow_our_log_is_refused_and_changes_nothing() {
    let (mut master, _) = open(&MemoryDisk::new(), &small());
    let slave_disk = MemoryDisk::new();
    let mut slave = Follower::of(open(&slave_disk, &small()).0);
    let told = |refused: Result<(), ReplicateError>| refused.unwrap_err().to_string();
    master.append(at_ms(0), &message("orders", 0, "first")).unwrap();
    slave.catch_up(&master, 100);
    let end = slave.store.max_physical();
    let before = common_files(&slave_disk);
    master.append(at_ms(0), &message("orders", 0, "second")).unwrap();
    let next = master.transfer(end, 1000).unwrap();

    let place = told(slave.take(end + 1, &next));
    assert_eq!(
        place,
        format!("the master sends its log from {} on, but ours ends at {end}", end + 1)
    );
    slave.waiting.clear();
    let mut damaged = next.to_vec();
    damaged[90] ^= 1;
    for garbage in [&[0; 50][..], &[7; 50], &damaged] {
        let reason = told(slave.take(end, garbage));
        assert!(
            reason.starts_with(&format!("what the master sent for {end} is no record")),
            "{reason}"
        );
        slave.waiting.clear();
    }
    // A whole record in front of garbage waits with it: nothing of such a master is believed.
    let behind = [&next[..], &[7; 50]].concat();
    assert!(told(slave.take(end, &behind)).contains("is no record"));

    assert_eq!(slave.store.max_physical(), end);
    assert_eq!(common_files(&slave_disk), before);
    slave.waiting.clear();
    slave.catch_up(&master, 100);
    assert_eq!(bodies(&slave.store, "orders", 0), ["first", "second"]);
}

#[test]
fn a_slave_with_files_of_another_size_says_so() {
    let (mut master, _) = open(&MemoryDisk::new(), &small());
    fill(&mut master, "a");
    let config = StoreConfig { segment_bytes: 5000, ..small() };
    let mut slave = open(&MemoryDisk::new(), &config).0;
    let at = master.transfer_start(0).unwrap();
    let refused = slave.replicate(at, &master.transfer(at, 1000).unwrap()).unwrap_err();
    assert!(
        refused.to_string().ends_with("is no multiple of our mappedFileSizeCommitLog, 5000"),
        "{refused}"
    );
    let mut slave = Follower::of(slave);
    slave.take(0, &master.transfer(0, 4096).unwrap()).unwrap_err();
}

#[test]
fn who_asks_for_what_is_not_there_is_told_both_ends() {
    let delete_when_hours = (0..24).collect();
    let retention = RetentionConfig { delete_when_hours, ..RetentionConfig::default() };
    let config = StoreConfig { retention, ..small() };
    let disk = MemoryDisk::new();
    disk.set_wall_ms(at_ms(0).wall_ms);
    let (mut master, _) = open(&disk, &config);
    fill(&mut master, "a");
    checkpoint(&mut master);
    let job = master.begin_retention(at_ms(100 * 3_600_000)).unwrap().unwrap();
    let removed = finish(job.run());
    master.end_retention(removed).unwrap();
    let (start, end) = (master.min_physical(), master.max_physical());
    assert!(0 < start);

    assert!(matches!(master.transfer_start(0), Ok(at) if start <= at && at <= end));
    assert!(matches!(master.transfer_start(end), Ok(at) if at == end));
    let Err(TransferError::Gone { at: 1, start: told }) = master.transfer_start(1) else {
        panic!("byte 1 is gone")
    };
    assert_eq!(told, start);
    let ahead = master.transfer_start(end + 1).unwrap_err().to_string();
    assert_eq!(
        ahead,
        format!(
            "the slave asks for {}, but our log ends at {end}: it has what we have not",
            end + 1
        )
    );
}

#[test]
fn under_synchronous_flush_a_slave_is_sent_nothing_that_a_power_cut_can_take_away() {
    let config = StoreConfig { flush: Flush::Sync, ..small() };
    let (mut master, _) = open(&MemoryDisk::new(), &config);
    master.append(at_ms(0), &message("orders", 0, "first")).unwrap();
    assert!(master.transfer(0, 100).unwrap().is_empty());
    sync(&mut master);
    assert_eq!(master.transfer(0, 100).unwrap().len(), 100);
}

proptest! {
    #[test]
    fn no_bytes_of_a_master_make_a_slave_panic_or_lose_anything(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 1..=255u8), 0..4),
        piece_bytes in 1..3000u64,
    ) {
        let (mut master, _) = open(&MemoryDisk::new(), &small());
        fill(&mut master, "a");
        let disk = MemoryDisk::new();
        let mut slave = Follower::of(open(&disk, &small()).0);
        let mut sent = Vec::new();
        let mut at = 0;
        while at < master.max_physical() {
            let bytes = master.transfer(at, piece_bytes).unwrap();
            at += bytes.len() as u64;
            sent.extend_from_slice(&bytes);
        }
        for (place, value) in changes {
            let place = place.index(sent.len());
            sent[place] = value;
        }
        let mut at = 0;
        for piece in sent.chunks(usize::try_from(piece_bytes).unwrap()) {
            if slave.take(at, piece).is_err() {
                break;
            }
            at += piece.len() as u64;
        }
        let end = slave.store.max_physical();
        prop_assert!(end <= at + piece_bytes);
        drop(slave);
        let (_, opened) = open(&disk, &small());
        prop_assert_eq!((opened.end, opened.cut), (end, None));
        prop_assert!(disk.exists(std::path::Path::new("store/abort")));
    }
}
