//! Saves tables as files.

use std::{sync::Arc, time::Duration};

use runtime::whole_file;
use tokio_util::sync::CancellationToken;

use super::hub::Hub;
use crate::{Event, Table};

/// How long a disk that refused is left alone.
const REST: Duration = Duration::from_secs(1);

pub(super) async fn run(hub: Arc<Hub>, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = hub.save_bell.notified() => {}
        }
        let mut failed = false;
        for table in hub.take_saves() {
            failed |= !save(&hub, table).await;
        }
        if failed {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = hub.runtime.clock.sleep(REST) => {}
            }
        }
    }
}

/// Saves one table as it is now. False if the disk refused.
pub(super) async fn save(hub: &Arc<Hub>, table: Table) -> bool {
    let encoded = hub.with(|broker, _| {
        let (generation, content) = broker.table_file(table);
        (generation, content, broker.table_path(table))
    });
    let Some((generation, content, path)) = encoded else { return true };
    let saved = whole_file::save(&hub.runtime.disk, &path, &content).await;
    if let Err(error) = &saved {
        tracing::error!(%error, "a table was not saved");
    }
    hub.dispatch(Event::Saved { table, generation, ok: saved.is_ok() });
    saved.is_ok()
}
