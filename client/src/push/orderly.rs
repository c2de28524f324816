//! Messages in the order of their queue: one task pulls a queue and gives its messages to the
//! listener, one batch after the other.
//!
//! What counts is who holds the broker's lock. Without it nothing is given to the listener, and
//! what was pulled under an earlier lock is forgotten: somebody else may have consumed it since.
//!
//! Differs from Java, which keeps its messages when it loses the lock and goes on with them when it
//! has it again.
//!
//! Source: client/impl/consumer/ConsumeMessageOrderlyService.java.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{Consumed, Core};
use crate::{PullStatus, ReceivedMessage, ahead::EMPTY_ANSWER_MIN, assigned::Assigned};

/// How long to wait before asking for a lock again.
const LOCK_PAUSE: Duration = Duration::from_secs(1);

/// What this task holds of its queue under the current lock.
struct Hand {
    messages: VecDeque<ReceivedMessage>,
    /// Where the next pull begins; `None` until that was asked.
    next: Option<i64>,
}

pub(super) async fn read(core: Arc<Core>, assigned: Arc<Assigned>) {
    let mut hand = Hand { messages: VecDeque::new(), next: None };
    while !assigned.is_dropped() && !core.member.instance.is_stopped() {
        if !core.member.holds_lock(&assigned) {
            hand = Hand { messages: VecDeque::new(), next: None };
            if !core.lock_again(&assigned).await {
                break;
            }
            continue;
        }
        let Some(next) = hand.next else {
            let Some(offset) = core.ahead.begin_at(&assigned).await else { break };
            hand.next = Some(offset);
            continue;
        };
        if hand.messages.is_empty() {
            if !core.fill(&assigned, &mut hand, next).await {
                break;
            }
        } else if !core.consume_first(&assigned, &mut hand).await {
            break;
        }
    }
    if core.member.manner.locks {
        if core.member.holds_lock(&assigned) || assigned.state().forced.is_some() {
            core.member.commit(&assigned).await;
        }
        core.member.leave(&assigned).await;
    }
}

impl Core {
    /// Asks for the lock, or waits a while. `false` if the queue or the consumer ends.
    async fn lock_again(&self, assigned: &Assigned) -> bool {
        let queues = [assigned.queue.clone()];
        let (locked, _) = self.member.lock_queues(&queues).await;
        if let Some(at) = locked.get(&assigned.queue) {
            assigned.state().locked = Some(*at);
            return true;
        }
        tokio::select! {
            biased;
            () = self.member.instance.stopped() => false,
            () = assigned.gone() => false,
            () = self.member.instance.runtime.clock.sleep(LOCK_PAUSE) => true,
        }
    }

    /// Pulls. `false` if the queue or the consumer ends.
    async fn fill(&self, assigned: &Assigned, hand: &mut Hand, next: i64) -> bool {
        let instance = &self.member.instance;
        let began = instance.now();
        let pulled = tokio::select! {
            biased;
            () = instance.stopped() => return false,
            () = assigned.gone() => return false,
            pulled = self.ahead.pull(assigned, next) => pulled,
        };
        let pulled = match pulled {
            Ok(pulled) => pulled,
            Err(error) => return self.ahead.after_pull(assigned, &error).await,
        };
        if pulled.status == PullStatus::OffsetMoved {
            self.ahead.moved(assigned, next, pulled.next_offset);
            return false;
        }
        if pulled.next_offset == next && instance.now().since(began) < EMPTY_ANSWER_MIN {
            instance.pause(EMPTY_ANSWER_MIN).await;
        }
        // A long poll may outlast the lock under which it began.
        if self.member.holds_lock(assigned) {
            hand.next = Some(pulled.next_offset);
            hand.messages = pulled.messages.into();
            if hand.messages.is_empty() {
                assigned.state().consumed = hand.next;
            }
        }
        true
    }

    /// Gives the first messages to the listener. `false` if the consumer ends.
    async fn consume_first(&self, assigned: &Assigned, hand: &mut Hand) -> bool {
        let count = self.settings.consume_batch.min(hand.messages.len());
        let batch: Vec<ReceivedMessage> = hand.messages.iter().take(count).cloned().collect();
        assigned.state().last_consume_ms = self.member.instance.runtime.clock.wall_ms();
        let outcome = (self.listener)(batch).await;
        // Whoever has the lock now decides what has been consumed.
        if !self.member.holds_lock(assigned) {
            return true;
        }
        if outcome == Consumed::Later && self.must_repeat(hand, count).await {
            return self.member.instance.pause(self.settings.suspend).await;
        }
        let done = hand.messages.drain(..count).last().map(|last| last.queue_offset + 1);
        let consumed = if hand.messages.is_empty() { hand.next } else { done };
        assigned.state().consumed = consumed;
        true
    }

    /// Counts one more failure of the first messages. Those that failed too often become dead
    /// letters; `true` while there is one that must be tried again.
    async fn must_repeat(&self, hand: &mut Hand, count: usize) -> bool {
        let max = self.reconsume_max(i32::MAX);
        let mut repeat = false;
        for message in hand.messages.iter_mut().take(count) {
            let given_up = max <= message.reconsume_times && self.send_as_retry(message, max).await;
            if !given_up {
                message.reconsume_times = message.reconsume_times.saturating_add(1);
                repeat = true;
            }
        }
        repeat
    }
}
