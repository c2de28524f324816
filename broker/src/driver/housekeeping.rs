//! What the store needs from time to time: queues written out, a checkpoint, old files removed.

use std::{sync::Arc, time::Duration};

use runtime::Monotonic;
use tokio_util::sync::CancellationToken;

use super::hub::Hub;
use crate::Event;

pub(super) async fn run(hub: Arc<Hub>, stop: CancellationToken) {
    let start = hub.runtime.clock.monotonic();
    let (mut checkpointed, mut cleaned) = (start, start);
    loop {
        let Some(pace) = hub.with(|broker, _| broker.store().config().pace) else { return };
        let slept = hub.runtime.clock.sleep(pace.queues);
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = slept => {}
        }
        flush_queues(&hub);
        let now = hub.runtime.clock.monotonic();
        if is_due(&mut checkpointed, pace.checkpoint, now) {
            checkpoint(&hub).await;
        }
        if is_due(&mut cleaned, pace.retention, now) {
            look_at_disk(&hub);
            clean(&hub).await;
        }
    }
}

fn is_due(last: &mut Monotonic, period: Duration, now: Monotonic) -> bool {
    let due = *last + period <= now;
    if due {
        *last = now;
    }
    due
}

fn flush_queues(hub: &Hub) {
    if let Some(Err(error)) = hub.with(|broker, _| broker.store_mut().flush_queues()) {
        tracing::error!(%error, "consume queues are not written out");
    }
}

async fn checkpoint(hub: &Hub) {
    match hub.with(|broker, _| broker.store_mut().begin_checkpoint()) {
        Some(Ok(Some(job))) => {
            let done = job.run().await;
            if let Some(Err(error)) = hub.with(|broker, _| broker.store_mut().end_checkpoint(done))
            {
                tracing::error!(%error, "no checkpoint");
            }
        }
        Some(Err(error)) => tracing::error!(%error, "no checkpoint"),
        Some(Ok(None)) | None => {}
    }
}

async fn clean(hub: &Hub) {
    match hub.with(|broker, now| broker.store_mut().begin_retention(now)) {
        Some(Ok(Some(job))) => {
            let removed = job.run().await;
            match hub.with(|broker, _| broker.store_mut().end_retention(removed)) {
                Some(Ok(report)) => tracing::info!(?report, "old files were removed"),
                Some(Err(error)) => tracing::error!(%error, "old files are not removed"),
                None => {}
            }
        }
        Some(Err(error)) => tracing::error!(%error, "old files are not removed"),
        Some(Ok(None)) | None => {}
    }
}

pub(super) fn look_at_disk(hub: &Arc<Hub>) {
    let Some(root) = hub.with(|broker, _| broker.config().store_root.clone()) else { return };
    match hub.runtime.disk.usage(&root) {
        Ok(usage) => hub.dispatch(Event::DiskLooked { usage }),
        Err(error) => tracing::warn!(%error, root = %root.display(), "how full is the disk?"),
    }
}
