//! A run as one HTML page that needs nothing else: verdict, swim lanes, tables, plan.
//!
//! Tables are written here; the swim lanes are drawn by a small script from rows of numbers, for
//! the part of the time that is looked at.

use serde_json::Value;

use crate::{
    json,
    run::{End, RunSummary},
    story, timeline,
    traffic::{commas, count},
};

pub(crate) const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Events of each kind that a page holds at most, so that it stays below 1 MB.
const EVENTS_MAX: usize = 6_000;

/// More violations of one checker than this are counted, not listed.
const TOLD_MAX: usize = 8;

/// The longest plan that a page quotes, in bytes.
const PLAN_BYTES_MAX: usize = 150_000;

/// The page.
#[must_use]
pub fn page(run: &RunSummary<'_>) -> String {
    let mut page = String::with_capacity(400_000);
    let title = format!("Gantry: {} under seed {}", run.scenario, run.seed);
    page.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.push_str(&format!("<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n", html(&title)));
    page.push_str("<body>\n<main>\n");
    header(&mut page, run);
    violations(&mut page, run);
    lanes(&mut page);
    checks(&mut page, run);
    counts(&mut page, run);
    quotes(&mut page, run);
    page.push_str("</main>\n<script type=\"application/json\" id=\"data\">");
    page.push_str(&embedded(&data(run)));
    page.push_str("</script>\n<script>\n");
    page.push_str(SCRIPT);
    page.push_str("</script>\n</body>\n</html>\n");
    page
}

fn data(run: &RunSummary<'_>) -> Value {
    let mut data = timeline::rows(run, EVENTS_MAX);
    let summary = json::summary(run);
    // In the order in which the page lists them.
    let of_check = |check: &Value| {
        let all = check.get("violations").and_then(Value::as_array);
        all.map(|all| all.iter().take(TOLD_MAX).cloned().collect::<Vec<_>>())
    };
    let checks = summary.get("checks").and_then(Value::as_array);
    let violations: Vec<Value> =
        checks.into_iter().flatten().filter_map(of_check).flatten().collect();
    if let Some(members) = data.as_object_mut() {
        members.insert("violations".to_owned(), Value::Array(violations));
    }
    data
}

/// JSON that cannot end the script element it stands in.
fn embedded(value: &Value) -> String {
    value.to_string().replace("</", "<\\/").replace("<!--", "<\\u0021--")
}

/// Text that cannot be markup.
pub(crate) fn html(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            _ => safe.push(letter),
        }
    }
    safe
}

fn header(page: &mut String, run: &RunSummary<'_>) {
    let (class, words) = match run.end() {
        End::Kept => ("kept", "all promises kept".to_owned()),
        End::Broken => ("broken", format!("{} broken", commas(run.verdict.broken()))),
        End::Failed => ("broken", "the run failed".to_owned()),
    };
    page.push_str(&format!(
        "<header>\n<h1>{} <small>seed {}</small> <span class=\"badge {class}\">{words}</span></h1>\n\
         <p>{}</p>\n<p class=\"facts\">{} compared · {} times real time · trace hash \
         <code>{:016x}</code></p>\n</header>\n",
        html(run.scenario),
        run.seed,
        html(run.about),
        commas(run.verdict.checked()),
        commas(run.speed()),
        run.trace_hash
    ));
}

fn violations(page: &mut String, run: &RunSummary<'_>) {
    if run.end() == End::Kept {
        return;
    }
    page.push_str("<section>\n<h2>Found</h2>\n<ol class=\"found\">\n");
    let told = run.told(TOLD_MAX);
    for trouble in &run.troubles {
        page.push_str(&format!("<li class=\"trouble\">{}</li>\n", html(trouble)));
    }
    for (place, violation) in told.iter().enumerate() {
        page.push_str(&format!(
            "<li><a href=\"#lanes\" data-violation=\"{place}\"><b>{}</b> {}</a></li>\n",
            violation.checker,
            html(&violation.words)
        ));
    }
    page.push_str("</ol>\n");
    let more = run.verdict.broken().saturating_sub(count(told.len()));
    if 0 < more {
        page.push_str(&format!("<p>and {} more</p>\n", commas(more)));
    }
    page.push_str("</section>\n");
}

fn lanes(page: &mut String) {
    page.push_str(
        "<section id=\"lanes\">\n<h2>Time line</h2>\n<div class=\"tools\">\
         <button type=\"button\" data-do=\"in\" aria-label=\"zoom in\">+</button>\
         <button type=\"button\" data-do=\"out\" aria-label=\"zoom out\">−</button>\
         <button type=\"button\" data-do=\"all\">all</button>\
         <label><input type=\"checkbox\" data-show=\"sends\" checked> sends</label>\
         <label><input type=\"checkbox\" data-show=\"deliveries\" checked> deliveries</label>\
         <label><input type=\"checkbox\" data-show=\"faults\" checked> faults</label>\
         <label><input type=\"checkbox\" data-show=\"rebalances\" checked> shares</label>\
         <input type=\"search\" placeholder=\"message, node or queue\" aria-label=\"filter\">\
         </div>\n<p class=\"legend\"><i class=\"s0\"></i>acked, consumed <i class=\"s1\"></i>unknown, \
         retried <i class=\"s2\"></i>refused <i class=\"s3\"></i>never sent <i class=\"f\"></i>fault \
         <i class=\"d\"></i>down</p>\n<div id=\"chart\"></div>\n<p id=\"note\" role=\"status\"></p>\n\
         <noscript>The time line is drawn by a script.</noscript>\n</section>\n",
    );
}

fn checks(page: &mut String, run: &RunSummary<'_>) {
    page.push_str(
        "<section>\n<h2>Checked</h2>\n<div class=\"wide\"><table>\n<thead><tr><th></th>\
         <th>promise</th><th class=\"n\">compared</th><th></th></tr></thead>\n<tbody>\n",
    );
    for one in &run.verdict.findings {
        let (class, state) = match (one.broken(), one.checked) {
            (0, 0) => ("idle", "nothing to judge".to_owned()),
            (0, _) => ("kept", "kept".to_owned()),
            (broken, _) => ("broken", format!("{} broken", commas(broken))),
        };
        page.push_str(&format!(
            "<tr><td><b>{}</b></td><td>{}<br><small>{} {}</small></td><td class=\"n\">{}<br>\
             <small>{}</small></td><td><span class=\"badge {class}\">{state}</span></td></tr>\n",
            one.checker,
            html(one.promise),
            one.title,
            html(one.not_claimed),
            commas(one.checked),
            html(one.unit),
        ));
    }
    page.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn counts(page: &mut String, run: &RunSummary<'_>) {
    let faults = run.fault_counts().into_iter().map(|(kind, count)| (kind.to_owned(), count));
    table(page, "Faults", faults);
    table(page, "What they did", run.counters.clone().into_iter());
    let excuses = run.verdict.excuses();
    let excuses =
        excuses.map(|one| (format!("{} {} ({})", one.checker, one.cause, one.example), one.count));
    table(page, "Excused", excuses);
    table(page, "Situations", run.probes.clone().into_iter());
}

pub(crate) fn table(page: &mut String, title: &str, rows: impl Iterator<Item = (String, u64)>) {
    let rows: String = rows
        .map(|(name, count)| {
            format!("<tr><td>{}</td><td class=\"n\">{}</td></tr>\n", html(&name), commas(count))
        })
        .collect();
    if !rows.is_empty() {
        page.push_str(&format!(
            "<section>\n<h2>{title}</h2>\n<div class=\"wide\"><table>\n<tbody>\n{rows}</tbody>\n\
             </table></div>\n</section>\n"
        ));
    }
}

fn quotes(page: &mut String, run: &RunSummary<'_>) {
    page.push_str(&format!(
        "<section>\n<h2>Again</h2>\n<pre>{}</pre>\n<details><summary>the report as text</summary>\
         <pre>{}</pre></details>\n",
        html(run.replay),
        html(&story::text(run))
    ));
    if run.plan_json.len() <= PLAN_BYTES_MAX {
        page.push_str(&format!(
            "<details><summary>the plan</summary><pre>{}</pre></details>\n",
            html(run.plan_json)
        ));
    }
    page.push_str("</section>\n");
}
