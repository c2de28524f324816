//! A queue that this client reads now.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use runtime::Monotonic;
use tokio::sync::Notify;

use crate::{MessageQueue, ReceivedMessage, time::locked, window::Window};

/// A queue from the moment it was given to this client to the moment it was taken away. When it
/// comes back, another value of this type is made: what is late from an earlier time finds
/// `dropped` set and changes nothing.
pub(crate) struct Assigned {
    pub(crate) queue: MessageQueue,
    /// Where to begin, when that is not what the group has committed.
    pub(crate) begin_at: Option<i64>,
    /// Set once.
    dropped: AtomicBool,
    /// Nothing is pulled for now.
    paused: AtomicBool,
    /// Its reader has ended.
    pub(crate) ended: AtomicBool,
    /// The id of the broker that should be pulled from.
    pub(crate) broker_id: AtomicI64,
    state: Mutex<State>,
    /// Rung when something was finished, locked or dropped; for the reader alone.
    pub(crate) changed: Notify,
    /// Rung when it ends.
    gone: Notify,
    /// Held while an offset is on its way.
    pub(crate) committing: tokio::sync::Mutex<()>,
}

/// What is known of the queue's messages.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) window: Window<Arc<Held>>,
    /// What may be committed. Grows, except when it is forced.
    pub(crate) consumed: Option<i64>,
    /// An offset that somebody else decided on: to be committed instead.
    pub(crate) forced: Option<i64>,
    /// When the broker was asked for the lock that is held now.
    pub(crate) locked: Option<Monotonic>,
    /// When a listener last began or a pull was last answered.
    pub(crate) last_pull_ms: i64,
    pub(crate) last_consume_ms: i64,
}

/// Messages of one queue.
pub(crate) type Batch = (Arc<Assigned>, Vec<Arc<Held>>);

/// A message that was pulled.
pub(crate) struct Held {
    pub(crate) message: Mutex<ReceivedMessage>,
    /// When a listener got it last.
    pub(crate) began: Mutex<Option<Monotonic>>,
}

impl Held {
    pub(crate) fn new(message: ReceivedMessage) -> Arc<Self> {
        Arc::new(Self { message: Mutex::new(message), began: Mutex::default() })
    }

    pub(crate) fn message(&self) -> ReceivedMessage {
        locked(&self.message).clone()
    }
}

impl Assigned {
    pub(crate) fn new(queue: MessageQueue) -> Arc<Self> {
        Self::begun_at(queue, None)
    }

    pub(crate) fn begun_at(queue: MessageQueue, begin_at: Option<i64>) -> Arc<Self> {
        Arc::new(Self {
            queue,
            begin_at,
            dropped: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            broker_id: AtomicI64::new(0),
            state: Mutex::default(),
            changed: Notify::new(),
            gone: Notify::new(),
            committing: tokio::sync::Mutex::default(),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    pub(crate) fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Acquire)
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// Ends it. `false` if it had ended before.
    pub(crate) fn give_up(&self) -> bool {
        let first = !self.dropped.swap(true, Ordering::AcqRel);
        self.changed.notify_one();
        self.gone.notify_waiters();
        first
    }

    /// Completes when it has ended.
    pub(crate) async fn gone(&self) {
        loop {
            let mut rung = pin!(self.gone.notified());
            rung.as_mut().enable();
            if self.is_dropped() {
                return;
            }
            rung.await;
        }
    }

    /// Ends it, and has another offset committed than the one that was reached.
    pub(crate) fn give_up_at(&self, offset: i64) {
        self.state().forced = Some(offset);
        self.give_up();
    }

    /// Puts aside what a pull brought. Gives what came, in order.
    pub(crate) fn put(&self, messages: Vec<ReceivedMessage>, next: i64) -> Vec<Arc<Held>> {
        let mut held = Vec::with_capacity(messages.len());
        let mut put = Vec::with_capacity(messages.len());
        for message in messages {
            let offset = message.queue_offset;
            let bytes = message.body.len();
            let each = Held::new(message);
            held.push(each.clone());
            put.push((offset, each, bytes));
        }
        let mut state = self.state();
        state.window.put(put, next);
        state.note_consumed();
        held
    }

    /// Messages are done with.
    pub(crate) fn finish(&self, offsets: impl IntoIterator<Item = i64>) {
        let mut state = self.state();
        for offset in offsets {
            state.window.finish(offset);
        }
        if !self.is_dropped() {
            state.note_consumed();
        }
        drop(state);
        self.changed.notify_one();
    }

    /// What should be committed now.
    pub(crate) fn to_commit(&self) -> Option<i64> {
        let state = self.state();
        state.forced.or(state.consumed)
    }
}

impl State {
    /// Moves what may be committed up to what is done with.
    pub(crate) fn note_consumed(&mut self) {
        if let Some(offset) = self.window.committable() {
            self.consumed = Some(self.consumed.map_or(offset, |old| old.max(offset)));
        }
    }
}
