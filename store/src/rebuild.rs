//! Making slots and keys again from records.

use std::{collections::BTreeSet, io};

use protocol::{Text, record::RecordView};

use crate::{
    config::StoreConfig,
    index::Index,
    marks::{Marks, is_indexed, is_queued, is_topic},
    queue::Queue,
    queues::Queues,
    scan::place,
    slot::Slot,
    store::Store,
};

/// No queue is longer: the position of a slot in bytes must remain a number.
const QUEUE_OFFSET_MAX: i64 = 1 << 58;

#[derive(Debug)]
pub(crate) struct Rebuild {
    /// Slots of records before this are whole, if they are there.
    trusted: u64,
    /// Bytes before this were durable.
    durable: u64,
    /// Slots of records behind `durable`.
    slots_behind: i64,
    /// Whether no slot can lie in a file whose record is not in the log.
    no_strays: bool,
    /// Keys of records up to this are in the index.
    indexed_to: Option<u64>,
    /// Queues whose slots are being made anew.
    touched: BTreeSet<u32>,
    /// A queue lacks slots from before the walk.
    pub(crate) gap: bool,
    pub(crate) slots: u64,
    pub(crate) keys: u64,
    pub(crate) unqueued: u64,
}

impl Rebuild {
    pub(crate) fn new(store: &Store, (trusted, durable): (u64, u64), no_strays: bool) -> Self {
        let indexed_to = store.index.as_ref().and_then(Index::last).map(|last| last.physical);
        let (touched, gap) = (BTreeSet::new(), false);
        let (slots_behind, slots, keys, unqueued) = (0, 0, 0, 0);
        Self {
            trusted,
            durable,
            slots_behind,
            no_strays,
            indexed_to,
            touched,
            gap,
            slots,
            keys,
            unqueued,
        }
    }

    /// How many slots the queues have for records that were durable.
    pub(crate) fn slots_before(&self, store: &Store) -> i64 {
        let slots: i64 = store.queues.iter().map(Queue::max).sum();
        slots - self.slots_behind
    }

    /// Makes slot and keys of one record. Whether it has a slot.
    pub(crate) fn take(
        &mut self,
        record: &RecordView,
        queues: &mut Queues,
        index: Option<&mut Index>,
        (batch_topics, config): (&BTreeSet<Text>, &StoreConfig),
    ) -> io::Result<bool> {
        let topic = record.topic();
        let properties = record.properties_text();
        let marks = Marks::of(&properties);
        if let Some(index) = index
            && self.indexed_to.is_none_or(|last| last < place(record))
        {
            self.keys += index_keys(index, record, &topic, &marks);
        }
        match belongs(record, &topic, batch_topics) {
            Belongs::Nowhere => return Ok(false),
            Belongs::Impossible => {
                self.unqueued += 1;
                return Ok(false);
            }
            Belongs::InQueue => {}
        }
        let slot = slot_of(record, &topic, &marks, config);
        // A queue that nobody knew, but that had messages before.
        let unknown = queues.number(&topic, record.queue_id()).is_none();
        self.gap |= unknown && 0 < record.queue_offset();
        let number = queues.ensure(&topic, record.queue_id(), record.queue_offset());
        self.place(queues, number, record.queue_offset(), slot)?;
        Ok(true)
    }

    fn place(&mut self, queues: &mut Queues, number: u32, at: i64, slot: Slot) -> io::Result<()> {
        let Some(queue) = queues.at(number) else { return Ok(()) };
        let is_there = |queues: &Queues| -> io::Result<bool> {
            let Some(queue) = queues.at(number) else { return Ok(false) };
            let there = if at < queue.first { None } else { queue.slot(&queues.files, at)? };
            Ok(there
                .is_some_and(|there| (there.physical, there.size) == (slot.physical, slot.size)))
        };
        let (max, first) = (queue.max(), queue.first);
        if max < at && self.touched.contains(&number) {
            // Offsets of one queue are dense in a log: this is no record of ours.
            self.unqueued += 1;
            tracing::error!(at, max, queue = %queue.name, "a record skips offsets of its queue");
            return Ok(());
        }
        self.slots_behind += i64::from(self.durable <= slot.physical);
        let trusted = slot.physical < self.trusted || self.touched.contains(&number);
        if at < max && trusted && is_there(queues)? {
            return Ok(());
        }
        if at < max && first <= at && !self.touched.contains(&number) {
            self.truncate(queues, number, at)?;
        }
        let (max, end) = queues.at(number).map_or((at, 0), |q| (q.max(), q.end_physical));
        if at != max || slot.physical < end {
            // Slots are missing between those in the files and this one, or the last of those is
            // damaged; or the topic was deleted and made again, and its offsets begin anew.
            self.gap |= max <= at;
            queues.restart(number, at)?;
        }
        if self.touched.insert(number)
            && let Some((queue, files)) = queues.at_mut(number)
        {
            // A process that died may have created its files without syncing their names.
            files.mark_names(&queue.name);
        }
        queues.push(number, slot);
        self.slots += 1;
        Ok(())
    }

    fn truncate(&self, queues: &mut Queues, number: u32, max: i64) -> io::Result<()> {
        queues.truncate(number, max, !self.no_strays)
    }

    /// Cuts off slots that point behind the end of the log, and finds the first ones that do not
    /// point before its start.
    pub(crate) fn finish(&self, store: &mut Store, end: u64) -> io::Result<()> {
        let start = store.log.start();
        for number in store.queues.numbers() {
            // Damaged slots may hide behind one another.
            while let Some(queue) = store.queues.at(number)
                && end < queue.end_physical
            {
                let ends = (queue.first, queue.max() - 1);
                let before = |slot: Slot| Ok(slot.is_filler() || slot.end() <= end);
                let max = queue.partition_point(&store.queues.files, ends, before)?;
                store.queues.truncate(number, max, true)?;
            }
            if let Some((queue, files)) = store.queues.at_mut(number) {
                queue.correct_min(files, start)?;
            }
        }
        if let Some(index) = &mut store.index {
            index.truncate(end)?;
        }
        Ok(())
    }
}

/// Whether a record has a place in a queue.
pub(crate) enum Belongs {
    InQueue,
    Nowhere,
    /// By its own word it would, but there is no such place.
    Impossible,
}

pub(crate) fn belongs(record: &RecordView, topic: &str, batch_topics: &BTreeSet<Text>) -> Belongs {
    if !is_queued(record.sys_flag()) || batch_topics.contains(topic) {
        return Belongs::Nowhere;
    }
    let offsets = 0..QUEUE_OFFSET_MAX;
    if !is_topic(topic) || record.queue_id() < 0 || !offsets.contains(&record.queue_offset()) {
        let (at, topic) = (place(record), topic.escape_debug());
        tracing::error!(at, %topic, "a record belongs to no queue");
        return Belongs::Impossible;
    }
    Belongs::InQueue
}

/// The slot of a record.
pub(crate) fn slot_of(
    record: &RecordView,
    topic: &str,
    marks: &Marks<'_>,
    config: &StoreConfig,
) -> Slot {
    let tag = marks.slot_tag(topic, record.store_timestamp(), &config.delay_levels_ms);
    let size = u32::try_from(record.total_size()).unwrap_or(u32::MAX);
    Slot { physical: place(record), size, tag }
}

/// Puts the keys of a record into the index. Gives their number.
pub(crate) fn index_keys(
    index: &mut Index,
    record: &RecordView,
    topic: &str,
    marks: &Marks<'_>,
) -> u64 {
    let mut keys = 0;
    if is_indexed(record.sys_flag()) {
        for hash in marks.index_hashes(topic) {
            index.put(hash, place(record), record.store_timestamp());
            keys += 1;
        }
    }
    keys
}
