//! The results as one HTML page that needs nothing else: plots are drawn here, as SVG.

use crate::{
    peers::Who,
    results::{Measured, QUANTILES, Results},
    rows::Metric,
    table,
};

const STYLE: &str = include_str!("page.css");
const SIDES: [Who; 3] = [Who::Gantry, Who::Peer, Who::Echo];

/// Plots with values from zero, in this order where a row has them.
const BARS: &[Metric] = &[
    Metric::Rate,
    Metric::P50,
    Metric::P99,
    Metric::CpuPerMessage,
    Metric::Private,
    Metric::Time,
    Metric::Threads,
    Metric::IdleCores,
];

/// The page.
pub(crate) fn page(results: &Results) -> String {
    let title = html(&format!("Gantry beside {}", results.peer));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n"
    );
    let text = table::text(results);
    let (before, after) = text.split_once("\n\n").unwrap_or((&text, ""));
    page.push_str(&format!("<p class=\"facts\">{}</p>\n", html(before)));
    page.push_str("<p class=\"legend\">");
    for who in SIDES {
        page.push_str(&format!("<i class=\"{}\"></i>{} ", class(who), html(&results.name(who))));
    }
    page.push_str("- bars are medians, dots are rounds</p>\n");
    for row in &results.rows {
        push_row(&mut page, results, row);
    }
    page.push_str("<h2>All numbers</h2>\n");
    push_table(&mut page, after);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn class(who: Who) -> &'static str {
    match who {
        Who::Gantry => "ours",
        Who::Peer => "peer",
        Who::Echo => "echo",
    }
}

fn push_row(page: &mut String, results: &Results, row: &Measured) {
    page.push_str(&format!("<section>\n<h2>{}</h2>\n<p>", html(row.row.title)));
    for judged in row.judged() {
        let (class, word) = match judged.met {
            Some(true) => ("kept", "met"),
            Some(false) => ("broken", "not met"),
            None => ("idle", "not measured"),
        };
        let text = html(&judged.text);
        page.push_str(&format!("<span class=\"badge {class}\">{text}: {word}</span> "));
    }
    page.push_str("</p>\n<div class=\"plots\">\n");
    for metric in BARS.iter().filter(|metric| row.metrics().contains(metric)) {
        push_bars(page, results, row, *metric);
    }
    if !row.curves.is_empty() {
        push_curves(page, results, row);
    }
    page.push_str("</div>\n</section>\n");
}

/// One bar per side, from zero.
fn push_bars(page: &mut String, results: &Results, row: &Measured, metric: Metric) {
    let most = SIDES.into_iter().filter_map(|who| row.spread(who, metric)).map(|one| one.most);
    let most = most.fold(f64::MIN_POSITIVE, f64::max);
    let ahead = row.ahead_of(Who::Peer, metric).map(table::times).unwrap_or_default();
    let ahead = if ahead.is_empty() { ahead } else { format!(": {ahead}") };
    page.push_str(&format!(
        "<figure><figcaption>{}{ahead}</figcaption>\n<svg viewBox=\"0 0 340 84\">\n",
        metric.name()
    ));
    let mut top = 2.0;
    for who in SIDES {
        let Some(spread) = row.spread(who, metric) else { continue };
        let (class, at) = (class(who), |value: f64| value / most * 200.0);
        page.push_str(&format!(
            "<g class=\"{class}\"><rect x=\"0\" y=\"{top}\" width=\"{:.1}\" height=\"20\"/>\
             <text x=\"{:.1}\" y=\"{}\">{}</text>",
            at(spread.median),
            at(spread.most) + 8.0,
            top + 14.0,
            html(&metric.text(spread.median)),
        ));
        for value in row.values(who, metric) {
            let (x, y) = (at(value), top + 10.0);
            page.push_str(&format!("<circle cx=\"{x:.1}\" cy=\"{y}\" r=\"2.5\"/>"));
        }
        let told = format!("{}: {}", results.name(who), table::told(metric, spread));
        page.push_str(&format!("<title>{}</title></g>\n", html(&told)));
        top += 27.0;
    }
    page.push_str("</svg></figure>\n");
}

/// Latency over quantile: nines to the right, powers of ten upward.
fn push_curves(page: &mut String, results: &Results, row: &Measured) {
    const WIDTH: f64 = 300.0;
    const HEIGHT: f64 = 150.0;
    let all = || row.curves.values().flatten().map(|micros| (*micros).max(1) as f64);
    let low = all().fold(f64::MAX, f64::min).log10().floor();
    let high = all().fold(1.0, f64::max).log10().ceil().max(low + 1.0);
    let x = |quantile: f64| 34.0 - (1.0 - quantile).log10() / 4.0 * WIDTH;
    let y = |micros: f64| 8.0 + (high - micros.log10()) / (high - low) * HEIGHT;
    page.push_str(
        "<figure><figcaption>latency by quantile</figcaption>\n<svg viewBox=\"0 0 340 180\">\n",
    );
    let mut decade = low;
    while decade <= high {
        let micros = 10.0_f64.powf(decade);
        let height = y(micros);
        let label = Metric::P50.text(micros).replace(".00", "").replace(".0", "");
        page.push_str(&format!(
            "<path class=\"grid\" d=\"M34 {height:.1}H334\"/>\
             <text x=\"0\" y=\"{:.1}\">{label}</text>\n",
            height + 4.0
        ));
        decade += 1.0;
    }
    for (quantile, name) in
        [(0.0, "0"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"), (0.9999, "99.99 %")]
    {
        let place = x(quantile) - if quantile > 0.9995 { 34.0 } else { 10.0 };
        page.push_str(&format!("<text x=\"{place:.1}\" y=\"174\">{name}</text>\n"));
    }
    for (who, curve) in &row.curves {
        let points: Vec<String> = QUANTILES
            .iter()
            .zip(curve)
            .map(|(quantile, micros)| {
                format!("{:.1} {:.1}", x(*quantile), y((*micros).max(1) as f64))
            })
            .collect();
        page.push_str(&format!(
            "<path class=\"curve {}\" d=\"M{}\"><title>{}</title></path>\n",
            class(*who),
            points.join("L"),
            html(&results.name(*who)),
        ));
    }
    page.push_str("</svg></figure>\n");
}

/// The Markdown table and what is listed below it.
fn push_table(page: &mut String, text: &str) {
    page.push_str("<div class=\"wide\"><table>\n");
    let mut below = String::new();
    for line in text.lines().filter(|line| !line.starts_with("|---")) {
        let Some(cells) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else {
            below.push_str(&format!("<p>{}</p>\n", html(line)));
            continue;
        };
        page.push_str("<tr>");
        for cell in cells.split(" | ") {
            let cell = html(cell.trim()).replace("**", "").replace('`', "");
            page.push_str(&format!("<td>{cell}</td>"));
        }
        page.push_str("</tr>\n");
    }
    page.push_str(&format!("</table></div>\n{below}"));
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::example;

    #[test]
    fn the_page_has_plots_badges_and_nothing_unescaped() {
        let page = page(&example());
        assert!(page.contains("<title>Gantry beside Java 5.5.0</title>"));
        assert!(page.contains("<figcaption>messages/s: 4.0x (4.0..4.0)</figcaption>"));
        assert!(page.contains("class=\"badge kept\">messages/s &gt;= 85 % of echo: met<"));
        assert!(page.contains("<path class=\"curve ours\" d=\"M34.0 "));
        assert!(page.contains("pull: not &lt;asked&gt; for"));
        assert!(!page.contains("http"), "nothing is fetched");
        let count = |what: &str| page.matches(what).count();
        assert_eq!(count("<circle"), 2 * 3 * 2);
        for tag in ["svg", "figure", "section", "tr", "td", "g"] {
            let opened = count(&format!("<{tag}>")) + count(&format!("<{tag} "));
            assert_eq!(opened, count(&format!("</{tag}>")), "{tag}");
        }
    }
}
