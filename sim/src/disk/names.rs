//! Names, twice: as the running system has them, and as the platter has them.
//!
//! Each change of a name waits in a journal until its directory is synced. After a power cut the
//! platter has the durable names plus what the draw grants of the journal: a prefix of it, as a
//! journaling file system would, or any of its entries, as POSIX allows. A name below a directory
//! that did not survive is gone with it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::content::Fate;
use crate::world::Draw;

/// What a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Directory,
    File(u64),
}

/// A change of names, in the order it was made.
#[derive(Clone, Debug)]
enum Change {
    Put(PathBuf, Name),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, u64),
}

impl Change {
    fn touches(&self, directory: &Path) -> bool {
        match self {
            Self::Put(path, _) | Self::Remove(path) => path.parent() == Some(directory),
            Self::Rename(from, to, _) => {
                from.parent() == Some(directory) || to.parent() == Some(directory)
            }
        }
    }
}

/// All names of a disk.
#[derive(Clone, Default)]
pub(crate) struct Names {
    live: BTreeMap<PathBuf, Name>,
    durable: BTreeMap<PathBuf, Name>,
    journal: BTreeMap<u64, Change>,
    changes: u64,
}

impl Names {
    pub(crate) fn get(&self, path: &Path) -> Option<Name> {
        if is_root(path) {
            return Some(Name::Directory);
        }
        self.live.get(path).copied()
    }

    pub(crate) fn is_dir(&self, path: &Path) -> bool {
        self.get(path) == Some(Name::Directory)
    }

    pub(crate) fn put(&mut self, path: &Path, name: Name) {
        self.live.insert(path.to_path_buf(), name);
        self.journaled(Change::Put(path.to_path_buf(), name));
    }

    pub(crate) fn remove(&mut self, path: &Path) -> Option<Name> {
        let name = self.live.remove(path)?;
        self.journaled(Change::Remove(path.to_path_buf()));
        Some(name)
    }

    /// Moves a file. Gives the file that the target was before.
    pub(crate) fn rename(&mut self, from: &Path, to: &Path, file: u64) -> Option<Name> {
        self.live.remove(from);
        let before = self.live.insert(to.to_path_buf(), Name::File(file));
        self.journaled(Change::Rename(from.to_path_buf(), to.to_path_buf(), file));
        before.filter(|name| *name != Name::File(file))
    }

    fn journaled(&mut self, change: Change) {
        self.changes += 1;
        self.journal.insert(self.changes, change);
    }

    /// Direct children of a directory, sorted.
    pub(crate) fn children(&self, directory: &Path) -> Vec<(PathBuf, Name)> {
        let below = self.live.iter().filter(|(path, _)| path.parent() == Some(directory));
        below.map(|(path, name)| (path.clone(), *name)).collect()
    }

    /// Everything below and including `path`, deepest last.
    pub(crate) fn tree(&self, path: &Path) -> Vec<(PathBuf, Name)> {
        let below = self.live.iter().filter(|(name, _)| name.starts_with(path));
        below.map(|(path, name)| (path.clone(), *name)).collect()
    }

    /// The journal up to now: what a sync of a directory that begins now covers.
    pub(crate) fn mark(&self) -> u64 {
        self.changes
    }

    /// A sync of `directory` that began at `mark` is over.
    pub(crate) fn synced(&mut self, directory: &Path, mark: u64) {
        let covered = self.journal.range(..=mark).filter(|(_, change)| change.touches(directory));
        let covered: Vec<u64> = covered.map(|(number, _)| *number).collect();
        for number in covered {
            if let Some(change) = self.journal.remove(&number) {
                self.settle(&change);
            }
        }
    }

    fn settle(&mut self, change: &Change) {
        match change {
            Change::Put(path, name) => {
                self.durable.insert(path.clone(), *name);
            }
            Change::Remove(path) => {
                self.durable.remove(path);
            }
            Change::Rename(from, to, file) => {
                if self.durable.get(from) == Some(&Name::File(*file)) {
                    self.durable.remove(from);
                }
                self.durable.insert(to.clone(), Name::File(*file));
            }
        }
    }

    /// The power is cut. Gives how many changes were kept and lost of those at risk.
    pub(crate) fn power_cut(&mut self, fate: Fate, draw: &mut Draw) -> (u64, u64) {
        let journal = std::mem::take(&mut self.journal);
        let total = journal.len() as u64;
        let prefix = draw.chance(500_000).then(|| draw.below(total + 1));
        let mut kept = 0;
        for (place, change) in journal.values().enumerate() {
            let granted = match (fate, prefix) {
                (Fate::Kept, _) => true,
                (Fate::Lost, _) => false,
                (Fate::Scattered(_) | Fate::Ordered, Some(point)) => (place as u64) < point,
                (Fate::Scattered(_) | Fate::Ordered, None) => draw.chance(500_000),
            };
            if granted {
                self.settle(change);
                kept += 1;
            }
        }
        self.reboot();
        (kept, total - kept)
    }

    /// The durable names are all there is.
    fn reboot(&mut self) {
        self.live = self.durable_tree();
        self.durable.clone_from(&self.live);
    }

    /// The changes that a power cut may take, in words.
    pub(crate) fn at_risk(&self) -> impl Iterator<Item = String> {
        self.journal.values().map(|change| match change {
            Change::Put(path, Name::Directory) => format!("mkdir {}", path.display()),
            Change::Put(path, Name::File(_)) => format!("create {}", path.display()),
            Change::Remove(path) => format!("remove {}", path.display()),
            Change::Rename(from, to, _) => {
                format!("rename {} to {}", from.display(), to.display())
            }
        })
    }

    /// What a power cut leaves that takes the changes at risk for which `kept` says so.
    pub(crate) fn after_power_cut(&self, kept: impl IntoIterator<Item = bool>) -> Self {
        let mut after = self.clone();
        let journal = std::mem::take(&mut after.journal);
        for (change, kept) in journal.values().zip(kept) {
            if kept {
                after.settle(change);
            }
        }
        after.reboot();
        after
    }

    /// Everything that exists now, by path.
    pub(crate) fn live(&self) -> impl Iterator<Item = (&Path, Name)> {
        self.live.iter().map(|(path, name)| (path.as_path(), *name))
    }

    /// The durable names that can be reached from the root.
    fn durable_tree(&self) -> BTreeMap<PathBuf, Name> {
        let mut tree: BTreeMap<PathBuf, Name> = BTreeMap::new();
        // Shorter paths come first, so a parent is judged before its children.
        for (path, name) in &self.durable {
            let parent = path.parent().filter(|parent| !is_root(parent));
            if parent.is_none_or(|parent| tree.get(parent) == Some(&Name::Directory)) {
                tree.insert(path.clone(), *name);
            }
        }
        tree
    }

    /// Every file that a power cut could not take, by path.
    pub(crate) fn durable_files(&self) -> Vec<(PathBuf, u64)> {
        let file = |(path, name)| match name {
            Name::File(file) => Some((path, file)),
            Name::Directory => None,
        };
        self.durable_tree().into_iter().filter_map(file).collect()
    }

    /// Whether any name leads to a file: now, on the platter, or in the journal.
    pub(crate) fn knows(&self, file: u64) -> bool {
        let leads = |name: &Name| *name == Name::File(file);
        let pending = |change: &Change| match change {
            Change::Put(_, name) => leads(name),
            Change::Rename(_, _, moved) => *moved == file,
            Change::Remove(_) => false,
        };
        self.live.values().any(leads)
            || self.durable.values().any(leads)
            || self.journal.values().any(pending)
    }

    /// Every file, by path.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Path, u64)> {
        self.live.iter().filter_map(|(path, name)| match name {
            Name::File(file) => Some((path.as_path(), *file)),
            Name::Directory => None,
        })
    }
}

/// The top of the tree, which always exists.
pub(crate) fn is_root(path: &Path) -> bool {
    path.parent().is_none() || path == Path::new("") || path == Path::new(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(entity: u64) -> Draw {
        Draw::derive(1, "names", entity)
    }

    fn with_synced_dir() -> Names {
        let mut names = Names::default();
        names.put(Path::new("/d"), Name::Directory);
        names.synced(Path::new("/"), names.mark());
        names
    }

    #[test]
    fn a_name_is_durable_after_its_directory_was_synced() {
        let mut names = with_synced_dir();
        names.put(Path::new("/d/a"), Name::File(1));
        names.synced(Path::new("/d"), names.mark());
        names.put(Path::new("/d/b"), Name::File(2));
        names.power_cut(Fate::Lost, &mut draw(1));
        assert_eq!(names.get(Path::new("/d/a")), Some(Name::File(1)));
        assert_eq!(names.get(Path::new("/d/b")), None);
    }

    #[test]
    fn a_lost_rename_leaves_the_old_file_under_the_name() {
        let mut names = with_synced_dir();
        names.put(Path::new("/d/a"), Name::File(1));
        names.synced(Path::new("/d"), names.mark());
        names.put(Path::new("/d/a.tmp"), Name::File(2));
        names.rename(Path::new("/d/a.tmp"), Path::new("/d/a"), 2);
        assert_eq!(names.get(Path::new("/d/a")), Some(Name::File(2)));
        names.power_cut(Fate::Lost, &mut draw(1));
        assert_eq!(names.get(Path::new("/d/a")), Some(Name::File(1)));
        assert_eq!(names.get(Path::new("/d/a.tmp")), None);
    }

    #[test]
    fn a_directory_that_was_never_synced_takes_its_files_along() {
        let mut names = Names::default();
        names.put(Path::new("/d"), Name::Directory);
        names.put(Path::new("/d/a"), Name::File(1));
        names.synced(Path::new("/d"), names.mark());
        names.power_cut(Fate::Lost, &mut draw(1));
        assert_eq!(names.get(Path::new("/d/a")), None);
        assert!(!names.knows(1));
    }

    #[test]
    fn a_power_cut_may_keep_any_entries_of_the_journal() {
        let mut seen = std::collections::BTreeSet::new();
        for entity in 0..64 {
            let mut names = Names::default();
            for (file, path) in ["/a", "/b"].into_iter().enumerate() {
                names.put(Path::new(path), Name::File(file as u64));
            }
            names.power_cut(Fate::Scattered(500_000), &mut draw(entity));
            seen.insert(["/a", "/b"].map(|path| names.get(Path::new(path)).is_some()));
        }
        assert_eq!(seen.len(), 4, "{seen:?}");
    }
}
