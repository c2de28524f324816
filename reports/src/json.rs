//! A run as JSON: everything that the text and the page say, for machines.

use checkers::{Findings, History, Pointer, Violation};
use serde_json::{Value, json};

use crate::{run::RunSummary, timeline, traffic::Traffic};

/// The report as JSON, indented.
#[must_use]
pub fn json(run: &RunSummary<'_>) -> String {
    let mut report = summary(run);
    if let Some(members) = report.as_object_mut() {
        let plan = serde_json::from_str(run.plan_json).unwrap_or(Value::Null);
        members.insert("plan".to_owned(), plan);
        members.insert("timeline".to_owned(), timeline::rows(run, usize::MAX));
    }
    // Values made of maps with text keys can always be written.
    serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
}

/// Everything but the plan and the events.
pub(crate) fn summary(run: &RunSummary<'_>) -> Value {
    let history = run.history;
    let healed = history.healed.map(|at| at.ms());
    let recovery = history.healed.zip(history.drained).map(|(a, b)| b.ms_since(a));
    let faults: Vec<_> = run
        .fault_counts()
        .into_iter()
        .map(|(kind, count)| json!({ "kind": kind, "count": count }))
        .collect();
    json!({
        "seed": run.seed,
        "scenario": run.scenario,
        "about": run.about,
        "trace_hash": format!("{:016x}", run.trace_hash),
        "end": format!("{:?}", run.end()).to_lowercase(),
        "exit_code": run.end().exit_code(),
        "simulated_ms": run.simulated_ms,
        "waited_ms": run.waited_ms,
        "times_real_time": run.speed(),
        "healed_at_ms": healed,
        "recovery_ms": recovery,
        "replay": run.replay,
        "traffic": Traffic::of(history),
        "faults": faults,
        "counters": run.counters,
        "probes": run.probes,
        "troubles": run.troubles,
        "broken": run.verdict.broken(),
        "checked": run.verdict.checked(),
        "checks": run.verdict.findings.iter().map(|one| check(history, one)).collect::<Vec<_>>(),
        "excuses": run.verdict.excuses().map(|one| json!({
            "checker": one.checker,
            "cause": one.cause,
            "count": one.count,
            "example": one.example,
        })).collect::<Vec<_>>(),
    })
}

fn check(history: &History, findings: &Findings) -> Value {
    json!({
        "checker": findings.checker,
        "title": findings.title,
        "promise": findings.promise,
        "not_claimed": findings.not_claimed,
        "checked": findings.checked,
        "unit": findings.unit,
        "broken": findings.broken(),
        "violations":
            findings.violations.iter().map(|one| violation(history, one)).collect::<Vec<_>>(),
    })
}

fn violation(history: &History, violation: &Violation) -> Value {
    let pointers: Vec<_> =
        violation.pointers.iter().map(|pointer| pointer_json(history, *pointer)).collect();
    json!({ "at_us": violation.at.0, "words": violation.words, "pointers": pointers })
}

/// What a violation points at, as `{"kind": .., "at": ..}`.
fn pointer_json(history: &History, pointer: Pointer) -> Value {
    match pointer {
        Pointer::Send(at) => json!({ "kind": "send", "at": at }),
        Pointer::Delivery(at) => json!({ "kind": "delivery", "at": at }),
        Pointer::Pull(at) => json!({ "kind": "pull", "at": at }),
        Pointer::Commit(at) => json!({ "kind": "commit", "at": at }),
        Pointer::OffsetRead(at) => json!({ "kind": "offset_read", "at": at }),
        Pointer::Fault(at) => json!({ "kind": "fault", "at": at }),
        Pointer::Boot(at) => json!({ "kind": "boot", "at": at }),
        Pointer::Message(id) => json!({ "kind": "message", "message": id.0 }),
        Pointer::Queue(id) => json!({ "kind": "queue", "queue": history.queue_words(id) }),
        Pointer::Group(id) => json!({ "kind": "group", "group": history.group_name(id) }),
        Pointer::Node(id) => json!({ "kind": "node", "node": history.node_name(id) }),
    }
}
