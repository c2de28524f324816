//! A user's own producer and consumer under a seed, beside the shipping name server and broker: all
//! it takes is a node of the simulated world and its `Runtime`.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use client::{ConsumeFrom, Consumed, Message, Producer, PushConsumer, ReceivedMessage, SendStatus};
use runtime::Runtime;
use sim::{Bounds, Death, Node, Process, World, run};

const ORDERS: u32 = 40;

/// The application: places orders, one after the other, and gives the numbers of those that the
/// broker has on its disk.
async fn place_orders(runtime: Runtime, name_server: String) -> BTreeSet<u32> {
    let producer = Producer::builder(runtime.clone(), "shop").name_servers(name_server.as_str());
    let producer = producer.start().await.expect("its settings are right");
    let mut placed = BTreeSet::new();
    for number in 0..ORDERS {
        let order = Message::new("orders", number.to_be_bytes().to_vec());
        if producer.send(&order).await.is_ok_and(|sent| sent.status == SendStatus::SendOk) {
            placed.insert(number);
        }
        runtime.clock.sleep(Duration::from_millis(250)).await;
    }
    producer.stop().await;
    placed
}

/// The application: ships each order that it is told of, until it is asked to stop.
async fn ship(runtime: Runtime, name_server: String, shipped: Arc<Mutex<BTreeSet<u32>>>) {
    let note = move |messages: Vec<ReceivedMessage>| {
        for message in messages {
            let number = message.body.as_ref().try_into().expect("four bytes were sent");
            shipped.lock().expect("nobody panicked").insert(u32::from_be_bytes(number));
        }
        async { Consumed::Success }
    };
    let shipper = PushConsumer::builder(runtime.clone(), "shippers")
        .name_servers(name_server.as_str())
        .subscribe("orders", "*")
        .consume_from(ConsumeFrom::First)
        .concurrent(note);
    let shipper = shipper.start().await.expect("its settings are right");
    runtime.tasks.asked_to_stop().await;
    shipper.stop().await;
}

/// Runs a program on a node, and gives what it gave.
fn start<T: Send + 'static>(
    process: &Process,
    program: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> {
    let (tell, told) = tokio::sync::oneshot::channel();
    let body = async move { drop(tell.send(program.await)) };
    process.runtime.tasks.spawn("main", Box::pin(body));
    async move { told.await.expect("nothing struck this node") }
}

fn start_name_server(process: &Process) {
    let runtime = process.runtime.clone();
    let program = async move {
        let config = namesrv::Config::at_home(Path::new("/home"));
        let running = namesrv::start(runtime.clone(), config).await;
        let running = running.expect("the port is free");
        runtime.tasks.asked_to_stop().await;
        running.stop().await;
    };
    drop(start(process, program));
}

fn start_broker(process: &Process, name_server: &str) {
    let runtime = process.runtime.clone();
    let mut config = broker::config::Config::on(broker::config::Host {
        name: runtime.net.host_name(),
        address: runtime.net.local_address().to_string(),
        home: "/home".to_owned(),
        cores: 2,
        process: 1,
    });
    let keys = [
        ("namesrvAddr", name_server),
        ("storePathRootDir", "/home/store"),
        ("flushDiskType", "SYNC_FLUSH"),
        ("mappedFileSizeCommitLog", "65536"),
        ("mappedFileSizeConsumeQueue", "6000"),
    ];
    for (key, value) in keys {
        config.set(key, value).expect("a key of RocketMQ's");
    }
    let program = async move {
        let running = broker::start(runtime.clone(), config).await;
        let running = running.expect("no disk of this world is broken");
        runtime.tasks.asked_to_stop().await;
        running.stop().await.expect("no disk of this world is broken");
    };
    drop(start(process, program));
}

/// A shop whose broker loses its power in the middle of the day.
async fn shop(world: Arc<World>) -> (BTreeSet<u32>, BTreeSet<u32>) {
    let node = |id, name: &str| Node::new(&world, id, name);
    let name_server = node(1, "namesrv");
    let broker = node(2, "broker");
    let address = format!("{}:9876", name_server.ip());
    start_name_server(&name_server.boot());
    start_broker(&broker.boot(), &address);
    world.pass(Duration::from_secs(1)).await;

    let shipped = Arc::new(Mutex::new(BTreeSet::new()));
    let shippers = node(3, "shippers").boot();
    drop(start(&shippers, ship(shippers.runtime.clone(), address.clone(), shipped.clone())));
    let shop = node(4, "shop").boot();
    let placed = start(&shop, place_orders(shop.runtime.clone(), address.clone()));

    world.pass(Duration::from_secs(4)).await;
    assert!(broker.die(Death::PowerCut));
    world.pass(Duration::from_secs(6)).await;
    start_broker(&broker.boot(), &address);

    let placed = placed.await;
    world.pass(Duration::from_secs(30)).await;
    let shipped = shipped.lock().expect("nobody panicked").clone();
    (placed, shipped)
}

#[test]
fn what_an_application_was_promised_survives_a_power_cut_and_every_seed_tells_one_story() {
    for seed in 1..4 {
        let (world, outcome) = run(seed, Bounds::default(), shop);
        let (placed, shipped) = outcome.unwrap();
        assert!(placed.len() < ORDERS as usize, "nobody felt the power cut");
        assert!(10 < placed.len(), "{placed:?}");
        assert!(placed.is_subset(&shipped), "{placed:?} but {shipped:?}");

        let (again, _) = run(seed, Bounds::default(), shop);
        assert_eq!(world.trace_hash(), again.trace_hash());
    }
}
