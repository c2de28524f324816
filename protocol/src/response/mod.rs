//! What is answered: one struct per response header.
//!
//! `decode` reads the header of an answer, `fields` writes its header fields. Answers without
//! header fields (most of them) have no struct here.
//!
//! Source: `remoting/protocol/header/*ResponseHeader.java`.

use crate::Text;
use crate::header::header;

header! {
    /// A message was stored.
    Send "SendMessageResponseHeader" {
        /// The offset id; for a plain batch all of them, separated by commas.
        message_id: Text = "msgId",
        queue_id: i32 = "queueId",
        queue_offset: i64 = "queueOffset",
        /// The unique id the client gave.
        transaction_id: Option<Text> = "transactionId",
        batch_unique_id: Option<Text> = "batchUniqId",
        recall_handle: Option<Text> = "recallHandle",
        /// Not part of Java's class, set beside it.
        region: Option<Text> = "MSG_REGION",
        /// Not part of Java's class, set beside it.
        trace_on: Option<bool> = "TRACE_ON",
    }
}

header! {
    /// What a pull found. The body is records.
    Pull "PullMessageResponseHeader" {
        suggest_which_broker_id: i64 = "suggestWhichBrokerId",
        next_begin_offset: i64 = "nextBeginOffset",
        min_offset: i64 = "minOffset",
        max_offset: i64 = "maxOffset",
        offset_delta: Option<i64> = "offsetDelta",
        topic_sys_flag: Option<i32> = "topicSysFlag",
        group_sys_flag: Option<i32> = "groupSysFlag",
        /// Who forbids it: 1 broker, 2 group, 3 topic, 4 no broadcasting, 5 subscription.
        forbidden_type: Option<i32> = "forbiddenType",
    }
}

header! {
    /// What a query by key found. The body is records.
    QueryMessage "QueryMessageResponseHeader" {
        index_last_update_timestamp_ms: i64 = "indexLastUpdateTimestamp",
        index_last_update_physical_offset: i64 = "indexLastUpdatePhyoffset",
    }
}

header! {
    /// One offset: the consumer's, the smallest, the largest, or the one of a time.
    Offset "QueryConsumerOffsetResponseHeader" {
        offset: i64 = "offset",
    }
}

header! {
    /// When the oldest message of a queue was stored.
    EarliestStoreTime "GetEarliestMsgStoretimeResponseHeader" {
        timestamp_ms: i64 = "timestamp",
    }
}

header! {
    /// What a client learns from its heartbeat. Java sets the fields without a class.
    Heartbeat "HeartbeatResponse" {
        supports_heartbeat_v2: Option<bool> = "IS_SUPPORT_HEART_BEAT_V2",
        subscription_changed: Option<bool> = "IS_SUB_CHANGE",
    }
}

header! {
    /// What a broker learns when it registers.
    RegisterBroker "RegisterBrokerResponseHeader" {
        ha_server_addr: Option<Text> = "haServerAddr",
        master_addr: Option<Text> = "masterAddr",
    }
}

header! {
    /// Whether the name server has other topics than the broker.
    QueryDataVersion "QueryDataVersionResponseHeader" {
        changed: bool = "changed",
    }
}

header! {
    /// A value of the name server's store.
    KvConfig "GetKVConfigResponseHeader" {
        value: Option<Text> = "value",
    }
}

header! {
    /// How many topics lost the write permission.
    WipeWritePerm "WipeWritePermOfBrokerResponseHeader" {
        topics: i32 = "wipeTopicCount",
    }
}

header! {
    /// How many topics got the write permission back.
    AddWritePerm "AddWritePermOfBrokerResponseHeader" {
        topics: i32 = "addTopicCount",
    }
}

header! {
    /// How many topics there are beyond this page.
    AllTopicConfig "GetAllTopicConfigResponseHeader" {
        total_topics: Option<i32> = "totalTopicNum",
    }
}

header! {
    /// How many groups there are beyond this page.
    AllSubscriptionGroups "GetAllSubscriptionGroupResponseHeader" {
        total_groups: Option<i32> = "totalGroupNum",
    }
}

header! {
    /// The version of a broker's configuration, a [`crate::body::DataVersion`] as JSON.
    BrokerConfig "GetBrokerConfigResponseHeader" {
        version: Text = "version",
    }
}

header! {
    /// The message that was taken back.
    RecallMessage "RecallMessageResponseHeader" {
        message_id: Text = "msgId",
        /// Not part of Java's class, set beside it.
        region: Option<Text> = "MSG_REGION",
    }
}
