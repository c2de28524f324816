//! The process itself: what it says and how it ends when it cannot start.

#![expect(clippy::disallowed_methods, reason = "files for the process, outside of any world")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// What `mqnamesrv` ends with, too.
const CANNOT_START: Option<i32> = Some(255);

/// An empty directory of this test.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("namesrv-process").join(name);
    fs::remove_dir_all(&path).ok();
    fs::create_dir_all(&path).expect("cargo gave a directory that can be written");
    path
}

/// Writes a configuration for a name server that keeps to `root`.
fn configured(root: &Path, name: &str, port: u16, more: &str) -> PathBuf {
    let kv = root.join("kv.json");
    let text =
        format!("bindAddress=127.0.0.1\nlistenPort={port}\nkvConfigPath={}\n{more}", kv.display());
    let path = root.join(name);
    fs::write(&path, text).expect("the directory of this test can be written");
    path
}

fn namesrv(file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_namesrv"));
    command.arg("-c").arg(file).env("RUST_LOG", "off");
    command
}

/// Plays a start that must fail; what was said.
fn refused(file: &Path) -> String {
    let ended = namesrv(file).output().expect("cargo built the name server before this test");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), CANNOT_START, "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(!said.contains('\u{1b}'), "no colours for a file: {said:?}");
    said
}

/// A name server that runs until it is dropped.
struct Runs(Child, u16);

impl Runs {
    fn started(file: &Path) -> Self {
        let child = namesrv(file).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("cargo built the name server before this test");
        let output = child.stdout.take().expect("it was piped");
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("boot success")).unwrap_or_default();
        let port = line.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
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
fn a_port_that_is_taken_is_named() {
    let root = directory("taken");
    let first = Runs::started(&configured(&root, "a.conf", 0, ""));
    let said = refused(&configured(&root, "b.conf", first.1, ""));
    assert!(said.starts_with(&format!("cannot listen on 127.0.0.1:{}: ", first.1)), "{said}");
}

#[test]
fn a_file_that_is_missing_or_no_text_is_named() {
    let root = directory("file");
    let missing = root.join("missing.conf");
    let said = refused(&missing);
    assert!(said.starts_with(&format!("{}: ", missing.display())), "{said}");
    assert!(said.contains("No such file"), "{said}");
    let said = refused(Path::new(env!("CARGO_BIN_EXE_namesrv")));
    assert!(said.contains("bytes exceed the limit of 1048576 bytes"), "{said}");
    let binary = root.join("binary.conf");
    fs::write(&binary, b"\x7fELF\x02\x01\x01\x00\xff\xfe").expect("it can be written");
    let told =
        format!("{}: line 1: U+007F stands in no text of keys and values\n", binary.display());
    assert_eq!(told, refused(&binary));
    let latin = root.join("latin.conf");
    fs::write(&latin, b"\xe9\xe8\xea=1\n").expect("it can be written");
    assert_eq!(format!("{}: unknown key `éèê` in line 1\n", latin.display()), refused(&latin));
}

#[test]
fn a_wrong_value_and_an_unknown_key_are_named_with_their_file_and_line() {
    let root = directory("value");
    let file = configured(&root, "a.conf", 0, "scanNotActiveBrokerInterval=soon\n");
    let told = "`scanNotActiveBrokerInterval` = `soon` in line 4: expected a number of \
                milliseconds from 1 to 2147483647";
    assert_eq!(format!("{}: {told}\n", file.display()), refused(&file));
    let file = configured(&root, "b.conf", 0, "listnPort=1\n");
    let told = "unknown key `listnPort` in line 4; did you mean `listenPort`?";
    assert_eq!(format!("{}: {told}\n", file.display()), refused(&file));
}

#[test]
fn a_directory_that_cannot_be_is_named() {
    let root = directory("unwritable");
    fs::write(root.join("file"), "not a directory").expect("the directory can be written");
    let kv = root.join("file/kv.json");
    let said =
        refused(&configured(&root, "a.conf", 0, &format!("kvConfigPath={}\n", kv.display())));
    assert!(said.contains(&format!("cannot read {}: ", kv.display())), "{said}");
}

#[test]
fn a_damaged_file_of_values_is_named_and_left_as_it_was() {
    let root = directory("damaged");
    fs::write(root.join("kv.json"), "{\"configTable\":").expect("the directory can be written");
    let said = refused(&configured(&root, "a.conf", 0, ""));
    let kv = root.join("kv.json");
    assert!(said.contains(&format!("{} and its backup are damaged: ", kv.display())), "{said}");
    assert_eq!("{\"configTable\":", fs::read_to_string(&kv).expect("it is still there"));
}

#[test]
fn an_unknown_argument_ends_as_a_wrong_file_does() {
    let ended = Command::new(env!("CARGO_BIN_EXE_namesrv")).arg("--nonsense").output();
    let ended = ended.expect("cargo built the name server before this test");
    assert_eq!(ended.status.code(), CANNOT_START);
    assert!(String::from_utf8_lossy(&ended.stderr).contains("--nonsense"));
}
