//! Configuration: RocketMQ's properties files, key by key.
//!
//! A key this broker honours is typed and checked ([`KEYS`]). A key of RocketMQ 5.5.0 that it does
//! not honour yet is kept, echoed by GET_BROKER_CONFIG and warned about by name. Any other key is
//! an error that suggests the nearest known one.

mod check;
mod file;
mod keys;
mod known;
mod times;
mod value;

use std::{
    collections::BTreeMap,
    ops::Deref,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use protocol::properties_file::{self, PropertiesError, did_you_mean, in_line, shown};

pub use keys::{KEYS, Key, Settings};
pub use times::{DelayLevels, Hours};
pub use value::{BrokerRole, FlushDiskType, Value};

/// Why a configuration was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not a text of keys and values.
    #[error(transparent)]
    Text(#[from] PropertiesError),
    /// A key that RocketMQ does not have.
    #[error("unknown key `{}`{}{}", shown(key), in_line(*line), did_you_mean(nearest.as_deref()))]
    UnknownKey {
        /// The key.
        key: String,
        /// The line of the file, 0 if it did not come from one.
        line: usize,
        /// The known key that is nearest to it.
        nearest: Option<String>,
    },
    /// A value of the wrong type.
    #[error("`{key}` = `{}`{}: expected {expected}", shown(value), in_line(*line))]
    WrongValue {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// The line of the file, 0 if it did not come from one.
        line: usize,
        /// What the value should have been.
        expected: String,
    },
    /// A list of name servers that is no list of `host:port`.
    #[error(
        "The Name Server Address[{list}] illegal, please set it as follows, \
         \"127.0.0.1:9876;192.168.0.1:9876\""
    )]
    NameServers {
        /// The whole list.
        list: String,
    },
    /// A size that no store can have.
    #[error(transparent)]
    Store(#[from] store::ConfigError),
}

/// What the configuration cannot know by itself and takes from the host when a key is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The host's name, for `brokerName`.
    pub name: String,
    /// The host's address, for `brokerIP1` and `brokerIP2`.
    pub address: String,
    /// The user's home directory, for `storePathRootDir`.
    pub home: String,
    /// Processor cores, for the echoed defaults that depend on them.
    pub cores: u32,
    /// The id of this process, for message ids and the store's `abort` file.
    pub process: u32,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            name: "localhost".to_owned(),
            address: "127.0.0.1".to_owned(),
            home: ".".to_owned(),
            cores: 2,
            process: 1,
        }
    }
}

/// The configuration of one broker. Dereferences to its [`Settings`].
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Config {
    settings: Settings,
    /// Keys of RocketMQ that were given but are not honoured.
    kept: BTreeMap<String, String>,
    /// The host's facts behind the defaults.
    host: Host,
    /// Where it came from.
    file: Option<file::ConfigFile>,
}

impl Deref for Config {
    type Target = Settings;
    fn deref(&self) -> &Settings {
        &self.settings
    }
}

impl Config {
    /// The defaults on a host.
    #[must_use]
    pub fn on(host: Host) -> Self {
        let mut config = Self { host, ..Self::default() };
        config.complete();
        config
    }

    /// Reads a properties text on top of the defaults. Gives the names of the keys that are
    /// RocketMQ's but not honoured.
    ///
    /// # Errors
    ///
    /// The first key that is unknown or has a wrong value.
    pub fn read(bytes: &[u8], host: Host) -> Result<(Self, Vec<String>), ConfigError> {
        let mut config = Self { host, ..Self::default() };
        let mut unhonoured = Vec::new();
        for property in properties_file::read(bytes)? {
            if !config.put(&property.key, &property.value, property.line)? {
                unhonoured.push(property.key);
            }
        }
        config.complete();
        Ok((config, unhonoured))
    }

    /// Says which file it was read from: changes that an operator makes are saved there.
    #[must_use]
    pub fn from_file(self, path: PathBuf, content: Bytes) -> Self {
        Self { file: Some(file::ConfigFile::new(path, content)), ..self }
    }

    /// The file that changes are saved in.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(file::ConfigFile::path)
    }

    /// The file with the changes that were made.
    pub(crate) fn file(&self) -> Bytes {
        self.file.as_ref().map(file::ConfigFile::changed).unwrap_or_default()
    }

    /// Notes a change for the file.
    pub(crate) fn remember(&mut self, key: &str, value: &str) {
        if let Some(file) = &mut self.file {
            file.change(key, value);
        }
    }

    /// Changes one key. `Ok(false)`: kept, but this broker does not honour it.
    ///
    /// # Errors
    ///
    /// If the key is unknown or the value is of the wrong type.
    pub fn set(&mut self, key: &str, value: &str) -> Result<bool, ConfigError> {
        let honoured = self.put(key, value, 0)?;
        self.complete();
        Ok(honoured)
    }

    /// Mutable access for tests and for embedding: the typed settings.
    pub fn edit(&mut self, change: impl FnOnce(&mut Settings)) -> &mut Self {
        change(&mut self.settings);
        self.complete();
        self
    }

    fn put(&mut self, key: &str, value: &str, line: usize) -> Result<bool, ConfigError> {
        let wrong = |expected: &str| ConfigError::WrongValue {
            key: key.to_owned(),
            value: value.to_owned(),
            line,
            expected: expected.to_owned(),
        };
        match self.settings.set(key, value) {
            Some(Ok(())) => Ok(true),
            Some(Err(expected)) => Err(wrong(expected)),
            None => match known::find(key) {
                Some(known) => {
                    known.check(value).map_err(wrong)?;
                    self.kept.insert(key.to_owned(), value.trim().to_owned());
                    Ok(false)
                }
                None => Err(ConfigError::UnknownKey {
                    key: key.to_owned(),
                    line,
                    nearest: properties_file::nearest(
                        key,
                        KEYS.iter().map(|key| key.name).chain(known::names()),
                    )
                    .map(str::to_owned),
                }),
            },
        }
    }

    /// Fills what depends on the host or on other keys.
    fn complete(&mut self) {
        let settings = &mut self.settings;
        if settings.broker_name.is_empty() {
            settings.broker_name.clone_from(&self.host.name);
        }
        for address in [&mut settings.broker_ip1, &mut settings.broker_ip2] {
            if address.is_empty() {
                address.clone_from(&self.host.address);
            }
        }
        if settings.store_root.as_os_str().is_empty() {
            settings.store_root = Path::new(&self.host.home).join("store");
        }
        if settings.store_commit_log.as_os_str().is_empty() {
            settings.store_commit_log = settings.store_root.join("commitlog");
        }
        if settings.ha_listen_port == 0 {
            settings.ha_listen_port = settings.listen_port.saturating_add(1);
        }
        // A master's id is 0, whatever the file says; Java does the same.
        settings.broker_id = 0;
    }

    /// The id of this process.
    pub(crate) fn process(&self) -> u32 {
        self.host.process
    }

    /// The address that routes publish: `brokerIP1:listenPort`.
    #[must_use]
    pub fn address(&self) -> String {
        join_address(&self.broker_ip1, self.listen_port)
    }

    /// The address that replicas connect to: `brokerIP2:haListenPort`.
    #[must_use]
    pub fn ha_address(&self) -> String {
        join_address(&self.broker_ip2, self.ha_listen_port)
    }

    /// Every property as RocketMQ names it, sorted: what GET_BROKER_CONFIG answers.
    #[must_use]
    pub fn properties(&self) -> BTreeMap<String, String> {
        let mut all: BTreeMap<String, String> =
            known::echoed(&self.host).map(|(name, value)| (name.to_owned(), value)).collect();
        all.extend(self.kept.clone());
        for key in KEYS {
            let echoed = known::find(key.name).is_some() || self.kept.contains_key(key.name);
            if let (true, Some(value)) = (echoed, self.settings.show(key.name)) {
                all.insert(key.name.to_owned(), value);
            }
        }
        if self.namesrv_addr.is_empty() {
            all.remove("namesrvAddr");
        }
        all
    }

    /// The lines of `-p` (all) and `-m` (only what RocketMQ marks as important).
    #[must_use]
    pub fn print(&self, important_only: bool) -> String {
        let all = self.properties();
        properties_file::write(
            all.iter()
                .filter(|(key, _)| !important_only || known::IMPORTANT.contains(&key.as_str()))
                .map(|(key, value)| (key.as_str(), value.as_str())),
        )
    }

    /// Whether UPDATE_BROKER_CONFIG may change a key.
    #[must_use]
    pub fn may_update(&self, key: &str) -> bool {
        const NEVER: [&str; 3] = ["configBlackList", "brokerConfigPath", "rocketmqHome"];
        !NEVER.contains(&key) && !self.config_black_list.split(';').any(|listed| listed == key)
    }
}

fn join_address(ip: &str, port: u16) -> String {
    if ip.contains(':') && !ip.starts_with('[') {
        format!("[{ip}]:{port}")
    } else {
        format!("{ip}:{port}")
    }
}

#[cfg(test)]
mod tests;
