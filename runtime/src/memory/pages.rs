//! A sparse array of bytes in shared pages, which knows what changed since it was last copied.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

const PAGE_BYTES: usize = 4096;

type Page = [u8; PAGE_BYTES];

/// Bytes `0..len`; a page that is absent reads as zeroes.
#[derive(Clone, Default)]
pub(super) struct Pages {
    len: u64,
    pages: BTreeMap<u64, Arc<Page>>,
    changed: BTreeSet<u64>,
}

impl Pages {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn set_len(&mut self, len: u64) {
        if len < self.len {
            let (keep, within) = position(len);
            let cut = self.pages.split_off(&(keep + u64::from(within != 0)));
            self.changed.extend(cut.keys());
            if within != 0
                && let Some(page) = self.pages.get_mut(&keep)
            {
                Arc::make_mut(page)[within..].fill(0);
                self.changed.insert(keep);
            }
        }
        self.len = len;
    }

    /// Copies what there is at `at` into `buffer` and says how much it was.
    pub(super) fn read(&self, at: u64, buffer: &mut [u8]) -> usize {
        let available = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
        let total = buffer.len().min(available);
        let mut done = 0;
        while done < total {
            let (number, within) = position(at + done as u64);
            let count = (total - done).min(PAGE_BYTES - within);
            let target = &mut buffer[done..done + count];
            match self.pages.get(&number) {
                Some(page) => target.copy_from_slice(&page[within..within + count]),
                None => target.fill(0),
            }
            done += count;
        }
        total
    }

    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) {
        let mut done = 0;
        while done < bytes.len() {
            let (number, within) = position(at + done as u64);
            let count = (bytes.len() - done).min(PAGE_BYTES - within);
            let page = self.pages.entry(number).or_insert_with(|| Arc::new([0; PAGE_BYTES]));
            Arc::make_mut(page)[within..within + count].copy_from_slice(&bytes[done..done + count]);
            self.changed.insert(number);
            done += count;
        }
        self.len = self.len.max(at + bytes.len() as u64);
    }

    /// Takes what changed for copied, although it was not.
    pub(super) fn forget_changes(&mut self) {
        self.changed.clear();
    }

    /// Makes `target`, which has seen all earlier changes, equal to `self`.
    pub(super) fn copy_changes_to(&mut self, target: &mut Self) {
        for number in std::mem::take(&mut self.changed) {
            match self.pages.get(&number) {
                Some(page) => target.pages.insert(number, page.clone()),
                None => target.pages.remove(&number),
            };
        }
        target.len = self.len;
    }
}

/// The page that holds byte `at`, and where in it.
fn position(at: u64) -> (u64, usize) {
    let page_bytes = PAGE_BYTES as u64;
    (at / page_bytes, usize::try_from(at % page_bytes).unwrap_or(0))
}
