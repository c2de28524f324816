//! Offsets: of queues, and of groups in them.

use crate::Text;
use crate::header::{FieldValue, header};

/// Which of several messages stored in the same millisecond a search by time means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Boundary {
    /// The first.
    #[default]
    Lower,
    /// The last.
    Upper,
}

impl FieldValue for Boundary {
    const WANTED: &'static str = "LOWER or UPPER";

    /// As in Java, what is not `UPPER` is the lower boundary.
    fn from_text(text: &Text) -> Option<Self> {
        Some(if text.eq_ignore_ascii_case("UPPER") { Self::Upper } else { Self::Lower })
    }

    fn to_text(&self) -> Text {
        Text::from_static(match self {
            Self::Lower => "LOWER",
            Self::Upper => "UPPER",
        })
    }
}

header! {
    /// How far a group has consumed a queue.
    QueryConsumerOffset "QueryConsumerOffsetRequestHeader"
        for QUERY_CONSUMER_OFFSET with inherited {
        consumer_group: Text = "consumerGroup",
        topic: Text = "topic",
        queue_id: i32 = "queueId",
        /// Whether a group without an offset may be answered 0; yes unless it says no.
        set_zero_if_not_found: Option<bool> = "setZeroIfNotFound",
    }
}

header! {
    /// A group has consumed a queue up to here.
    UpdateConsumerOffset "UpdateConsumerOffsetRequestHeader"
        for UPDATE_CONSUMER_OFFSET with inherited {
        consumer_group: Text = "consumerGroup",
        topic: Text = "topic",
        queue_id: i32 = "queueId",
        commit_offset: i64 = "commitOffset",
    }
}

header! {
    /// The offset the next message of a queue will get.
    MaxOffset "GetMaxOffsetRequestHeader" for GET_MAX_OFFSET with inherited {
        topic: Text = "topic",
        queue_id: i32 = "queueId",
        committed: bool = "committed" or true,
    }
}

header! {
    /// The offset of the first message of a queue that is still kept.
    MinOffset "GetMinOffsetRequestHeader" for GET_MIN_OFFSET with inherited {
        topic: Text = "topic",
        queue_id: i32 = "queueId",
    }
}

header! {
    /// The offset of the first message of a queue stored at or after a moment.
    SearchOffset "SearchOffsetRequestHeader" for SEARCH_OFFSET_BY_TIMESTAMP with inherited {
        topic: Text = "topic",
        queue_id: i32 = "queueId",
        timestamp_ms: i64 = "timestamp",
        boundary: Option<Boundary> = "boundaryType",
        lite_topic: Option<Text> = "liteTopic",
    }
}

header! {
    /// When the oldest message of a queue was stored.
    EarliestStoreTime "GetEarliestMsgStoretimeRequestHeader"
        for GET_EARLIEST_MSG_STORETIME with inherited {
        topic: Text = "topic",
        queue_id: i32 = "queueId",
    }
}

header! {
    /// Set a group's offsets to a moment: an operator to the broker. The broker passes it on to the
    /// clients as `RESET_CONSUMER_CLIENT_OFFSET`, with the same header.
    ResetOffset "ResetOffsetRequestHeader" for INVOKE_BROKER_TO_RESET_OFFSET with inherited {
        group: Text = "group",
        topic: Text = "topic",
        /// Negative means every queue.
        queue_id: i32 = "queueId" or -1,
        /// Wins over the timestamp when it is not negative.
        offset: Option<i64> = "offset",
        timestamp_ms: i64 = "timestamp",
        is_force: bool = "isForce" or false,
    }
}

header! {
    /// Give one group the offsets of another.
    CloneGroupOffset "CloneGroupOffsetRequestHeader" for CLONE_GROUP_OFFSET with inherited {
        source_group: Text = "srcGroup",
        target_group: Text = "destGroup",
        topic: Option<Text> = "topic",
        offline: bool = "offline" or false,
    }
}

header! {
    /// The smallest offsets of all groups of a topic, compared with one group's.
    CorrectionOffset "QueryCorrectionOffsetHeader" for QUERY_CORRECTION_OFFSET with inherited {
        /// Groups to leave out, separated by commas.
        filter_groups: Option<Text> = "filterGroups",
        compare_group: Text = "compareGroup",
        topic: Text = "topic",
    }
}
