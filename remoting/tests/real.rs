//! The same over the loopback of the real world.
#![expect(clippy::unwrap_used, reason = "a test ends where it is surprised")]

use std::{sync::Arc, time::Duration};

use protocol::{Command, RequestCode};
use remoting::{Connection, Limits, Pool, Respond, serve};
use runtime::{Runtime, real};
use tokio_util::sync::CancellationToken;

/// Far more than any of this takes: nothing here waits for it.
const LONG: Duration = Duration::from_secs(60);

struct Echo;

impl Respond for Echo {
    fn asked(&self, _: &Connection, requests: &mut Vec<Command>, answers: &mut Vec<Command>) {
        answers.extend(requests.drain(..).map(|asked| asked.answer(0).with_body(asked.body)));
    }
}

fn ask(body: impl Into<bytes::Bytes>) -> Command {
    Command::request(RequestCode(1000)).with_body(body)
}

/// Serves at an address of its own, and gives it.
async fn start(runtime: &Runtime, at: &str) -> (String, CancellationToken) {
    let listener = runtime.net.listen(at.parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let stop = CancellationToken::new();
    let limits = Limits::default();
    let serving = serve(runtime.clone(), listener, limits, Arc::new(Echo), stop.clone());
    runtime.tasks.spawn("server", Box::pin(serving));
    (address, stop)
}

#[test]
fn both_address_families_answer() {
    real::run(|runtime| async move {
        for at in ["127.0.0.1:0", "[::1]:0"] {
            let (address, _stop) = start(&runtime, at).await;
            let pool = Pool::new(runtime.clone(), Limits::default(), Arc::new(Echo));
            let response = pool.call(&address, ask("hello"), LONG).await.unwrap();
            assert_eq!(&response.body[..], b"hello");
            let connection = pool.connected(&address).unwrap();
            assert_eq!(connection.remote().to_string(), address);
            assert_eq!(connection.remote().ip(), connection.local().ip());
        }
    })
    .unwrap();
}

#[test]
fn many_connections_with_many_calls_each_lose_and_mix_up_nothing() {
    real::run(|runtime| async move {
        let (address, stop) = start(&runtime, "127.0.0.1:0").await;
        let to = address.parse().unwrap();
        let mut clients = Vec::new();
        for _ in 0..64 {
            let limits = Limits::default();
            let client = remoting::connect(&runtime, to, limits, Arc::new(Echo)).await.unwrap();
            clients.push(client);
        }
        let calls: Vec<_> = (0..64 * 200)
            .map(|number: usize| {
                let body = format!("{number}:").repeat(1 + number % 50);
                (clients[number % 64].call(ask(body.clone()), LONG), body)
            })
            .collect();
        for (call, body) in calls {
            assert_eq!(call.await.unwrap().body, body);
        }
        stop.cancel();
    })
    .unwrap();
}

#[test]
fn great_bodies_travel_both_ways_at_once() {
    real::run(|runtime| async move {
        let (address, _stop) = start(&runtime, "127.0.0.1:0").await;
        let to = address.parse().unwrap();
        let limits = Limits { outbox_bytes_max: 1 << 30, ..Limits::default() };
        let client = remoting::connect(&runtime, to, limits, Arc::new(Echo)).await.unwrap();
        let calls: Vec<_> =
            (0..20_u8).map(|number| client.call(ask(vec![number; 3_000_000]), LONG)).collect();
        for (number, call) in (0..20_u8).zip(calls) {
            let response = call.await.unwrap();
            assert!(response.body.len() == 3_000_000 && response.body.iter().all(|b| *b == number));
        }
    })
    .unwrap();
}
