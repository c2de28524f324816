//! A broker that runs, and how it stops.

use std::{future::Future, net::SocketAddr, sync::Arc};

use runtime::Runtime;
use store::{CloseError, Opened};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{hub::Hub, saver, sync};
use crate::{Event, Table};

/// The tasks of the driver: they are told to stop together and can be waited for.
#[derive(Clone)]
pub(super) struct Crew {
    stop: CancellationToken,
    /// Held by every task; when the last one ends, so does the channel.
    presence: mpsc::Sender<()>,
}

/// Whoever tells a crew to stop; a crew without a captain stops, too.
pub(super) struct Captain {
    stop: DropGuard,
    all_gone: mpsc::Receiver<()>,
}

impl Crew {
    pub(super) fn gather() -> (Self, Captain) {
        let stop = CancellationToken::new();
        let (presence, all_gone) = mpsc::channel(1);
        (Self { stop: stop.clone(), presence }, Captain { stop: stop.drop_guard(), all_gone })
    }

    /// What a member listens to.
    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a member.
    pub(super) fn hire(
        &self,
        runtime: &Runtime,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let presence = self.presence.clone();
        runtime.tasks.spawn(
            name,
            Box::pin(async move {
                task.await;
                drop(presence);
            }),
        );
    }
}

impl Captain {
    /// Tells everybody to stop, and waits until they have.
    async fn dismiss(mut self) {
        drop(self.stop);
        while self.all_gone.recv().await.is_some() {}
    }
}

/// Why a broker did not stop cleanly. Nothing that was promised is lost by it.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// The store was not closed as it should be: the next start looks for the end of the log.
    #[error("the store was not closed cleanly: {0}")]
    Store(#[from] CloseError),
    /// Tables could not be saved.
    #[error("{tables} tables could not be saved")]
    Tables {
        /// How many.
        tables: usize,
    },
}

/// A broker that runs.
pub struct Running {
    pub(super) hub: Arc<Hub>,
    pub(super) address: SocketAddr,
    /// What was found when the store was opened.
    pub(super) opened: Opened,
    /// Those who work on the core.
    pub(super) workers: Captain,
    /// Those who let clients in.
    pub(super) doors: Captain,
    /// Held so that the channels stay open as long as the broker runs.
    pub(super) crews: [Crew; 2],
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it found in its store when it started.
    #[must_use]
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// The name servers it knows, and the name it has: for the line that says it is ready.
    #[must_use]
    pub fn describe(&self) -> Option<(String, String, String)> {
        self.hub.with(|broker, _| {
            let config = broker.config();
            (config.broker_name.clone(), config.address(), config.namesrv_addr.clone())
        })
    }

    /// Looks at the core: for tests, and for whoever shows its counters.
    pub fn look<T>(&self, look: impl FnOnce(&crate::Broker) -> T) -> Option<T> {
        self.hub.with(|broker, _| look(broker))
    }

    /// Completes with the reason when the broker can no longer do its work; never, if all is well.
    pub async fn failed(&self) -> String {
        const LOOK: std::time::Duration = std::time::Duration::from_secs(1);
        loop {
            if let Some(Some(failure)) = self.hub.with(|broker, _| broker.disk_failure()) {
                return failure;
            }
            self.hub.runtime.clock.sleep(LOOK).await;
        }
    }

    /// Stops: leaves the name servers, answers whoever waits, makes everything durable, closes.
    ///
    /// # Errors
    ///
    /// If something could not be made durable that a clean stop makes durable.
    pub async fn stop(self) -> Result<(), StopError> {
        let Self { hub, workers, doors, crews, .. } = self;
        drop(crews);
        hub.dispatch(Event::Stopping);
        workers.dismiss().await;
        // Answers wait for this.
        sync::sync_once(&hub).await;
        save_all(&hub).await;
        doors.dismiss().await;
        // Until the last client was gone, offsets were committed.
        let unsaved = save_all(&hub).await;
        if let Some(broker) = hub.take() {
            broker.into_store().close().await?;
        }
        if 0 < unsaved { Err(StopError::Tables { tables: unsaved }) } else { Ok(()) }
    }
}

/// Saves what has changed. Gives the number of tables that the disk refused.
async fn save_all(hub: &Arc<Hub>) -> usize {
    let mut unsaved = 0;
    for table in Table::ALL {
        let is_saved = hub.with(|broker, _| broker.is_saved(table)).unwrap_or(true);
        if !is_saved && !saver::save(hub, table).await {
            unsaved += 1;
        }
    }
    unsaved
}
