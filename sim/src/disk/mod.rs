//! A node's disk: a page cache over a platter, faults on demand, and an honest crash model.
//!
//! * The death of the process keeps the cache: everything written is there for the next process.
//! * A power cut keeps what was synced, under names whose directory was synced; of everything else
//!   any sectors and any names, as drawn.
//! * A handle belongs to one incarnation of the process. Once that has died the handle changes
//!   nothing any more, whoever still holds it.

mod content;
mod file;
mod names;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use content::Fate;
pub(crate) use content::{Content, Risk};
use file::{NodeFile, NodeLock, Syncing};
pub(crate) use names::{Name, Names, is_root};
use runtime::{BoxFuture, Disk, DiskUsage, Entry, File, FileLock, OpenMode};

use crate::{
    node::Life,
    world::{Draw, Kind, SURE, Seeds, locked},
};

/// What becomes of everything that was not synced when the power is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtRisk {
    /// All of it stays.
    Kept,
    /// All of it is gone.
    Lost,
    /// Any of it stays, by sectors and by names, as drawn.
    #[default]
    Torn,
}

/// What a disk is like, and what ails it.
#[derive(Clone, Copy, Debug)]
pub struct Ailments {
    /// Size of the file system in bytes.
    pub capacity: u64,
    /// No space is left for anything new.
    pub full: bool,
    /// How much of it somebody else has filled, in percent.
    pub others_percent: u64,
    /// Chance in a million that a read fails.
    pub read_error_ppm: u32,
    /// Chance in a million that a write fails.
    pub write_error_ppm: u32,
    /// Chance in a million that a sync fails.
    pub sync_error_ppm: u32,
    /// Chance in a million that a read or a write does less than asked.
    pub short_ppm: u32,
    /// Least time of a sync in nanoseconds.
    pub sync_ns_min: u64,
    /// Most time of a sync in nanoseconds.
    pub sync_ns_max: u64,
    /// Longer by this for a while.
    pub sync_ns_extra: u64,
    /// What becomes of un-synced bytes in the next power cut.
    pub at_risk: AtRisk,
}

impl Default for Ailments {
    fn default() -> Self {
        Self {
            capacity: 64 << 30,
            full: false,
            others_percent: 0,
            read_error_ppm: 0,
            write_error_ppm: 0,
            sync_error_ppm: 0,
            short_ppm: 0,
            sync_ns_min: 50_000,
            sync_ns_max: 3_000_000,
            sync_ns_extra: 0,
            at_risk: AtRisk::Torn,
        }
    }
}

/// How often each ailment was felt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Felt {
    /// Reads that failed.
    pub read_errors: u64,
    /// Writes that failed.
    pub write_errors: u64,
    /// Syncs that failed.
    pub sync_errors: u64,
    /// Writes that found no space.
    pub no_space: u64,
}

/// A file that its process removed.
#[derive(Clone, Debug)]
pub(crate) struct Removed {
    /// True time in nanoseconds.
    pub(crate) at: u64,
    pub(crate) path: PathBuf,
    /// What it held.
    pub(crate) content: Bytes,
    /// When it was last changed, by its machine's wall clock.
    pub(crate) modified_ms: i64,
    /// What the wall clock showed.
    pub(crate) wall_ms: i64,
    /// Names in the same directory at that moment, this one included.
    pub(crate) siblings: Vec<String>,
    /// How full the disk was.
    pub(crate) used_percent: u32,
}

/// What a power cut did.
pub(crate) struct Told {
    pub(crate) kept: u64,
    pub(crate) lost: u64,
    names_kept: u64,
    names_lost: u64,
}

impl Told {
    /// For people.
    pub(crate) fn words(&self) -> String {
        let Self { kept, lost, names_kept, names_lost } = self;
        format!(
            "of un-synced sectors {kept} kept and {lost} lost, of un-synced names {names_kept} \
             kept and {names_lost} lost"
        )
    }
}

/// The state of one disk.
pub(crate) struct Platter {
    pub(crate) ailments: Ailments,
    pub(crate) felt: Felt,
    /// What was removed, in order.
    pub(crate) removed: Vec<Removed>,
    /// Sectors and names that power cuts took.
    pub(crate) lost: (u64, u64),
    /// Every file as far as it was durable when the power was cut last.
    pub(crate) durable_at_cut: Option<Vec<(PathBuf, Bytes)>>,
    names: Names,
    files: BTreeMap<u64, Content>,
    files_made: u64,
    locks: BTreeSet<u64>,
    /// Grows whenever every handle becomes void.
    era: u64,
    /// Grows whenever what was under way never ends: at a power cut.
    power: u64,
    draw: Draw,
}

fn eio() -> io::Error {
    io::Error::from_raw_os_error(5)
}

fn enospc() -> io::Error {
    io::Error::from_raw_os_error(28)
}

fn dead() -> io::Error {
    io::Error::other("this process is dead")
}

fn absent(path: &Path) -> io::Error {
    io::Error::new(ErrorKind::NotFound, format!("no such file or directory: {}", path.display()))
}

impl Platter {
    pub(crate) fn new(seeds: &Seeds, node: u32) -> Self {
        let mut draw = seeds.stream("disk", u64::from(node));
        // Some disks do less than asked now and then, as any system call may.
        let short_ppm = if draw.chance(250_000) { 20_000 } else { 0 };
        Self {
            ailments: Ailments { short_ppm, ..Ailments::default() },
            felt: Felt::default(),
            removed: vec![],
            lost: (0, 0),
            durable_at_cut: None,
            names: Names::default(),
            files: BTreeMap::new(),
            files_made: 0,
            locks: BTreeSet::new(),
            era: 0,
            power: 0,
            draw,
        }
    }

    /// The process is gone: its handles and locks are void, its bytes stay.
    pub(crate) fn close_all(&mut self) {
        self.era += 1;
        self.locks.clear();
        self.files.values_mut().for_each(|file| file.open = 0);
        self.forget_lost_files();
    }

    /// The power is cut.
    pub(crate) fn power_cut(&mut self) -> Told {
        self.power += 1;
        let durable = self.names.durable_files().into_iter();
        let content = |(path, file): (PathBuf, u64)| {
            Some((path, Bytes::from(self.files.get(&file)?.durable())))
        };
        self.durable_at_cut = Some(durable.filter_map(content).collect());
        let draw = &mut self.draw;
        let style = match self.ailments.at_risk {
            AtRisk::Kept => Some(Fate::Kept),
            AtRisk::Lost => Some(Fate::Lost),
            AtRisk::Torn => None,
        };
        let (mut kept, mut lost) = (0, 0);
        // One style for the whole disk half of the time, else each file by itself.
        let torn = |draw: &mut Draw| match draw.below(6) {
            0 => Fate::Scattered(100_000),
            1 => Fate::Scattered(900_000),
            2 => Fate::Scattered(500_000),
            3 => Fate::Lost,
            _ => Fate::Ordered,
        };
        let common = draw.chance(SURE / 2).then(|| torn(draw));
        for file in self.files.values_mut().filter(|file| file.is_dirty()) {
            let fate = style.or(common).unwrap_or_else(|| torn(draw));
            let (one, other) = file.power_cut(fate, draw);
            (kept, lost) = (kept + one, lost + other);
        }
        let fate = style.or(common).unwrap_or_else(|| torn(draw));
        let (names_kept, names_lost) = self.names.power_cut(fate, draw);
        for file in self.files.values_mut() {
            file.links = 0;
        }
        for (_, file) in self.names.files() {
            if let Some(file) = self.files.get_mut(&file) {
                file.links += 1;
            }
        }
        self.forget_lost_files();
        self.lost = (self.lost.0 + lost, self.lost.1 + names_lost);
        Told { kept, lost, names_kept, names_lost }
    }

    /// Everything on the disk is gone; a new one of the same size takes its place.
    pub(crate) fn replace(&mut self) {
        self.era += 1;
        self.power += 1;
        self.names = Names::default();
        self.files.clear();
        self.locks.clear();
    }

    /// Every file with its path and content, as the running system would read it.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Bytes)> {
        let file = |(path, file): (&Path, u64)| (path.to_path_buf(), self.content(file));
        self.names.files().map(file).collect()
    }

    /// All bytes of a file.
    fn content(&self, number: u64) -> Bytes {
        let Some(file) = self.files.get(&number) else { return Bytes::new() };
        let mut buffer = vec![0; usize::try_from(file.len()).unwrap_or(0)];
        file.read(0, &mut buffer);
        Bytes::from(buffer)
    }

    /// Whether anything would be lost if the power were cut now.
    pub(crate) fn is_dirty(&self) -> bool {
        self.files.values().any(Content::is_dirty)
    }

    fn forget_lost_files(&mut self) {
        let names = &self.names;
        self.files.retain(|number, file| file.open != 0 || file.links != 0 || names.knows(*number));
    }

    fn used(&self) -> u64 {
        let counted = self.files.values().filter(|file| file.links != 0 || file.open != 0);
        counted.map(Content::paid).sum()
    }

    fn free(&self) -> u64 {
        let Ailments { capacity, full, others_percent, .. } = self.ailments;
        let others = capacity / 100 * others_percent;
        if full { 0 } else { capacity.saturating_sub(others).saturating_sub(self.used()) }
    }

    /// Takes `bytes` of free space, or says that there are none.
    fn pay(&mut self, bytes: u64) -> io::Result<()> {
        if bytes != 0 && self.free() < bytes {
            self.felt.no_space += 1;
            return Err(enospc());
        }
        Ok(())
    }

    fn make_file(&mut self, path: &Path, wall_ms: i64) -> io::Result<u64> {
        let parent = path.parent().unwrap_or(path);
        if !self.names.is_dir(parent) && !is_root(parent) {
            return Err(absent(parent));
        }
        if self.ailments.full {
            self.felt.no_space += 1;
            return Err(enospc());
        }
        self.files_made += 1;
        let content = Content::new(wall_ms);
        self.files.insert(self.files_made, content);
        self.names.put(path, Name::File(self.files_made));
        Ok(self.files_made)
    }

    fn note_removal(&mut self, path: &Path, number: u64, (at, wall_ms): (u64, i64)) {
        let children = self.names.children(path.parent().unwrap_or(path)).into_iter();
        let name = |(path, _): (PathBuf, Name)| Some(path.file_name()?.to_str()?.to_owned());
        let used = self.ailments.capacity.saturating_sub(self.free());
        let percent = used.saturating_mul(100) / self.ailments.capacity.max(1);
        self.removed.push(Removed {
            at,
            path: path.to_path_buf(),
            content: self.content(number),
            modified_ms: self.files.get(&number).map_or(0, |file| file.modified_ms),
            wall_ms,
            siblings: children.filter_map(name).collect(),
            used_percent: u32::try_from(percent).unwrap_or(100),
        });
    }

    fn unlink(&mut self, name: Option<Name>) {
        if let Some(Name::File(number)) = name {
            if let Some(file) = self.files.get_mut(&number) {
                file.links = file.links.saturating_sub(1);
            }
            self.drop_if_lost(number);
        }
    }

    fn drop_if_lost(&mut self, number: u64) {
        let lost = self.files.get(&number).is_some_and(|file| file.open == 0 && file.links == 0);
        if lost && !self.names.knows(number) {
            self.files.remove(&number);
        }
    }

    fn entry(&self, path: &Path, name: Name) -> Entry {
        let file = match name {
            Name::Directory => None,
            Name::File(number) => self.files.get(&number),
        };
        Entry {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            is_dir: name == Name::Directory,
            len: file.map_or(0, Content::len),
            modified_ms: file.map_or(0, |file| file.modified_ms),
        }
    }
}

/// The disk as one process sees it.
#[derive(Clone)]
pub(crate) struct NodeDisk(pub(crate) Arc<Life>);

impl NodeDisk {
    /// Changes the disk, if this process still may.
    fn change<T>(&self, change: impl FnOnce(&mut Platter, i64) -> io::Result<T>) -> io::Result<T> {
        if !self.0.may() {
            return Err(dead());
        }
        let node = &self.0.node;
        let wall_ms = locked(&node.clocks).wall_ms(node.world.now());
        let mut disk = locked(&node.disk);
        let ppm = disk.ailments.write_error_ppm;
        if disk.draw.chance(ppm) {
            disk.felt.write_errors += 1;
            drop(disk);
            node.world.told(node.id, Kind::Fault, (0, 0), "a write fails".into());
            return Err(eio());
        }
        change(&mut disk, wall_ms)
    }

    /// Looks at the disk, if this process still may.
    fn look<T>(&self, look: impl FnOnce(&mut Platter) -> io::Result<T>) -> io::Result<T> {
        if !self.0.is_alive() {
            return Err(dead());
        }
        look(&mut locked(&self.0.node.disk))
    }

    /// Notes a change of names in the trace.
    fn named(&self, verb: &str, path: &Path) {
        let text = format!("{verb} {}", path.display());
        self.0.node.world.told(self.0.node.id, Kind::Name, (0, 0), text);
    }
}

impl Disk for NodeDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let known = self.look(|disk| Ok(disk.names.get(path)))?;
        let number = match (known, mode) {
            (Some(Name::Directory), _) => return Err(ErrorKind::IsADirectory.into()),
            (Some(_), OpenMode::CreateNew) => return Err(ErrorKind::AlreadyExists.into()),
            (Some(Name::File(number)), _) => number,
            (None, OpenMode::Read | OpenMode::Write) => return Err(absent(path)),
            (None, OpenMode::Create | OpenMode::CreateNew) => {
                let number = self.change(|disk, wall_ms| disk.make_file(path, wall_ms))?;
                self.named("create", path);
                number
            }
        };
        self.look(|disk| {
            let file = disk.files.get_mut(&number).ok_or_else(|| absent(path))?;
            file.open += 1;
            let (era, writable) = (disk.era, mode != OpenMode::Read);
            Ok(Arc::new(NodeFile { disk: self.clone(), number, era, writable }) as Arc<dyn File>)
        })
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let missing = self.look(|disk| {
            let mut missing = vec![];
            for directory in path.ancestors().filter(|path| !is_root(path)) {
                match disk.names.get(directory) {
                    Some(Name::File(_)) => return Err(ErrorKind::NotADirectory.into()),
                    Some(Name::Directory) => break,
                    None => missing.push(directory),
                }
            }
            Ok(missing)
        })?;
        for directory in missing.into_iter().rev() {
            self.change(|disk, _| {
                disk.names.put(directory, Name::Directory);
                Ok(())
            })?;
            self.named("mkdir", directory);
        }
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Entry>> {
        self.look(|disk| match disk.names.get(directory) {
            None => Err(absent(directory)),
            Some(Name::File(_)) => Err(ErrorKind::NotADirectory.into()),
            Some(Name::Directory) => {
                let children = disk.names.children(directory).into_iter();
                Ok(children.map(|(path, name)| disk.entry(&path, name)).collect())
            }
        })
    }

    fn entry(&self, path: &Path) -> io::Result<Entry> {
        self.look(|disk| {
            let name = disk.names.get(path).ok_or_else(|| absent(path))?;
            Ok(disk.entry(path, name))
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|disk, _| {
            let parent = to.parent().unwrap_or(to);
            if !disk.names.is_dir(parent) {
                return Err(absent(parent));
            }
            if disk.names.is_dir(to) {
                return Err(ErrorKind::IsADirectory.into());
            }
            match disk.names.get(from).ok_or_else(|| absent(from))? {
                Name::Directory => Err(ErrorKind::IsADirectory.into()),
                Name::File(number) => {
                    let before = disk.names.rename(from, to, number);
                    disk.unlink(before);
                    Ok(())
                }
            }
        })?;
        self.named("rename to", to);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let now = self.0.node.world.now();
        self.change(|disk, wall_ms| match disk.names.get(path).ok_or_else(|| absent(path))? {
            Name::Directory => Err(ErrorKind::IsADirectory.into()),
            Name::File(number) => {
                disk.note_removal(path, number, (now, wall_ms));
                let name = disk.names.remove(path);
                disk.unlink(name);
                Ok(())
            }
        })?;
        self.named("remove", path);
        Ok(())
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        let tree = self.look(|disk| {
            disk.names.get(path).ok_or_else(|| absent(path))?;
            Ok(disk.names.tree(path))
        })?;
        for (path, _) in tree.into_iter().rev() {
            self.change(|disk, _| {
                let name = disk.names.remove(&path);
                disk.unlink(name);
                Ok(())
            })?;
            self.named("remove", &path);
        }
        Ok(())
    }

    fn sync_dir(&self, directory: &Path) -> BoxFuture<'static, io::Result<()>> {
        let begun = self.look(|disk| match disk.names.is_dir(directory) {
            true => Ok(disk.names.mark()),
            false => Err(absent(directory)),
        });
        let mark = match begun {
            Ok(mark) => mark,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let path = directory.to_path_buf();
        Syncing::start(self, 0, move |disk, good| {
            if good {
                disk.names.synced(&path, mark);
                disk.forget_lost_files();
            }
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        let file = self.open(path, OpenMode::Create)?;
        self.look(|disk| {
            let Some(Name::File(number)) = disk.names.get(path) else { return Err(absent(path)) };
            if !disk.locks.insert(number) {
                return Err(ErrorKind::WouldBlock.into());
            }
            Ok((number, disk.era))
        })
        .map(|(number, era)| {
            Box::new(NodeLock { disk: self.clone(), number, era, file }) as Box<dyn FileLock>
        })
    }

    fn usage(&self, path: &Path) -> io::Result<DiskUsage> {
        self.look(|disk| {
            disk.names.get(path).ok_or_else(|| absent(path))?;
            Ok(DiskUsage { total_bytes: disk.ailments.capacity, free_bytes: disk.free() })
        })
    }
}
