//! Brokers at a name server.

use crate::Text;
use crate::header::header;

header! {
    /// A broker and its topics, in [`crate::body::RegisterBroker`].
    RegisterBroker "RegisterBrokerRequestHeader" for REGISTER_BROKER {
        broker_name: Text = "brokerName",
        broker_addr: Text = "brokerAddr",
        cluster_name: Text = "clusterName",
        ha_server_addr: Text = "haServerAddr",
        broker_id: i64 = "brokerId",
        /// How long the broker may be silent before it counts as gone.
        heartbeat_timeout_ms: Option<i64> = "heartbeatTimeoutMillis",
        enable_acting_master: Option<bool> = "enableActingMaster",
        compressed: bool = "compressed" or false,
        /// CRC-32 of the body without its top bit; 0 is not checked.
        body_crc32: i32 = "bodyCrc32" or 0,
        zone_name: Option<Text> = "__ZONE_NAME",
    }
}

header! {
    /// A broker leaves.
    UnregisterBroker "UnRegisterBrokerRequestHeader" for UNREGISTER_BROKER {
        broker_name: Text = "brokerName",
        broker_addr: Text = "brokerAddr",
        cluster_name: Text = "clusterName",
        broker_id: i64 = "brokerId",
    }
}

header! {
    /// A broker is alive; without its topics. To a controller with the epoch and offsets too.
    BrokerHeartbeat "BrokerHeartbeatRequestHeader" for BROKER_HEARTBEAT {
        cluster_name: Text = "clusterName",
        broker_addr: Text = "brokerAddr",
        broker_name: Text = "brokerName",
        broker_id: Option<i64> = "brokerId",
        epoch: Option<i32> = "epoch",
        max_offset: Option<i64> = "maxOffset",
        confirm_offset: Option<i64> = "confirmOffset",
        /// The misspelling is Java's.
        heartbeat_timeout_ms: Option<i64> = "heartbeatTimeoutMills",
        election_priority: Option<i32> = "electionPriority",
    }
}

header! {
    /// Whether the name server has the topics of this [`crate::body::DataVersion`]; also counts as
    /// a sign of life.
    QueryDataVersion "QueryDataVersionRequestHeader" for QUERY_DATA_VERSION {
        broker_name: Text = "brokerName",
        broker_addr: Text = "brokerAddr",
        cluster_name: Text = "clusterName",
        broker_id: i64 = "brokerId",
    }
}

header! {
    /// The brokers that share a name, answered by [`crate::body::BrokerMemberGroup`].
    BrokerMemberGroup "GetBrokerMemberGroupRequestHeader" for GET_BROKER_MEMBER_GROUP {
        cluster_name: Text = "clusterName",
        broker_name: Text = "brokerName",
    }
}

header! {
    /// The name server tells the brokers of a name that another of them is now the first. One-way.
    MinBrokerIdChanged "NotifyMinBrokerIdChangeRequestHeader" for NOTIFY_MIN_BROKER_ID_CHANGE {
        min_broker_id: Option<i64> = "minBrokerId",
        broker_name: Option<Text> = "brokerName",
        min_broker_addr: Option<Text> = "minBrokerAddr",
        offline_broker_addr: Option<Text> = "offlineBrokerAddr",
        ha_broker_addr: Option<Text> = "haBrokerAddr",
    }
}
