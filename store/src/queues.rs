//! All consume queues: by name, and by the number that their files are kept under.

use std::{collections::BTreeMap, io};

use protocol::Text;

use crate::{queue::Queue, queue_files::QueueFiles, slot::Slot, store::QueueName};

pub(crate) struct Queues {
    pub(crate) files: QueueFiles,
    names: BTreeMap<Text, BTreeMap<i32, u32>>,
    queues: Vec<Option<Queue>>,
    /// Numbers of removed queues.
    free: Vec<u32>,
    /// Queues with slots that wait in memory.
    waiting: Vec<u32>,
    /// Slots that wait in memory, of all queues.
    waiting_slots: usize,
}

impl Queues {
    pub(crate) fn new(files: QueueFiles) -> Self {
        Self {
            files,
            names: BTreeMap::new(),
            queues: Vec::new(),
            free: Vec::new(),
            waiting: Vec::new(),
            waiting_slots: 0,
        }
    }

    pub(crate) fn number(&self, topic: &str, queue_id: i32) -> Option<u32> {
        self.names.get(topic)?.get(&queue_id).copied()
    }

    pub(crate) fn get(&self, topic: &str, queue_id: i32) -> Option<&Queue> {
        self.at(self.number(topic, queue_id)?)
    }

    pub(crate) fn at(&self, number: u32) -> Option<&Queue> {
        self.queues.get(number as usize)?.as_ref()
    }

    pub(crate) fn at_mut(&mut self, number: u32) -> Option<(&mut Queue, &mut QueueFiles)> {
        Some((self.queues.get_mut(number as usize)?.as_mut()?, &mut self.files))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Queue> {
        let numbers = self.names.values().flat_map(BTreeMap::values);
        numbers.filter_map(|&number| self.at(number))
    }

    /// Sum of the slots in files, of all queues.
    pub(crate) fn flushed_slots(&self) -> i64 {
        self.queues.iter().flatten().map(|queue| queue.flushed).sum()
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = &Text> {
        self.names.keys()
    }

    pub(crate) fn numbers_of(&self, topic: &str) -> Vec<u32> {
        self.names.get(topic).map(|ids| ids.values().copied().collect()).unwrap_or_default()
    }

    /// A number that no queue has.
    pub(crate) fn next_number(&self) -> u32 {
        let next = u32::try_from(self.queues.len()).unwrap_or(u32::MAX);
        self.free.last().copied().unwrap_or(next)
    }

    /// Adds a queue that has the number [`Self::next_number`] gave.
    pub(crate) fn add(&mut self, queue: Queue) -> u32 {
        let number = self.next_number();
        assert!(queue.number == number, "queue number {} is not next: {number}", queue.number);
        // The name as a key must not keep the frame in memory that it came in.
        let topic = queue.name.topic.detached();
        self.names.entry(topic).or_default().insert(queue.name.queue_id, number);
        if self.free.pop().is_some() {
            self.queues[number as usize] = Some(queue);
        } else {
            self.queues.push(Some(queue));
        }
        number
    }

    /// The number of a queue, which is created empty if there is none.
    pub(crate) fn ensure(&mut self, topic: &Text, queue_id: i32, first: i64) -> u32 {
        if let Some(number) = self.number(topic, queue_id) {
            return number;
        }
        let name = QueueName { topic: topic.detached(), queue_id };
        let start = self.files.file_start(first);
        self.add(Queue::starting_at(self.next_number(), name, first, start))
    }

    /// Appends a slot in memory.
    pub(crate) fn push(&mut self, number: u32, slot: Slot) {
        let Some(queue) = self.queues.get_mut(number as usize).and_then(Option::as_mut) else {
            return;
        };
        queue.push(slot);
        self.waiting_slots += 1;
        if !queue.listed {
            queue.listed = true;
            self.waiting.push(number);
        }
    }

    /// Takes back the newest slot of a queue.
    pub(crate) fn pop(&mut self, number: u32, end_physical_before: u64) {
        if let Some((queue, _)) = self.at_mut(number) {
            queue.pop(end_physical_before);
            self.waiting_slots -= 1;
        }
    }

    pub(crate) fn waiting_slots(&self) -> usize {
        self.waiting_slots
    }

    /// Whether slots of records before `durable` wait.
    pub(crate) fn has_ready(&self, durable: u64) -> bool {
        let mut waiting = self.waiting.iter().filter_map(|&number| self.at(number));
        waiting.any(|queue| queue.is_ready(durable))
    }

    /// Writes the slots of records before `durable` to files, of queues where at least `least`
    /// wait. Stops at the first error; what was not written waits on.
    pub(crate) fn flush(&mut self, durable: u64, least: usize) -> io::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let mut outcome = Ok(());
        for number in waiting {
            let Some(queue) = self.queues.get_mut(number as usize).and_then(Option::as_mut) else {
                continue;
            };
            let before = queue.waiting();
            let mut rest = before;
            if least <= before && outcome.is_ok() {
                match queue.flush(&mut self.files, durable) {
                    Ok(left) => rest = left,
                    Err(cause) => {
                        outcome = Err(cause);
                        rest = queue.waiting();
                    }
                }
            }
            self.waiting_slots -= before - rest;
            queue.listed = 0 < rest;
            if queue.listed {
                self.waiting.push(number);
            }
        }
        outcome
    }

    /// Cuts a queue at `max`. See [`Queue::truncate`].
    pub(crate) fn truncate(&mut self, number: u32, max: i64, zero: bool) -> io::Result<()> {
        let Some(queue) = self.queues.get_mut(number as usize).and_then(Option::as_mut) else {
            return Ok(());
        };
        let before = queue.waiting();
        let outcome = queue.truncate(&mut self.files, max, zero);
        self.waiting_slots -= before - queue.waiting();
        outcome
    }

    /// Empties a queue, whose next slot will be `first`.
    pub(crate) fn restart(&mut self, number: u32, first: i64) -> io::Result<()> {
        let Some(queue) = self.queues.get_mut(number as usize).and_then(Option::as_mut) else {
            return Ok(());
        };
        let mut file = queue.first;
        while file < queue.flushed {
            self.files.remove(queue.owner(), file)?;
            file += self.files.file_slots;
        }
        // A file may exist that holds no slot yet.
        self.files.remove(queue.owner(), file)?;
        self.waiting_slots -= queue.waiting();
        let start = self.files.file_start(first);
        let listed = queue.listed;
        *queue = Queue::starting_at(number, queue.name.clone(), first, start);
        queue.listed = listed;
        Ok(())
    }

    /// Removes a topic with all its queues.
    pub(crate) fn remove_topic(&mut self, topic: &str) -> io::Result<bool> {
        let Some((topic, ids)) = self.names.remove_entry(topic) else { return Ok(false) };
        let numbers: Vec<u32> = ids.into_values().collect();
        for &number in &numbers {
            if let Some(queue) = self.queues[number as usize].take() {
                self.waiting_slots -= queue.waiting();
            }
            self.free.push(number);
        }
        self.waiting.retain(|number| !numbers.contains(number));
        self.files.remove_topic(&topic, &numbers)?;
        Ok(true)
    }

    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.names.values().flat_map(BTreeMap::values).copied().collect()
    }
}
