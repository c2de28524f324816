//! Name servers and brokers that answer as a test tells them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use protocol::{
    Command, Fields, RequestCode, ResponseCode, Text,
    body::{BrokerData, QueueData, TopicRoute},
    request,
};
use remoting::{Connection, Respond};
use tokio::time::Instant;

/// A name server that knows one topic, or none.
#[derive(Default)]
pub(crate) struct FakeNameServer {
    route: Mutex<Option<TopicRoute>>,
    asked: Mutex<Vec<Text>>,
}

impl FakeNameServer {
    /// Two queues on each of these brokers, given as `name=address`.
    pub(crate) fn with(brokers: &[&str]) -> Arc<Self> {
        let server = Self::default();
        server.know(brokers);
        Arc::new(server)
    }

    pub(crate) fn know(&self, brokers: &[&str]) {
        let mut route = TopicRoute::default();
        for broker in brokers {
            let (name, address) = broker.split_once('=').expect("name=address");
            route.brokers.push(BrokerData {
                broker_addrs: [(0, Text::from(address))].into(),
                broker_name: Text::from(name),
                cluster: Text::from("c"),
                ..BrokerData::default()
            });
            route.queues.push(QueueData {
                broker_name: Text::from(name),
                perm: 6,
                read_queues: 2,
                write_queues: 2,
                topic_sys_flag: 0,
            });
        }
        *self.route.lock().expect("unpoisoned") = Some(route).filter(|r| !r.brokers.is_empty());
    }

    /// The topics that were asked for.
    pub(crate) fn asked(&self) -> Vec<Text> {
        self.asked.lock().expect("unpoisoned").clone()
    }
}

impl Respond for FakeNameServer {
    fn asked(&self, _: &Connection, requests: &mut Vec<Command>, answers: &mut Vec<Command>) {
        for command in requests.drain(..) {
            let header = request::RouteInfo::decode(&command).expect("only routes are asked for");
            self.asked.lock().expect("unpoisoned").push(header.topic.clone());
            let route = self.route.lock().expect("unpoisoned").clone();
            answers.push(match route {
                Some(route) => command.answer(0).with_body(route.to_json()),
                None => command.answer(ResponseCode::TOPIC_NOT_EXIST).with_remark("no such topic"),
            });
        }
    }
}

/// What a broker does with a send.
#[derive(Clone, Debug)]
pub(crate) enum Say {
    /// Stores it.
    Yes,
    /// Stores it less safely than asked.
    Less(ResponseCode),
    /// Refuses it.
    No(ResponseCode),
    /// Nothing.
    Nothing,
    /// Closes the connection instead of answering.
    Hang,
}

/// A broker that answers sends by a script, and `Yes` when that is over.
pub(crate) struct FakeBroker {
    script: Mutex<VecDeque<Say>>,
    heard: Mutex<Vec<(Instant, Command)>>,
}

impl FakeBroker {
    pub(crate) fn saying(script: impl IntoIterator<Item = Say>) -> Arc<Self> {
        let script = Mutex::new(script.into_iter().collect());
        Arc::new(Self { script, heard: Mutex::default() })
    }

    /// The sends that came.
    pub(crate) fn sends(&self) -> Vec<Command> {
        let sends = [
            RequestCode::SEND_MESSAGE_V2,
            RequestCode::SEND_BATCH_MESSAGE,
            RequestCode::SEND_MESSAGE,
        ];
        let heard = self.heard.lock().expect("unpoisoned");
        let is_send = |command: &&Command| sends.contains(&RequestCode::from(command.code));
        heard.iter().map(|(_, command)| command).filter(is_send).cloned().collect()
    }

    /// When requests of this code came.
    pub(crate) fn heard(&self, code: RequestCode) -> Vec<Instant> {
        let heard = self.heard.lock().expect("unpoisoned");
        heard.iter().filter(|(_, command)| code == command.code).map(|(at, _)| *at).collect()
    }
}

impl Respond for FakeBroker {
    fn asked(
        &self,
        connection: &Connection,
        requests: &mut Vec<Command>,
        answers: &mut Vec<Command>,
    ) {
        for command in requests.drain(..) {
            self.heard.lock().expect("unpoisoned").push((Instant::now(), command.clone()));
            let is_send = request::Send::decode(&command).is_ok();
            if !is_send {
                answers.push(command.answer(ResponseCode::SUCCESS));
                continue;
            }
            let say = self.script.lock().expect("unpoisoned").pop_front().unwrap_or(Say::Yes);
            let stored = |code: ResponseCode| {
                let fields: Fields =
                    [("msgId", "0A"), ("queueId", "1"), ("queueOffset", "7")].into_iter().collect();
                command.answer(code).with_fields(fields)
            };
            match say {
                Say::Yes => answers.push(stored(ResponseCode::SUCCESS)),
                Say::Less(code) => answers.push(stored(code)),
                Say::No(code) => answers.push(command.answer(code).with_remark("no")),
                Say::Nothing => {}
                Say::Hang => connection.close(),
            }
        }
    }
}
