//! The table of the hunt, for a terminal and for `docs/hunt.md`.

use std::{collections::BTreeMap, fs, path::Path};

use super::{
    bug::Bug,
    prey::{Calm, Fate, Prey},
};

/// Everything behind this line of a page is written by the hunt.
const MARK: &str = "<!-- written by the hunt from here on -->";

/// The checkers of this table should each see at least this many bugs.
const BUGS_PER_CHECKER: usize = 2;

/// What the hunt found, as Markdown.
pub(crate) fn table(bugs: &[Bug], all: &[Prey], calm: &Calm) -> String {
    let mut text = String::new();
    let width = bugs.iter().map(|bug| bug.name.len()).max().unwrap_or(0);
    row(&mut text, width, ["bug", "replants", "caught by", "seed", "seeds", "CPU s"]);
    row(&mut text, width, ["---", "---", "---", "---:", "---:", "---:"]);
    for (bug, prey) in bugs.iter().zip(all) {
        let replants = bug.replants.split_whitespace().next().unwrap_or_default();
        let by: Vec<String> = prey.seen.keys().map(|checker| marked(bug, checker)).collect();
        let by = match prey.fate {
            Fate::Caught => by.join(" "),
            Fate::Escaped => format!("ESCAPED ({} seeds felt it)", prey.felt),
            Fate::Lost => format!("LOST: {}", prey.said),
        };
        let seed = prey.seed.map(|seed| format!("{seed} {}", prey.scenario)).unwrap_or_default();
        let seeds = prey.seed.map_or(prey.played, |seed| seed + 1).to_string();
        let cpu = format!("{:.1}", prey.cpu_s);
        row(&mut text, width, [&bug.name, replants, &by, &seed, &seeds, &cpu]);
    }
    text.push('\n');
    summary(&mut text, all, calm);
    checkers(&mut text, bugs, all);
    text
}

/// An expected checker stands out.
fn marked(bug: &Bug, checker: &String) -> String {
    if bug.checkers.contains(checker) { format!("**{checker}**") } else { checker.clone() }
}

fn row(text: &mut String, width: usize, cells: [&str; 6]) {
    let [bug, replants, by, seed, seeds, cpu] = cells;
    let line = format!("| {bug:<width$} | {replants:<8} | {by} | {seed} | {seeds} | {cpu} |\n");
    text.push_str(&line);
}

fn summary(text: &mut String, all: &[Prey], calm: &Calm) {
    let caught: Vec<&Prey> = all.iter().filter(|prey| prey.fate == Fate::Caught).collect();
    let mut seeds: Vec<u64> = caught.iter().filter_map(|prey| prey.seed).map(|s| s + 1).collect();
    seeds.sort_unstable();
    let mut cpu: Vec<f64> = caught.iter().map(|prey| prey.cpu_s).collect();
    cpu.sort_by(f64::total_cmp);
    let expected = caught.iter().filter(|prey| prey.as_expected).count();
    let middle = seeds.len().saturating_sub(1) / 2;
    let lines = [
        format!(
            "{} of {} bugs caught, {expected} of them by a checker that was expected to",
            caught.len(),
            all.len()
        ),
        format!(
            "seeds to detection: median {}, worst {}",
            seeds.get(middle).copied().unwrap_or(0),
            seeds.last().copied().unwrap_or(0)
        ),
        format!(
            "CPU seconds to detection: median {:.1}, worst {:.1}",
            cpu.get(middle).copied().unwrap_or(0.0),
            cpu.last().copied().unwrap_or(0.0)
        ),
        format!("without a bug: {}", calm.words()),
    ];
    lines.iter().for_each(|line| text.push_str(&format!("- {line}\n")));
}

/// Which checker has seen which bugs that were meant for it.
fn checkers(text: &mut String, bugs: &[Bug], all: &[Prey]) {
    let mut seen: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (bug, prey) in bugs.iter().zip(all) {
        for checker in &bug.checkers {
            let names = seen.entry(checker).or_default();
            if prey.seen.contains_key(checker) {
                names.push(&bug.name);
            }
        }
    }
    text.push_str("\n| checker | bugs it has seen, of those meant for it |\n| --- | --- |\n");
    for (checker, names) in seen {
        let few = if names.len() < BUGS_PER_CHECKER { " (TOO FEW)" } else { "" };
        text.push_str(&format!("| {checker} | {}{few} |\n", names.join(", ")));
    }
}

/// Puts the table behind the mark of a page.
pub(crate) fn write(path: &Path, table: &str) -> Result<(), String> {
    let told = |cause: std::io::Error| format!("{}: {cause}", path.display());
    let page = fs::read_to_string(path).map_err(told)?;
    let Some((head, _)) = page.split_once(MARK) else {
        return Err(format!("{}: the line `{MARK}` is missing", path.display()));
    };
    fs::write(path, format!("{head}{MARK}\n\n{table}")).map_err(told)
}
