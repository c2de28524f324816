//! The workload as code: what producers, consumers and the auditor do, against `client` alone.
//!
//! Whoever plays a plan calls, with a [`Stage`] per client node:
//!
//! 1. [`prepare`] once, from a node of its own, when name servers and brokers run;
//! 2. [`administer`] from that node, and [`producer`] and [`consumer`] for every client of the
//!    plan, again after a crash of its node;
//! 3. [`finish`] after the heal, from the node of `prepare`, while the consumers still run: it
//!    sends probes, waits until everything is consumed, and audits every queue.
//!
//! Nothing here knows whether the world is simulated.

mod auditing;
mod auditor;
mod consuming;
mod finishing;
mod preparing;
mod producing;
mod pulling;
mod time;
mod watching;

use std::sync::Arc;

use runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::{Kind, Plan, Recorder};

/// Where a client acts: its world, its cluster, and where it writes down what happens.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The world of the client's node.
    pub runtime: Runtime,
    /// The name servers, as clients are told: `ip:port;ip:port`.
    pub name_servers: String,
    /// The plan that is played.
    pub plan: Arc<Plan>,
    /// Where facts go.
    pub recorder: Recorder,
    /// Cancelled when the client must leave politely.
    pub stop: CancellationToken,
}

/// Creates the topics and groups of the plan on the brokers. Tries until it has, or until told to
/// stop.
pub async fn prepare(stage: Stage) {
    preparing::play(stage).await;
}

/// Does what the plan's administrator does, and asks for the offsets of all groups every two
/// seconds, until told to stop.
pub async fn administer(stage: Stage) {
    watching::play(stage).await;
}

/// Plays the producer of that name until its time is over or it is told to stop.
pub async fn producer(stage: Stage, name: &str) {
    let plan = Arc::clone(&stage.plan);
    if let Some(spec) = plan.workload.producers.iter().find(|one| one.name == name) {
        producing::play(stage, spec).await;
    }
}

/// Plays the consumer of that name until it is told to stop.
pub async fn consumer(stage: Stage, name: &str) {
    let plan = Arc::clone(&stage.plan);
    if let Some(spec) = plan.workload.consumers.iter().find(|one| one.name == name) {
        match spec.kind {
            Kind::Pull => pulling::play(stage, spec).await,
            Kind::Concurrent | Kind::Orderly | Kind::Broadcast => {
                consuming::play(stage, spec).await;
            }
        }
    }
}

/// After the heal: probes, waits until every group has consumed everything, audits. Begins the
/// healed phase of the history.
pub async fn finish(stage: Stage) {
    finishing::play(stage).await;
}
