//! Topics: made, changed, removed, listed.

use crate::Text;
use crate::header::header;

header! {
    /// Make a topic on a broker, or change it.
    CreateTopic "CreateTopicRequestHeader" for UPDATE_AND_CREATE_TOPIC with inherited {
        topic: Text = "topic",
        default_topic: Option<Text> = "defaultTopic",
        read_queues: i32 = "readQueueNums",
        write_queues: i32 = "writeQueueNums",
        /// Bits of [`crate::permission`].
        perm: i32 = "perm",
        /// `SINGLE_TAG` or `MULTI_TAG`.
        topic_filter_type: Text = "topicFilterType",
        topic_sys_flag: Option<i32> = "topicSysFlag",
        order: bool = "order" or false,
        /// `+key=value` sets, `-key` removes, separated by commas.
        attributes: Option<Text> = "attributes",
        force: Option<bool> = "force",
    }
}

header! {
    /// Make many topics; they are in [`crate::body::TopicConfigList`].
    CreateTopicList "CreateTopicListRequestHeader" for UPDATE_AND_CREATE_TOPIC_LIST with inherited {
    }
}

header! {
    /// Remove a topic from a broker.
    DeleteTopic "DeleteTopicRequestHeader" for DELETE_TOPIC_IN_BROKER with inherited {
        topic: Text = "topic",
    }
}

header! {
    /// Remove a topic from a name server.
    DeleteTopicInNamesrv "DeleteTopicFromNamesrvRequestHeader"
        for DELETE_TOPIC_IN_NAMESRV with inherited {
        topic: Text = "topic",
        cluster_name: Option<Text> = "clusterName",
    }
}

header! {
    /// One topic of a broker, made known by itself. The body is a [`crate::body::TopicRoute`].
    RegisterTopic "RegisterTopicRequestHeader" for REGISTER_TOPIC_IN_NAMESRV with inherited {
        topic: Text = "topic",
    }
}

header! {
    /// The configuration of a topic, answered by [`crate::body::TopicConfig`].
    TopicConfig "GetTopicConfigRequestHeader" for GET_TOPIC_CONFIG with inherited {
        topic: Text = "topic",
    }
}

header! {
    /// The configuration of all topics, or of one page of them. A sender that sets none of these
    /// wants them all at once.
    AllTopicConfig "GetAllTopicConfigRequestHeader" for GET_ALL_TOPIC_CONFIG {
        /// Where the page begins.
        topic_seq: Option<i32> = "topicSeq",
        /// The version the pages before had; another one starts over.
        data_version: Option<Text> = "dataVersion",
        max_topics: Option<i32> = "maxTopicNum",
    }
}

header! {
    /// The offsets of every queue of a topic, answered by [`crate::body::TopicStats`].
    TopicStats "GetTopicStatsInfoRequestHeader" for GET_TOPIC_STATS_INFO with inherited {
        topic: Text = "topic",
    }
}

header! {
    /// The groups that consume a topic, answered by [`crate::body::GroupList`].
    GroupsOfTopic "QueryTopicConsumeByWhoRequestHeader"
        for QUERY_TOPIC_CONSUME_BY_WHO with inherited {
        topic: Text = "topic",
    }
}

header! {
    /// The topics of a cluster, answered by [`crate::body::TopicList`].
    TopicsOfCluster "GetTopicsByClusterRequestHeader" for GET_TOPICS_BY_CLUSTER {
        cluster: Text = "cluster",
    }
}
