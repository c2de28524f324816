//! The key-value store of the name server.

use crate::Text;
use crate::header::header;

header! {
    /// Set a value.
    PutKvConfig "PutKVConfigRequestHeader" for PUT_KV_CONFIG {
        namespace: Text = "namespace",
        key: Text = "key",
        value: Text = "value",
    }
}

header! {
    /// Read a value.
    GetKvConfig "GetKVConfigRequestHeader" for GET_KV_CONFIG {
        namespace: Text = "namespace",
        key: Text = "key",
    }
}

header! {
    /// Remove a value.
    DeleteKvConfig "DeleteKVConfigRequestHeader" for DELETE_KV_CONFIG {
        namespace: Text = "namespace",
        key: Text = "key",
    }
}

header! {
    /// Every key of a namespace, answered by [`crate::body::KeyValueTable`].
    KvList "GetKVListByNamespaceRequestHeader" for GET_KVLIST_BY_NAMESPACE {
        namespace: Text = "namespace",
    }
}
