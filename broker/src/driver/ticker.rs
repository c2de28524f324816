//! Tells the core that time passes.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::hub::Hub;
use crate::Event;

/// How often. Delayed messages and waiting pulls are at most this late.
const PERIOD: Duration = Duration::from_millis(100);

pub(super) async fn run(hub: Arc<Hub>, stop: CancellationToken) {
    let mut next = hub.runtime.clock.monotonic() + PERIOD;
    loop {
        let slept = hub.runtime.clock.sleep_until(next);
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = slept => {}
        }
        hub.dispatch(Event::Ticked);
        // A process that was paused does not make up for the ticks it missed.
        next = (next + PERIOD).max(hub.runtime.clock.monotonic());
    }
}
