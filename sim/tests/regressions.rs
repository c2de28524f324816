//! Plans that broke a promise once, each kept under the name of what it shows.

#![expect(clippy::disallowed_methods, reason = "the plans are files of the repository")]

use std::{fs, path::Path};

use scenarios::Plan;
use sim::{Options, play};

#[test]
fn every_plan_that_broke_a_promise_once_keeps_all_of_them_now() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/regressions");
    let mut paths: Vec<_> =
        fs::read_dir(kept).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let plan = Plan::from_json(&fs::read_to_string(&path).unwrap()).unwrap();
        let played = play(plan, &Options::default());
        let broken: Vec<_> =
            played.verdict.violations().iter().map(|one| one.words.clone()).collect();
        assert_eq!((broken, played.troubles), (vec![], vec![]), "{}", path.display());
    }
}
