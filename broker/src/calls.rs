//! Calls to clients that somebody else waits for.
//!
//! An operator asks the broker, the broker asks one client or several over their own connections,
//! and answers the operator with what they said.

use std::{collections::BTreeMap, time::Duration};

use protocol::{Command, Fields, ResponseCode, Text, body};
use remoting::PeerId;

use crate::{
    broker::Broker,
    event::{CallId, CallOutcome, Effect},
    requests::{Asked, Refusal},
};

/// How long a client may take for an operator's question.
const FORWARD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long each of several clients may take.
const STATUS_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a call was made.
#[derive(Clone, Debug)]
enum Purpose {
    /// The client's answer is the answer.
    Forward {
        /// The group and the client, for the text of a failure.
        whom: (Text, Text),
    },
    /// The client's offsets are one part of the answer.
    Status {
        /// The client.
        client: Text,
    },
}

#[derive(Clone, Debug)]
struct Call {
    purpose: Purpose,
    /// The request that waits for it.
    waiter: u64,
}

/// A request that waits for calls.
#[derive(Clone, Debug)]
struct Waiter {
    peer: PeerId,
    command: Command,
    calls_left: usize,
    status: body::ConsumerStatus,
}

/// Every call that is under way.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    calls: BTreeMap<CallId, Call>,
    waiters: BTreeMap<u64, Waiter>,
    next: u64,
}

impl Calls {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl Broker {
    /// Passes a request on to one client; its answer will be the answer.
    pub(crate) fn forward(
        &mut self,
        asked: &Asked,
        to: PeerId,
        whom: (Text, Text),
        request: Command,
        effects: &mut Vec<Effect>,
    ) {
        let timeout = FORWARD_TIMEOUT;
        let waiter = self.wait_for_calls(asked, 1);
        self.call(
            to,
            request,
            timeout,
            Call { purpose: Purpose::Forward { whom }, waiter },
            effects,
        );
    }

    /// Asks several clients for their offsets; together they will be the answer.
    pub(crate) fn ask_status(
        &mut self,
        asked: &Asked,
        clients: Vec<(PeerId, Text)>,
        request: &Command,
        effects: &mut Vec<Effect>,
    ) {
        let timeout = STATUS_TIMEOUT;
        let waiter = self.wait_for_calls(asked, clients.len());
        for (peer, client) in clients {
            let call = Call { purpose: Purpose::Status { client }, waiter };
            self.call(peer, request.clone(), timeout, call, effects);
        }
    }

    fn wait_for_calls(&mut self, asked: &Asked, calls_left: usize) -> u64 {
        let number = self.calls.number();
        let status = body::ConsumerStatus::default();
        let waiter =
            Waiter { peer: asked.peer, command: asked.command.clone(), calls_left, status };
        self.calls.waiters.insert(number, waiter);
        number
    }

    fn call(
        &mut self,
        peer: PeerId,
        command: Command,
        timeout: Duration,
        call: Call,
        effects: &mut Vec<Effect>,
    ) {
        let id = CallId(self.calls.number());
        self.calls.calls.insert(id, call);
        effects.push(Effect::Call { call: id, peer, command, timeout });
    }

    /// A call ended.
    pub(crate) fn called(&mut self, call: CallId, outcome: CallOutcome, effects: &mut Vec<Effect>) {
        let Some(Call { purpose, waiter: number }) = self.calls.calls.remove(&call) else { return };
        let Some(waiter) = self.calls.waiters.get_mut(&number) else { return };
        waiter.calls_left = waiter.calls_left.saturating_sub(1);
        let answer = match purpose {
            Purpose::Forward { whom } => Some(forwarded(&waiter.command, outcome, &whom)),
            Purpose::Status { client } => {
                note_status(&mut waiter.status, client, outcome);
                (waiter.calls_left == 0).then(|| {
                    let body = waiter.status.to_json();
                    waiter.command.answer(ResponseCode::SUCCESS).with_body(body)
                })
            }
        };
        if let Some(command) = answer {
            let peer = waiter.peer;
            self.calls.waiters.remove(&number);
            effects.push(Effect::Answer { peer, command });
        }
    }
}

/// The client's answer, as an answer to the operator.
fn forwarded(asked: &Command, outcome: CallOutcome, whom: &(Text, Text)) -> Command {
    let (group, client) = whom;
    match outcome {
        CallOutcome::Answered(answer) => Command {
            remark: answer.remark,
            fields: answer.fields.filter(|fields: &Fields| !fields.is_empty()),
            body: answer.body,
            ..asked.answer(answer.code)
        },
        CallOutcome::TimedOut => {
            let remark = format!("consumer <{group}> <{client}> Timeout");
            Refusal::new(ResponseCode::CONSUME_MSG_TIMEOUT, remark).answer(asked)
        }
        CallOutcome::Failed(why) => {
            let remark = format!("invoke consumer <{group}> <{client}> Exception: {why}");
            Refusal::system_error(remark).answer(asked)
        }
    }
}

/// A client that does not answer, or not usefully, is left out.
fn note_status(status: &mut body::ConsumerStatus, client: Text, outcome: CallOutcome) {
    let CallOutcome::Answered(answer) = outcome else { return };
    if answer.code != ResponseCode::SUCCESS.0 {
        return;
    }
    if let Ok(own) = body::ConsumerStatus::from_json(&answer.body) {
        status.consumer_table.insert(client, own.message_queue_table);
    }
}
