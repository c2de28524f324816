//! The real world keeps the promises of the traits.
#![expect(clippy::disallowed_methods, reason = "these tests look at the world from outside")]
#![expect(clippy::unwrap_used, reason = "a test ends where it is surprised")]

use std::{
    io::ErrorKind,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, id},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use runtime::{Monotonic, OpenMode, Runtime, real};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LOCKED_FILE: &str = "GANTRY_TEST_LOCKED_FILE";

/// A new directory that is removed at the end.
struct Room(PathBuf);

impl Room {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("gantry-runtime-{}-{number}", id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn play<T>(program: impl AsyncFnOnce(Runtime) -> T) -> T {
    real::run(|runtime| program(runtime)).unwrap()
}

#[test]
fn a_file_keeps_what_was_written_and_tells_its_length() {
    let room = Room::new();
    play(async |runtime| {
        let path = room.0.join("a/b");
        runtime.disk.create_dir_all(&path).unwrap();
        let name = path.join("log");
        let file = runtime.disk.open(&name, OpenMode::CreateNew).unwrap();
        file.preallocate(10_000).unwrap();
        file.preallocate(5_000).unwrap();
        file.write_all_at(9_990, b"0123456789abc").unwrap();
        file.sync().await.unwrap();
        runtime.disk.sync_dir(&path).await.unwrap();

        assert_eq!(file.len().unwrap(), 10_003);
        assert_eq!(&file.read_bytes(9_990, 13).unwrap()[..], b"0123456789abc");
        assert_eq!(runtime.disk.read(&name).unwrap().len(), 10_003);
        let entries = runtime.disk.list(&path).unwrap();
        assert_eq!((entries[0].name.as_str(), entries[0].len), ("log", 10_003));
        assert!(runtime.disk.list(&room.0.join("a")).unwrap()[0].is_dir);
    });
}

#[test]
fn reading_past_the_end_is_an_error_that_costs_no_memory() {
    let room = Room::new();
    play(async |runtime| {
        let file = runtime.disk.open(&room.0.join("log"), OpenMode::Create).unwrap();
        file.write_all_at(0, b"short").unwrap();
        for len in [6, 100_000, u64::MAX] {
            assert_eq!(file.read_bytes(0, len).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        }
        assert_eq!(file.read_bytes(9, 1).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(file.read_at(9, &mut [0]).unwrap(), 0);
        assert_eq!(file.read_bytes(5, 0).unwrap().len(), 0);
    });
}

#[test]
fn what_cannot_be_opened_says_why() {
    let room = Room::new();
    play(async |runtime| {
        let kind = |path: &Path, mode| runtime.disk.open(path, mode).err().map(|e| e.kind());
        let log = room.0.join("log");
        assert_eq!(kind(&log, OpenMode::Read), Some(ErrorKind::NotFound));
        assert_eq!(kind(&log, OpenMode::Write), Some(ErrorKind::NotFound));
        assert_eq!(kind(&log, OpenMode::CreateNew), None);
        assert_eq!(kind(&log, OpenMode::CreateNew), Some(ErrorKind::AlreadyExists));
        let nowhere = runtime.disk.list(&room.0.join("nowhere"));
        assert_eq!(nowhere.unwrap_err().kind(), ErrorKind::NotFound);
        assert!(runtime.disk.sync_dir(&room.0.join("nowhere")).await.is_err());
        let usage = runtime.disk.usage(&room.0).unwrap();
        assert!(0 < usage.total_bytes && usage.free_bytes <= usage.total_bytes);
    });
}

#[test]
fn a_lock_is_refused_within_the_process_and_to_another_until_it_is_dropped() {
    let room = Room::new();
    play(async |runtime| {
        let path = room.0.join("lock");
        let lock = runtime.disk.lock(&path).unwrap();
        let again = runtime.disk.lock(&path).err().unwrap();
        assert_eq!(again.kind(), ErrorKind::WouldBlock);
        assert!(again.to_string().contains("is locked by this process"), "{again}");

        let other_process = || {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--exact", "in_a_child_process_the_lock_must_be_free"]);
            child.env(LOCKED_FILE, &path).output().unwrap().status.success()
        };
        assert!(!other_process());
        drop(lock);
        assert!(other_process());
        assert!(runtime.disk.lock(&path).is_ok());
    });
}

/// Started once more by the test above, in a process of its own.
#[test]
fn in_a_child_process_the_lock_must_be_free() {
    let Ok(path) = std::env::var(LOCKED_FILE) else {
        return;
    };
    play(async |runtime| assert!(runtime.disk.lock(Path::new(&path)).is_ok()));
}

async fn exchange(runtime: &Runtime, at: &str) -> (SocketAddr, SocketAddr) {
    let mut listener = runtime.net.listen(at.parse().unwrap()).await.unwrap();
    let to = listener.local_addr().unwrap();
    let mut client = runtime.net.connect(to, Duration::from_secs(60)).await.unwrap();
    let (mut server, peer) = listener.accept().await.unwrap();
    assert_eq!(peer, client.local_addr());
    assert_eq!(server.local_addr(), client.peer_addr());

    // One direction ends, the other goes on.
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    let mut asked = Vec::new();
    server.read_to_end(&mut asked).await.unwrap();
    assert_eq!(asked, b"question");
    server.write_all(b"answer").await.unwrap();
    drop(server);
    let mut answered = Vec::new();
    client.read_to_end(&mut answered).await.unwrap();
    assert_eq!(answered, b"answer");
    (peer, to)
}

#[test]
fn both_families_listen_connect_and_half_close() {
    play(async |runtime| {
        let (peer, _) = exchange(&runtime, "127.0.0.1:0").await;
        assert!(peer.is_ipv4());
        let (peer, to) = exchange(&runtime, "[::1]:0").await;
        assert!(peer.is_ipv6() && to.is_ipv6());
    });
}

#[test]
fn a_reset_is_seen_as_a_reset_and_not_as_an_end() {
    play(async |runtime| {
        let mut listener = runtime.net.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let to = listener.local_addr().unwrap();
        let mut client = runtime.net.connect(to, Duration::from_secs(60)).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        server.reset();
        let error = client.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_port_in_use_and_a_port_without_listener_are_told_apart() {
    play(async |runtime| {
        let listener = runtime.net.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let at = listener.local_addr().unwrap();
        let taken = runtime.net.listen(at).await.err().unwrap();
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        drop(listener);
        let refused = runtime.net.connect(at, Duration::from_secs(60)).await.err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let listener = runtime.net.listen(at).await;
        assert!(listener.is_ok());
    });
}

#[test]
fn names_resolve_and_this_host_has_one() {
    play(async |runtime| {
        let literal = runtime.net.resolve("127.0.0.1:9876").await.unwrap();
        assert_eq!(literal, ["127.0.0.1:9876".parse().unwrap()]);
        let literal = runtime.net.resolve("[::1]:9876").await.unwrap();
        assert_eq!(literal, ["[::1]:9876".parse().unwrap()]);
        assert!(runtime.net.resolve("no port").await.is_err());
        assert!(!runtime.net.host_name().is_empty());
        assert!(!runtime.net.local_address().is_unspecified());
    });
}

#[test]
fn time_grows_and_a_sleep_ends_no_earlier_than_asked() {
    play(async |runtime| {
        let before = runtime.clock.now();
        assert!(0 < before.wall_ms);
        runtime.clock.sleep_until(Monotonic(0)).await;
        let until = runtime.clock.monotonic() + Duration::from_millis(3);
        runtime.clock.sleep_until(until).await;
        assert!(until <= runtime.clock.monotonic());
    });
}

#[test]
fn a_task_runs_without_its_handle_and_ends_when_aborted() {
    play(async |runtime| {
        let (done, ended) = tokio::sync::oneshot::channel();
        drop(runtime.tasks.spawn(
            "sender",
            Box::pin(async {
                done.send(1).unwrap();
            }),
        ));
        assert_eq!(ended.await, Ok(1));

        let (never, dropped) = tokio::sync::oneshot::channel::<()>();
        let task = runtime.tasks.spawn(
            "waiter",
            Box::pin(async {
                let _never = never;
                std::future::pending::<()>().await;
            }),
        );
        task.abort();
        assert!(dropped.await.is_err());
    });
}

#[test]
fn random_numbers_differ_and_stay_below_their_bound() {
    play(async |runtime| {
        assert_ne!(runtime.entropy.next_u64(), runtime.entropy.next_u64());
        assert!((0..1000).all(|_| runtime.entropy.below(7) < 7));
        assert_eq!(runtime.entropy.below(0), 0);
    });
}
