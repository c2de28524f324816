//! What a value of the right type can still get wrong, and the store's part of the configuration.
//!
//! The start asks this, and so does UPDATE_BROKER_CONFIG: what is saved can be started with.

use std::{net::IpAddr, time::Duration};

use store::{Flush, RetentionConfig, StoreConfig};

use super::{Config, ConfigError, FlushDiskType};

impl Config {
    /// Whether a broker can be started with it, as far as can be said without looking at the host.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_name_servers()?;
        for (key, value) in [
            ("bindAddress", &self.bind_address),
            ("brokerIP1", &self.broker_ip1),
            ("brokerIP2", &self.broker_ip2),
        ] {
            if !is_host(value) {
                return Err(wrong(key, value, "an IP address or the name of a host".to_owned()));
            }
        }
        Ok(self.store().check()?)
    }

    /// Every address in the list must be `host:port`.
    fn check_name_servers(&self) -> Result<(), ConfigError> {
        let list = &self.namesrv_addr;
        for address in list.split(';').map(str::trim).filter(|address| !address.is_empty()) {
            let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            if port.is_none() {
                return Err(ConfigError::NameServers { list: list.clone() });
            }
        }
        Ok(())
    }

    /// Whether a running broker with this configuration may be given the changed one.
    ///
    /// Differs from Java, which takes another file size and then does not start again.
    pub(crate) fn check_change(&self, changed: &Self) -> Result<(), ConfigError> {
        changed.check()?;
        let stays = self.store_root == changed.store_root;
        let log_stays = self.store_commit_log == changed.store_commit_log;
        let sizes = |config: &Self| {
            [
                (log_stays, "mappedFileSizeCommitLog", config.commit_log_file_bytes),
                (stays, "mappedFileSizeConsumeQueue", config.consume_queue_file_bytes),
                (stays, "maxHashSlotNum", config.index_slots),
                (stays, "maxIndexNum", config.index_entries),
            ]
        };
        for ((stays, key, before), (_, _, after)) in sizes(self).into_iter().zip(sizes(changed)) {
            if stays && before != after {
                let expected = format!("{before}, with which the files of this store are made");
                return Err(wrong(key, &after.to_string(), expected));
            }
        }
        Ok(())
    }

    /// The store's part of the configuration.
    pub(crate) fn store(&self) -> StoreConfig {
        let percent = |value: u32| u8::try_from(value.min(100)).unwrap_or(100);
        let defaults = StoreConfig::default();
        let millis = Duration::from_millis;
        let count = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
        StoreConfig {
            commitlog: Some(self.store_commit_log.clone()),
            segment_bytes: u64::from(self.commit_log_file_bytes),
            queue_file_slots: u64::from(self.consume_queue_file_bytes.div_ceil(20)),
            index: self.message_index,
            index_slots: self.index_slots,
            index_entries: self.index_entries,
            flush: match self.flush_disk_type {
                FlushDiskType::AsyncFlush => Flush::Async,
                FlushDiskType::SyncFlush => Flush::Sync,
            },
            body_bytes_max: self.max_message_bytes,
            delay_levels_ms: self.message_delay_level.delays_ms().to_vec(),
            pid: self.process(),
            pace: store::Pace {
                sync: millis(self.flush_commit_log_ms),
                queues: millis(self.flush_consume_queue_ms.max(1)),
                retention: millis(self.clean_resource_ms),
                sync_timeout: millis(self.sync_flush_timeout_ms),
                ..defaults.pace
            },
            retention: RetentionConfig {
                reserved_hours: u64::from(self.file_reserved_hours),
                delete_when_hours: self.delete_when.hours().to_vec(),
                used_percent_max: percent(self.disk_max_used_ratio.clamp(10, 95)),
                used_percent_force: percent(self.disk_clean_forcibly_ratio),
                used_percent_full: percent(self.disk_warning_ratio),
                force: self.clean_forcibly,
                ..defaults.retention
            },
            get: store::GetLimits {
                memory_bytes: u64::from(self.pull_bytes_in_memory),
                memory_messages: count(self.pull_count_in_memory),
                disk_bytes: u64::from(self.pull_bytes_on_disk),
                disk_messages: count(self.pull_count_on_disk),
                query_messages: count(self.query_max_messages),
                ..defaults.get
            },
            ..StoreConfig::at(&self.store_root)
        }
    }
}

fn wrong(key: &str, value: &str, expected: String) -> ConfigError {
    ConfigError::WrongValue { key: key.to_owned(), value: value.to_owned(), line: 0, expected }
}

/// A literal address, or what may be a name: whether somebody has it only the network knows.
fn is_host(text: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
        || (!text.is_empty() && text.chars().all(is_letter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Host;

    fn told(text: &str) -> String {
        let (config, _) = Config::read(text.as_bytes(), Host::default()).unwrap();
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn what_the_start_would_refuse_is_named_with_value_and_limit() {
        Config::on(Host::default()).check().unwrap();
        let least = "mappedFileSizeCommitLog is 1, but must be between 100 and 2147483647";
        assert_eq!(least, told("mappedFileSizeCommitLog=1"));
        assert!(told("mappedFileSizeConsumeQueue=0").starts_with("mappedFileSizeConsumeQueue"));
        assert!(told("maxMessageSize=4294967295").starts_with("maxMessageSize is 4294967295, "));
        assert!(
            told("diskSpaceWarningLevelRatio=0").starts_with("diskSpaceWarningLevelRatio is 0")
        );
        let host = "`brokerIP1` = `10.0.0.1 ;`: expected an IP address or the name of a host";
        assert_eq!(host, told("brokerIP1=10.0.0.1 ;"));
        assert!(told("namesrvAddr=a:1;b").contains("Name Server Address[a:1;b] illegal"));
    }

    #[test]
    fn the_size_of_files_that_are_there_does_not_change() {
        let config = Config::on(Host::default());
        let mut changed = config.clone();
        changed.set("maxIndexNum", "1000").unwrap();
        let refused = config.check_change(&changed).unwrap_err().to_string();
        let wanted = "`maxIndexNum` = `1000`: expected 20000000, with which the files of this \
                      store are made";
        assert_eq!(wanted, refused);
        changed.set("storePathRootDir", "elsewhere").unwrap();
        config.check_change(&changed).unwrap();
    }
}
