//! The disks that a power cut may leave: everything that it decides, and the ways to decide it.

use std::{collections::BTreeMap, sync::Arc};

use super::{Trouble, stage::Platters};
use crate::{
    disk::{Content, Name, Names, Risk},
    world::{Draw, of_bytes},
};

/// How much is tried at one point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Depth {
    /// All combinations are tried if there are no more than this.
    pub(super) full: u64,
    /// Pairs of deviations are tried among so many things at risk.
    pub(super) pairs_among: usize,
    /// Drawn combinations where not all are tried.
    pub(super) drawn: u64,
    /// Places at which each sector is torn, in each of three surroundings.
    pub(super) tears: u64,
}

/// One thing that a power cut decides.
#[derive(Clone, Copy)]
enum Stake {
    /// Something about a file.
    File(u64, Risk),
    /// A change of names.
    Name,
}

/// Names that a power cut left, and the hashes of their paths, by which states are told apart.
type NamesLeft = (Arc<Names>, Vec<(u64, Name)>);

/// Everything that a power cut decides about a disk: first the files, each in a row, then names.
pub(super) struct Stakes<'a> {
    platters: &'a Platters,
    stakes: Vec<Stake>,
    /// Of each file the range of its stakes.
    files: BTreeMap<u64, std::ops::Range<usize>>,
    names_from: usize,
    seen_files: BTreeMap<(u64, Vec<u16>), (Arc<Content>, u64)>,
    seen_names: BTreeMap<Vec<u16>, NamesLeft>,
}

impl<'a> Stakes<'a> {
    pub(super) fn of(platters: &'a Platters) -> Self {
        let (mut stakes, mut files) = (Vec::new(), BTreeMap::new());
        for (&file, content) in platters.files.iter().filter(|(_, content)| content.is_dirty()) {
            if !platters.names.knows(file) {
                continue;
            }
            let from = stakes.len();
            stakes.extend(content.risks().into_iter().map(|risk| Stake::File(file, risk)));
            files.insert(file, from..stakes.len());
        }
        let names_from = stakes.len();
        stakes.extend(platters.names.at_risk().map(|_| Stake::Name));
        let (seen_files, seen_names) = (BTreeMap::new(), BTreeMap::new());
        Self { platters, stakes, files, names_from, seen_files, seen_names }
    }

    pub(super) fn len(&self) -> usize {
        self.stakes.len()
    }

    /// Whether these ways are of these stakes.
    pub(super) fn fits(&self, ways: &[u16]) -> Result<(), Trouble> {
        let most: Vec<u16> = self.kept();
        if ways.len() != most.len() || ways.iter().zip(&most).any(|(way, most)| most < way) {
            let (given, at_risk) = (ways.len(), most.len());
            return Err(format!("{given} ways do not fit the {at_risk} things at risk here").into());
        }
        Ok(())
    }

    /// The way in which everything is kept.
    pub(super) fn kept(&self) -> Vec<u16> {
        self.stakes.iter().map(most).collect()
    }

    /// How many combinations there are in which no sector is torn; none if that is no number.
    fn combinations(&self) -> Option<u64> {
        let mut options = self.stakes.iter().map(|stake| others(stake, 0).count() as u64 + 1);
        options.try_fold(1_u64, |all: u64, options| all.checked_mul(options))
    }

    /// Shows combinations, as many as `depth` says. Gives whether those were all without a tear.
    pub(super) fn each(
        &self,
        depth: Depth,
        draw: &mut Draw,
        visit: &mut dyn FnMut(&[u16]),
    ) -> bool {
        let all = self.combinations().is_some_and(|all| all <= depth.full);
        if all {
            self.all(&mut vec![0; self.len()], 0, visit);
        } else {
            for base in [vec![0; self.len()], self.kept()] {
                self.deviations(&base, depth, visit);
                self.prefixes(&base, visit);
            }
            for _ in 0..depth.drawn {
                let keep_ppm = [500_000, 100_000, 900_000][draw.index(3)];
                visit(&self.draw(draw, keep_ppm));
            }
        }
        self.tears(depth, draw, visit);
        all
    }

    fn all(&self, ways: &mut Vec<u16>, from: usize, visit: &mut dyn FnMut(&[u16])) {
        let Some(stake) = self.stakes.get(from) else { return visit(ways) };
        for way in [0].into_iter().chain(others(stake, 0)) {
            ways[from] = way;
            self.all(ways, from + 1, visit);
        }
    }

    /// The base, and all that differ from it in one thing or in two.
    fn deviations(&self, base: &[u16], depth: Depth, visit: &mut dyn FnMut(&[u16])) {
        let mut ways = base.to_vec();
        visit(&ways);
        for first in 0..self.len() {
            for way in others(&self.stakes[first], base[first]) {
                ways[first] = way;
                visit(&ways);
                let seconds =
                    if self.len() <= depth.pairs_among { first + 1..self.len() } else { 0..0 };
                for second in seconds {
                    for way in others(&self.stakes[second], base[second]) {
                        ways[second] = way;
                        visit(&ways);
                    }
                    ways[second] = base[second];
                }
            }
            ways[first] = base[first];
        }
    }

    /// What comes first is kept and the rest is lost, or the other way round.
    fn prefixes(&self, base: &[u16], visit: &mut dyn FnMut(&[u16])) {
        let mut ways = base.to_vec();
        for (place, stake) in self.stakes.iter().enumerate() {
            ways[place] = if base[place] == 0 { most(stake) } else { 0 };
            visit(&ways);
        }
    }

    fn draw(&self, draw: &mut Draw, keep_ppm: u32) -> Vec<u16> {
        let way = |stake: &Stake| match stake {
            Stake::File(_, Risk::Len { of }) => {
                u16::try_from(draw.below(u64::from(*of))).unwrap_or(0)
            }
            _ if draw.chance(keep_ppm) => most(stake),
            _ => 0,
        };
        self.stakes.iter().map(way).collect()
    }

    /// Each sector torn somewhere, while the others are lost, are kept, or go as drawn.
    fn tears(&self, depth: Depth, draw: &mut Draw, visit: &mut dyn FnMut(&[u16])) {
        for place in 0..self.names_from {
            let Stake::File(_, Risk::Sector { .. }) = self.stakes[place] else { continue };
            for _ in 0..depth.tears {
                let bytes = u16::try_from(draw.between(1, 511)).unwrap_or(1);
                let around = [vec![0; self.len()], self.kept(), self.draw(draw, 500_000)];
                for mut ways in around {
                    ways[place] = bytes;
                    visit(&ways);
                }
            }
        }
    }

    /// A hash of the disk that a combination leaves.
    pub(super) fn hash(&mut self, ways: &[u16]) -> u64 {
        let names = self.names(ways).1.clone();
        let mut hash = 0;
        for (path, name) in names {
            let what = match name {
                Name::Directory => 1,
                Name::File(file) => self.file(file, ways).map_or(2, |(_, hash)| hash),
            };
            hash = of_bytes(&[hash, path, what].map(u64::to_le_bytes).concat());
        }
        hash
    }

    /// The disk that a combination leaves.
    pub(super) fn disk(&mut self, ways: &[u16]) -> Platters {
        let mut disk = self.platters.clone();
        disk.names = Names::clone(&self.names(ways).0);
        disk.forget_lost();
        let files: Vec<u64> = disk.files.keys().copied().collect();
        for file in files {
            if let Some((content, _)) = self.file(file, ways) {
                disk.files.insert(file, content);
            }
        }
        disk
    }

    fn file(&mut self, file: u64, ways: &[u16]) -> Option<(Arc<Content>, u64)> {
        let range = self.files.get(&file).cloned().unwrap_or(0..0);
        let key = (file, ways[range.clone()].to_vec());
        if let Some(seen) = self.seen_files.get(&key) {
            return Some(seen.clone());
        }
        let content = self.platters.files.get(&file)?;
        let after = if range.is_empty() {
            content.clone()
        } else {
            let risk = |place: usize| match self.stakes[place] {
                Stake::File(_, risk) => Some((risk, ways[place])),
                Stake::Name => None,
            };
            let risks: Vec<_> = range.filter_map(risk).collect();
            Arc::new(content.after_power_cut(&risks))
        };
        let hash = after.hash();
        self.seen_files.insert(key, (after.clone(), hash));
        Some((after, hash))
    }

    fn names(&mut self, ways: &[u16]) -> &(Arc<Names>, Vec<(u64, Name)>) {
        let key = &ways[self.names_from..];
        if !self.seen_names.contains_key(key) {
            let names = self.platters.names.after_power_cut(key.iter().map(|way| *way != 0));
            let hashed = |(path, name): (&std::path::Path, Name)| {
                (of_bytes(path.as_os_str().as_encoded_bytes()), name)
            };
            let hashes = names.live().map(hashed).collect();
            self.seen_names.insert(key.to_vec(), (Arc::new(names), hashes));
        }
        &self.seen_names[key]
    }

    /// A combination for people: what of everything at risk was kept, and what was lost.
    pub(super) fn words(&self, ways: &[u16]) -> Vec<String> {
        let mut names = self.platters.names.at_risk();
        let path = |file: u64| {
            let mut live = self.platters.names.live();
            let found = live.find(|(_, name)| *name == Name::File(file));
            found.map_or_else(|| format!("file {file}"), |(path, _)| path.display().to_string())
        };
        let mut words = Vec::new();
        for (stake, way) in self.stakes.iter().zip(ways) {
            let verdict = match *way {
                0 => "lost".to_owned(),
                way if way == most(stake) => "kept".to_owned(),
                way => format!("{way} bytes kept"),
            };
            words.push(match stake {
                Stake::Name => format!("{verdict}: {}", names.next().unwrap_or_default()),
                Stake::File(file, Risk::Sector { sync, at, .. }) => {
                    format!("{verdict}: {} sector at {at}, sync {sync}", path(*file))
                }
                Stake::File(file, Risk::Len { of }) => {
                    format!("length {way} of 0..{of}: {}", path(*file))
                }
            });
        }
        words
    }
}

/// The way in which this is kept.
fn most(stake: &Stake) -> u16 {
    match stake {
        Stake::File(_, risk) => risk.most(),
        Stake::Name => 1,
    }
}

/// All ways but one, and but those in which a sector is torn.
fn others(stake: &Stake, than: u16) -> impl Iterator<Item = u16> {
    let (step, most) = match stake {
        Stake::File(_, Risk::Sector { .. }) => (most(stake), most(stake)),
        _ => (1, most(stake)),
    };
    (0..=most).step_by(usize::from(step.max(1))).filter(move |way| *way != than)
}

/// A disk that a power cut may leave, as drawn.
pub(super) fn drawn(platters: &Platters, draw: &mut Draw) -> Platters {
    let mut stakes = Stakes::of(platters);
    let keep = [100_000, 500_000, 900_000][draw.index(3)];
    let ways = stakes.draw(draw, keep);
    stakes.disk(&ways)
}
