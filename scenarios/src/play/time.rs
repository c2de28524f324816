//! Waiting for true time, or for the order to stop, whichever comes first.

use std::time::Duration;

use checkers::Moment;

use super::Stage;

/// A clock may drift; longer waits are made of steps, after each of which true time is asked.
const STEP_MS: u64 = 500;

impl Stage {
    /// Waits until true time has reached `at_ms`. `false` when told to stop first.
    pub(super) async fn wait_until(&mut self, at_ms: u64) -> bool {
        loop {
            if self.stop.is_cancelled() {
                return false;
            }
            let left_us = Moment::from_ms(at_ms).0.saturating_sub(self.recorder.now().0);
            if left_us == 0 {
                return true;
            }
            let step = Duration::from_micros(left_us.min(STEP_MS * 1_000));
            self.pause(step).await;
        }
    }

    /// Waits for a span. `false` when told to stop first.
    pub(super) async fn pause(&mut self, span: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = self.runtime.clock.sleep(span) => true,
        }
    }

    /// Completes when told to stop.
    pub(super) async fn told_to_stop(&mut self) {
        self.stop.cancelled().await;
    }
}
