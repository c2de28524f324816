//! A name server without a world: a clock that is a number, files that are always saved.
#![expect(dead_code, reason = "each test file uses a part of it")]

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use namesrv::{Config, Effect, Event, KvConfig, NameServer};
use protocol::{
    Command, RequestCode, Text,
    body::{DataVersion, RegisterBroker, TopicConfig, TopicRoute},
    frame, request,
};
use remoting::PeerId;
use runtime::{Monotonic, Now};

/// The connection that everybody uses who does not say otherwise.
pub(crate) const PEER: PeerId = PeerId(7);

pub(crate) struct Core {
    server: NameServer,
    now: Now,
    config: Config,
    /// Everything that happened, to be played again.
    pub(crate) recorded: Vec<(Now, Event, Vec<Effect>)>,
}

impl Core {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        let now = Now { wall_ms: 1_795_000_000_000, monotonic: Monotonic(0) };
        let server = NameServer::new(now, config.clone(), KvConfig::default());
        let mut core = Self { server, now, config, recorded: Vec::new() };
        core.happens(Event::Opened { peer: PEER });
        core
    }

    /// One event, and the saving of every file that it wants saved.
    pub(crate) fn happens(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = self.happens_alone(event);
        let tickets: Vec<u64> = effects.iter().filter_map(ticket).collect();
        for ticket in tickets {
            effects.extend(self.happens_alone(Event::Saved { ticket, error: None }));
        }
        effects
    }

    pub(crate) fn happens_alone(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.server.apply(self.now, event.clone(), &mut effects);
        self.recorded.push((self.now, event, effects.clone()));
        effects
    }

    pub(crate) fn ask(&mut self, command: Command) -> Vec<Effect> {
        self.ask_from(PEER, command)
    }

    pub(crate) fn ask_from(&mut self, peer: PeerId, command: Command) -> Vec<Effect> {
        self.happens(Event::Asked { peer, command })
    }

    pub(crate) fn answer(&mut self, command: Command) -> Command {
        answer_of(&self.ask(command))
    }

    /// Time passes, and the ticker with it.
    pub(crate) fn pass(&mut self, span: Duration) -> Vec<Effect> {
        let end = self.now.monotonic + span;
        let mut effects = Vec::new();
        while self.now.monotonic < end {
            self.jump(self.config.scan_interval.min(end.since(self.now.monotonic)));
            effects.extend(self.happens(Event::Ticked));
        }
        effects
    }

    /// Time passes without a tick.
    pub(crate) fn jump(&mut self, span: Duration) {
        self.now.monotonic = self.now.monotonic + span;
        self.now.wall_ms += i64::try_from(span.as_millis()).expect("short");
    }

    /// Only the wall clock changes.
    pub(crate) fn step_wall_clock(&mut self, by_ms: i64) {
        self.now.wall_ms += by_ms;
    }

    pub(crate) fn route(&mut self, topic: &str) -> Option<TopicRoute> {
        let header = request::RouteInfo { topic: Text::from(topic), ..Default::default() };
        let answer = self.answer(header.command());
        (answer.code == 0).then(|| TopicRoute::from_json(&answer.body).expect("route"))
    }

    /// The addresses of the brokers that have a topic.
    pub(crate) fn addresses(&mut self, topic: &str) -> Vec<String> {
        let route = self.route(topic).unwrap_or_default();
        let addresses = route.brokers.iter().flat_map(|broker| &broker.broker_addrs);
        addresses.map(|(id, address)| format!("{id}={address}")).collect()
    }

    /// Everything that can be asked about all brokers and topics at once.
    pub(crate) fn snapshot(&mut self) -> String {
        let codes = [
            RequestCode::GET_BROKER_CLUSTER_INFO,
            RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER,
            RequestCode::GET_SYSTEM_TOPIC_LIST_FROM_NS,
        ];
        let body = |code| {
            let body = self.answer(Command::request(code)).body;
            String::from_utf8(body.to_vec()).expect("text")
        };
        codes.map(body).join("\n")
    }

    /// Plays everything again on a fresh core.
    pub(crate) fn assert_replays(&self) {
        let start = self.recorded.first().expect("something happened").0;
        let mut fresh = NameServer::new(start, self.config.clone(), KvConfig::default());
        for (now, event, wanted) in &self.recorded {
            let mut effects = Vec::new();
            fresh.apply(*now, event.clone(), &mut effects);
            assert_eq!(effects, *wanted, "{event:?}");
        }
    }
}

fn ticket(effect: &Effect) -> Option<u64> {
    match effect {
        Effect::Save { ticket, .. } => Some(*ticket),
        Effect::Answer { .. } | Effect::Tell { .. } | Effect::Close { .. } => None,
    }
}

pub(crate) fn answer_of(effects: &[Effect]) -> Command {
    let mut answers = effects.iter().filter_map(|effect| match effect {
        Effect::Answer { command, .. } => Some(command.clone()),
        Effect::Save { .. } | Effect::Tell { .. } | Effect::Close { .. } => None,
    });
    let answer = answers.next().expect("an answer");
    assert_eq!(answers.next(), None, "one request has one answer");
    answer
}

/// A registration that can be changed before it is sent.
pub(crate) struct Broker {
    pub(crate) header: request::RegisterBroker,
    pub(crate) body: RegisterBroker,
}

impl Broker {
    /// A 5.x broker with two topics, one of which is called like itself.
    pub(crate) fn new(name: &str, id: i64, address: &str) -> Self {
        let header = request::RegisterBroker {
            broker_name: Text::from(name),
            broker_addr: Text::from(address),
            cluster_name: Text::from("c"),
            ha_server_addr: Text::from(format!("{address}9")),
            broker_id: id,
            enable_acting_master: Some(false),
            ..Default::default()
        };
        let mut body = RegisterBroker::default();
        body.topics.data_version = DataVersion { counter: 1, state_version: 0, timestamp_ms: 5 };
        Self { header, body }.with_topic(name, 1).with_topic("orders", 4)
    }

    pub(crate) fn with_topic(mut self, topic: &str, queues: i32) -> Self {
        let config = TopicConfig::new(topic, queues, 6);
        self.body.topics.topic_config_table.insert(Text::from(topic), config);
        self
    }

    pub(crate) fn only_topic(mut self, topic: &str, queues: i32) -> Self {
        self.body.topics.topic_config_table.clear();
        self.with_topic(topic, queues)
    }

    pub(crate) fn in_version(mut self, state_version: i64, counter: i64) -> Self {
        self.body.topics.data_version =
            DataVersion { counter, state_version, timestamp_ms: counter };
        self
    }

    pub(crate) fn acting(mut self) -> Self {
        self.header.enable_acting_master = Some(true);
        self
    }

    pub(crate) fn command(&self) -> Command {
        self.header.command().with_body(self.body.to_json())
    }

    pub(crate) fn goodbye(&self) -> Command {
        let header = request::UnregisterBroker {
            broker_name: self.header.broker_name.clone(),
            broker_addr: self.header.broker_addr.clone(),
            cluster_name: self.header.cluster_name.clone(),
            broker_id: self.header.broker_id,
        };
        header.command()
    }
}

/// One captured frame.
pub(crate) struct Frame {
    pub(crate) label: String,
    pub(crate) direction: String,
    pub(crate) command: Command,
}

pub(crate) fn frames(text: &str) -> Vec<Frame> {
    let lines = text.lines().map(|line| {
        let fields: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        let text = |name: &str| fields[name].as_str().expect("a string").to_owned();
        let mut bytes = BytesMut::from(&unhex(&text("frame_hex"))[..]);
        let command = frame::take_frame(&mut bytes).expect("a frame").expect("a whole frame");
        Frame { label: text("label"), direction: text("dir"), command }
    });
    lines.collect()
}

pub(crate) fn unhex(text: &str) -> Bytes {
    let digit = |c: u8| u8::try_from(char::from(c).to_digit(16).expect("hex")).expect("digit");
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
