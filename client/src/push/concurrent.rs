//! Messages in any order: pulled ahead by one task per queue, consumed by a fixed set of workers.
//!
//! Source: client/impl/consumer/ConsumeMessageConcurrentlyService.java.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use protocol::{
    Command, RequestCode, ResponseCode,
    body::{ConsumeOutcome, ConsumedDirectly},
    record::RecordView,
    request,
};
use remoting::Connection;
use tokio::sync::{Mutex, mpsc};

use super::{Consumed, Core, Work};
use crate::{
    MessageModel,
    assigned::{Assigned, Held},
    received,
    time::locked,
};

/// A batch that could neither be consumed nor sent back is tried again after this.
const LOCAL_RETRY: Duration = Duration::from_secs(5);
/// How often waiting batches are looked at.
const LATER_TICK: Duration = Duration::from_secs(1);
/// How often messages are looked for that their listener has for too long.
const OVERDUE_TICK: Duration = Duration::from_secs(60);
/// The level at which a message comes again whose listener took too long.
const OVERDUE_DELAY_LEVEL: i32 = 3;

pub(super) fn start_workers(core: &Arc<Core>, work: mpsc::UnboundedReceiver<Work>) {
    let work = Arc::new(Mutex::new(work));
    let workers = if core.is_orderly { 1 } else { core.settings.workers };
    for _ in 0..workers {
        core.member.spawn("consumer worker", keep_consuming(core.clone(), work.clone()));
    }
    if !core.is_orderly {
        core.member.spawn("consumer later", keep_trying_again(core.clone()));
        core.member.spawn("consumer overdue", keep_returning_overdue(core.clone()));
    }
}

/// Pulls one queue ahead until it is taken away.
pub(super) async fn read(core: Arc<Core>, assigned: Arc<Assigned>) {
    let deliver = |held: Vec<Arc<Held>>| {
        for batch in held.chunks(core.settings.consume_batch) {
            // It fails only when the consumer is ending.
            drop(core.work.send(Work::Messages(assigned.clone(), batch.to_vec())));
        }
    };
    core.ahead.read(&assigned, deliver).await;
}

/// Takes work until the consumer ends. What was begun is ended.
async fn keep_consuming(core: Arc<Core>, work: Arc<Mutex<mpsc::UnboundedReceiver<Work>>>) {
    loop {
        let next = tokio::select! {
            biased;
            () = core.member.instance.stopped() => return,
            next = async { work.lock().await.recv().await } => next,
        };
        match next {
            Some(Work::Messages(assigned, held)) => core.consume(&assigned, held).await,
            Some(Work::Direct(connection, command, message)) => {
                core.consume_now(&connection, &command, *message).await;
            }
            None => return,
        }
    }
}

/// Gives batches to the listener again whose time has come.
async fn keep_trying_again(core: Arc<Core>) {
    while core.member.instance.pause(LATER_TICK).await {
        let now = core.member.instance.now();
        let mut later = locked(&core.later);
        while let Some(first) = later.first_entry() {
            if now < first.key().0 {
                break;
            }
            let (assigned, held) = first.remove();
            // It fails only when the consumer is ending.
            drop(core.work.send(Work::Messages(assigned, held)));
        }
    }
}

/// Sends messages back that their listener has for too long.
async fn keep_returning_overdue(core: Arc<Core>) {
    while core.member.instance.pause(OVERDUE_TICK).await {
        for assigned in core.member.all_assigned() {
            let overdue = core.overdue(&assigned);
            for held in overdue {
                let message = held.message();
                tracing::warn!(id = %message.message_id, "its listener took too long");
                if core.send_back(&message, OVERDUE_DELAY_LEVEL).await {
                    assigned.finish([message.queue_offset]);
                }
            }
        }
    }
}

impl Core {
    /// Gives one batch to the listener and does what it says.
    async fn consume(&self, assigned: &Arc<Assigned>, held: Vec<Arc<Held>>) {
        if assigned.is_dropped() {
            return;
        }
        let now = self.member.instance.now();
        for each in &held {
            *locked(&each.began) = Some(now);
        }
        assigned.state().last_consume_ms = self.member.instance.runtime.clock.wall_ms();
        let messages: Vec<_> = held.iter().map(|each| each.message()).collect();
        let outcome = (self.listener)(messages).await;
        // It belongs to somebody else now, who will consume it again.
        if assigned.is_dropped() {
            return;
        }
        let offset = |each: &Arc<Held>| locked(&each.message).queue_offset;
        if outcome == Consumed::Success || self.member.manner.model == MessageModel::Broadcasting {
            if outcome == Consumed::Later {
                tracing::warn!(queue = %assigned.queue, "broadcast: not consumed, not repeated");
            }
            assigned.finish(held.iter().map(offset));
            return;
        }
        let mut kept = Vec::new();
        for each in held {
            let message = each.message();
            // Nothing is sent back twice: it may have been overdue and gone already.
            if assigned.state().window.get(message.queue_offset).is_none() {
                continue;
            }
            if self.send_back(&message, 0).await {
                assigned.finish([message.queue_offset]);
            } else {
                locked(&each.message).reconsume_times += 1;
                kept.push(each);
            }
        }
        if !kept.is_empty() {
            let due = self.member.instance.now() + LOCAL_RETRY;
            let number = self.next_later.fetch_add(1, Ordering::Relaxed);
            locked(&self.later).insert((due, number), (assigned.clone(), kept));
        }
    }

    /// Messages that a listener got longer ago than allowed and has not returned.
    fn overdue(&self, assigned: &Assigned) -> Vec<Arc<Held>> {
        let now = self.member.instance.now();
        let state = assigned.state();
        let first = state.window.first(16);
        let held = first.iter().filter_map(|offset| state.window.get(*offset));
        let overdue = held.filter(|each| {
            locked(&each.began).is_some_and(|at| self.settings.consume_timeout < now.since(at))
        });
        overdue.cloned().collect()
    }

    /// An operator wants one message consumed by this client, now.
    pub(super) fn consume_directly(
        &self,
        connection: &Connection,
        command: &Command,
    ) -> Option<Command> {
        if command.code != i32::from(RequestCode::CONSUME_MESSAGE_DIRECTLY) {
            return None;
        }
        let refused =
            |wrong: String| Some(command.answer(ResponseCode::SYSTEM_ERROR).with_remark(wrong));
        let header = match request::ConsumeMessageDirectly::decode(command) {
            Ok(header) => header,
            Err(wrong) => return refused(wrong.to_string()),
        };
        let record = match RecordView::parse(command.body.clone()) {
            Ok(record) => record,
            Err(wrong) => return refused(wrong.to_string()),
        };
        let broker = header.broker_name.unwrap_or_default();
        let mut message = received::message(&broker, &record);
        received::show_original_topic(&mut message, &self.member.group);
        let work = Work::Direct(connection.clone(), command.clone(), Box::new(message));
        if self.work.send(work).is_err() {
            return refused("the consumer is ending".to_owned());
        }
        // Answered by the worker that consumes it.
        Some(command.answer(ResponseCode::SUCCESS)).filter(|_| command.is_oneway())
    }

    async fn consume_now(
        &self,
        connection: &Connection,
        command: &Command,
        message: crate::ReceivedMessage,
    ) {
        let began = self.member.instance.now();
        let outcome = (self.listener)(vec![message]).await;
        let took = self.member.instance.now().since(began);
        let result = ConsumedDirectly {
            order: self.is_orderly,
            consume_result: Some(match outcome {
                Consumed::Success => ConsumeOutcome::Success,
                Consumed::Later => ConsumeOutcome::Later,
            }),
            spent_ms: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
            ..ConsumedDirectly::default()
        };
        let answer = command.answer(ResponseCode::SUCCESS).with_body(result.to_json());
        // Who asked and left needs no answer.
        drop(connection.send(answer));
    }
}
