//! What every kind of client does beside its work: knows routes, shows that it lives, listens.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, Weak},
    time::Duration,
};

use protocol::{Command, RequestCode, ResponseCode, Text, body, names, request};
use remoting::{Connection, PeerId, Respond};
use runtime::{Monotonic, Runtime};
use thiserror::Error;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    MessageQueue, QueryError,
    name_servers::{Directory, NameServersDown},
    routes::{Changed, Routes, Way},
    settings::Settings,
    time::{all, locked},
    wire::{CallFailure, Wire},
};

/// How often a consumer looks whether brokers have forgotten it.
const STRANGER_TICK: Duration = Duration::from_secs(1);
/// The longest pause between two attempts at a broker that does not answer.
const STRANGER_TICK_MAX: Duration = Duration::from_secs(8);
/// A route that something was wrong with is not asked for again sooner than this.
const SUSPECT_INTERVAL: Duration = Duration::from_secs(1);

/// Why the way to a topic is not known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RouteError {
    /// No name server could be asked.
    #[error(transparent)]
    NameServers(#[from] NameServersDown),
    /// Name servers know no broker with this topic.
    #[error("no broker is known to have topic `{topic}`")]
    UnknownTopic {
        /// The topic.
        topic: Text,
    },
    /// A name server answered with an error.
    #[error("asked for topic `{topic}`, a name server answered {code}: {remark}")]
    Refused {
        /// The topic.
        topic: Text,
        /// The code of the answer.
        code: ResponseCode,
        /// The text of the answer.
        remark: Text,
    },
    /// A name server answered with something that is no route.
    #[error("the route of topic `{topic}` cannot be read: {cause}")]
    Unreadable {
        /// The topic.
        topic: Text,
        /// What is wrong with it.
        cause: String,
    },
}

/// What a client listens to and tells about itself.
pub(crate) trait Role: Send + Sync {
    /// What this client is, for its heartbeats; the client id is filled in.
    fn heartbeat(&self) -> body::Heartbeat;
    /// Somebody joined or left a group.
    fn group_changed(&self, _group: &str) {}
    /// The queues of a topic, or where the brokers are, changed.
    fn routes_changed(&self) {}
    /// A request from a broker; `None` is answered "not supported".
    fn asked(&self, _connection: &Connection, _command: &Command) -> Option<Command> {
        None
    }
    /// Topics whose routes are to be kept even before they are known.
    fn topics(&self) -> Vec<Text> {
        Vec::new()
    }
}

/// One client: its name, its connections, its knowledge.
pub(crate) struct Instance {
    pub(crate) runtime: Runtime,
    pub(crate) settings: Settings,
    pub(crate) client_id: Text,
    pub(crate) wire: Wire,
    directory: Directory,
    routes: Mutex<Routes>,
    role: Arc<Ears>,
    /// Held while routes are asked for, so that many callers ask once.
    asking: tokio::sync::Mutex<()>,
    /// Rung when a broker appears, to greet it at once.
    greet: Notify,
    /// The connections over which brokers have heard of this client.
    greeted: Mutex<BTreeMap<Text, PeerId>>,
    /// Rung when a route seems wrong.
    suspect: Notify,
    stopped: CancellationToken,
}

/// Ends the tasks of a client when it is dropped.
pub(crate) struct Stop(DropGuard);

impl Stop {
    pub(crate) fn now(&self) {
        self.0.token().cancel();
    }
}

#[derive(Default)]
struct Ears {
    role: OnceLock<Weak<dyn Role>>,
}

impl Ears {
    fn role(&self) -> Option<Arc<dyn Role>> {
        self.role.get()?.upgrade()
    }
}

impl Respond for Ears {
    fn asked(
        &self,
        connection: &Connection,
        requests: &mut Vec<Command>,
        answers: &mut Vec<Command>,
    ) {
        let role = self.role();
        for command in requests.drain(..) {
            let answer = match &role {
                Some(role)
                    if command.code == i32::from(RequestCode::NOTIFY_CONSUMER_IDS_CHANGED) =>
                {
                    if let Ok(header) = request::ConsumerIdsChanged::decode(&command) {
                        role.group_changed(&header.consumer_group);
                    }
                    Some(command.answer(ResponseCode::SUCCESS))
                }
                Some(role) => role.asked(connection, &command),
                None => None,
            };
            if !command.is_oneway() {
                answers.push(answer.unwrap_or_else(|| {
                    let remark = format!(" request type {} not supported", command.code);
                    command.answer(ResponseCode::REQUEST_CODE_NOT_SUPPORTED).with_remark(remark)
                }));
            }
        }
    }
}

impl Instance {
    /// A client that knows nothing and does nothing yet.
    pub(crate) fn new(runtime: Runtime, settings: Settings) -> (Arc<Self>, Stop) {
        let stopped = CancellationToken::new();
        let role = Arc::new(Ears::default());
        let name = settings
            .instance_name
            .clone()
            .unwrap_or_else(|| Text::from(format!("{:016x}", runtime.entropy.next_u64())));
        let client_id = Text::from(format!("{}@{name}", runtime.net.local_address()));
        let wire = Wire::new(runtime.clone(), settings.remoting.clone(), role.clone());
        let instance = Self {
            directory: Directory::new(settings.name_servers.clone()),
            runtime,
            settings,
            client_id,
            wire,
            routes: Mutex::default(),
            role,
            asking: tokio::sync::Mutex::default(),
            greet: Notify::new(),
            greeted: Mutex::default(),
            suspect: Notify::new(),
            stopped: stopped.clone(),
        };
        (Arc::new(instance), Stop(stopped.drop_guard()))
    }

    /// Finds the name servers if an address server must be asked, and begins to keep routes and to
    /// send heartbeats.
    pub(crate) async fn start(self: &Arc<Self>, role: Weak<dyn Role>) {
        // A client is started once.
        drop(self.role.role.set(role));
        self.refresh_name_servers().await;
        let tasks = &self.runtime.tasks;
        tasks.spawn("client routes", Box::pin(keep_routes(self.clone())));
        tasks.spawn("client heartbeat", Box::pin(keep_alive(self.clone())));
        if self.directory.has_endpoint() {
            tasks.spawn("client name servers", Box::pin(keep_name_servers(self.clone())));
        }
    }

    pub(crate) fn now(&self) -> Monotonic {
        self.runtime.clock.monotonic()
    }

    /// Completes when the client is stopped.
    pub(crate) async fn stopped(&self) {
        self.stopped.cancelled().await;
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.is_cancelled()
    }

    /// Sleeps; `false` when the client was stopped meanwhile.
    pub(crate) async fn pause(&self, span: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.stopped() => false,
            () = self.runtime.clock.sleep(span) => true,
        }
    }

    /// The way to a topic, from memory if it is there.
    pub(crate) async fn way(&self, topic: &Text) -> Result<Arc<Way>, RouteError> {
        if let Some(way) = locked(&self.routes).way(topic) {
            return Ok(way);
        }
        let alone = self.asking.lock().await;
        if let Some(way) = locked(&self.routes).way(topic) {
            return Ok(way);
        }
        self.ask_route(topic, topic, None).await?;
        drop(alone);
        let way = locked(&self.routes).way(topic);
        way.ok_or_else(|| RouteError::UnknownTopic { topic: topic.clone() })
    }

    /// The way to a topic that does not exist yet: that of the topic new ones are made from.
    pub(crate) async fn way_to_new(
        &self,
        topic: &Text,
        template: &Text,
        queues_max: i32,
    ) -> Result<Arc<Way>, RouteError> {
        let alone = self.asking.lock().await;
        self.ask_route(topic, template, Some(queues_max)).await?;
        drop(alone);
        let way = locked(&self.routes).way(topic);
        way.ok_or_else(|| RouteError::UnknownTopic { topic: topic.clone() })
    }

    /// Asks for a topic's route whether or not it is known.
    pub(crate) async fn refresh(&self, topic: &Text) -> Result<(), RouteError> {
        let alone = self.asking.lock().await;
        let asked = self.ask_route(topic, topic, None).await;
        drop(alone);
        asked
    }

    /// Asks for the route of `asked` and keeps it as that of `topic`.
    async fn ask_route(
        &self,
        topic: &Text,
        asked: &Text,
        queues_max: Option<i32>,
    ) -> Result<(), RouteError> {
        let mut route = self.topic_route(asked).await?;
        if let Some(max) = queues_max {
            for data in &mut route.queues {
                data.read_queues = data.read_queues.min(max);
                data.write_queues = data.read_queues;
            }
        }
        let changed = {
            let mut routes = locked(&self.routes);
            let changed = routes.put(topic, &route);
            if changed.brokers {
                let needed = |at: &Text| routes.has_address(at) || self.directory.contains(at);
                locked(&self.greeted).retain(|address, _| needed(address));
                self.wire.keep(needed);
            }
            changed
        };
        if changed.brokers {
            self.greet.notify_one();
        }
        if changed != Changed::default()
            && let Some(role) = self.role.role()
        {
            role.routes_changed();
        }
        Ok(())
    }

    /// The route of a topic as name servers tell it now.
    pub(crate) async fn topic_route(&self, topic: &Text) -> Result<body::TopicRoute, RouteError> {
        let header = request::RouteInfo {
            topic: topic.clone(),
            accept_standard_json_only: Some(true),
            ..Default::default()
        };
        let timeout = self.settings.call_timeout;
        // A name server that was just started knows nothing yet; another one may know.
        let good = |answer: &Command| answer.code == i32::from(ResponseCode::SUCCESS);
        let answer = self.directory.ask(&self.wire, &header.command(), timeout, good).await?;
        match ResponseCode::from(answer.code) {
            ResponseCode::SUCCESS => body::TopicRoute::from_json(&answer.body).map_err(|cause| {
                RouteError::Unreadable { topic: topic.clone(), cause: cause.to_string() }
            }),
            ResponseCode::TOPIC_NOT_EXIST => Err(RouteError::UnknownTopic { topic: topic.clone() }),
            code => Err(RouteError::Refused {
                topic: topic.clone(),
                code,
                remark: answer.remark.unwrap_or_default(),
            }),
        }
    }

    /// Asks any name server anything.
    pub(crate) async fn ask_name_server(
        &self,
        command: &Command,
    ) -> Result<Command, NameServersDown> {
        self.directory.ask(&self.wire, command, self.settings.call_timeout, |_| true).await
    }

    /// Asks every name server; gives the first thing that went wrong.
    pub(crate) async fn ask_every_name_server(&self, command: &Command) -> Result<(), QueryError> {
        let timeout = self.settings.call_timeout;
        let mut outcome = Ok(());
        for address in self.directory.in_turn() {
            let asked = self.ask(&address, command.clone(), timeout).await.map(drop);
            outcome = outcome.and(asked);
        }
        outcome
    }

    /// Something went wrong on the way to a topic: ask for routes soon.
    pub(crate) fn suspect(&self) {
        self.suspect.notify_one();
    }

    /// Sends heartbeats soon.
    pub(crate) fn greet(&self) {
        self.greet.notify_one();
    }

    /// Stops keeping the route of a topic.
    pub(crate) fn forget(&self, topic: &str) {
        locked(&self.routes).forget(topic);
    }

    pub(crate) fn master(&self, broker: &str) -> Option<Text> {
        locked(&self.routes).master(broker)
    }

    pub(crate) fn readable(&self, broker: &str, wanted: i64) -> Option<(i64, Text)> {
        locked(&self.routes).readable(broker, wanted)
    }

    /// Where the master of a queue's broker listens, asking for the route if it is not known.
    pub(crate) async fn master_of(&self, queue: &MessageQueue) -> Option<Text> {
        if let Some(address) = self.master(&queue.broker_name) {
            return Some(address);
        }
        drop(self.refresh(&queue.topic).await);
        self.master(&queue.broker_name)
    }

    pub(crate) fn knows_broker(&self, name: &str) -> bool {
        locked(&self.routes).knows_broker(name)
    }

    /// Every address of every broker set, with its name and id.
    pub(crate) fn addresses(&self) -> Vec<(Text, i64, Text)> {
        locked(&self.routes).addresses()
    }

    async fn refresh_name_servers(&self) {
        let timeout = self.settings.call_timeout;
        if let Err(error) = self.directory.refresh(&self.runtime, timeout).await {
            tracing::warn!(%error, "the address server gave no name servers");
        }
    }

    /// Tells every broker that this client lives: masters all of it, slaves only of consumers.
    pub(crate) async fn heartbeat(&self) {
        self.heartbeat_to(|_| true).await;
    }

    /// Tells the brokers that do not know of this consumer, or have forgotten it: a broker knows a
    /// client by its connection. `false` if one of them could not be told.
    async fn heartbeat_to_strangers(&self) -> bool {
        let is_stranger = |address: &Text| {
            let connected = self.wire.connected(address);
            connected.is_none() || connected != locked(&self.greeted).get(address).copied()
        };
        // Asked every second, and nearly always in vain: a heartbeat is only made when it is not.
        if !self.addresses().iter().any(|(_, _, address)| is_stranger(address)) {
            return true;
        }
        let consumes = |role: Arc<dyn Role>| !role.heartbeat().consumers.is_empty();
        if !self.role.role().is_some_and(consumes) {
            return true;
        }
        self.heartbeat_to(is_stranger).await
    }

    /// `false` if a broker could not be told.
    async fn heartbeat_to(&self, wanted: impl Fn(&Text) -> bool) -> bool {
        let Some(role) = self.role.role() else { return true };
        let mut heartbeat = role.heartbeat();
        if heartbeat.producers.is_empty() && heartbeat.consumers.is_empty() {
            return true;
        }
        heartbeat.client_id = self.client_id.clone();
        let consumes = !heartbeat.consumers.is_empty();
        let command = Command::request(RequestCode::HEART_BEAT).with_body(heartbeat.to_json());
        let timeout = self.settings.call_timeout;
        let mut calls: Vec<runtime::BoxFuture<'_, (Text, Result<Command, CallFailure>)>> =
            Vec::new();
        for (_, id, address) in self.addresses() {
            if (id == 0 || consumes) && wanted(&address) {
                let command = command.clone();
                calls.push(Box::pin(async move {
                    let answer = self.wire.call(&address, command, timeout).await;
                    (address, answer)
                }));
            }
        }
        let mut told = true;
        for (address, answer) in all(calls).await {
            match answer {
                Ok(answer) if answer.code != i32::from(ResponseCode::SUCCESS) => {
                    tracing::warn!(%address, code = answer.code, "heartbeat refused");
                }
                Ok(_) => {
                    if let Some(connection) = self.wire.connected(&address) {
                        locked(&self.greeted).insert(address, connection);
                    }
                }
                Err(failure) => {
                    tracing::debug!(%failure, "no heartbeat");
                    self.suspect();
                    told = false;
                }
            }
        }
        told
    }

    /// Says goodbye to every broker, as producer, consumer or both.
    pub(crate) async fn unregister(&self, producer: Option<&Text>, consumer: Option<&Text>) {
        let header = request::UnregisterClient {
            client_id: self.client_id.clone(),
            producer_group: producer.cloned(),
            consumer_group: consumer.cloned(),
            ..Default::default()
        };
        let timeout = self.settings.call_timeout;
        let mut calls: Vec<runtime::BoxFuture<'_, Result<Command, CallFailure>>> = Vec::new();
        for (_, id, address) in self.addresses() {
            if id == 0 || consumer.is_some() {
                let command = header.command();
                let call = async move { self.wire.call(&address, command, timeout).await };
                calls.push(Box::pin(call));
            }
        }
        // Who did not hear it finds out when the connection closes.
        drop(all(calls).await);
    }
}

/// Asks again for every known route, regularly and soon after something went wrong.
async fn keep_routes(instance: Arc<Instance>) {
    loop {
        tokio::select! {
            biased;
            () = instance.stopped() => return,
            () = instance.suspect.notified() => {
                if !instance.pause(SUSPECT_INTERVAL).await {
                    return;
                }
            }
            () = instance.runtime.clock.sleep(instance.settings.route_interval) => {}
        }
        let mut topics = locked(&instance.routes).topics();
        for topic in instance.role.role().map(|role| role.topics()).unwrap_or_default() {
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
        for topic in topics {
            if instance.is_stopped() {
                return;
            }
            match instance.refresh(&topic).await {
                Ok(()) => {}
                // The others would not be answered either.
                Err(RouteError::NameServers(error)) => {
                    tracing::warn!(%error, "routes could not be refreshed");
                    break;
                }
                Err(error) if names::is_retry_topic(&topic) => tracing::debug!(%error, "no route"),
                Err(error) => tracing::warn!(%error, "a route could not be refreshed"),
            }
        }
    }
}

/// Shows that the client lives, regularly and as soon as a broker appears, or comes back.
///
/// Differs from Java, which greets a broker anew when it happens to connect to it again. A member
/// without a queue there may not do that for long, and meanwhile others who ask that broker share
/// its queues as if it was not there.
async fn keep_alive(instance: Arc<Instance>) {
    let mut due = instance.now() + instance.settings.heartbeat_interval;
    let mut pause = STRANGER_TICK;
    loop {
        let asked = tokio::select! {
            biased;
            () = instance.stopped() => return,
            () = instance.greet.notified() => true,
            () = instance.runtime.clock.sleep(pause) => false,
        };
        let all = asked || due <= instance.now();
        if all {
            due = instance.now() + instance.settings.heartbeat_interval;
        }
        let heartbeat = async {
            if all {
                instance.heartbeat().await;
                return true;
            }
            instance.heartbeat_to_strangers().await
        };
        let told = tokio::select! {
            biased;
            () = instance.stopped() => return,
            told = heartbeat => told,
        };
        pause = if told { STRANGER_TICK } else { STRANGER_TICK_MAX.min(2 * pause) };
    }
}

async fn keep_name_servers(instance: Arc<Instance>) {
    while instance.pause(instance.settings.endpoint_interval).await {
        instance.refresh_name_servers().await;
    }
}
