//! Faults by the swarm: each seed switches a random subset of kinds on, with weights of its own.
//!
//! Switching kinds off reaches states that "everything on" hides. A fault lasts for a while before
//! the next may undo it, and a node that is down is not struck again, so faults do not cancel.

use crate::{
    dice::Dice,
    draft::Draft,
    fault::{DiskCall, Fault, Struck, Unsynced},
};

/// A kind of fault that a swarm can draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hazard {
    /// Processes of brokers die.
    BrokerCrash,
    /// Brokers are asked to stop.
    BrokerStop,
    /// Operating systems of brokers panic.
    OsCrash,
    /// Brokers lose power.
    PowerCut,
    /// Brokers lose their disk.
    DiskLoss,
    /// Processes of brokers stand still.
    BrokerPause,
    /// Name servers die.
    NameServerCrash,
    /// Clients die.
    ClientCrash,
    /// Clients stand still.
    ClientPause,
    /// Sides cannot talk.
    Partition,
    /// One node cannot talk.
    Isolate,
    /// One direction is cut.
    OneWay,
    /// Links are slow.
    SlowLink,
    /// Connections stall.
    Stall,
    /// Connections are reset.
    Reset,
    /// Wall clocks jump.
    ClockStep,
    /// Clocks drift.
    ClockDrift,
    /// Wall clocks stand still.
    ClockFreeze,
    /// Disks are full.
    DiskFull,
    /// Disks are filled up to a mark.
    DiskFilled,
    /// Reads fail.
    ReadError,
    /// Writes fail.
    WriteError,
    /// Syncs fail.
    SyncError,
    /// Syncs are slow.
    DiskSlow,
}

impl Hazard {
    /// Everything but [`Hazard::DiskLoss`] and [`Hazard::DiskFilled`], which take so much that they
    /// hide other things, and [`Hazard::OsCrash`], which is here what [`Hazard::PowerCut`] is.
    pub(crate) const MOST: [Self; 21] = [
        Self::BrokerCrash,
        Self::BrokerStop,
        Self::PowerCut,
        Self::BrokerPause,
        Self::NameServerCrash,
        Self::ClientCrash,
        Self::ClientPause,
        Self::Partition,
        Self::Isolate,
        Self::OneWay,
        Self::SlowLink,
        Self::Stall,
        Self::Reset,
        Self::ClockStep,
        Self::ClockDrift,
        Self::ClockFreeze,
        Self::DiskFull,
        Self::ReadError,
        Self::WriteError,
        Self::SyncError,
        Self::DiskSlow,
    ];
}

/// How often faults strike and how long they last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tempo {
    /// Shortest time between two faults, in milliseconds.
    pub(crate) gap_ms_min: u64,
    /// Longest time between two faults.
    pub(crate) gap_ms_max: u64,
    /// Shortest time that a fault lasts.
    pub(crate) lasts_ms_min: u64,
    /// Longest time that a fault lasts.
    pub(crate) lasts_ms_max: u64,
}

impl Tempo {
    /// Of all the tempos that make sense, one.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let gap = dice.magnitude(300, 6_000);
        let lasts = dice.magnitude(100, 6_000);
        Self {
            gap_ms_min: gap / 2,
            gap_ms_max: gap * 2,
            lasts_ms_min: lasts / 2,
            lasts_ms_max: lasts * 3,
        }
    }
}

/// Switches a random, non-empty subset of a menu on, each with a weight.
pub(crate) fn subset(dice: &mut Dice, menu: &[Hazard]) -> Vec<(Hazard, u64)> {
    let keep = dice.between(15, 85);
    let mut chosen: Vec<_> = menu
        .iter()
        .map(|&hazard| (hazard, dice.percent(keep), dice.between(1, 100)))
        .filter(|&(_, on, _)| on)
        .map(|(hazard, _, weight)| (hazard, weight))
        .collect();
    if chosen.is_empty() {
        chosen.extend(dice.one_of(menu).map(|&hazard| (hazard, 1)));
    }
    chosen
}

/// Fills the faults of a draft from `menu`, between the third second and the heal.
pub(crate) fn swarm(draft: &mut Draft, menu: &[(Hazard, u64)], tempo: Tempo) {
    let end_ms = draft.plan.timing.heal_at_ms;
    let mut at_ms = 3_000;
    let mut busy = Busy::default();
    while at_ms < end_ms {
        let lasts_ms = draft.faults.between(tempo.lasts_ms_min, tempo.lasts_ms_max);
        if let Some(hazard) = pick(&mut draft.faults, menu) {
            strike(draft, &mut busy, hazard, (at_ms, lasts_ms));
        }
        at_ms += draft.faults.between(tempo.gap_ms_min.max(1), tempo.gap_ms_max.max(1));
    }
}

pub(crate) fn pick(dice: &mut Dice, menu: &[(Hazard, u64)]) -> Option<Hazard> {
    let mut left = dice.below(menu.iter().map(|(_, weight)| weight).sum());
    for &(hazard, weight) in menu {
        if left < weight {
            return Some(hazard);
        }
        left -= weight;
    }
    None
}

/// Until when a node is struck already.
#[derive(Default)]
pub(crate) struct Busy(Vec<(String, u64)>);

impl Busy {
    fn is_free(&self, node: &str, at_ms: u64) -> bool {
        !self.0.iter().any(|(busy, until)| busy == node && at_ms <= *until)
    }

    fn take(&mut self, node: &str, until_ms: u64) {
        self.0.retain(|(busy, _)| busy != node);
        self.0.push((node.to_owned(), until_ms));
    }
}

fn strike(draft: &mut Draft, busy: &mut Busy, hazard: Hazard, span: (u64, u64)) {
    let victims = victims(draft, hazard);
    let Some(node) = draft.faults.one_of(&victims).cloned() else { return };
    strike_node(draft, busy, (hazard, node), span);
}

/// The names of all whom a hazard can strike.
pub(crate) fn victims(draft: &Draft, hazard: Hazard) -> Vec<String> {
    match hazard {
        Hazard::NameServerCrash => draft.name_server_names(),
        Hazard::ClientCrash | Hazard::ClientPause => draft.client_names(),
        Hazard::ClockStep | Hazard::ClockDrift | Hazard::ClockFreeze => {
            let mut all = draft.broker_names();
            all.extend(draft.name_server_names());
            all.extend(draft.client_names());
            all
        }
        Hazard::Isolate => {
            let mut all = draft.broker_names();
            all.extend(draft.client_names());
            all
        }
        _ => draft.broker_names(),
    }
}

/// Lets a hazard strike one of its victims at a time in milliseconds, for so many milliseconds.
pub(crate) fn strike_node(
    draft: &mut Draft,
    busy: &mut Busy,
    (hazard, node): (Hazard, String),
    span: (u64, u64),
) {
    match hazard {
        Hazard::BrokerCrash
        | Hazard::BrokerStop
        | Hazard::OsCrash
        | Hazard::PowerCut
        | Hazard::DiskLoss
        | Hazard::NameServerCrash
        | Hazard::ClientCrash
        | Hazard::BrokerPause
        | Hazard::ClientPause => end_process(draft, busy, (hazard, node), span),
        Hazard::Partition
        | Hazard::Isolate
        | Hazard::OneWay
        | Hazard::SlowLink
        | Hazard::Stall
        | Hazard::Reset => cut(draft, hazard, node, span),
        Hazard::ClockStep | Hazard::ClockDrift | Hazard::ClockFreeze => {
            turn_clock(draft, hazard, node, span);
        }
        Hazard::DiskFull
        | Hazard::DiskFilled
        | Hazard::ReadError
        | Hazard::WriteError
        | Hazard::SyncError
        | Hazard::DiskSlow => hurt_disk(draft, busy, (hazard, node), span),
    }
}

fn add(draft: &mut Draft, at_ms: u64, fault: Fault) {
    draft.plan.faults.push(Struck { at_ms, fault });
}

/// A process ends or stands still, and is started again or goes on.
fn end_process(
    draft: &mut Draft,
    busy: &mut Busy,
    (hazard, node): (Hazard, String),
    (at_ms, lasts_ms): (u64, u64),
) {
    if !busy.is_free(&node, at_ms) {
        return;
    }
    busy.take(&node, at_ms + lasts_ms);
    let unsynced = [Unsynced::Torn, Unsynced::Torn, Unsynced::Lost, Unsynced::Kept];
    let unsynced = *draft.faults.one_of(&unsynced).unwrap_or(&Unsynced::Torn);
    let again = draft.faults.percent(15);
    let named = node.clone();
    let (fault, end) = match hazard {
        Hazard::BrokerStop => (Fault::StopGracefully { node }, Fault::Restart { node: named }),
        Hazard::OsCrash => (Fault::OsCrash { node, unsynced }, Fault::Restart { node: named }),
        Hazard::PowerCut => (Fault::PowerCut { node, unsynced }, Fault::Restart { node: named }),
        Hazard::DiskLoss => (Fault::DiskLoss { node }, Fault::Restart { node: named }),
        Hazard::BrokerPause | Hazard::ClientPause => {
            (Fault::Pause { node }, Fault::Resume { node: named })
        }
        _ => (Fault::Crash { node }, Fault::Restart { node: named }),
    };
    add(draft, at_ms, fault.clone());
    add(draft, at_ms + lasts_ms, end.clone());
    // Now and then a node is struck again while it recovers.
    let restarts =
        matches!(fault, Fault::Crash { .. } | Fault::OsCrash { .. } | Fault::PowerCut { .. });
    if again && restarts {
        let soon_ms = at_ms + lasts_ms + draft.faults.magnitude(1, 64);
        let later_ms = soon_ms + draft.faults.between(50, 1_000);
        if let Some(node) = fault.nodes().first() {
            busy.take(node, later_ms);
        }
        add(draft, soon_ms, fault);
        add(draft, later_ms, end);
    }
}

fn cut(draft: &mut Draft, hazard: Hazard, node: String, (at_ms, lasts_ms): (u64, u64)) {
    let mut others = draft.name_server_names();
    others.extend(draft.broker_names());
    others.extend(draft.client_names());
    others.retain(|other| *other != node);
    let Some(other) = draft.faults.one_of(&others).cloned() else { return };
    let fault = match hazard {
        Hazard::Partition => {
            let (mut left, mut right) = (vec![node], Vec::new());
            for other in others {
                // Some nodes are on no side: then a partition is a triangle, not a split.
                match draft.faults.below(5) {
                    0 | 1 => left.push(other),
                    2 | 3 => right.push(other),
                    _ => {}
                }
            }
            Fault::Partition { sides: vec![left, right] }
        }
        Hazard::Isolate => Fault::Isolate { node },
        Hazard::OneWay => match draft.faults.below(2) {
            0 => Fault::AsymmetricCut { from: vec![node], to: vec![other] },
            _ => Fault::AsymmetricCut { from: vec![other], to: vec![node] },
        },
        Hazard::SlowLink => {
            let delay_ms = draft.faults.magnitude(10, 2_000);
            let jitter_ms = draft.faults.between(0, delay_ms);
            Fault::SlowLink { a: node, b: other, delay_ms, jitter_ms }
        }
        Hazard::Stall => Fault::Stall { a: node, b: other, for_ms: lasts_ms },
        _ => Fault::Reset { a: node, b: other },
    };
    let heals = !matches!(fault, Fault::Stall { .. } | Fault::Reset { .. });
    add(draft, at_ms, fault);
    if heals {
        add(draft, at_ms + lasts_ms, Fault::HealNetwork);
    }
}

fn turn_clock(draft: &mut Draft, hazard: Hazard, node: String, (at_ms, lasts_ms): (u64, u64)) {
    let dice = &mut draft.faults;
    let fault = match hazard {
        Hazard::ClockStep => {
            let by_ms = i64::try_from(dice.magnitude(1, 600_000)).unwrap_or(1);
            Fault::ClockStep { node, by_ms: if dice.percent(50) { -by_ms } else { by_ms } }
        }
        Hazard::ClockDrift => {
            let ppm = i32::try_from(dice.magnitude(1, 1_000)).unwrap_or(1);
            Fault::ClockDrift { node, ppm: if dice.percent(50) { -ppm } else { ppm } }
        }
        _ => Fault::ClockFreeze { node, for_ms: lasts_ms },
    };
    add(draft, at_ms, fault);
}

fn hurt_disk(
    draft: &mut Draft,
    busy: &mut Busy,
    (hazard, node): (Hazard, String),
    (at_ms, lasts_ms): (u64, u64),
) {
    let per_mille = *draft.faults.one_of(&[10, 200, 1_000]).unwrap_or(&1_000);
    let error = |node, on| Fault::DiskError { node, on, per_mille, for_ms: lasts_ms };
    let named = node.clone();
    match hazard {
        Hazard::DiskFull => {
            add(draft, at_ms, Fault::DiskFull { node });
            add(draft, at_ms + lasts_ms, Fault::DiskFree { node: named.clone() });
        }
        Hazard::DiskFilled => {
            // Around the marks from which old segments go, any segment goes, and sends are refused.
            let used_percent = u8::try_from(draft.faults.between(70, 95)).unwrap_or(95);
            add(draft, at_ms, Fault::DiskFilled { node, used_percent });
            add(draft, at_ms + lasts_ms, Fault::DiskFree { node: named.clone() });
        }
        Hazard::DiskSlow => {
            let by_ms = draft.faults.magnitude(5, 3_000);
            add(draft, at_ms, Fault::DiskSlow { node, by_ms, for_ms: lasts_ms });
        }
        Hazard::ReadError => add(draft, at_ms, error(node, DiskCall::Read)),
        Hazard::WriteError => add(draft, at_ms, error(node, DiskCall::Write)),
        _ => add(draft, at_ms, error(node, DiskCall::Sync)),
    }
    // A store that was refused a write or a sync stays closed until the broker is started again,
    // as an operator would do.
    let closes = matches!(hazard, Hazard::DiskFull | Hazard::WriteError | Hazard::SyncError);
    let soon_ms = at_ms + lasts_ms + 500;
    if closes && draft.faults.percent(70) && busy.is_free(&named, soon_ms) {
        busy.take(&named, soon_ms + 500);
        add(draft, soon_ms, Fault::Crash { node: named.clone() });
        add(draft, soon_ms + 500, Fault::Restart { node: named });
    }
}
