//! Sends and what becomes of them when brokers refuse, hang, stay silent or are not there.
#![expect(clippy::unwrap_used, reason = "a test ends where it is surprised")]
#![expect(clippy::disallowed_methods, reason = "the world of these tests is made here")]

mod world;

use std::{sync::Arc, time::Duration};

use client::{
    AttemptFailure, CallFailure, IllegalMessage, Message, MessageQueue, Producer, ProducerBuilder,
    SendError, SendStatus,
};
use protocol::{
    RequestCode, ResponseCode, Text, batch, compress, properties, properties::Properties, request,
};
use tokio::time::Instant;
use world::{
    SECOND, Serving, World,
    fakes::{FakeBroker, FakeNameServer, Say},
    pass,
};

const NAME_SERVER: &str = "10.0.0.1:9876";
const ADDRESSES: [&str; 3] = ["10.0.1.1:10911", "10.0.1.2:10911", "10.0.1.3:10911"];

/// A name server and brokers `a`, `b`, .. that follow their scripts.
struct Stage {
    world: World,
    brokers: Vec<Arc<FakeBroker>>,
    doors: Vec<Serving>,
    names: Arc<FakeNameServer>,
}

impl Stage {
    async fn with(scripts: &[&[Say]]) -> Self {
        let world = World::new();
        let mut brokers = Vec::new();
        let mut doors = Vec::new();
        let mut routes = Vec::new();
        for ((script, address), name) in scripts.iter().zip(ADDRESSES).zip(["a", "b", "c"]) {
            let broker = FakeBroker::saying(script.iter().cloned());
            doors.push(world.serve(address, broker.clone()).await);
            brokers.push(broker);
            routes.push(format!("{name}={address}"));
        }
        let routes: Vec<&str> = routes.iter().map(String::as_str).collect();
        let names = FakeNameServer::with(&routes);
        doors.push(world.serve(NAME_SERVER, names.clone()).await);
        Self { world, brokers, doors, names }
    }

    fn builder(&self) -> ProducerBuilder {
        Producer::builder(self.world.node(), "payments").name_servers(NAME_SERVER)
    }

    async fn producer(&self) -> Producer {
        self.builder().start().await.unwrap()
    }

    /// How many sends each broker got.
    fn sends(&self) -> Vec<usize> {
        self.brokers.iter().map(|broker| broker.sends().len()).collect()
    }
}

fn message() -> Message {
    Message::new("orders", "paid")
}

#[tokio::test(start_paused = true)]
async fn a_stored_message_comes_back_with_its_place() {
    let stage = Stage::with(&[&[]]).await;
    let producer = stage.producer().await;

    let sent = producer.send(&message().with_tag("eu").with_keys(["k1", "k2"])).await.unwrap();

    assert_eq!(sent.status, SendStatus::SendOk);
    assert_eq!(sent.queue, MessageQueue::new("orders", "a", 1));
    assert_eq!((sent.queue_offset, sent.offset_message_id.as_str()), (7, "0A"));
    assert_eq!((sent.attempts, sent.maybe_duplicated), (1, false));
    let command = &stage.brokers[0].sends()[0];
    let header = request::Send::decode(command).unwrap();
    assert_eq!(header.producer_group, "payments");
    assert_eq!((header.default_topic.as_str(), header.default_topic_queues), ("TBW102", 4));
    let properties = Properties::parse(&header.properties.unwrap());
    assert_eq!(properties.get(properties::KEYS).unwrap(), "k1 k2");
    assert_eq!(properties.get(properties::WAIT).unwrap(), "true");
    assert_eq!(properties.get(properties::UNIQ_KEY), Some(&sent.message_id));
    assert_eq!(command.body, "paid");
}

#[tokio::test(start_paused = true)]
async fn queues_take_turns_over_all_brokers() {
    let stage = Stage::with(&[&[], &[]]).await;
    let producer = stage.producer().await;
    for _ in 0..8 {
        producer.send(&message()).await.unwrap();
    }
    assert_eq!(stage.sends(), [4, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_another_broker_may_not_repeat_is_retried_elsewhere() {
    let retried = [
        ResponseCode::TOPIC_NOT_EXIST,
        ResponseCode::SERVICE_NOT_AVAILABLE,
        ResponseCode::SYSTEM_ERROR,
        ResponseCode::SYSTEM_BUSY,
        ResponseCode::NO_PERMISSION,
    ];
    for code in retried {
        let no = vec![Say::No(code); 3];
        let stage = Stage::with(&[&no, &no]).await;
        let error = stage.producer().await.send(&message()).await.unwrap_err();
        assert!(!error.is_unknown());
        let brokers: Vec<Text> =
            error.attempts().iter().map(|each| each.queue.broker_name.clone()).collect();
        assert_eq!(brokers.len(), 3);
        assert!(brokers.windows(2).all(|pair| pair[0] != pair[1]), "{brokers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_good_is_not_retried() {
    let stage = Stage::with(&[&[Say::No(ResponseCode::MESSAGE_ILLEGAL)], &[]]).await;
    let producer = stage.producer().await;
    let queue = MessageQueue::new("orders", "a", 0);
    // Whichever broker is first, none of them gets the message twice.
    for _ in 0..4 {
        if let Err(error) = producer.send(&message()).await {
            assert_eq!(error.attempts().len(), 1);
            let refused = AttemptFailure::Refused {
                code: ResponseCode::MESSAGE_ILLEGAL,
                remark: Text::from("no"),
            };
            assert_eq!(error.attempts()[0].failure, refused);
        }
    }
    assert_eq!(stage.sends(), [2, 2]);
    assert!(producer.send_to(&message(), &queue).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn every_attempt_sends_the_same_bytes_and_the_same_id() {
    let no = Say::No(ResponseCode::SYSTEM_BUSY);
    let stage = Stage::with(&[std::slice::from_ref(&no); 2]).await;
    let big = Message::new("orders", vec![b'x'; 10_000]);

    let sent = stage.producer().await.send(&big).await.unwrap();

    assert_eq!(sent.attempts, 3);
    assert!(!sent.maybe_duplicated);
    let sends: Vec<_> = stage.brokers.iter().flat_map(|broker| broker.sends()).collect();
    assert_eq!(sends.len(), 3);
    for send in &sends {
        let header = request::Send::decode(send).unwrap();
        let properties = Properties::parse(&header.properties.unwrap());
        assert_eq!(properties.get(properties::UNIQ_KEY), Some(&sent.message_id));
        let body = compress::plain_body(header.sys_flag, send.body.clone(), 1 << 20).unwrap();
        assert!(send.body.len() < 1000);
        assert_eq!(body, big.body());
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_not_there_is_passed_over_and_nothing_is_doubtful() {
    let stage = Stage::with(&[&[], &[]]).await;
    stage.doors[0].stop();
    pass(SECOND).await;
    let producer = stage.producer().await;
    for _ in 0..6 {
        let sent = producer.send(&message()).await.unwrap();
        assert_eq!(sent.queue.broker_name, "b");
        assert!(!sent.maybe_duplicated);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_broker_takes_the_whole_time_and_leaves_the_outcome_unknown() {
    let stage = Stage::with(&[&[Say::Nothing], &[Say::Nothing]]).await;
    let producer = stage.producer().await;
    let began = Instant::now();

    let error = producer.send(&message()).await.unwrap_err();

    assert!(error.is_unknown());
    assert_eq!(error.attempts().len(), 1);
    assert!(matches!(
        error.attempts()[0].failure,
        AttemptFailure::Call(CallFailure::TimedOut { .. })
    ));
    let took = began.elapsed();
    assert!((3 * SECOND..4 * SECOND).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_time_for_each_attempt_leaves_time_for_another_and_the_success_is_doubtful() {
    let stage = Stage::with(&[&[Say::Nothing], &[Say::Nothing], &[Say::Nothing]]).await;
    let producer = stage.builder().attempt_timeout(SECOND).start().await.unwrap();
    let began = Instant::now();

    let error = producer.send(&message()).await.unwrap_err();
    assert!(error.is_unknown());
    assert_eq!(error.attempts().len(), 3);
    assert!(began.elapsed() <= 3 * SECOND + Duration::from_millis(10));

    let sent = producer.send(&message()).await.unwrap();
    assert!(!sent.maybe_duplicated);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_dies_before_the_answer_leaves_doubt_even_when_a_retry_succeeds() {
    let stage = Stage::with(&[&[Say::Hang], &[Say::Hang]]).await;
    let sent = stage.producer().await.send(&message()).await.unwrap();
    assert_eq!(sent.attempts, 3);
    assert!(sent.maybe_duplicated);
}

#[tokio::test(start_paused = true)]
async fn a_lost_network_is_a_definite_failure_when_nothing_was_connected() {
    let stage = Stage::with(&[&[], &[]]).await;
    for address in ADDRESSES {
        stage.world.lose(address);
    }
    let error = stage.producer().await.send(&message()).await.unwrap_err();
    assert!(!error.is_unknown(), "{error}");
    assert_eq!(stage.sends(), [0, 0]);
}

#[tokio::test(start_paused = true)]
async fn less_safety_than_asked_is_told_and_retried_only_if_that_is_wanted() {
    let less = Say::Less(ResponseCode::FLUSH_DISK_TIMEOUT);
    let stage = Stage::with(&[std::slice::from_ref(&less); 2]).await;
    let sent = stage.producer().await.send(&message()).await.unwrap();
    assert_eq!((sent.status, sent.attempts), (SendStatus::FlushDiskTimeout, 1));

    let stage = Stage::with(&[std::slice::from_ref(&less); 2]).await;
    let producer = stage.builder().retry_when_not_safe(true).start().await.unwrap();
    let sent = producer.send(&message()).await.unwrap();
    assert_eq!((sent.status, sent.attempts), (SendStatus::SendOk, 3));
    assert!(sent.maybe_duplicated);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_failed_is_avoided_for_a_while_if_that_is_wanted() {
    let no = vec![Say::No(ResponseCode::SYSTEM_BUSY); 1];
    let stage = Stage::with(&[&no, &[]]).await;
    let producer = stage.builder().send_latency_fault_enable(true).start().await.unwrap();
    for _ in 0..10 {
        producer.send(&message()).await.unwrap();
    }
    assert_eq!(stage.sends()[0], 1, "asked once and then left alone");
    pass(10 * SECOND).await;
    for _ in 0..10 {
        producer.send(&message()).await.unwrap();
    }
    assert!(4 < stage.sends()[0], "asked again afterwards");
}

#[tokio::test(start_paused = true)]
async fn a_key_always_means_the_same_queue_and_is_never_moved() {
    let no = vec![Say::No(ResponseCode::SYSTEM_BUSY); 9];
    let stage = Stage::with(&[&[], &no]).await;
    let producer = stage.producer().await;
    let queues = producer.queues("orders").await.unwrap();
    assert_eq!(queues.len(), 4);
    for key in ["a", "b", "c", "d"] {
        let hash = usize::try_from(properties::java_hash(key)).unwrap();
        let wanted = &queues[hash % 4];
        match producer.send_by_key(&message(), key).await {
            Ok(sent) => assert_eq!(sent.queue.broker_name, wanted.broker_name),
            Err(error) => {
                assert_eq!(error.attempts().len(), 1);
                assert_eq!(error.attempts()[0].queue, *wanted);
            }
        }
    }
    let chosen = producer.send_chosen(&message(), |queues| queues.first().cloned()).await.unwrap();
    assert_eq!(chosen.queue.broker_name, "a");
    let none = producer.send_chosen(&message(), |_| None).await.unwrap_err();
    assert!(matches!(none, SendError::NoQueue { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_one_request_with_an_id_for_every_message() {
    let stage = Stage::with(&[&[]]).await;
    let producer = stage.producer().await;
    let messages = [message().with_tag("1"), message().with_tag("2")];

    let sent = producer.send_batch(&messages).await.unwrap();

    let command = &stage.brokers[0].sends()[0];
    assert_eq!(command.code, i32::from(RequestCode::SEND_BATCH_MESSAGE));
    assert!(request::Send::decode(command).unwrap().is_batch());
    let ids: Vec<Text> = batch::decode(command.body.clone())
        .unwrap()
        .iter()
        .map(|item| Properties::parse(&item.properties).get(properties::UNIQ_KEY).unwrap().clone())
        .collect();
    assert_eq!(sent.message_id, ids.join(","));

    let mixed = [message(), Message::new("other", "x")];
    let delayed = [message(), message().with_delay_level(3)];
    for wrong in [&[][..], &mixed[..], &delayed[..]] {
        let refused = producer.send_batch(wrong).await.unwrap_err();
        assert!(matches!(refused, SendError::Illegal(IllegalMessage::Batch { .. })), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_oneway_send_is_not_waited_for() {
    let stage = Stage::with(&[&[Say::Nothing]]).await;
    let producer = stage.producer().await;
    let began = Instant::now();
    producer.send_oneway(&message()).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    pass(SECOND).await;
    assert!(stage.brokers[0].sends()[0].is_oneway());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_is_refused_before_anything_is_sent() {
    let stage = Stage::with(&[&[]]).await;
    let producer = stage.producer().await;
    let refused = [
        Message::new("", "x"),
        Message::new("a b", "x"),
        Message::new("a".repeat(128), "x"),
        Message::new("SCHEDULE_TOPIC_XXXX", "x"),
        Message::new("orders", ""),
        Message::new("orders", vec![0; 4 * 1024 * 1024 + 1]),
        message().with_property("a\u{1}b", "c"),
        message().with_property("a", ""),
        message().with_property("a", "x".repeat(40_000)),
    ];
    for message in refused {
        let error = producer.send(&message).await.unwrap_err();
        assert!(matches!(error, SendError::Illegal(_)), "{error}");
        assert!(!error.to_string().is_empty());
    }
    assert_eq!(stage.sends(), [0]);
    assert!(Producer::builder(stage.world.node(), "a b").start().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_missing_topic_is_sent_to_where_brokers_create_topics() {
    let stage = Stage::with(&[&[]]).await;
    stage.names.know(&[]);
    let producer = stage.builder().send_timeout(10 * SECOND).start().await.unwrap();
    let error = producer.send(&message()).await.unwrap_err();
    assert!(matches!(error, SendError::Route(_)), "{error}");
    assert_eq!(stage.names.asked(), ["orders", "TBW102"]);
}

#[tokio::test(start_paused = true)]
async fn a_changed_route_is_learned_without_a_failure() {
    let stage = Stage::with(&[&[], &[]]).await;
    stage.names.know(&["a=10.0.1.1:10911"]);
    let producer = stage.producer().await;
    assert_eq!(producer.send(&message()).await.unwrap().queue.broker_name, "a");
    stage.names.know(&["b=10.0.1.2:10911"]);
    pass(31 * SECOND).await;
    assert_eq!(producer.send(&message()).await.unwrap().queue.broker_name, "b");
    assert_eq!(stage.sends(), [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_send_makes_the_route_be_asked_for_at_once() {
    let stage = Stage::with(&[&[], &[]]).await;
    stage.names.know(&["a=10.0.1.1:10911"]);
    let producer = stage.producer().await;
    producer.send(&message()).await.unwrap();
    stage.doors[0].stop();
    stage.names.know(&["b=10.0.1.2:10911"]);
    pass(Duration::from_millis(1)).await;
    assert!(producer.send(&message()).await.is_err());
    pass(2 * SECOND).await;
    assert_eq!(producer.send(&message()).await.unwrap().queue.broker_name, "b");
}

#[tokio::test(start_paused = true)]
async fn brokers_hear_a_heartbeat_at_once_and_every_thirty_seconds_and_a_goodbye() {
    let stage = Stage::with(&[&[]]).await;
    let producer = stage.producer().await;
    producer.send(&message()).await.unwrap();
    let began = Instant::now();
    pass(95 * SECOND).await;
    let beats = stage.brokers[0].heard(RequestCode::HEART_BEAT);
    let at: Vec<u64> = beats.iter().map(|beat| (*beat - began).as_secs()).collect();
    assert_eq!(at, [0, 30, 60, 90]);
    producer.stop().await;
    assert_eq!(stage.brokers[0].heard(RequestCode::UNREGISTER_CLIENT).len(), 1);
    pass(100 * SECOND).await;
    assert_eq!(stage.brokers[0].heard(RequestCode::HEART_BEAT).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_producer_falls_silent() {
    let stage = Stage::with(&[&[]]).await;
    let producer = stage.producer().await;
    producer.send(&message()).await.unwrap();
    let clone = producer.clone();
    drop(producer);
    clone.send(&message()).await.unwrap();
    drop(clone);
    pass(SECOND).await;
    let attempts = stage.world.attempts();
    pass(1000 * SECOND).await;
    assert_eq!(stage.world.attempts(), attempts);
    assert_eq!(stage.brokers[0].heard(RequestCode::HEART_BEAT).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_spins_when_everything_is_down() {
    let stage = Stage::with(&[&[], &[]]).await;
    let producer = stage.producer().await;
    producer.send(&message()).await.unwrap();
    for door in &stage.doors {
        door.stop();
    }
    pass(SECOND).await;
    let attempts = stage.world.attempts();
    pass(600 * SECOND).await;
    let idle = stage.world.attempts() - attempts;
    assert!(idle < 200, "{idle} attempts in ten minutes without a send");
    assert!(producer.send(&message()).await.is_err());
}
