//! What a producer can be told before it starts.

use std::{sync::Arc, time::Duration};

use protocol::{Text, limits::BODY_BYTES_MAX, names};
use runtime::Runtime;

use super::{Core, Handle, Producer};
use crate::{StartError, instance::Instance, settings::Settings};

/// Sets a producer up. The defaults are RocketMQ's.
#[derive(Clone, Debug)]
pub struct ProducerBuilder {
    pub(crate) runtime: Runtime,
    pub(crate) settings: Settings,
    producer: ProducerSettings,
}

#[derive(Clone, Debug)]
pub(super) struct ProducerSettings {
    pub(super) send_timeout: Duration,
    pub(super) attempt_timeout: Option<Duration>,
    pub(super) retry_times: usize,
    pub(super) retry_not_safe: bool,
    pub(super) compress_above: usize,
    pub(super) max_message_size: usize,
    pub(super) avoid_slow_brokers: bool,
    pub(super) create_topic_key: Text,
    pub(super) default_topic_queues: i32,
}

impl Default for ProducerSettings {
    fn default() -> Self {
        Self {
            send_timeout: Duration::from_secs(3),
            attempt_timeout: None,
            retry_times: 2,
            retry_not_safe: false,
            compress_above: 4 * 1024,
            max_message_size: BODY_BYTES_MAX,
            avoid_slow_brokers: false,
            create_topic_key: Text::from_static(names::AUTO_CREATE_TOPIC),
            default_topic_queues: 4,
        }
    }
}

crate::settings::shared_settings!(ProducerBuilder);

impl Producer {
    /// Begins to set up a producer of a group.
    #[must_use]
    pub fn builder(runtime: Runtime, group: impl Into<Text>) -> ProducerBuilder {
        ProducerBuilder {
            runtime,
            settings: Settings::new(group.into()),
            producer: ProducerSettings::default(),
        }
    }
}

impl ProducerBuilder {
    /// `sendMsgTimeout`: how long a send may take with all its retries. 3 s.
    #[must_use]
    pub fn send_timeout(mut self, timeout: Duration) -> Self {
        self.producer.send_timeout = timeout;
        self
    }

    /// `sendMsgMaxTimeoutPerRequest`: how long an attempt may take after which another is
    /// possible. Without it the first attempt may use up all the time.
    #[must_use]
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.producer.attempt_timeout = Some(timeout);
        self
    }

    /// `retryTimesWhenSendFailed`: attempts beyond the first. 2.
    #[must_use]
    pub fn retry_times(mut self, times: usize) -> Self {
        self.producer.retry_times = times;
        self
    }

    /// `retryAnotherBrokerWhenNotStoreOK`: also try another broker when one stored the message
    /// less safely than asked. Off.
    #[must_use]
    pub fn retry_when_not_safe(mut self, retry: bool) -> Self {
        self.producer.retry_not_safe = retry;
        self
    }

    /// `compressMsgBodyOverHowmuch`: bodies of this many bytes and more are compressed. 4 KiB.
    #[must_use]
    pub fn compress_above(mut self, bytes: usize) -> Self {
        self.producer.compress_above = bytes;
        self
    }

    /// `maxMessageSize`: larger bodies are refused. 4 MiB.
    #[must_use]
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.producer.max_message_size = bytes;
        self
    }

    /// `sendLatencyFaultEnable`: brokers that were slow or failed are avoided for a while. Off.
    #[must_use]
    pub fn send_latency_fault_enable(mut self, enable: bool) -> Self {
        self.producer.avoid_slow_brokers = enable;
        self
    }

    /// `createTopicKey`: the topic that brokers create missing topics from. `TBW102`.
    #[must_use]
    pub fn create_topic_key(mut self, topic: impl Into<Text>) -> Self {
        self.producer.create_topic_key = topic.into();
        self
    }

    /// `defaultTopicQueueNums`: how many queues a topic gets that a broker creates. 4.
    #[must_use]
    pub fn default_topic_queues(mut self, queues: i32) -> Self {
        self.producer.default_topic_queues = queues;
        self
    }

    /// Starts it. Brokers and name servers need not be there yet.
    pub async fn start(self) -> Result<Producer, StartError> {
        names::check_group(&self.settings.group)?;
        let group = self.settings.group.clone();
        let (instance, stop) = Instance::new(self.runtime, self.settings);
        let core = Arc::new(Core::new(instance.clone(), group, self.producer));
        let role: Arc<dyn crate::instance::Role> = core.clone();
        instance.start(Arc::downgrade(&role)).await;
        Ok(Producer(Arc::new(Handle { core, stop })))
    }
}
