//! A room with one broker in it, on a disk in memory. Time passes when the test says so.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use broker::{
    Broker, CallId, CallOutcome, Config, Door, Effect, Event, Host, Identity, Table,
    config::Settings, load_tables,
};
use bytes::Bytes;
use protocol::{Command, Text, body::TopicConfig, request};
use remoting::PeerId;
use runtime::{
    Disk as _, Monotonic, Now, OpenMode,
    memory::{MemoryDisk, finish},
    whole_file,
};
use store::{Flush, Store, StoreConfig};

use crate::words::{bodies, heartbeat, message, number, pull};

/// Where the broker says it is.
pub(crate) const STORE_HOST: &str = "127.0.0.1:20911";
/// The producer's connection.
pub(crate) const PRODUCER: PeerId = PeerId(1);
/// A consumer's connection.
pub(crate) const CONSUMER: PeerId = PeerId(2);
/// Another consumer's connection.
pub(crate) const OTHER: PeerId = PeerId(3);
/// An operator's connection.
pub(crate) const OPERATOR: PeerId = PeerId(4);
/// When every room begins, on the wall clock.
pub(crate) const MORNING_MS: i64 = 1_795_197_246_134;

/// Everything that a test lets happen: as an event, but one that can be repeated.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    Opened(PeerId),
    Closed(PeerId),
    Asked(PeerId, Door, Command),
    /// Several requests of one read.
    AskedTogether(PeerId, Vec<Command>),
    Called(CallId, CallOutcome),
    /// A sync of the log, from its beginning to its end.
    Synced,
    /// A table, saved as it is.
    Saved(Table, bool),
    Joined(usize),
    /// The driver looks how full the disk is.
    LookedAtDisk,
    Ticked,
    Stopping,
}

pub(crate) struct Room {
    pub(crate) disk: MemoryDisk,
    pub(crate) broker: Broker,
    now: Now,
    opaque: i32,
    config: Config,
    /// Whether the store was not closed the last time.
    pub(crate) was_crashed: bool,
    /// What happened, and when.
    pub(crate) past: Vec<(Now, Happening)>,
    /// What the broker wanted, each time.
    pub(crate) wishes: Vec<Vec<Effect>>,
}

fn root() -> PathBuf {
    PathBuf::from("/store")
}

pub(crate) fn start_of_day() -> Now {
    Now { wall_ms: MORNING_MS, monotonic: Monotonic(1_000_000_000) }
}

/// The store of a test: small files.
fn store_config(config: &Config) -> StoreConfig {
    let sync = config.flush_disk_type == broker::config::FlushDiskType::SyncFlush;
    StoreConfig {
        segment_bytes: 8 * 1024 * 1024,
        queue_file_slots: 1_000,
        index_slots: 100,
        index_entries: 1_000,
        flush: if sync { Flush::Sync } else { Flush::Async },
        body_bytes_max: config.max_message_bytes,
        ..StoreConfig::at(root())
    }
}

impl Room {
    /// With the defaults.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// With a configuration.
    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut config = Config::on(Host::default());
        config.edit(|settings| {
            settings.broker_name = "broker-a".to_owned();
            settings.listen_port = 20_911;
            settings.ha_listen_port = 20_912;
            settings.store_root = root();
            settings.store_commit_log = root().join("commitlog");
            change(settings);
        });
        Self::on(MemoryDisk::new(), config, start_of_day())
    }

    /// One that waits for the disk.
    pub(crate) fn syncing() -> Self {
        Self::with(|settings| {
            settings.flush_disk_type = broker::config::FlushDiskType::SyncFlush;
        })
    }

    /// On a disk that may hold something already.
    pub(crate) fn on(disk: MemoryDisk, config: Config, now: Now) -> Self {
        let opened =
            finish(Store::open(std::sync::Arc::new(disk.clone()), now, store_config(&config)));
        let (store, opened) = opened.expect("the store opens");
        let identity = Identity { store_host: STORE_HOST.parse().unwrap(), process: 7, seed: 11 };
        let mut broker = Broker::new(config.clone(), store, identity, now);
        load_tables(&disk, &mut broker).expect("the tables are whole");
        broker.reconcile();
        let mut room = Self {
            disk,
            broker,
            now,
            opaque: 0,
            config,
            was_crashed: opened.crashed,
            past: Vec::new(),
            wishes: Vec::new(),
        };
        for peer in [PRODUCER, CONSUMER, OTHER, OPERATOR] {
            room.happen(Happening::Opened(peer));
        }
        room
    }

    /// The power fails: what was not synced is gone. Then it comes back.
    pub(crate) fn power_cut(self) -> Self {
        let Self { disk, broker, now, config, .. } = self;
        drop(broker);
        disk.crash();
        Self::on(disk, config, later(now, 1_000))
    }

    /// The process dies: what was written stays.
    pub(crate) fn kill(self) -> Self {
        let Self { disk, broker, now, config, .. } = self;
        drop(broker);
        Self::on(disk, config, later(now, 1_000))
    }

    /// The store is closed, as at the end of a clean stop.
    pub(crate) fn close(self) -> Self {
        let Self { disk, broker, now, config, .. } = self;
        finish(broker.into_store().close()).expect("the store closes");
        Self::on(disk, config, later(now, 1_000))
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Lets everything happen again that happened to somebody else, after the peers came.
    pub(crate) fn relive(&mut self, past: &[(Now, Happening)]) {
        for (now, happening) in &past[self.past.len()..] {
            self.now = *now;
            self.happen(happening.clone());
        }
    }

    /// Puts a file below the store's directory.
    pub(crate) fn put_file(disk: &MemoryDisk, name: &str, content: &[u8]) {
        let path = root().join(name);
        disk.create_dir_all(path.parent().unwrap()).unwrap();
        let file = disk.open(&path, OpenMode::Create).unwrap();
        file.set_len(0).unwrap();
        file.write_all_at(0, content).unwrap();
    }

    /// A file below the store's directory.
    pub(crate) fn file(&self, name: &str) -> Bytes {
        self.disk.read(&root().join(name)).unwrap()
    }

    /// Every file below the store's directory.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Bytes> {
        let mut files = BTreeMap::new();
        let mut directories = vec![root()];
        while let Some(directory) = directories.pop() {
            for entry in self.disk.list(&directory).unwrap() {
                let path = directory.join(&entry.name);
                if entry.is_dir {
                    directories.push(path);
                } else {
                    files.insert(path.clone(), self.disk.read(&path).unwrap());
                }
            }
        }
        files
    }

    /// Lets something happen, and gives what the broker then wants.
    pub(crate) fn happen(&mut self, happening: Happening) -> Vec<Effect> {
        self.past.push((self.now, happening.clone()));
        let mut effects = Vec::new();
        self.apply(happening, &mut effects);
        self.wishes.push(effects.clone());
        effects
    }

    fn apply(&mut self, happening: Happening, effects: &mut Vec<Effect>) {
        let now = self.now;
        let event = match happening {
            Happening::Opened(peer) => {
                let port = u16::try_from(40_000 + peer.0).unwrap();
                Event::Opened { peer, remote: SocketAddr::from(([127, 0, 0, 1], port)) }
            }
            Happening::Closed(peer) => Event::Closed { peer },
            Happening::Asked(peer, door, command) => Event::Asked { peer, door, command },
            Happening::AskedTogether(peer, commands) => {
                let door = Door::Main;
                let events =
                    commands.into_iter().map(|command| Event::Asked { peer, door, command });
                return self.broker.apply_all(now, events, effects);
            }
            Happening::Called(call, outcome) => Event::Called { call, outcome },
            Happening::Synced => {
                let Some(job) = self.broker.begin_sync() else { return };
                Event::Synced(finish(job.run()))
            }
            Happening::Saved(table, ok) => {
                let (generation, content) = self.broker.table_file(table);
                if ok {
                    let path = self.broker.table_path(table);
                    let disk: std::sync::Arc<dyn runtime::Disk> =
                        std::sync::Arc::new(self.disk.clone());
                    finish(whole_file::save(&disk, &path, &content)).unwrap();
                }
                Event::Saved { table, generation, ok }
            }
            Happening::Joined(index) => Event::NameServerJoined { index },
            Happening::LookedAtDisk => {
                let usage = self.disk.usage(&root()).unwrap();
                Event::DiskLooked { usage }
            }
            Happening::Ticked => Event::Ticked,
            Happening::Stopping => Event::Stopping,
        };
        self.broker.apply(now, event, effects);
    }

    /// Time passes, with a tick every 100 ms.
    pub(crate) fn pass(&mut self, span: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        for _ in 0..span.as_millis() / 100 {
            self.now = later(self.now, 100);
            effects.extend(self.happen(Happening::Ticked));
        }
        effects
    }

    /// The wall clock jumps; no time passes.
    pub(crate) fn jump(&mut self, by_ms: i64) {
        self.now.wall_ms += by_ms;
    }

    /// Does what the driver would do: saves the tables that the broker wants saved.
    pub(crate) fn save(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        let has_file = |table: &Table| {
            *table != Table::Configuration
                || self.broker.table_path(*table) != root().join("config/broker.conf")
        };
        let tables: Vec<Table> = Table::ALL.into_iter().filter(has_file).collect();
        for table in tables {
            effects.extend(self.happen(Happening::Saved(table, true)));
        }
        effects
    }

    pub(crate) fn look_at_disk(&mut self) {
        self.happen(Happening::LookedAtDisk);
    }

    pub(crate) fn sync(&mut self) -> Vec<Effect> {
        self.happen(Happening::Synced)
    }

    /// Asks, and gives everything the broker wants then.
    pub(crate) fn ask(&mut self, peer: PeerId, command: Command) -> Vec<Effect> {
        self.opaque += 1;
        let command = command.with_opaque(self.opaque);
        self.happen(Happening::Asked(peer, Door::Main, command))
    }

    /// Asks something that is answered at once, or when the tables are saved.
    pub(crate) fn answer(&mut self, peer: PeerId, command: Command) -> Command {
        let mut effects = self.ask(peer, command);
        if !effects.iter().any(|effect| matches!(effect, Effect::Answer { .. })) {
            effects.extend(self.save());
        }
        let opaque = self.opaque;
        let mine = |effect: Effect| match effect {
            Effect::Answer { peer: to, command } if to == peer && command.opaque == opaque => {
                Some(command)
            }
            _ => None,
        };
        let mut answers: Vec<Command> = effects.into_iter().filter_map(mine).collect();
        assert_eq!(1, answers.len(), "one answer: {answers:?}");
        answers.remove(0)
    }

    /// Creates a topic.
    pub(crate) fn topic(&mut self, topic: &str, queues: i32) -> &mut Self {
        let header = request::CreateTopic {
            topic: Text::from(topic),
            read_queues: queues,
            write_queues: queues,
            perm: 6,
            topic_filter_type: Text::from("SINGLE_TAG"),
            ..request::CreateTopic::default()
        };
        let answer = self.answer(OPERATOR, header.command());
        assert_eq!(0, answer.code, "{answer:?}");
        self
    }

    /// Sends a message and gives its queue offset.
    pub(crate) fn send(&mut self, topic: &str, queue_id: i32, body: &str) -> i64 {
        let answer = self.answer(PRODUCER, message(topic, queue_id, body, ""));
        assert_eq!(0, answer.code, "{answer:?}");
        number(&answer, "queueOffset")
    }

    /// What a pull of a group finds in a queue: bodies, and where to go on.
    pub(crate) fn pulled(
        &mut self,
        group: &str,
        topic: &str,
        queue_id: i32,
        from: i64,
    ) -> (Vec<String>, i64) {
        let answer = self.answer(CONSUMER, pull(group, topic, queue_id, from));
        (bodies(&answer), number(&answer, "nextBeginOffset"))
    }

    /// A consumer joins a group.
    pub(crate) fn join(
        &mut self,
        peer: PeerId,
        client: &str,
        group: &str,
        topics: &[&str],
    ) -> Vec<Effect> {
        self.ask(peer, heartbeat(client, group, topics))
    }

    /// The topic as the broker has it.
    pub(crate) fn topic_config(&mut self, topic: &str) -> Option<TopicConfig> {
        let header =
            request::TopicConfig { topic: Text::from(topic), ..request::TopicConfig::default() };
        let answer = self.answer(OPERATOR, header.command());
        (answer.code == 0).then(|| TopicConfig::from_json(&answer.body).unwrap())
    }

    /// A group's offset in a queue.
    pub(crate) fn offset(&mut self, group: &str, topic: &str, queue_id: i32) -> Option<i64> {
        let header = request::QueryConsumerOffset {
            consumer_group: Text::from(group),
            topic: Text::from(topic),
            queue_id,
            ..request::QueryConsumerOffset::default()
        };
        let answer = self.answer(CONSUMER, header.command());
        (answer.code == 0).then(|| number(&answer, "offset"))
    }

    /// Commits a group's offset.
    pub(crate) fn commit(
        &mut self,
        peer: PeerId,
        group: &str,
        topic: &str,
        offset: i64,
    ) -> Command {
        let header = request::UpdateConsumerOffset {
            consumer_group: Text::from(group),
            topic: Text::from(topic),
            queue_id: 0,
            commit_offset: offset,
            ..request::UpdateConsumerOffset::default()
        };
        self.answer(peer, header.command())
    }
}

pub(crate) fn later(now: Now, ms: u64) -> Now {
    let wall_ms = now.wall_ms + i64::try_from(ms).unwrap();
    Now { wall_ms, monotonic: now.monotonic + Duration::from_millis(ms) }
}
