//! Tasks of a simulated process, on madsim's executor.

use std::{
    any::Any,
    cell::RefCell,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
};

use runtime::{BoxFuture, Task, Tasks};

use crate::{
    node::Life,
    world::{Broken, Kind},
};

/// The tasks of one process.
pub(crate) struct NodeTasks(pub(crate) Arc<Life>);

impl Tasks for NodeTasks {
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>) -> Box<dyn Task> {
        if !self.0.is_alive() {
            return Box::new(Started(None));
        }
        let number = self.0.tasks.fetch_add(1, Relaxed) + 1;
        let life = self.0.clone();
        let handle = self.0.executor.spawn(Lived { life, name, number, task: Some(task) });
        Box::new(Started(Some(handle.abort_handle())))
    }

    fn asked_to_stop(&self) -> BoxFuture<'static, &'static str> {
        let stop = self.0.stop.clone();
        Box::pin(async move {
            stop.cancelled().await;
            "SIGTERM"
        })
    }
}

struct Started(Option<madsim::task::AbortHandle>);

impl Task for Started {
    fn abort(&self) {
        if let Some(handle) = &self.0 {
            handle.abort();
        }
    }
}

/// A task that runs only while its process lives and is not paused.
struct Lived {
    life: Arc<Life>,
    name: &'static str,
    number: u64,
    /// `None` once it is over.
    task: Option<BoxFuture<'static, ()>>,
}

impl Future for Lived {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let life = self.life.clone();
        if !life.is_alive() || life.is_parked(cx.waker()) {
            return Poll::Pending;
        }
        let world = &life.node.world;
        if !world.polled() {
            let (polls, node) = (world.polls_max(), life.node.name.clone());
            world.broke(Broken::OutOfPolls { polls, node, task: self.name });
            return Poll::Pending;
        }
        world.saw(life.node.id, Kind::Poll, self.number, life.number);
        let name = self.name;
        let Some(task) = self.task.as_mut() else { return Poll::Ready(()) };
        let outer = RUNNING.replace(Some((life.clone(), name)));
        let outcome = catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(cx)));
        RUNNING.set(outer);
        world.fire_due();
        match outcome {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => {
                self.end();
                Poll::Ready(())
            }
            Err(panic) => {
                // What a process does after its death is no fact of this world.
                if life.is_alive() {
                    life.panicked(self.name, last_panic().unwrap_or_else(|| text_of(&*panic)));
                }
                self.end();
                Poll::Ready(())
            }
        }
    }
}

impl Lived {
    /// Drops the task's state. A panic in a destructor of a dead process is nobody's business.
    fn end(&mut self) {
        let task = self.task.take();
        let outcome = catch_unwind(AssertUnwindSafe(|| drop(task)));
        if let Err(panic) = outcome
            && self.life.is_alive()
        {
            self.life.panicked(self.name, text_of(&*panic));
        }
    }
}

impl Drop for Lived {
    fn drop(&mut self) {
        self.end();
    }
}

/// What a panic said.
pub(crate) fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words").to_owned()
}

thread_local! {
    /// The product's task that is being polled, and its process.
    static RUNNING: RefCell<Option<(Arc<Life>, &'static str)>> = const { RefCell::new(None) };
    /// The last panic of this thread, with its place.
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The node whose task is being polled.
pub(crate) fn running_node() -> Option<u32> {
    RUNNING.with_borrow(|running| running.as_ref().map(|(life, _)| life.node.id))
}

/// Whether the process whose task is being polled is alive. True outside of any process.
pub(crate) fn is_running_alive() -> bool {
    RUNNING.with_borrow(|running| running.as_ref().is_none_or(|(life, _)| life.is_alive()))
}

fn last_panic() -> Option<String> {
    LAST_PANIC.take()
}

/// Remembers panics inside of product tasks, with their place, instead of printing them: the
/// verdict prints them. Where a panic cannot be caught (`panic = "abort"`), `verdict` gets the node,
/// the task and the text, and must not return if the process was alive.
pub(crate) fn hear_panics(abort: fn(&str, &str, &str)) {
    let otherwise = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let running = RUNNING.with_borrow(Clone::clone);
        let Some((life, task)) = running else { return otherwise(info) };
        let place = info.location().map(|at| format!(" at {}:{}", at.file(), at.line()));
        let text = format!("{}{}", text_of(info.payload()), place.unwrap_or_default());
        if cfg!(panic = "abort") {
            abort(&life.node.name, task, &text);
        }
        LAST_PANIC.set(Some(text));
    }));
}
