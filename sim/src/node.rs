//! Machines and the processes on them.
//!
//! A [`Node`] is a machine: an address, a disk, two clocks. A [`Life`] is one incarnation of the
//! process on it. Everything a process can do to the world goes through its life and asks first
//! whether that life is still going on; so a process dies between any two of its effects, and what
//! its destructors do afterwards changes nothing.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::Waker,
};

use runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::{Clocks, NodeClock},
    disk::{NodeDisk, Platter},
    entropy::SeedEntropy,
    net::NodeNet,
    tasks::NodeTasks,
    world::{Broken, Draw, Kind, World, locked},
};

/// Milliseconds since 1970 at which the world begins, unless the plan says otherwise.
pub(crate) const EPOCH_MS: i64 = 1_795_000_000_000;

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// The process is killed: its page cache and its kernel live on.
    Kill,
    /// The machine loses power: everything not synced may be kept, lost or torn; peers hear nothing.
    PowerCut,
    /// The process ended by itself.
    Exit,
}

/// A machine.
pub struct Node {
    /// Counted from 1; also the last byte of its address.
    pub id: u32,
    /// Its host name.
    pub name: String,
    pub(crate) world: Arc<World>,
    pub(crate) clocks: Mutex<Clocks>,
    pub(crate) disk: Mutex<Platter>,
    lives: AtomicU64,
    life: Mutex<Option<Arc<Life>>>,
    myself: Weak<Self>,
}

impl Node {
    /// A machine that is switched off. Ids are 1 to 250, each used once.
    #[must_use]
    pub fn new(world: &Arc<World>, id: u32, name: impl Into<String>) -> Arc<Self> {
        let name = name.into();
        let up_ns = Draw::derive(world.seed(), "uptime", u64::from(id)).below(1 << 40);
        world.with_net(|net, _| net.add_host(id, &name));
        Arc::new_cyclic(|myself| Self {
            id,
            world: world.clone(),
            clocks: Mutex::new(Clocks::new(world.now(), EPOCH_MS, up_ns)),
            disk: Mutex::new(Platter::new(world.seeds(), id)),
            lives: AtomicU64::new(0),
            life: Mutex::default(),
            myself: myself.clone(),
            name,
        })
    }

    /// Its IPv4 address.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        ip_of(self.id)
    }

    /// Starts a process. The one before must have ended.
    ///
    /// # Panics
    /// If a process is running: that is an error of the play, not of the product.
    #[must_use]
    pub fn boot(&self) -> Process {
        assert!(self.life().is_none(), "{} is running already", self.name);
        let number = self.lives.fetch_add(1, Relaxed) + 1;
        let node = self.myself.upgrade().expect("a node outlives its own calls");
        self.world.with_net(|net, wakers| net.host_up(&self.world, self.id, wakers));
        let life = Arc::new(Life {
            number,
            alive: AtomicBool::new(true),
            paused: AtomicBool::new(false),
            parked: Mutex::default(),
            effects: AtomicU64::new(0),
            dies_at: Mutex::default(),
            tasks: AtomicU64::new(0),
            stop: CancellationToken::new(),
            ended: CancellationToken::new(),
            how: Mutex::default(),
            died_at: AtomicU64::new(u64::MAX),
            executor: madsim::runtime::Handle::current().create_node().name(&self.name).build(),
            node,
        });
        *locked(&self.life) = Some(life.clone());
        self.world.saw(self.id, Kind::Boot, number, 0);
        let runtime = Runtime {
            clock: Arc::new(NodeClock(life.clone())),
            net: Arc::new(NodeNet(life.clone())),
            disk: Arc::new(NodeDisk(life.clone())),
            tasks: Arc::new(NodeTasks(life.clone())),
            entropy: Arc::new(SeedEntropy::new(self.world.seeds(), self.id, number)),
        };
        Process { runtime, life }
    }

    /// The process that runs now.
    pub(crate) fn life(&self) -> Option<Arc<Life>> {
        locked(&self.life).clone()
    }

    /// Whether a process runs.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.life().is_some()
    }

    /// How many processes were started here.
    #[must_use]
    pub fn lives(&self) -> u64 {
        self.lives.load(Relaxed)
    }

    /// Ends the process, if one runs, or takes the power from an idle machine. Says whether a
    /// process died of it.
    pub fn die(&self, how: Death) -> bool {
        let life = locked(&self.life).take();
        if let Some(life) = &life {
            life.end(how);
        }
        if life.is_some() || how == Death::PowerCut {
            self.fall(how, life.as_ref().map_or(0, |life| life.number));
        }
        life.is_some()
    }

    /// What the machine does when its process is gone.
    fn fall(&self, how: Death, number: u64) {
        let (now, power) = (self.world.now(), how == Death::PowerCut);
        self.world.told(self.id, Kind::Death, (number, 0), format!("{how:?}"));
        self.world.with_net(|net, wakers| {
            if power {
                net.host_down(self.id, wakers);
            } else {
                net.process_gone(&self.world, self.id, wakers);
            }
        });
        let mut disk = locked(&self.disk);
        disk.close_all();
        if power {
            let up_ns = self.world.seeds().stream("uptime", now ^ u64::from(self.id));
            locked(&self.clocks).power_cycle(now, { up_ns }.below(1 << 36));
            let told = disk.power_cut();
            drop(disk);
            self.world.told(self.id, Kind::Fault, (told.kept, told.lost), told.words());
        }
    }

    /// Stops the process without ending it: its kernel goes on, its tasks do not.
    pub fn pause(&self) -> bool {
        let Some(life) = self.life() else { return false };
        self.world.told(self.id, Kind::Note, (life.number, 0), "paused".into());
        !life.paused.swap(true, Relaxed)
    }

    /// Lets a stopped process go on.
    pub fn resume(&self) {
        let Some(life) = self.life() else { return };
        if life.paused.swap(false, Relaxed) {
            self.world.told(self.id, Kind::Note, (life.number, 0), "resumed".into());
            let parked = std::mem::take(&mut *locked(&life.parked));
            parked.into_iter().for_each(Waker::wake);
        }
    }

    /// Asks the process to end, as SIGTERM does.
    pub fn ask_to_stop(&self) {
        if let Some(life) = self.life() {
            self.world.told(self.id, Kind::Note, (life.number, 0), "SIGTERM".into());
            life.stop.cancel();
        }
    }

    /// The process dies by itself after `effects` more effects on the world.
    pub fn die_after(&self, effects: u64, how: Death) {
        if let Some(life) = self.life() {
            let at = life.effects.load(Relaxed) + effects.max(1);
            *locked(&life.dies_at) = Some((at, how));
        }
    }
}

/// A started process: what to run it with, and how to learn of its end.
pub struct Process {
    /// The world as the process sees it.
    pub runtime: Runtime,
    life: Arc<Life>,
}

impl Process {
    /// Which incarnation of the node this is, counted from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.life.number
    }

    /// Completes when the process has ended, and says how.
    pub async fn ended(&self) -> Death {
        self.life.ended.cancelled().await;
        locked(&self.life.how).unwrap_or(Death::Exit)
    }

    /// True time of its death in nanoseconds, once it has died.
    #[must_use]
    pub fn died_at(&self) -> Option<u64> {
        Some(self.life.died_at.load(Relaxed)).filter(|at| *at != u64::MAX)
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.life.is_alive()
    }
}

/// One incarnation of the process on a node.
pub(crate) struct Life {
    pub(crate) node: Arc<Node>,
    /// Counted from 1 on each node.
    pub(crate) number: u64,
    alive: AtomicBool,
    paused: AtomicBool,
    /// Tasks that were to run while the process was paused.
    parked: Mutex<Vec<Waker>>,
    effects: AtomicU64,
    dies_at: Mutex<Option<(u64, Death)>>,
    pub(crate) tasks: AtomicU64,
    /// Cancelled by SIGTERM.
    pub(crate) stop: CancellationToken,
    /// Cancelled by its end.
    ended: CancellationToken,
    /// How it ended.
    how: Mutex<Option<Death>>,
    died_at: AtomicU64,
    pub(crate) executor: madsim::runtime::NodeHandle,
}

impl Life {
    /// Whether this process still has any effect on the world.
    pub(crate) fn is_alive(&self) -> bool {
        self.alive.load(Relaxed)
    }

    /// Whether it is paused; if so, `waker` is called when it goes on.
    pub(crate) fn is_parked(&self, waker: &Waker) -> bool {
        let paused = self.paused.load(Relaxed);
        if paused {
            locked(&self.parked).push(waker.clone());
        }
        paused
    }

    /// Asked before each effect: may it happen? Here a process dies between two effects.
    pub(crate) fn may(&self) -> bool {
        if !self.is_alive() {
            return false;
        }
        let done = self.effects.fetch_add(1, Relaxed) + 1;
        let dies = locked(&self.dies_at).filter(|(at, _)| *at <= done);
        if let Some((_, how)) = dies {
            self.node.die(how);
        }
        dies.is_none()
    }

    /// The product panicked: in production the process would abort.
    pub(crate) fn panicked(&self, task: &'static str, text: String) {
        let node = self.node.name.clone();
        self.node.world.told(self.node.id, Kind::Note, (self.number, 0), text.clone());
        self.node.world.broke(Broken::Panic { node, task, text });
        self.node.die(Death::Kill);
    }

    fn end(&self, how: Death) {
        self.alive.store(false, Relaxed);
        self.died_at.store(self.node.world.now(), Relaxed);
        // Its tasks are woken once more, only to be dropped.
        madsim::runtime::Handle::current().kill(self.executor.id());
        let parked = std::mem::take(&mut *locked(&self.parked));
        parked.into_iter().for_each(Waker::wake);
        *locked(&self.how) = Some(how);
        self.ended.cancel();
    }
}

/// The IPv4 address of a node.
pub(crate) fn ip_of(id: u32) -> IpAddr {
    let [_, _, high, low] = id.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(10, 0, high, low))
}

/// The IPv6 address of a node.
pub(crate) fn ip6_of(id: u32) -> IpAddr {
    let [_, _, high, low] = id.to_be_bytes();
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, u16::from_be_bytes([high, low])))
}

/// The node that has an address; `me` for a loopback address. `None` if nobody has it.
pub(crate) fn node_at(ip: IpAddr, me: u32) -> Option<u32> {
    if ip.is_loopback() || ip.is_unspecified() {
        return Some(me);
    }
    match ip {
        IpAddr::V4(ip) => match ip.octets() {
            [10, 0, high, low] => Some(u32::from(u16::from_be_bytes([high, low]))),
            _ => None,
        },
        IpAddr::V6(ip) => match ip.segments() {
            [0xfd00, 0, 0, 0, 0, 0, 0, id] => Some(u32::from(id)),
            _ => None,
        },
    }
}
