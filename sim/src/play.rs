//! Plays a plan: boots the cluster, lets clients work while faults strike, heals, waits until
//! everything is consumed, looks at every store, and judges.

use std::{
    collections::BTreeMap,
    path::Path,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use checkers::{Findings, History, Moment, NodeKind, Pointer, SegmentGone, Verdict, Violation};
use reports::RunSummary;
use runtime::BoxFuture;
use scenarios::{Plan, Recorder, play as parts};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::{
    cluster::{BeforeBoot, Cluster, Looked, Machine},
    disk::Removed,
    ear::{Ear, Heard},
    faults::Faults,
    inspect::{self, Look},
    net::Latency,
    node::{Death, Node},
    probes::{self, Probes, seen},
    programs::{self, Backstage, NAME_SERVER_PORT, Part, STORE_ROOT},
    world::{
        Bounds, Branch, Broken, Draw, Kind, MS, Seeds, Seen, World, locked, of_bytes, run_branched,
    },
};

/// How long processes may take to end when asked.
const STOP_WITHIN: Duration = Duration::from_secs(60);

/// The node that prepares and audits.
const AUDITOR: &str = "auditor";

/// Told how far a run is: a phase, and milliseconds of true time.
pub type Progress = Arc<dyn Fn(&str, u64) + Send + Sync>;

/// How to play.
#[derive(Clone, Default)]
pub struct Options {
    /// Told how far the run is.
    pub progress: Option<Progress>,
    /// Where every single effect is written as a line, to compare two runs.
    pub log: Option<std::path::PathBuf>,
    /// Another future than the plan's own: no new fault begins in it, and all draws are others.
    pub branch: Option<Branch>,
}

/// A run that was played and judged.
pub struct Played {
    /// What was played.
    pub plan: Arc<Plan>,
    /// Everything that is known about it.
    pub history: History,
    /// What the checkers say.
    pub verdict: Verdict,
    /// What the world counted.
    pub counters: BTreeMap<String, u64>,
    /// Situations reached.
    pub probes: BTreeMap<String, u64>,
    /// The world's own story, and how many events did not fit.
    pub story: (Vec<Seen>, u64),
    /// The hash of everything that happened.
    pub trace_hash: u64,
    /// True time that passed, in milliseconds.
    pub simulated_ms: u64,
    /// What made the run itself fail; then the verdict is worth nothing.
    pub troubles: Vec<String>,
}

impl Played {
    /// What is reported about it: how long somebody waited, the plan as JSON, and the command that
    /// plays it again.
    #[must_use]
    pub fn summary<'a>(
        &'a self,
        waited_ms: u64,
        (plan_json, replay): (&'a str, &'a str),
    ) -> RunSummary<'a> {
        let scenario = scenarios::find(&self.plan.scenario);
        RunSummary {
            scenario: &self.plan.scenario,
            about: scenario.map_or("A plan from a file.", |scenario| scenario.about),
            seed: self.plan.seed,
            plan_json,
            trace_hash: self.trace_hash,
            simulated_ms: self.simulated_ms,
            waited_ms,
            history: &self.history,
            verdict: &self.verdict,
            counters: self.counters.clone(),
            probes: self.probes.clone(),
            troubles: self.troubles.clone(),
            replay,
        }
    }
}

/// Plays a plan.
#[must_use]
pub fn play(plan: Plan, options: &Options) -> Played {
    let plan = Arc::new(plan);
    let bounds = bounds(&plan);
    let shelf: Shelf = Shelf::default();
    let seeds = Seeds::new(plan.seed, options.branch);
    let (inner, theirs, options) = (plan.clone(), shelf.clone(), options.clone());
    let (world, outcome) = run_branched(seeds, bounds, move |world| async move {
        if let Some(path) = &options.log {
            log_to(&world, path);
        }
        let heard = Heard::default();
        let ear = Ear { world: world.clone(), heard: heard.clone() };
        let hearing = tracing::dispatcher::set_default(&tracing::Dispatch::new(ear));
        let show = Show::new(&world, inner, theirs.clone(), options);
        show.run().await;
        let heard = locked(&heard).clone();
        show.close(&heard);
        drop(hearing);
    });
    let mut closed = std::mem::take(&mut *locked(&shelf));
    if closed.trace_hash == 0 {
        closed.trace_hash = world.trace_hash();
        closed.simulated_ms = world.now() / MS;
        closed.history = closed.recorder.as_ref().map(Recorder::finish).unwrap_or_default();
    }
    judge(&world, plan, closed, outcome.err())
}

/// More than any run of a plan needs.
fn bounds(plan: &Plan) -> Bounds {
    let timing = &plan.timing;
    let ms = timing.heal_at_ms + timing.send_within_ms + timing.drain_within_ms;
    Bounds { time: Duration::from_millis(ms + 1_800_000), ..Bounds::default() }
}

#[expect(clippy::disallowed_methods, reason = "the log of effects is a file of the person's")]
fn log_to(world: &World, path: &Path) {
    match std::fs::OpenOptions::new().create(true).write(true).truncate(true).open(path) {
        Ok(file) => world.log_to(Box::new(std::io::BufWriter::new(file))),
        Err(error) => {
            let text = format!("no log at {}: {error}", path.display());
            world.broke(Broken::Simulator { text });
        }
    }
}

/// What a run leaves behind for whoever judges it.
#[derive(Default)]
struct Closed {
    /// There from the beginning, in case that the end is never reached.
    recorder: Option<Recorder>,
    history: History,
    counters: BTreeMap<String, u64>,
    probes: Probes,
    /// What processes did that no process may do.
    misdeeds: Vec<(Moment, String)>,
    trace_hash: u64,
    simulated_ms: u64,
}

type Shelf = Arc<Mutex<Closed>>;

/// A run while it goes on.
struct Show {
    world: Arc<World>,
    plan: Arc<Plan>,
    cluster: Rc<Cluster>,
    faults: Rc<Faults>,
    recorder: Recorder,
    backstage: Backstage,
    shelf: Shelf,
    options: Options,
}

impl Show {
    fn new(world: &Arc<World>, plan: Arc<Plan>, shelf: Shelf, options: Options) -> Self {
        let clock = world.clone();
        let recorder = Recorder::new(&plan, move || Moment(clock.now() / 1000));
        locked(&shelf).recorder = Some(recorder.clone());
        let cluster = Cluster::new(world.clone());
        let servers = (1..).zip(&plan.cluster.name_servers);
        let name_servers: Vec<String> = servers
            .map(|(id, _)| format!("{}:{NAME_SERVER_PORT}", crate::node::ip_of(id)))
            .collect();
        let name_servers = name_servers.join(";");
        let backstage = Backstage { plan: plan.clone(), recorder: recorder.clone(), name_servers };
        let show = Self {
            world: world.clone(),
            faults: Faults::new(cluster.clone()),
            plan,
            cluster,
            recorder,
            backstage,
            shelf,
            options,
        };
        show.furnish();
        show
    }

    fn told(&self, phase: &str) {
        self.world.told(0, Kind::Note, (0, 0), phase.to_owned());
        if let Some(progress) = &self.options.progress {
            progress(phase, self.world.now() / MS);
        }
    }

    /// Puts every machine of the plan in place, switched off.
    fn furnish(&self) {
        let plan = &self.plan;
        let network = plan.cluster.network;
        let latency = Latency {
            ns_min: network.latency_us_min * 1000,
            ns_max: network.latency_us_max * 1000,
            // Wires lose bytes in one run of three, up to one packet of a hundred.
            loss_ppm: {
                let mut draw = Draw::derive(plan.seed, "loss", 0);
                if draw.chance(333_333) {
                    u32::try_from(draw.below(10_000)).unwrap_or(0)
                } else {
                    0
                }
            },
        };
        self.world.with_net(|net, _| net.set_latency(latency));
        for server in &plan.cluster.name_servers {
            let program = programs::name_server(&server.properties);
            self.place(&server.name, NodeKind::NameServer, program, None);
        }
        for broker in &plan.cluster.brokers {
            let program = programs::broker(broker.all_properties(), &self.backstage.name_servers);
            let look = self.before_boot();
            self.place(&broker.name, NodeKind::Broker, program, Some(look));
        }
        let client = |name, part| programs::client(self.backstage.clone(), name, part);
        for producer in &plan.workload.producers {
            let program = client(&producer.name, Part::Producer);
            self.place(&producer.name, NodeKind::Producer, program, None);
        }
        for consumer in &plan.workload.consumers {
            let program = client(&consumer.name, Part::Consumer);
            self.place(&consumer.name, NodeKind::Consumer, program, None);
        }
        self.place(AUDITOR, NodeKind::Admin, client(AUDITOR, Part::Auditor), None);
    }

    fn place(
        &self,
        name: &str,
        kind: NodeKind,
        program: crate::cluster::Program,
        before_boot: Option<BeforeBoot>,
    ) {
        let id = u32::try_from(self.cluster.machines().len() + 1).unwrap_or(u32::MAX);
        let node = Node::new(&self.world, id, name);
        let model = self.plan.cluster.disk;
        {
            let ailments = &mut locked(&node.disk).ailments;
            ailments.capacity = model.capacity_bytes;
            ailments.sync_ns_min = model.sync_us_min * 1000;
            ailments.sync_ns_max = model.sync_us_max * 1000;
        }
        let fact = self.recorder.with(|history| history.add_node(name, kind));
        self.cluster.add(Machine::new(node, (fact, kind), program, before_boot));
    }

    /// Reads a broker's store before the broker does.
    fn before_boot(&self) -> BeforeBoot {
        let (recorder, cluster) = (self.recorder.clone(), self.cluster.clone());
        Box::new(move |machine: &Machine| {
            let files = locked(&machine.node.disk).files();
            let root = Path::new(STORE_ROOT);
            let image = recorder.with(|history| {
                let (node, at) = (machine.fact, recorder_now(machine));
                let look = Look { node, at, root, at_rest: false };
                inspect::image(history, look, &files)
            });
            cluster.reach(seen::SEGMENTS_AT_START, u64::from(1 < image.segments.len()));
            let torn = inspect::is_written_beyond(root, &files, image.log_end);
            cluster.reach(seen::TORN_TAIL, u64::from(torn));
            let behind = inspect::is_queue_behind(&image);
            cluster.reach(seen::QUEUE_BEHIND, u64::from(behind));
            let durable = locked(&machine.node.disk).durable_at_cut.take();
            let looked = Looked {
                used: !image.segments.is_empty(),
                clean: inspect::is_clean(root, &files),
                valid_to: image.log_end,
                durable_to: durable.map(|files| inspect::valid_to(root, &files)),
            };
            recorder.with(|history| history.stores.push(image));
            looked
        })
    }

    fn of_kind(&self, kinds: &[NodeKind]) -> Vec<Rc<Machine>> {
        let machines = self.cluster.machines().into_iter();
        let mut machines: Vec<_> = machines.filter(|one| kinds.contains(&one.kind)).collect();
        machines.sort_by_key(|machine| machine.node.id);
        machines
    }

    async fn run(&self) {
        self.told("the cluster boots");
        let boot_within = Duration::from_millis(self.plan.timing.boot_within_ms);
        for kind in [NodeKind::NameServer, NodeKind::Broker, NodeKind::Admin] {
            for machine in self.of_kind(&[kind]) {
                self.cluster.start(&machine);
            }
            if !self.cluster.all_ready(kind, boot_within).await {
                return self.misdeed(format!("no {} serves", kind.word()));
            }
        }
        self.on_auditor(|stage| Box::pin(parts::prepare(stage))).await;
        let administrator = self.spawn_on_auditor(|stage| Box::pin(parts::administer(stage)));
        self.told("clients work");
        for machine in self.of_kind(&[NodeKind::Producer, NodeKind::Consumer]) {
            self.cluster.start(&machine);
        }
        self.faults.clone().strike_all(&self.plan.faults, 0).await;
        self.world.until(self.plan.timing.heal_at_ms * MS).await;
        self.told("everything is healed");
        self.faults.heal().await;
        let healed = Moment(self.world.now() / 1000);
        self.recorder.with(|history| history.healed = Some(healed));
        if let Some((leave, left)) = administrator {
            leave.cancel();
            self.joined(left).await;
        }
        self.on_auditor(|stage| Box::pin(parts::finish(stage))).await;
        self.told("the cluster stops");
        for kinds in [
            &[NodeKind::Producer, NodeKind::Consumer, NodeKind::Admin][..],
            &[NodeKind::Broker],
            &[NodeKind::NameServer],
        ] {
            for late in self.cluster.stop_all(kinds, STOP_WITHIN).await {
                self.misdeed(format!("{late} did not stop within {STOP_WITHIN:?}"));
            }
        }
        self.image_stores();
    }

    fn misdeed(&self, words: String) {
        let at = Moment(self.world.now() / 1000);
        self.world.told(0, Kind::Note, (0, 0), words.clone());
        locked(&self.shelf).misdeeds.push((at, words));
    }

    /// Runs a part on the auditor's node.
    async fn on_auditor(&self, part: impl FnOnce(parts::Stage) -> BoxFuture<'static, ()>) {
        if let Some((_leave, left)) = self.spawn_on_auditor(part) {
            self.joined(left).await;
        }
    }

    /// Starts a part on the auditor's node. Gives the ways to end it and to learn of its end.
    fn spawn_on_auditor(
        &self,
        part: impl FnOnce(parts::Stage) -> BoxFuture<'static, ()>,
    ) -> Option<(CancellationToken, oneshot::Receiver<()>)> {
        let Some(process) = self.cluster.machine(AUDITOR).and_then(|one| one.process()) else {
            self.misdeed("the auditor does not run".to_owned());
            return None;
        };
        let (stage, leave) = self.backstage.stage(&process.runtime);
        let (tell, told) = oneshot::channel();
        let body = part(stage);
        let body = async move {
            body.await;
            // Nobody listens any more only if the run broke.
            tell.send(()).ok();
        };
        process.runtime.tasks.spawn("audit", Box::pin(body));
        Some((leave, told))
    }

    async fn joined(&self, left: oneshot::Receiver<()>) {
        if left.await.is_err() {
            self.misdeed("the auditor died".to_owned());
        }
    }

    /// Reads every store at rest.
    fn image_stores(&self) {
        for machine in self.of_kind(&[NodeKind::Broker]) {
            let files = locked(&machine.node.disk).files();
            let look = Look {
                node: machine.fact,
                at: Moment(self.world.now() / 1000),
                root: Path::new(STORE_ROOT),
                at_rest: true,
            };
            self.recorder.with(|history| {
                let image = inspect::image(history, look, &files);
                history.stores.push(image);
            });
        }
    }

    /// Collects what everybody knows, and ends all that still runs.
    fn close(&self, heard: &Probes) {
        for words in self.cluster.troubles() {
            self.misdeed(words);
        }
        let mut facts = self.faults.facts();
        facts.sort_by_key(|fact| fact.at);
        let machines = self.of_kind(&[
            NodeKind::NameServer,
            NodeKind::Broker,
            NodeKind::Producer,
            NodeKind::Consumer,
            NodeKind::Admin,
        ]);
        let gone = machines.iter().flat_map(|machine| self.segments_gone(machine)).collect();
        let recoveries = machines.iter().flat_map(|machine| machine.recoveries()).collect();
        let mut boots: Vec<_> = machines.iter().flat_map(|machine| machine.boots()).collect();
        boots.sort_by_key(|boot| boot.at);
        self.recorder.with(|history| {
            history.faults = facts;
            history.boots = boots;
            history.segments_gone = gone;
            history.recoveries = recoveries;
        });
        let mut history = self.recorder.finish();
        let counters = self.count(&machines);
        let probes = probes::reached(&history, &self.cluster.reached(), heard);
        // What the disks held is in the hash already, write by write.
        let stores = std::mem::take(&mut history.stores);
        let text = format!("{history:?}");
        history.stores = stores;
        let (hash, len) = (of_bytes(text.as_bytes()), text.len() as u64);
        self.world.saw(0, Kind::History, hash, len);
        let mut closed = locked(&self.shelf);
        closed.trace_hash = self.world.trace_hash();
        closed.simulated_ms = self.world.now() / MS;
        closed.history = history;
        closed.counters = counters;
        closed.probes = probes;
        drop(closed);
        for machine in machines {
            machine.node.die(Death::Kill);
        }
    }

    /// Segments that brokers removed while they served.
    fn segments_gone(&self, machine: &Machine) -> Vec<SegmentGone> {
        let removed = std::mem::take(&mut locked(&machine.node.disk).removed);
        let boots = machine.boots();
        let forced = self.force_percent(&machine.node.name);
        let gone = removed.iter().filter_map(|one| {
            let at = Moment(one.at / 1000);
            let boot = boots.iter().rev().find(|boot| boot.at <= at)?;
            // What recovery cuts off is its own business.
            if boot.ready.is_none_or(|ready| at < ready) {
                return None;
            }
            self.recorder.with(|history| segment_gone(history, machine.fact, forced, one))
        });
        let gone: Vec<SegmentGone> = gone.collect();
        let expired = gone.iter().filter(|one| one.first < one.active).count();
        self.cluster.reach(seen::SEGMENT_REMOVED, expired as u64);
        gone
    }

    /// `diskSpaceCleanForciblyRatio` of a broker.
    fn force_percent(&self, name: &str) -> u32 {
        let broker = self.plan.cluster.brokers.iter().find(|broker| broker.name == name);
        let properties = broker.map(scenarios::Broker::all_properties).unwrap_or_default();
        let given = properties.get("diskSpaceCleanForciblyRatio");
        given.and_then(|value| value.parse().ok()).unwrap_or(85)
    }

    /// What the world counted, and the probes that follow from it.
    fn count(&self, machines: &[Rc<Machine>]) -> BTreeMap<String, u64> {
        let traffic = self.world.with_net(|net, _| net.traffic);
        let (mut felt, mut lost, mut lives) = (crate::Felt::default(), (0, 0), 0);
        for machine in machines {
            let disk = locked(&machine.node.disk);
            felt.read_errors += disk.felt.read_errors;
            felt.write_errors += disk.felt.write_errors;
            felt.sync_errors += disk.felt.sync_errors;
            felt.no_space += disk.felt.no_space;
            lost = (lost.0 + disk.lost.0, lost.1 + disk.lost.1);
            lives += machine.node.lives();
            if machine.kind == NodeKind::Broker {
                self.cluster.reach(seen::DEATH_BEFORE_SERVICE, machine.deaths_before_ready());
            }
        }
        for (situation, count) in [
            (seen::SECTORS_LOST, lost.0),
            (seen::NAMES_LOST, lost.1),
            (seen::RESET_MID_WAY, traffic.cut_short),
            (seen::BYTES_WAITED, traffic.blocked),
            (seen::CONNECT_FAILED, traffic.failed_connects),
            (seen::READ_FAILED, felt.read_errors),
            (seen::WRITE_FAILED, felt.write_errors),
            (seen::SYNC_FAILED, felt.sync_errors),
            (seen::NO_SPACE, felt.no_space),
        ] {
            self.cluster.reach(situation, count);
        }
        let counters = [
            ("processes started", lives),
            ("connections", traffic.connections),
            ("connects that failed", traffic.failed_connects),
            ("resets", traffic.resets),
            ("bytes delivered", traffic.bytes),
            ("un-synced sectors lost", lost.0),
            ("un-synced names lost", lost.1),
            ("reads that failed", felt.read_errors),
            ("writes that failed", felt.write_errors),
            ("syncs that failed", felt.sync_errors),
            ("writes without space", felt.no_space),
            ("effects", self.world.effects()),
            ("polls", self.world.polls()),
        ];
        counters.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
    }
}

/// A removed file, if it was a segment.
fn segment_gone(
    history: &mut History,
    node: checkers::NodeId,
    force_percent: u32,
    removed: &Removed,
) -> Option<SegmentGone> {
    let root = Path::new(STORE_ROOT);
    if removed.path.parent() != Some(&root.join("commitlog")) {
        return None;
    }
    let start_of = |name: &str| (name.len() == 20).then(|| name.parse::<u64>().ok())?;
    let starts = || removed.siblings.iter().filter_map(|name| start_of(name));
    let (first, at) = (start_of(removed.path.file_name()?.to_str()?)?, Moment(removed.at / 1000));
    let look = Look { node, at, root, at_rest: false };
    Some(SegmentGone {
        node,
        at,
        first,
        oldest: starts().min()?,
        active: starts().max()?,
        modified_ms: removed.modified_ms,
        wall_ms: removed.wall_ms,
        disk_percent: removed.used_percent,
        force_percent,
        records: inspect::records(history, look, (first, &removed.content)),
    })
}

fn recorder_now(machine: &Machine) -> Moment {
    Moment(machine.node.world.now() / 1000)
}

/// The verdict of the checkers, and the one that needs no history: no process dies by its own
/// fault.
fn judge(world: &World, plan: Arc<Plan>, closed: Closed, broken: Option<Broken>) -> Played {
    let Closed { history, counters, probes, misdeeds, trace_hash, simulated_ms, .. } = closed;
    let mut alive = Findings {
        checker: "L4",
        title: "LOOPS-ALIVE",
        promise: "No process panics, spins, or fails to start and stop when asked.",
        not_claimed: "Nothing about processes that a fault ended.",
        checked: history.boots.len() as u64,
        unit: "starts of processes",
        violations: vec![],
        more: 0,
        excuses: vec![],
    };
    let mut violate = |at: Moment, words: String| {
        let node = history.nodes.iter().find(|node| words.starts_with(&node.name));
        let node = node.and_then(|node| history.find_node(&node.name));
        let pointers = node.map(Pointer::Node).into_iter().collect();
        alive.violations.push(Violation { checker: "L4", at, words, pointers });
    };
    let mut troubles = vec![];
    // A history that was cut off in the middle convicts nobody.
    let whole = broken.is_none();
    let now = Moment(world.now() / 1000);
    match broken {
        Some(why @ (Broken::Panic { .. } | Broken::OutOfPolls { .. })) => {
            violate(now, why.to_string());
        }
        Some(why) => troubles.push(why.to_string()),
        None => {}
    }
    misdeeds.into_iter().for_each(|(at, words)| violate(at, words));
    let mut verdict = if whole { checkers::judge(&history) } else { Verdict::default() };
    verdict.findings.push(alive);
    let story = world.take_story();
    Played { plan, history, verdict, counters, probes, story, trace_hash, simulated_ms, troubles }
}
