//! Makes a plan's faults strike, and undoes them.
//!
//! Each strike that hits becomes a fact with its true time; the checkers excuse by it. A strike
//! that hits nothing (a crash of what does not run) is no fact.

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use checkers::{FaultFact, FaultKind, Moment, NodeId};
use scenarios::{Cue, DiskCall, Fault, Struck, Unsynced};
use tokio::sync::RwLock;

use crate::{
    cluster::{Cluster, Machine},
    disk::AtRisk,
    node::{Death, Node},
    world::{Draw, Kind, MS, SURE, World, locked},
};

/// A process that must die after so many effects dies at the latest after this time.
const CRASH_WITHIN: Duration = Duration::from_millis(40);

/// How long a process may take to end when it was asked to; after that it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(60);

/// Makes faults strike.
pub(crate) struct Faults {
    world: Arc<World>,
    cluster: Rc<Cluster>,
    draw: RefCell<Draw>,
    /// Facts about what struck, in the order of their beginning.
    facts: RefCell<Vec<FaultFact>>,
    /// What goes on: position of its fact, and the fault.
    lasting: RefCell<Vec<(usize, Fault)>>,
    /// Whether an ambush may still strike. The heal waits until those that strike have struck.
    may_strike: RwLock<bool>,
}

impl Faults {
    pub(crate) fn new(cluster: Rc<Cluster>) -> Rc<Self> {
        let world = cluster.world.clone();
        Rc::new(Self {
            draw: RefCell::new(world.seeds().stream("faults", 0)),
            world,
            cluster,
            facts: RefCell::default(),
            lasting: RefCell::default(),
            may_strike: RwLock::new(true),
        })
    }

    /// Lets every fault strike at its time. Ends with the last one.
    ///
    /// In another future no new fault begins; those that began before it end as planned.
    pub(crate) async fn strike_all(self: Rc<Self>, plan: &[Struck], start: u64) {
        for Struck { at_ms, fault } in plan {
            self.world.until(start + at_ms * MS).await;
            if fault.kind().is_none() || self.world.seeds().keeps(self.world.now()) {
                self.strike(fault).await;
            }
        }
    }

    /// What struck.
    pub(crate) fn facts(&self) -> Vec<FaultFact> {
        self.facts.borrow().clone()
    }

    fn now(&self) -> Moment {
        Moment(self.world.now() / 1000)
    }

    fn machine(&self, name: &str) -> Option<Rc<Machine>> {
        self.cluster.machine(name)
    }

    fn node(&self, name: &str) -> Option<Arc<Node>> {
        self.machine(name).map(|machine| machine.node.clone())
    }

    fn ids(&self, names: &[&str]) -> Vec<NodeId> {
        names.iter().filter_map(|name| self.machine(name)).map(|machine| machine.fact).collect()
    }

    /// Notes that a fault hit, and whether it goes on.
    fn hit(&self, fault: &Fault, at: Moment, lasts: bool) {
        let Some(kind) = fault.kind() else { return };
        let words = fault.to_string();
        self.world.told(0, Kind::Fault, (0, 0), words.clone());
        let nodes = self.ids(&fault.nodes());
        let mut facts = self.facts.borrow_mut();
        if lasts {
            self.lasting.borrow_mut().push((facts.len(), fault.clone()));
        }
        facts.push(FaultFact { at, until: None, kind, nodes, words });
    }

    /// Notes that faults are over.
    fn over(&self, which: impl Fn(&Fault) -> bool) {
        let now = self.now();
        self.lasting.borrow_mut().retain(|(place, fault)| {
            let over = which(fault);
            if over && let Some(fact) = self.facts.borrow_mut().get_mut(*place) {
                fact.until = Some(now);
            }
            !over
        });
    }

    async fn strike(self: &Rc<Self>, fault: &Fault) {
        match fault {
            Fault::StopGracefully { node } => self.stop(fault, node).await,
            Fault::Crash { node } => self.crash(fault, node, Death::Kill).await,
            Fault::OsCrash { node, unsynced } | Fault::PowerCut { node, unsynced } => {
                if let Some(node) = self.node(node) {
                    locked(&node.disk).ailments.at_risk = match unsynced {
                        Unsynced::Kept => AtRisk::Kept,
                        Unsynced::Lost => AtRisk::Lost,
                        Unsynced::Torn => AtRisk::Torn,
                    };
                }
                self.crash(fault, node, Death::PowerCut).await;
            }
            Fault::DiskLoss { node } => self.lose_disk(fault, node),
            Fault::Restart { node } => {
                if let Some(machine) = self.machine(node) {
                    self.cluster.start(&machine);
                }
            }
            Fault::Pause { node } => {
                if self.node(node).is_some_and(|node| node.pause()) {
                    self.hit(fault, self.now(), true);
                }
            }
            Fault::Resume { node } => {
                if let Some(node) = self.node(node) {
                    node.resume();
                }
                self.over(|other| matches!(other, Fault::Pause { node: paused } if paused == node));
            }
            Fault::Ambush { node, on, for_ms, after_ms, fault, down_ms } => {
                let times = [*for_ms, *after_ms, *down_ms].map(Duration::from_millis);
                self.lie_in_wait(node, *on, (**fault).clone(), times);
            }
            Fault::Partition { .. }
            | Fault::Isolate { .. }
            | Fault::AsymmetricCut { .. }
            | Fault::SlowLink { .. }
            | Fault::Stall { .. }
            | Fault::Reset { .. }
            | Fault::HealNetwork => self.strike_network(fault),
            Fault::ClockStep { .. } | Fault::ClockDrift { .. } | Fault::ClockFreeze { .. } => {
                self.strike_clock(fault);
            }
            Fault::DiskFull { .. }
            | Fault::DiskFilled { .. }
            | Fault::DiskFree { .. }
            | Fault::DiskError { .. }
            | Fault::DiskSlow { .. } => self.strike_disk(fault),
        }
    }

    /// Waits, beside everything else, for a node to do something, and then strikes it.
    fn lie_in_wait(
        self: &Rc<Self>,
        name: &str,
        on: Cue,
        fault: Fault,
        [lasts, after, down]: [Duration; 3],
    ) {
        let Some(node) = self.node(name) else { return };
        let (faults, name) = (self.clone(), name.to_owned());
        drop(madsim::task::spawn_local(async move {
            let trap = faults.world.lay_trap(node.id, on);
            let in_vain = faults.world.pass(lasts);
            tokio::select! {
                biased;
                () = trap.sprung() => {}
                () = in_vain => return,
            }
            faults.world.pass(after).await;
            let restart = Fault::Restart { node: name };
            for (fault, then) in [(fault, down), (restart, Duration::ZERO)] {
                let may_strike = faults.may_strike.read().await;
                if !*may_strike {
                    return;
                }
                faults.strike(&fault).await;
                drop(may_strike);
                faults.world.pass(then).await;
            }
        }));
    }

    /// Asks a process to end, and waits until it has.
    async fn stop(&self, fault: &Fault, name: &str) {
        let Some(machine) = self.machine(name) else { return };
        let Some(process) = machine.process() else { return };
        machine.wanted.set(false);
        // A paused process does not hear; it goes on and ends.
        machine.node.resume();
        self.hit(fault, self.now(), false);
        machine.node.ask_to_stop();
        let give_up = self.world.pass(STOP_WITHIN);
        tokio::select! {
            biased;
            _ = process.ended() => {}
            () = give_up => {
                self.cluster.trouble(format!("{name} did not stop within {STOP_WITHIN:?}"));
                machine.node.die(Death::Kill);
            }
        }
    }

    /// Ends a process: at once, or between two of its next effects.
    async fn crash(&self, fault: &Fault, name: &str, how: Death) {
        let Some(machine) = self.machine(name) else { return };
        machine.wanted.set(false);
        let Some(process) = machine.process() else {
            if how == Death::PowerCut && locked(&machine.node.disk).is_dirty() {
                self.hit(fault, self.now(), false);
                machine.node.die(how);
            }
            return;
        };
        let effects = {
            let mut draw = self.draw.borrow_mut();
            if draw.chance(SURE / 2) { Some(draw.between(1, 60)) } else { None }
        };
        if let Some(effects) = effects {
            machine.node.die_after(effects, how);
            let late = self.world.pass(CRASH_WITHIN);
            tokio::select! {
                biased;
                _ = process.ended() => {}
                () = late => {}
            }
        }
        machine.node.die(how);
        let at = process.died_at().map_or(self.now(), |at| Moment(at / 1000));
        self.over(|other| matches!(other, Fault::Pause { node } if node == name));
        self.hit(fault, at, false);
    }

    fn lose_disk(&self, fault: &Fault, name: &str) {
        let Some(machine) = self.machine(name) else { return };
        machine.wanted.set(false);
        machine.node.die(Death::PowerCut);
        locked(&machine.node.disk).replace();
        self.over(|other| matches!(other, Fault::Pause { node } if node == name));
        self.hit(fault, self.now(), false);
    }

    fn strike_network(self: &Rc<Self>, fault: &Fault) {
        let node = |name: &String| self.node(name).map(|node| node.id);
        let nodes = |names: &[String]| -> Vec<u32> { names.iter().filter_map(node).collect() };
        match fault {
            Fault::Partition { sides } => {
                for (place, side) in sides.iter().enumerate() {
                    for other in &sides[place + 1..] {
                        self.cut(&nodes(side), &nodes(other), true);
                    }
                }
                self.hit(fault, self.now(), true);
            }
            Fault::Isolate { node: name } => {
                let others: Vec<u32> = self.cluster.nodes().map(|node| node.id).collect();
                self.cut(&nodes(std::slice::from_ref(name)), &others, true);
                self.hit(fault, self.now(), true);
            }
            Fault::AsymmetricCut { from, to } => {
                self.cut(&nodes(from), &nodes(to), false);
                self.hit(fault, self.now(), true);
            }
            Fault::SlowLink { a, b, delay_ms, jitter_ms } => {
                let (Some(a), Some(b)) = (node(a), node(b)) else { return };
                for (from, to) in [(a, b), (b, a)] {
                    self.world.with_net(|net, _| net.slow(from, to, delay_ms * MS, jitter_ms * MS));
                }
                self.hit(fault, self.now(), true);
            }
            Fault::Stall { a, b, for_ms } => {
                let (Some(a), Some(b)) = (node(a), node(b)) else { return };
                let stalled = self.world.with_net(|net, _| net.stall_between(a, b));
                if !stalled.is_empty() {
                    self.hit(fault, self.now(), true);
                    self.after(*for_ms, fault, move |faults| {
                        let world = &faults.world;
                        world.with_net(|net, _| net.unstall(world, &stalled));
                    });
                }
            }
            Fault::Reset { a, b } => {
                let (Some(a), Some(b)) = (node(a), node(b)) else { return };
                if self.world.with_net(|net, _| net.reset_between(&self.world, a, b)) != 0 {
                    self.hit(fault, self.now(), false);
                }
            }
            _ => self.heal_network(),
        }
    }

    fn cut(&self, from: &[u32], to: &[u32], both: bool) {
        for (from, to) in from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to))) {
            if from != to {
                self.world.with_net(|net, _| {
                    net.cut(from, to);
                    if both {
                        net.cut(to, from);
                    }
                });
            }
        }
    }

    fn heal_network(&self) {
        self.world.with_net(|net, _| net.heal(&self.world));
        self.over(|fault| {
            use FaultKind::{AsymmetricCut, Isolate, Partition, SlowLink, Stall};
            let kinds = [Partition, Isolate, AsymmetricCut, SlowLink, Stall];
            fault.kind().is_some_and(|kind| kinds.contains(&kind))
        });
    }

    fn strike_clock(self: &Rc<Self>, fault: &Fault) {
        let name = fault.nodes().first().copied().unwrap_or_default();
        let Some(node) = self.node(name) else { return };
        match fault {
            Fault::ClockStep { by_ms, .. } => {
                node.set_clocks(|clocks, now| clocks.step(now, *by_ms));
                self.hit(fault, self.now(), false);
            }
            Fault::ClockDrift { ppm, .. } => {
                node.set_clocks(|clocks, now| clocks.drift(now, i64::from(*ppm)));
                self.hit(fault, self.now(), true);
            }
            Fault::ClockFreeze { for_ms, .. } => {
                node.set_clocks(|clocks, now| clocks.freeze(now));
                self.hit(fault, self.now(), true);
                self.after(*for_ms, fault, move |_| {
                    node.set_clocks(|clocks, now| clocks.thaw(now, true));
                });
            }
            _ => {}
        }
    }

    fn strike_disk(self: &Rc<Self>, fault: &Fault) {
        let name = fault.nodes().first().copied().unwrap_or_default();
        let Some(node) = self.node(name) else { return };
        match fault {
            Fault::DiskFull { .. } => {
                locked(&node.disk).ailments.full = true;
                self.hit(fault, self.now(), true);
            }
            Fault::DiskFilled { used_percent, .. } => {
                locked(&node.disk).ailments.others_percent = (*used_percent).into();
                self.hit(fault, self.now(), true);
            }
            Fault::DiskFree { .. } => {
                let ailments = &mut locked(&node.disk).ailments;
                ailments.full = false;
                ailments.others_percent = 0;
                self.over(|other| match other {
                    Fault::DiskFull { node } | Fault::DiskFilled { node, .. } => node == name,
                    _ => false,
                });
            }
            Fault::DiskError { on, per_mille, for_ms, .. } => {
                let (on, ppm) = (*on, per_mille.saturating_mul(1000));
                set_errors(&node, on, ppm);
                self.hit(fault, self.now(), true);
                self.after(*for_ms, fault, move |_| set_errors(&node, on, 0));
            }
            Fault::DiskSlow { by_ms, for_ms, .. } => {
                let by = by_ms * MS;
                let slower = |node: &Node, by: u64| {
                    let ailments = &mut locked(&node.disk).ailments;
                    ailments.sync_ns_extra = by;
                };
                slower(&node, by);
                self.hit(fault, self.now(), true);
                self.after(*for_ms, fault, move |_| slower(&node, 0));
            }
            _ => {}
        }
    }

    /// After a while a fault ends by itself.
    fn after(self: &Rc<Self>, ms: u64, fault: &Fault, end: impl FnOnce(&Self) + 'static) {
        let (faults, fault) = (self.clone(), fault.clone());
        drop(madsim::task::spawn_local(async move {
            faults.world.pass(Duration::from_millis(ms)).await;
            end(&faults);
            faults.over(|other| *other == fault);
        }));
    }

    /// Nothing strikes any more, and everything is repaired: wires, disks, rates of clocks. What
    /// was stopped or killed is started. Clocks that were stepped stay where they are.
    pub(crate) async fn heal(&self) {
        *self.may_strike.write().await = false;
        self.heal_network();
        for machine in self.cluster.machines() {
            let node = &machine.node;
            {
                let ailments = &mut locked(&node.disk).ailments;
                ailments.full = false;
                ailments.others_percent = 0;
                ailments.read_error_ppm = 0;
                ailments.write_error_ppm = 0;
                ailments.sync_error_ppm = 0;
                ailments.sync_ns_extra = 0;
            }
            node.set_clocks(|clocks, now| {
                clocks.thaw(now, true);
                clocks.drift(now, 0);
            });
            node.resume();
            machine.wanted.set(true);
            self.cluster.start(&machine);
        }
        self.over(|_| true);
    }
}

fn set_errors(node: &Node, on: DiskCall, ppm: u32) {
    let ailments = &mut locked(&node.disk).ailments;
    match on {
        DiskCall::Read => ailments.read_error_ppm = ppm,
        DiskCall::Write => ailments.write_error_ppm = ppm,
        DiskCall::Sync => ailments.sync_error_ppm = ppm,
    }
}
