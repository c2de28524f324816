//! Consumers against a real name server and real brokers, in one process and without time.
#![expect(clippy::unwrap_used, reason = "a test ends where it is surprised")]
#![expect(clippy::disallowed_methods, reason = "the world of these tests is made here")]

mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use client::{
    Admin, Balance, ConsumeFrom, Consumed, ConsumerEvent, Filter, LitePullConsumer, Message,
    MessageModel, MessageQueue, Producer, PullConsumer, PullStatus, PushConsumer,
    PushConsumerBuilder, ReceivedMessage,
};
use protocol::properties;
use runtime::Runtime;
use world::{SECOND, World, pass};

const NAME_SERVER: &str = "10.0.0.1:9876";

/// A name server, brokers, and the disks of the brokers.
struct Cluster {
    world: World,
    names: Option<namesrv::Running>,
    brokers: BTreeMap<&'static str, (Runtime, Option<broker::Running>)>,
}

impl Cluster {
    async fn of(brokers: &[&'static str]) -> Self {
        let world = World::new();
        let mut cluster = Self { world, names: None, brokers: BTreeMap::new() };
        cluster.start_names().await;
        for name in brokers {
            let node = cluster.world.node();
            cluster.brokers.insert(name, (node, None));
            cluster.start_broker(name).await;
        }
        pass(SECOND).await;
        cluster
    }

    async fn start_names(&mut self) {
        let mut config = namesrv::Config::default();
        config.bind_address = [10, 0, 0, 1].into();
        let node = self.world.node();
        self.names = Some(namesrv::start(node, config).await.unwrap());
    }

    async fn start_broker(&mut self, name: &'static str) {
        let number = name.bytes().last().unwrap() - b'a' + 1;
        let address = format!("10.0.1.{number}");
        let host = broker::Host { address: address.clone(), ..broker::Host::default() };
        let mut config = broker::Config::on(host);
        for (key, value) in [
            ("brokerName", name),
            ("brokerClusterName", "c"),
            ("namesrvAddr", NAME_SERVER),
            ("bindAddress", &address),
            ("mappedFileSizeCommitLog", "1048576"),
            ("mappedFileSizeConsumeQueue", "60000"),
            ("maxHashSlotNum", "1000"),
            ("maxIndexNum", "4000"),
            ("brokerIP1", &address),
        ] {
            config.set(key, value).unwrap();
        }
        let (node, running) = self.brokers.get_mut(name).unwrap();
        *running = Some(broker::start(node.clone(), config).await.unwrap());
    }

    async fn stop_broker(&mut self, name: &str) {
        let (_, running) = self.brokers.get_mut(name).unwrap();
        running.take().unwrap().stop().await.unwrap();
    }

    async fn topic(&self, topic: &str, queues: i32) {
        let admin = self.admin().await;
        for broker in self.brokers.keys() {
            admin.update_topic(broker, topic, queues).await.unwrap();
        }
        pass(SECOND).await;
    }

    async fn admin(&self) -> Admin {
        Admin::start(self.world.node(), NAME_SERVER).await
    }

    async fn producer(&self) -> Producer {
        let builder = Producer::builder(self.world.node(), "producers").name_servers(NAME_SERVER);
        builder.start().await.unwrap()
    }

    fn consumer(&self, group: &str) -> PushConsumerBuilder {
        PushConsumer::builder(self.world.node(), group)
            .name_servers(NAME_SERVER)
            .consume_from(ConsumeFrom::First)
    }

    async fn send(&self, topic: &str, bodies: std::ops::Range<u32>) {
        let producer = self.producer().await;
        for body in bodies {
            producer.send(&Message::new(topic, body.to_string())).await.unwrap();
        }
        producer.stop().await;
    }
}

/// What listeners got, in order.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<ReceivedMessage>>>);

impl Seen {
    fn push(&self, messages: Vec<ReceivedMessage>) {
        self.0.lock().unwrap().extend(messages);
    }

    fn bodies(&self) -> Vec<u32> {
        let body = |message: &ReceivedMessage| {
            std::str::from_utf8(&message.body).unwrap().parse().unwrap()
        };
        self.0.lock().unwrap().iter().map(body).collect()
    }

    fn sorted(&self) -> Vec<u32> {
        let mut bodies = self.bodies();
        bodies.sort_unstable();
        bodies
    }

    fn all(&self) -> Vec<ReceivedMessage> {
        self.0.lock().unwrap().clone()
    }

    /// A listener that notes what it gets.
    fn taking(
        &self,
    ) -> impl Fn(Vec<ReceivedMessage>) -> std::future::Ready<Consumed> + Send + Sync + 'static {
        let seen = self.clone();
        move |messages| {
            seen.push(messages);
            std::future::ready(Consumed::Success)
        }
    }
}

fn all_of(range: std::ops::Range<u32>) -> Vec<u32> {
    range.collect()
}

#[tokio::test(start_paused = true)]
async fn every_message_of_every_broker_is_consumed_once() {
    let cluster = Cluster::of(&["broker-a", "broker-b"]).await;
    cluster.topic("orders", 4).await;
    cluster.send("orders", 0..100).await;
    let seen = Seen::default();
    let builder = cluster.consumer("billing").subscribe("orders", "*");
    let consumer = builder.concurrent(seen.taking()).start().await.unwrap();
    pass(10 * SECOND).await;
    assert_eq!(seen.sorted(), all_of(0..100));
    assert_eq!(consumer.queues().iter().filter(|q| q.topic == "orders").count(), 8);
    let message = &seen.all()[0];
    assert!(message.broker_name.starts_with("broker-"));
    assert_eq!(message.property(properties::UNIQ_KEY), Some(&message.message_id));

    cluster.send("orders", 100..120).await;
    pass(Duration::from_millis(100)).await;
    assert_eq!(seen.sorted(), all_of(0..120), "a waiting poll is answered by a send");
    consumer.stop().await;
}

#[tokio::test(start_paused = true)]
async fn only_wanted_tags_arrive_and_the_others_are_committed_too() {
    let cluster = Cluster::of(&["broker-a"]).await;
    cluster.topic("orders", 1).await;
    let producer = cluster.producer().await;
    for (body, tag) in ["eu", "us", "cn", "eu", "cn"].iter().enumerate() {
        producer.send(&Message::new("orders", body.to_string()).with_tag(*tag)).await.unwrap();
    }
    let seen = Seen::default();
    let builder = cluster.consumer("billing").subscribe("orders", Filter::tags(["eu", "us"]));
    let consumer = builder.concurrent(seen.taking()).start().await.unwrap();
    pass(30 * SECOND).await;
    assert_eq!(seen.sorted(), [0, 1, 3]);
    let queue = MessageQueue::new("orders", "broker-a", 0);
    let admin = cluster.admin().await;
    assert_eq!(admin.committed("billing", &queue).await.unwrap(), Some(5));
    consumer.stop().await;
}

#[tokio::test(start_paused = true)]
async fn members_share_queues_and_a_leaver_s_queues_are_taken_over() {
    let cluster = Cluster::of(&["broker-a", "broker-b"]).await;
    cluster.topic("orders", 4).await;
    let mut consumers = Vec::new();
    let seen = Seen::default();
    for _ in 0..3 {
        let builder = cluster.consumer("billing").subscribe("orders", "*");
        consumers.push(builder.concurrent(seen.taking()).start().await.unwrap());
    }
    pass(10 * SECOND).await;
    let shares = |consumers: &[PushConsumer]| -> Vec<usize> {
        let mut all = BTreeSet::new();
        let mut counts = Vec::new();
        for consumer in consumers {
            let mine: Vec<_> =
                consumer.queues().into_iter().filter(|q| q.topic == "orders").collect();
            counts.push(mine.len());
            for queue in mine {
                assert!(all.insert(queue.clone()), "{queue} has two readers");
            }
        }
        assert_eq!(all.len(), 8);
        counts.sort_unstable();
        counts
    };
    assert_eq!(shares(&consumers), [2, 3, 3]);
    cluster.send("orders", 0..50).await;
    pass(SECOND).await;
    consumers.pop().unwrap().stop().await;
    pass(5 * SECOND).await;
    assert_eq!(shares(&consumers), [4, 4]);
    cluster.send("orders", 50..80).await;
    pass(SECOND).await;
    assert_eq!(seen.sorted(), all_of(0..80), "nothing twice and nothing lost by leaving politely");
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_stopped_goes_on_where_it_was() {
    let cluster = Cluster::of(&["broker-a"]).await;
    cluster.topic("orders", 2).await;
    let seen = Seen::default();
    for round in 0..3 {
        cluster.send("orders", round * 10..round * 10 + 10).await;
        let builder = cluster.consumer("billing").subscribe("orders", "*");
        let consumer = builder.concurrent(seen.taking()).start().await.unwrap();
        pass(5 * SECOND).await;
        consumer.stop().await;
    }
    assert_eq!(seen.sorted(), all_of(0..30));
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_crashed_repeats_and_never_skips() {
    let cluster = Cluster::of(&["broker-a"]).await;
    cluster.topic("orders", 1).await;
    cluster.send("orders", 0..10).await;
    let seen = Seen::default();
    let stuck = seen.clone();
    let builder = cluster.consumer("billing").subscribe("orders", "*");
    // The third message is never done with; those behind it are.
    let consumer = builder
        .concurrent(move |messages: Vec<ReceivedMessage>| {
            stuck.push(messages.clone());
            async move {
                if messages[0].body == "2" {
                    std::future::pending::<()>().await;
                }
                Consumed::Success
            }
        })
        .start()
        .await
        .unwrap();
    pass(20 * SECOND).await;
    assert_eq!(seen.sorted(), all_of(0..10));
    let queue = MessageQueue::new("orders", "broker-a", 0);
    let admin = cluster.admin().await;
    assert_eq!(admin.committed("billing", &queue).await.unwrap(), Some(2));
    drop(consumer);
    pass(SECOND).await;

    let again = Seen::default();
    let builder = cluster.consumer("billing").subscribe("orders", "*");
    let consumer = builder.concurrent(again.taking()).start().await.unwrap();
    pass(130 * SECOND).await;
    assert_eq!(again.sorted(), all_of(2..10));
    consumer.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_fails_comes_again_later_and_then_is_a_dead_letter() {
    let cluster = Cluster::of(&["broker-a"]).await;
    cluster.topic("orders", 1).await;
    cluster.send("orders", 0..2).await;
    let seen = Seen::default();
    let failing = seen.clone();
    let builder = cluster.consumer("billing").subscribe("orders", "*").max_reconsume_times(2);
    let consumer = builder
        .concurrent(move |messages: Vec<ReceivedMessage>| {
            let fails = messages[0].body == "1";
            failing.push(messages);
            std::future::ready(if fails { Consumed::Later } else { Consumed::Success })
        })
        .start()
        .await
        .unwrap();
    pass(180 * SECOND).await;
    let failed: Vec<ReceivedMessage> =
        seen.all().into_iter().filter(|message| message.body == "1").collect();
    let times: Vec<i32> = failed.iter().map(|message| message.reconsume_times).collect();
    assert_eq!(times, [0, 1, 2]);
    assert!(failed.iter().all(|message| message.topic == "orders"));
    assert!(failed.iter().all(|message| message.message_id == failed[0].message_id));
    assert_eq!(failed[1].queue_topic, "%RETRY%billing");
    let dead = MessageQueue::new("%DLQ%billing", "broker-a", 0);
    let stretch = cluster.admin().await.read_queue(&dead, 0, 10).await.unwrap();
    assert_eq!(stretch.messages.len(), 1);
    assert_eq!(stretch.messages[0].body, "1");
    consumer.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_broker_is_gone_is_sent_back_to_another() {
    let mut cluster = Cluster::of(&["broker-a", "broker-b"]).await;
    cluster.topic("orders", 1).await;
    let seen = Seen::default();
    let (go, gone) = tokio::sync::watch::channel(false);
    let slow = seen.clone();
    let builder = cluster.consumer("billing").subscribe("orders", "*");
    let consumer = builder
        .concurrent(move |messages: Vec<ReceivedMessage>| {
            let first = messages[0].reconsume_times == 0;
            slow.push(messages);
            let mut gone = gone.clone();
            async move {
                if first {
                    gone.wait_for(|gone| *gone).await.unwrap();
                    return Consumed::Later;
                }
                Consumed::Success
            }
        })
        .start()
        .await
        .unwrap();
    let producer = cluster.producer().await;
    let queue = MessageQueue::new("orders", "broker-a", 0);
    producer.send_to(&Message::new("orders", "7"), &queue).await.unwrap();
    pass(5 * SECOND).await;
    assert_eq!(seen.bodies(), [7]);
    cluster.stop_broker("broker-a").await;
    go.send_replace(true);
    pass(100 * SECOND).await;
    assert_eq!(seen.bodies(), [7, 7]);
    let again = &seen.all()[1];
    assert_eq!(again.broker_name, "broker-b");
    assert_eq!((again.topic.as_str(), again.reconsume_times), ("orders", 1));
    consumer.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_orderly_listener_sees_every_queue_in_order_whoever_has_it_when() {
    let cluster = Cluster::of(&["broker-a"]).await;
    cluster.topic("orders", 4).await;
    let seen = Seen::default();
    let busy: Arc<Mutex<BTreeSet<i32>>> = Arc::default();
    let start = || {
        let (seen, busy) = (seen.clone(), busy.clone());
        let builder = cluster.consumer("billing").subscribe("orders", "*");
        builder
            .orderly(move |messages: Vec<ReceivedMessage>| {
                let (seen, busy) = (seen.clone(), busy.clone());
                async move {
                    let queue = messages[0].queue_id;
                    assert!(busy.lock().unwrap().insert(queue), "queue {queue} has two listeners");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    seen.push(messages);
                    busy.lock().unwrap().remove(&queue);
                    Consumed::Success
                }
            })
            .start()
    };
    let first = start().await.unwrap();
    let producer = cluster.producer().await;
    let sending = tokio::spawn(async move {
        for body in 0..400_u32 {
            let key = (body % 8).to_string();
            let message = Message::new("orders", body.to_string());
            producer.send_by_key(&message, &key).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    pass(5 * SECOND).await;
    let second = start().await.unwrap();
    pass(5 * SECOND).await;
    first.stop().await;
    sending.await.unwrap();
    pass(90 * SECOND).await;
    assert_eq!(seen.sorted(), all_of(0..400), "all of them, and moving queues repeated none");
    let mut last = [-1; 4];
    for message in seen.all() {
        let queue = usize::try_from(message.queue_id).unwrap();
        assert!(last[queue] < message.queue_offset, "queue {queue} went back");
        last[queue] = message.queue_offset;
    }
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_orderly_message_that_fails_blocks_its_queue_until_it_succeeds_or_is_dead() {
    let cluster = Cluster::of(&["broker-a"]).await;
    cluster.topic("orders", 1).await;
    cluster.send("orders", 0..3).await;
    let seen = Seen::default();
    let failing = seen.clone();
    let builder = cluster.consumer("billing").subscribe("orders", "*").max_reconsume_times(2);
    let consumer = builder
        .orderly(move |messages: Vec<ReceivedMessage>| {
            let fails = messages[0].body == "1";
            failing.push(messages);
            std::future::ready(if fails { Consumed::Later } else { Consumed::Success })
        })
        .start()
        .await
        .unwrap();
    pass(30 * SECOND).await;
    assert_eq!(seen.bodies(), [0, 1, 1, 1, 2]);
    let dead = MessageQueue::new("%DLQ%billing", "broker-a", 0);
    let stretch = cluster.admin().await.read_queue(&dead, 0, 10).await.unwrap();
    assert_eq!(stretch.messages.len(), 1);
    consumer.stop().await;
}

#[tokio::test(start_paused = true)]
async fn every_member_gets_everything_by_broadcast_and_remembers_on_its_own_disk() {
    let cluster = Cluster::of(&["broker-a"]).await;
    cluster.topic("orders", 2).await;
    cluster.send("orders", 0..10).await;
    let node = cluster.world.node();
    let start = |node: Runtime, name: &'static str, seen: &Seen| {
        PushConsumer::builder(node, "billing")
            .name_servers(NAME_SERVER)
            .consume_from(ConsumeFrom::First)
            .message_model(MessageModel::Broadcasting)
            .instance_name(name)
            .subscribe("orders", "*")
            .concurrent(seen.taking())
            .start()
    };
    let (one, two) = (Seen::default(), Seen::default());
    let first = start(node.clone(), "one", &one).await.unwrap();
    let second = start(cluster.world.node(), "two", &two).await.unwrap();
    pass(10 * SECOND).await;
    assert_eq!((one.sorted(), two.sorted()), (all_of(0..10), all_of(0..10)));
    first.stop().await;
    cluster.send("orders", 10..15).await;
    let first = start(node, "one", &one).await.unwrap();
    pass(10 * SECOND).await;
    assert_eq!((one.sorted(), two.sorted()), (all_of(0..15), all_of(0..15)));
    first.stop().await;
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn consuming_survives_the_restart_of_everything() {
    let mut cluster = Cluster::of(&["broker-a", "broker-b"]).await;
    cluster.topic("orders", 2).await;
    let seen = Seen::default();
    let builder = cluster.consumer("billing").subscribe("orders", "*");
    let consumer = builder.concurrent(seen.taking()).start().await.unwrap();
    cluster.send("orders", 0..20).await;
    pass(10 * SECOND).await;
    cluster.names.take().unwrap().stop().await;
    cluster.stop_broker("broker-a").await;
    cluster.stop_broker("broker-b").await;
    let attempts = cluster.world.attempts();
    pass(300 * SECOND).await;
    let idle = cluster.world.attempts() - attempts;
    assert!(idle < 2000, "{idle} attempts in five minutes");
    cluster.start_names().await;
    cluster.start_broker("broker-a").await;
    cluster.start_broker("broker-b").await;
    pass(60 * SECOND).await;
    cluster.send("orders", 20..40).await;
    pass(30 * SECOND).await;
    let distinct: BTreeSet<u32> = seen.bodies().into_iter().collect();
    assert_eq!(distinct.into_iter().collect::<Vec<_>>(), all_of(0..40));
    consumer.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_listener_does_not_see_is_told() {
    let cluster = Cluster::of(&["broker-a"]).await;
    cluster.topic("orders", 1).await;
    cluster.send("orders", 0..5).await;
    let events: Arc<Mutex<Vec<ConsumerEvent>>> = Arc::default();
    let told = events.clone();
    let seen = Seen::default();
    let consumer = cluster
        .consumer("billing")
        .subscribe("orders", "*")
        .balance(Balance::consistent_hash())
        .on_event(move |event| told.lock().unwrap().push(event.clone()))
        .concurrent(seen.taking())
        .start()
        .await
        .unwrap();
    pass(20 * SECOND).await;
    consumer.stop().await;
    let queue = MessageQueue::new("orders", "broker-a", 0);
    let events = events.lock().unwrap();
    let has = |wanted: ConsumerEvent| assert!(events.contains(&wanted), "{wanted:?}");
    has(ConsumerEvent::Balanced { topic: "orders".into(), queues: vec![queue.clone()] });
    has(ConsumerEvent::Began { queue: queue.clone(), offset: 0 });
    has(ConsumerEvent::Committing { queue: queue.clone(), offset: 5 });
    has(ConsumerEvent::Committed { queue: queue.clone(), offset: 5 });
    let status = PullStatus::Found;
    has(ConsumerEvent::Pulled { queue, from: 0, status, next: 5, messages: 5 });
}

#[tokio::test(start_paused = true)]
async fn pulling_by_hand_reads_commits_and_searches() {
    let cluster = Cluster::of(&["broker-a"]).await;
    cluster.topic("orders", 1).await;
    let began = runtime::Clock::wall_ms(&*cluster.world.node().clock);
    cluster.send("orders", 0..10).await;
    let builder = PullConsumer::builder(cluster.world.node(), "audit").name_servers(NAME_SERVER);
    let consumer = builder.start().await.unwrap();
    let queues = consumer.queues("orders").await.unwrap();
    let queue = &queues[0];
    assert_eq!(consumer.committed(queue).await.unwrap(), None);
    let (min, max) = (consumer.min_offset(queue).await, consumer.max_offset(queue).await);
    assert_eq!((min.unwrap(), max.unwrap()), (0, 10));
    let pulled = consumer.pull(queue, &Filter::all(), 4, 3).await.unwrap();
    assert_eq!((pulled.status, pulled.next_offset), (PullStatus::Found, 7));
    let offsets: Vec<i64> = pulled.messages.iter().map(|message| message.queue_offset).collect();
    assert_eq!(offsets, [4, 5, 6]);
    let end = consumer.pull(queue, &Filter::all(), 10, 3).await.unwrap();
    assert_eq!(end.status, PullStatus::NoNewMessage);
    let beyond = consumer.pull(queue, &Filter::all(), 99, 3).await.unwrap();
    assert_eq!((beyond.status, beyond.next_offset), (PullStatus::OffsetMoved, 10));
    consumer.commit(queue, 7).await.unwrap();
    assert_eq!(consumer.committed(queue).await.unwrap(), Some(7));
    let found = consumer.search_offset(queue, began - 1000, client::Boundary::Lower).await;
    assert_eq!(found.unwrap(), 0);
    consumer.stop().await;
}

#[tokio::test(start_paused = true)]
async fn lite_pull_gives_commits_and_seeks() {
    let cluster = Cluster::of(&["broker-a"]).await;
    cluster.topic("orders", 1).await;
    cluster.send("orders", 0..25).await;
    let start = || {
        LitePullConsumer::builder(cluster.world.node(), "reports")
            .name_servers(NAME_SERVER)
            .consume_from(ConsumeFrom::First)
            .subscribe("orders", "*")
            .start()
    };
    let consumer = start().await.unwrap();
    let offsets = |messages: Vec<ReceivedMessage>| -> Vec<i64> {
        messages.iter().map(|message| message.queue_offset).collect()
    };
    let first = offsets(consumer.poll(10 * SECOND).await);
    assert_eq!(first, (0..10).collect::<Vec<_>>());
    let queue = MessageQueue::new("orders", "broker-a", 0);
    pass(10 * SECOND).await;
    assert_eq!(consumer.committed(&queue).await.unwrap(), Some(0), "not yet asked beyond");
    let second = offsets(consumer.poll(10 * SECOND).await);
    assert_eq!(second, (10..20).collect::<Vec<_>>());
    pass(10 * SECOND).await;
    assert_eq!(consumer.committed(&queue).await.unwrap(), Some(10));
    consumer.commit().await.unwrap();
    assert_eq!(consumer.committed(&queue).await.unwrap(), Some(20));
    consumer.seek(&queue, 3).unwrap();
    pass(SECOND).await;
    assert_eq!(offsets(consumer.poll(10 * SECOND).await)[0], 3);
    consumer.seek_to_end(&queue).await.unwrap();
    assert_eq!(consumer.poll(10 * SECOND).await, []);
    consumer.seek_to_begin(&queue).await.unwrap();
    pass(SECOND).await;
    assert_eq!(offsets(consumer.poll(10 * SECOND).await)[0], 0);
    consumer.stop().await;

    let by_hand = LitePullConsumer::builder(cluster.world.node(), "other")
        .name_servers(NAME_SERVER)
        .consume_from(ConsumeFrom::First)
        .start()
        .await
        .unwrap();
    by_hand.assign([queue.clone()]);
    assert_eq!(by_hand.poll(10 * SECOND).await.len(), 10);
    assert_eq!(by_hand.assignment(), std::slice::from_ref(&queue));
    by_hand.assign([]);
    pass(2 * SECOND).await;
    assert_eq!(by_hand.assignment(), []);
    assert!(by_hand.seek(&queue, 0).is_err());
    by_hand.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_operator_moves_a_running_group() {
    let cluster = Cluster::of(&["broker-a"]).await;
    cluster.topic("orders", 1).await;
    cluster.send("orders", 0..10).await;
    let seen = Seen::default();
    let builder = cluster.consumer("billing").subscribe("orders", "*");
    let consumer = builder.concurrent(seen.taking()).start().await.unwrap();
    pass(10 * SECOND).await;
    assert_eq!(seen.sorted(), all_of(0..10));
    let admin = cluster.admin().await;
    admin.reset_offset("broker-a", ("billing", "orders"), 0, true).await.unwrap();
    pass(20 * SECOND).await;
    let mut twice = all_of(0..10);
    twice.extend(0..10);
    twice.sort_unstable();
    assert_eq!(seen.sorted(), twice);
    consumer.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_consumer_without_a_listener_or_with_wrong_names_does_not_start() {
    let world = World::new();
    let builder = |group: &str| PushConsumer::builder(world.node(), group);
    let no_listener = builder("g").subscribe("t", "*").start().await.unwrap_err().to_string();
    assert!(no_listener.contains("listener"), "{no_listener}");
    let seen = Seen::default();
    assert!(builder("a b").concurrent(seen.taking()).start().await.is_err());
    let topic = builder("g").subscribe("a b", "*").concurrent(seen.taking()).start().await;
    assert!(topic.unwrap_err().to_string().contains("a b"));
}
