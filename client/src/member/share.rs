//! Sharing queues out among the members of a group, and locking the ones that are ours.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, MutexGuard, atomic::Ordering},
    time::Duration,
};

use protocol::Text;

use super::{Member, MessageModel};
use crate::{
    ConsumerEvent, MessageQueue,
    assigned::Assigned,
    time::{all, locked},
};

/// Queues are not shared out more often than this.
const REBALANCE_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// How often held locks are renewed.
const LOCK_INTERVAL: Duration = Duration::from_secs(20);
/// A lock that was not renewed for this long does not count any more. The broker gives it to
/// others after 60 s.
const LOCK_LIFE: Duration = Duration::from_secs(30);

/// Shares queues out regularly, and soon after something changed.
pub(super) async fn keep_sharing(member: Arc<Member>) {
    loop {
        let balanced = tokio::select! {
            biased;
            () = member.instance.stopped() => return,
            balanced = member.rebalance() => balanced,
        };
        if !member.instance.pause(REBALANCE_INTERVAL_MIN).await {
            return;
        }
        if !balanced {
            continue;
        }
        tokio::select! {
            biased;
            () = member.instance.stopped() => return,
            () = member.bell.notified() => {}
            () = member.instance.runtime.clock.sleep(member.manner.rebalance_interval) => {}
        }
    }
}

/// Renews the locks of all queues.
pub(super) async fn keep_locking(member: Arc<Member>) {
    while member.instance.pause(LOCK_INTERVAL).await {
        let alone = member.leasing.lock().await;
        let held: Vec<MessageQueue> =
            member.all_assigned().iter().map(|assigned| assigned.queue.clone()).collect();
        let (locked, asked) = member.lock_queues(&held).await;
        for assigned in member.all_assigned() {
            if asked.contains(&assigned.queue.broker_name) {
                let lock = locked.get(&assigned.queue).copied();
                assigned.state().locked = lock;
                assigned.changed.notify_one();
            }
        }
        drop(alone);
    }
}

impl Member {
    /// Finds out which queues are ours and begins or ends reading. `false` if that has to be done
    /// again soon.
    async fn rebalance(&self) -> bool {
        let mut balanced = true;
        let by_hand = locked(&self.by_hand).clone();
        if let Some(queues) = by_hand {
            return self.take_by_hand(&queues).await;
        }
        let subscriptions = self.subscriptions();
        for topic in subscriptions.keys() {
            if let Some(share) = self.share(topic).await {
                balanced &= self.take(topic, share).await;
            }
        }
        let strangers: BTreeSet<Text> = self
            .all_assigned()
            .iter()
            .map(|assigned| assigned.queue.topic.clone())
            .filter(|topic| !subscriptions.contains_key(topic))
            .collect();
        for topic in strangers {
            balanced &= self.take(&topic, Vec::new()).await;
        }
        balanced
    }

    /// Makes the queues that were chosen by hand ours, and no others.
    async fn take_by_hand(&self, queues: &BTreeSet<MessageQueue>) -> bool {
        let mut by_topic: BTreeMap<Text, Vec<MessageQueue>> = BTreeMap::new();
        for assigned in self.all_assigned() {
            by_topic.entry(assigned.queue.topic.clone()).or_default();
        }
        for queue in queues {
            by_topic.entry(queue.topic.clone()).or_default().push(queue.clone());
        }
        let mut balanced = true;
        for (topic, share) in by_topic {
            balanced &= self.take(&topic, share).await;
        }
        balanced
    }

    /// Begins a queue of ours anew, at an offset. `false` if it is not ours.
    pub(crate) fn seek(&self, queue: &MessageQueue, offset: i64) -> bool {
        let Some(old) = self.assigned(queue) else { return false };
        let new = Assigned::begun_at(queue.clone(), Some(offset));
        new.set_paused(old.is_paused());
        old.give_up();
        self.begin(new);
        true
    }

    /// Our share of a topic; `None` when it cannot be told now, and everything stays as it is.
    async fn share(&self, topic: &Text) -> Option<Vec<MessageQueue>> {
        let way = match self.instance.way(topic).await {
            Ok(way) => way,
            Err(error) => {
                tracing::debug!(%topic, %error, "no route, no rebalance");
                return None;
            }
        };
        let queues = &way.subscribe;
        if self.manner.model == MessageModel::Broadcasting {
            return Some(queues.clone());
        }
        if queues.is_empty() {
            return Some(Vec::new());
        }
        let members = self.members(topic, queues).await?;
        if !members.contains(&self.instance.client_id) {
            // Differs from Java, which then gives all its queues up: the broker has merely not
            // heard of this member yet, or again.
            self.instance.greet();
            return None;
        }
        let share = self.manner.balance.share(&self.instance.client_id, queues, &members);
        Some(share.into_iter().filter(|queue| queue.topic == *topic).collect())
    }

    /// The members of the group.
    ///
    /// Differs from Java, which asks any broker of the topic: all members ask the same one, the
    /// first that answers, so that they share by the same list.
    async fn members(&self, topic: &Text, queues: &[MessageQueue]) -> Option<Vec<Text>> {
        let brokers: BTreeSet<&Text> = queues.iter().map(|queue| &queue.broker_name).collect();
        for broker in brokers {
            let Some((_, address)) = self.instance.readable(broker, 0) else { continue };
            match self.instance.members(&address, &self.group).await {
                Ok(members) => return Some(members),
                Err(error) => tracing::debug!(%topic, %error, "members not told"),
            }
        }
        None
    }

    /// Makes `share` the queues of this topic.
    async fn take(&self, topic: &Text, share: Vec<MessageQueue>) -> bool {
        let wanted: BTreeSet<MessageQueue> = share.iter().cloned().collect();
        let ours = |assigned: &Arc<Assigned>| assigned.queue.topic == *topic;
        let released: Vec<Arc<Assigned>> = self
            .all_assigned()
            .into_iter()
            .filter(ours)
            .filter(|assigned| assigned.is_dropped() || !wanted.contains(&assigned.queue))
            .collect();
        let mut changed = !released.is_empty();
        self.release(released).await;

        let held = locked(&self.assigned).keys().cloned().collect::<BTreeSet<_>>();
        let leaving = locked(&self.leaving).clone();
        let missing: Vec<MessageQueue> =
            wanted.iter().filter(|queue| !held.contains(queue)).cloned().collect();
        let free: Vec<MessageQueue> =
            missing.iter().filter(|queue| !leaving.contains(queue)).cloned().collect();
        let mut begun = 0;
        if self.manner.locks {
            let (locked_at, _) = self.lock_queues(&free).await;
            for (queue, at) in locked_at {
                let assigned = Assigned::new(queue);
                assigned.state().locked = Some(at);
                self.begin(assigned);
                begun += 1;
            }
        } else {
            for queue in free {
                self.begin(Assigned::new(queue));
                begun += 1;
            }
        }
        changed |= 0 < begun;
        if changed {
            let assigned = self.all_assigned();
            let queues = assigned.iter().filter(|each| ours(each)).map(|each| each.queue.clone());
            let event = ConsumerEvent::Balanced { topic: topic.clone(), queues: queues.collect() };
            self.tell(&event);
        }
        begun == missing.len()
    }

    fn begin(&self, assigned: Arc<Assigned>) {
        if self.instance.is_stopped() {
            return;
        }
        locked(&self.assigned).insert(assigned.queue.clone(), assigned.clone());
        if let Some(reader) = self.reader.get().and_then(std::sync::Weak::upgrade) {
            reader.begin(assigned);
        }
    }

    /// Ends the reading of queues and keeps how far it came.
    async fn release(&self, released: Vec<Arc<Assigned>>) {
        let mut commits: Vec<runtime::BoxFuture<'_, ()>> = Vec::new();
        for assigned in released {
            assigned.give_up();
            self.forget(&assigned);
            if self.manner.locks {
                // Its reader may be within a listener. It commits and unlocks when it is done.
                let mut leaving = locked(&self.leaving);
                if !assigned.ended.load(Ordering::Acquire) {
                    leaving.insert(assigned.queue.clone());
                }
                continue;
            }
            commits.push(Box::pin(async move {
                self.commit(&assigned).await;
                self.tell(&ConsumerEvent::Released { queue: assigned.queue.clone() });
            }));
        }
        drop(all(commits).await);
    }

    /// Takes a queue out of the table, unless it was begun anew meanwhile.
    fn forget(&self, assigned: &Arc<Assigned>) {
        let mut table = locked(&self.assigned);
        if table.get(&assigned.queue).is_some_and(|held| Arc::ptr_eq(held, assigned)) {
            table.remove(&assigned.queue);
        }
    }

    /// The reader of a locked queue has ended: gives the lock back.
    pub(crate) async fn leave(&self, assigned: &Assigned) {
        let alone = self.leasing.lock().await;
        self.unlock_queues(&assigned.queue.broker_name, std::slice::from_ref(&assigned.queue))
            .await;
        let mut leaving = locked(&self.leaving);
        assigned.ended.store(true, Ordering::Release);
        leaving.remove(&assigned.queue);
        drop(leaving);
        drop(alone);
        self.tell(&ConsumerEvent::Released { queue: assigned.queue.clone() });
        self.rebalance_soon();
    }

    /// Asks for locks. Gives the queues that are locked now with the time of asking, and the
    /// brokers that answered.
    pub(crate) async fn lock_queues(
        &self,
        queues: &[MessageQueue],
    ) -> (BTreeMap<MessageQueue, runtime::Monotonic>, BTreeSet<Text>) {
        let mut by_broker: BTreeMap<Text, Vec<MessageQueue>> = BTreeMap::new();
        for queue in queues {
            by_broker.entry(queue.broker_name.clone()).or_default().push(queue.clone());
        }
        let mut locked = BTreeMap::new();
        let mut answered = BTreeSet::new();
        // The life of a lock is counted from before it was asked for: it cannot end earlier.
        let asked = self.instance.now();
        for (broker, queues) in by_broker {
            self.leased().extend(queues.iter().cloned());
            match self.instance.lock(&self.group, &broker, &queues).await {
                Ok(granted) => {
                    self.leased()
                        .retain(|queue| !queues.contains(queue) || granted.contains(queue));
                    locked.extend(granted.into_iter().map(|queue| (queue, asked)));
                    answered.insert(broker);
                }
                Err(error) => tracing::warn!(%broker, %error, "queues were not locked"),
            }
        }
        (locked, answered)
    }

    fn leased(&self) -> MutexGuard<'_, BTreeSet<MessageQueue>> {
        locked(&self.leased)
    }

    async fn unlock_queues(&self, broker: &Text, queues: &[MessageQueue]) {
        match self.instance.unlock(&self.group, broker, queues).await {
            Ok(()) => self.leased().retain(|queue| !queues.contains(queue)),
            Err(error) => {
                tracing::info!(?queues, %error, "not unlocked; the locks will expire");
            }
        }
    }

    /// Gives back the locks that were asked for when the member was stopped, before anybody read
    /// under them. A queue whose reader has not ended keeps its lock: a listener is still at work.
    ///
    /// Differs from Java, where the next owner of such a queue waits until the lock expires.
    pub(super) async fn unlock_leftovers(&self) {
        let mut by_broker: BTreeMap<Text, Vec<MessageQueue>> = BTreeMap::new();
        for queue in self.leased().clone() {
            let is_read = self
                .assigned(&queue)
                .is_some_and(|assigned| !assigned.ended.load(Ordering::Acquire))
                || locked(&self.leaving).contains(&queue);
            if !is_read {
                by_broker.entry(queue.broker_name.clone()).or_default().push(queue);
            }
        }
        for (broker, queues) in by_broker {
            self.unlock_queues(&broker, &queues).await;
        }
    }

    /// Whether the lock of a queue still counts.
    pub(crate) fn holds_lock(&self, assigned: &Assigned) -> bool {
        if !self.manner.locks {
            return true;
        }
        let locked = assigned.state().locked;
        locked.is_some_and(|at| self.instance.now().since(at) < LOCK_LIFE)
    }
}
