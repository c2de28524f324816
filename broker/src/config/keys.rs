//! Every configuration key this broker honours: one place per key with its RocketMQ name, field,
//! type, unit, default and meaning.
//!
//! Source of names and defaults: `BrokerIdentity`, `BrokerConfig`, `MessageStoreConfig`,
//! `NettyServerConfig` and `NettyClientConfig` of RocketMQ 5.5.0.

use std::path::PathBuf;

use super::{
    times::{DelayLevels, Hours},
    value::{BrokerRole, FlushDiskType, Value},
};

/// A honoured key, as data: for `-p`, for messages and for the documentation.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// RocketMQ's name.
    pub name: &'static str,
    /// What a value must be.
    pub expected: &'static str,
    /// The unit of a number; empty if it has none.
    pub unit: &'static str,
    /// What it does.
    pub doc: &'static str,
}

macro_rules! keys {
    ($($(#[doc = $doc:literal])+ $name:literal $field:ident: $type:ty, $unit:literal, $default:expr;)+) => {
        /// The configuration of one broker: the keys that are honoured, typed.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Settings {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        /// Every honoured key.
        pub const KEYS: &[Key] = &[
            $(Key {
                name: $name,
                expected: <$type as Value>::EXPECTED,
                unit: $unit,
                doc: concat!($($doc),+).trim_ascii(),
            },)+
        ];

        impl Settings {
            /// Sets one key. `None`: not a key of ours; `Some(Err)`: what the value should be.
            pub(super) fn set(&mut self, name: &str, text: &str) -> Option<Result<(), &'static str>> {
                match name {
                    $($name => Some(match <$type as Value>::parse(text) {
                        Some(value) => {
                            self.$field = value;
                            Ok(())
                        }
                        None => Err(<$type as Value>::EXPECTED),
                    }),)+
                    _ => None,
                }
            }

            /// The text of one key; `None` if it is not one of ours.
            pub(super) fn show(&self, name: &str) -> Option<String> {
                match name {
                    $($name => Some(Value::show(&self.$field)),)+
                    _ => None,
                }
            }
        }
    };
}

keys! {
    /// Name of the broker set. Empty: the host name.
    "brokerName" broker_name: String, "", String::new();
    /// Name of the cluster.
    "brokerClusterName" broker_cluster_name: String, "", "DefaultCluster".to_owned();
    /// 0 is the master; a master's id is always 0.
    "brokerId" broker_id: i64, "", 0;
    /// Name servers, separated by `;`.
    "namesrvAddr" namesrv_addr: String, "", String::new();
    /// Ask an HTTP endpoint for the name servers when `namesrvAddr` is empty.
    "fetchNamesrvAddrByAddressServer" fetch_namesrv_by_address_server: bool, "", false;
    /// Resolve the names in `namesrvAddr` again from time to time.
    "fetchNameSrvAddrByDnsLookup" fetch_namesrv_by_dns: bool, "", false;
    /// How often the HTTP endpoint or the resolver is asked again.
    "fetchNamesrvAddrInterval" fetch_namesrv_interval_ms: u64, "ms", 10_000;
    /// Host of the endpoint that lists the name servers.
    "rmqAddressServerDomain" address_server_domain: String, "", "jmenv.tbsite.net".to_owned();
    /// Path of that endpoint below `/rocketmq/`.
    "rmqAddressServerSubGroup" address_server_subgroup: String, "", "nsaddr".to_owned();
    /// Address to listen on.
    "bindAddress" bind_address: String, "", "0.0.0.0".to_owned();
    /// Port for clients; the fast port is two below. 0: any free port, for tests.
    "listenPort" listen_port: u16, "", 10_911;
    /// Port for replication; 0 means one above `listenPort`.
    "haListenPort" ha_listen_port: u16, "", 0;
    /// Address that is published in routes and written into records. Empty: found out.
    "brokerIP1" broker_ip1: String, "", String::new();
    /// Address that is published for replication. Empty: found out.
    "brokerIP2" broker_ip2: String, "", String::new();
    /// What clients may do here: 4 read, 2 write.
    "brokerPermission" broker_permission: i32, "bit mask", 6;
    /// Queues of the topic that others are created from.
    "defaultTopicQueueNums" default_topic_queue_nums: i32, "queues", 8;
    /// Create a topic when the first message for it arrives.
    "autoCreateTopicEnable" auto_create_topic: bool, "", true;
    /// The topic named as the cluster may be read and written.
    "clusterTopicEnable" cluster_topic: bool, "", true;
    /// The topic named as the broker may be read and written.
    "brokerTopicEnable" broker_topic: bool, "", true;
    /// Create a consumer group when it is first used.
    "autoCreateSubscriptionGroup" auto_create_group: bool, "", true;
    /// Name of the trace topic.
    "msgTraceTopicName" trace_topic_name: String, "", "RMQ_SYS_TRACE_TOPIC".to_owned();
    /// Create the trace topic.
    "traceTopicEnable" trace_topic: bool, "", false;
    /// Queues of the topic in which un-acknowledged pops are kept.
    "reviveQueueNum" revive_queue_nums: i32, "queues", 8;
    /// Whether producers are told to trace.
    "traceOn" trace_on: bool, "", true;
    /// Region written into records.
    "regionId" region_id: String, "", "DefaultRegion".to_owned();
    /// Send requests are refused before this wall-clock time.
    "startAcceptSendRequestTimeStamp" accept_send_after_ms: i64, "ms since 1970", 0;
    /// Refuse half messages of transactions.
    "rejectTransactionMessage" reject_transactions: bool, "", false;
    /// Hold a pull that finds nothing until a message arrives.
    "longPollingEnable" long_polling: bool, "", true;
    /// How long a pull is held when `longPollingEnable` is false.
    "shortPollingTimeMills" short_polling_ms: u64, "ms", 1_000;
    /// Tell the members of a group when another joins or leaves.
    "notifyConsumerIdsChangedEnable" notify_consumer_ids_changed: bool, "", true;
    /// Take pulls of lite pull consumers.
    "litePullMessageEnable" lite_pull: bool, "", true;
    /// Refuse pulls of consumers that have not registered.
    "rejectPullConsumerEnable" reject_pull_consumer: bool, "", false;
    /// Send consumers that lag far behind to a replica.
    "slaveReadEnable" slave_read: bool, "", false;
    /// Share of the memory that messages may take before a consumer counts as lagging.
    "accessMessageInMemoryMaxRatio" in_memory_max_ratio: u32, "percent", 40;
    /// Answer a pull with the offset an administrator reset it to.
    "useServerSideResetOffset" server_side_reset_offset: bool, "", true;
    /// A client that is silent for longer is forgotten.
    "channelExpiredTimeout" channel_expired_ms: u64, "ms", 120_000;
    /// A subscription that is not renewed for longer is forgotten.
    "subscriptionExpiredTimeout" subscription_expired_ms: u64, "ms", 600_000;
    /// Keep a table of producers.
    "enableRegisterProducer" register_producers: bool, "", true;
    /// How often consumer offsets are saved.
    "flushConsumerOffsetInterval" flush_consumer_offset_ms: u64, "ms", 5_000;
    /// Commits after which the version of the offset table grows.
    "consumerOffsetUpdateVersionStep" consumer_offset_version_step: u64, "commits", 500;
    /// How often the progress of delayed delivery is saved.
    "flushDelayOffsetInterval" flush_delay_offset_ms: u64, "ms", 10_000;
    /// Deliveries after which the version of the delay table grows.
    "delayOffsetUpdateVersionStep" delay_offset_version_step: u64, "deliveries", 200;
    /// The delays behind the levels 1, 2, 3 and so on.
    "messageDelayLevel" message_delay_level: DelayLevels, "", DelayLevels::of_rocketmq();
    /// How long a name server may take for one registration.
    "registerBrokerTimeoutMills" register_timeout_ms: u64, "ms", 24_000;
    /// How often the broker registers; kept within 10 to 60 seconds.
    "registerNameServerPeriod" register_period_ms: u64, "ms", 30_000;
    /// Compress the registration.
    "compressedRegister" compressed_register: bool, "", false;
    /// Page the answers that hold all topics or groups.
    "enableSplitMetadata" split_metadata: bool, "", true;
    /// Most topics or groups in one such page.
    "splitMetadataSize" split_metadata_size: u32, "entries", 2_000;
    /// Keys that UPDATE_BROKER_CONFIG may not change, separated by `;`.
    "configBlackList" config_black_list: String, "", "configBlackList;brokerConfigPath".to_owned();
    /// Delete the retry topics of a topic together with it.
    "clearRetryTopicWhenDeleteTopic" clear_retry_topic: bool, "", true;
    /// Refuse to create or change a topic that has a system topic's name.
    "validateSystemTopicWhenUpdateTopic" validate_system_topic: bool, "", true;
    /// Store the replies of request-reply calls.
    "storeReplyMessageEnable" store_reply: bool, "", true;
    /// Where everything is stored. Empty: `store` in the home directory.
    "storePathRootDir" store_root: PathBuf, "", PathBuf::new();
    /// Where the commit log is stored. Empty: `commitlog` below `storePathRootDir`.
    "storePathCommitLog" store_commit_log: PathBuf, "", PathBuf::new();
    /// Size of one commit log file.
    "mappedFileSizeCommitLog" commit_log_file_bytes: u32, "bytes", 1_073_741_824;
    /// Size of one consume queue file; rounded up to whole units of 20 bytes.
    "mappedFileSizeConsumeQueue" consume_queue_file_bytes: u32, "bytes", 6_000_000;
    /// When a message counts as safe.
    "flushDiskType" flush_disk_type: FlushDiskType, "", FlushDiskType::AsyncFlush;
    /// How long a producer waits for the disk before it is told FLUSH_DISK_TIMEOUT.
    "syncFlushTimeout" sync_flush_timeout_ms: u64, "ms", 5_000;
    /// How often the commit log is synced in the background.
    "flushIntervalCommitLog" flush_commit_log_ms: u64, "ms", 500;
    /// How often consume queues are written out in the background.
    "flushIntervalConsumeQueue" flush_consume_queue_ms: u64, "ms", 1_000;
    /// How often old files are looked for.
    "cleanResourceInterval" clean_resource_ms: u64, "ms", 10_000;
    /// Hours of the day at which old files are removed, separated by `;`.
    "deleteWhen" delete_when: Hours, "hours", Hours::at(4);
    /// How long files are kept.
    "fileReservedTime" file_reserved_hours: u32, "hours", 72;
    /// Fill of the disk at which old files are removed at any hour.
    "diskMaxUsedSpaceRatio" disk_max_used_ratio: u32, "percent", 75;
    /// Fill of the disk at which old files are removed although they are not old enough.
    "diskSpaceCleanForciblyRatio" disk_clean_forcibly_ratio: u32, "percent", 85;
    /// Fill of the disk at which messages are refused.
    "diskSpaceWarningLevelRatio" disk_warning_ratio: u32, "percent", 90;
    /// Remove files that are not old enough when the disk is nearly full.
    "cleanFileForciblyEnable" clean_forcibly: bool, "", true;
    /// Largest body of one message.
    "maxMessageSize" max_message_bytes: u32, "bytes", 4_194_304;
    /// Keep an index of message keys.
    "messageIndexEnable" message_index: bool, "", true;
    /// Hash slots of one index file.
    "maxHashSlotNum" index_slots: u32, "slots", 5_000_000;
    /// Entries of one index file.
    "maxIndexNum" index_entries: u32, "entries", 20_000_000;
    /// Most messages that one key query gives.
    "maxMsgsNumBatch" query_max_messages: u32, "messages", 64;
    /// Messages that a query by unique key gives.
    "defaultQueryMaxNum" unique_query_max_messages: u32, "messages", 32;
    /// Most bytes in one pull that is served from memory.
    "maxTransferBytesOnMessageInMemory" pull_bytes_in_memory: u32, "bytes", 262_144;
    /// Most messages in one pull that is served from memory.
    "maxTransferCountOnMessageInMemory" pull_count_in_memory: u32, "messages", 32;
    /// Most bytes in one pull that is served from disk.
    "maxTransferBytesOnMessageInDisk" pull_bytes_on_disk: u32, "bytes", 65_536;
    /// Most messages in one pull that is served from disk.
    "maxTransferCountOnMessageInDisk" pull_count_on_disk: u32, "messages", 8;
    /// Longest topic name.
    "maxTopicLength" max_topic_letters: u32, "letters", 127;
    /// Part of the broker in its set.
    "brokerRole" broker_role: BrokerRole, "", BrokerRole::AsyncMaster;
    /// Create the topic of precise delays.
    "timerWheelEnable" timer_wheel: bool, "", true;
    /// Longest precise delay.
    "timerMaxDelaySec" timer_max_delay_seconds: u64, "s", 259_200;
    /// A connection without traffic for longer is closed.
    "serverChannelMaxIdleTimeSeconds" connection_idle_seconds: u64, "s", 120;
    /// How long connecting to a name server may take.
    "connectTimeoutMillis" connect_timeout_ms: u64, "ms", 3_000;
}
