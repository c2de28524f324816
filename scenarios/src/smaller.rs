//! Ways to make a plan smaller, for whoever looks for the smallest one that still shows a failure.
//!
//! Every cut leaves out a part or lowers a value, so that cutting on and on must end. What a cut
//! leaves dangling (a fault of a node that is gone, a topic that nobody uses) goes with it.

use std::collections::BTreeSet;

use crate::{
    cluster::{Broker, NameServer},
    fault::{Fault, Unsynced},
    plan::Plan,
    workload::{Producer, Sharing, Way},
};

/// A producer's time is not cut below this.
const WINDOW_MS_MIN: u64 = 100;

/// After the last fault a run goes on for so long before it is healed.
const AFTER_LAST_MS: u64 = 200;

/// One way to make a plan smaller.
#[derive(Clone, Debug)]
pub struct Cut {
    /// What is gone, in words.
    pub what: String,
    /// What is left.
    pub plan: Plan,
}

/// Every way to make a plan a little smaller, the boldest first. Only plans that can be played.
#[must_use]
pub fn cuts(plan: &Plan) -> Vec<Cut> {
    let mut list = List { from: plan, cuts: Vec::new() };
    list.faults();
    list.clients();
    list.servers();
    list.topics();
    list.time();
    list.producers();
    list.consumers();
    list.brokers();
    list.fault_values();
    list.cuts
}

struct List<'a> {
    from: &'a Plan,
    cuts: Vec<Cut>,
}

impl List<'_> {
    /// Adds what `change` leaves, if that is another plan that can be played.
    fn add(&mut self, what: impl Into<String>, change: impl FnOnce(&mut Plan)) {
        let mut plan = self.from.clone();
        change(&mut plan);
        tidy(&mut plan);
        if plan != *self.from && plan.check().is_ok() {
            self.cuts.push(Cut { what: what.into(), plan });
        }
    }

    /// All, halves, quarters and so on down to single ones.
    fn faults(&mut self) {
        let count = self.from.faults.len();
        let mut size = count;
        while 0 < size {
            for start in (0..count).step_by(size) {
                let end = (start + size).min(count);
                self.add(format!("faults {start} to {end} of {count}"), |plan| {
                    plan.faults.drain(start..end);
                });
            }
            size /= 2;
        }
    }

    fn clients(&mut self) {
        self.add("all of the administrator's work", |plan| plan.workload.admin.clear());
        for place in 0..self.from.workload.admin.len() {
            self.add(format!("what the administrator does as number {place}"), |plan| {
                plan.workload.admin.remove(place);
            });
        }
        let groups: BTreeSet<&String> =
            self.from.workload.consumers.iter().map(|one| &one.group).collect();
        for group in groups {
            self.add(format!("group {group}"), |plan| {
                plan.workload.consumers.retain(|one| one.group != *group);
            });
        }
        for place in 0..self.from.workload.consumers.len() {
            let name = &self.from.workload.consumers[place].name;
            self.add(name, |plan| drop(plan.workload.consumers.remove(place)));
        }
        for place in 0..self.from.workload.producers.len() {
            let name = &self.from.workload.producers[place].name;
            self.add(name, |plan| drop(plan.workload.producers.remove(place)));
        }
    }

    fn servers(&mut self) {
        let cluster = &self.from.cluster;
        for Broker { name, .. } in &cluster.brokers {
            self.add(name, |plan| {
                // A list that becomes empty would mean all brokers.
                plan.cluster.topics.retain(|topic| topic.brokers != [name.as_str()]);
                for topic in &mut plan.cluster.topics {
                    topic.brokers.retain(|one| one != name);
                }
                plan.cluster.brokers.retain(|one| one.name != *name);
            });
        }
        if 1 < cluster.name_servers.len() {
            for NameServer { name, .. } in &cluster.name_servers {
                self.add(name, |plan| plan.cluster.name_servers.retain(|one| one.name != *name));
            }
        }
    }

    fn topics(&mut self) {
        for place in 0..self.from.cluster.topics.len() {
            let name = &self.from.cluster.topics[place].name;
            self.add(format!("topic {name}"), |plan| {
                plan.cluster.topics.remove(place);
                plan.workload.admin.retain(|op| !op.names_topic(name));
            });
            self.add(format!("all queues of {name} but one"), |plan| {
                plan.cluster.topics[place].queues = 1;
            });
        }
    }

    fn time(&mut self) {
        let timing = self.from.timing;
        let last = self.from.faults.last().map_or(0, |struck| struck.at_ms);
        let works = self.from.workload.producers.iter().map(|one| one.until_ms).max();
        let ends =
            [last + AFTER_LAST_MS, works.unwrap_or(0) + AFTER_LAST_MS, timing.heal_at_ms / 2];
        for end in ends.into_iter().filter(|end| *end < timing.heal_at_ms) {
            self.add(format!("all after {end} ms"), |plan| end_at(plan, end));
        }
        let moments = self.from.faults.iter().map(|struck| struck.at_ms);
        let first = moments
            .chain(self.from.workload.admin.iter().map(|op| op.at_ms))
            .chain(self.from.workload.producers.iter().map(|one| one.from_ms))
            .min();
        // The clients start when the cluster has booted, about a second in.
        let early = [first.unwrap_or(0).saturating_sub(1_500), timing.heal_at_ms / 4, 1_000];
        for by in early.into_iter().filter(|by| 500 <= *by) {
            self.add(format!("{by} ms before anything happens"), |plan| move_up(plan, by));
        }
        // Faults one after the other, without the time between them.
        for place in 1..self.from.faults.len() {
            let gap = self.from.faults[place].at_ms - self.from.faults[place - 1].at_ms;
            if 400 <= gap {
                self.add(format!("{} ms between two faults", gap / 2), |plan| {
                    for struck in plan.faults.iter_mut().skip(place) {
                        struck.at_ms -= gap / 2;
                    }
                });
            }
        }
    }

    fn producers(&mut self) {
        for place in 0..self.from.workload.producers.len() {
            let name = &self.from.workload.producers[place].name;
            let mut change = |what: &str, change: fn(&mut Producer)| {
                self.add(format!("{what} of {name}"), |plan| {
                    change(&mut plan.workload.producers[place]);
                });
            };
            change("the second half", |one| {
                one.until_ms = one.from_ms + half(one.until_ms.saturating_sub(one.from_ms));
            });
            change("the first half", |one| {
                one.from_ms = one.until_ms - half(one.until_ms.saturating_sub(one.from_ms));
            });
            change("three of four messages", |one| one.per_second = (one.per_second / 4).max(1));
            change("every other message", |one| one.per_second = (one.per_second / 2).max(1));
            change("all topics but the first", |one| one.topics.truncate(1));
            change("long bodies", |one| one.body_bytes_max = one.body_bytes_min);
            change("half of each body", |one| {
                one.body_bytes_max = (one.body_bytes_max / 2).max(16);
                one.body_bytes_min = (one.body_bytes_min / 2).max(16);
            });
            change("tags", |one| one.tags.clear());
            change("keys", |one| one.keys = false);
            change("retries", |one| one.retries = 0);
            change("streams", |one| one.streams = 0);
            change("delays", |one| one.delay_levels.clear());
            change("the special way", |one| one.way = Way::Sync);
        }
    }

    fn consumers(&mut self) {
        self.add("failing listeners", |plan| {
            for one in &mut plan.workload.consumers {
                (one.fails_per_mille, one.always_fails_one_of) = (0, 0);
            }
        });
        self.add("leaving and coming back", |plan| {
            plan.workload.consumers.iter_mut().for_each(|one| one.leaves_ms.clear());
        });
        self.add("slow listeners", |plan| {
            plan.workload.consumers.iter_mut().for_each(|one| one.think_ms_max = 0);
        });
        self.add("tag filters", |plan| {
            let all = plan.workload.consumers.iter_mut().flat_map(|one| &mut one.subscriptions);
            all.for_each(|one| one.tags.clear());
        });
        self.add("other ways to share", |plan| {
            let all = plan.workload.consumers.iter_mut();
            all.for_each(|one| one.sharing = Sharing::Averagely);
        });
        for place in 0..self.from.workload.consumers.len() {
            let name = &self.from.workload.consumers[place].name;
            self.add(format!("all subscriptions of {name}'s group but one"), |plan| {
                let group = plan.workload.consumers[place].group.clone();
                let members = plan.workload.consumers.iter_mut();
                members
                    .filter(|one| one.group == group)
                    .for_each(|one| one.subscriptions.truncate(1));
            });
        }
    }

    fn brokers(&mut self) {
        for place in 0..self.from.cluster.brokers.len() {
            let name = &self.from.cluster.brokers[place].name;
            self.add(format!("all properties of {name}"), |plan| {
                plan.cluster.brokers[place].properties.clear();
            });
            for key in self.from.cluster.brokers[place].properties.keys() {
                self.add(format!("{key} of {name}"), |plan| {
                    plan.cluster.brokers[place].properties.remove(key);
                });
            }
        }
        self.add("different latencies", |plan| {
            plan.cluster.network.latency_us_max = plan.cluster.network.latency_us_min;
        });
        self.add("different times of syncs", |plan| {
            plan.cluster.disk.sync_us_max = plan.cluster.disk.sync_us_min;
        });
    }

    fn fault_values(&mut self) {
        for place in 0..self.from.faults.len() {
            self.add(format!("half of the length of fault {place}"), |plan| {
                if let Some(for_ms) = plan.faults[place].fault.length_mut() {
                    *for_ms = half(*for_ms);
                }
            });
            self.add(format!("tearing by fault {place}"), |plan| {
                if let Fault::PowerCut { unsynced, .. } | Fault::OsCrash { unsynced, .. } =
                    &mut plan.faults[place].fault
                    && *unsynced == Unsynced::Torn
                {
                    *unsynced = Unsynced::Lost;
                }
            });
            self.add(format!("half of the jump of fault {place}"), |plan| {
                if let Fault::ClockStep { by_ms, .. } = &mut plan.faults[place].fault
                    && 100 < by_ms.abs()
                {
                    *by_ms /= 2;
                }
            });
        }
    }
}

/// Half of a span, or the whole where half would be too short.
fn half(span: u64) -> u64 {
    if span < 2 * WINDOW_MS_MIN { span } else { span / 2 }
}

/// Heals at `end`, and leaves out what would come later.
fn end_at(plan: &mut Plan, end: u64) {
    plan.timing.heal_at_ms = end;
    plan.faults.retain(|struck| struck.at_ms < end);
    plan.workload.admin.retain(|op| op.at_ms < end);
    for one in &mut plan.workload.producers {
        one.until_ms = one.until_ms.min(end);
    }
    plan.workload.producers.retain(|one| one.from_ms < one.until_ms);
    for one in &mut plan.workload.consumers {
        one.from_ms = one.from_ms.min(end);
        one.leaves_ms.retain(|at| *at < end);
    }
}

/// Lets everything happen earlier.
fn move_up(plan: &mut Plan, by: u64) {
    let earlier = |at: &mut u64| *at = at.saturating_sub(by);
    earlier(&mut plan.timing.heal_at_ms);
    plan.faults.iter_mut().for_each(|struck| earlier(&mut struck.at_ms));
    plan.workload.admin.iter_mut().for_each(|op| earlier(&mut op.at_ms));
    for one in &mut plan.workload.producers {
        earlier(&mut one.from_ms);
        earlier(&mut one.until_ms);
    }
    plan.workload.producers.retain(|one| one.from_ms < one.until_ms);
    for one in &mut plan.workload.consumers {
        earlier(&mut one.from_ms);
        one.leaves_ms.iter_mut().for_each(earlier);
    }
}

/// Leaves out what names something that is gone, and what nobody uses.
fn tidy(plan: &mut Plan) {
    let topics = |plan: &Plan| -> BTreeSet<String> {
        let created = plan.workload.admin.iter().filter_map(|op| op.creates().map(str::to_owned));
        plan.cluster.topics.iter().map(|topic| topic.name.clone()).chain(created).collect()
    };
    let there = topics(plan);
    for one in &mut plan.workload.producers {
        one.topics.retain(|topic| there.contains(topic));
    }
    plan.workload.producers.retain(|one| !one.topics.is_empty());
    for one in &mut plan.workload.consumers {
        one.subscriptions.retain(|to| there.contains(&to.topic));
    }
    plan.workload.consumers.retain(|one| !one.subscriptions.is_empty());
    let produced = plan.workload.producers.iter().flat_map(|one| one.topics.clone());
    let consumed =
        plan.workload.consumers.iter().flat_map(|one| one.subscriptions.iter().map(|to| &to.topic));
    let used: BTreeSet<String> = produced.chain(consumed.cloned()).collect();
    plan.cluster.topics.retain(|topic| used.contains(&topic.name));
    let groups: BTreeSet<&String> = plan.workload.consumers.iter().map(|one| &one.group).collect();
    plan.cluster.groups.retain(|group| groups.contains(&group.name));
    let known: BTreeSet<String> = plan.node_names().into_iter().map(str::to_owned).collect();
    for struck in &mut plan.faults {
        struck.fault.keep_only(|node| known.contains(node));
    }
    plan.faults.retain(|struck| {
        let nodes = struck.fault.nodes();
        (!nodes.is_empty() || matches!(struck.fault, Fault::HealNetwork))
            && nodes.iter().all(|node| known.contains(*node))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw;

    /// How much there is of a plan.
    fn weight(plan: &Plan) -> u64 {
        let text = serde_json::to_value(plan).unwrap();
        fn sum(value: &serde_json::Value) -> u64 {
            match value {
                serde_json::Value::Object(map) => 1_000_000 + map.values().map(sum).sum::<u64>(),
                serde_json::Value::Array(list) => 1_000_000 + list.iter().map(sum).sum::<u64>(),
                serde_json::Value::Number(number) => {
                    number.as_i64().map_or(0, i64::unsigned_abs).min(900_000)
                }
                _ => 1,
            }
        }
        sum(&text)
    }

    #[test]
    fn every_cut_of_every_scenario_can_be_played_and_differs() {
        for scenario in &crate::ALL {
            let plan = draw(5, Some(scenario.name)).unwrap();
            let all = cuts(&plan);
            assert!(30 < all.len(), "{}", scenario.name);
            for cut in all {
                cut.plan.check().unwrap();
                assert_ne!(cut.plan, plan, "{}", cut.what);
            }
        }
    }

    #[test]
    fn the_first_cut_leaves_all_faults_out() {
        let plan = draw(5, None).unwrap();
        let first = cuts(&plan).into_iter().next().unwrap();
        assert!(first.plan.faults.is_empty());
    }

    #[test]
    fn cutting_on_and_on_ends_with_next_to_nothing() {
        let mut plan = draw(5, None).unwrap();
        let before = weight(&plan);
        for _ in 0..2_000 {
            let Some(cut) = cuts(&plan).into_iter().next() else { break };
            plan = cut.plan;
        }
        assert!(cuts(&plan).is_empty(), "{:?}", cuts(&plan).first().map(|cut| &cut.what));
        assert!(weight(&plan) * 5 < before);
        assert!(plan.faults.is_empty() && plan.workload.consumers.is_empty());
    }

    #[test]
    fn a_broker_takes_its_faults_and_the_topics_that_it_held_alone_along() {
        let mut plan = draw(5, None).unwrap();
        let name = plan.cluster.brokers[0].name.clone();
        plan.cluster.topics[0].brokers = vec![name.clone()];
        let topic = plan.cluster.topics[0].name.clone();
        let cut = cuts(&plan).into_iter().find(|cut| cut.what == name).unwrap();
        assert!(cut.plan.cluster.brokers.iter().all(|one| one.name != name));
        assert!(cut.plan.cluster.topics.iter().all(|one| one.name != topic));
        assert!(cut.plan.faults.iter().all(|one| !one.fault.nodes().contains(&name.as_str())));
    }
}
