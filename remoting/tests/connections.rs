//! Connections, in memory: what is asked is answered, whatever the peer does is bounded.
#![expect(clippy::unwrap_used, reason = "a test ends where it is surprised")]
#![expect(clippy::disallowed_methods, reason = "the world of these tests is made here")]

mod world;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use protocol::{Command, RequestCode, Serialization};
use remoting::{CallError, Connection, Ending, Limits, SendRefused};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use world::{ECHO, Echo, PARK, REVERSE, Server, TestStream, ask, framed, settle};

const SECOND: Duration = Duration::from_secs(1);

fn opaques(commands: &[Command]) -> Vec<i32> {
    commands.iter().map(|command| command.opaque).collect()
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_arrives_byte_by_byte_is_answered_once_it_is_whole() {
    let server = Server::ordinary().await;
    let mut peer = server.peer();
    for byte in framed(&ask(ECHO, 7, "body")) {
        assert_eq!(server.echo.asked_in_total(), 0);
        peer.write_all(&[byte]).await.unwrap();
        settle().await;
    }

    let answer = peer.next(&mut BytesMut::new()).await.unwrap();
    assert_eq!((answer.opaque, &answer.body[..]), (7, &b"body"[..]));
    assert!(answer.is_response());
}

#[tokio::test(start_paused = true)]
async fn many_frames_in_one_read_are_asked_in_one_go_and_in_order() {
    let server = Server::ordinary().await;
    let mut peer = server.peer();
    let mut bytes = BytesMut::new();
    for opaque in 0..50 {
        bytes.extend_from_slice(&framed(&ask(ECHO, opaque, "")));
    }
    let half_a_frame = framed(&ask(ECHO, 50, ""));
    bytes.extend_from_slice(&half_a_frame[..9]);
    peer.write_all(&bytes).await.unwrap();
    settle().await;
    assert_eq!(server.echo.asked_in_total(), 50);
    assert!(server.echo.batches.lock().unwrap().len() <= 4);

    peer.write_all(&half_a_frame[9..]).await.unwrap();
    peer.shutdown().await.unwrap();
    assert_eq!(opaques(&peer.take_all().await), (0..=50).collect::<Vec<i32>>());
}

#[tokio::test(start_paused = true)]
async fn a_great_batch_is_cut_and_loses_nothing() {
    let server = Server::start(Limits::default(), 1 << 20).await;
    let mut peer = server.peer();
    let mut bytes = BytesMut::new();
    for opaque in 0..5000 {
        bytes.extend_from_slice(&framed(&ask(ECHO, opaque, "")));
    }
    peer.write_all(&bytes).await.unwrap();
    peer.shutdown().await.unwrap();
    assert_eq!(opaques(&peer.take_all().await), (0..5000).collect::<Vec<i32>>());
    assert!(server.echo.batches.lock().unwrap().iter().all(|batch| *batch <= 64));
}

#[tokio::test(start_paused = true)]
async fn a_frame_much_greater_than_one_read_is_answered() {
    let server = Server::ordinary().await;
    let mut peer = server.peer();
    let body = Bytes::from(vec![7; 9_000_000]);
    let frame = framed(&ask(ECHO, 1, body.clone()));
    let (mut reading, mut writing) = tokio::io::split(peer);
    let writer = tokio::spawn(async move {
        writing.write_all(&frame).await.unwrap();
        writing.shutdown().await.unwrap();
    });
    let mut answer = Vec::new();
    reading.read_to_end(&mut answer).await.unwrap();
    writer.await.unwrap();
    assert!(answer.ends_with(&body));
    peer = server.peer();
    peer.put(&ask(ECHO, 2, "still here")).await;
    assert_eq!(peer.next(&mut BytesMut::new()).await.unwrap().opaque, 2);
}

#[tokio::test(start_paused = true)]
async fn responses_find_their_calls_in_any_order() {
    let server = Server::ordinary().await;
    let client = server.connection().await;
    let calls: Vec<_> = (0..20)
        .map(|number| client.call(ask(REVERSE, 0, format!("body {number}")), SECOND))
        .collect();
    for (number, call) in calls.into_iter().enumerate() {
        let response = call.await.unwrap();
        assert_eq!(response.body, format!("body {number}"));
    }
    assert_eq!(*server.echo.batches.lock().unwrap(), [20]);
}

#[tokio::test(start_paused = true)]
async fn a_server_calls_its_client_on_the_connection_that_the_client_opened() {
    let server = Server::ordinary().await;
    let _client = server.connection().await;
    let towards_client = server.first().await;
    let response = towards_client.call(ask(ECHO, 0, "how are you"), SECOND).await.unwrap();
    assert_eq!(&response.body[..], b"how are you");
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_come_later_through_the_connection() {
    let server = Server::ordinary().await;
    let client = server.connection().await;
    let call = tokio::spawn(client.call(ask(PARK, 0, ""), 10 * SECOND));
    settle().await;
    let (connection, request) = server.echo.parked.lock().unwrap().remove(0);
    assert!(!call.is_finished());
    connection.send(request.answer(0).with_remark("late")).unwrap();
    assert_eq!(&*call.await.unwrap().unwrap().remark.unwrap(), "late");
}

#[tokio::test(start_paused = true)]
async fn a_oneway_request_is_never_answered() {
    let server = Server::ordinary().await;
    let mut peer = server.peer();
    peer.put(&ask(ECHO, 1, "").oneway()).await;
    peer.put(&ask(ECHO, 2, "")).await;
    peer.shutdown().await.unwrap();
    assert_eq!(opaques(&peer.take_all().await), [2]);
    assert_eq!(server.echo.asked_in_total(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_nobody_waits_for_harms_nothing() {
    let server = Server::ordinary().await;
    let mut peer = server.peer();
    peer.put(&ask(ECHO, 99, "").answer(0)).await;
    peer.put(&ask(ECHO, 1, "")).await;
    assert_eq!(peer.next(&mut BytesMut::new()).await.unwrap().opaque, 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_response_times_out_and_is_forgotten() {
    let server = Server::ordinary().await;
    let limits = Limits { pending_calls_max: 1, ..Limits::default() };
    let to = world::SERVER.parse().unwrap();
    let client =
        remoting::connect(&server.runtime, to, limits, Arc::new(Echo::default())).await.unwrap();
    let error = client.call(ask(PARK, 0, ""), SECOND).await.unwrap_err();
    assert_eq!(error, CallError::TimedOut { remote: to, timeout: SECOND });
    assert_eq!(error.to_string(), "no response from 10.0.0.1:10911 within 1s");

    // Its place is free again, and its late response is not taken for that of the next call.
    let next = client.call(ask(ECHO, 0, "next"), SECOND);
    let (connection, request) = server.echo.parked.lock().unwrap().remove(0);
    connection.send(request.answer(0)).unwrap();
    assert_eq!(&next.await.unwrap().body[..], b"next");
}

#[tokio::test(start_paused = true)]
async fn calls_over_the_limit_are_refused_and_dropped_ones_make_room() {
    let server = Server::ordinary().await;
    let limits = Limits { pending_calls_max: 2, ..Limits::default() };
    let to = world::SERVER.parse().unwrap();
    let client =
        remoting::connect(&server.runtime, to, limits, Arc::new(Echo::default())).await.unwrap();
    let first = client.call(ask(PARK, 0, ""), SECOND);
    let _second = client.call(ask(PARK, 0, ""), SECOND);
    let error = client.call(ask(ECHO, 0, ""), SECOND).await.unwrap_err();
    assert_eq!(error, CallError::TooManyPending { remote: to, limit: 2 });
    drop(first);
    assert!(client.call(ask(ECHO, 0, ""), SECOND).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_dying_connection_fails_every_pending_call_and_those_after() {
    let server = Server::ordinary().await;
    let client = server.connection().await;
    let calls: Vec<_> = (0..3).map(|_| client.call(ask(PARK, 0, ""), 100 * SECOND)).collect();
    server.first().await.close();

    let remote = client.remote();
    for call in calls {
        let died = CallError::Died { remote, ending: Ending::PeerClosed };
        assert_eq!(call.await.unwrap_err(), died);
    }
    let refused = SendRefused::Closed { remote, ending: Ending::PeerClosed };
    let error = client.call(ask(ECHO, 0, ""), SECOND).await.unwrap_err();
    assert_eq!(error, CallError::NotSent(refused.clone()));
    settle().await;
    assert_eq!(client.send(ask(ECHO, 0, "")).unwrap_err(), refused);
    assert!(!client.is_open());
    assert_eq!(server.echo.closed.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn calls_fail_also_when_the_task_of_their_connection_is_dropped() {
    let server = Server::ordinary().await;
    let client = server.connection().await;
    let call = client.call(ask(PARK, 0, ""), 100 * SECOND);
    settle().await;
    for task in server.net.started.lock().unwrap().iter() {
        task.abort();
    }
    assert!(matches!(call.await.unwrap_err(), CallError::Died { .. }));
    assert!(!client.is_open());
}

#[tokio::test(start_paused = true)]
async fn closing_sends_what_waits_first() {
    let server = Server::ordinary().await;
    let mut peer = server.peer();
    let connection = server.first().await;
    for opaque in 0..3 {
        connection.send(ask(ECHO, opaque, "")).unwrap();
    }
    connection.close();
    assert!(connection.send(ask(ECHO, 3, "")).is_err());
    assert_eq!(opaques(&peer.take_all().await), [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn after_a_half_close_everything_asked_is_still_answered() {
    let server = Server::ordinary().await;
    let mut peer = server.peer();
    peer.put(&ask(ECHO, 1, "")).await;
    peer.put(&ask(PARK, 2, "")).await;
    peer.shutdown().await.unwrap();
    settle().await;
    let (connection, request) = server.echo.parked.lock().unwrap().remove(0);
    assert_eq!(connection.ending(), Some(Ending::PeerClosed));
    connection.send(request.answer(0)).unwrap();
    assert_eq!(opaques(&peer.take_all().await), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn after_a_half_close_an_answer_that_does_not_come_is_not_waited_for_long() {
    let server = Server::ordinary().await;
    let mut peer = server.peer();
    peer.put(&ask(PARK, 1, "")).await;
    peer.shutdown().await.unwrap();
    let before = server.runtime.clock.monotonic();
    assert_eq!(opaques(&peer.take_all().await), [0; 0]);
    let waited = server.runtime.clock.monotonic().since(before);
    assert_eq!(waited.as_secs(), Limits::default().linger.as_secs());
    settle().await;
    assert_eq!(server.echo.closed.lock().unwrap().len(), 1);
}

/// Sends these bytes and gives how the server ended the connection.
async fn ending_after(bytes: &[u8]) -> Ending {
    let limits = Limits { frame_bytes_max: 1000, ..Limits::default() };
    let server = Server::start(limits, 64 * 1024).await;
    let mut peer = server.peer();
    peer.put(&ask(ECHO, 1, "")).await;
    peer.write_all(bytes).await.unwrap();
    // What was asked before is answered, then the connection is closed.
    assert_eq!(opaques(&peer.take_all().await), [1]);
    settle().await;
    let closed = server.echo.closed.lock().unwrap();
    assert_eq!(closed.len(), 1);
    closed[0].ending().unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_not_a_frame_closes_the_connection_and_is_named() {
    let great = framed(&ask(ECHO, 2, vec![0; 2000]));
    let great_bytes = great.len();
    for (bytes, text) in [
        (&great[..], format!("a frame of {great_bytes} bytes exceeds the limit of 1000 bytes")),
        (&[0x7F, 0xFF, 0xFF, 0xFF], "exceeds the limit of 16777216 bytes".to_owned()),
        (&[0xFF, 0xFF, 0xFF, 0xFF], "a frame length of -1".to_owned()),
        (&[0, 0, 0, 0], "a frame length of 0".to_owned()),
        (&[0, 0, 0, 10, 0, 0, 0, 99], "a header of 99 bytes".to_owned()),
        (&[0, 0, 0, 10, 5, 0, 0, 2], "unknown header serialisation 5".to_owned()),
        (b"\0\0\0\x06\0\0\0\x02{]", "JSON header".to_owned()),
    ] {
        let ending = ending_after(bytes).await;
        assert!(matches!(ending, Ending::Undecodable { looks_like: None, .. }), "{ending:?}");
        assert!(ending.to_string().contains(&text), "{ending}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_speaks_something_else_is_recognised() {
    for (bytes, name) in [
        (&b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"[..], "TLS"),
        (b"GET / HTTP/1.1\r\n\r\n", "HTTP"),
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", "HAProxy"),
    ] {
        let server = Server::ordinary().await;
        let mut peer = server.peer();
        peer.write_all(bytes).await.unwrap();
        assert_eq!(peer.take_all().await, []);
        settle().await;
        let ending = server.echo.closed.lock().unwrap()[0].ending();
        let Some(Ending::Undecodable { looks_like: Some(text), .. }) = ending else {
            panic!("{ending:?}");
        };
        assert!(text.contains(name), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_not_read_from_until_it_does() {
    let limits = Limits { unsent_bytes_max: 10_000, ..Limits::default() };
    let server = Server::start(limits, 4096).await;
    let peer = server.peer();
    let (reading, mut writing) = tokio::io::split(peer);
    let writer = tokio::spawn(async move {
        for opaque in 0..2000 {
            writing.write_all(&framed(&ask(ECHO, opaque, vec![1; 500]))).await.unwrap();
        }
        writing.shutdown().await.unwrap();
    });
    settle().await;
    let asked = server.echo.asked_in_total();
    assert!(asked < 200, "{asked} requests were applied for a peer that takes no answer");

    let mut answers = Vec::new();
    let mut reading = reading;
    reading.read_to_end(&mut answers).await.unwrap();
    writer.await.unwrap();
    assert_eq!(server.echo.asked_in_total(), 2000);
    assert!(2000 * 500 < answers.len());
}

/// A server whose limits are low, a peer that does not read, and the server's end of it.
async fn with_slow_reader() -> (Server, TestStream, Connection) {
    let limits = Limits { outbox_bytes_max: 10_000, ..Limits::default() };
    let server = Server::start(limits, 1000).await;
    let peer = server.peer();
    let connection = server.first().await;
    (server, peer, connection)
}

/// Sends until something is refused, and gives how many were not.
async fn send_until_refused(connection: &Connection, command: Command) -> (usize, SendRefused) {
    let mut sent = 0;
    loop {
        match connection.send(command.clone()) {
            Ok(()) => sent += 1,
            Err(refused) => return (sent, refused),
        }
        settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_refused_requests_and_can_read_on() {
    let (_server, mut peer, connection) = with_slow_reader().await;
    let (sent, refused) = send_until_refused(&connection, ask(ECHO, 1, vec![1; 1000])).await;
    assert!((9..14).contains(&sent), "{sent}");
    let text = refused.to_string();
    assert!(text.contains("slow reader") && text.contains("the limit is 10000"), "{text}");
    assert!(connection.is_open());

    let mut input = BytesMut::new();
    for _ in 0..sent {
        assert_eq!(peer.next(&mut input).await.unwrap().opaque, 1);
    }
    assert!(connection.send(ask(ECHO, 2, "")).is_ok());
    assert_eq!(peer.next(&mut input).await.unwrap().opaque, 2);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_of_answers_is_cut_off() {
    let (server, mut peer, connection) = with_slow_reader().await;
    let answer = ask(ECHO, 1, "").answer(0).with_body(vec![1; 1000]);
    let (sent, refused) = send_until_refused(&connection, answer).await;
    assert!((9..14).contains(&sent), "{sent}");
    assert!(refused.to_string().contains("slow reader"), "{refused}");
    settle().await;
    assert!(matches!(connection.ending(), Some(Ending::SlowReader { .. })));
    assert_eq!(server.echo.closed.lock().unwrap().len(), 1);

    let mut rest = Vec::new();
    peer.read_to_end(&mut rest).await.unwrap();
    assert!(rest.len() <= 1000);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_no_frame_holds_is_refused_without_closing() {
    let server = Server::ordinary().await;
    let client = server.connection().await;
    let great = ask(ECHO, 0, vec![0; 17 * 1024 * 1024]);
    let refused = client.send(great.clone()).unwrap_err();
    assert!(matches!(refused, SendRefused::Unencodable { .. }), "{refused}");
    let error = client.call(great, SECOND).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent(SendRefused::Unencodable { .. })), "{error}");
    assert!(client.call(ask(ECHO, 0, ""), SECOND).await.is_ok());
}

/// Answers with more than a binary header can hold.
struct TooMuch;

impl remoting::Respond for TooMuch {
    fn asked(&self, _: &Connection, requests: &mut Vec<Command>, answers: &mut Vec<Command>) {
        for request in requests.drain(..) {
            let mut answer = request.answer(0);
            answer.set_field("x".repeat(40_000), "value");
            answers.push(answer);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_asked_learns_that_the_answer_cannot_be_encoded() {
    let server = Server::ordinary().await;
    let _client = server.connection_with(Arc::new(TooMuch)).await;
    let request = Command::request(RequestCode(ECHO)).with_serialization(Serialization::Binary);
    let response = server.first().await.call(request, SECOND).await.unwrap();
    assert_eq!(response.code, 1);
    assert!(response.remark.unwrap().contains("binary header"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_on_which_nothing_moves_is_closed_after_the_idle_time() {
    let server = Server::ordinary().await;
    let mut peer = server.peer();
    for opaque in 0..5 {
        tokio::time::sleep(Duration::from_secs(119)).await;
        peer.put(&ask(ECHO, opaque, "")).await;
    }
    let before = server.runtime.clock.monotonic();
    assert_eq!(peer.take_all().await.len(), 5);
    let silent = server.runtime.clock.monotonic().since(before);
    assert_eq!(silent.as_secs(), 120);
    settle().await;
    let ending = server.echo.closed.lock().unwrap()[0].ending();
    assert_eq!(ending, Some(Ending::Idle { idle: Duration::from_secs(120) }));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_connections_are_served_and_told_apart() {
    let server = Server::ordinary().await;
    let mut clients = Vec::new();
    for _ in 0..1000 {
        clients.push(server.connection().await);
    }
    let calls: Vec<_> = clients
        .iter()
        .enumerate()
        .map(|(number, client)| client.call(ask(ECHO, 0, format!("{number}")), SECOND))
        .collect();
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap().body, format!("{number}"));
    }
    let ids: BTreeSet<_> = server.echo.opened.lock().unwrap().iter().map(Connection::id).collect();
    assert_eq!(ids.len(), 1000);
}

#[tokio::test(start_paused = true)]
async fn connections_over_the_limit_are_reset_until_one_leaves() {
    let limits = Limits { connections_max: 2, ..Limits::default() };
    let server = Server::start(limits, 64 * 1024).await;
    let first = server.connection().await;
    let second = server.connection().await;
    assert!(second.call(ask(ECHO, 0, ""), SECOND).await.is_ok());
    let third = server.connection().await;
    assert!(third.call(ask(ECHO, 0, ""), SECOND).await.is_err());
    first.close();
    settle().await;
    let fourth = server.connection().await;
    assert!(fourth.call(ask(ECHO, 0, ""), SECOND).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_stop_closes_every_connection_and_the_listener() {
    let server = Server::ordinary().await;
    let mut peer = server.peer();
    let client = server.connection().await;
    settle().await;
    server.stop.cancel();
    server.served.await.unwrap();
    assert_eq!(peer.take_all().await, []);
    settle().await;
    assert_eq!(client.ending(), Some(Ending::PeerClosed));
    assert_eq!(server.echo.closed.lock().unwrap().len(), 2);
    assert!(server.net.knock(world::SERVER.parse().unwrap()).is_err());
}
