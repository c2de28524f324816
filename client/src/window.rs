//! The messages of one queue that were pulled and are not yet done with.
//!
//! Messages are pulled in order and finished in any order; what is committed is the smallest
//! offset that is not finished, so a crash repeats messages and never skips one.
//!
//! Source: client/impl/consumer/ProcessQueue.java.

use std::collections::BTreeMap;

/// Messages by queue offset, each with its size in bytes.
#[derive(Debug)]
pub(crate) struct Window<M> {
    /// Pulled and not finished.
    held: BTreeMap<i64, (M, usize)>,
    /// Bytes in `held`.
    bytes: usize,
    /// Everything below has been pulled. Grows, except when the queue is read again from elsewhere.
    pulled: Option<i64>,
    // Invariant: every key of `held` is below `pulled`.
}

impl<M> Default for Window<M> {
    fn default() -> Self {
        Self { held: BTreeMap::new(), bytes: 0, pulled: None }
    }
}

impl<M> Window<M> {
    /// Takes in what a pull brought; `next` is where the following pull begins.
    pub(crate) fn put(&mut self, messages: impl IntoIterator<Item = (i64, M, usize)>, next: i64) {
        for (offset, message, bytes) in messages {
            if let Some((_, old)) = self.held.insert(offset, (message, bytes)) {
                self.bytes -= old;
            }
            self.bytes += bytes;
        }
        let pulled = self.held.keys().next_back().map_or(next, |last| next.max(last + 1));
        self.pulled = Some(self.pulled.map_or(pulled, |old| old.max(pulled)));
    }

    /// A message is done with.
    pub(crate) fn finish(&mut self, offset: i64) -> Option<M> {
        let (message, bytes) = self.held.remove(&offset)?;
        self.bytes -= bytes;
        Some(message)
    }

    /// Every message below this is done with: what may be committed.
    pub(crate) fn committable(&self) -> Option<i64> {
        self.held.keys().next().copied().or(self.pulled)
    }

    pub(crate) fn get(&self, offset: i64) -> Option<&M> {
        self.held.get(&offset).map(|(message, _)| message)
    }

    /// The smallest offsets that are held.
    pub(crate) fn first(&self, count: usize) -> Vec<i64> {
        self.held.keys().take(count).copied().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The distance between the smallest and the largest offset that are held.
    pub(crate) fn span(&self) -> i64 {
        match (self.held.keys().next(), self.held.keys().next_back()) {
            (Some(first), Some(last)) => last - first,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(offsets: &[i64], next: i64) -> Window<i64> {
        let mut window = Window::default();
        window.put(offsets.iter().map(|&offset| (offset, offset, 10)), next);
        window
    }

    #[test]
    fn nothing_pulled_is_nothing_to_commit() {
        assert_eq!(Window::<()>::default().committable(), None);
    }

    #[test]
    fn the_smallest_unfinished_offset_is_committable_whatever_finished_after_it() {
        let mut window = window(&[5, 6, 8], 9);
        window.finish(8);
        window.finish(6);
        assert_eq!(window.committable(), Some(5));
        window.finish(5);
        assert_eq!(window.committable(), Some(9));
    }

    #[test]
    fn a_pull_that_found_nothing_for_us_moves_on_only_when_nothing_is_held() {
        let mut window = window(&[5], 6);
        window.put([], 100);
        assert_eq!(window.committable(), Some(5));
        window.finish(5);
        assert_eq!(window.committable(), Some(100));
    }

    #[test]
    fn a_message_that_comes_twice_is_held_once() {
        let mut window = window(&[5, 6], 7);
        window.put([(6, 6, 30)], 7);
        assert_eq!((window.len(), window.bytes(), window.span()), (2, 40, 1));
        assert_eq!(window.finish(6), Some(6));
        assert_eq!(window.finish(6), None);
        assert_eq!(window.bytes(), 10);
    }
}
