//! Groups: their configuration, their progress, who is connected.

use crate::Text;
use crate::header::header;

header! {
    /// The configuration of all groups, or of one page of them. A sender that sets none of these
    /// wants them all at once.
    AllSubscriptionGroups "GetAllSubscriptionGroupRequestHeader"
        for GET_ALL_SUBSCRIPTIONGROUP_CONFIG {
        /// Where the page begins.
        group_seq: Option<i32> = "groupSeq",
        /// The version the pages before had; another one starts over.
        data_version: Option<Text> = "dataVersion",
        max_groups: Option<i32> = "maxGroupNum",
    }
}

header! {
    /// The configuration of a group, answered by [`crate::body::SubscriptionGroupConfig`].
    SubscriptionGroup "GetSubscriptionGroupConfigRequestHeader"
        for GET_SUBSCRIPTIONGROUP_CONFIG with inherited {
        group: Text = "group",
    }
}

header! {
    /// Remove a group.
    DeleteGroup "DeleteSubscriptionGroupRequestHeader" for DELETE_SUBSCRIPTIONGROUP with inherited {
        group_name: Text = "groupName",
        clean_offset: bool = "cleanOffset" or false,
    }
}

header! {
    /// How far a group is, answered by [`crate::body::ConsumeStats`].
    ConsumeStats "GetConsumeStatsRequestHeader" for GET_CONSUME_STATS with inherited {
        consumer_group: Text = "consumerGroup",
        topic: Option<Text> = "topic",
        /// Topics separated by semicolons.
        topic_list: Option<Text> = "topicList",
    }
}

header! {
    /// The consumers of a group, answered by [`crate::body::ConsumerConnection`].
    ConsumerConnections "GetConsumerConnectionListRequestHeader"
        for GET_CONSUMER_CONNECTION_LIST with inherited {
        consumer_group: Text = "consumerGroup",
    }
}

header! {
    /// The producers of a group, answered by [`crate::body::ProducerConnection`].
    ProducerConnections "GetProducerConnectionListRequestHeader"
        for GET_PRODUCER_CONNECTION_LIST with inherited {
        producer_group: Text = "producerGroup",
    }
}

header! {
    /// What a group subscribes to of a topic, answered by [`crate::body::SubscriptionAnswer`].
    SubscriptionOfConsumer "QuerySubscriptionByConsumerRequestHeader"
        for QUERY_SUBSCRIPTION_BY_CONSUMER with inherited {
        group: Text = "group",
        topic: Option<Text> = "topic",
    }
}

header! {
    /// The topics a group has offsets in, answered by [`crate::body::TopicList`].
    TopicsOfConsumer "QueryTopicsByConsumerRequestHeader"
        for QUERY_TOPICS_BY_CONSUMER with inherited {
        group: Text = "group",
    }
}

header! {
    /// Between which times a group still has to consume, answered by
    /// [`crate::body::ConsumeTimeSpans`].
    ConsumeTimeSpan "QueryConsumeTimeSpanRequestHeader" for QUERY_CONSUME_TIME_SPAN with inherited {
        topic: Text = "topic",
        group: Text = "group",
    }
}

header! {
    /// Forbid a group to read a topic, or ask whether it may, answered by
    /// [`crate::body::GroupForbidden`].
    GroupForbidden "UpdateGroupForbiddenRequestHeader"
        for UPDATE_AND_GET_GROUP_FORBIDDEN with inherited {
        group: Text = "group",
        topic: Text = "topic",
        /// Nothing is changed when it is not there.
        readable: Option<bool> = "readable",
    }
}
