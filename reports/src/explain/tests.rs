use checkers::{FaultFact, FaultKind, Moment, NodeId, judge};

use super::*;
use crate::tests::{history, run};

fn event(ms: u64, words: &str) -> Event {
    Event { at: Moment::from_ms(ms), words: words.to_owned(), weight: 0 }
}

/// Futures of ten that fail, moment by moment.
fn prospect(failed: &[u64], point: usize) -> Prospect {
    let outlook = |(place, failed): (u64, &u64)| Outlook {
        at_ns: place * 31_000_000_000,
        after: (0 < place).then(|| event(place * 31_000, "power cut of broker-a")),
        failed: *failed,
    };
    Prospect {
        futures: 10,
        bound: 9,
        outlooks: (0..).zip(failed).map(outlook).collect(),
        point,
        again: 10,
        lost: 0,
        saved: Some("31:4".to_owned()),
    }
}

#[test]
fn the_story_tells_what_concerns_the_violation_and_from_when_on_nothing_helped() {
    let history = history(3, true);
    let verdict = judge(&history);
    let summary = run(&history, &verdict);
    let violation = verdict.violations()[0];
    let prospect = prospect(&[0, 10, 10], 1);
    let told = [
        ("broker-a".to_owned(), Event { weight: 2, ..event(31_500, "WARN: a torn tail") }),
        ("billing-0".to_owned(), Event { weight: 2, ..event(31_500, "WARN: somebody else") }),
    ];
    let explanation = Explanation { run: &summary, violation, told: &told, prospect: &prospect };
    let text = explanation.text();
    for words in [
        "first to explain: C01",
        "producer-0 sends M4 to orders",
        "M4 is acked to producer-0: SEND_OK, queue 0 of orders on broker-a, offset 3",
        ">     31.000 s  power cut of broker-a",
        "WARN: a torn tail",
        "Point of no return: 31.000000 s, power cut of broker-a",
        "10 of 10 futures that begin after it break C01, and 10 of 10 others.",
        "--branch 31:4",
    ] {
        assert!(text.contains(words), "{words} is missing in:\n{text}");
    }
    assert!(!text.contains("M2") && !text.contains("somebody else"), "{text}");
    let json: Value = serde_json::from_str(&explanation.json()).unwrap();
    assert_eq!(json["no_return"]["point"]["failed"], 10);
    assert_eq!(json["no_return"]["monotone"], true);
}

#[test]
fn a_story_never_has_more_than_its_lines() {
    let mut history = history(3, true);
    for at in 0..500 {
        history.faults.push(FaultFact {
            at: Moment::from_ms(31_000 + at),
            until: None,
            kind: FaultKind::ProcessCrash,
            nodes: vec![NodeId(1)],
            words: "broker-a\ncrashes\nagain".to_owned(),
        });
    }
    let verdict = judge(&history);
    let summary = run(&history, &verdict);
    // As many lines as the point of no return can ever ask for.
    let mut prospect = prospect(&[0, 9, 2, 9, 3, 9, 1, 10, 0, 10, 10], 9);
    (prospect.lost, prospect.again) = (3, 2);
    for violation in verdict.violations() {
        let explanation = Explanation { run: &summary, violation, told: &[], prospect: &prospect };
        let text = explanation.text();
        assert_eq!(text.lines().count(), LINES_MAX, "{text}");
        assert!(text.contains("more events of the same messages"), "{text}");
        assert!(text.contains("Not monotone: 9 of 10 broke it from 31.0"), "{text}");
        assert!(text.contains("not as sure as it seemed"), "{text}");
    }
}

#[test]
fn what_always_fails_and_what_never_had_to_are_told_apart() {
    let always = prospect(&[10, 10, 10], 0).lines("C01", "sim --seed 7").join("\n");
    assert!(always.contains("No point of no return: 10 of 10"), "{always}");
    let never = prospect(&[0, 3, 10], 2).lines("C01", "sim --seed 7").join("\n");
    assert!(never.contains("Until the very end"), "{never}");
    assert_eq!(prospect(&[0, 3, 10], 2).relief(), None);
}
