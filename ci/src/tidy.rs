//! House rules that can be read off the text. Each complaint says what to do instead.

use crate::source::{self, Source};

const FILE_LINES_MAX: usize = 700;
const LINE_COLUMNS_MAX: usize = 120;

/// Places where the world is touched, and nowhere else.
const SEAM: &[&str] = &["runtime/src/real/", "sim/src/", "ci/src/", "bench/src/"];

/// The mains are where configuration enters: they may read the environment.
const MAINS: &[&str] = &["broker/src/main.rs", "namesrv/src/main.rs"];

/// Endings of type names that say nothing about what a thing is.
const EMPTY_NAMES: &[&str] =
    &["Manager", "Helper", "Util", "Utils", "Impl", "Service", "Factory", "Processor", "Handler"];

/// Everything that stands against the rules.
pub(crate) fn check() -> Vec<String> {
    let mut complaints = Vec::new();
    for source in source::files(&[".rs"]) {
        sizes(&source, &mut complaints);
        seam(&source, &mut complaints);
        names(&source, &mut complaints);
        lines(&source, &mut complaints);
    }
    let lint_files = source::files(&["clippy.toml"]);
    if lint_files.len() != 1 {
        complaints.push(format!(
            "{} clippy.toml files: a second one would replace the bans of the root's",
            lint_files.len()
        ));
    }
    for source in source::files(&[".rs", ".md", ".toml", ".java", ".xml", ".json", ".sh", "run"]) {
        private_paths(&source, &mut complaints);
    }
    interop_tests_are_named(&mut complaints);
    complaints
}

/// `interop/README.md` says what each test there proves.
fn interop_tests_are_named(complaints: &mut Vec<String>) {
    let page = "interop/README.md";
    let told = source::files(&[page]).into_iter().map(|page| page.text).collect::<String>();
    for source in source::files(&["Test.java"]) {
        let mut marked = false;
        for (number, line) in numbered(&source.text) {
            let method = line.trim().strip_prefix("void ").and_then(|rest| rest.split('(').next());
            match method {
                Some(name) => {
                    if marked && !told.contains(&format!("`{name}`")) {
                        complaints.push(format!(
                            "{}:{number}: {page} does not say what `{name}` proves",
                            source.path
                        ));
                    }
                    marked = false;
                }
                None => marked |= ["@Test", "@ParameterizedTest"].contains(&line.trim()),
            }
        }
    }
}

fn sizes(source: &Source, complaints: &mut Vec<String>) {
    let lines = source.production().lines().count();
    if FILE_LINES_MAX < lines && !source.is_test() {
        complaints.push(format!(
            "{}: {lines} lines without tests, at most {FILE_LINES_MAX}: split it by noun or verb",
            source.path
        ));
    }
}

fn seam(source: &Source, complaints: &mut Vec<String>) {
    let may_touch = SEAM.iter().any(|place| source.path.starts_with(place))
        || source.is_test()
        || source.path.contains("/examples/");
    let is_main = MAINS.contains(&source.path.as_str());
    for (number, line) in numbered(source.production()) {
        let lifts = line.contains("clippy::disallowed_methods")
            || line.contains("clippy::disallowed_types")
            || line.contains("clippy::disallowed_macros");
        if lifts && !may_touch && !is_main {
            complaints.push(format!(
                "{}:{number}: lifts the ban on touching the world; ask `runtime` instead",
                source.path
            ));
        }
        if line.contains("madsim::") && !source.path.starts_with("sim/src/") && !may_touch {
            complaints.push(format!("{}:{number}: only `sim` knows madsim", source.path));
        }
    }
    let opens_select = source.text.matches("select! {").count();
    let biased = source.text.matches("biased;").count();
    if biased < opens_select && !source.path.starts_with("ci/") {
        complaints.push(format!(
            "{}: {opens_select} select! but {biased} `biased;`: branch order must not be random",
            source.path
        ));
    }
}

fn names(source: &Source, complaints: &mut Vec<String>) {
    for (number, line) in numbered(&source.text) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let declared = words
            .iter()
            .position(|word| matches!(*word, "struct" | "enum" | "trait" | "type"))
            .and_then(|at| words.get(at + 1));
        let Some(name) = declared else { continue };
        if line.trim_start().starts_with("//") {
            continue;
        }
        let name: String = name.chars().take_while(|c| c.is_alphanumeric()).collect();
        if let Some(ending) = EMPTY_NAMES.iter().find(|ending| name.ends_with(**ending)) {
            complaints.push(format!(
                "{}:{number}: `{name}` ends in {ending}: name what it is or does",
                source.path
            ));
        }
    }
}

fn lines(source: &Source, complaints: &mut Vec<String>) {
    let marks = [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("#[ig", "nore")];
    for (number, line) in numbered(&source.text) {
        if LINE_COLUMNS_MAX < line.chars().count() && !line.contains("://") && !source.is_test() {
            complaints.push(format!(
                "{}:{number}: {} columns, at most {LINE_COLUMNS_MAX}",
                source.path,
                line.chars().count()
            ));
        }
        for mark in marks {
            if line.contains(mark) {
                complaints.push(format!("{}:{number}: {mark}: finish it or file it", source.path));
            }
        }
    }
}

/// A clone of this repository stands alone: no path of the machine it was written on.
fn private_paths(source: &Source, complaints: &mut Vec<String>) {
    let marks = [concat!("../sha", "red"), concat!("/work/", "main"), concat!("/work/", "shared")];
    for (number, line) in numbered(&source.text) {
        if let Some(mark) = marks.iter().find(|mark| line.contains(**mark)) {
            complaints.push(format!("{}:{number}: names {mark}, which no clone has", source.path));
        }
    }
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}
