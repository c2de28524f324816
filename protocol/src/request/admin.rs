//! Looking inside: stores, statistics, running clients.

use crate::Text;
use crate::header::header;

header! {
    /// Entries of a consume queue, answered by [`crate::body::ConsumeQueueEntries`].
    ConsumeQueue "QueryConsumeQueueRequestHeader" for QUERY_CONSUME_QUEUE with inherited {
        topic: Text = "topic",
        queue_id: i32 = "queueId" or 0,
        /// The first entry wanted.
        index: i64 = "index" or 0,
        count: i32 = "count" or 0,
        /// Whose subscription to evaluate each entry with.
        consumer_group: Option<Text> = "consumerGroup",
    }
}

header! {
    /// One of the broker's counters, answered by [`crate::body::BrokerStats`].
    BrokerStats "ViewBrokerStatsDataRequestHeader" for VIEW_BROKER_STATS_DATA {
        /// Such as `TOPIC_PUT_NUMS`.
        stats_name: Text = "statsName",
        stats_key: Text = "statsKey",
    }
}

header! {
    /// How far every group of the broker is, answered by [`crate::body::BrokerConsumeStats`].
    BrokerConsumeStats "GetConsumeStatsInBrokerHeader" for GET_BROKER_CONSUME_STATS {
        is_order: bool = "isOrder" or false,
    }
}

header! {
    /// What a consumer is doing, answered by [`crate::body::ConsumerRunningInfo`]: an operator to
    /// the broker, which passes it on to the client.
    ConsumerRunningInfo "GetConsumerRunningInfoRequestHeader"
        for GET_CONSUMER_RUNNING_INFO with inherited {
        consumer_group: Text = "consumerGroup",
        client_id: Text = "clientId",
        jstack_enable: bool = "jstackEnable" or false,
    }
}

header! {
    /// Have one consumer consume one message now, answered by
    /// [`crate::body::ConsumedDirectly`]. The broker adds the record as the body.
    ConsumeMessageDirectly "ConsumeMessageDirectlyResultRequestHeader"
        for CONSUME_MESSAGE_DIRECTLY with inherited {
        consumer_group: Text = "consumerGroup",
        client_id: Option<Text> = "clientId",
        message_id: Option<Text> = "msgId",
        broker_name: Option<Text> = "brokerName",
        topic: Option<Text> = "topic",
        topic_sys_flag: Option<i32> = "topicSysFlag",
        group_sys_flag: Option<i32> = "groupSysFlag",
    }
}

header! {
    /// The offsets a group's clients are at, answered by [`crate::body::ConsumerStatus`]: an
    /// operator to the broker. The broker asks the clients with `GET_CONSUMER_STATUS_FROM_CLIENT`
    /// and the same header.
    ConsumerStatus "GetConsumerStatusRequestHeader"
        for INVOKE_BROKER_TO_GET_CONSUMER_STATUS with inherited {
        topic: Text = "topic",
        group: Text = "group",
        client_addr: Option<Text> = "clientAddr",
    }
}

header! {
    /// Check a half message again that was given up.
    ResumeHalfMessageCheck "ResumeCheckHalfMessageRequestHeader" for RESUME_CHECK_HALF_MESSAGE {
        topic: Option<Text> = "topic",
        message_id: Option<Text> = "msgId",
    }
}
