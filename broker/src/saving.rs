//! Which generation of each table is on the disk, and which was asked for.

use std::collections::BTreeMap;

use crate::event::Table;

#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    asked: u64,
    saved: u64,
    // Invariant: saved <= asked, except after a failure, which takes `asked` back to `saved`.
}

/// Progress of every table.
#[derive(Debug, Default)]
pub(crate) struct Saving {
    tables: BTreeMap<Table, Progress>,
}

impl Saving {
    /// Asks for a generation. False if that one or a newer one was asked for already.
    pub(crate) fn ask(&mut self, table: Table, generation: u64) -> bool {
        let progress = self.tables.entry(table).or_default();
        let fresh = progress.asked < generation;
        if fresh {
            progress.asked = generation;
        }
        fresh
    }

    /// A save ended. What failed is asked for again with the next change or tick.
    pub(crate) fn saved(&mut self, table: Table, generation: u64, ok: bool) {
        let progress = self.tables.entry(table).or_default();
        if ok {
            progress.saved = progress.saved.max(generation);
            progress.asked = progress.asked.max(generation);
        } else {
            progress.asked = progress.saved;
        }
    }

    /// The generation that is on the disk.
    pub(crate) fn saved_generation(&self, table: Table) -> u64 {
        self.tables.get(&table).map_or(0, |progress| progress.saved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_asked_for_once_and_again_after_a_failure() {
        let mut saving = Saving::default();
        assert!(!saving.ask(Table::Topics, 0), "nothing has changed");
        assert!(saving.ask(Table::Topics, 1));
        assert!(!saving.ask(Table::Topics, 1));
        saving.saved(Table::Topics, 1, false);
        assert!(saving.ask(Table::Topics, 1));
        saving.saved(Table::Topics, 1, true);
        assert_eq!(1, saving.saved_generation(Table::Topics));
        assert!(!saving.ask(Table::Topics, 1));
    }
}
