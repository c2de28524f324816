//! The bytes of one file, twice: as the page cache has them, and as the platter has them.
//!
//! A write changes the cache and marks sectors dirty. A sync takes the dirty pages as they are at
//! its start, and puts them on the platter at its end. A power cut leaves the platter, plus what
//! the draw grants of everything that was dirty or under way: any sectors of it, and sometimes the
//! first half of one.

mod at_risk;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

pub(crate) use at_risk::Risk;

use crate::world::{Draw, of_bytes};

const PAGE_BYTES: usize = 4096;
const SECTOR_BYTES: usize = 512;
/// All eight sectors of a page.
const WHOLE: u8 = 0xff;

type Page = [u8; PAGE_BYTES];

/// One layer: bytes `0..len`; a page that is absent reads as zeroes and costs nothing.
#[derive(Clone, Default)]
struct Layer {
    len: u64,
    pages: BTreeMap<u64, Arc<Page>>,
}

/// A dirty page as it was when a sync began. `None`: cut away, so zeroes.
type Dirty = (u64, Option<Arc<Page>>, u8);

/// A sync that is under way.
#[derive(Clone)]
struct Writeback {
    number: u64,
    pages: Vec<Dirty>,
    len: u64,
}

/// One file.
#[derive(Clone, Default)]
pub(crate) struct Content {
    cache: Layer,
    platter: Layer,
    /// Sectors that differ from what the last sync took, one bit each, by page.
    dirty: BTreeMap<u64, u8>,
    under_way: VecDeque<Writeback>,
    syncs: u64,
    /// Below this every page was paid for.
    preallocated: u64,
    /// Pages beyond that, paid for one by one.
    pages_beyond: u64,
    pub(crate) modified_ms: i64,
    /// Handles that are open.
    pub(crate) open: u32,
    /// Names that lead here now.
    pub(crate) links: u32,
    /// True time before which no further sync of this file ends: they end in order.
    pub(crate) busy_until: u64,
}

/// What is at risk in a power cut, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Everything reached the platter.
    Kept,
    /// Nothing did.
    Lost,
    /// Each sector with this chance in a million.
    Scattered(u32),
    /// What was written at lower positions did, up to a drawn point.
    Ordered,
}

impl Content {
    /// An empty file with one name.
    pub(crate) fn new(modified_ms: i64) -> Self {
        Self { modified_ms, links: 1, ..Self::default() }
    }

    pub(crate) fn len(&self) -> u64 {
        self.cache.len
    }

    /// Whether anything would be at risk now.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty() || !self.under_way.is_empty() || self.cache.len != self.platter.len
    }

    /// Bytes of disk space that it takes.
    pub(crate) fn paid(&self) -> u64 {
        let page_bytes = PAGE_BYTES as u64;
        (self.preallocated.div_ceil(page_bytes) + self.pages_beyond) * page_bytes
    }

    fn count_pages(&mut self) {
        let bound = self.preallocated.div_ceil(PAGE_BYTES as u64);
        self.pages_beyond = self.cache.pages.range(bound..).count() as u64;
    }

    /// What a write of `len` bytes at `at` would take of the free space.
    pub(crate) fn price(&self, at: u64, len: u64) -> u64 {
        let page_bytes = PAGE_BYTES as u64;
        let first = (at / page_bytes).max(self.preallocated.div_ceil(page_bytes));
        let end = (at + len).div_ceil(page_bytes);
        let missing = (first..end).filter(|page| !self.cache.pages.contains_key(page)).count();
        missing as u64 * page_bytes
    }

    /// What reserving everything below `len` would take of the free space.
    pub(crate) fn price_of_preallocating(&self, len: u64) -> u64 {
        let page_bytes = PAGE_BYTES as u64;
        let (from, to) = (self.preallocated.div_ceil(page_bytes), len.div_ceil(page_bytes));
        if to <= from {
            return 0;
        }
        (to - from - self.cache.pages.range(from..to).count() as u64) * page_bytes
    }

    pub(crate) fn preallocate(&mut self, len: u64) {
        self.preallocated = self.preallocated.max(len);
        self.cache.len = self.cache.len.max(len);
        self.count_pages();
    }

    pub(crate) fn set_len(&mut self, len: u64) {
        if len < self.cache.len {
            let (number, within) = position(len);
            let first = number + u64::from(within != 0);
            // Pages that only the platter still has must become zeroes there, too.
            let there = self.platter.pages.range(first..).map(|(page, _)| *page);
            self.dirty.extend(there.map(|page| (page, WHOLE)));
            let pending = self.under_way.iter().flat_map(|sync| &sync.pages);
            let pending = pending.map(|(page, ..)| *page).filter(|page| first <= *page);
            self.dirty.extend(pending.map(|page| (page, WHOLE)).collect::<Vec<_>>());
            let cut = self.cache.pages.split_off(&first);
            self.dirty.extend(cut.into_keys().map(|page| (page, WHOLE)));
            if within != 0
                && let Some(page) = self.cache.pages.get_mut(&number)
            {
                Arc::make_mut(page)[within..].fill(0);
                *self.dirty.entry(number).or_default() |= sectors(within, PAGE_BYTES);
            }
            self.preallocated = self.preallocated.min(len);
            self.count_pages();
        }
        self.cache.len = len;
    }

    /// Copies what there is at `at` and says how much it was.
    pub(crate) fn read(&self, at: u64, buffer: &mut [u8]) -> usize {
        self.cache.read(at, buffer)
    }

    /// All that a power cut could not take.
    pub(crate) fn durable(&self) -> Vec<u8> {
        let mut buffer = vec![0; usize::try_from(self.platter.len).unwrap_or(0)];
        self.platter.read(0, &mut buffer);
        buffer
    }

    pub(crate) fn write(&mut self, at: u64, bytes: &[u8]) {
        let mut done = 0;
        self.pages_beyond += self.price(at, bytes.len() as u64) / PAGE_BYTES as u64;
        while done < bytes.len() {
            let (number, within) = position(at + done as u64);
            let count = (bytes.len() - done).min(PAGE_BYTES - within);
            let page = self.cache.pages.entry(number).or_insert_with(|| Arc::new([0; PAGE_BYTES]));
            Arc::make_mut(page)[within..within + count].copy_from_slice(&bytes[done..done + count]);
            *self.dirty.entry(number).or_default() |= sectors(within, within + count);
            done += count;
        }
        self.cache.len = self.cache.len.max(at + bytes.len() as u64);
    }

    /// A sync begins: it covers what is dirty now. Gives its number.
    pub(crate) fn begin_sync(&mut self) -> u64 {
        let dirty = std::mem::take(&mut self.dirty).into_iter();
        let pages = dirty.map(|(page, bits)| (page, self.cache.pages.get(&page).cloned(), bits));
        self.syncs += 1;
        let sync = Writeback { number: self.syncs, pages: pages.collect(), len: self.cache.len };
        self.under_way.push_back(sync);
        self.syncs
    }

    /// The sync with this number, and with it every earlier one, is over: on the platter.
    pub(crate) fn end_sync(&mut self, number: u64) {
        while self.under_way.front().is_some_and(|sync| sync.number <= number) {
            let Some(sync) = self.under_way.pop_front() else { return };
            for (page, content, _) in sync.pages {
                match content {
                    Some(content) => self.platter.pages.insert(page, content),
                    None => self.platter.pages.remove(&page),
                };
            }
            self.platter.len = sync.len;
        }
    }

    /// The sync with this number failed: of what it covered some sectors reached the platter and
    /// some did not, and all of it counts as clean from now on, as Linux has it.
    pub(crate) fn fail_sync(&mut self, number: u64, draw: &mut Draw) {
        let Some(at) = self.under_way.iter().position(|sync| sync.number == number) else { return };
        let Some(sync) = self.under_way.remove(at) else { return };
        for dirty in &sync.pages {
            self.platter.take(dirty, Fate::Scattered(500_000), draw);
        }
        if draw.chance(500_000) {
            self.platter.len = sync.len;
        }
    }

    /// The power is cut. Gives how many sectors were kept and lost of those at risk.
    pub(crate) fn power_cut(&mut self, fate: Fate, draw: &mut Draw) -> (u64, u64) {
        let len = self.cache.len;
        let mut told = (0, 0);
        let at_risk = self.at_risk();
        let total: u64 = at_risk.iter().map(|sync| sync.pages.len() as u64).sum();
        // Ordered: whole pages up to a point, one torn page at the point, nothing after it.
        let point = if fate == Fate::Ordered { draw.below(total + 1) } else { 0 };
        let mut page_number = 0;
        for sync in &at_risk {
            for dirty in &sync.pages {
                let fate = match fate {
                    Fate::Ordered if page_number < point => Fate::Kept,
                    Fate::Ordered if page_number == point => Fate::Scattered(500_000),
                    Fate::Ordered => Fate::Lost,
                    other => other,
                };
                let (kept, lost) = self.platter.take(dirty, fate, draw);
                told = (told.0 + kept, told.1 + lost);
                page_number += 1;
            }
        }
        let lens: Vec<u64> =
            [self.platter.len].into_iter().chain(at_risk.iter().map(|sync| sync.len)).collect();
        let kept_len = match fate {
            Fate::Kept => Some(len),
            Fate::Lost => None,
            Fate::Scattered(_) | Fate::Ordered => lens.get(draw.index(lens.len())).copied(),
        };
        self.reboot(kept_len.unwrap_or(self.platter.len));
        told
    }

    /// Everything that is not on the platter for sure, as the syncs under way have it, and a last
    /// one that would take along all that is dirty.
    fn at_risk(&self) -> Vec<Writeback> {
        let dirty = self.dirty.iter();
        let pages = dirty.map(|(page, bits)| (*page, self.cache.pages.get(page).cloned(), *bits));
        let last =
            Writeback { number: self.syncs + 1, pages: pages.collect(), len: self.cache.len };
        self.under_way.iter().cloned().chain([last]).collect()
    }

    /// The platter is all there is, cut or extended to `len`.
    fn reboot(&mut self, len: u64) {
        self.dirty.clear();
        self.under_way.clear();
        self.platter.set_len(len);
        self.cache = self.platter.clone();
        self.preallocated = self.preallocated.min(self.cache.len);
        self.count_pages();
        self.busy_until = 0;
    }
}

impl Layer {
    fn read(&self, at: u64, buffer: &mut [u8]) -> usize {
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

    /// Bytes past the length are zeroes, should it ever grow again.
    fn set_len(&mut self, len: u64) {
        self.len = len;
        let (number, within) = position(len);
        self.pages.split_off(&(number + u64::from(within != 0)));
        if within != 0
            && let Some(page) = self.pages.get_mut(&number)
            && page[within..].iter().any(|byte| *byte != 0)
        {
            Arc::make_mut(page)[within..].fill(0);
        }
    }

    /// Takes of a dirty page what `fate` grants. Gives the number of sectors kept and lost.
    fn take(&mut self, dirty: &Dirty, fate: Fate, draw: &mut Draw) -> (u64, u64) {
        let (mut kept, mut lost) = (0, 0);
        for sector in sectors_of(dirty.2) {
            let granted = match fate {
                Fate::Kept => true,
                Fate::Lost | Fate::Ordered => false,
                Fate::Scattered(ppm) => draw.chance(ppm),
            };
            // Now and then a sector was being written at that very moment.
            let torn = !granted && matches!(fate, Fate::Scattered(_)) && draw.chance(50_000);
            let bytes = match (granted, torn) {
                (true, _) => SECTOR_BYTES,
                (false, true) => 1 + draw.index(SECTOR_BYTES - 1),
                (false, false) => 0,
            };
            if granted {
                kept += 1
            } else {
                lost += 1
            }
            self.take_bytes(dirty, sector, bytes);
        }
        (kept, lost)
    }

    /// Takes the first bytes of one sector of a dirty page.
    fn take_bytes(&mut self, (number, content, _): &Dirty, sector: usize, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let at = sector * SECTOR_BYTES;
        let page = self.pages.entry(*number).or_insert_with(|| Arc::new([0; PAGE_BYTES]));
        let target = &mut Arc::make_mut(page)[at..at + bytes];
        match content {
            Some(content) => target.copy_from_slice(&content[at..at + bytes]),
            None => target.fill(0),
        }
    }
}

/// A hash of all that can be read of a layer. Zeroes that are written hash as those that are not.
fn of_layer(layer: &Layer) -> u64 {
    let mut hash = of_bytes(&layer.len.to_le_bytes());
    for (number, page) in layer.pages.iter().filter(|(_, page)| page.iter().any(|&b| b != 0)) {
        hash = of_bytes(&[hash, *number, of_bytes(&page[..])].map(u64::to_le_bytes).concat());
    }
    hash
}

/// The sectors of a page that have their bit set.
fn sectors_of(bits: u8) -> impl Iterator<Item = usize> {
    (0..PAGE_BYTES / SECTOR_BYTES).filter(move |sector| bits >> sector & 1 != 0)
}

/// The page that holds byte `at`, and where in it.
fn position(at: u64) -> (u64, usize) {
    let page_bytes = PAGE_BYTES as u64;
    (at / page_bytes, usize::try_from(at % page_bytes).unwrap_or(0))
}

/// The sectors that bytes `from..to` of a page touch, one bit each.
fn sectors(from: usize, to: usize) -> u8 {
    let (first, end) = (from / SECTOR_BYTES, to.div_ceil(SECTOR_BYTES));
    let below = |count: usize| if 8 <= count { WHOLE } else { (1 << count) - 1 };
    below(end) & !below(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(content: &Content) -> Vec<u8> {
        let mut buffer = vec![0; usize::try_from(content.len()).unwrap()];
        assert_eq!(content.read(0, &mut buffer), buffer.len());
        buffer
    }

    fn draw() -> Draw {
        Draw::derive(1, "test", 1)
    }

    #[test]
    fn what_was_synced_stays_and_the_rest_is_lost() {
        let mut content = Content::default();
        content.write(0, b"first");
        let number = content.begin_sync();
        content.write(5, b"second");
        content.end_sync(number);
        assert!(content.is_dirty());
        content.power_cut(Fate::Lost, &mut draw());
        assert_eq!(all(&content), b"first");
        assert!(!content.is_dirty());
    }

    #[test]
    fn a_sync_that_has_not_ended_protects_nothing() {
        let mut content = Content::default();
        content.write(0, b"first");
        content.begin_sync();
        content.power_cut(Fate::Lost, &mut draw());
        assert_eq!(all(&content), b"");
    }

    #[test]
    fn after_a_failed_sync_a_good_one_proves_nothing_about_the_same_bytes() {
        let mut lost = 0;
        for entity in 0..32 {
            let mut draw = Draw::derive(1, "test", entity);
            let mut content = Content::default();
            content.write(0, &[7; 2048]);
            let failed = content.begin_sync();
            content.fail_sync(failed, &mut draw);
            let good = content.begin_sync();
            content.end_sync(good);
            content.power_cut(Fate::Lost, &mut draw);
            lost += u32::from(all(&content) != [7; 2048]);
        }
        assert!(16 < lost, "only {lost} of 32 lost anything");
    }

    #[test]
    fn bytes_cut_away_come_back_when_the_cut_was_not_synced() {
        let mut content = Content::default();
        content.write(0, &[1; 9000]);
        let number = content.begin_sync();
        content.end_sync(number);
        content.set_len(10);
        assert_eq!(all(&content), [1; 10]);
        content.power_cut(Fate::Lost, &mut draw());
        assert_eq!(all(&content), [1; 9000]);
        content.set_len(10);
        let number = content.begin_sync();
        content.end_sync(number);
        content.set_len(9000);
        let number = content.begin_sync();
        content.end_sync(number);
        content.power_cut(Fate::Kept, &mut draw());
        assert_eq!(all(&content)[10..], [0; 8990]);
    }

    #[test]
    fn a_torn_write_is_kept_by_sectors() {
        let mut mixed = 0;
        for entity in 0..16 {
            let mut content = Content::default();
            content.write(0, &[1; 8192]);
            let number = content.begin_sync();
            content.end_sync(number);
            content.write(100, &[2; 8000]);
            let mut draw = Draw::derive(1, "torn", entity);
            let (kept, lost) = content.power_cut(Fate::Scattered(500_000), &mut draw);
            assert_eq!(kept + lost, 16);
            let bytes = all(&content);
            assert!(bytes.iter().all(|byte| [1, 2].contains(byte)));
            mixed += u32::from(0 < kept && 0 < lost);
        }
        assert!(14 < mixed);
    }

    #[test]
    fn an_ordered_cut_keeps_a_prefix_of_pages() {
        for entity in 0..16 {
            let mut content = Content::default();
            content.preallocate(1 << 30);
            let number = content.begin_sync();
            content.end_sync(number);
            content.write(0, &[3; 64 * 1024]);
            content.power_cut(Fate::Ordered, &mut Draw::derive(1, "ordered", entity));
            let mut bytes = vec![0; 64 * 1024];
            content.read(0, &mut bytes);
            let pages: Vec<bool> = bytes.chunks(4096).map(|page| page == [3; 4096]).collect();
            let whole = pages.iter().take_while(|whole| **whole).count();
            assert!(pages.iter().skip(whole + 1).all(|whole| !whole), "{pages:?}");
        }
    }

    #[test]
    fn a_gibibyte_of_nothing_costs_a_reservation_only() {
        let mut content = Content::default();
        assert_eq!(content.price_of_preallocating(1 << 30), 1 << 30);
        content.preallocate(1 << 30);
        assert_eq!((content.len(), content.paid()), (1 << 30, 1 << 30));
        assert_eq!(content.price(12_345, 10_000), 0);
        assert_eq!(content.price((1 << 30) + 5, 10), 4096);
        assert!(content.cache.pages.is_empty());
    }
}
