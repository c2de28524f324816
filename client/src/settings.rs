//! What every kind of client can be told.

use std::time::Duration;

use protocol::Text;

use crate::NameServers;

/// The settings all builders share, with RocketMQ's defaults.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) group: Text,
    pub(crate) name_servers: NameServers,
    /// Makes the client id `<address>@<instance name>`; drawn when not given.
    pub(crate) instance_name: Option<Text>,
    /// How often every cached route is asked for again.
    pub(crate) route_interval: Duration,
    /// How often brokers are told that this client lives.
    pub(crate) heartbeat_interval: Duration,
    /// How often consumed offsets are kept.
    pub(crate) persist_interval: Duration,
    /// How long a request may take that has no time-out of its own.
    pub(crate) call_timeout: Duration,
    /// The longest an address server may take.
    pub(crate) endpoint_interval: Duration,
    pub(crate) remoting: remoting::Limits,
}

impl Settings {
    pub(crate) fn new(group: Text) -> Self {
        Self {
            group,
            name_servers: NameServers::default(),
            instance_name: None,
            route_interval: Duration::from_secs(30),
            heartbeat_interval: Duration::from_secs(30),
            persist_interval: Duration::from_secs(5),
            call_timeout: Duration::from_secs(3),
            endpoint_interval: Duration::from_secs(120),
            remoting: remoting::Limits::default(),
        }
    }
}

/// The builder methods that every kind of client has.
macro_rules! shared_settings {
    ($builder:ident) => {
        impl $builder {
            /// Where the name servers are: a `;`-separated list, or the outcome of looking in
            /// several places (see [`NameServers`](crate::NameServers)).
            #[must_use]
            pub fn name_servers(mut self, servers: impl Into<crate::NameServers>) -> Self {
                self.settings.name_servers = servers.into();
                self
            }

            /// The part of the client id after the address. Two clients of one address must not
            /// share it; without one, a random one is drawn.
            #[must_use]
            pub fn instance_name(mut self, name: impl Into<protocol::Text>) -> Self {
                self.settings.instance_name = Some(name.into());
                self
            }

            /// How often known routes are asked for again. 30 s.
            #[must_use]
            pub fn poll_name_server_interval(mut self, interval: std::time::Duration) -> Self {
                self.settings.route_interval = interval;
                self
            }

            /// How often brokers hear that this client lives. 30 s.
            #[must_use]
            pub fn heartbeat_interval(mut self, interval: std::time::Duration) -> Self {
                self.settings.heartbeat_interval = interval;
                self
            }

            /// How long a request may take that is neither a send nor a pull. 3 s.
            #[must_use]
            pub fn call_timeout(mut self, timeout: std::time::Duration) -> Self {
                self.settings.call_timeout = timeout;
                self
            }
        }
    };
}

pub(crate) use shared_settings;
