//! The simulated world: one true time, one queue of what is due, one network, one trace.
//!
//! madsim is the executor: it picks a random ready task, from the seed, until none is ready.
//! Everything else is ours. When madsim finds every task asleep it lets its own clock jump, which
//! wakes one task only, the pump in [`run`]; the pump then moves *our* time to the next entry of
//! *our* queue. So time jumps from event to event, to the nanosecond, and each poll costs a little
//! of it.

mod draw;
mod queue;
mod seeds;
mod trace;
mod traps;

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

pub(crate) use draw::{Draw, SURE};
pub(crate) use queue::{Due, Queue, Ticket};
pub use seeds::Branch;
pub(crate) use seeds::Seeds;
pub use trace::{Kind, Seen};
pub(crate) use trace::{Trace, line_of, of_bytes};
pub(crate) use traps::{Trap, Traps};

use scenarios::Cue;

use crate::net::Net;

/// Nanoseconds in a millisecond.
pub(crate) const MS: u64 = 1_000_000;
/// Nanoseconds in a second.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// What one poll of a task costs in true time: no work is free, and a task that spins makes time
/// pass for all others.
const POLL_NS: u64 = 500;

/// Another future leaves out at most so many of the executor's random numbers.
const SKIPPED_MAX: u64 = 4096;

/// Where a run must have ended by, whatever the product does.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// True time that may pass.
    pub time: Duration,
    /// Polls that may happen.
    pub polls: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { time: Duration::from_secs(4 * 3600), polls: 200_000_000 }
    }
}

/// Why a run did not reach its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The product panicked: it failed to keep its promise.
    #[error("{node} panicked in task `{task}`: {text}")]
    Panic {
        /// The node whose process died of it.
        node: String,
        /// The task that panicked.
        task: &'static str,
        /// What it said, and where.
        text: String,
    },
    /// Virtual time ran out.
    #[error("the run was not over after {seconds} s of virtual time")]
    OutOfTime {
        /// The bound.
        seconds: u64,
    },
    /// A task spins.
    #[error("more than {polls} polls: a task spins; the last one was `{task}` on {node}")]
    OutOfPolls {
        /// The bound.
        polls: u64,
        /// The node of the task polled last.
        node: String,
        /// The task polled last.
        task: &'static str,
    },
    /// Every task sleeps and nothing is due.
    #[error("every task waits and nothing is due: the run can never end")]
    Stuck,
    /// The simulator itself failed.
    #[error("the simulator failed: {text}")]
    Simulator {
        /// What it said.
        text: String,
    },
}

/// The world. Nodes, streams, files and clocks all point to it.
pub struct World {
    seeds: Seeds,
    bounds: Bounds,
    now: AtomicU64,
    polls: AtomicU64,
    queue: Mutex<Queue>,
    trace: Mutex<Trace>,
    net: Mutex<Net>,
    traps: Arc<Mutex<Traps>>,
    broken: Mutex<Option<Broken>>,
    /// Who runs the whole play, to be told that the world broke.
    player: Mutex<Option<Waker>>,
}

/// A lock that does not care about panics elsewhere: those are judged where they are caught.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    fn new(seeds: Seeds, bounds: Bounds) -> Self {
        Self {
            bounds,
            now: AtomicU64::new(0),
            polls: AtomicU64::new(0),
            queue: Mutex::default(),
            trace: Mutex::new(Trace::new(seeds.seed())),
            net: Mutex::new(Net::new(&seeds)),
            traps: Arc::default(),
            broken: Mutex::default(),
            player: Mutex::default(),
            seeds,
        }
    }

    /// What everything here is drawn from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seeds.seed()
    }

    /// Where streams of draws come from.
    pub(crate) fn seeds(&self) -> &Seeds {
        &self.seeds
    }

    /// True time: nanoseconds since the world began.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now.load(Relaxed)
    }

    /// How often a task was polled.
    #[must_use]
    pub fn polls(&self) -> u64 {
        self.polls.load(Relaxed)
    }

    /// The hash of everything that happened so far.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        locked(&self.trace).hash()
    }

    /// How many effects the hash covers.
    #[must_use]
    pub fn effects(&self) -> u64 {
        locked(&self.trace).effects()
    }

    /// The story, once; and how many events did not fit into it.
    #[must_use]
    pub fn take_story(&self) -> (Vec<Seen>, u64) {
        locked(&self.trace).take_story()
    }

    /// Writes every effect as a line from now on.
    pub fn log_to(&self, log: Box<dyn std::io::Write + Send>) {
        locked(&self.trace).log_to(log);
    }

    /// Folds an effect into the trace.
    pub(crate) fn saw(&self, node: u32, kind: Kind, a: u64, b: u64) {
        self.told(node, kind, (a, b), String::new());
    }

    /// Folds an effect with words into the trace.
    pub(crate) fn told(&self, node: u32, kind: Kind, (a, b): (u64, u64), text: String) {
        locked(&self.traps).step(node, kind, &text);
        locked(&self.trace).fold(Seen { at: self.now(), node, kind, a, b, text });
    }

    /// Waits for the next time that a node does this.
    pub(crate) fn lay_trap(&self, node: u32, on: Cue) -> Trap {
        Trap::lay(&self.traps, node, on)
    }

    /// Says that the run cannot go on. The first reason counts.
    pub(crate) fn broke(&self, why: Broken) {
        locked(&self.broken).get_or_insert(why);
        let player = locked(&self.player).take();
        if let Some(player) = player {
            player.wake();
        }
    }

    /// Why the run cannot go on.
    #[must_use]
    pub fn broken(&self) -> Option<Broken> {
        locked(&self.broken).clone()
    }

    /// Plans something for `at`; never in the past.
    pub(crate) fn plan(&self, at: u64, due: Due) -> Ticket {
        locked(&self.queue).add(at.max(self.now()), due)
    }

    /// Plans a call in `delay` nanoseconds.
    pub(crate) fn call_in(&self, delay: u64, call: impl FnOnce(&Arc<Self>) + Send + 'static) {
        self.plan(self.now().saturating_add(delay), Due::Call(Box::new(call)));
    }

    /// The queue of what is due.
    pub(crate) fn queue(&self) -> MutexGuard<'_, Queue> {
        locked(&self.queue)
    }

    /// Works on the network, then wakes whom that concerns, with the lock released: a woken task
    /// may be dropped on the spot, and dropping closes its streams.
    pub(crate) fn with_net<T>(&self, work: impl FnOnce(&mut Net, &mut Vec<Waker>) -> T) -> T {
        let mut wakers = vec![];
        let outcome = work(&mut locked(&self.net), &mut wakers);
        wakers.into_iter().for_each(Waker::wake);
        outcome
    }

    /// Counts one poll and lets its time pass. False when there were too many.
    pub(crate) fn polled(&self) -> bool {
        let before = self.now.fetch_add(POLL_NS, Relaxed);
        self.reached(before + POLL_NS);
        self.polls.fetch_add(1, Relaxed) < self.bounds.polls
    }

    /// If another future begins now: from here on its tasks run in another order, too.
    fn reached(&self, now: u64) {
        let Some(shuffle) = self.seeds.reach(now) else { return };
        // The executor's own numbers cannot be given another seed, but some can be left out.
        for _ in 0..=shuffle % SKIPPED_MAX {
            let _: u64 = madsim::rand::random();
        }
    }

    /// How many polls a run may have.
    pub(crate) fn polls_max(&self) -> u64 {
        self.bounds.polls
    }

    /// Does everything that is due now.
    pub(crate) fn fire_due(self: &Arc<Self>) {
        loop {
            let due = locked(&self.queue).take_due(self.now());
            match due {
                Some(Due::Wake { waker, .. }) => waker.wake(),
                Some(Due::Call(call)) => call(self),
                None => return,
            }
        }
    }

    /// Every task sleeps: jumps to the next entry and does what is due.
    fn jump(self: &Arc<Self>) {
        let next = locked(&self.queue).next_at().filter(|at| *at != u64::MAX);
        let Some(at) = next else { return self.broke(Broken::Stuck) };
        let limit = u64::try_from(self.bounds.time.as_nanos()).unwrap_or(u64::MAX);
        if limit < at {
            return self.broke(Broken::OutOfTime { seconds: self.bounds.time.as_secs() });
        }
        let before = self.now.fetch_max(at, Relaxed);
        self.reached(before.max(at));
        self.fire_due();
    }

    /// Completes when true time has reached `at`. For the world's own actors; nodes have clocks.
    pub async fn until(self: &Arc<Self>, at: u64) {
        let mut asked = false;
        std::future::poll_fn(|cx: &mut Context<'_>| {
            if at <= self.now() {
                return Poll::Ready(());
            }
            if !asked {
                asked = true;
                let waker = cx.waker().clone();
                self.plan(at, Due::Call(Box::new(move |_| waker.wake())));
            }
            Poll::Pending
        })
        .await;
    }

    /// Completes after `span` of true time.
    pub async fn pass(self: &Arc<Self>, span: Duration) {
        let span = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.until(self.now().saturating_add(span)).await;
    }
}

/// Plays `play` in a new world under `seed`, to its end or to the first reason why it cannot end.
///
/// Runs on a thread of its own, because the order of a `HashMap` somewhere below is fixed per
/// thread by the first use: a thread that never held one takes it from the seed.
pub fn run<T, F>(
    seed: u64,
    bounds: Bounds,
    play: impl FnOnce(Arc<World>) -> F + Send + 'static,
) -> (Arc<World>, Result<T, Broken>)
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    run_branched(Seeds::new(seed, None), bounds, play)
}

/// Plays `play` as [`run`] does, in a world that may turn to another future on its way.
pub(crate) fn run_branched<T, F>(
    seeds: Seeds,
    bounds: Bounds,
    play: impl FnOnce(Arc<World>) -> F + Send + 'static,
) -> (Arc<World>, Result<T, Broken>)
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let seed = seeds.seed();
    let world = Arc::new(World::new(seeds, bounds));
    let inside = world.clone();
    let body = move || {
        let schedule = Draw::derive(seed, "schedule", 0).bits();
        let runtime =
            madsim::runtime::Runtime::with_seed_and_config(schedule, madsim::Config::default());
        runtime.block_on(async {
            let pump = inside.clone();
            madsim::task::spawn_local(async move {
                loop {
                    madsim::time::sleep(Duration::from_millis(1)).await;
                    pump.jump();
                }
            });
            played(&inside, play(inside.clone())).await
        })
    };
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(body);
    let outcome = match thread.map(std::thread::JoinHandle::join) {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => Err(Broken::Simulator { text: crate::tasks::text_of(&*panic) }),
        Err(error) => Err(Broken::Simulator { text: format!("no thread to run on: {error}") }),
    };
    locked(&world.trace).flush();
    (world, outcome)
}

/// Polls the play until it is over or the world broke.
async fn played<T>(world: &Arc<World>, play: impl Future<Output = T>) -> Result<T, Broken> {
    let mut play = pin!(play);
    std::future::poll_fn(move |cx| {
        if let Poll::Ready(outcome) = play.as_mut().poll(cx) {
            return Poll::Ready(world.broken().map_or(Ok(outcome), Err));
        }
        if let Some(why) = world.broken() {
            return Poll::Ready(Err(why));
        }
        *locked(&world.player) = Some(cx.waker().clone());
        Poll::Pending
    })
    .await
}
