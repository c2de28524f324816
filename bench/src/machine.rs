//! What was measured on, and how busy it was.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::program;

/// Facts that a reader needs to judge the numbers.
pub(crate) async fn describe(directory: &Path) -> Value {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    let said = |text: Result<String, _>| text.map(|text| text.trim().to_owned()).ok();
    json!({
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "processor": model.unwrap_or("unknown").trim(),
        "memory_gib": kib.map_or(0.0, |kib: f64| (kib / 1_048_576.0 * 10.0).round() / 10.0),
        "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
        "disk": disk(&fs::read_to_string("/proc/mounts").unwrap_or_default(), directory),
        "date": said(program::run("date", &["-u", "+%Y-%m-%d %H:%M UTC"]).await),
        "commit": said(program::run("git", &["describe", "--always", "--dirty"]).await),
    })
}

/// The load averages over 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Device and file system below a directory.
fn disk(mounts: &str, directory: &Path) -> String {
    let mut best = (0, "unknown".to_owned());
    for line in mounts.lines() {
        let mut words = line.split(' ');
        let (Some(device), Some(place), Some(kind)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        if directory.starts_with(place) && best.0 <= place.len() {
            best = (place.len(), format!("{kind} on {device}"));
        }
    }
    best.1
}

/// Bytes that a directory takes on its disk.
pub(crate) fn bytes_below(directory: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => bytes_below(&entry.path()),
        Ok(data) => data.blocks() * 512,
        Err(_) => 0,
    };
    entries.map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_point_is_the_disk() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n";
        assert_eq!(disk(mounts, Path::new("/tmp/x")), "tmpfs on tmpfs");
        assert_eq!(disk(mounts, Path::new("/tmpx")), "ext4 on /dev/vda");
    }
}
