//! Clients: that they live, that they leave, and who is there.

use crate::Text;
use crate::header::header;

header! {
    /// A client tells what it produces and consumes; all of it is in [`crate::body::Heartbeat`].
    Heartbeat "HeartbeatRequestHeader" for HEART_BEAT with inherited {
    }
}

header! {
    /// A client leaves a group.
    UnregisterClient "UnregisterClientRequestHeader" for UNREGISTER_CLIENT with inherited {
        client_id: Text = "clientID",
        producer_group: Option<Text> = "producerGroup",
        consumer_group: Option<Text> = "consumerGroup",
    }
}

header! {
    /// The clients of a group on this broker, answered by [`crate::body::ConsumerList`].
    ConsumerList "GetConsumerListByGroupRequestHeader"
        for GET_CONSUMER_LIST_BY_GROUP with inherited {
        consumer_group: Text = "consumerGroup",
    }
}

header! {
    /// The broker tells a consumer that its group has changed. One-way.
    ConsumerIdsChanged "NotifyConsumerIdsChangedRequestHeader"
        for NOTIFY_CONSUMER_IDS_CHANGED with inherited {
        consumer_group: Text = "consumerGroup",
    }
}
