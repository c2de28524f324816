//! The rest of what an operator does: whole clusters, offsets of groups, settings of brokers.

use protocol::{
    Command, RequestCode, ResponseCode, Text,
    body::{
        ClusterInfo, ConsumeStats, ConsumerConnection, KeyValueTable, TopicConfig, TopicList,
        TopicRoute, TopicStats,
    },
    message_id::OffsetId,
    request,
};

use super::{Admin, AdminError, refused};
use crate::{MessageQueue, QueryError, ReceivedMessage, RouteError, queries::unreadable, received};

impl Admin {
    /// Everything name servers know of brokers and clusters.
    pub async fn cluster_info(&self) -> Result<ClusterInfo, AdminError> {
        let command = Command::request(RequestCode::GET_BROKER_CLUSTER_INFO);
        let answer = self.instance.ask_name_server(&command).await?;
        ClusterInfo::from_json(&answer.body)
            .map_err(|cause| AdminError::Unreadable { cause: cause.to_string() })
    }

    /// Every topic that name servers know.
    pub async fn topics(&self) -> Result<Vec<Text>, AdminError> {
        let command = Command::request(RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER);
        let answer = self.instance.ask_name_server(&command).await?;
        if answer.code != i32::from(ResponseCode::SUCCESS) {
            return Err(refused(&Text::from_static("the name server"), answer).into());
        }
        let list = TopicList::from_json(&answer.body);
        Ok(list.map_err(|cause| AdminError::Unreadable { cause: cause.to_string() })?.topics)
    }

    /// The way to a topic as name servers tell it now.
    pub async fn route(&self, topic: &str) -> Result<TopicRoute, RouteError> {
        self.instance.topic_route(&Text::from(topic)).await
    }

    /// Makes a topic on a broker, or changes everything about it.
    pub async fn create_topic(&self, broker: &str, topic: &TopicConfig) -> Result<(), AdminError> {
        let attribute = |(key, value): (&Text, &Text)| {
            let sign = if key.starts_with(['+', '-']) { "" } else { "+" };
            format!("{sign}{key}={value}")
        };
        let attributes = topic.attributes.iter().map(attribute).collect::<Vec<_>>().join(",");
        let header = request::CreateTopic {
            topic: topic.topic_name.clone(),
            default_topic: Some(Text::from_static(protocol::names::AUTO_CREATE_TOPIC)),
            read_queues: topic.read_queues,
            write_queues: topic.write_queues,
            perm: topic.perm,
            topic_filter_type: Text::from(topic.topic_filter_type.name()),
            topic_sys_flag: Some(topic.topic_sys_flag),
            order: topic.order,
            attributes: Some(attributes).filter(|text| !text.is_empty()).map(Text::from),
            ..request::CreateTopic::default()
        };
        self.ask(broker, header.command()).await.map(drop)
    }

    /// Has every name server forget a topic; brokers that still have it will tell them again.
    pub async fn delete_topic_in_name_servers(&self, topic: &str) -> Result<(), AdminError> {
        let header =
            request::DeleteTopicInNamesrv { topic: Text::from(topic), ..Default::default() };
        self.instance.forget(topic);
        Ok(self.instance.ask_every_name_server(&header.command()).await?)
    }

    /// Removes a group from a broker.
    pub async fn delete_group(
        &self,
        broker: &str,
        group: &str,
        clean_offset: bool,
    ) -> Result<(), AdminError> {
        let group_name = Text::from(group);
        let header = request::DeleteGroup { group_name, clean_offset, ..Default::default() };
        self.ask(broker, header.command()).await.map(drop)
    }

    /// The offsets of every queue of a topic on a broker.
    pub async fn topic_stats(&self, broker: &str, topic: &str) -> Result<TopicStats, AdminError> {
        let header = request::TopicStats { topic: Text::from(topic), ..Default::default() };
        let (address, answer) = self.ask(broker, header.command()).await?;
        Ok(TopicStats::from_json(&answer.body).map_err(|cause| unreadable(&address, cause))?)
    }

    /// How far a group is on a broker.
    pub async fn consume_stats(
        &self,
        broker: &str,
        group: &str,
        topic: Option<&str>,
    ) -> Result<ConsumeStats, AdminError> {
        let header = request::ConsumeStats {
            consumer_group: Text::from(group),
            topic: topic.map(Text::from),
            ..request::ConsumeStats::default()
        };
        let (address, answer) = self.ask(broker, header.command()).await?;
        Ok(ConsumeStats::from_json(&answer.body).map_err(|cause| unreadable(&address, cause))?)
    }

    /// The members of a group that are connected to a broker.
    pub async fn consumers(
        &self,
        broker: &str,
        group: &str,
    ) -> Result<ConsumerConnection, AdminError> {
        let consumer_group = Text::from(group);
        let header = request::ConsumerConnections { consumer_group, ..Default::default() };
        let (address, answer) = self.ask(broker, header.command()).await?;
        let body = ConsumerConnection::from_json(&answer.body);
        Ok(body.map_err(|cause| unreadable(&address, cause))?)
    }

    /// What a broker tells of itself.
    pub async fn runtime_info(&self, broker: &str) -> Result<KeyValueTable, AdminError> {
        let command = Command::request(RequestCode::GET_BROKER_RUNTIME_INFO);
        let (address, answer) = self.ask(broker, command).await?;
        Ok(KeyValueTable::from_json(&answer.body).map_err(|cause| unreadable(&address, cause))?)
    }

    /// The configuration of a broker, as `key=value` lines.
    pub async fn broker_config(&self, broker: &str) -> Result<String, AdminError> {
        let command = Command::request(RequestCode::GET_BROKER_CONFIG);
        let (_, answer) = self.ask(broker, command).await?;
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// Changes settings of a broker, given as `key=value` lines.
    pub async fn update_broker_config(&self, broker: &str, lines: &str) -> Result<(), AdminError> {
        let command = Command::request(RequestCode::UPDATE_BROKER_CONFIG);
        self.ask(broker, command.with_body(lines.to_owned())).await.map(drop)
    }

    /// Sets the offsets of a group in all queues of a topic on a broker to a time; a negative time
    /// is the end. `force` also moves them back.
    pub async fn reset_offset(
        &self,
        broker: &str,
        (group, topic): (&str, &str),
        timestamp_ms: i64,
        force: bool,
    ) -> Result<(), AdminError> {
        let header = request::ResetOffset {
            group: Text::from(group),
            topic: Text::from(topic),
            queue_id: -1,
            offset: None,
            timestamp_ms,
            is_force: force,
            ..request::ResetOffset::default()
        };
        self.ask(broker, header.command()).await.map(drop)
    }

    /// Commits an offset in the name of a group.
    pub async fn commit(
        &self,
        group: &str,
        queue: &MessageQueue,
        offset: i64,
    ) -> Result<(), AdminError> {
        Ok(self.instance.commit(&Text::from(group), queue, offset).await?)
    }

    /// The offset of the first message a queue still has.
    pub async fn min_offset(&self, queue: &MessageQueue) -> Result<i64, AdminError> {
        Ok(self.instance.min_offset(queue).await?)
    }

    /// The offset the next message of a queue will get.
    pub async fn max_offset(&self, queue: &MessageQueue) -> Result<i64, AdminError> {
        Ok(self.instance.max_offset(queue).await?)
    }

    /// One message by its offset id.
    pub async fn view_message(
        &self,
        topic: &str,
        offset_message_id: &str,
    ) -> Result<ReceivedMessage, AdminError> {
        let id: OffsetId = offset_message_id
            .parse()
            .map_err(|wrong| AdminError::NotAnId { id: offset_message_id.into(), wrong })?;
        let address = Text::from(id.store_host.to_string());
        let offset = id.physical_offset;
        let header = request::ViewMessage { topic: Some(Text::from(topic)), offset };
        let answer = self.ask_address(&address, header.command()).await?;
        let (messages, wrong) = received::messages(&Text::EMPTY, answer.body);
        let nothing = || match wrong {
            Some(wrong) => unreadable(&address, wrong),
            None => unreadable(&address, "it is empty"),
        };
        Ok(messages.into_iter().next().ok_or_else(nothing)?)
    }

    /// Asks an address anything and accepts only success.
    pub async fn ask_address(
        &self,
        address: &Text,
        command: Command,
    ) -> Result<Command, QueryError> {
        self.instance.ask(address, command, self.instance.settings.call_timeout).await
    }

    /// Closes every connection.
    pub async fn stop(&self) {
        self.stop.now();
        self.instance.wire.close();
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.instance.wire.close();
    }
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Admin")
    }
}
