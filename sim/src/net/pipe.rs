//! One direction of a connection: bytes in flight, bytes that arrived, and the room between.

use std::{collections::VecDeque, task::Waker};

use bytes::{Bytes, BytesMut};

/// Bytes on their way, or the polite end of them.
pub(super) enum Freight {
    Data(Bytes),
    Fin,
}

/// One direction.
pub(super) struct Pipe {
    /// What is on its way, with the time it is due, in order.
    pub(super) flight: VecDeque<(u64, Freight)>,
    /// What arrived and was not read yet.
    pub(super) arrived: BytesMut,
    /// As many bytes as the sender may have outstanding.
    pub(super) window: usize,
    /// Bytes outstanding as far as the sender knows.
    pub(super) outstanding: usize,
    /// Bytes read whose room the sender does not know of yet.
    pub(super) credit: usize,
    /// News of the room is on its way.
    pub(super) credit_on_way: bool,
    /// News of the room waits for the way back to open.
    pub(super) credit_blocked: bool,
    /// The sender has said that it is done.
    pub(super) fin_sent: bool,
    /// The reader has been told so.
    pub(super) fin_arrived: bool,
    /// When the freight sent last is due; nothing overtakes it.
    pub(super) last_at: u64,
    /// A delivery is planned.
    pub(super) planned: bool,
    /// The delivery waits for the way to open, since this time.
    pub(super) blocked_since: Option<u64>,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
}

impl Pipe {
    pub(super) fn new(window: usize) -> Self {
        Self {
            flight: VecDeque::new(),
            arrived: BytesMut::new(),
            window,
            outstanding: 0,
            credit: 0,
            credit_on_way: false,
            credit_blocked: false,
            fin_sent: false,
            fin_arrived: false,
            last_at: 0,
            planned: false,
            blocked_since: None,
            reader: None,
            writer: None,
        }
    }

    /// How many more bytes the sender may hand over.
    pub(super) fn room(&self) -> usize {
        self.window.saturating_sub(self.outstanding)
    }

    /// Puts something on its way, due no earlier than `at` and than everything before it.
    pub(super) fn put(&mut self, at: u64, freight: Freight) {
        self.last_at = self.last_at.max(at);
        self.flight.push_back((self.last_at, freight));
    }

    /// Moves what is due to the reader's side. Gives how many bytes that were, and whether the end
    /// was among it.
    pub(super) fn arrive(&mut self, now: u64) -> (usize, bool) {
        let (mut count, mut ended) = (0, false);
        while self.flight.front().is_some_and(|(at, _)| *at <= now) {
            match self.flight.pop_front() {
                Some((_, Freight::Data(bytes))) => {
                    count += bytes.len();
                    self.arrived.extend_from_slice(&bytes);
                }
                Some((_, Freight::Fin)) => {
                    self.fin_arrived = true;
                    ended = true;
                }
                None => {}
            }
        }
        (count, ended)
    }

    /// Everything under way is lost.
    pub(super) fn drop_flight(&mut self) {
        self.flight.clear();
    }

    /// Moves both waiting tasks to `wakers`.
    pub(super) fn wake_all(&mut self, wakers: &mut Vec<Waker>) {
        wakers.extend(self.reader.take());
        wakers.extend(self.writer.take());
    }
}
