//! A consumer that pulls by itself: every queue of its topics, from the committed offset on.

use std::{collections::BTreeMap, time::Duration};

use checkers::{Filter as WantedTags, Pull};
use client::{MessageQueue, PullConsumer, PullStatus, Pulled};

use super::{Stage, consuming};
use crate::workload::{Consumer as Spec, Subscription};

/// Plays one pulling consumer until it is told to stop.
pub(super) async fn play(mut stage: Stage, spec: &Spec) {
    let notes = consuming::Notes::new(&stage, spec);
    loop {
        let Some(until_ms) = consuming::wait_to_join(&mut stage, spec).await else { return };
        let Some(consumer) = start(&mut stage, spec).await else { return };
        let mut reader = Reader { stage: stage.clone(), spec, notes: &notes, consumer };
        reader.read_until(until_ms).await;
        reader.consumer.stop().await;
        if stage.stop.is_cancelled() {
            return;
        }
    }
}

async fn start(stage: &mut Stage, spec: &Spec) -> Option<PullConsumer> {
    let pace = stage.plan.workload.pace;
    loop {
        let consumer = PullConsumer::builder(stage.runtime.clone(), spec.group.as_str())
            .name_servers(stage.name_servers.as_str())
            .instance_name(spec.name.as_str())
            .heartbeat_interval(Duration::from_millis(pace.heartbeat_ms))
            .poll_name_server_interval(Duration::from_millis(pace.routes_ms))
            .start()
            .await;
        match consumer {
            Ok(consumer) => return Some(consumer),
            Err(_) if stage.pause(Duration::from_millis(200)).await => {}
            Err(_) => return None,
        }
    }
}

/// How long a reader rests after the first round that brought nothing.
const REST_MS: u64 = 200;

/// How long at most, when round after round brings nothing.
const REST_MAX_MS: u64 = 1_600;

/// How far a queue was read.
#[derive(Clone, Copy)]
struct Place {
    /// Where to go on.
    next: i64,
    /// The broker knows.
    is_committed: bool,
}

struct Reader<'a> {
    stage: Stage,
    spec: &'a Spec,
    notes: &'a consuming::Notes,
    consumer: PullConsumer,
}

impl Reader<'_> {
    /// Goes round all queues; rests when a round brought nothing.
    async fn read_until(&mut self, until_ms: Option<u64>) {
        let mut next: BTreeMap<MessageQueue, Place> = BTreeMap::new();
        let mut told_at = self.stage.recorder.now();
        let mut rest_ms = 1;
        while !self.stage.stop.is_cancelled() {
            // A broker that crashed may have forgotten what it was told, so it is told again.
            let now = self.stage.recorder.now();
            if self.spec.commit_every_ms <= now.ms_since(told_at) {
                next.values_mut().for_each(|place| place.is_committed = false);
                told_at = now;
            }
            if until_ms.is_some_and(|until_ms| until_ms <= self.stage.recorder.now().ms()) {
                return;
            }
            let mut moved = false;
            for subscription in &self.spec.subscriptions {
                // Without a route there is nothing to do but to try again.
                let queues = self.consumer.queues(&subscription.topic).await.unwrap_or_default();
                for queue in queues {
                    moved |= self.read_once(&mut next, subscription, queue).await;
                }
            }
            rest_ms = match rest_ms {
                _ if moved => 1,
                1 => self.spec.commit_every_ms.min(REST_MS),
                longer => (longer * 2).min(REST_MAX_MS),
            };
            self.stage.pause(Duration::from_millis(rest_ms)).await;
        }
    }

    /// One pull, its messages, and the commit. `true` if it went forward.
    async fn read_once(
        &self,
        next: &mut BTreeMap<MessageQueue, Place>,
        subscription: &Subscription,
        queue: MessageQueue,
    ) -> bool {
        let place = match next.get(&queue) {
            Some(place) => *place,
            None => match self.consumer.committed(&queue).await {
                Ok(committed) => Place { next: committed.unwrap_or(0), is_committed: true },
                Err(_) => return false,
            },
        };
        let from = place.next;
        let filter = consuming::filter(&subscription.tags);
        let messages_max = i32::try_from(self.spec.pull_batch).unwrap_or(32);
        let invoked = self.stage.recorder.now();
        let Ok(pulled) = self.consumer.pull(&queue, &filter, from, messages_max).await else {
            return false;
        };
        self.write_down((subscription, &queue), (invoked, from), &pulled);
        self.notes.listen(pulled.messages).await;
        let moved = pulled.next_offset != from;
        let mut place =
            Place { next: pulled.next_offset, is_committed: place.is_committed && !moved };
        if !place.is_committed {
            place.is_committed = self.commit(&queue, place.next).await;
        }
        next.insert(queue, place);
        moved
    }

    /// `true` when the broker has it.
    async fn commit(&self, queue: &MessageQueue, offset: i64) -> bool {
        let name = (&queue.broker_name, &queue.topic);
        let id = self.stage.recorder.queue(name.0, name.1, queue.queue_id);
        self.notes.committing(id, offset);
        let done = self.consumer.commit(queue, offset).await.is_ok();
        if done {
            self.notes.committed(id, offset);
        }
        done
    }

    fn write_down(
        &self,
        (subscription, queue): (&Subscription, &MessageQueue),
        (invoked, from): (checkers::Moment, i64),
        pulled: &Pulled,
    ) {
        let recorder = &self.stage.recorder;
        let given = pulled.messages.iter();
        let given = given.map(|message| (message.queue_offset, consuming::content(message)));
        let pull = Pull {
            consumer: recorder.node(&self.spec.name),
            group: recorder.with(|history| history.group(&self.spec.group)),
            queue: recorder.queue(&queue.broker_name, &queue.topic, queue.queue_id),
            invoked,
            returned: recorder.now(),
            from,
            messages_max: self.spec.pull_batch,
            filter: match subscription.tags.as_slice() {
                [] => WantedTags::All,
                tags => WantedTags::Tags(tags.to_vec()),
            },
            status: match pulled.status {
                PullStatus::Found => checkers::PullStatus::Found,
                PullStatus::NoNewMessage => checkers::PullStatus::NoNew,
                PullStatus::NoMatch => checkers::PullStatus::NoMatch,
                PullStatus::OffsetMoved => checkers::PullStatus::Moved,
            },
            next: pulled.next_offset,
            given: given.collect(),
        };
        recorder.with(|history| history.pulls.push(pull));
    }
}
