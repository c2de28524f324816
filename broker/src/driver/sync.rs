//! Syncs the commit log: when somebody waits for it, and from time to time.
//!
//! Everything that arrives while one sync runs is covered by the next: group commit.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::hub::Hub;
use crate::Event;

pub(super) async fn run(hub: Arc<Hub>, stop: CancellationToken) {
    loop {
        let configured = hub.with(|broker, _| broker.config().flush_commit_log_ms);
        let Some(period_ms) = configured else { return };
        let period = hub.runtime.clock.sleep(Duration::from_millis(period_ms.max(1)));
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = hub.sync_bell.notified() => {}
            () = period => {}
        }
        sync_once(&hub).await;
    }
}

/// Makes durable what was written so far.
pub(super) async fn sync_once(hub: &Arc<Hub>) {
    if let Some(job) = hub.with(|broker, _| broker.begin_sync()).flatten() {
        let synced = job.run().await;
        hub.dispatch(Event::Synced(synced));
    }
}
