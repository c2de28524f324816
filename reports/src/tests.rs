use std::collections::BTreeMap;

use checkers::{
    BrokerFact, Consumed, Content, Delivery, FaultFact, FaultKind, GroupFact, GroupId, History,
    MessageId, Mode, Moment, NodeId, NodeKind, Outcome, QueueEnd, QueueId, SendFact, TopicId,
    Verdict, judge,
    promises::{Ack, Flush, Role},
};

use crate::{End, RunSummary, SeedResult, Sweep, json, page, text};

/// One broker that loses a synced message in a power cut, and `extra` messages that it keeps.
pub(crate) fn history(extra: u64, lost: bool) -> History {
    let mut history = History::new();
    history.add_node("namesrv-0", NodeKind::NameServer);
    let broker = history.add_node("broker-a", NodeKind::Broker);
    history.add_node("producer-0", NodeKind::Producer);
    history.add_node("billing-0", NodeKind::Consumer);
    let (topic, group) = (history.topic("orders"), history.group("billing"));
    history.queue(broker, topic, 0);
    history.brokers.push(BrokerFact {
        node: broker,
        flush: Flush::Sync,
        role: Role::Single,
        flush_within_ms: 10_000,
        offsets_within_ms: 5_000,
        reserved_ms: 1,
        reads_unflushed: false,
        segment_bytes: 4_096,
    });
    let subscriptions = vec![(topic, checkers::Filter::All)];
    let mode = Mode::Concurrent;
    history.group_facts.push(GroupFact {
        group,
        mode,
        subscriptions,
        from_first: true,
        retries_max: 3,
    });
    traffic(&mut history, extra, lost);
    history.faults.push(FaultFact {
        at: Moment::from_ms(31_000),
        until: None,
        kind: FaultKind::PowerCut,
        nodes: vec![broker],
        words: "power cut of broker-a, un-synced bytes lost".to_owned(),
    });
    history.ended = Moment::from_ms(40_000);
    history
}

/// Sends them all from node 2, and delivers to node 3 what is kept in queue 0 of node 1.
fn traffic(history: &mut History, extra: u64, lost: bool) {
    let (producer, consumer) = (NodeId(2), NodeId(3));
    let (topic, group, queue) = (TopicId(0), GroupId(0), QueueId(0));
    let mut records = Vec::new();
    for number in 0..=extra {
        let content = Content {
            message: Some(MessageId(number + 1)),
            tags: Some("</script><b>".to_owned()),
            ..Content::default()
        };
        let offset = i64::try_from(number).unwrap();
        let invoked = Moment::from_ms(1_000 + number * 7 % 30_000);
        history.sends.push(SendFact {
            producer,
            topic,
            content: content.clone(),
            invoked,
            returned: Some(invoked.plus_ms(3)),
            outcome: Outcome::Acked { ack: Ack::SendOk, queue, offset },
            tries: 1,
            stream: None,
            delay_ms: 0,
            probe: false,
        });
        if number < extra || !lost {
            history.deliveries.push(Delivery {
                consumer,
                group,
                queue,
                offset,
                topic,
                content: content.clone(),
                reconsumed: 0,
                began: invoked.plus_ms(5),
                ended: Some(invoked.plus_ms(6)),
                consumed: Some(Consumed::Success),
            });
            records.push(checkers::EndRecord {
                offset,
                physical: number * 300,
                store_ms: offset,
                content,
                reconsumed: 0,
                origin: None,
            });
        }
    }
    let max = i64::try_from(records.len()).unwrap();
    history.queue_ends.push(QueueEnd { queue, min: 0, max, records, complete: true });
}

pub(crate) fn run<'a>(history: &'a History, verdict: &'a Verdict) -> RunSummary<'a> {
    RunSummary {
        scenario: "sync_flush_power_cuts",
        about: "Brokers lose power <again>.",
        seed: 7,
        plan_json: "{\"seed\": 7}",
        trace_hash: 0xabc,
        simulated_ms: 40_000,
        waited_ms: 100,
        history,
        verdict,
        counters: BTreeMap::from([("un-synced sectors lost".to_owned(), 12)]),
        probes: BTreeMap::from([("log rolled".to_owned(), 0)]),
        troubles: Vec::new(),
        replay: "cargo run -p sim -- --seed 7",
    }
}

#[test]
fn the_story_tells_what_was_played_struck_promised_checked_and_found() {
    let history = history(3, true);
    let verdict = judge(&history);
    insta::assert_snapshot!("story_of_a_broken_promise", text(&run(&history, &verdict)));
}

#[test]
fn a_failed_run_says_that_its_verdict_is_worth_nothing() {
    let history = history(3, false);
    let verdict = judge(&history);
    let mut run = run(&history, &verdict);
    run.troubles.push("a task panicked: index out of bounds".to_owned());
    insta::assert_snapshot!("story_of_a_failed_run", text(&run));
}

#[test]
fn the_end_of_a_run_has_its_exit_code() {
    let history = history(3, false);
    let verdict = judge(&history);
    let mut run = run(&history, &verdict);
    assert_eq!((run.end(), run.end().exit_code()), (End::Kept, 0), "{}", text(&run));
    run.troubles.push("a task panicked".to_owned());
    assert_eq!(run.end().exit_code(), 2);
}

#[test]
fn the_json_holds_the_verdict_the_plan_and_the_events() {
    let history = history(3, true);
    let verdict = judge(&history);
    let report: serde_json::Value = serde_json::from_str(&json(&run(&history, &verdict))).unwrap();
    assert_eq!(report["trace_hash"], "0000000000000abc");
    assert_eq!(report["plan"]["seed"], 7);
    assert_eq!(report["checks"][0]["violations"][0]["pointers"][0]["kind"], "send");
    assert_eq!(report["timeline"]["sends"].as_array().unwrap().len(), 4);
}

#[test]
fn the_page_is_whole_safe_and_below_a_megabyte_also_for_a_long_run() {
    let history = history(40_000, true);
    let verdict = judge(&history);
    let page = page(&run(&history, &verdict));
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    assert_eq!(page.matches("</script>").count(), 2, "data must not end its element");
    assert!(page.contains("data-violation=\"0\""));
    assert!(page.contains("[2,11000000,11003000,0,0,40000,40001]"), "the lost message is drawn");
    for outside in ["http://", "https://", "src=", "@import"] {
        let found = page.replace("http://www.w3.org/2000/svg", "").contains(outside);
        assert!(!found, "{outside} reaches outside");
    }
}

#[test]
fn a_sweep_sums_up_in_any_order_and_survives_its_file() {
    let (good, bad) = (history(3, false), history(3, true));
    let (kept, broken) = (judge(&good), judge(&bad));
    let mut first = SeedResult::of(&run(&good, &kept));
    first.seed = 1;
    let second = SeedResult::of(&run(&bad, &broken));
    let (mut forth, mut back) = (Sweep::default(), Sweep::default());
    forth.add(first.clone());
    forth.add(second.clone());
    back.add(second);
    back.merge(Sweep { seeds: BTreeMap::from([(1, first)]), waited_ms: 0 });
    assert_eq!(forth.json(), back.json());
    assert_eq!(Sweep::from_json(&forth.json()).unwrap(), forth);
    assert_eq!(forth.end(false), End::Broken);
    assert_eq!(forth.missed_probes(), ["log rolled"]);
    insta::assert_snapshot!("sum_of_two_seeds", forth.text());
}
