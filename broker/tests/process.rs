//! The process itself: what it says and how it ends when it cannot start.

#![expect(clippy::disallowed_methods, reason = "files for the process, outside of any world")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// What `mqbroker` ends with, too.
const CANNOT_START: Option<i32> = Some(255);

/// An empty directory of this test.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("process").join(name);
    fs::remove_dir_all(&path).ok();
    fs::create_dir_all(&path).expect("cargo gave a directory that can be written");
    path
}

/// Writes a configuration for a store below `root`.
fn configured(root: &Path, name: &str, store: &str, port: u16, more: &str) -> PathBuf {
    let store = root.join(store);
    let store = store.display();
    let text = format!(
        "bindAddress=127.0.0.1\nbrokerIP1=127.0.0.1\nlistenPort={port}\n\
         storePathRootDir={store}\nstorePathCommitLog={store}/commitlog\n\
         mappedFileSizeCommitLog=65536\nmappedFileSizeConsumeQueue=6000\n{more}"
    );
    let path = root.join(name);
    fs::write(&path, text).expect("the directory of this test can be written");
    path
}

fn broker(file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_broker"));
    command.arg("-c").arg(file).env("RUST_LOG", "off").env_remove("NAMESRV_ADDR");
    command
}

/// A broker that finds no room for a file of more than some KiB.
#[cfg(unix)]
fn broker_without_room(file: &Path) -> Command {
    let mut command = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 16; exec \"$0\" -c \"$1\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_broker")]).arg(file);
    command.env("RUST_LOG", "off").env_remove("NAMESRV_ADDR");
    command
}

/// Plays a start that must fail; what was said.
fn refused(file: &Path) -> String {
    ended_with_a_line(broker(file))
}

fn ended_with_a_line(mut broker: Command) -> String {
    let ended = broker.output().expect("cargo built the broker before this test");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), CANNOT_START, "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

/// A broker that runs until it is dropped.
struct Runs(Child, u16);

impl Runs {
    fn started(file: &Path) -> Self {
        let child = broker(file).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("cargo built the broker before this test");
        let mut line = String::new();
        let output = child.stdout.take().expect("it was piped");
        BufReader::new(output).read_line(&mut line).expect("it says that it started");
        let port = line.split_once(']').and_then(|(told, _)| told.rsplit_once(':'));
        let port = port.and_then(|(_, port)| port.parse().ok());
        Self(child, port.unwrap_or_else(|| panic!("no port in {line:?}")))
    }
}

impl Drop for Runs {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn a_store_and_a_port_that_are_taken_are_named() {
    let root = directory("taken");
    let first = Runs::started(&configured(&root, "a.conf", "a", 0, ""));
    let said = refused(&configured(&root, "b.conf", "a", 0, ""));
    let lock = root.join("a/lock");
    assert!(
        said.contains(&format!("another process uses this store: {}", lock.display())),
        "{said}"
    );
    let said = refused(&configured(&root, "c.conf", "c", first.1, ""));
    assert!(said.starts_with(&format!("cannot listen on 127.0.0.1:{}: ", first.1)), "{said}");
    assert!(!root.join("c").exists(), "no store is made where no broker can be");
}

#[test]
fn a_store_of_another_file_size_is_refused_and_left_as_it_was() {
    let root = directory("size");
    drop(Runs::started(&configured(&root, "a.conf", "a", 0, "")));
    let segment = root.join("a/commitlog/00000000000000000000");
    fs::write(&segment, vec![7; 65_536]).expect("the broker is gone");
    let said = refused(&configured(&root, "b.conf", "a", 0, "mappedFileSizeCommitLog=131072\n"));
    assert!(said.contains(&format!("{} has 65536 bytes", segment.display())), "{said}");
    assert!(said.contains("mappedFileSizeCommitLog is configured to make it 131072"), "{said}");
    assert!(fs::read(&segment).expect("it is still there").iter().all(|byte| *byte == 7));
}

#[test]
fn a_directory_that_cannot_be_is_named() {
    let root = directory("unwritable");
    fs::write(root.join("file"), "not a directory").expect("the directory can be written");
    let said = refused(&configured(&root, "a.conf", "file/store", 0, ""));
    assert!(
        said.contains(&format!("cannot create {}", root.join("file/store").display())),
        "{said}"
    );
}

#[test]
#[cfg(unix)]
fn a_disk_without_room_is_named_and_the_next_start_has_room() {
    let root = directory("room");
    let file = configured(&root, "a.conf", "a", 0, "");
    let said = ended_with_a_line(broker_without_room(&file));
    let segment = root.join("a/commitlog/00000000000000000000");
    assert!(said.contains(&segment.display().to_string()), "{said}");
    assert!(said.contains("File too large") || said.contains("No space left"), "{said}");
    drop(Runs::started(&file));
}

#[test]
fn a_wrong_value_is_named_with_its_file_line_and_limit() {
    let root = directory("value");
    let file = configured(&root, "a.conf", "a", 0, "brokerId=one\n");
    let said = refused(&file);
    let told = format!("{}: `brokerId` = `one` in line 8: expected", file.display());
    assert!(said.starts_with(&told), "{said}");
    let said = refused(&configured(&root, "b.conf", "a", 0, "mappedFileSizeCommitLog=0\n"));
    assert!(said.contains("mappedFileSizeCommitLog is 0, but must be between"), "{said}");
}
