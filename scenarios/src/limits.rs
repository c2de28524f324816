//! What numbers and names a plan may hold. A plan may come from a file that anybody edited.

use std::ops::RangeInclusive;

use crate::{
    fault::Fault,
    plan::{Plan, PlanError},
    workload::AdminDo,
};

/// A run is over within a day.
const DAY_MS: u64 = 86_400_000;
const MINUTE_US: u64 = 60_000_000;
const YEAR_MS: u64 = 366 * DAY_MS;
/// More machines than this say nothing that fewer do not.
const NODES_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 64;

/// Whether every number and name is one that a run can be played with.
pub(crate) fn check(plan: &Plan) -> Result<(), PlanError> {
    timing(plan)?;
    machines(plan)?;
    clients(plan)?;
    for struck in &plan.faults {
        let what = |part: &str| format!("{part} of the fault at {} ms", struck.at_ms);
        within("at_ms of a fault", struck.at_ms, 0..=DAY_MS)?;
        match &struck.fault {
            Fault::SlowLink { delay_ms, jitter_ms, .. } => {
                within(what("delay_ms"), *delay_ms, 0..=3_600_000)?;
                within(what("jitter_ms"), *jitter_ms, 0..=3_600_000)?;
            }
            Fault::Stall { for_ms, .. } | Fault::ClockFreeze { for_ms, .. } => {
                within(what("for_ms"), *for_ms, 0..=DAY_MS)?;
            }
            Fault::DiskError { for_ms, per_mille, .. } => {
                within(what("for_ms"), *for_ms, 0..=DAY_MS)?;
                within(what("per_mille"), u64::from(*per_mille), 0..=1_000)?;
            }
            Fault::DiskSlow { for_ms, by_ms, .. } => {
                within(what("for_ms"), *for_ms, 0..=DAY_MS)?;
                within(what("by_ms"), *by_ms, 0..=3_600_000)?;
            }
            Fault::Ambush { for_ms, after_ms, down_ms, fault, .. } => {
                within(what("for_ms"), *for_ms, 0..=DAY_MS)?;
                within(what("after_ms"), *after_ms, 0..=DAY_MS)?;
                within(what("down_ms"), *down_ms, 0..=DAY_MS)?;
                let strikes = matches!(
                    **fault,
                    Fault::Crash { .. } | Fault::OsCrash { .. } | Fault::PowerCut { .. }
                );
                if !strikes {
                    return Err(PlanError::OutOfRange {
                        what: what("the fault in the ambush"),
                        value: fault.to_string(),
                        limit: "a crash, an os_crash or a power_cut".to_owned(),
                    });
                }
            }
            Fault::DiskFilled { used_percent, .. } => {
                within(what("used_percent"), u64::from(*used_percent), 0..=100)?;
            }
            Fault::ClockStep { by_ms, .. } => {
                within(what("by_ms, forth or back,"), by_ms.unsigned_abs(), 0..=100 * YEAR_MS)?;
            }
            Fault::ClockDrift { ppm, .. } => {
                let ppm = u64::from(ppm.unsigned_abs());
                within(what("ppm, fast or slow,"), ppm, 0..=500_000)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn timing(plan: &Plan) -> Result<(), PlanError> {
    let timing = &plan.timing;
    for (what, value) in [
        ("timing.heal_at_ms", timing.heal_at_ms),
        ("timing.send_within_ms", timing.send_within_ms),
        ("timing.drain_within_ms", timing.drain_within_ms),
        ("timing.boot_within_ms", timing.boot_within_ms),
    ] {
        within(what, value, 0..=DAY_MS)?;
    }
    let pace = plan.workload.pace;
    within("pace.heartbeat_ms", pace.heartbeat_ms, 100..=DAY_MS)?;
    within("pace.routes_ms", pace.routes_ms, 100..=DAY_MS)?;
    within("pace.rebalance_ms", pace.rebalance_ms, 100..=DAY_MS)
}

fn machines(plan: &Plan) -> Result<(), PlanError> {
    let names = plan.node_names();
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    within("the number of nodes", count(names.len()), 2..=count(NODES_MAX))?;
    within("the number of name servers", count(plan.cluster.name_servers.len()), 1..=16)?;
    within("the number of brokers", count(plan.cluster.brokers.len()), 1..=16)?;
    let topics = plan.cluster.topics.iter().map(|topic| topic.name.as_str());
    let groups = plan.workload.consumers.iter().map(|one| one.group.as_str());
    let producers = plan.workload.producers.iter().map(|one| one.group.as_str());
    names.into_iter().chain(topics).chain(groups).chain(producers).try_for_each(name)?;
    for topic in &plan.cluster.topics {
        let what = format!("queues of topic `{}`", topic.name);
        within(what, u64::from(topic.queues), 1..=1_024)?;
    }
    for broker in &plan.cluster.brokers {
        let what = |part: &str| format!("{part} of broker `{}`", broker.name);
        within(what("segment_bytes"), broker.segment_bytes, 4_096..=1 << 30)?;
        within(what("queue_file_units"), u64::from(broker.queue_file_units), 1..=1 << 20)?;
        within(what("index_slots"), u64::from(broker.index_slots), 1..=1 << 24)?;
        within(what("index_entries"), u64::from(broker.index_entries), 2..=1 << 24)?;
        within(what("flush_within_ms"), broker.flush_within_ms, 1..=DAY_MS)?;
        within(what("offsets_within_ms"), broker.offsets_within_ms, 1..=DAY_MS)?;
        within(what("reserved_hours"), u64::from(broker.reserved_hours), 1..=100_000)?;
    }
    let (network, disk) = (plan.cluster.network, plan.cluster.disk);
    within("latency_us_max", network.latency_us_max, 0..=MINUTE_US)?;
    within("sync_us_max", disk.sync_us_max, 0..=MINUTE_US)?;
    within("capacity_bytes", disk.capacity_bytes, 1 << 20..=1 << 40)
}

fn clients(plan: &Plan) -> Result<(), PlanError> {
    for one in &plan.workload.producers {
        let what = |part: &str| format!("{part} of producer `{}`", one.name);
        within(what("body_bytes_max"), u64::from(one.body_bytes_max), 16..=4 << 20)?;
        within(what("retries"), u64::from(one.retries), 0..=100)?;
        within(what("timeout_ms"), one.timeout_ms, 1..=DAY_MS)?;
        within(what("until_ms"), one.until_ms, 0..=DAY_MS)?;
        within(what("from_ms"), one.from_ms, 0..=DAY_MS)?;
        for level in &one.delay_levels {
            within(what("a delay level"), u64::from(*level), 0..=18)?;
        }
    }
    for one in &plan.workload.consumers {
        let what = |part: &str| format!("{part} of consumer `{}`", one.name);
        within(what("pull_batch"), u64::from(one.pull_batch), 1..=1_024)?;
        within(what("commit_every_ms"), one.commit_every_ms, 1..=DAY_MS)?;
        within(what("think_ms_max"), one.think_ms_max, 0..=DAY_MS)?;
        within(what("fails_per_mille"), u64::from(one.fails_per_mille), 0..=1_000)?;
        within(what("from_ms"), one.from_ms, 0..=DAY_MS)?;
        for at in &one.leaves_ms {
            within(what("a leave"), *at, 0..=DAY_MS)?;
        }
    }
    for op in &plan.workload.admin {
        within("at_ms of the administrator", op.at_ms, 0..=DAY_MS)?;
        if let AdminDo::UpdateTopic { topic, queues } = &op.op {
            name(topic)?;
            within(format!("queues of topic `{topic}`"), u64::from(*queues), 1..=1_024)?;
        }
    }
    Ok(())
}

fn within(
    what: impl Into<String>,
    value: u64,
    range: RangeInclusive<u64>,
) -> Result<(), PlanError> {
    if range.contains(&value) {
        return Ok(());
    }
    let limit = format!("{} to {}", range.start(), range.end());
    Err(PlanError::OutOfRange { what: what.into(), value: value.to_string(), limit })
}

/// Names become directories, client ids and parts of addresses.
fn name(name: &str) -> Result<(), PlanError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_%|".contains(c);
    if !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(fits) {
        return Ok(());
    }
    Err(PlanError::OutOfRange {
        what: "a name".to_owned(),
        value: format!("`{}`", name.escape_debug()),
        limit: format!("1 to {NAME_BYTES_MAX} letters, digits, `-`, `_`, `%` and `|`"),
    })
}
