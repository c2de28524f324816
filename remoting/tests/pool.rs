//! One connection per address, and no storms.
#![expect(clippy::unwrap_used, reason = "a test ends where it is surprised")]
#![expect(clippy::disallowed_methods, reason = "the world of these tests is made here")]
#![expect(dead_code, reason = "not every test file needs all of the world")]

mod world;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use remoting::{CallError, Limits, Pool, PoolError};
use world::{ECHO, Echo, PARK, SERVER, Server, TestNet, ask, settle};

const SECOND: Duration = Duration::from_secs(1);

fn pool_of(net: &TestNet) -> Pool {
    Pool::new(net.runtime(), Limits::default(), Arc::new(Echo::default()))
}

#[tokio::test(start_paused = true)]
async fn callers_of_one_address_share_one_connection() {
    let server = Server::ordinary().await;
    let pool = pool_of(&server.net);
    let calls = (0..100).map(|number| {
        let pool = pool.clone();
        tokio::spawn(async move {
            pool.call(SERVER, ask(ECHO, 0, format!("{number}")), SECOND).await.unwrap()
        })
    });
    for (number, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(call.await.unwrap().body, format!("{number}"));
    }
    assert_eq!(server.net.attempts.load(Ordering::Relaxed), 1);
    assert!(pool.connected(SERVER).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_died_is_replaced_by_the_next_call() {
    let server = Server::ordinary().await;
    let pool = pool_of(&server.net);
    pool.tell(SERVER, ask(ECHO, 0, "").oneway(), SECOND).await.unwrap();
    server.first().await.close();
    settle().await;
    assert!(pool.connected(SERVER).is_none());
    assert!(pool.call(SERVER, ask(ECHO, 0, ""), SECOND).await.is_ok());
    assert_eq!(server.echo.opened.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn failures_are_followed_by_growing_pauses_and_not_by_a_storm() {
    let net = TestNet::new(1000);
    let pool = pool_of(&net);
    let first = pool.call(SERVER, ask(ECHO, 0, ""), SECOND).await.unwrap_err();
    assert!(matches!(first, PoolError::Unreachable(_)), "{first}");
    let second = pool.call(SERVER, ask(ECHO, 0, ""), SECOND).await.unwrap_err();
    assert!(matches!(second, PoolError::BackingOff { .. }), "{second}");
    assert!(second.to_string().contains("cannot connect to 10.0.0.1:10911"), "{second}");

    for _ in 0..60_000 {
        assert!(pool.call(SERVER, ask(ECHO, 0, ""), SECOND).await.is_err());
        settle().await;
    }
    let attempts = net.attempts.load(Ordering::Relaxed);
    assert!((30..80).contains(&attempts), "{attempts} attempts in a minute");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_back_is_found_again() {
    let net = TestNet::new(64 * 1024);
    let pool = pool_of(&net);
    for _ in 0..100 {
        assert!(pool.call(SERVER, ask(ECHO, 0, ""), SECOND).await.is_err());
        tokio::time::sleep(SECOND).await;
    }
    let runtime = net.runtime();
    let listener = runtime.net.listen(SERVER.parse().unwrap()).await.unwrap();
    let stopped = tokio_util::sync::CancellationToken::new();
    let echo = Arc::new(Echo::default());
    tokio::spawn(remoting::serve(runtime, listener, Limits::default(), echo, stopped));
    tokio::time::sleep(2 * SECOND).await;
    assert!(pool.call(SERVER, ask(ECHO, 0, ""), SECOND).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_call_covers_connecting_and_waiting() {
    let server = Server::ordinary().await;
    let pool = pool_of(&server.net);
    let before = server.runtime.clock.monotonic();
    let silent = pool.call("10.0.0.9:1", ask(ECHO, 0, ""), SECOND).await.unwrap_err();
    assert!(matches!(silent, PoolError::TimedOut { .. }), "{silent}");
    let unanswered = pool.call(SERVER, ask(PARK, 0, ""), SECOND).await.unwrap_err();
    assert!(matches!(unanswered, PoolError::Call(CallError::TimedOut { .. })), "{unanswered}");
    assert_eq!(server.runtime.clock.monotonic().since(before).as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_name_is_resolved_and_each_of_its_addresses_is_tried() {
    let server = Server::ordinary().await;
    let pool = pool_of(&server.net);
    let response = pool.call("broker:10911", ask(ECHO, 0, "x"), SECOND).await.unwrap();
    assert_eq!(&response.body[..], b"x");
    assert_eq!(server.net.attempts.load(Ordering::Relaxed), 2);
    let unknown = pool.call("nobody:1", ask(ECHO, 0, ""), SECOND).await.unwrap_err();
    assert!(matches!(unknown, PoolError::Unresolved { .. }), "{unknown}");
}

#[tokio::test(start_paused = true)]
async fn closing_an_address_opens_it_anew_and_closing_the_pool_does_not() {
    let server = Server::ordinary().await;
    let pool = pool_of(&server.net);
    let before = pool.connection(SERVER, SECOND).await.unwrap();
    pool.close(SERVER);
    assert!(!before.is_open());
    let after = pool.connection(SERVER, SECOND).await.unwrap();
    assert!(after.is_open() && after.id() != before.id());
    pool.close_all();
    assert!(!after.is_open());
    let refused = pool.connection(SERVER, SECOND).await.unwrap_err();
    assert!(matches!(refused, PoolError::Closed { .. }), "{refused}");
}
