//! What a sync promises, and what a failed one takes away.

use crate::common::{at_ms, bodies, checkpoint, message, open, small, sync};
use runtime::{
    Disk,
    memory::{MemoryDisk, finish},
};
use store::{AppendError, CloseError, Extent, Store};

fn fresh() -> (MemoryDisk, Store) {
    let disk = MemoryDisk::new();
    let (store, _) = open(&disk, &small());
    (disk, store)
}

fn append(store: &mut Store, body: &str) -> u64 {
    store.append(at_ms(0), &message("orders", 0, body)).unwrap().end()
}

#[test]
fn only_what_was_written_before_a_sync_began_is_durable_after_it() {
    let (disk, mut store) = fresh();
    let one = append(&mut store, "one");
    let job = store.begin_sync().unwrap();
    let two = append(&mut store, "two");
    assert!(store.begin_sync().is_none(), "one sync at a time");

    let synced = finish(job.run());
    assert_eq!(store.end_sync(synced).unwrap(), one);
    assert_eq!(store.extent(), Extent { start: 0, durable: one, end: two });

    sync(&mut store);
    assert!(store.begin_sync().is_none(), "nothing to do");
    drop(store);
    disk.crash();
    assert_eq!(bodies(&open(&disk, &small()).0, "orders", 0), ["one", "two"]);
}

#[test]
fn a_record_that_begins_a_new_file_is_durable_with_the_file_before_it_and_with_its_name() {
    let (disk, mut store) = fresh();
    let mut expected = Vec::new();
    while store.max_physical() < 4096 * 3 {
        expected.push(format!("b{}", expected.len()));
        append(&mut store, &expected[expected.len() - 1]);
    }
    sync(&mut store);
    drop(store);
    disk.crash();

    let (store, opened) = open(&disk, &small());
    assert_eq!(opened.cut, None);
    assert_eq!(bodies(&store, "orders", 0), expected);
}

#[test]
fn a_failed_sync_is_never_made_good_by_a_later_one() {
    let (disk, mut store) = fresh();
    append(&mut store, "one");
    sync(&mut store);
    let durable = store.extent().durable;
    append(&mut store, "two");

    disk.fail_syncs(1);
    let synced = finish(store.begin_sync().unwrap().run());
    let refused = store.end_sync(synced).unwrap_err();
    assert!(refused.to_string().contains("sync of the log"), "{refused}");

    let refused = store.append(at_ms(0), &message("orders", 0, "three")).unwrap_err();
    assert!(matches!(refused, AppendError::Poisoned(_)), "{refused}");
    assert!(store.begin_sync().is_none());
    assert!(store.begin_checkpoint().unwrap().is_none());
    assert_eq!(store.extent().durable, durable);
    assert_eq!(bodies(&store, "orders", 0), ["one", "two"], "reading goes on");
    assert!(matches!(finish(store.close()).unwrap_err(), CloseError::Poisoned(_)));
    disk.crash();

    let (mut store, opened) = open(&disk, &small());
    assert!(opened.crashed);
    assert_eq!(bodies(&store, "orders", 0), ["one"]);
    append(&mut store, "again");
}

#[test]
fn a_checkpoint_that_fails_is_the_last_one_and_the_next_start_rebuilds_what_it_missed() {
    let (disk, mut store) = fresh();
    append(&mut store, "one");
    checkpoint(&mut store);
    append(&mut store, "two");
    sync(&mut store);

    disk.fail_syncs(1);
    let done = finish(store.begin_checkpoint().unwrap().unwrap().run());
    store.end_checkpoint(done).unwrap_err();
    append(&mut store, "three");
    sync(&mut store);
    assert!(store.begin_checkpoint().unwrap().is_none(), "it would claim what is not known");
    assert!(finish(store.close()).is_err());
    disk.crash();

    let (store, opened) = open(&disk, &small());
    assert!(opened.crashed && 0 < opened.slots_rebuilt);
    assert_eq!(bodies(&store, "orders", 0), ["one", "two", "three"]);
}

#[test]
fn a_checkpoint_speaks_only_of_what_is_durable() {
    let (disk, mut store) = fresh();
    append(&mut store, "one");
    assert!(store.begin_checkpoint().unwrap().is_none(), "nothing is durable yet");
    sync(&mut store);
    append(&mut store, "two");
    let job = store.begin_checkpoint().unwrap().unwrap();
    assert!(store.begin_checkpoint().unwrap().is_none(), "one at a time");
    let done = finish(job.run());
    store.end_checkpoint(done).unwrap();
    let field = |at: usize| {
        let bytes = disk.read(std::path::Path::new("store/checkpoint")).unwrap();
        assert_eq!(bytes.len(), 4096);
        i64::from_be_bytes(*bytes[at..].first_chunk().unwrap())
    };
    assert_eq!(field(0), crate::common::WALL_MS);
    assert_eq!(field(8), crate::common::WALL_MS);
    assert_eq!(field(40), 0);
    assert_eq!(u64::try_from(field(56)).unwrap(), store.extent().durable);
    drop(store);
    disk.crash();
    assert_eq!(bodies(&open(&disk, &small()).0, "orders", 0), ["one"]);
}
