use super::*;

fn result(seed: u64, scenario: &str) -> SeedResult {
    let mut one = SeedResult::failed(seed, scenario, String::new());
    one.troubles.clear();
    one.exit_code = 0;
    (one.simulated_ms, one.waited_ms) = (90_000 + seed, 300 + seed % 50);
    one.recovery_ms = Some(4_000 + seed % 977);
    one.done_ms = Some(seed * 150);
    one.faults.insert("power cut".to_owned(), seed % 3 + 1);
    one.probes.insert("a torn tail was cut".to_owned(), seed % 7);
    one.probes.insert("never met".to_owned(), 0);
    one.checked.insert("C01".to_owned(), 100);
    one
}

fn sweep(seeds: u64) -> Sweep {
    let mut sweep = Sweep { waited_ms: seeds * 160, ..Sweep::default() };
    (0..seeds)
        .for_each(|seed| sweep.add(result(seed, ["mixed", "disk_loss"][(seed % 2) as usize])));
    sweep
}

#[test]
fn the_page_of_a_large_sweep_with_many_failures_is_small_and_needs_nothing_else() {
    let mut sweep = sweep(20_000);
    for seed in 0..10_000 {
        let mut bad = result(seed, "mixed");
        bad.exit_code = 1;
        let kind = char::from(b'a' + u8::try_from(seed % 26).unwrap());
        bad.violations = vec![format!("C01 <script>{kind}</script> ") + &"x".repeat(5_000)];
        sweep.add(bad);
    }
    let page = sweep_page(&sweep, true);
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    for foreign in ["http:", "https:", "<script", "url(", "@import", "<link"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("promises broken") && page.contains("and 6 more kinds"));
}

#[test]
fn every_plot_is_there_and_says_what_it_shows() {
    let page = sweep_page(&sweep(100), false);
    for words in [
        "all promises kept",
        "Seeds over time",
        "p50 4.0 s, p90 4.0 s, p99 4.0 s, longest 4.0 s (seed 99)",
        "Times real time",
        "199<small>in 100 runs</small>",
        "1 of 2 reached",
        "85.0 %<small>of runs</small>",
        ">never<small></small>",
        "<td>disk_loss</td><td class=\"n\">50</td>",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    assert!(sweep_page(&sweep(100), true).contains("situations not reached"));
}

#[test]
fn an_empty_sweep_and_one_of_an_older_build_have_a_page() {
    let page = sweep_page(&Sweep::default(), false);
    assert!(page.contains("No run recovered") && page.contains("not written down"));
    let json = sweep(3).json();
    assert!(json.contains("done_ms"));
    let older = json.replace(",\"done_ms\":0", "").replace(",\"done_ms\":150", "");
    let older = Sweep::from_json(&older.replace(",\"done_ms\":300", "")).unwrap();
    assert!(older.seeds.values().all(|one| one.done_ms.is_none()));
    assert!(sweep_page(&older, false).contains("not written down"));
}
