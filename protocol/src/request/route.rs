//! Where the queues of a topic are, and who may write to them.

use crate::Text;
use crate::header::header;

header! {
    /// The brokers and queues of a topic, answered by [`crate::body::TopicRoute`].
    RouteInfo "GetRouteInfoRequestHeader" for GET_ROUTEINFO_BY_TOPIC with inherited {
        topic: Text = "topic",
        /// The sender reads only standard JSON: no integers as keys.
        accept_standard_json_only: Option<bool> = "acceptStandardJsonOnly",
        zone_name: Option<Text> = "__ZONE_NAME",
        /// Whether only brokers of the zone are wanted.
        zone_mode: Option<bool> = "__ZONE_MODE",
    }
}

header! {
    /// Take the write permission of every queue of a broker.
    WipeWritePerm "WipeWritePermOfBrokerRequestHeader" for WIPE_WRITE_PERM_OF_BROKER {
        broker_name: Text = "brokerName",
    }
}

header! {
    /// Give the write permission back.
    AddWritePerm "AddWritePermOfBrokerRequestHeader" for ADD_WRITE_PERM_OF_BROKER {
        broker_name: Text = "brokerName",
    }
}
