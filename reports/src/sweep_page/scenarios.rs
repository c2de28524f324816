//! What a sweep brought, scenario by scenario.

use std::collections::BTreeMap;

use super::{plots::quantile, real_time_factor};
use crate::{
    page::html,
    sweep::{SeedResult, Sweep},
    traffic::{commas, count, seconds},
};

pub(super) fn table(page: &mut String, sweep: &Sweep) {
    let mut by_name: BTreeMap<&str, Vec<&SeedResult>> = BTreeMap::new();
    for one in sweep.seeds.values() {
        by_name.entry(&one.scenario).or_default().push(one);
    }
    page.push_str(
        "<section>\n<h2>Scenarios</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>scenario</th>\
         <th class=\"n\">seeds</th><th class=\"n\">bad</th><th class=\"n extra\">sends</th>\
         <th class=\"n extra\">faults</th><th class=\"n\">recovery p50</th>\
         <th class=\"n extra\">p99</th><th class=\"n\">× real time</th></tr></thead>\n<tbody>\n",
    );
    for (name, runs) in by_name {
        page.push_str(&row(name, &runs));
    }
    page.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn row(name: &str, runs: &[&SeedResult]) -> String {
    let sorted = |of: &dyn Fn(&SeedResult) -> Option<u64>| {
        let mut values: Vec<u64> = runs.iter().filter_map(|one| of(one)).collect();
        values.sort_unstable();
        values
    };
    let bad = count(runs.iter().filter(|one| one.exit_code != 0).count());
    let bad = match bad {
        0 => "0".to_owned(),
        bad => format!("<span class=\"badge broken\">{}</span>", commas(bad)),
    };
    let sends: u64 = runs.iter().map(|one| one.traffic.sends).sum();
    let faults: u64 = runs.iter().flat_map(|one| one.faults.values()).sum();
    let recovery = sorted(&|one| one.recovery_ms);
    let at = |per_mille| match recovery.as_slice() {
        [] => "never".to_owned(),
        some => seconds(quantile(some, per_mille)),
    };
    format!(
        "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{bad}</td><td class=\"n extra\">{}\
         </td><td class=\"n extra\">{}</td><td class=\"n\">{}</td><td class=\"n extra\">{}</td>\
         <td class=\"n\">{}</td></tr>\n",
        html(name),
        commas(count(runs.len())),
        commas(sends),
        commas(faults),
        at(500),
        at(990),
        commas(quantile(&sorted(&real_time_factor), 500)),
    )
}
