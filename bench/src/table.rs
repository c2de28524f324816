//! The results as a Markdown table, which is also what the terminal gets.

use crate::{
    peers::Who,
    results::{Measured, Results, Spread},
    rows::{Metric, Row},
};

/// Everything a reader of the numbers must know, and the numbers.
pub(crate) fn text(results: &Results) -> String {
    let peer = &results.peer;
    let mut text = heading(results);
    text.push_str(&format!(
        "| work | | Gantry | {peer} | echo | times better than {peer} | of echo | goals |\n\
         |---|---|---|---|---|---|---|---|\n"
    ));
    for row in &results.rows {
        push_row(&mut text, row);
    }
    text.push_str("\nMedians over the rounds, in brackets the least and the most. ");
    text.push_str("Ratios are taken round by round, then their median.\n");
    for row in &results.rows {
        for trouble in &row.troubles {
            text.push_str(&format!("- {}: {trouble}\n", row.row.name));
        }
    }
    for missing in &results.missing {
        text.push_str(&format!("- missing: {missing}\n"));
    }
    text
}

/// Machine, run and how quiet it was.
fn heading(results: &Results) -> String {
    let facts = &results.facts;
    let fact = |name: &str| match facts.get(name) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "unknown".to_owned(),
    };
    let foreign = results.foreign().map_or_else(
        || "not measured".to_owned(),
        |cores| format!("{:.2} ({:.2}..{:.2})", cores.median, cores.least, cores.most),
    );
    format!(
        "{date}, commit {commit}: {cores} cores ({processor}), {memory} GiB, Linux {kernel}, \
         {disk}; {java}.\n\
         {rounds} rounds of {seconds} s each after {warm} s of warm-up, sides in turns, whoever \
         is not measured stopped.\n\
         Load averages before: {before}; after: {after}; cores that other programs kept busy \
         meanwhile: {foreign}.\n\n",
        date = fact("date"),
        commit = fact("commit"),
        cores = fact("cores"),
        processor = fact("processor"),
        memory = fact("memory_gib"),
        kernel = fact("kernel"),
        disk = fact("disk"),
        java = fact("java"),
        rounds = fact("rounds"),
        seconds = fact("seconds"),
        warm = fact("warm_up_seconds"),
        before = results.load_before,
        after = results.load_after,
    )
}

/// Quantities that are not lines of the table: they judge the run, not the broker.
fn is_told(row: &Measured, metric: Metric) -> bool {
    match metric {
        Metric::ForeignCores | Metric::Resident => false,
        Metric::Refused => [Who::Gantry, Who::Peer]
            .into_iter()
            .any(|who| row.values(who, metric).any(|refused| 0.0 < refused)),
        _ => true,
    }
}

fn push_row(text: &mut String, measured: &Measured) {
    let Row { name, title, .. } = measured.row;
    let goals: Vec<String> = measured
        .judged()
        .into_iter()
        .map(|judged| {
            let met =
                judged.met.map_or("not measured", |met| if met { "met" } else { "**not met**" });
            format!("{}: {met}", judged.text)
        })
        .collect();
    let mut first = Some((format!("{title} (`{name}`)"), goals.join("; ")));
    for metric in measured.metrics().into_iter().filter(|metric| is_told(measured, *metric)) {
        let (title, goals) = first.take().unwrap_or_default();
        let of = |who| measured.spread(who, metric).map_or_else(String::new, |s| told(metric, s));
        let ahead = measured.ahead_of(Who::Peer, metric);
        let share = measured.ahead_of(Who::Echo, metric).filter(|_| metric == Metric::Rate);
        text.push_str(&format!(
            "| {title} | {} | {} | {} | {} | {} | {} | {goals} |\n",
            metric.name(),
            of(Who::Gantry),
            of(Who::Peer),
            of(Who::Echo),
            ahead.map_or_else(String::new, times),
            share.map_or_else(String::new, percent),
        ));
    }
    if let Some((title, goals)) = first {
        text.push_str(&format!("| {title} | not measured | | | | | | {goals} |\n"));
    }
}

/// A median and its spread with the unit of the quantity.
pub(crate) fn told(metric: Metric, spread: Spread) -> String {
    let (median, least, most) =
        (metric.text(spread.median), metric.text(spread.least), metric.text(spread.most));
    if least == most { median } else { format!("{median} ({least}..{most})") }
}

/// A ratio and its spread.
pub(crate) fn times(spread: Spread) -> String {
    let digits = if spread.median < 9.95 { 1 } else { 0 };
    let Spread { median, least, most } = spread;
    format!("{median:.digits$}x ({least:.digits$}..{most:.digits$})")
}

fn percent(spread: Spread) -> String {
    let Spread { median, least, most } = spread;
    format!("{:.0} % ({:.0}..{:.0})", median * 100.0, least * 100.0, most * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::example;

    #[test]
    fn a_line_has_values_ratio_share_and_goals() {
        let text = text(&example());
        let line = text.lines().find(|line| line.contains("send-64x1")).unwrap();
        for part in [
            "90.0k (80.0k..100k)",
            "22.5k (20.0k..25.0k)",
            "| 4.0x (4.0..4.0) | 90 % (80..100) |",
            "messages/s >= 85 % of echo: met",
            "private memory >= 20x better: not measured",
        ] {
            assert!(line.contains(part), "{part} in {line}");
        }
        assert!(text.contains("| p99 | 1.50 ms | 18.0 ms | 1.00 ms | 12x (12..12) |"), "{text}");
        assert!(text.contains("- missing: pull: not <asked> for"));
        assert!(text.contains("Load averages before: 0.10 0.20 0.30; after: 2.00 1.00 0.50"));
    }
}
