//! Clusters, workloads and faults as plain data, and the client code that plays them.
//!
//! A scenario describes; it never knows whether the world that plays it is simulated. [`Plan`] is
//! one run as data, [`draw`] makes one from a seed, [`ALL`] lists the ways to do so.

mod all;
mod cluster;
mod coincidence;
mod dice;
mod draft;
mod fault;
mod limits;
mod payload;
mod plan;
pub mod play;
mod recorder;
mod smaller;
mod swarm;
mod workload;

pub use all::{ALL, DEFAULT, Scenario, draw, find};
pub use cluster::{Broker, Cluster, DiskModel, FlushPolicy, Group, NameServer, Network, Topic};
pub use dice::Dice;
pub use draft::{DELAY_LEVELS, delay_ms};
pub use fault::{Cue, DiskCall, Fault, Struck, Unsynced};
pub use plan::{Plan, PlanError, Timing};
pub use recorder::Recorder;
pub use smaller::{Cut, cuts};
pub use workload::{
    AdminDo, AdminOp, Consumer, Kind, Pace, Producer, Sharing, Subscription, Way, Workload,
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_scenario_draws_a_plan_that_can_be_played() {
        for scenario in &ALL {
            for seed in 0..200 {
                let plan = draw(seed, Some(scenario.name)).unwrap();
                assert!(2 <= plan.cluster.name_servers.len(), "{}", scenario.name);
                assert!(2 <= plan.cluster.brokers.len(), "{}", scenario.name);
                assert!(plan.faults.is_sorted_by_key(|struck| struck.at_ms));
            }
        }
    }

    #[test]
    fn a_seed_draws_the_same_plan_and_another_seed_another() {
        let text = |seed| draw(seed, None).unwrap().to_json().unwrap();
        assert_eq!(text(7), text(7));
        assert_ne!(text(7), text(8));
    }

    #[test]
    fn a_plan_survives_its_file() {
        for scenario in &ALL {
            let plan = draw(3, Some(scenario.name)).unwrap();
            assert_eq!(Plan::from_json(&plan.to_json().unwrap()).unwrap(), plan);
        }
    }

    #[test]
    fn the_swarms_strike_with_every_kind_of_fault() {
        let kinds: BTreeSet<_> = (0..300)
            .flat_map(|seed| [draw(seed, None), draw(seed, Some("coincidences"))])
            .flat_map(|plan| plan.unwrap().faults)
            .filter_map(|struck| struck.fault.kind())
            .collect();
        // Bit rot has no promise yet, and a machine that never starts again hides everything else.
        assert_eq!(kinds.len(), checkers::FaultKind::ALL.len() - 2, "{kinds:?}");
    }

    #[test]
    fn a_plan_with_an_unknown_node_a_doubled_name_or_a_small_segment_is_refused() {
        let broken = |change: fn(&mut Plan)| {
            let mut plan = draw(1, None).unwrap();
            change(&mut plan);
            Plan::from_json(&plan.to_json().unwrap()).unwrap_err().to_string()
        };
        let unknown = broken(|plan| {
            let fault = Fault::Crash { node: "nobody".to_owned() };
            plan.faults.push(Struck { at_ms: 7, fault });
        });
        assert_eq!(unknown, "the fault at 7 ms names `nobody`, which is no node of this plan");
        let twice = broken(|plan| plan.cluster.brokers[1].name = "broker-a".to_owned());
        assert_eq!(twice, "two nodes are called `broker-a`");
        let small = broken(|plan| plan.cluster.brokers[0].segment_bytes = 100);
        assert_eq!(
            small,
            "segment_bytes of broker `broker-a` is 100, but must be 4096 to 1073741824"
        );
        let endless = broken(|plan| plan.timing.heal_at_ms = u64::MAX);
        assert!(endless.contains("timing.heal_at_ms is 18446744073709551615, but must be 0 to"));
        let climbing = broken(|plan| plan.cluster.topics[0].name = "../x\n".to_owned());
        assert!(climbing.starts_with("a name is `../x\\n`, but must be 1 to 64"), "{climbing}");
        assert!(draw(1, Some("nothing")).unwrap_err().to_string().contains("send_then_pull"));
        assert!(Plan::from_json("{").is_err());
    }
}
