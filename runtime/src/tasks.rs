//! Concurrency.

use crate::BoxFuture;

/// Starting tasks, and learning that the process should end.
pub trait Tasks: Send + Sync {
    /// Starts a task. `name` is a static noun for traces. The task runs to its end even if the
    /// returned handle is dropped.
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>) -> Box<dyn Task>;

    /// Completes when the process is asked to end (SIGTERM or SIGINT in production). Gives the
    /// name of what asked.
    fn asked_to_stop(&self) -> BoxFuture<'static, &'static str>;
}

/// A started task.
pub trait Task: Send + Sync {
    /// Ends the task at its next suspension point. Harmless if it has ended.
    fn abort(&self);
}
