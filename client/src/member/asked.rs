//! What brokers ask a member: to go elsewhere, and what it is doing.

use std::collections::BTreeMap;

use protocol::{
    Command, RequestCode, ResponseCode, Text,
    body::{ConsumerRunningInfo, ConsumerStatus, ProcessQueueInfo, ResetOffset},
    request,
};

use super::Member;
use crate::MessageQueue;

impl Member {
    pub(super) fn answer(&self, command: &Command) -> Option<Command> {
        match RequestCode::from(command.code) {
            RequestCode::RESET_CONSUMER_CLIENT_OFFSET => Some(self.reset(command)),
            RequestCode::GET_CONSUMER_STATUS_FROM_CLIENT => Some(self.status(command)),
            RequestCode::GET_CONSUMER_RUNNING_INFO => Some(self.running_info(command)),
            _ => None,
        }
    }

    /// An operator set offsets: every queue named is begun anew there.
    fn reset(&self, command: &Command) -> Command {
        let header = match request::ResetOffset::decode(command) {
            Ok(header) => header,
            Err(wrong) => return refused(command, wrong),
        };
        let table = match ResetOffset::from_json(&command.body) {
            Ok(table) => table,
            Err(wrong) => return refused(command, wrong),
        };
        if header.group == self.group {
            for (queue, offset) in table.offset_table {
                if let Some(assigned) = self.assigned(&MessageQueue::from(queue)) {
                    tracing::info!(queue = %assigned.queue, offset, "an operator set the offset");
                    assigned.give_up_at(offset);
                }
            }
            self.rebalance_soon();
        }
        command.answer(ResponseCode::SUCCESS)
    }

    fn status(&self, command: &Command) -> Command {
        let header = match request::ConsumerStatus::decode(command) {
            Ok(header) => header,
            Err(wrong) => return refused(command, wrong),
        };
        let mut status = ConsumerStatus::default();
        for assigned in self.all_assigned() {
            if assigned.queue.topic == header.topic
                && let Some(offset) = assigned.to_commit()
            {
                status.message_queue_table.insert(assigned.queue.clone().into(), offset);
            }
        }
        command.answer(ResponseCode::SUCCESS).with_body(status.to_json())
    }

    fn running_info(&self, command: &Command) -> Command {
        let subscriptions = self.data().subscriptions;
        let mut queues = BTreeMap::new();
        for assigned in self.all_assigned() {
            let state = assigned.state();
            let offsets = state.window.first(usize::MAX);
            let mib = state.window.bytes() / (1024 * 1024);
            let info = ProcessQueueInfo {
                cached_messages: i32::try_from(offsets.len()).unwrap_or(i32::MAX),
                cached_min_offset: offsets.first().copied().unwrap_or(0),
                cached_max_offset: offsets.last().copied().unwrap_or(0),
                cached_mib: i32::try_from(mib).unwrap_or(i32::MAX),
                commit_offset: state.consumed.unwrap_or(-1),
                dropped: assigned.is_dropped(),
                locked: state.locked.is_some(),
                last_pull_timestamp_ms: state.last_pull_ms,
                last_consume_timestamp_ms: state.last_consume_ms,
                ..ProcessQueueInfo::default()
            };
            queues.insert(assigned.queue.clone().into(), info);
        }
        let property = |name: &'static str, value: &str| (Text::from_static(name), value.into());
        let info = ConsumerRunningInfo {
            queues,
            subscriptions,
            properties: BTreeMap::from([
                property("PROP_CONSUME_TYPE", self.manner.consume_type.name()),
                property("PROP_CONSUMEORDERLY", if self.manner.locks { "true" } else { "false" }),
                property("PROP_CLIENT_VERSION", "V5_5_0"),
                property("consumerGroup", &self.group),
                property("clientId", &self.instance.client_id),
            ]),
            ..ConsumerRunningInfo::default()
        };
        command.answer(ResponseCode::SUCCESS).with_body(info.to_json())
    }
}

fn refused(command: &Command, wrong: impl ToString) -> Command {
    command.answer(ResponseCode::SYSTEM_ERROR).with_remark(wrong.to_string())
}
