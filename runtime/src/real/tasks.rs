//! Tokio's tasks, and the signals that end a process.

use std::future::{pending, poll_fn};
use std::task::Poll;

use tokio::{
    runtime::Handle,
    signal::unix::{SignalKind, signal},
    task::AbortHandle,
};

use crate::{BoxFuture, Task, Tasks};

pub(super) struct RealTasks {
    tokio: Handle,
}

impl RealTasks {
    pub(super) fn new() -> Self {
        Self { tokio: Handle::current() }
    }
}

impl Tasks for RealTasks {
    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) -> Box<dyn Task> {
        Box::new(RealTask(self.tokio.spawn(task).abort_handle()))
    }

    fn asked_to_stop(&self) -> BoxFuture<'static, &'static str> {
        // Registered now, not when first polled: a signal in between must not kill the process.
        let entered = self.tokio.enter();
        let signals = [("SIGTERM", SignalKind::terminate()), ("SIGINT", SignalKind::interrupt())];
        let mut signals = signals.map(|(name, kind)| signal(kind).map(|signal| (name, signal)));
        drop(entered);
        Box::pin(async move {
            if signals.iter().all(Result::is_err) {
                return pending().await;
            }
            poll_fn(|context| {
                for (name, signal) in signals.iter_mut().flatten() {
                    if signal.poll_recv(context).is_ready() {
                        return Poll::Ready(*name);
                    }
                }
                Poll::Pending
            })
            .await
        })
    }
}

struct RealTask(AbortHandle);

impl Task for RealTask {
    fn abort(&self) {
        self.0.abort();
    }
}
