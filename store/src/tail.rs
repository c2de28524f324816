//! The newest bytes of the log, in memory: a read of them costs no system call and no copy.
//!
//! Records are encoded straight into a chunk; a record that is complete is split off as shared
//! [`Bytes`]. When the tail is full the oldest records are forgotten, and a chunk that no reader
//! holds any more is used again, so that a busy store touches no fresh memory.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

pub(crate) struct Tail {
    /// Complete records, oldest first, without overlap, not necessarily without gaps.
    pieces: VecDeque<Piece>,
    /// Where the next record is encoded.
    active: BytesMut,
    /// A chunk to use again.
    spare: Option<BytesMut>,
    held_bytes: u64,
    held_bytes_max: u64,
    chunk_bytes: usize,
}

struct Piece {
    at: u64,
    bytes: Bytes,
}

impl Tail {
    pub(crate) fn new(held_bytes_max: u64, chunk_bytes: u64) -> Self {
        let chunk_bytes = usize::try_from(chunk_bytes.min(held_bytes_max)).unwrap_or(usize::MAX);
        Self {
            pieces: VecDeque::new(),
            active: BytesMut::new(),
            spare: None,
            held_bytes: 0,
            held_bytes_max,
            chunk_bytes,
        }
    }

    /// An empty buffer with room for `len` bytes. What is put there becomes a piece by
    /// [`Self::push`] or is forgotten by the next call.
    pub(crate) fn room(&mut self, len: usize) -> &mut BytesMut {
        self.active.clear();
        if self.active.capacity() < len {
            let mut chunk = self.spare.take().unwrap_or_default();
            chunk.reserve(len.max(self.chunk_bytes));
            self.active = chunk;
        }
        &mut self.active
    }

    /// Makes what lies in the buffer the bytes of the log at `at`.
    pub(crate) fn push(&mut self, at: u64) -> Bytes {
        let bytes = self.active.split().freeze();
        self.held_bytes += bytes.len() as u64;
        self.pieces.push_back(Piece { at, bytes: bytes.clone() });
        while self.held_bytes_max < self.held_bytes {
            self.forget_oldest();
        }
        bytes
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.pieces.pop_front() else { return };
        self.held_bytes -= oldest.bytes.len() as u64;
        // Only the last piece of a chunk is without siblings.
        if self.spare.is_none()
            && let Ok(chunk) = oldest.bytes.try_into_mut()
        {
            self.spare = Some(chunk);
            self.spare.iter_mut().for_each(BytesMut::clear);
        }
    }

    /// The bytes of the log from `at` on, if they are one piece or a part of it.
    pub(crate) fn get(&self, at: u64, len: u64) -> Option<Bytes> {
        let after = self.pieces.partition_point(|piece| piece.at <= at);
        let piece = self.pieces.get(after.checked_sub(1)?)?;
        let from = usize::try_from(at - piece.at).ok()?;
        let to = from.checked_add(usize::try_from(len).ok()?)?;
        (to <= piece.bytes.len()).then(|| piece.bytes.slice(from..to))
    }

    /// Forgets everything from `end` on.
    pub(crate) fn truncate(&mut self, end: u64) {
        while self.pieces.back().is_some_and(|piece| end <= piece.at) {
            let newest = self.pieces.pop_back();
            self.held_bytes -= newest.map_or(0, |piece| piece.bytes.len() as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(tail: &mut Tail, at: u64, bytes: &[u8]) {
        tail.room(bytes.len()).extend_from_slice(bytes);
        tail.push(at);
    }

    #[test]
    fn the_oldest_records_are_forgotten_first_and_slices_of_them_stay_good() {
        let mut tail = Tail::new(10, 8);
        push(&mut tail, 0, b"aaaa");
        push(&mut tail, 4, b"bbbb");
        let held = tail.get(0, 4).unwrap();

        push(&mut tail, 8, b"cccc");

        assert_eq!(tail.get(0, 4), None);
        assert_eq!(tail.get(5, 2).unwrap(), "bb");
        assert_eq!(tail.get(8, 4).unwrap(), "cccc");
        assert_eq!(tail.get(8, 5), None);
        assert_eq!(held, "aaaa");
    }

    #[test]
    fn what_is_cut_off_is_gone_and_can_be_written_anew() {
        let mut tail = Tail::new(100, 8);
        push(&mut tail, 0, b"aaaa");
        push(&mut tail, 4, b"bbbb");

        tail.truncate(4);
        assert_eq!(tail.get(4, 4), None);

        push(&mut tail, 4, b"dd");
        assert_eq!(tail.get(4, 2).unwrap(), "dd");
        assert_eq!(tail.get(0, 4).unwrap(), "aaaa");
    }

    #[test]
    fn a_chunk_that_nobody_holds_is_used_again() {
        let mut tail = Tail::new(8, 8);
        push(&mut tail, 0, b"aaaaaaaa");
        let memory = tail.get(0, 8).unwrap().as_ptr();
        push(&mut tail, 8, b"bbbbbbbb");

        push(&mut tail, 16, b"cccccccc");

        assert_eq!(tail.get(16, 8).unwrap().as_ptr(), memory);
    }
}
