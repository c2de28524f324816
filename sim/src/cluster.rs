//! The machines of a plan, and what runs on them.
//!
//! A [`Machine`] has a program that starts whenever its node is booted. A program that ends by
//! itself is started again after a while, as a supervisor of services would; one that a fault
//! ended stays down until a fault or the heal starts it.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use checkers::{Boot, Moment, NodeId, NodeKind, Recovery};
use runtime::{BoxFuture, Runtime};

use crate::{
    node::{Death, Node, Process},
    probes::{self, Probes},
    world::{Draw, SECOND, World, locked},
};

/// What a program gets when it starts.
pub(crate) struct Start {
    /// The world as this process sees it.
    pub(crate) runtime: Runtime,
    /// To be told when the program serves.
    pub(crate) ready: Ready,
    /// The id of the process, unique in a run.
    pub(crate) process: u32,
}

/// Told when a program serves.
#[derive(Clone)]
pub(crate) struct Ready {
    at: Arc<AtomicU64>,
    recovered: Arc<Mutex<Option<Recovered>>>,
    world: Arc<World>,
}

/// What a broker says about the store that it opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recovered {
    /// Where the log ends.
    pub(crate) end: u64,
    /// Whether it reported damage.
    pub(crate) complained: bool,
}

/// What an independent reader says about a store before it is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looked {
    /// Whether there is anything.
    pub(crate) used: bool,
    /// Whether it was closed properly.
    pub(crate) clean: bool,
    /// Where the longest prefix of valid records ends.
    pub(crate) valid_to: u64,
    /// Where that prefix ended in what no power cut could take.
    pub(crate) durable_to: Option<u64>,
}

impl Ready {
    /// The program serves from now on.
    pub(crate) fn tell(&self) {
        self.at.fetch_min(self.world.now(), Relaxed);
    }

    /// The program has opened its store.
    pub(crate) fn tell_recovered(&self, recovered: Recovered) {
        *locked(&self.recovered) = Some(recovered);
    }

    fn moment(&self) -> Option<Moment> {
        let at = self.at.load(Relaxed);
        (at != u64::MAX).then_some(Moment(at / 1000))
    }
}

/// Runs until it was asked to stop (`Ok`) or cannot go on (`Err` says why).
pub(crate) type Program = Box<dyn Fn(Start) -> BoxFuture<'static, Result<(), String>>>;

/// Called before each start.
pub(crate) type BeforeBoot = Box<dyn Fn(&Machine) -> Looked>;

/// One machine with its program.
pub(crate) struct Machine {
    pub(crate) node: Arc<Node>,
    pub(crate) fact: NodeId,
    pub(crate) kind: NodeKind,
    /// Whether it should run.
    pub(crate) wanted: Cell<bool>,
    program: Program,
    before_boot: Option<BeforeBoot>,
    process: RefCell<Option<Rc<Process>>>,
    starts: RefCell<Vec<StartFact>>,
}

/// A program that ended by itself.
#[derive(Clone, Debug)]
struct GaveUp {
    at: Moment,
    why: String,
}

/// What is known about one start.
struct StartFact {
    at: Moment,
    ready: Ready,
    gave_up: Arc<Mutex<Option<GaveUp>>>,
    looked: Option<Looked>,
    process: Rc<Process>,
}

impl Machine {
    pub(crate) fn new(
        node: Arc<Node>,
        (fact, kind): (NodeId, NodeKind),
        program: Program,
        before_boot: Option<BeforeBoot>,
    ) -> Rc<Self> {
        Rc::new(Self {
            node,
            fact,
            kind,
            wanted: Cell::new(true),
            program,
            before_boot,
            process: RefCell::default(),
            starts: RefCell::default(),
        })
    }

    /// The process that runs.
    pub(crate) fn process(&self) -> Option<Rc<Process>> {
        self.process.borrow().clone().filter(|process| process.is_alive())
    }

    /// Whether the program of the process that runs serves.
    pub(crate) fn is_ready(&self) -> bool {
        let starts = self.starts.borrow();
        self.process().is_some() && starts.last().is_some_and(|one| one.ready.moment().is_some())
    }

    /// Every start so far.
    pub(crate) fn boots(&self) -> Vec<Boot> {
        let starts = self.starts.borrow();
        let boot = |(place, start): (usize, &StartFact)| {
            let (ready, gave_up) = (start.ready.moment(), locked(&start.gave_up).clone());
            Boot {
                node: self.fact,
                at: start.at,
                ready,
                refused: gave_up.clone().filter(|_| ready.is_none()).map(|end| end.why),
                gave_up: gave_up.filter(|_| ready.is_some()).map(|end| end.at),
                first: place == 0,
            }
        };
        starts.iter().enumerate().map(boot).collect()
    }

    /// Every opening of a store that had been used before.
    pub(crate) fn recoveries(&self) -> Vec<Recovery> {
        let starts = self.starts.borrow();
        let recovery = |start: &StartFact| {
            let looked = start.looked.filter(|looked| looked.used)?;
            let recovered = (*locked(&start.ready.recovered))?;
            Some(Recovery {
                node: self.fact,
                at: start.at,
                clean: looked.clean,
                valid_to: Some(looked.valid_to),
                recovered_to: recovered.end,
                again_to: None,
                durable_to: looked.durable_to,
                complained: recovered.complained,
            })
        };
        starts.iter().filter_map(recovery).collect()
    }

    /// How many processes died before they served.
    pub(crate) fn deaths_before_ready(&self) -> u64 {
        let starts = self.starts.borrow();
        let unready = starts.iter().filter(|one| {
            !one.process.is_alive()
                && one.ready.moment().is_none()
                && locked(&one.gave_up).is_none()
        });
        unready.count() as u64
    }
}

/// All machines.
pub(crate) struct Cluster {
    pub(crate) world: Arc<World>,
    machines: RefCell<BTreeMap<String, Rc<Machine>>>,
    draw: RefCell<Draw>,
    /// What went wrong without being anybody's broken promise.
    troubles: RefCell<Vec<String>>,
    /// Situations that were reached, for the probes.
    reached: RefCell<Probes>,
    /// Programs ended by themselves are started again.
    pub(crate) restarts: Cell<bool>,
}

impl Cluster {
    pub(crate) fn new(world: Arc<World>) -> Rc<Self> {
        Rc::new(Self {
            draw: RefCell::new(world.seeds().stream("cluster", 0)),
            world,
            machines: RefCell::default(),
            troubles: RefCell::default(),
            reached: RefCell::default(),
            restarts: Cell::new(true),
        })
    }

    pub(crate) fn add(&self, machine: Rc<Machine>) {
        self.machines.borrow_mut().insert(machine.node.name.clone(), machine);
    }

    pub(crate) fn machine(&self, name: &str) -> Option<Rc<Machine>> {
        self.machines.borrow().get(name).cloned()
    }

    /// Every machine, by name.
    pub(crate) fn machines(&self) -> Vec<Rc<Machine>> {
        self.machines.borrow().values().cloned().collect()
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = Arc<Node>> {
        self.machines().into_iter().map(|machine| machine.node.clone())
    }

    /// Something that a play should not meet.
    pub(crate) fn trouble(&self, text: String) {
        self.troubles.borrow_mut().push(text);
    }

    pub(crate) fn troubles(&self) -> Vec<String> {
        self.troubles.borrow().clone()
    }

    /// A situation was reached.
    pub(crate) fn reach(&self, situation: &str, count: u64) {
        if count != 0 {
            *self.reached.borrow_mut().entry(situation.to_owned()).or_default() += count;
        }
    }

    pub(crate) fn reached(&self) -> Probes {
        self.reached.borrow().clone()
    }

    /// Starts a machine's program, if it does not run.
    pub(crate) fn start(self: &Rc<Self>, machine: &Rc<Machine>) {
        machine.wanted.set(true);
        if machine.node.is_up() {
            return;
        }
        let looked = machine.before_boot.as_ref().map(|before| before(machine));
        let process = Rc::new(machine.node.boot());
        let ready = Ready {
            at: Arc::new(AtomicU64::new(u64::MAX)),
            recovered: Arc::default(),
            world: self.world.clone(),
        };
        let gave_up = Arc::new(Mutex::new(None));
        let id = machine.node.id * 1000 + u32::try_from(process.number() % 1000).unwrap_or(0);
        let (runtime, ready_too) = (process.runtime.clone(), ready.clone());
        let start = Start { runtime, ready: ready_too, process: id };
        let (program, node) = ((machine.program)(start), machine.node.clone());
        let (end, world) = (gave_up.clone(), self.world.clone());
        let main = async move {
            let outcome = program.await;
            if let Err(why) = outcome {
                world.told(node.id, crate::Kind::Note, (0, 0), format!("ends: {why}"));
                *locked(&end) = Some(GaveUp { at: Moment(world.now() / 1000), why });
            }
            node.die(Death::Exit);
        };
        process.runtime.tasks.spawn("main", Box::pin(main));
        let at = Moment(self.world.now() / 1000);
        let fact = StartFact { at, ready, gave_up, looked, process: process.clone() };
        machine.starts.borrow_mut().push(fact);
        *machine.process.borrow_mut() = Some(process.clone());
        drop(madsim::task::spawn_local(self.clone().supervise(machine.clone(), process)));
    }

    /// Starts again what ended by itself.
    async fn supervise(self: Rc<Self>, machine: Rc<Machine>, process: Rc<Process>) {
        let how = process.ended().await;
        let mut alike = self.machines().into_iter().filter(|other| other.kind == machine.kind);
        if let (true, Some(outage)) =
            (alike.all(|other| other.process().is_none()), probes::outage(machine.kind))
        {
            self.reach(outage, 1);
        }
        if how != Death::Exit || !machine.wanted.get() {
            return;
        }
        let wait = self.draw.borrow_mut().between(SECOND, 5 * SECOND);
        self.world.pass(Duration::from_nanos(wait)).await;
        if machine.wanted.get() && self.restarts.get() {
            self.start(&machine);
        }
    }

    /// Waits until every machine of a kind serves, at most `within`. Says whether they do.
    pub(crate) async fn all_ready(&self, kind: NodeKind, within: Duration) -> bool {
        let end = self.world.now() + u64::try_from(within.as_nanos()).unwrap_or(u64::MAX);
        loop {
            let mut machines = self.machines().into_iter().filter(|one| one.kind == kind);
            if machines.all(|machine| machine.is_ready()) {
                return true;
            }
            if end <= self.world.now() {
                return false;
            }
            self.world.pass(Duration::from_millis(50)).await;
        }
    }

    /// Asks machines to end, all at once, and waits; what does not end in time is killed. Gives
    /// the names of those.
    pub(crate) async fn stop_all(&self, kinds: &[NodeKind], within: Duration) -> Vec<String> {
        let mut late = vec![];
        let mut ending = vec![];
        for machine in self.machines().into_iter().filter(|one| kinds.contains(&one.kind)) {
            machine.wanted.set(false);
            if let Some(process) = machine.process() {
                machine.node.ask_to_stop();
                ending.push((machine, process));
            }
        }
        let end = self.world.now() + u64::try_from(within.as_nanos()).unwrap_or(u64::MAX);
        for (machine, process) in ending {
            tokio::select! {
                biased;
                _ = process.ended() => {}
                () = self.until(end) => {
                    late.push(machine.node.name.clone());
                    machine.node.die(Death::Kill);
                }
            }
        }
        late
    }

    async fn until(&self, at: u64) {
        self.world.until(at).await;
    }
}
