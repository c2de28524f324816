//! The operating system's two clocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::{BoxFuture, Clock, Monotonic};

pub(super) struct RealClock {
    start: Instant,
}

impl RealClock {
    pub(super) fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for RealClock {
    fn wall_ms(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        }
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::default() + self.start.elapsed()
    }

    fn sleep_until(&self, at: Monotonic) -> BoxFuture<'static, ()> {
        // An instant that cannot be represented is centuries away: tokio waits as long as it can.
        let deadline = self.start.checked_add(Duration::from_nanos(at.0));
        Box::pin(async move {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        })
    }
}
