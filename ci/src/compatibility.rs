//! `docs/compatibility.md`: which requests of RocketMQ are answered here, and where the answer is
//! not Java's on purpose.
//!
//! The page is written from the dispatch tables and from the comments themselves, both read as
//! text, so that neither can say something that the source does not.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{self, Source};

const PAGE: &str = "docs/compatibility.md";
const MARK: &str = "Differs from Java";

/// `code,name,answered by`: what RocketMQ 5.5.0 does with each of its request codes.
const CODES: &str = include_str!("request_codes.csv");

/// Where one of our programs says which requests it answers, and what stands around their names.
struct Table {
    who: &'static str,
    files: &'static [&'static str],
    /// What stands before a name, and what behind it.
    around: &'static [(&'static str, &'static str)],
}

const TABLES: &[Table] = &[
    Table {
        who: "broker",
        files: &["broker/src/requests.rs"],
        around: &[("entry(Code::", ","), ("slow(Code::", ",")],
    },
    Table {
        who: "namesrv",
        files: &["namesrv/src/answers/mod.rs"],
        around: &[("row(RequestCode::", ",")],
    },
    Table {
        who: "client",
        files: &[
            "client/src/instance.rs",
            "client/src/member/asked.rs",
            "client/src/push/concurrent.rs",
        ],
        around: &[("            RequestCode::", " =>"), ("i32::from(RequestCode::", ")")],
    },
];

/// What is wrong with the page.
pub(crate) fn check() -> Vec<String> {
    match page() {
        Err(complaints) => complaints,
        Ok(page) if on_disk() == page => Vec::new(),
        Ok(_) => vec![format!("{PAGE} is out of date: cargo run -p ci -- compatibility")],
    }
}

/// Writes the page anew.
pub(crate) fn write() -> Vec<String> {
    match page() {
        Err(complaints) => complaints,
        Ok(page) => match std::fs::write(source::root().join(PAGE), page) {
            Ok(()) => Vec::new(),
            Err(cause) => vec![format!("{PAGE}: {cause}")],
        },
    }
}

fn on_disk() -> String {
    std::fs::read_to_string(source::root().join(PAGE)).unwrap_or_default()
}

fn page() -> Result<String, Vec<String>> {
    let sources = source::files(&[".rs"]);
    let answered = answered(&sources);
    let complaints = complaints(&sources, &answered);
    if !complaints.is_empty() {
        return Err(complaints);
    }
    let mut page = "# Compatibility with Apache RocketMQ 5.5.0\n\n\
        Written by `cargo run -p ci -- compatibility`; do not edit.\n\n"
        .to_owned();
    requests(&mut page, &answered);
    differences(&mut page, &sources);
    Ok(page)
}

fn rows() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let split = |line: &'static str| line.split_once(',').zip(line.rsplit_once(','));
    CODES.lines().skip(1).filter_map(split).filter_map(|((code, _), (front, who))| {
        let (_, name) = front.split_once(',')?;
        Some((code, name, who))
    })
}

/// The names of the requests that each of our programs answers.
fn answered(sources: &[Source]) -> BTreeMap<&'static str, BTreeSet<&str>> {
    let names = |table: &Table| {
        let texts = sources.iter().filter(|source| table.files.contains(&source.path.as_str()));
        texts
            .flat_map(|source| table.around.iter().map(|around| (source.production(), around)))
            .flat_map(|(text, (before, behind))| {
                text.split(before).skip(1).filter_map(move |rest| Some(rest.split_once(behind)?.0))
            })
            .collect()
    };
    TABLES.iter().map(|table| (table.who, names(table))).collect()
}

/// What keeps the tables from being believed.
fn complaints(
    sources: &[Source],
    answered: &BTreeMap<&'static str, BTreeSet<&str>>,
) -> Vec<String> {
    let known: BTreeSet<&str> = rows().map(|(_, name, _)| name).collect();
    let mut complaints = Vec::new();
    for (who, names) in answered {
        if names.is_empty() {
            complaints.push(format!("{who}: no request found in its table"));
        }
        let strange = names.iter().filter(|name| !known.contains(*name));
        complaints.extend(strange.map(|name| format!("{who} answers `{name}`: not a request")));
    }
    // The names of the codes are the protocol's.
    let codes = sources.iter().find(|source| source.path == "protocol/src/code.rs");
    let codes = codes.and_then(|source| source.text.split_once("RequestCode {"));
    let codes = codes.and_then(|(_, rest)| rest.split_once("\n    }")).unwrap_or_default().0;
    let ours: BTreeSet<&str> =
        codes.lines().map(str::trim).filter(|one| one.contains('=')).collect();
    let theirs: BTreeSet<String> =
        rows().map(|(code, name, _)| format!("{name} = {code},")).collect();
    for name in &theirs {
        if !ours.contains(name.as_str()) {
            complaints.push(format!("protocol/src/code.rs has no `{name}`"));
        }
    }
    for name in ours.iter().filter(|name| !theirs.contains(**name)) {
        complaints.push(format!("ci/src/request_codes.csv has no `{name}`"));
    }
    complaints
}

fn requests(page: &mut String, answered: &BTreeMap<&'static str, BTreeSet<&str>>) {
    let (mut table, mut wanted, mut here) = (String::new(), 0, 0);
    for (code, name, theirs) in rows() {
        let ours: Vec<&str> = answered
            .iter()
            .filter(|(_, names)| names.contains(name))
            .map(|(who, _)| *who)
            .collect();
        let missing = theirs.split(' ').filter(|who| !ours.contains(who));
        let missing: Vec<&str> = missing.collect();
        let state = match theirs {
            "nobody" => "as in Java: not supported".to_owned(),
            "later" => "not yet".to_owned(),
            _ if ours.is_empty() => "not yet".to_owned(),
            _ if missing.is_empty() => "yes".to_owned(),
            _ => format!("{}; {}: not yet", ours.join(", "), missing.join(", ")),
        };
        wanted += usize::from(theirs != "nobody" && theirs != "later");
        here += usize::from(!ours.is_empty());
        let theirs = match theirs {
            "nobody" => "a constant only".to_owned(),
            "later" => "5.5.1".to_owned(),
            who => who.replace(' ', ", "),
        };
        table.push_str(&format!("| {code} | {name} | {theirs} | {state} |\n"));
    }
    page.push_str(&format!(
        "## Requests\n\n{here} of the {wanted} requests that some server or client of 5.5.0 \
         answers are answered here.\nEvery other one gets what Java gives for a code that it does \
         not know: `REQUEST_CODE_NOT_SUPPORTED`.\n\n\
         | code | request | answered in Java by | here |\n|---|---|---|---|\n{table}\n"
    ));
}

fn differences(page: &mut String, sources: &[Source]) {
    page.push_str(
        "## Where we differ on purpose\n\nWhere Java is wrong and its clients gain from better, \
         the source says so. Every such place:\n\n| where | what |\n|---|---|\n",
    );
    let product = |source: &&Source| !source.is_test() && !source.path.starts_with("ci/");
    for source in sources.iter().filter(product) {
        let lines: Vec<&str> = source.production().lines().collect();
        for (place, _) in lines.iter().enumerate().filter(|(_, line)| line.contains(MARK)) {
            let what = remark(lines.get(place..).unwrap_or_default()).replace('|', "\\|");
            page.push_str(&format!("| `{}` | {what} |\n", source.path));
        }
    }
}

/// The rest of a paragraph of comment behind the mark, as one sentence.
fn remark(lines: &[&str]) -> String {
    let comment = |line: &str| {
        let text = line.trim_start().strip_prefix("//")?.trim_start_matches(['/', '!']).trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let text: Vec<String> = lines.iter().map_while(|line| comment(line)).collect();
    let text = text.join(" ");
    let (_, behind) = text.split_once(MARK).unwrap_or_default();
    let mut what = behind.trim_start_matches([':', ',', ' ']);
    if text.contains(&format!("({MARK}")) {
        what = what.trim_end_matches('.').trim_end_matches(')');
    }
    let mut letters = what.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let (sentence, _) = what.split_once(" Source: ").unwrap_or((what, ""));
    let rest = sentence.get(what.len() - letters.as_str().len()..).unwrap_or_default();
    if behind.starts_with(',') {
        return format!("Unlike Java, {sentence}");
    }
    first + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_what_the_source_says() {
        assert_eq!(check(), Vec::<String>::new());
    }

    #[test]
    fn a_request_that_leaves_its_table_leaves_the_page() {
        let mut sources = source::files(&["requests.rs", "answers/mod.rs", "code.rs", "asked.rs"]);
        let (mut before, mut after) = (String::new(), String::new());
        requests(&mut before, &answered(&sources));
        let table = sources.iter_mut().find(|one| one.path == "broker/src/requests.rs").unwrap();
        table.text = table.text.replace("slow(Code::PULL_MESSAGE,", "");
        requests(&mut after, &answered(&sources));
        assert!(before.contains("| 11 | PULL_MESSAGE | broker | yes |"), "{before}");
        assert!(after.contains("| 11 | PULL_MESSAGE | broker | not yet |"), "{after}");
    }

    #[test]
    fn a_remark_is_its_paragraph() {
        let lines = ["    /// Differs from Java: a queue", "    /// that is gone.", "    ///", "x"];
        assert_eq!(remark(&lines), "A queue that is gone.");
        assert_eq!(remark(&["// Differs from Java, which lies."]), "Unlike Java, which lies.");
        assert_eq!(remark(&["//! (Differs from Java: it", "//! lies)."]), "It lies");
    }
}
