//! Small plots as inline SVG.
//!
//! Shapes are drawn in units of their own and stretched to the width that there is; words stand
//! beside them as HTML, so that they are as readable on a phone as on a desk.

use std::fmt::Write as _;

use crate::{
    page::html,
    traffic::{commas, count},
};

/// Width and height of a plot in its own units.
const WIDTH: u64 = 1_000;
const HEIGHT: u64 = 200;

/// So many of a thousand values decide how wide a histogram is.
const ORDINARY: usize = 990;

/// Points of a line at most.
const POINTS_MAX: usize = 400;

/// One row of a bar chart.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    /// What is counted.
    pub(super) name: String,
    /// Its length, of the longest one or of a given whole.
    pub(super) length: u64,
    /// The number beside it.
    pub(super) label: String,
    /// More about it, where there is room.
    pub(super) more: String,
    /// The colour: a class of the style.
    pub(super) class: &'static str,
}

/// Rows with a bar each. Bars are drawn to the length of `whole`, or of the longest.
pub(super) fn bars(rows: &[Bar], whole: Option<u64>) -> String {
    let longest = whole.or_else(|| rows.iter().map(|row| row.length).max()).unwrap_or(0).max(1);
    let mut text = String::from("<div class=\"bars\">\n");
    for Bar { name, length, label, more, class } in rows {
        // What is there at all is seen.
        let width = (length * WIDTH / longest).max(u64::from(0 < *length) * 4).min(WIDTH);
        // Writing to a string cannot fail.
        writeln!(
            text,
            "<span>{}</span><svg viewBox=\"0 0 {WIDTH} 10\" preserveAspectRatio=\"none\" \
             aria-hidden=\"true\"><rect class=\"way\" width=\"{WIDTH}\" height=\"10\"/>\
             <rect class=\"{class}\" width=\"{width}\" height=\"10\"/></svg><span class=\"n\">{}\
             <small>{}</small></span>",
            html(name),
            html(label),
            html(more),
        )
        .ok();
    }
    text + "</div>\n"
}

/// A step line through points that grow in both directions, from 0 to the last; and bad ones as
/// marks on the ground.
pub(super) fn growth(points: &[(u64, u64)], marks: &[u64], ends: [&str; 2]) -> String {
    let (across, up) = points.last().copied().unwrap_or((0, 0));
    let x = |at: u64| at.saturating_mul(WIDTH) / across.max(1);
    let y = |at: u64| HEIGHT - at.saturating_mul(HEIGHT) / up.max(1);
    let step = points.len().div_ceil(POINTS_MAX).max(1);
    let mut path = format!("M0 {HEIGHT}");
    let thinned = points.iter().rev().step_by(step).collect::<Vec<_>>();
    for (at, value) in thinned.into_iter().rev() {
        write!(path, "L{} {}", x(*at), y(*value)).ok();
    }
    let marks: String = marks
        .iter()
        .take(POINTS_MAX)
        .map(|at| format!("M{0} {HEIGHT}V{1}", x(*at), HEIGHT - HEIGHT / 8))
        .collect();
    let shapes = format!(
        "<path class=\"area\" d=\"{path}V{HEIGHT}Z\"/><path class=\"line\" d=\"{path}\"/>\
         <path class=\"marks\" d=\"{marks}\"/>"
    );
    framed(&shapes, &format!("up to {}", commas(up)), &ends.map(str::to_owned))
}

/// One column of a histogram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Column {
    /// How many.
    pub(super) count: u64,
    /// What falls into it.
    pub(super) words: String,
}

/// Columns side by side, with words under some of their borders.
pub(super) fn histogram(columns: &[Column], labels: &[String]) -> String {
    let tallest = columns.iter().map(|one| one.count).max().unwrap_or(0);
    let wide = WIDTH / count(columns.len()).max(1);
    let mut shapes = String::new();
    for (place, Column { count, words }) in (0_u64..).zip(columns) {
        let height = (count * HEIGHT / tallest.max(1)).max(u64::from(0 < *count) * 2);
        write!(
            shapes,
            "<rect class=\"bar\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{height}\"><title>{}: {}\
             </title></rect>",
            place * wide,
            HEIGHT - height,
            wide.saturating_sub(2).max(1),
            html(words),
            commas(*count),
        )
        .ok();
    }
    framed(&shapes, &format!("up to {}", commas(tallest)), labels)
}

fn framed(shapes: &str, top: &str, labels: &[String]) -> String {
    let labels: String =
        labels.iter().map(|label| format!("<span>{}</span>", html(label))).collect();
    format!(
        "<div class=\"plot\"><small>{}</small><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         preserveAspectRatio=\"none\" role=\"img\"><path class=\"grid\" d=\"M0 50H{WIDTH}M0 \
         100H{WIDTH}M0 150H{WIDTH}\"/>{shapes}</svg><p class=\"axis\">{labels}</p></div>\n",
        html(top)
    )
}

/// The value below which so many of a thousand lie. The values are ascending.
pub(super) fn quantile(values: &[u64], per_mille: usize) -> u64 {
    let place = (values.len() * per_mille).div_ceil(1_000).saturating_sub(1);
    values.get(place).or(values.last()).copied().unwrap_or(0)
}

/// Words for the beginning, the middle and the end of what [`even`] counts.
pub(super) fn scale(values: &[u64], words: impl Fn(u64) -> String) -> [String; 3] {
    let end = quantile(values, ORDINARY);
    [words(0), words(end / 2), format!("{} and more", words(end))]
}

/// How many values fall into each of `columns` parts of equal width. The few that lie far out
/// would leave no room for the others: they fall into the last one. The values are ascending.
pub(super) fn even(values: &[u64], columns: u64, words: impl Fn(u64) -> String) -> Vec<Column> {
    let width = quantile(values, ORDINARY) / columns + 1;
    let words = |at: u64| match at + 1 == columns {
        true => format!("{} and more", words(at * width)),
        false => format!("{} to {}", words(at * width), words((at + 1) * width)),
    };
    let mut all: Vec<Column> =
        (0..columns).map(|at| Column { count: 0, words: words(at) }).collect();
    for value in values {
        let place = usize::try_from((value / width).min(columns - 1)).unwrap_or(usize::MAX);
        if let Some(column) = all.get_mut(place) {
            column.count += 1;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occur() {
        let values: Vec<u64> = (1..=100).collect();
        assert_eq!([500, 900, 990, 1000].map(|q| quantile(&values, q)), [50, 90, 99, 100]);
        assert_eq!((quantile(&[7], 500), quantile(&[], 500)), (7, 0));
    }

    #[test]
    fn every_value_falls_into_one_column() {
        let values = [0, 1, 9, 10, 99, 100];
        let columns = even(&values, 10, |at| at.to_string());
        assert_eq!(columns.iter().map(|one| one.count).sum::<u64>(), 6);
        assert_eq!((columns[0].count, columns[9].count), (4, 2));
        assert_eq!(columns[0].words, "0 to 11");
    }

    #[test]
    fn what_is_there_is_seen_and_what_is_not_is_not() {
        let bar = |length| Bar {
            name: "<a>".to_owned(),
            length,
            label: String::new(),
            more: String::new(),
            class: "fault",
        };
        let text = bars(&[bar(0), bar(1), bar(1_000_000)], None);
        assert!(text.contains("&lt;a&gt;") && !text.contains("<a>"));
        for width in ["width=\"0\"", "width=\"4\"", "width=\"1000\" height=\"10\"/></svg>"] {
            assert!(text.contains(width), "{width} in {text}");
        }
    }

    #[test]
    fn a_long_line_is_thinned_and_keeps_its_end() {
        let points: Vec<(u64, u64)> = (1..=100_000).map(|at| (at, at)).collect();
        let marks: Vec<u64> = (0..100_000).collect();
        let plot = growth(&points, &marks, ["0 s", "9 s"]);
        assert!(plot.len() < 30_000, "{}", plot.len());
        assert!(plot.contains("L1000 0") && plot.contains("up to 100,000"));
        assert!(growth(&[], &[], ["", ""]).contains("M0 200"));
    }
}
