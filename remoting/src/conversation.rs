//! The task of one connection: everything that reads from its stream or writes to it.
//!
//! One future polls the stream in both directions and the outbox, so that neither direction ever
//! waits for the other, and a turn is always the same: read once, apply every whole frame, add
//! what others have to send, write once.
//!
//! ```text
//!   Open ---- the peer closes, we close, a frame cannot be read ----> Draining(until) ----+
//!     |                                                                                   v
//!     +------ broken, idle, slow reader ---------------------------------------------> ended
//! ```
//! While draining nothing more is read, and what is owed is still sent: after the peer has closed
//! its half that includes answers that are not known yet.

use std::{
    collections::BTreeSet,
    future::{Future, poll_fn},
    io, mem,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Buf, BytesMut};
use protocol::{Command, ResponseCode, frame::put_frame};
use runtime::{BoxFuture, Monotonic, Runtime, Stream};
use tokio::io::AsyncWriteExt;

use crate::{
    Connection, Ending, Limits, Respond,
    input::Input,
    limits::{BATCH_FRAMES_MAX, OUTPUT_KEPT_BYTES_MAX, QUIET, TURNS_MAX},
    outbox::Outbox,
};

/// One connection's task.
pub(crate) struct Conversation {
    connection: Connection,
    stream: Box<dyn Stream>,
    respond: Arc<dyn Respond>,
    limits: Limits,
    input: Input,
    /// The input may hold whole frames that have not been applied.
    frames_waiting: bool,
    /// What is being written: answers first, then what came out of the outbox.
    output: BytesMut,
    /// How much of the output is answers.
    output_answer_bytes: usize,
    /// Answers that go into the next output.
    encoded: BytesMut,
    /// The output has been longer than is worth keeping.
    output_grew: bool,
    requests: Vec<Command>,
    answers: Vec<Command>,
    /// Requests that want an answer, and answers that were given at once. Both grow.
    asked: u64,
    answered: u64,
    phase: Phase,
    /// When a byte last moved.
    moved: Monotonic,
    alarm: BoxFuture<'static, ()>,
}

enum Phase {
    Open,
    Draining { ending: Ending, until: Monotonic },
}

/// Whether anything moved in a step.
type Moved = bool;

impl Conversation {
    /// Announces a connection and starts its task. `seat` is dropped when the connection is gone.
    pub(crate) fn start(
        runtime: &Runtime,
        stream: Box<dyn Stream>,
        limits: Limits,
        respond: Arc<dyn Respond>,
        seat: impl FnOnce(&Connection) -> Box<dyn Send>,
    ) -> Connection {
        let connection = Connection::new(runtime, &*stream, &limits);
        let seat = seat(&connection);
        respond.opened(&connection);
        let moved = runtime.clock.monotonic();
        let conversation = Self {
            connection: connection.clone(),
            stream,
            respond,
            input: Input::new(limits.frame_bytes_max),
            frames_waiting: false,
            output: BytesMut::new(),
            output_answer_bytes: 0,
            encoded: BytesMut::new(),
            output_grew: false,
            requests: Vec::new(),
            answers: Vec::new(),
            asked: 0,
            answered: 0,
            phase: Phase::Open,
            moved,
            alarm: runtime.clock.sleep_until(moved + QUIET.min(limits.idle)),
            limits,
        };
        let task = async move {
            let _seat = seat;
            conversation.run().await;
        };
        runtime.tasks.spawn("connection", Box::pin(task));
        connection
    }

    async fn run(mut self) {
        let _abandoned = FailCalls(self.connection.clone());
        let ending = poll_fn(|context| self.poll(context)).await;
        self.end(ending).await;
    }

    /// Turns, until nothing moves any more.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Ending> {
        let mut moved_at_all = false;
        for _ in 0..TURNS_MAX {
            let moved = match self.turn(context) {
                Ok(moved) => moved,
                Err(ending) => return Poll::Ready(ending),
            };
            moved_at_all |= moved;
            if moved {
                continue;
            }
            if moved_at_all {
                self.moved = self.connection.clock().monotonic();
            }
            match self.poll_alarm(context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(ending)) => return Poll::Ready(ending),
                Poll::Pending => return Poll::Pending,
            }
        }
        // There may be more, but others have waited long enough.
        self.moved = self.connection.clock().monotonic();
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn turn(&mut self, context: &mut Context<'_>) -> Result<Moved, Ending> {
        let received = self.receive(context)?;
        let sent = self.transmit(context)?;
        if received || sent {
            return Ok(true);
        }
        // From here on whoever sends wakes us; what was sent before is looked at now.
        let mut outbox = self.connection.outbox();
        outbox.sleep(context.waker());
        let news = !outbox.is_empty() && self.output.is_empty();
        let closing = match outbox.ending() {
            Some(Ending::SlowReader { .. }) => true,
            Some(_) => matches!(self.phase, Phase::Open),
            None => false,
        };
        match &self.phase {
            Phase::Draining { ending, .. } if self.has_delivered(ending, &outbox) => {
                Err(ending.clone())
            }
            _ => Ok(news || closing),
        }
    }

    /// Reads once and applies every whole frame.
    fn receive(&mut self, context: &mut Context<'_>) -> Result<Moved, Ending> {
        // Only answers count: not to read because our own requests are not read would let two
        // peers wait for each other.
        let owed_bytes = self.encoded.len() + self.output_answer_bytes;
        let owes_much = self.limits.unsent_bytes_max < owed_bytes;
        if owes_much || matches!(self.phase, Phase::Draining { .. }) {
            return Ok(false);
        }
        if !self.frames_waiting {
            match self.input.poll_read(&mut *self.stream, context) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Err(error)) => return Err(Ending::Broken(error.kind())),
                Poll::Ready(Ok(0)) => {
                    self.drain(Ending::PeerClosed);
                    return Ok(true);
                }
                Poll::Ready(Ok(_)) => {}
            }
        }
        self.apply_frames();
        Ok(true)
    }

    fn apply_frames(&mut self) {
        let taken = self.take_frames();
        if !self.requests.is_empty() {
            self.ask();
        }
        if let Err(ending) = taken {
            self.drain(ending);
        }
    }

    /// Takes commands out of the input: responses go to their calls, requests are collected.
    fn take_frames(&mut self) -> Result<(), Ending> {
        self.frames_waiting = false;
        for _ in 0..BATCH_FRAMES_MAX {
            let Some(command) = self.input.take()? else {
                return Ok(());
            };
            if command.is_response() {
                self.complete(command);
            } else {
                self.asked += u64::from(!command.is_oneway());
                self.requests.push(command);
            }
        }
        self.frames_waiting = true;
        Ok(())
    }

    fn complete(&self, response: Command) {
        let waiter = self.connection.pending().take(response.opaque);
        match waiter {
            // A caller that has given up in the meantime misses nothing.
            Some(waiter) => drop(waiter.send(Ok(response))),
            None => tracing::debug!(
                remote = %self.connection.remote(),
                opaque = response.opaque,
                code = response.code,
                "a response that nobody waits for (any more)"
            ),
        }
    }

    /// Has the requests answered, and encodes the answers.
    fn ask(&mut self) {
        let oneway: BTreeSet<i32> = self
            .requests
            .iter()
            .filter(|request| request.is_oneway())
            .map(|request| request.opaque)
            .collect();
        self.respond.asked(&self.connection, &mut self.requests, &mut self.answers);
        self.requests.clear();
        for answer in self.answers.drain(..) {
            if oneway.contains(&answer.opaque) {
                continue;
            }
            self.answered += 1;
            if let Err(cause) = put_frame(&answer, &mut self.encoded) {
                let remote = self.connection.remote();
                tracing::warn!(%remote, code = answer.code, %cause, "answer cannot be encoded");
                // Whoever asked must not wait in vain.
                let instead = answer.answer(ResponseCode::SYSTEM_ERROR);
                put_frame(&instead.with_remark(cause.to_string()), &mut self.encoded).ok();
            }
        }
    }

    /// Adds what others have to send, and writes as much as the stream takes.
    fn transmit(&mut self, context: &mut Context<'_>) -> Result<Moved, Ending> {
        self.collect()?;
        let before = self.output.len();
        self.output_grew |= OUTPUT_KEPT_BYTES_MAX < before;
        while !self.output.is_empty() {
            match Pin::new(&mut *self.stream).poll_write(context, &self.output) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => return Err(Ending::Broken(io::ErrorKind::WriteZero)),
                Poll::Ready(Ok(count)) => {
                    self.output.advance(count);
                    self.output_answer_bytes = self.output_answer_bytes.saturating_sub(count);
                }
                Poll::Ready(Err(error)) => return Err(Ending::Broken(error.kind())),
            }
        }
        if self.output.is_empty() && self.output_grew {
            self.output = BytesMut::new();
            self.output_grew = false;
        }
        Ok(self.output.len() < before)
    }

    /// Fills the output when it is empty. What the stream does not take stays where it is counted.
    fn collect(&mut self) -> Result<(), Ending> {
        let mut outbox = self.connection.outbox();
        if self.output.is_empty() {
            mem::swap(&mut self.output, &mut self.encoded);
            self.output_answer_bytes = self.output.len();
            outbox.drain_into(&mut self.output);
        }
        let ending = outbox.ending().cloned();
        drop(outbox);
        match ending {
            Some(ending @ Ending::SlowReader { .. }) => Err(ending),
            Some(ending) if matches!(self.phase, Phase::Open) => {
                self.drain(ending);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// From now on only what is owed is sent.
    fn drain(&mut self, ending: Ending) {
        if self.input.rest_bytes() != 0 && ending == Ending::PeerClosed {
            let (remote, bytes) = (self.connection.remote(), self.input.rest_bytes());
            tracing::debug!(%remote, bytes, "the peer closed the connection within a frame");
        }
        self.connection.pending().fail(&ending);
        if ending != Ending::PeerClosed {
            // Nobody needs to be woken: this is the task that would be.
            drop(self.connection.outbox().close(ending.clone()));
        }
        let until = self.connection.clock().monotonic() + self.limits.linger;
        self.alarm = self.connection.clock().sleep_until(until);
        self.phase = Phase::Draining { ending, until };
    }

    /// Whether nothing is owed any more, once the end is decided.
    fn has_delivered(&self, ending: &Ending, outbox: &Outbox) -> bool {
        let silent = self.output.is_empty() && self.encoded.is_empty() && outbox.is_empty();
        // Whoever closed its half may still wait for answers, also for those not known yet, as
        // long as somebody can give them.
        let waits = *ending == Ending::PeerClosed && outbox.ending().is_none();
        silent && (!waits || self.asked <= self.answered + outbox.answered())
    }

    /// Looks at the time. Ready: look again at everything else.
    fn poll_alarm(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Ending>> {
        if self.alarm.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        let now = self.connection.clock().monotonic();
        let next = match &self.phase {
            Phase::Draining { ending, until } if *until <= now => {
                return Poll::Ready(Err(ending.clone()));
            }
            Phase::Draining { until, .. } => *until,
            Phase::Open if self.moved + self.limits.idle <= now => {
                return Poll::Ready(Err(Ending::Idle { idle: self.limits.idle }));
            }
            Phase::Open if self.moved + QUIET <= now => {
                self.shrink();
                self.moved + self.limits.idle
            }
            Phase::Open => self.moved + QUIET.min(self.limits.idle),
        };
        self.alarm = self.connection.clock().sleep_until(next);
        Poll::Ready(Ok(()))
    }

    /// Gives back what an idle connection does not need.
    fn shrink(&mut self) {
        self.input.shrink();
        self.connection.outbox().shrink();
        self.requests = Vec::new();
        self.answers = Vec::new();
        if self.output.is_empty() && self.encoded.is_empty() {
            self.output = BytesMut::new();
            self.encoded = BytesMut::new();
        }
    }

    async fn end(self, ending: Ending) {
        let Self { connection, mut stream, respond, .. } = self;
        drop(connection.outbox().close(ending.clone()));
        connection.pending().fail(&ending);
        log(&connection, &ending);
        if let Ending::SlowReader { .. } = ending {
            // What the peer did not take must not stay in the kernel either.
            stream.reset();
        } else {
            // Whether the peer learns of it politely is not worth waiting for.
            poll_fn(|context| {
                drop(pin!(stream.shutdown()).poll(context));
                Poll::Ready(())
            })
            .await;
            drop(stream);
        }
        respond.closed(&connection);
    }
}

fn log(connection: &Connection, ending: &Ending) {
    let remote = connection.remote();
    match ending {
        Ending::Undecodable { cause, looks_like: None } => {
            tracing::warn!(%remote, %cause, "connection closed: the peer sent what is not a frame");
        }
        Ending::Undecodable { cause, looks_like: Some(looks_like) } => {
            tracing::warn!(%remote, %cause, looks_like, "connection closed: not a frame");
        }
        Ending::SlowReader { .. } => tracing::warn!(%remote, "connection closed: {ending}"),
        _ => tracing::debug!(%remote, "connection closed: {ending}"),
    }
}

/// Fails what waits for the connection, also when its task is dropped before its end.
struct FailCalls(Connection);

impl Drop for FailCalls {
    fn drop(&mut self) {
        drop(self.0.outbox().close(Ending::ClosedHere));
        self.0.pending().fail(&Ending::ClosedHere);
    }
}
