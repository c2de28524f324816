//! A planted bug: a patch, and what is said about it in front of it.
//!
//! ```text
//! Bug: ack_before_sync
//! Replants: K001 (nats-io/nats-server#7564) acks before fsync
//! Checkers: C01
//! Scenario: any
//!
//! One sentence: what it does.
//!
//! --- a/broker/src/send.rs
//! +++ b/broker/src/send.rs
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A planted bug.
#[derive(Debug)]
pub(crate) struct Bug {
    /// Its name, which is that of its file.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// The real bug that it is a copy of.
    pub(crate) replants: String,
    /// The checkers that should see it, the best one first.
    pub(crate) checkers: Vec<String>,
    /// The scenario to sweep; all of them in turn unless one is named.
    pub(crate) scenario: Option<String>,
    /// What it does.
    pub(crate) about: String,
    /// The files that it changes.
    pub(crate) files: Vec<String>,
    /// A fingerprint of the whole patch.
    pub(crate) print: String,
}

/// Every patch, in the order of the rooms that it touches: neighbours share much of a build.
pub(crate) fn read_all(directory: &Path) -> Result<Vec<Bug>, String> {
    let listed = fs::read_dir(directory).map_err(|cause| told(directory, &cause))?;
    let mut bugs = Vec::new();
    for entry in listed {
        let path = entry.map_err(|cause| told(directory, &cause))?.path();
        if path.extension().is_some_and(|ending| ending == "patch") {
            let text = fs::read_to_string(&path).map_err(|cause| told(&path, &cause))?;
            bugs.push(Bug::parse(&path, &text)?);
        }
    }
    bugs.sort_by(|a, b| (&a.files, &a.name).cmp(&(&b.files, &b.name)));
    Ok(bugs)
}

fn told(path: &Path, cause: &dyn std::fmt::Display) -> String {
    format!("{}: {cause}", path.display())
}

impl Bug {
    fn parse(path: &Path, text: &str) -> Result<Self, String> {
        let wrong = |what: &str| Err(told(path, &what));
        let Some((head, _)) = text.split_once("\n--- a/") else {
            return wrong("holds no patch");
        };
        let line = |name: &str| {
            let found = head.lines().find_map(|line| line.strip_prefix(name));
            found.and_then(|rest| rest.strip_prefix(':')).map(|rest| rest.trim().to_owned())
        };
        let (Some(name), Some(replants), Some(checkers), Some(scenario)) =
            (line("Bug"), line("Replants"), line("Checkers"), line("Scenario"))
        else {
            return wrong("begins with the lines Bug:, Replants:, Checkers:, Scenario:");
        };
        if path.file_stem().and_then(|stem| stem.to_str()) != Some(&name) {
            return wrong("is not called as the bug in it");
        }
        let about = head.split_once("\n\n").map_or("", |(_, about)| about.trim());
        let about = about.split_whitespace().collect::<Vec<_>>().join(" ");
        let checkers: Vec<String> = checkers
            .split(',')
            .map(|one| one.trim().to_owned())
            .filter(|one| !one.is_empty())
            .collect();
        if checkers.is_empty() || about.is_empty() {
            return wrong("names no checker, or does not say what it does");
        }
        let files = text.lines().filter_map(|line| line.strip_prefix("+++ b/"));
        Ok(Self {
            name,
            path: path.to_path_buf(),
            replants,
            checkers,
            scenario: Some(scenario).filter(|name| !name.is_empty() && name != "any"),
            about,
            files: files.map(str::to_owned).collect(),
            print: print(text.as_bytes()),
        })
    }
}

/// FNV-1a, as 16 hex digits.
fn print(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Bug: a_bug\nReplants: B001 (x#1) words\nCheckers: C01, C16\n\
                        Scenario: any\n\nIt does\nthis.\n\n--- a/x/y.rs\n+++ b/x/y.rs\n@@\n";

    #[test]
    fn a_patch_says_what_it_is_before_it_begins() {
        let bug = Bug::parse(Path::new("planted/a_bug.patch"), TEXT).unwrap();
        assert_eq!((bug.name.as_str(), bug.about.as_str()), ("a_bug", "It does this."));
        assert_eq!((bug.checkers.len(), bug.scenario, bug.files), (2, None, vec!["x/y.rs".into()]));
    }

    #[test]
    fn a_patch_without_its_lines_or_of_another_name_is_refused() {
        let path = Path::new("planted/a_bug.patch");
        assert!(Bug::parse(path, "--- a/x\n").unwrap_err().contains("holds no patch"));
        let nameless = TEXT.replace("Checkers: C01, C16\n", "");
        assert!(Bug::parse(path, &nameless).unwrap_err().contains("begins with"));
        let other = Path::new("planted/other.patch");
        assert!(Bug::parse(other, TEXT).unwrap_err().contains("not called"));
    }

    #[test]
    fn every_planted_bug_of_this_tree_can_be_read() {
        let bugs = read_all(&crate::source::root().join("planted")).unwrap();
        let mut names: Vec<_> = bugs.iter().map(|bug| &bug.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), bugs.len());
    }
}
