//! A run as text for a terminal: what was played, what struck, what was promised, what was
//! checked, what was found, how fast.

use std::collections::BTreeMap;

use checkers::{NodeKind, promises};

use crate::{
    run::{End, RunSummary},
    traffic::{Traffic, commas, count, plural, seconds},
};

/// More violations of one checker than this are counted, not told.
const TOLD_MAX: usize = 3;

/// Columns of the left margin, where the heading of a paragraph stands.
const MARGIN: usize = 11;

/// The story of a run.
#[must_use]
pub fn text(run: &RunSummary<'_>) -> String {
    let mut story = Story::default();
    story.line(&format!("Gantry, seed {}, scenario {}", run.seed, run.scenario));
    story.line(run.about);
    story.line("");
    played(&mut story, run);
    faults(&mut story, run);
    promised(&mut story, run);
    checked(&mut story, run);
    found(&mut story, run);
    story.paragraph("Speed", &[speed(run)]);
    story.line("");
    story.line(&format!("trace hash {:016x}", run.trace_hash));
    story.line(&verdict_line(run));
    story.text
}

/// The last line: how it ended, and how to see it again.
fn verdict_line(run: &RunSummary<'_>) -> String {
    match run.end() {
        End::Kept => "All promises kept.".to_owned(),
        End::Broken => {
            let broken = run.verdict.broken();
            format!("{} broken. Play it again: {}", plural(broken, "promise"), run.replay)
        }
        End::Failed => format!("The run itself failed. Play it again: {}", run.replay),
    }
}

#[derive(Default)]
struct Story {
    text: String,
}

impl Story {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// Lines with a heading beside the first.
    fn paragraph(&mut self, heading: &str, lines: &[String]) {
        for (place, line) in lines.iter().enumerate() {
            let heading = if place == 0 { heading } else { "" };
            self.line(&format!("{heading:<MARGIN$}{line}"));
        }
    }
}

fn played(story: &mut Story, run: &RunSummary<'_>) {
    let history = run.history;
    let nodes = |kind| count(history.nodes.iter().filter(|node| node.kind == kind).count());
    let brokers: Vec<_> = history
        .brokers
        .iter()
        .map(|broker| format!("{} {}", history.node_name(broker.node), broker.flush.name()))
        .collect();
    let machines = format!(
        "{}, {} ({}), {}, {} in {}",
        plural(nodes(NodeKind::NameServer), "name server"),
        plural(nodes(NodeKind::Broker), "broker"),
        brokers.join(", "),
        plural(nodes(NodeKind::Producer), "producer"),
        plural(nodes(NodeKind::Consumer), "consumer"),
        plural(count(history.group_facts.len()), "group"),
    );
    let mut lines = vec![machines];
    let total = seconds(run.simulated_ms);
    lines.push(match (history.healed, history.drained) {
        (Some(healed), Some(drained)) => format!(
            "for {total}: faults until {healed}, then healed; all consumed {} after",
            seconds(drained.ms_since(healed))
        ),
        (Some(healed), None) => {
            format!("for {total}: faults until {healed}, then healed; never consumed everything")
        }
        (None, _) => format!("for {total}, without a healed phase"),
    });
    story.paragraph("Played", &lines);
    let traffic = Traffic::of(history);
    let lines = [
        format!(
            "{}: {} acked, {} refused, {} never left, {} unknown",
            plural(traffic.sends, "send"),
            commas(traffic.acked),
            commas(traffic.refused),
            commas(traffic.never_sent),
            commas(traffic.unknown)
        ),
        format!(
            "{} to listeners: {} consumed, {} to be retried; {} by hand; {} of shares",
            plural(traffic.deliveries, "message"),
            commas(traffic.consumed),
            commas(traffic.failed),
            plural(traffic.pulls, "pull"),
            plural(traffic.rebalances, "change")
        ),
    ];
    story.paragraph("Traffic", &lines);
}

fn faults(story: &mut Story, run: &RunSummary<'_>) {
    let counts = run.fault_counts();
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    if total == 0 {
        story.paragraph("Faults", &["none".to_owned()]);
        return;
    }
    let mut lines = vec![format!("{}:", plural(total, "strike"))];
    let listed: Vec<_> =
        counts.iter().map(|(kind, count)| format!("{kind} {}", commas(*count))).collect();
    lines.extend(wrapped(&listed));
    let counted: Vec<_> =
        run.counters.iter().map(|(what, count)| format!("{what} {}", commas(*count))).collect();
    if !counted.is_empty() {
        lines.push("which did:".to_owned());
        lines.extend(wrapped(&counted));
    }
    story.paragraph("Faults", &lines);
}

/// Parts joined by commas into lines of at most 88 characters.
fn wrapped(parts: &[String]) -> Vec<String> {
    let mut lines = vec![String::new()];
    for (place, part) in parts.iter().enumerate() {
        let comma = if place + 1 < parts.len() { ", " } else { "" };
        match lines.last_mut() {
            Some(line) if line.len() + part.len() < 76 => {
                line.push_str(part);
                line.push_str(comma);
            }
            _ => lines.push(format!("{part}{comma}")),
        }
    }
    lines.retain(|line| !line.is_empty());
    lines.iter().map(|line| format!("  {line}")).collect()
}

fn promised(story: &mut Story, run: &RunSummary<'_>) {
    let flushes: BTreeMap<_, _> =
        run.history.brokers.iter().map(|broker| (broker.flush, ())).collect();
    let mut lines = Vec::new();
    for flush in flushes.into_keys() {
        let setting = promises::Setting {
            flush,
            role: promises::Role::Single,
            ack: Some(promises::Ack::SendOk),
        };
        // Faults with the same promise are told together.
        let mut cells: Vec<(promises::Promise, Vec<&str>)> = Vec::new();
        for hit in promises::Hit::ALL {
            let cell = promises::promise(promises::Guarantee::Stored, setting, hit);
            match cells.iter_mut().find(|(known, _)| *known == cell) {
                Some((_, hits)) => hits.push(hit.words()),
                None => cells.push((cell, vec![hit.words()])),
            }
        }
        lines.push(format!("a message acked with SEND_OK under {} is", flush.name()));
        lines.extend(cells.iter().map(|(cell, hits)| format!("  {cell} ({})", hits.join(", "))));
    }
    story.paragraph("Promised", &lines);
}

fn checked(story: &mut Story, run: &RunSummary<'_>) {
    let lines: Vec<_> = run
        .verdict
        .findings
        .iter()
        .map(|one| {
            let state = match (one.broken(), one.checked) {
                (0, 0) => "nothing to judge".to_owned(),
                (0, _) => "kept".to_owned(),
                (broken, _) => format!("BROKEN {} times", commas(broken)),
            };
            let (checked, unit) = (commas(one.checked), one.unit);
            format!("{:<4}{:<20}{state:<17}{checked:>9} {unit}", one.checker, one.title)
        })
        .collect();
    story.paragraph("Checked", &lines);
    let excuses: Vec<_> = run
        .verdict
        .excuses()
        .map(|one| format!("{:<4}{:>7} x {}", one.checker, commas(one.count), one.cause))
        .collect();
    if !excuses.is_empty() {
        story.paragraph("Excused", &excuses);
    }
}

fn found(story: &mut Story, run: &RunSummary<'_>) {
    let mut lines: Vec<String> =
        run.troubles.iter().map(|what| format!("TROUBLE {what}")).collect();
    let violations = run.told(TOLD_MAX);
    lines.extend(violations.iter().map(|one| format!("{:<4}{}", one.checker, one.words)));
    let more = run.verdict.broken().saturating_sub(count(violations.len()));
    if 0 < more {
        lines.push(format!("and {} more", commas(more)));
    }
    if lines.is_empty() {
        lines.push("no broken promise".to_owned());
    }
    story.paragraph("Found", &lines);
}

fn speed(run: &RunSummary<'_>) -> String {
    let (played, waited) = (seconds(run.simulated_ms), seconds(run.waited_ms));
    format!("{played} played in {waited}: {} times real time", commas(run.speed()))
}
