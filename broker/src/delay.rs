//! Delay levels: which messages of the schedule topic are due, and how far delivery has come.
//!
//! Level n lies in queue n-1 of `SCHEDULE_TOPIC_XXXX`. All messages of a level wait equally long,
//! so they become due in the order of their queue, and one offset per level says it all.
//!
//! ```text
//!   saved <= safe <= next      of one level
//!   saved   what delayOffset.json says
//!   safe    everything before it was delivered, and the delivered records are on the disk
//!   next    the next message to deliver
//! ```
//!
//! Differs from Java in three ways. The file never says that a message was delivered whose
//! delivered record a power cut can still take. A message stored while this process lives is
//! measured on the monotonic clock, so a step of the wall clock delivers nothing early or late. And
//! a message whose time lies further ahead than its delay (the wall clock went back while the
//! broker was down) waits for one more delay instead of being delivered at once.
//!
//! Source: `broker/schedule/ScheduleMessageService.java`.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use protocol::body::DataVersion;
use runtime::{Monotonic, Now};

/// Two marks of one level are at least this far apart.
const MARK_STEP: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
struct Level {
    delay_ms: i64,
    /// The next message to deliver.
    next: i64,
    /// Everything before it was delivered, and that is durable.
    safe: i64,
    /// Where the log ended when deliveries up to an offset were appended, oldest first.
    pending: VecDeque<(u64, i64)>,
    /// When messages were stored in this process's life: queue offset and time, oldest first.
    marks: VecDeque<(i64, Monotonic)>,
    /// The head of the queue, if it was looked at: its offset and when to look again.
    head: Option<(i64, Monotonic)>,
}

/// All levels.
#[derive(Debug)]
pub(crate) struct Delay {
    levels: Vec<Level>,
    version: DataVersion,
    deliveries: u64,
    generation: u64,
}

impl Delay {
    /// Levels with these delays.
    pub(crate) fn new(delays_ms: &[i64], now_ms: i64) -> Self {
        let level = |delay_ms: &i64| Level { delay_ms: *delay_ms, ..Level::default() };
        Self {
            levels: delays_ms.iter().map(level).collect(),
            version: DataVersion { timestamp_ms: now_ms, ..DataVersion::default() },
            deliveries: 0,
            generation: 0,
        }
    }

    /// Takes over saved progress, kept within what the queues hold.
    pub(crate) fn load(
        &mut self,
        saved: &BTreeMap<i32, i64>,
        version: Option<DataVersion>,
        bounds: impl Fn(i32) -> (i64, i64),
    ) {
        for (level, place) in (1..).zip(&mut self.levels) {
            let (min, max) = bounds(level - 1);
            let saved = saved.get(&level).copied().unwrap_or(0);
            place.next = saved.clamp(min.min(max), max);
            place.safe = place.next;
        }
        if let Some(version) = version {
            self.version = version;
        }
    }

    /// How many levels there are.
    pub(crate) fn levels(&self) -> i32 {
        i32::try_from(self.levels.len()).unwrap_or(i32::MAX)
    }

    /// A level as a producer asks for it, brought down to the highest there is.
    pub(crate) fn clamp(&self, level: i32) -> i32 {
        level.min(self.levels())
    }

    fn level_mut(&mut self, level: i32) -> Option<&mut Level> {
        self.levels.get_mut(usize::try_from(level).ok()?.checked_sub(1)?)
    }

    /// A message was stored for a level.
    pub(crate) fn stored(&mut self, level: i32, queue_offset: i64, now: Monotonic) {
        let Some(level) = self.level_mut(level) else { return };
        let fresh = level.marks.back().is_none_or(|(_, at)| *at + MARK_STEP <= now);
        if fresh {
            level.marks.push_back((queue_offset, now));
        }
    }

    /// The levels that are worth a look, with the offset to look at: those whose head is not known
    /// to be in the future.
    pub(crate) fn due_levels(&self, now: Monotonic) -> Vec<(i32, i64)> {
        (1..)
            .zip(&self.levels)
            .filter(|(_, level)| {
                level.head.is_none_or(|(at, look)| at != level.next || look <= now)
            })
            .map(|(number, level)| (number, level.next))
            .collect()
    }

    /// Whether the message at `queue_offset` is due; if not, it is not looked at again before it
    /// may be.
    pub(crate) fn is_due(
        &mut self,
        level: i32,
        queue_offset: i64,
        stored_ms: i64,
        now: Now,
    ) -> bool {
        let Some(level) = self.level_mut(level) else { return false };
        let delay = Duration::from_millis(level.delay_ms.unsigned_abs());
        let at = match level.stored_at(queue_offset) {
            Some(stored) => stored + delay,
            None => {
                let due_ms = stored_ms.saturating_add(level.delay_ms);
                let wait_ms = due_ms.saturating_sub(now.wall_ms).max(0).unsigned_abs();
                match level.head {
                    // Seen before: a clock that went back must not put it off for ever.
                    Some((seen, at)) if seen == queue_offset && wait_ms != 0 => at,
                    _ => now.monotonic + Duration::from_millis(wait_ms).min(delay),
                }
            }
        };
        level.head = Some((queue_offset, at));
        at <= now.monotonic
    }

    /// Everything before `next` of a level was delivered, and the log then ended at `log_end`.
    pub(crate) fn delivered(
        &mut self,
        level: i32,
        next: i64,
        log_end: u64,
        now_ms: i64,
        step: u64,
    ) {
        let Some(place) = self.level_mut(level) else { return };
        place.next = next;
        place.pending.push_back((log_end, next));
        while place.marks.get(1).is_some_and(|(offset, _)| *offset <= next) {
            place.marks.pop_front();
        }
        self.deliveries += 1;
        if self.deliveries.is_multiple_of(step.max(1)) {
            self.version.advance(now_ms);
        }
    }

    /// Whether something was delivered that is not known to be durable.
    pub(crate) fn has_unsafe(&self) -> bool {
        self.levels.iter().any(|level| !level.pending.is_empty())
    }

    /// The log is durable up to here: what was delivered before it may be saved.
    pub(crate) fn durable(&mut self, log: u64) {
        let mut moved = false;
        for level in &mut self.levels {
            while let Some((end, next)) = level.pending.front().copied() {
                if log < end {
                    break;
                }
                level.safe = next;
                level.pending.pop_front();
                moved = true;
            }
        }
        if moved {
            self.generation += 1;
        }
    }

    /// Level and offset of what may be saved; levels nothing was delivered of are left out.
    pub(crate) fn saved_table(&self) -> BTreeMap<i32, i64> {
        (1..)
            .zip(&self.levels)
            .filter(|(_, level)| 0 < level.safe)
            .map(|(number, level)| (number, level.safe))
            .collect()
    }

    /// Level and next offset of every level that has begun.
    pub(crate) fn progress(&self) -> BTreeMap<i32, i64> {
        (1..)
            .zip(&self.levels)
            .filter(|(_, level)| 0 < level.next || level.head.is_some())
            .map(|(number, level)| (number, level.next))
            .collect()
    }

    /// The version of the table.
    pub(crate) fn version(&self) -> &DataVersion {
        &self.version
    }

    /// Grows with every change of what may be saved.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }
}

impl Level {
    /// When a message was stored, at the latest; unknown if that was before this process.
    fn stored_at(&self, queue_offset: i64) -> Option<Monotonic> {
        let after = self.marks.partition_point(|(offset, _)| *offset <= queue_offset);
        let (offset, at) = *self.marks.get(after.checked_sub(1)?)?;
        // Stored after its mark, but before the next one could be made.
        Some(if offset == queue_offset { at } else { at + MARK_STEP })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(wall_ms: i64, mono_ms: u64) -> Now {
        Now { wall_ms, monotonic: Monotonic(mono_ms * 1_000_000) }
    }

    #[test]
    fn a_message_of_this_process_is_due_by_the_monotonic_clock_alone() {
        let mut delay = Delay::new(&[1_000], 0);
        delay.stored(1, 0, at(0, 100).monotonic);
        assert!(!delay.is_due(1, 0, 50_000, at(9_999_999, 1_099)), "the wall clock jumped ahead");
        assert!(delay.is_due(1, 0, 50_000, at(0, 1_100)), "the wall clock fell back");
    }

    #[test]
    fn messages_between_two_marks_are_not_early() {
        let mut delay = Delay::new(&[1_000], 0);
        delay.stored(1, 0, at(0, 0).monotonic);
        delay.stored(1, 1, at(0, 99).monotonic);
        assert!(delay.is_due(1, 0, 0, at(0, 1_000)));
        assert!(!delay.is_due(1, 1, 0, at(0, 1_098)), "stored at 99, due at 1099");
        assert!(delay.is_due(1, 1, 0, at(0, 1_100)));
    }

    #[test]
    fn a_message_from_before_is_due_by_the_wall_clock_but_waits_no_longer_than_its_delay() {
        let mut delay = Delay::new(&[1_000], 0);
        assert!(!delay.is_due(1, 5, 10_000, at(10_999, 0)));
        assert!(delay.is_due(1, 5, 10_000, at(11_000, 1)));
        // The clock went back by an hour while the broker was down.
        let mut delay = Delay::new(&[1_000], 0);
        assert!(!delay.is_due(1, 5, 3_600_000, at(0, 0)));
        assert!(!delay.is_due(1, 5, 3_600_000, at(999, 999)));
        assert!(delay.is_due(1, 5, 3_600_000, at(1_000, 1_000)));
    }

    #[test]
    fn only_levels_whose_head_may_be_due_are_looked_at() {
        let mut delay = Delay::new(&[1_000, 5_000], 0);
        assert_eq!(vec![(1, 0), (2, 0)], delay.due_levels(Monotonic(0)));
        delay.stored(2, 0, Monotonic(0));
        assert!(!delay.is_due(2, 0, 0, at(0, 0)));
        assert_eq!(vec![(1, 0)], delay.due_levels(at(0, 4_999).monotonic));
        assert_eq!(vec![(1, 0), (2, 0)], delay.due_levels(at(0, 5_000).monotonic));
    }

    #[test]
    fn progress_is_saved_only_when_the_delivered_records_are_durable() {
        let mut delay = Delay::new(&[1_000], 0);
        delay.delivered(1, 3, 900, 0, 200);
        assert!(delay.saved_table().is_empty());
        delay.durable(899);
        assert_eq!(0, delay.generation());
        delay.durable(900);
        assert_eq!(BTreeMap::from([(1, 3)]), delay.saved_table());
        assert_eq!(1, delay.generation());
    }

    #[test]
    fn saved_progress_is_kept_within_the_queue() {
        let mut delay = Delay::new(&[1_000, 2_000, 3_000], 0);
        let saved = BTreeMap::from([(1, 9), (2, 0)]);
        delay.load(&saved, None, |queue| if queue == 0 { (0, 4) } else { (2, 6) });
        assert_eq!(vec![(1, 4), (2, 2), (3, 2)], delay.due_levels(Monotonic(0)));
    }
}
