//! The ground of the hunt: a copy of the tree, where bugs may be planted and nobody works.
//!
//! ```text
//! target/hunt/tree/       the copy
//! target/hunt/saved/      files of the copy as they were before the bug that is planted now
//! target/hunt/target/     what cargo builds
//! target/hunt/results.jsonl
//! ```

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{bug::Bug, sweep::Sim};
use crate::source;

pub(crate) struct Ground {
    root: PathBuf,
}

fn told(path: &Path) -> impl FnOnce(std::io::Error) -> String + '_ {
    move |cause| format!("{}: {cause}", path.display())
}

impl Ground {
    /// Copies the tree; the same copy again, if a hunt is resumed that had one.
    pub(crate) fn prepare(resume: bool) -> Result<Self, String> {
        let ground = Self { root: source::root().join("target/hunt") };
        ground.restore()?;
        if resume && ground.tree().join("Cargo.toml").exists() {
            println!("hunt: goes on in {}", ground.tree().display());
        } else {
            let copied = ground.copy()?;
            println!("hunt: {copied} files copied to {}", ground.tree().display());
        }
        Ok(ground)
    }

    fn tree(&self) -> PathBuf {
        self.root.join("tree")
    }

    fn saved(&self) -> PathBuf {
        self.root.join("saved")
    }

    /// Where results are kept.
    pub(crate) fn results(&self) -> PathBuf {
        self.root.join("results.jsonl")
    }

    /// Makes the copy equal to what git tracks or would track. A file that is the same already
    /// keeps its time, so cargo does not build it again. Gives how many were not.
    fn copy(&self) -> Result<usize, String> {
        let (from, to) = (source::root(), self.tree());
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&from)
            .output()
            .map_err(|cause| format!("git: {cause}"))?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let names: BTreeSet<&str> = listed.split('\0').filter(|name| !name.is_empty()).collect();
        let mut changed = 0;
        for name in &names {
            let Ok(content) = fs::read(from.join(name)) else { continue };
            changed += usize::from(put(&to.join(name), &content)?);
        }
        let mut strangers = Vec::new();
        walk(&to, &mut strangers);
        for path in strangers {
            let name = path.strip_prefix(&to).ok().and_then(Path::to_str);
            if name.is_some_and(|name| !names.contains(name) || !from.join(name).exists()) {
                fs::remove_file(&path).map_err(told(&path))?;
                changed += 1;
            }
        }
        Ok(changed)
    }

    /// Takes back a bug that an interrupted hunt left planted.
    fn restore(&self) -> Result<(), String> {
        let saved = self.saved();
        let mut files = Vec::new();
        walk(&saved, &mut files);
        for path in files {
            let name = path.strip_prefix(&saved).map_err(|cause| cause.to_string())?.to_path_buf();
            let content = fs::read(&path).map_err(told(&path))?;
            put(&self.tree().join(name), &content)?;
        }
        if saved.exists() {
            fs::remove_dir_all(&saved).map_err(told(&saved))?;
        }
        Ok(())
    }

    /// Whether a patch applies to the copy.
    pub(crate) fn fits(&self, bug: &Bug) -> Result<(), String> {
        self.git_apply(bug, &["--check"])
    }

    fn git_apply(&self, bug: &Bug, more: &[&str]) -> Result<(), String> {
        // Inside of a repository git would look for the files from its root on: hide it.
        let output = Command::new("git")
            .arg("apply")
            .args(more)
            .arg(&bug.path)
            .current_dir(self.tree())
            .env("GIT_CEILING_DIRECTORIES", &self.root)
            .output()
            .map_err(|cause| format!("git: {cause}"))?;
        if output.status.success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        Err(format!("does not apply: {}", words.lines().next().unwrap_or_default()))
    }

    /// Plants a bug, does something, and takes the bug back.
    pub(crate) fn with<T>(
        &self,
        bug: &Bug,
        what: impl FnOnce() -> Result<T, String>,
    ) -> Result<T, String> {
        self.fits(bug)?;
        for name in &bug.files {
            let path = self.tree().join(name);
            let content = fs::read(&path).map_err(told(&path))?;
            put(&self.saved().join(name), &content)?;
        }
        let outcome =
            self.git_apply(bug, &[]).and_then(|()| self.is_planted(bug)).and_then(|()| what());
        self.restore()?;
        outcome
    }

    fn is_planted(&self, bug: &Bug) -> Result<(), String> {
        let same = |name: &&String| {
            fs::read(self.tree().join(name)).ok() == fs::read(self.saved().join(name)).ok()
        };
        match bug.files.iter().find(same) {
            Some(name) => Err(format!("does not change {name}")),
            None => Ok(()),
        }
    }

    /// Builds the simulator as the copy is now.
    pub(crate) fn build(&self) -> Result<Sim, String> {
        let target = self.root.join("target");
        let output = Command::new("cargo")
            .args(["build", "--quiet", "--profile", "sim", "--locked", "-p", "sim"])
            .current_dir(self.tree())
            .env("CARGO_TARGET_DIR", &target)
            .env("CARGO_INCREMENTAL", "1")
            .env_remove("RUSTFLAGS")
            .stdin(Stdio::null())
            .output()
            .map_err(|cause| format!("cargo: {cause}"))?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            let why = words.lines().find(|line| line.starts_with("error")).unwrap_or_default();
            return Err(format!("does not build: {why}"));
        }
        Ok(Sim::new(target.join("sim/sim"), &self.root))
    }
}

/// Writes a file unless it holds that already. Whether it did not.
fn put(path: &Path, content: &[u8]) -> Result<bool, String> {
    if fs::read(path).is_ok_and(|known| known == content) {
        return Ok(false);
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(told(parent))?;
    }
    fs::write(path, content).map_err(told(path))?;
    Ok(true)
}

/// All files below a directory; none if it is absent.
fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}
