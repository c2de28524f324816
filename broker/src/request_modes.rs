//! How groups get the messages of topics: by pulling or by popping. Kept for clients that ask; this
//! broker itself does not pop yet.
//!
//! Source: `broker/loadbalance/MessageRequestModeManager.java`.

use protocol::body::{MessageRequestModeSetting, MessageRequestModes};

/// The modes that were set.
#[derive(Debug, Default)]
pub(crate) struct RequestModes {
    modes: MessageRequestModes,
    generation: u64,
}

impl RequestModes {
    /// Takes over saved modes.
    pub(crate) fn load(&mut self, saved: MessageRequestModes) {
        self.modes = saved;
    }

    /// Sets a mode.
    pub(crate) fn set(&mut self, setting: MessageRequestModeSetting) {
        let groups =
            self.modes.message_request_mode_map.entry(setting.topic.detached()).or_default();
        groups.insert(setting.consumer_group.detached(), setting);
        self.generation += 1;
    }

    /// Every mode.
    pub(crate) fn table(&self) -> &MessageRequestModes {
        &self.modes
    }

    /// Grows with every change.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }
}
