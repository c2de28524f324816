//! Name servers that come and go.
#![expect(clippy::unwrap_used, reason = "a test ends where it is surprised")]
#![expect(clippy::disallowed_methods, reason = "the world of these tests is made here")]

mod world;

use std::sync::Arc;

use client::{Message, NameServers, NameServersDown, Producer, RouteError, SendError};
use runtime::Runtime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use world::{
    SECOND, World,
    fakes::{FakeBroker, FakeNameServer},
    pass,
};

const FIRST: &str = "10.0.0.1:9876";
const SECOND_ONE: &str = "10.0.0.2:9876";
const BROKER: &str = "10.0.1.1:10911";

fn message() -> Message {
    Message::new("orders", "paid")
}

async fn broker(world: &World) -> Arc<FakeBroker> {
    let broker = FakeBroker::saying([]);
    // Never stopped: the sender of its stop lives as long as the test.
    std::mem::forget(world.serve(BROKER, broker.clone()).await);
    broker
}

fn knowing() -> Arc<FakeNameServer> {
    FakeNameServer::with(&[&format!("a={BROKER}")])
}

async fn producer(runtime: Runtime, servers: impl Into<NameServers>) -> Producer {
    Producer::builder(runtime, "g").name_servers(servers).start().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_next_name_server_is_asked_when_one_does_not_answer_and_kept() {
    let world = World::new();
    let broker = broker(&world).await;
    let other = knowing();
    let door = world.serve(SECOND_ONE, other.clone()).await;
    let producer = producer(world.node(), "10.0.0.1:9876;10.0.0.2:9876").await;

    producer.send(&message()).await.unwrap();
    assert_eq!(other.asked().len(), 1);
    let back = knowing();
    let back_door = world.serve(FIRST, back.clone()).await;
    pass(100 * SECOND).await;

    assert_eq!(back.asked().len(), 0, "the one that answers is kept");
    assert!(3 <= other.asked().len());
    door.stop();
    pass(31 * SECOND).await;
    assert_eq!(back.asked().len(), 1);
    assert_eq!(broker.sends().len(), 1);
    drop(back_door);
}

#[tokio::test(start_paused = true)]
async fn sending_goes_on_when_every_name_server_is_gone_and_changes_are_learned_when_one_returns() {
    let world = World::new();
    let a = broker(&world).await;
    let names = knowing();
    let door = world.serve(FIRST, names.clone()).await;
    let producer = producer(world.node(), FIRST).await;
    producer.send(&message()).await.unwrap();

    door.stop();
    for _ in 0..10 {
        pass(60 * SECOND).await;
        producer.send(&message()).await.unwrap();
    }
    assert_eq!(a.sends().len(), 11);
    let unknown = producer.send(&Message::new("unseen", "x")).await.unwrap_err();
    let SendError::Route(RouteError::NameServers(NameServersDown::NoneAnswered { tried })) =
        &unknown
    else {
        panic!("{unknown}")
    };
    assert!(tried.contains(FIRST), "{tried}");

    let b = FakeBroker::saying([]);
    let b_door = world.serve("10.0.1.2:10911", b.clone()).await;
    let returned = FakeNameServer::with(&["b=10.0.1.2:10911"]);
    let returned_door = world.serve(FIRST, returned).await;
    pass(62 * SECOND).await;
    assert_eq!(producer.send(&message()).await.unwrap().queue.broker_name, "b");
    drop((b_door, returned_door));
}

#[tokio::test(start_paused = true)]
async fn a_name_server_that_knows_nothing_yet_does_not_hide_what_another_knows() {
    let world = World::new();
    broker(&world).await;
    let fresh = FakeNameServer::with(&[]);
    let old = knowing();
    let doors = [world.serve(FIRST, fresh).await, world.serve(SECOND_ONE, old).await];
    let producer = producer(world.node(), "10.0.0.1:9876;10.0.0.2:9876").await;
    assert!(producer.send(&message()).await.is_ok());
    drop(doors);
}

#[tokio::test(start_paused = true)]
async fn without_any_name_server_the_error_says_how_to_give_one() {
    let world = World::new();
    let producer = producer(world.node(), NameServers::default()).await;
    let error = producer.send(&message()).await.unwrap_err().to_string();
    assert!(error.contains("NAMESRV_ADDR"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_address_server_tells_where_name_servers_are_and_where_they_move() {
    let world = World::new();
    broker(&world).await;
    let list = Arc::new(std::sync::Mutex::new(format!("{FIRST}\n")));
    let mut listener = runtime::Net::listen(&world, "10.0.0.80:80".parse().unwrap()).await.unwrap();
    let told = list.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 512];
            let read = stream.read(&mut asked).await.unwrap();
            assert!(asked[..read].starts_with(b"GET /nsaddr HTTP/1.0\r\n"));
            let list = told.lock().unwrap().clone();
            stream.write_all(format!("HTTP/1.0 200 OK\r\n\r\n{list}").as_bytes()).await.unwrap();
        }
    });
    let first = knowing();
    let second = knowing();
    let doors =
        [world.serve(FIRST, first.clone()).await, world.serve(SECOND_ONE, second.clone()).await];
    let found = NameServers::from_environment(None).or_endpoint("http://ns.example/nsaddr");
    let producer = producer(world.node(), found).await;
    producer.send(&message()).await.unwrap();
    assert_eq!((first.asked().len(), second.asked().len()), (1, 0));

    SECOND_ONE.clone_into(&mut list.lock().unwrap());
    pass(200 * SECOND).await;
    let asked = first.asked().len();
    pass(100 * SECOND).await;
    assert_eq!(first.asked().len(), asked, "one that is listed no more is asked no more");
    assert!(!second.asked().is_empty());
    drop(doors);
}
