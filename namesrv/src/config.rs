//! What can be configured, one row per key of RocketMQ.
//!
//! A key we honour has a setter; a key RocketMQ knows and we do not honour yet is kept, shown and
//! warned about by name; any other key is an error that suggests the nearest one.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use protocol::properties_file::{self, PropertiesError, Property, did_you_mean, in_line, shown};
use runtime::Disk;
use thiserror::Error;

/// Keys that no request may change, whatever `configBlackList` says.
const NEVER_UPDATED: [&str; 4] =
    ["configBlackList", "configStorePath", "kvConfigPath", "rocketmqHome"];

/// Why a configuration was refused.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{cause}")]
    Unreadable {
        /// What the disk said.
        #[source]
        cause: std::io::Error,
    },
    /// Not a text of keys and values.
    #[error(transparent)]
    Text(#[from] PropertiesError),
    /// No class of RocketMQ's name server has this key.
    #[error("unknown key `{}`{}{}", shown(key), in_line(*line), did_you_mean(*nearest))]
    UnknownKey {
        /// As written.
        key: String,
        /// The line of the file, 0 if it did not come from one.
        line: usize,
        /// The known key that was most likely meant.
        nearest: Option<&'static str>,
    },
    /// A value of the wrong type or outside its limits.
    #[error("`{key}` = `{}`{}: expected {expected}", shown(value), in_line(*line))]
    WrongValue {
        /// The key.
        key: &'static str,
        /// As written.
        value: String,
        /// The line of the file, 0 if it did not come from one.
        line: usize,
        /// What would have been right.
        expected: &'static str,
    },
}

/// Everything a name server can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `bindAddress`: where to listen.
    pub bind_address: IpAddr,
    /// `listenPort`; 0 asks for any free port.
    pub listen_port: u16,
    /// `kvConfigPath`: where KV configuration is kept.
    pub kv_config_path: PathBuf,
    /// `configStorePath`: where changed configuration is kept; the `-c` file when one was given.
    pub config_store_path: PathBuf,
    /// `orderMessageEnable`: routes carry the order configuration of their topic.
    pub order_message_enable: bool,
    /// `returnOrderTopicConfigToBroker`: registrations are answered with the order configuration.
    pub return_order_topic_config_to_broker: bool,
    /// `scanNotActiveBrokerInterval` in ms: how often silent brokers are looked for.
    pub scan_interval: Duration,
    /// `supportActingMaster`: the smallest slave stands in for an absent master in routes.
    pub support_acting_master: bool,
    /// `enableAllTopicList`: code 206 is answered.
    pub enable_all_topic_list: bool,
    /// `enableTopicList`: codes 224, 311, 312 and 313 are answered.
    pub enable_topic_list: bool,
    /// `notifyMinBrokerIdChanged`: brokers of a set hear when their smallest id changes.
    pub notify_min_broker_id_changed: bool,
    /// `needWaitForService`: routes are refused during warm-up.
    pub need_wait_for_service: bool,
    /// `waitSecondsForService`: length of the warm-up.
    pub wait_for_service: Duration,
    /// `deleteTopicWithBrokerRegistration`: topics missing from a whole registration are dropped.
    pub delete_topic_with_broker_registration: bool,
    /// `configBlackList`, `;`-separated: keys that requests may not change.
    pub config_black_list: String,
    /// `serverChannelMaxIdleTimeSeconds`: a connection silent for this long is closed.
    pub idle: Duration,
    /// Keys of RocketMQ that change nothing here, with the values they were given.
    others: BTreeMap<&'static str, String>,
}

impl Default for Config {
    fn default() -> Self {
        Self::at_home(Path::new("."))
    }
}

/// One key.
struct Key {
    name: &'static str,
    meaning: Meaning,
}

enum Meaning {
    Honoured {
        expected: &'static str,
        set: fn(&mut Config, &str) -> Option<()>,
        show: fn(&Config) -> String,
    },
    /// Known to RocketMQ, without effect here. `default` is shown to who asks for the
    /// configuration; keys of RocketMQ's client side have none and are not shown.
    Kept { default: Option<&'static str> },
}

/// Fills a field from text and shows it again.
macro_rules! honoured {
    ($name:literal, flag $($field:ident).+) => {
        Key { name: $name, meaning: Meaning::Honoured {
            expected: "true or false",
            set: |config, value| { config.$($field).+ = flag(value)?; Some(()) },
            show: |config| config.$($field).+.to_string(),
        } }
    };
    ($name:literal, path $field:ident) => {
        Key { name: $name, meaning: Meaning::Honoured {
            expected: "a path",
            set: |config, value| {
                if value.is_empty() { return None; }
                config.$field = PathBuf::from(value);
                Some(())
            },
            show: |config| config.$field.display().to_string(),
        } }
    };
    ($name:literal, seconds $field:ident) => {
        Key { name: $name, meaning: Meaning::Honoured {
            expected: "a number of seconds from 1 to 2147483647",
            set: |config, value| {
                config.$field = Duration::from_secs(positive(value)?);
                Some(())
            },
            show: |config| config.$field.as_secs().to_string(),
        } }
    };
    ($name:literal, millis $field:ident) => {
        Key { name: $name, meaning: Meaning::Honoured {
            expected: "a number of milliseconds from 1 to 2147483647",
            set: |config, value| {
                config.$field = Duration::from_millis(positive(value)?);
                Some(())
            },
            show: |config| config.$field.as_millis().to_string(),
        } }
    };
    ($name:literal, parsed $expected:literal $field:ident) => {
        Key { name: $name, meaning: Meaning::Honoured {
            expected: $expected,
            set: |config, value| { config.$field = value.parse().ok()?; Some(()) },
            show: |config| config.$field.to_string(),
        } }
    };
}

macro_rules! kept {
    ($name:literal, $default:literal) => {
        Key { name: $name, meaning: Meaning::Kept { default: Some($default) } }
    };
    ($name:literal) => {
        Key { name: $name, meaning: Meaning::Kept { default: None } }
    };
}

fn flag(value: &str) -> Option<bool> {
    match value {
        _ if value.eq_ignore_ascii_case("true") => Some(true),
        _ if value.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn positive(value: &str) -> Option<u64> {
    value.parse::<u32>().ok().filter(|&n| (1..=i32::MAX.unsigned_abs()).contains(&n)).map(u64::from)
}

/// Every key of `NamesrvConfig` and `NettyServerConfig`, then those of `NettyClientConfig` and of
/// the embedded controller, which a RocketMQ name server also reads from its file.
const KEYS: &[Key] = &[
    honoured!("bindAddress", parsed "an IPv4 or IPv6 address" bind_address),
    kept!("clientRequestThreadPoolNums", "8"),
    kept!("clientRequestThreadPoolQueueCapacity", "50000"),
    kept!("clusterTest", "false"),
    honoured!("configBlackList", parsed "a list" config_black_list),
    honoured!("configStorePath", path config_store_path),
    kept!("defaultThreadPoolNums", "16"),
    kept!("defaultThreadPoolQueueCapacity", "10000"),
    honoured!("deleteTopicWithBrokerRegistration", flag delete_topic_with_broker_registration),
    honoured!("enableAllTopicList", flag enable_all_topic_list),
    kept!("enableControllerInNamesrv", "false"),
    kept!("enableShutdownGracefully", "false"),
    honoured!("enableTopicList", flag enable_topic_list),
    honoured!("kvConfigPath", path kv_config_path),
    honoured!("listenPort", parsed "a port from 0 to 65535" listen_port),
    honoured!("needWaitForService", flag need_wait_for_service),
    honoured!("notifyMinBrokerIdChanged", flag notify_min_broker_id_changed),
    honoured!("orderMessageEnable", flag order_message_enable),
    kept!("productEnvName", "center"),
    honoured!("returnOrderTopicConfigToBroker", flag return_order_topic_config_to_broker),
    kept!("rocketmqHome", ""),
    honoured!("scanNotActiveBrokerInterval", millis scan_interval),
    kept!("serverAsyncSemaphoreValue", "64"),
    kept!("serverCallbackExecutorThreads", "0"),
    honoured!("serverChannelMaxIdleTimeSeconds", seconds idle),
    kept!("serverNettyWorkerGroupEnable", "true"),
    kept!("serverOnewaySemaphoreValue", "256"),
    kept!("serverPooledByteBufAllocatorEnable", "true"),
    kept!("serverSelectorThreads", "3"),
    kept!("serverSocketBacklog", "1024"),
    kept!("serverSocketRcvBufSize", "0"),
    kept!("serverSocketSndBufSize", "0"),
    kept!("serverWorkerThreads", "8"),
    kept!("shutdownWaitTimeSeconds", "30"),
    honoured!("supportActingMaster", flag support_acting_master),
    kept!("unRegisterBrokerQueueCapacity", "3000"),
    kept!("useEpollNativeSelector", "false"),
    honoured!("waitSecondsForService", seconds wait_for_service),
    kept!("writeBufferHighWaterMark", "0"),
    kept!("writeBufferLowWaterMark", "0"),
    kept!("channelNotActiveInterval"),
    kept!("clientAsyncSemaphoreValue"),
    kept!("clientCallbackExecutorThreads"),
    kept!("clientChannelMaxIdleTimeSeconds"),
    kept!("clientCloseSocketIfTimeout"),
    kept!("clientOnewaySemaphoreValue"),
    kept!("clientPooledByteBufAllocatorEnable"),
    kept!("clientSocketRcvBufSize"),
    kept!("clientSocketSndBufSize"),
    kept!("clientWorkerThreads"),
    kept!("connectTimeoutMillis"),
    kept!("disableCallbackExecutor"),
    kept!("disableNettyWorkerGroup"),
    kept!("enableReconnectForGoAway"),
    kept!("isScanAvailableNameSrv"),
    kept!("maxReconnectIntervalTimeSeconds"),
    kept!("scanAvailableNameSrv"),
    kept!("socksProxyConfig"),
    kept!("useTLS"),
    kept!("controllerDLegerGroup"),
    kept!("controllerDLegerPeers"),
    kept!("controllerDLegerSelfId"),
    kept!("controllerRequestThreadPoolQueueCapacity"),
    kept!("controllerStorePath"),
    kept!("controllerThreadPoolNums"),
    kept!("controllerType"),
    kept!("electMasterMaxRetryCount"),
    kept!("enableElectUncleanMaster"),
    kept!("isProcessReadEvent"),
    kept!("mappedFileSize"),
    kept!("metricGrpcExporterIntervalInMills"),
    kept!("metricGrpcExporterTimeOutInMills"),
    kept!("metricLoggingExporterIntervalInMills"),
    kept!("metricsExporterType"),
    kept!("metricsGrpcExporterHeader"),
    kept!("metricsGrpcExporterTarget"),
    kept!("metricsInDelta"),
    kept!("metricsLabel"),
    kept!("metricsPromExporterHost"),
    kept!("metricsPromExporterPort"),
    kept!("notifyBrokerRoleChanged"),
    kept!("processReadEvent"),
    kept!("scanInactiveMasterInterval"),
    kept!("jRaftControllerRPCAddr"),
    kept!("jRaftElectionTimeoutMs"),
    kept!("jRaftGroupId"),
    kept!("jRaftInitConf"),
    kept!("jRaftScanWaitTimeoutMs"),
    kept!("jRaftServerId"),
    kept!("jRaftSnapshotIntervalSecs"),
];

impl Config {
    /// RocketMQ's defaults for a user whose home directory is `home`.
    #[must_use]
    pub fn at_home(home: &Path) -> Self {
        let directory = home.join("namesrv");
        Self {
            bind_address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            listen_port: 9876,
            kv_config_path: directory.join("kvConfig.json"),
            config_store_path: directory.join("namesrv.properties"),
            order_message_enable: false,
            return_order_topic_config_to_broker: true,
            scan_interval: Duration::from_secs(5),
            support_acting_master: false,
            enable_all_topic_list: true,
            enable_topic_list: true,
            notify_min_broker_id_changed: false,
            need_wait_for_service: false,
            wait_for_service: Duration::from_secs(45),
            delete_topic_with_broker_registration: false,
            config_black_list: "configBlackList;configStorePath;kvConfigPath".to_owned(),
            idle: Duration::from_secs(120),
            others: BTreeMap::new(),
        }
    }

    /// Applies a `-c` file, which from then on is also where changed configuration is kept.
    /// Returns the keys that are known and have no effect.
    pub fn read_file(
        &mut self,
        disk: &dyn Disk,
        path: &Path,
    ) -> Result<Vec<&'static str>, ConfigError> {
        let unreadable = |cause| ConfigError::Unreadable { cause };
        properties_file::check_len(disk.entry(path).map_err(unreadable)?.len)?;
        let kept = self.take(&properties_file::read(&disk.read(path).map_err(unreadable)?)?)?;
        self.config_store_path = path.to_path_buf();
        Ok(kept)
    }

    /// Sets all pairs or none. Returns the keys that are known and have no effect.
    pub fn set_all(
        &mut self,
        pairs: &[(String, String)],
    ) -> Result<Vec<&'static str>, ConfigError> {
        let property = |(key, value): &(String, String)| Property {
            key: key.clone(),
            value: value.clone(),
            line: 0,
            lines: 0,
        };
        self.take(&pairs.iter().map(property).collect::<Vec<_>>())
    }

    /// As [`Self::set_all`], for what was read.
    pub(crate) fn take(
        &mut self,
        properties: &[Property],
    ) -> Result<Vec<&'static str>, ConfigError> {
        let mut changed = self.clone();
        let mut kept = Vec::new();
        for Property { key: name, value, line, .. } in properties {
            let (value, line) = (value.trim(), *line);
            let Some(key) = KEYS.iter().find(|key| key.name == name) else {
                let nearest = properties_file::nearest(name, KEYS.iter().map(|key| key.name));
                return Err(ConfigError::UnknownKey { key: name.clone(), line, nearest });
            };
            match &key.meaning {
                Meaning::Honoured { expected, set, .. } => {
                    set(&mut changed, value).ok_or_else(|| ConfigError::WrongValue {
                        key: key.name,
                        value: value.to_owned(),
                        line,
                        expected,
                    })?;
                }
                Meaning::Kept { .. } => {
                    changed.others.insert(key.name, value.to_owned());
                    kept.push(key.name);
                }
            }
        }
        *self = changed;
        Ok(kept)
    }

    /// Whether a request may not change this key.
    #[must_use]
    pub fn is_black_listed(&self, key: &str) -> bool {
        NEVER_UPDATED.contains(&key) || self.config_black_list.split(';').any(|name| name == key)
    }

    /// All keys of a server with their values, one `key=value` line each, sorted by key.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines = BTreeMap::new();
        for key in KEYS {
            let value = match &key.meaning {
                Meaning::Honoured { show, .. } => Some(show(self)),
                Meaning::Kept { default } => {
                    self.others.get(key.name).cloned().or_else(|| default.map(str::to_owned))
                }
            };
            if let Some(value) = value {
                lines.insert(key.name, value);
            }
        }
        properties_file::write(lines.iter().map(|(key, value)| (*key, value.as_str())))
    }

    /// Where to listen.
    #[must_use]
    pub fn listen_at(&self) -> SocketAddr {
        SocketAddr::new(self.bind_address, self.listen_port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &str, value: &str) -> Result<(Config, Vec<&'static str>), ConfigError> {
        let mut config = Config::default();
        let kept = config.set_all(&[(key.to_owned(), value.to_owned())])?;
        Ok((config, kept))
    }

    #[test]
    fn an_honoured_key_is_honoured() {
        let (config, kept) = set("scanNotActiveBrokerInterval", " 250 ").unwrap();
        assert_eq!(config.scan_interval, Duration::from_millis(250));
        assert!(kept.is_empty());
        assert!(set("supportActingMaster", "TRUE").unwrap().0.support_acting_master);
        assert_eq!(set("bindAddress", "::1").unwrap().0.bind_address.to_string(), "::1");
    }

    #[test]
    fn a_key_without_effect_is_kept_shown_and_named() {
        let (config, kept) = set("serverWorkerThreads", "3").unwrap();
        assert_eq!(kept, ["serverWorkerThreads"]);
        assert!(config.text().contains("serverWorkerThreads=3\n"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_one() {
        let refused = set("scanNotActiveBrokerIntervall", "1").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "unknown key `scanNotActiveBrokerIntervall`; \
             did you mean `scanNotActiveBrokerInterval`?"
        );
        assert!(set("listenport", "1").unwrap_err().to_string().contains("`listenPort`"));
        assert!(set("", "1").is_err());
        let long = set(&"x".repeat(1 << 20), "1").unwrap_err().to_string();
        assert_eq!(long, format!("unknown key `{}..`", "x".repeat(128)));
        assert_eq!(set("\u{1b}[2J", "1").unwrap_err().to_string(), r"unknown key `\u{1b}[2J`");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused_with_what_was_wanted() {
        for (key, value) in [
            ("listenPort", "65536"),
            ("listenPort", "-1"),
            ("bindAddress", "localhost"),
            ("supportActingMaster", "yes"),
            ("scanNotActiveBrokerInterval", "0"),
            ("waitSecondsForService", "99999999999"),
            ("kvConfigPath", ""),
        ] {
            let refused = set(key, value).unwrap_err().to_string();
            let told = format!("`{key}` = `{value}`: expected ");
            assert!(refused.starts_with(&told), "{refused}");
        }
    }

    #[test]
    fn one_bad_pair_leaves_everything_as_it_was() {
        let mut config = Config::default();
        let pairs = [("listenPort", "1"), ("enableTopicList", "maybe")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert!(config.set_all(&pairs).is_err());
        assert_eq!(config, Config::default());
    }

    #[test]
    fn the_shown_text_holds_every_key_a_java_server_shows() {
        let text = Config::default().text();
        let keys: Vec<&str> = text.lines().filter_map(|line| line.split('=').next()).collect();
        assert_eq!(keys.len(), 40);
        assert!(keys.is_sorted());
    }
}
