//! Reading messages: by offset, by key, by place.

use crate::Text;
use crate::header::header;

header! {
    /// Messages of one queue from an offset on. `LITE_PULL_MESSAGE` shares the header.
    Pull "PullMessageRequestHeader" for PULL_MESSAGE with inherited {
        consumer_group: Text = "consumerGroup",
        topic: Text = "topic",
        queue_id: i32 = "queueId",
        queue_offset: i64 = "queueOffset",
        max_messages: i32 = "maxMsgNums",
        /// Bits: 0 commit, 1 suspend, 2 subscription present, 3 class filter, 4 lite pull.
        sys_flag: i32 = "sysFlag",
        /// Stored for the group when bit 0 of the flag is set.
        commit_offset: i64 = "commitOffset",
        suspend_timeout_ms: i64 = "suspendTimeoutMillis",
        subscription: Option<Text> = "subscription",
        sub_version: i64 = "subVersion",
        /// `TAG` or `SQL92`; a client that does not say means tags.
        expression_type: Option<Text> = "expressionType",
        max_bytes: Option<i32> = "maxMsgBytes",
        request_source: Option<i32> = "requestSource",
        /// The misspelling is Java's.
        proxy_forward_client_id: Option<Text> = "proxyFrowardClientId",
        lite_topic: Option<Text> = "liteTopic",
    }
}

header! {
    /// Messages of a topic by key, or by unique id.
    QueryMessage "QueryMessageRequestHeader" for QUERY_MESSAGE with inherited {
        topic: Text = "topic",
        key: Text = "key",
        max_messages: i32 = "maxNum",
        begin_timestamp_ms: i64 = "beginTimestamp",
        end_timestamp_ms: i64 = "endTimestamp",
        /// `K` key, `U` unique id, `T` tag.
        index_type: Option<Text> = "indexType",
        /// Where the page before ended.
        last_key: Option<Text> = "lastKey",
        /// The key is a unique id. Not part of Java's class, set beside it.
        unique_key_query: Option<bool> = "_UNIQUE_KEY_QUERY",
    }
}

header! {
    /// One message by its place in the commit log.
    ViewMessage "ViewMessageRequestHeader" for VIEW_MESSAGE_BY_ID {
        topic: Option<Text> = "topic",
        offset: i64 = "offset",
    }
}
