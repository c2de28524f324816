//! The Rust files of the repository, as git lists them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// One file under version control (or new and not ignored).
pub(crate) struct Source {
    /// Path from the root of the repository.
    pub(crate) path: String,
    /// Its text; empty if it is not UTF-8.
    pub(crate) text: String,
}

impl Source {
    /// Whether this is test code as a whole: a `tests` folder, or a file of tests beside its room.
    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// The text before a trailing `#[cfg(test)] mod …` block, and whole in a test file.
    pub(crate) fn production(&self) -> &str {
        self.text
            .find("\n#[cfg(test)]\nmod tests")
            .map_or(self.text.as_str(), |end| self.text.get(..end).unwrap_or(&self.text))
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// Every file that git tracks or would track, whose name ends in one of `endings`.
pub(crate) fn files(endings: &[&str]) -> Vec<Source> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    let Ok(listed) = listed else { return Vec::new() };
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut found: Vec<Source> = names
        .lines()
        .filter(|name| endings.iter().any(|ending| name.ends_with(ending)))
        .map(|name| Source {
            path: name.to_owned(),
            text: std::fs::read_to_string(root().join(name)).unwrap_or_default(),
        })
        .filter(|source| !source.text.is_empty())
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}
