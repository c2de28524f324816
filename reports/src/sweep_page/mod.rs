//! A sweep as one HTML page that needs nothing else: what failed, how fast it went, what struck,
//! which situations were reached, how long clusters took to recover.
//!
//! Everything on it is a sum, so that its size does not depend on the number of seeds.

mod plots;
mod scenarios;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::plots::{Bar, bars, even, growth, histogram, quantile, scale};
use crate::{
    page::{STYLE, html, table},
    run::End,
    sweep::{KINDS_MAX, SeedResult, Sweep},
    traffic::{commas, count, plural, seconds},
};

const SWEEP_STYLE: &str = include_str!("style.css");

/// Columns of a histogram.
const COLUMNS: u64 = 40;

/// Seeds of one kind of failure that are named.
const SEEDS_MAX: usize = 30;

/// Letters of a failure's words that are shown.
const WORDS_MAX: usize = 600;

/// The page of a sweep. `probes_must_hit` as in [`Sweep::end`].
#[must_use]
pub fn sweep_page(sweep: &Sweep, probes_must_hit: bool) -> String {
    let mut page = String::with_capacity(100_000);
    page.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    let title = format!("Gantry: a sweep of {}", plural(count(sweep.seeds.len()), "seed"));
    page.push_str(&format!(
        "<title>{title}</title>\n<style>\n{STYLE}{SWEEP_STYLE}</style>\n</head>\n<body>\n<main>\n"
    ));
    header(&mut page, sweep, probes_must_hit);
    failures(&mut page, sweep);
    page.push_str("<div class=\"panels\">\n");
    over_time(&mut page, sweep);
    recovery(&mut page, sweep);
    factor(&mut page, sweep);
    faults(&mut page, sweep);
    page.push_str("</div>\n");
    coverage(&mut page, sweep);
    scenarios::table(&mut page, sweep);
    page.push_str("<div class=\"panels\">\n");
    table(&mut page, "Compared", sweep.sum(|one| &one.checked).into_iter());
    table(&mut page, "Excused", sweep.sum(|one| &one.excuses).into_iter());
    page.push_str("</div>\n</main>\n</body>\n</html>\n");
    page
}

fn header(page: &mut String, sweep: &Sweep, probes_must_hit: bool) {
    let with = |code| count(sweep.seeds.values().filter(|one| one.exit_code == code).count());
    let (broken, failed) = (with(1), with(2));
    let (class, words) = match sweep.end(probes_must_hit) {
        End::Kept => ("kept", "all promises kept"),
        End::Broken => ("broken", "promises broken"),
        End::Failed if failed == 0 => ("broken", "situations not reached"),
        End::Failed => ("broken", "runs failed"),
    };
    let range = sweep.seeds.keys().next().zip(sweep.seeds.keys().next_back());
    let range = range.map_or_else(String::new, |(from, to)| format!("seeds {from} to {to}"));
    page.push_str(&format!(
        "<header>\n<h1>Sweep <small>{range}</small> <span class=\"badge {class}\">{words}</span>\
         </h1>\n<p class=\"facts\">{}</p>\n</header>\n<ul class=\"tiles\">\n",
        html(&sweep.line())
    ));
    let played: u64 = sweep.seeds.values().map(|one| one.simulated_ms).sum();
    let compared: u64 = sweep.seeds.values().flat_map(|one| one.checked.values()).sum();
    let strikes: u64 = sweep.sum(|one| &one.faults).values().sum();
    let mut tile = |number: String, words: &str, is_bad: bool| {
        let class = if is_bad { " class=\"bad\"" } else { "" };
        page.push_str(&format!("<li{class}><b>{number}</b>{words}</li>\n"));
    };
    tile(commas(count(sweep.seeds.len())), "seeds", false);
    tile(commas(broken), "broke a promise", 0 < broken);
    tile(commas(failed), "failed themselves", 0 < failed);
    tile(short(compared), "things compared", false);
    tile(short(strikes), "faults struck", false);
    tile(hours(played), "played", false);
    tile(format!("{} ×", commas(played / sweep.waited_ms.max(1))), "real time", false);
    page.push_str("</ul>\n");
}

/// A number as short as it can be told.
fn short(number: u64) -> String {
    match number {
        0..1_000_000 => commas(number),
        1_000_000..10_000_000_000 => format!("{} M", commas(number / 1_000_000)),
        _ => format!("{} G", commas(number / 1_000_000_000)),
    }
}

/// Milliseconds as a time that people can grasp.
fn hours(ms: u64) -> String {
    match ms / 60_000 {
        0..=1 => seconds(ms),
        minutes @ 2..=179 => format!("{minutes} min"),
        minutes => format!("{} h", commas(minutes / 60)),
    }
}

fn failures(page: &mut String, sweep: &Sweep) {
    let kinds = sweep.kinds();
    if kinds.is_empty() {
        return;
    }
    page.push_str("<section>\n<h2>Kinds of failure</h2>\n<ol class=\"found\">\n");
    for kind in kinds.iter().take(KINDS_MAX) {
        let SeedResult { seed, scenario, .. } = kind.example;
        let words: String = kind.example.first_words().chars().take(WORDS_MAX).collect();
        let mut seeds: Vec<String> =
            kind.seeds.iter().take(SEEDS_MAX).map(ToString::to_string).collect();
        if SEEDS_MAX < kind.seeds.len() {
            seeds.push(format!("and {} more", commas(count(kind.seeds.len() - SEEDS_MAX))));
        }
        page.push_str(&format!(
            "<li><b>{}</b> {}<br><code>--seed {seed} --scenario {}</code><br>\
             <small class=\"seeds\">{}</small></li>\n",
            plural(count(kind.seeds.len()), "seed"),
            html(&words),
            html(scenario),
            seeds.join(", "),
        ));
    }
    page.push_str("</ol>\n");
    if KINDS_MAX < kinds.len() {
        page.push_str(&format!("<p>and {} more kinds</p>\n", kinds.len() - KINDS_MAX));
    }
    page.push_str("</section>\n");
}

/// How many seeds were played by when, and when the bad ones were.
fn over_time(page: &mut String, sweep: &Sweep) {
    let mut ends: Vec<(u64, bool)> =
        sweep.seeds.values().filter_map(|one| Some((one.done_ms?, one.exit_code != 0))).collect();
    ends.sort_unstable();
    section(page, "Seeds over time", |page| {
        let Some((last, _)) = ends.last() else {
            page.push_str("<p>When each seed was done was not written down.</p>\n");
            return;
        };
        let points: Vec<(u64, u64)> = ends.iter().map(|(at, _)| *at).zip(1..).collect();
        let bad: Vec<u64> = ends.iter().filter(|(_, bad)| *bad).map(|(at, _)| *at).collect();
        page.push_str(&growth(&points, &bad, ["0 s", &seconds(*last)]));
        let pace = count(ends.len()) * 60_000 / (*last).max(1);
        let marks = if bad.is_empty() { "" } else { "; red: bad ones" };
        page.push_str(&format!(
            "<p class=\"facts\">{} a minute{marks}</p>\n",
            plural(pace, "seed")
        ));
    });
}

fn recovery(page: &mut String, sweep: &Sweep) {
    let mut times: Vec<(u64, u64)> =
        sweep.seeds.values().filter_map(|one| Some((one.recovery_ms?, one.seed))).collect();
    times.sort_unstable();
    section(page, "Recovery, from the heal until everything was consumed", |page| {
        let Some((last, seed)) = times.last() else {
            page.push_str("<p>No run recovered.</p>\n");
            return;
        };
        let values: Vec<u64> = times.iter().map(|(ms, _)| *ms).collect();
        page.push_str(&histogram(&even(&values, COLUMNS, seconds), &scale(&values, seconds)));
        let at = |per_mille| seconds(quantile(&values, per_mille));
        page.push_str(&format!(
            "<p class=\"facts\">{}: p50 {}, p90 {}, p99 {}, longest {} (seed {seed})</p>\n",
            plural(count(values.len()), "run"),
            at(500),
            at(900),
            at(990),
            seconds(*last),
        ));
    });
}

/// Played time by time that somebody waited, run by run.
fn factor(page: &mut String, sweep: &Sweep) {
    let mut factors: Vec<u64> = sweep.seeds.values().filter_map(real_time_factor).collect();
    factors.sort_unstable();
    section(page, "Times real time, run by run", |page| {
        if factors.is_empty() {
            page.push_str("<p>No run came to its end.</p>\n");
            return;
        }
        let times = |factor: u64| format!("{} ×", commas(factor));
        page.push_str(&histogram(&even(&factors, COLUMNS, times), &scale(&factors, times)));
        let at = |per_mille| times(quantile(&factors, per_mille));
        page.push_str(&format!(
            "<p class=\"facts\">slowest {}, p10 {}, p50 {}, p90 {}</p>\n",
            at(0),
            at(100),
            at(500),
            at(900),
        ));
    });
}

fn real_time_factor(one: &SeedResult) -> Option<u64> {
    (0 < one.simulated_ms).then(|| one.simulated_ms / one.waited_ms.max(1))
}

fn faults(page: &mut String, sweep: &Sweep) {
    let mut rows: Vec<(u64, u64, String)> = vec![];
    for (name, hits) in sweep.sum(|one| &one.faults) {
        let runs = sweep.seeds.values().filter(|one| one.faults.contains_key(&name)).count();
        rows.push((hits, count(runs), name));
    }
    rows.sort_by(|one, other| other.cmp(one));
    let rows: Vec<Bar> = rows
        .into_iter()
        .map(|(hits, runs, name)| Bar {
            name,
            length: hits,
            label: commas(hits),
            more: format!("in {}", plural(runs, "run")),
            class: "fault",
        })
        .collect();
    section(page, "Faults that struck", |page| page.push_str(&bars(&rows, None)));
}

/// Which situations were reached, by the share of the runs that looked for them.
fn coverage(page: &mut String, sweep: &Sweep) {
    let mut reached: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (name, times) in sweep.seeds.values().flat_map(|one| &one.probes) {
        let (hit, looked) = reached.entry(name).or_default();
        *hit += u64::from(0 < *times);
        *looked += 1;
    }
    let all = reached.len();
    let missed = reached.values().filter(|(hit, _)| *hit == 0).count();
    let mut rows: Vec<(u64, Bar)> = reached
        .into_iter()
        .map(|(name, (hit, looked))| {
            let share = hit * 1_000 / looked.max(1);
            let (class, label) = match hit {
                0 => ("bad-fill", "never".to_owned()),
                _ => ("ok", format!("{}.{} %", share / 10, share % 10)),
            };
            let more = if hit == 0 { "" } else { "of runs" }.to_owned();
            (hit, Bar { name: name.to_owned(), length: share, label, more, class })
        })
        .collect();
    rows.sort_by_key(|(hit, _)| *hit);
    let title = format!("Situations: {} of {all} reached, the rarest first", all - missed);
    section(page, &title, |page| {
        let rows: Vec<Bar> = rows.into_iter().map(|(_, bar)| bar).collect();
        page.push_str("<div class=\"panels\">\n");
        for half in rows.chunks(rows.len().div_ceil(2).max(1)) {
            page.push_str(&format!("<section>{}</section>\n", bars(half, Some(1_000))));
        }
        page.push_str("</div>\n");
    });
}

fn section(page: &mut String, title: &str, body: impl FnOnce(&mut String)) {
    page.push_str(&format!("<section>\n<h2>{}</h2>\n", html(title)));
    body(page);
    page.push_str("</section>\n");
}
