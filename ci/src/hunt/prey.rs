//! What became of each bug, and the file in which that is kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{
    bug::Bug,
    sweep::{Bad, Report},
};

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// A checker saw it.
    Caught,
    /// None did.
    Escaped,
    /// It could not be planted, built or played.
    Lost,
}

impl Fate {
    fn name(self) -> &'static str {
        match self {
            Self::Caught => "caught",
            Self::Escaped => "escaped",
            Self::Lost => "lost",
        }
    }
}

/// What became of a bug.
#[derive(Clone, Debug)]
pub(crate) struct Prey {
    pub(crate) name: String,
    print: String,
    asked: u64,
    pub(crate) fate: Fate,
    /// The first seed that broke a promise.
    pub(crate) seed: Option<u64>,
    pub(crate) scenario: String,
    /// The first broken promise, in words; or why the bug is lost.
    pub(crate) said: String,
    /// The checkers that saw it at that seed.
    pub(crate) by: BTreeSet<String>,
    /// Every checker that saw it, with its first seed.
    pub(crate) seen: BTreeMap<String, u64>,
    /// Whether one of them was expected to.
    pub(crate) as_expected: bool,
    expected: BTreeSet<String>,
    pub(crate) played: u64,
    /// Seeds that took another course than without the bug.
    pub(crate) felt: u64,
    /// Runs that failed and prove nothing.
    pub(crate) failed_runs: u64,
    pub(crate) cpu_s: f64,
    pub(crate) build_s: f64,
}

impl Prey {
    pub(crate) fn of(bug: &Bug, asked: u64) -> Self {
        Self {
            name: bug.name.clone(),
            print: bug.print.clone(),
            asked,
            fate: Fate::Escaped,
            seed: None,
            scenario: String::new(),
            said: String::new(),
            by: BTreeSet::new(),
            seen: BTreeMap::new(),
            as_expected: false,
            expected: bug.checkers.iter().cloned().collect(),
            played: 0,
            felt: 0,
            failed_runs: 0,
            cpu_s: 0.0,
            build_s: 0.0,
        }
    }

    pub(crate) fn lost(bug: &Bug, asked: u64, why: String) -> Self {
        Self { fate: Fate::Lost, said: why, ..Self::of(bug, asked) }
    }

    pub(crate) fn caught(&mut self, bad: &Bad) {
        self.fate = Fate::Caught;
        self.seed = Some(bad.seed);
        self.played = bad.seed + 1;
        self.scenario.clone_from(&bad.scenario);
        self.by.clone_from(&bad.broken);
        let checker = |words: &String| words.split(' ').next().unwrap_or_default().to_owned();
        let best = bad.words.iter().find(|words| self.expected.contains(&checker(words)));
        self.said = best.or(bad.words.first()).cloned().unwrap_or_default();
        self.seen_too(bad);
    }

    pub(crate) fn seen_too(&mut self, bad: &Bad) {
        for checker in &bad.broken {
            self.seen.entry(checker.clone()).or_insert(bad.seed);
            self.as_expected |= self.expected.contains(checker);
        }
    }

    /// One line for a person.
    pub(crate) fn words(&self) -> String {
        match (self.fate, self.seed) {
            (Fate::Caught, Some(seed)) => {
                let by: Vec<&str> = self.by.iter().map(String::as_str).collect();
                let star = if self.as_expected { "" } else { " (none of them expected)" };
                let (by, seeds) = (by.join(" "), seed + 1);
                format!("caught by {by}{star} after {seeds} seeds, {:.1} CPU s", self.cpu_s)
            }
            (Fate::Lost, _) => format!("LOST: {}", self.said),
            _ => format!(
                "ESCAPED {} seeds, {} of them took another course, {} failed, {:.1} CPU s",
                self.played, self.felt, self.failed_runs, self.cpu_s
            ),
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "bug": self.name, "patch": self.print, "asked": self.asked, "fate": self.fate.name(),
            "seed": self.seed, "scenario": self.scenario, "said": self.said, "by": self.by,
            "seen": self.seen, "as_expected": self.as_expected, "expected": self.expected,
            "played": self.played, "felt": self.felt, "failed_runs": self.failed_runs,
            "cpu_s": self.cpu_s, "build_s": self.build_s,
        })
    }

    fn from_json(line: &Value) -> Option<Self> {
        let text = |name: &str| line[name].as_str().map(str::to_owned);
        let texts = |name: &str| {
            let texts = line[name].as_array()?.iter();
            Some(texts.filter_map(|text| text.as_str().map(str::to_owned)).collect())
        };
        let fate = [Fate::Caught, Fate::Escaped, Fate::Lost];
        let seen = line["seen"].as_object()?.iter();
        Some(Self {
            name: text("bug")?,
            print: text("patch")?,
            asked: line["asked"].as_u64()?,
            fate: fate.into_iter().find(|fate| line["fate"] == fate.name())?,
            seed: line["seed"].as_u64(),
            scenario: text("scenario")?,
            said: text("said")?,
            by: texts("by")?,
            seen: seen.filter_map(|(name, seed)| Some((name.clone(), seed.as_u64()?))).collect(),
            as_expected: line["as_expected"].as_bool()?,
            expected: texts("expected")?,
            played: line["played"].as_u64()?,
            felt: line["felt"].as_u64()?,
            failed_runs: line["failed_runs"].as_u64()?,
            cpu_s: line["cpu_s"].as_f64()?,
            build_s: line["build_s"].as_f64()?,
        })
    }
}

/// The tree without any bug.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calm {
    asked: u64,
    /// The trace hash of every seed.
    hashes: BTreeMap<u64, String>,
    /// Seeds that did not end well, and why.
    noisy: BTreeMap<u64, String>,
}

impl Calm {
    pub(crate) fn skipped() -> Self {
        Self::default()
    }

    pub(crate) fn of(report: &Report, asked: u64) -> Self {
        let why = |bad: &Bad| {
            let first = bad.words.first().cloned();
            (bad.seed, first.unwrap_or_else(|| "the run failed".to_owned()))
        };
        let noisy = report.bad.iter().map(why).collect();
        Self { asked, hashes: report.played.clone(), noisy }
    }

    /// Nothing was found where nothing is wrong.
    pub(crate) fn is_silent(&self) -> bool {
        self.noisy.is_empty()
    }

    pub(crate) fn is_noisy(&self, seed: u64) -> bool {
        self.noisy.contains_key(&seed)
    }

    /// How many seeds of a sweep took another course than without a bug.
    pub(crate) fn differ(&self, report: &Report) -> u64 {
        let other = |(seed, hash): &(&u64, &String)| {
            self.hashes.get(seed).is_some_and(|known| known != *hash)
        };
        report.played.iter().filter(other).count() as u64
    }

    /// One line for a person.
    pub(crate) fn words(&self) -> String {
        match self.noisy.iter().next() {
            _ if self.asked == 0 => "not looked at".to_owned(),
            None => format!("silent over {} seeds", self.asked),
            Some((seed, why)) => format!(
                "NOT SILENT: {} of {} seeds, such as {seed}: {why}",
                self.noisy.len(),
                self.asked
            ),
        }
    }

    fn to_json(&self) -> Value {
        json!({ "calm": self.asked, "hashes": keyed(&self.hashes), "noisy": keyed(&self.noisy) })
    }

    fn from_json(line: &Value) -> Option<Self> {
        let table = |name: &str| -> Option<BTreeMap<u64, String>> {
            let entries = line[name].as_object()?.iter();
            let entry = |(seed, text): (&String, &Value)| {
                Some((seed.parse().ok()?, text.as_str()?.to_owned()))
            };
            entries.map(entry).collect()
        };
        Some(Self {
            asked: line["calm"].as_u64()?,
            hashes: table("hashes")?,
            noisy: table("noisy")?,
        })
    }
}

fn keyed(table: &BTreeMap<u64, String>) -> Value {
    table.iter().map(|(seed, text)| (seed.to_string(), Value::from(text.as_str()))).collect()
}

/// The file of results, one per line.
pub(crate) struct Log {
    path: PathBuf,
    preys: Vec<Prey>,
    calm: Option<Calm>,
}

impl Log {
    /// Reads what is known, if a hunt is resumed; forgets it otherwise.
    pub(crate) fn open(path: &Path, resume: bool) -> Result<Self, String> {
        let text =
            if resume { fs::read_to_string(path).unwrap_or_default() } else { String::new() };
        // A line that was torn by an interruption is no line.
        let lines: Vec<Value> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let log = Self {
            path: path.to_path_buf(),
            preys: lines.iter().filter_map(Prey::from_json).collect(),
            calm: lines.iter().filter_map(Calm::from_json).next_back(),
        };
        let whole: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(path, whole).map_err(|cause| format!("{}: {cause}", path.display()))?;
        Ok(log)
    }

    /// What is known about this very patch, after no fewer seeds unless it was caught earlier.
    pub(crate) fn known(&self, bug: &Bug, seeds: u64) -> Option<Prey> {
        let same = |prey: &&Prey| {
            let enough = match (prey.fate, prey.seed) {
                (Fate::Caught, Some(seed)) => seed < seeds,
                (Fate::Escaped, _) => seeds <= prey.asked,
                _ => false,
            };
            prey.name == bug.name && prey.print == bug.print && enough
        };
        self.preys.iter().rfind(same).cloned()
    }

    pub(crate) fn calm(&self, seeds: u64) -> Option<Calm> {
        self.calm.clone().filter(|calm| seeds <= calm.asked)
    }

    pub(crate) fn add(&mut self, prey: &Prey) -> Result<(), String> {
        self.preys.push(prey.clone());
        self.append(&prey.to_json())
    }

    pub(crate) fn add_calm(&mut self, calm: &Calm) -> Result<(), String> {
        self.calm = Some(calm.clone());
        self.append(&calm.to_json())
    }

    fn append(&self, line: &Value) -> Result<(), String> {
        let opened = fs::OpenOptions::new().append(true).create(true).open(&self.path);
        let written = opened.and_then(|mut file| writeln!(file, "{line}"));
        written.map_err(|cause| format!("{}: {cause}", self.path.display()))
    }
}

/// Everything as one file.
pub(crate) fn write_json(path: &Path, all: &[Prey], calm: &Calm) -> Result<(), String> {
    let bugs: Vec<Value> = all.iter().map(Prey::to_json).collect();
    let whole = json!({ "without_a_bug": calm.words(), "silent": calm.is_silent(), "bugs": bugs });
    fs::write(path, format!("{whole:#}\n")).map_err(|cause| format!("{}: {cause}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bug() -> Bug {
        Bug {
            name: "a".to_owned(),
            path: PathBuf::new(),
            replants: String::new(),
            checkers: vec!["C01".to_owned()],
            scenario: None,
            about: String::new(),
            files: Vec::new(),
            print: "p".to_owned(),
        }
    }

    #[test]
    fn a_result_survives_its_line_and_counts_only_for_the_same_patch_and_enough_seeds() {
        let mut prey = Prey::of(&bug(), 100);
        let broken = ["C01", "C02"].map(str::to_owned).into_iter().collect();
        let words = ["C02 x", "C01 y"].map(str::to_owned).to_vec();
        prey.caught(&Bad { seed: 40, broken, words, ..Bad::default() });
        assert_eq!((prey.as_expected, prey.said.as_str()), (true, "C01 y"));
        let again = Prey::from_json(&prey.to_json()).unwrap();
        assert_eq!(again.to_json(), prey.to_json());

        let log = Log { path: PathBuf::new(), preys: vec![again], calm: None };
        assert!(log.known(&bug(), 41).is_some());
        assert!(log.known(&bug(), 40).is_none());
        assert!(log.known(&Bug { print: "q".to_owned(), ..bug() }, 41).is_none());
    }

    #[test]
    fn the_calm_survives_its_line() {
        let mut calm = Calm { asked: 3, ..Calm::default() };
        calm.hashes.insert(2, "ab".to_owned());
        calm.noisy.insert(1, "C09: why".to_owned());
        let again = Calm::from_json(&calm.to_json()).unwrap();
        assert_eq!((again.is_silent(), again.is_noisy(1), again.is_noisy(2)), (false, true, false));
        assert!(Prey::from_json(&calm.to_json()).is_none());
        let mut report = Report::default();
        report.played.insert(2, "cd".to_owned());
        assert_eq!(again.differ(&report), 1);
    }
}
