//! Traps: whoever laid one hears when a node does what it waits for.

use std::sync::{Arc, Mutex};

use scenarios::Cue;
use tokio_util::sync::CancellationToken;

use super::{Kind, locked};

/// Traps that wait.
#[derive(Default)]
pub(crate) struct Traps(Vec<(u32, Cue, CancellationToken)>);

impl Traps {
    /// A node did something: springs what waits for it.
    pub(super) fn step(&mut self, node: u32, kind: Kind, text: &str) {
        if self.0.is_empty() {
            return;
        }
        self.0.retain(|(whom, on, sprung)| {
            let steps = *whom == node && is_cue(*on, kind, text);
            if steps {
                sprung.cancel();
            }
            !steps
        });
    }
}

fn is_cue(on: Cue, kind: Kind, text: &str) -> bool {
    match (on, kind) {
        (Cue::Creates, Kind::Name) => text.starts_with("create "),
        (Cue::Renames, Kind::Name) => text.starts_with("rename "),
        (Cue::Removes, Kind::Name) => text.starts_with("remove "),
        (Cue::Complains, Kind::Said) => text.starts_with("WARN") || text.starts_with("ERROR"),
        _ => false,
    }
}

/// One trap. It is taken up when this is dropped.
pub(crate) struct Trap {
    traps: Arc<Mutex<Traps>>,
    sprung: CancellationToken,
}

impl Trap {
    pub(super) fn lay(traps: &Arc<Mutex<Traps>>, node: u32, on: Cue) -> Self {
        let sprung = CancellationToken::new();
        locked(traps).0.push((node, on, sprung.clone()));
        Self { traps: traps.clone(), sprung }
    }

    /// Waits until somebody has stepped into it.
    pub(crate) async fn sprung(&self) {
        self.sprung.cancelled().await;
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        // Its own token is in the list only while it waits.
        let mut traps = locked(&self.traps);
        if !self.sprung.is_cancelled() {
            self.sprung.cancel();
            traps.0.retain(|(_, _, sprung)| !sprung.is_cancelled());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(traps: &Arc<Mutex<Traps>>, node: u32, kind: Kind, text: &str) {
        locked(traps).step(node, kind, text);
    }

    #[test]
    fn a_trap_springs_once_for_its_node_and_its_cue() {
        let traps = Arc::default();
        let trap = Trap::lay(&traps, 3, Cue::Removes);
        step(&traps, 2, Kind::Name, "remove /a");
        step(&traps, 3, Kind::Name, "create /a");
        step(&traps, 3, Kind::Said, "remove /a");
        assert!(!trap.sprung.is_cancelled());
        step(&traps, 3, Kind::Name, "remove /a");
        assert!(trap.sprung.is_cancelled());
        assert!(locked(&traps).0.is_empty());
    }

    #[test]
    fn a_trap_that_was_dropped_leaves_the_others() {
        let traps = Arc::default();
        let kept = Trap::lay(&traps, 3, Cue::Complains);
        drop(Trap::lay(&traps, 3, Cue::Complains));
        assert_eq!(locked(&traps).0.len(), 1);
        step(&traps, 3, Kind::Said, "WARN: disk");
        assert!(kept.sprung.is_cancelled());
    }
}
