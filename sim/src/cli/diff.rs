//! Two runs side by side: where they part first, and how the difference spreads from there.
//!
//! Plans differ in what nobody felt, builds in what nobody saw; what counts is the first effect that
//! one node had in one run only. Everything that differs later, on that node or another, may follow
//! from it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::{Path, PathBuf},
};

use reports::SeedResult;
use scenarios::Plan;

use super::{CliError, arguments::Diff, replay, words, workers};

/// So many effects of a node are shown before and after the parting.
const SHOWN: usize = 5;

/// Node 0.
const WORLD: &str = "the world";

/// One run, effect by effect.
struct Course {
    outcome: SeedResult,
    text: String,
}

/// An effect of a node: when, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Effect<'a> {
    at: &'a str,
    node: u32,
    what: &'a str,
}

/// What an effect is by itself: the number of a connection says only how many there were before.
type Same<'a> = (&'a str, &'a str, &'a str);

pub(super) fn diff(diff: &Diff) -> Result<u8, CliError> {
    let plans = [replay::read(&diff.a)?, replay::read(&diff.b)?];
    let mine = workers::myself()?;
    let programs = [&mine, diff.other.as_ref().unwrap_or(&mine)];
    let mut courses = vec![];
    for (plan, program) in plans.iter().zip(programs) {
        courses.push(course(program, plan)?);
    }
    let [a, b] = courses.as_slice() else { return Ok(0) };
    for (side, path, course) in [("A", &diff.a, a), ("B", &diff.b, b)] {
        words::say(&format!("{side}  {}: {}", path.display(), ended(&course.outcome)));
    }
    let names = [names(&plans[0]), names(&plans[1])];
    match told(&[&a.text, &b.text], &names) {
        None => {
            words::say("both take the same course");
            Ok(0)
        }
        Some(story) => {
            words::say(story.trim_end());
            Ok(1)
        }
    }
}

fn ended(outcome: &SeedResult) -> String {
    match outcome.violations.first().or(outcome.troubles.first()) {
        None => "all promises kept".to_owned(),
        Some(first) => first.clone(),
    }
}

fn course(program: &Path, plan: &Plan) -> Result<Course, CliError> {
    let place = |what: &str| -> PathBuf {
        std::env::temp_dir().join(format!("sim-diff-{}-{what}", std::process::id()))
    };
    let (file, trace) = (place("plan"), place("trace"));
    let outcome = workers::play_plan(program, &file, plan, Some(&trace))?;
    Ok(Course { outcome, text: replay::take(&trace)? })
}

/// The nodes of a plan as the world counts them; 0 is the world itself.
fn names(plan: &Plan) -> Vec<String> {
    let (cluster, workload) = (&plan.cluster, &plan.workload);
    let world = std::iter::once(WORLD.to_owned());
    world
        .chain(cluster.name_servers.iter().map(|one| one.name.clone()))
        .chain(cluster.brokers.iter().map(|one| one.name.clone()))
        .chain(workload.producers.iter().map(|one| one.name.clone()))
        .chain(workload.consumers.iter().map(|one| one.name.clone()))
        .chain(std::iter::once("auditor".to_owned()))
        .collect()
}

fn name(names: &[String], node: u32) -> &str {
    usize::try_from(node).ok().and_then(|node| names.get(node)).map_or("?", String::as_str)
}

/// Reads a line of a trace: `hash seconds node what`.
fn effect(line: &str) -> Option<Effect<'_>> {
    let (_, rest) = line.split_once(' ')?;
    let (at, rest) = rest.trim_start().split_once(' ')?;
    let (node, what) = rest.split_once(' ')?;
    Some(Effect { at, node: node.strip_prefix('n')?.parse().ok()?, what: what.trim_start() })
}

fn same<'a>(effect: &Effect<'a>) -> Same<'a> {
    let (kind, rest) = effect.what.split_once(' ').unwrap_or((effect.what, ""));
    let is_of_connection = matches!(kind, "Connect" | "Send" | "Deliver" | "Finish" | "Reset");
    let rest = if is_of_connection { rest.split_once(' ').map_or("", |(_, b)| b) } else { rest };
    (effect.at, kind, rest)
}

/// All effects by the name of the node.
fn by_node<'a>(text: &'a str, names: &'a [String]) -> BTreeMap<&'a str, Vec<Effect<'a>>> {
    let mut nodes: BTreeMap<&str, Vec<Effect<'_>>> = BTreeMap::new();
    for effect in text.lines().filter_map(effect) {
        nodes.entry(name(names, effect.node)).or_default().push(effect);
    }
    nodes
}

/// Where a node's two courses part: how many effects they share, and when the earlier of the next
/// ones was.
fn parting<'a>(sides: [&[Effect<'a>]; 2]) -> Option<(&'a str, usize)> {
    let [a, b] = sides;
    let shared = a.iter().zip(b).take_while(|(a, b)| same(a) == same(b)).count();
    let next = [a.get(shared), b.get(shared)].into_iter().flatten().map(|effect| effect.at);
    next.min_by(|one, other| moment(one).total_cmp(&moment(other))).map(|at| (at, shared))
}

/// `12.345678_901` as a number of seconds, to be compared.
fn moment(at: &str) -> f64 {
    at.replace('_', "").parse().unwrap_or(f64::INFINITY)
}

/// Polls of tasks only say that something went on.
fn telling<'c, 'a>(effects: Option<&'c [Effect<'a>]>) -> Vec<&'c Effect<'a>> {
    let effects = effects.unwrap_or_default().iter();
    effects.filter(|effect| !effect.what.starts_with("Poll ")).collect()
}

/// What one node did.
fn of<'c, 'a>(nodes: &'c BTreeMap<&str, Vec<Effect<'a>>>, node: &str) -> &'c [Effect<'a>] {
    nodes.get(node).map_or(&[], Vec::as_slice)
}

fn told(texts: &[&str; 2], names: &[Vec<String>; 2]) -> Option<String> {
    let [a, b] = [by_node(texts[0], &names[0]), by_node(texts[1], &names[1])];
    let nodes: BTreeSet<&str> = a.keys().chain(b.keys()).copied().collect();
    let parting_of = |node| {
        let (at, shared) = parting([of(&a, node), of(&b, node)])?;
        Some((at, node, shared))
    };
    let mut partings: Vec<(&str, &str, usize)> = nodes.into_iter().filter_map(parting_of).collect();
    // What strikes a node is seen by the world before it.
    let order = |of: &(&str, &str, usize)| (of.1 != WORLD, moment(of.0));
    partings.sort_by(|one, other| {
        let ((a, at_a), (b, at_b)) = (order(one), order(other));
        at_a.total_cmp(&at_b).then(a.cmp(&b))
    });
    let (at, node, shared) = partings.first().copied()?;
    let mut story = format!("they part on {node} at {at} s, after {shared} effects there\n");
    let mut lines = |margin: &str, effects: &[&Effect<'_>]| {
        for Effect { at, what, .. } in effects {
            // Writing to a string cannot fail.
            writeln!(story, "  {margin}  {at:>16}  {what}").ok();
        }
    };
    let before = telling(of(&a, node).get(..shared));
    lines(" ", before.get(before.len().saturating_sub(SHOWN)..).unwrap_or_default());
    for (margin, side) in [("A", &a), ("B", &b)] {
        let after = telling(of(side, node).get(shared..));
        lines(margin, after.get(..SHOWN.min(after.len())).unwrap_or_default());
    }
    let later: Vec<_> =
        partings.iter().skip(1).map(|(at, node, _)| format!("{node} at {at} s")).collect();
    if !later.is_empty() {
        writeln!(story, "then on {}", later.join(", ")).ok();
    }
    Some(story)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story(a: &str, b: &str) -> Option<String> {
        let names = || vec!["the world".to_owned(), "broker".to_owned(), "client".to_owned()];
        told(&[a, b], &[names(), names()])
    }

    #[test]
    fn two_courses_part_where_a_node_first_does_something_else() {
        let a =
            "aa 0.1 n1 Boot 1 0\nab 0.2 n2 Connect 7 1\nac 0.3 n1 Sync 4 0\nad 0.4 n2 Reset 7 1";
        let b = "ba 0.1 n1 Boot 1 0\nbb 0.2 n2 Connect 9 1\nbc 0.3 n1 Write 4 0";
        let story = story(a, b).unwrap();
        let lines: Vec<&str> = story.lines().map(str::trim).collect();
        assert_eq!(lines[0], "they part on broker at 0.3 s, after 1 effects there");
        assert!(lines[1].ends_with("0.1  Boot 1 0"), "{story}");
        assert!(lines[2].starts_with('A') && lines[2].ends_with("Sync 4 0"), "{story}");
        assert!(lines[3].starts_with('B') && lines[3].ends_with("Write 4 0"), "{story}");
        assert_eq!(lines[4], "then on client at 0.4 s");
    }

    #[test]
    fn the_same_course_under_another_number_of_the_connection_is_the_same() {
        let a = "aa 0.1 n1 Boot 1 0\nab 0.2 n2 Deliver 7 90";
        assert_eq!(story(a, "aa 0.1 n1 Boot 1 0\nab 0.2 n2 Deliver 8 90"), None);
        assert!(story(a, "aa 0.1 n1 Boot 1 0\nab 0.2 n2 Deliver 7 91").is_some());
    }
}
