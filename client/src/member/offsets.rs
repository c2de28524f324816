//! How far a member is: at the brokers, or in a file for one that broadcasts.

use std::{future::Future, pin::Pin, sync::Arc};

use protocol::names;

use super::{ConsumeFrom, Member};
use crate::{
    CommitError, ConsumerEvent, MessageQueue, QueryError, assigned::Assigned,
    local_offsets::LocalOffsets, queries::Boundary, time::all,
};

pub(crate) enum Offsets {
    AtBroker,
    InFile(LocalOffsets),
}

/// Keeps offsets regularly.
pub(super) async fn keep_committing(member: Arc<Member>) {
    while member.instance.pause(member.instance.settings.persist_interval).await {
        // A commit that was begun is ended: it knows then whether it was confirmed.
        member.commit_all().await;
    }
}

impl Member {
    /// Where to begin to read a queue.
    pub(crate) async fn first_offset(&self, queue: &MessageQueue) -> Result<i64, QueryError> {
        let known = match &self.offsets {
            Offsets::AtBroker => self.instance.committed_or_begin(&self.group, queue).await?,
            Offsets::InFile(file) => file.get(queue),
        };
        if let Some(offset) = known {
            return Ok(offset);
        }
        // Differs from Java, which begins a retry topic at its end when it begins by time: what is
        // in it was meant for this group.
        if names::is_retry_topic(&queue.topic) {
            return self.instance.min_offset(queue).await;
        }
        match self.manner.from {
            ConsumeFrom::Last => self.instance.max_offset(queue).await,
            ConsumeFrom::First => self.instance.min_offset(queue).await,
            ConsumeFrom::Timestamp(at_ms) => {
                self.instance.search_offset(queue, at_ms, Boundary::Lower).await
            }
        }
    }

    /// Keeps how far a queue is. What was not kept is consumed again after a crash.
    pub(crate) async fn commit(&self, assigned: &Assigned) {
        match &self.offsets {
            Offsets::AtBroker => {
                if let Err(error) = self.commit_at_broker(assigned).await {
                    tracing::warn!(queue = %assigned.queue, %error, "an offset was not kept");
                }
            }
            Offsets::InFile(file) => {
                self.note_in_file(file, assigned);
                self.save_file(file).await;
            }
        }
    }

    /// Keeps how far all queues are.
    pub(crate) async fn commit_all(&self) {
        let assigned = self.all_assigned();
        match &self.offsets {
            Offsets::AtBroker => {
                let mut commits: Vec<Pin<Box<dyn Future<Output = ()> + Send + '_>>> = Vec::new();
                for each in &assigned {
                    commits.push(Box::pin(self.commit(each)));
                }
                drop(all(commits).await);
            }
            Offsets::InFile(file) => {
                for each in &assigned {
                    self.note_in_file(file, each);
                }
                if !assigned.is_empty() {
                    self.save_file(file).await;
                }
            }
        }
    }

    /// One commit at a time for a queue: a later one never overtakes an earlier one.
    pub(crate) async fn commit_at_broker(&self, assigned: &Assigned) -> Result<(), CommitError> {
        let alone = assigned.committing.lock().await;
        let Some(offset) = assigned.to_commit() else { return Ok(()) };
        let queue = &assigned.queue;
        self.tell(&ConsumerEvent::Committing { queue: queue.clone(), offset });
        let committed = self.instance.commit(&self.group, queue, offset).await;
        if committed.is_ok() {
            self.tell(&ConsumerEvent::Committed { queue: queue.clone(), offset });
        }
        drop(alone);
        committed.map_err(CommitError::Broker)
    }

    fn note_in_file(&self, file: &LocalOffsets, assigned: &Assigned) {
        if let Some(offset) = assigned.to_commit() {
            file.set(&assigned.queue, offset);
            let queue = assigned.queue.clone();
            self.tell(&ConsumerEvent::Committing { queue, offset });
        }
    }

    async fn save_file(&self, file: &LocalOffsets) {
        match file.save().await {
            Ok(()) => {
                for assigned in self.all_assigned() {
                    if let Some(offset) = file.get(&assigned.queue) {
                        let queue = assigned.queue.clone();
                        self.tell(&ConsumerEvent::Committed { queue, offset });
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "offsets were not kept"),
        }
    }
}
