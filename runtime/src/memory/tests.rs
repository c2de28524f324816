use std::path::Path;

use super::*;

fn disk_with(directory: &str) -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.create_dir_all(Path::new(directory)).unwrap();
    finish(disk.sync_dir(Path::new("/"))).unwrap();
    disk
}

#[test]
fn a_crash_keeps_synced_bytes_and_drops_the_others() {
    let disk = disk_with("/store");
    let path = Path::new("/store/log");
    let file = disk.open(path, OpenMode::Create).unwrap();
    finish(disk.sync_dir(Path::new("/store"))).unwrap();

    file.write_all_at(4090, b"synced bytes").unwrap();
    finish(file.sync()).unwrap();
    file.write_all_at(4090, b"LOST").unwrap();
    file.write_all_at(9000, b"lost").unwrap();
    disk.crash();

    let content = disk.read(path).unwrap();
    assert_eq!(content.len(), 4102);
    assert_eq!(&content[4090..], b"synced bytes");
    assert!(content[..4090].iter().all(|byte| *byte == 0));
}

#[test]
fn a_crash_drops_names_whose_directory_was_not_synced() {
    let disk = disk_with("/store");
    let file = disk.open(Path::new("/store/new"), OpenMode::Create).unwrap();
    file.write_all_at(0, b"x").unwrap();
    finish(file.sync()).unwrap();
    disk.crash();
    assert!(!disk.exists(Path::new("/store/new")));

    let file = disk.open(Path::new("/store/a"), OpenMode::Create).unwrap();
    file.write_all_at(0, b"old").unwrap();
    finish(file.sync()).unwrap();
    finish(disk.sync_dir(Path::new("/store"))).unwrap();
    disk.rename(Path::new("/store/a"), Path::new("/store/b")).unwrap();
    disk.crash();
    assert_eq!(&disk.read(Path::new("/store/a")).unwrap()[..], b"old");
    assert!(!disk.exists(Path::new("/store/b")));
}

#[test]
fn a_file_cut_short_and_extended_again_reads_as_zeroes_also_after_a_crash() {
    let disk = disk_with("/store");
    let path = Path::new("/store/log");
    let file = disk.open(path, OpenMode::Create).unwrap();
    finish(disk.sync_dir(Path::new("/store"))).unwrap();
    file.write_all_at(0, &[7; 10_000]).unwrap();
    finish(file.sync()).unwrap();
    file.set_len(5000).unwrap();
    file.set_len(10_000).unwrap();
    finish(file.sync()).unwrap();
    disk.crash();

    let content = disk.read(path).unwrap();
    assert!(content[..5000].iter().all(|byte| *byte == 7));
    assert!(content[5000..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_failed_sync_is_an_error_once_and_never_durable_later() {
    let disk = disk_with("/store");
    let path = Path::new("/store/log");
    let file = disk.open(path, OpenMode::Create).unwrap();
    finish(disk.sync_dir(Path::new("/store"))).unwrap();
    file.write_all_at(0, b"gone").unwrap();
    disk.fail_syncs(1);
    assert!(finish(file.sync()).is_err());
    assert!(finish(file.sync()).is_ok());
    disk.crash();
    assert_ne!(disk.read(path).unwrap(), "gone");
}

#[test]
fn bytes_that_are_written_again_after_a_failed_sync_can_be_synced() {
    let disk = disk_with("/store");
    let path = Path::new("/store/log");
    let file = disk.open(path, OpenMode::Create).unwrap();
    finish(disk.sync_dir(Path::new("/store"))).unwrap();
    file.write_all_at(0, b"gone").unwrap();
    disk.fail_syncs(1);
    assert!(finish(file.sync()).is_err());
    file.write_all_at(0, b"kept").unwrap();
    finish(file.sync()).unwrap();
    disk.crash();
    assert_eq!(disk.read(path).unwrap(), "kept");
}

#[test]
fn a_full_disk_refuses_growth_but_not_what_was_preallocated() {
    let disk = disk_with("/store");
    let file = disk.open(Path::new("/store/log"), OpenMode::Create).unwrap();
    disk.set_free_bytes(1000);
    file.preallocate(600).unwrap();
    assert_eq!(disk.usage(Path::new("/store")).unwrap().free_bytes, 400);
    assert_eq!(file.preallocate(1001).unwrap_err().kind(), ErrorKind::StorageFull);
    disk.set_free_bytes(0);
    file.write_all_at(0, &[1; 600]).unwrap();
    assert_eq!(file.write_at(600, b"x").unwrap_err().kind(), ErrorKind::StorageFull);
    disk.remove_file(Path::new("/store/log")).unwrap();
    assert_eq!(disk.usage(Path::new("/store")).unwrap().free_bytes, 600);
}

#[test]
fn a_lock_is_held_once_and_freed_by_drop_and_by_a_crash() {
    let disk = disk_with("/store");
    let path = Path::new("/store/lock");
    let first = disk.lock(path).unwrap();
    assert_eq!(disk.lock(path).err().map(|error| error.kind()), Some(ErrorKind::WouldBlock));
    disk.crash();
    assert!(!disk.exists(path));
    let second = disk.lock(path).unwrap();
    drop(first);
    assert!(disk.lock(path).is_err());
    drop(second);
    assert!(disk.lock(path).is_ok());
}

#[test]
fn names_are_listed_in_order_with_their_kind_and_length() {
    let disk = disk_with("/store/b");
    disk.set_wall_ms(42);
    disk.open(Path::new("/store/a"), OpenMode::CreateNew).unwrap().write_at(0, b"xyz").unwrap();
    let entries = disk.list(Path::new("/store")).unwrap();
    let a = Entry { name: "a".into(), is_dir: false, len: 3, modified_ms: 42 };
    let b = Entry { name: "b".into(), is_dir: true, len: 0, modified_ms: 0 };
    assert_eq!(entries, [a, b]);
    assert_eq!(disk.list(Path::new("/no")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn opening_obeys_its_mode() {
    let disk = disk_with("/store");
    let path = Path::new("/store/log");
    let kind = |mode| disk.open(path, mode).err().map(|error| error.kind());
    assert_eq!(kind(OpenMode::Read), Some(ErrorKind::NotFound));
    assert_eq!(kind(OpenMode::Write), Some(ErrorKind::NotFound));
    assert_eq!(kind(OpenMode::CreateNew), None);
    assert_eq!(kind(OpenMode::CreateNew), Some(ErrorKind::AlreadyExists));
    let file = disk.open(path, OpenMode::Read).unwrap();
    assert_eq!(file.write_at(0, b"x").unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(file.read_bytes(0, u64::MAX).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    let orphan = disk.open(Path::new("/none/log"), OpenMode::Create);
    assert_eq!(orphan.err().map(|error| error.kind()), Some(ErrorKind::NotFound));
}

#[test]
fn an_open_file_works_on_after_its_name_is_removed() {
    let disk = disk_with("/store");
    let path = Path::new("/store/log");
    let file = disk.open(path, OpenMode::Create).unwrap();
    file.write_at(0, b"kept").unwrap();
    disk.remove_dir_all(Path::new("/store")).unwrap();
    assert_eq!(&file.read_bytes(0, 4).unwrap()[..], b"kept");
    assert!(!disk.exists(path));
}
