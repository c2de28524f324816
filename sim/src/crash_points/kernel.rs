//! The same calls on a disk of the kernel and on a stage: what a running process sees must be the
//! same. What a power cut leaves is not compared here: see `docs/crash-points.md`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use runtime::{Disk, OpenMode};

use super::stage::{Platters, Stage};
use crate::world::Draw;

/// So many calls are made.
const CALLS: usize = 1500;

/// A call, drawn, and what it gave.
fn call(disk: &dyn Disk, root: &Path, draw: &mut Draw) -> String {
    let path = path_of(root, draw);
    let other = path_of(root, draw);
    let (at, len) = (draw.below(9000), draw.below(5000));
    let mode = [OpenMode::Read, OpenMode::Write, OpenMode::Create, OpenMode::CreateNew];
    let mode = mode[draw.index(mode.len())];
    let verb = draw.below(10);
    let gave = match verb {
        0 => disk.create_dir_all(path.parent().unwrap_or(root)).map(|()| String::new()),
        1 => disk.rename(&path, &other).map(|()| String::new()),
        2 => disk.remove_file(&path).map(|()| String::new()),
        3 if draw.below(8) == 0 => {
            disk.remove_dir_all(path.parent().unwrap_or(root)).map(|()| String::new())
        }
        3 | 4 => disk.list(path.parent().unwrap_or(root)).map(|entries| {
            let words = entries.into_iter().map(|entry| (entry.name, entry.is_dir, entry.len));
            format!("{:?}", words.collect::<Vec<_>>())
        }),
        5 => disk.entry(&path).map(|entry| format!("{} {}", entry.is_dir, entry.len)),
        6 => disk.read(&path).map(|bytes| format!("{:016x}", crate::world::of_bytes(&bytes))),
        7 => disk.open(&path, OpenMode::Read).and_then(|file| {
            let bytes = file.read_bytes(at, len)?;
            Ok(format!("{:016x}", crate::world::of_bytes(&bytes)))
        }),
        8 => disk.open(&path, mode).map(|_| String::new()),
        _ => change(disk, &path, draw, (at, len)),
    };
    match gave {
        Ok(gave) => format!("{verb}: {gave}"),
        Err(error) => format!("{verb}: {:?}", error.kind()),
    }
}

fn change(
    disk: &dyn Disk,
    path: &Path,
    draw: &mut Draw,
    (at, len): (u64, u64),
) -> std::io::Result<String> {
    let file = disk.open(path, OpenMode::Create)?;
    match draw.below(3) {
        0 => file.set_len(at)?,
        1 => file.preallocate(at)?,
        _ => file.write_all_at(at, &vec![7; usize::try_from(len).unwrap_or(0)])?,
    }
    let mut tail = [1; 64];
    let near = file.read_at(file.len()?.saturating_sub(32), &mut tail)?;
    Ok(format!("{} {near} {:?}", file.len()?, &tail[..near]))
}

fn path_of(root: &Path, draw: &mut Draw) -> PathBuf {
    let directory = ["a", "b"][draw.index(2)];
    root.join(directory).join(["x", "y", "z"][draw.index(3)])
}

fn calls(disk: &Arc<dyn Disk>, root: &Path, seed: u64) -> Vec<String> {
    let mut draw = Draw::derive(seed, "calls", 0);
    (0..CALLS).map(|_| call(&**disk, root, &mut draw)).collect()
}

#[test]
fn a_running_process_sees_the_same_on_a_stage_and_on_the_kernel_s_disk() {
    let room = std::env::temp_dir().join(format!("gantry-stage-{}", std::process::id()));
    for seed in 0..3 {
        let stage: Arc<dyn Disk> = Arc::new(Stage::new(Platters::default()));
        let here = Path::new("room");
        stage.create_dir_all(here).unwrap();
        let played = calls(&stage, here, seed);
        let real = runtime::real::run(|runtime| {
            let (disk, room) = (runtime.disk.clone(), room.clone());
            async move {
                disk.create_dir_all(&room).unwrap();
                let real = calls(&disk, &room, seed);
                disk.remove_dir_all(&room).unwrap();
                real
            }
        });
        for (number, (played, real)) in played.iter().zip(&real.unwrap()).enumerate() {
            assert_eq!(played, real, "seed {seed}, call {number}");
        }
    }
}
