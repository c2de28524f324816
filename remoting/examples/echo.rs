//! How fast frames alone can be: a server with a canned answer, and a load on it.
//!
//! ```text
//! cargo run --release -p remoting --example echo -- serve 127.0.0.1:10999
//! cargo run --release -p remoting --example echo -- load 127.0.0.1:10999 64 1 5
//!                                          connections, each with calls in flight, seconds ^
//! ```
//! No broker on this machine answers faster than this server does.
#![expect(clippy::print_stdout, reason = "a measurement is for reading")]

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use protocol::{Command, RequestCode, ResponseCode};
use remoting::{Connection, Limits, Respond, connect, serve};
use runtime::{Runtime, real};
use tokio_util::sync::CancellationToken;

/// Answers what RocketMQ's SEND is answered with, roughly.
struct Canned;

impl Respond for Canned {
    fn asked(&self, _: &Connection, requests: &mut Vec<Command>, answers: &mut Vec<Command>) {
        for request in requests.drain(..) {
            let mut answer = request.answer(ResponseCode::SUCCESS);
            answer.set_field("msgId", "7F00000100002A9F00000000000003E8");
            answer.set_field("queueId", "3");
            answer.set_field("queueOffset", "4711");
            answers.push(answer);
        }
    }
}

/// A SEND of 1 KiB, as the official producer makes it.
fn send() -> Command {
    let mut command = Command::request(RequestCode::SEND_MESSAGE_V2).with_body(vec![b'x'; 1024]);
    for (name, value) in [
        ("a", "benchmark_producer"),
        ("b", "BenchmarkTest"),
        ("c", "TBW102"),
        ("d", "4"),
        ("e", "3"),
        ("f", "0"),
        ("g", "1763640000000"),
        ("h", "0"),
        ("i", "UNIQ_KEY\u{1}7F0000010001077A1B2C3D4E5F600001\u{2}WAIT\u{1}true\u{2}"),
        ("j", "0"),
        ("k", "false"),
        ("m", "false"),
        ("n", "broker-a"),
    ] {
        command.set_field(name, value);
    }
    command
}

async fn load(runtime: Runtime, to: &str, numbers: [u64; 3]) -> Result<(), Box<dyn Error>> {
    let [connections, in_flight, seconds] = numbers;
    let to = to.parse()?;
    let done = Arc::new(AtomicU64::new(0));
    for _ in 0..connections {
        let canned = Arc::new(Canned);
        let connection = connect(&runtime, to, Limits::default(), canned).await?;
        for _ in 0..in_flight {
            let (connection, done) = (connection.clone(), done.clone());
            let caller = async move {
                while connection.call(send(), Duration::from_secs(10)).await.is_ok() {
                    done.fetch_add(1, Ordering::Relaxed);
                }
            };
            runtime.tasks.spawn("caller", Box::pin(caller));
        }
    }
    for _ in 0..seconds {
        let (before, start) = (done.load(Ordering::Relaxed), runtime.clock.monotonic());
        runtime.clock.sleep(Duration::from_secs(1)).await;
        let count = done.load(Ordering::Relaxed) - before;
        let passed_ms = runtime.clock.monotonic().since(start).as_millis().max(1);
        println!("{} answers/s", u128::from(count) * 1000 / passed_ms);
    }
    Ok(())
}

async fn play(runtime: Runtime) -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", at] => {
            let listener = runtime.net.listen(at.parse()?).await?;
            println!("listening at {}", listener.local_addr()?);
            let stop = CancellationToken::new();
            let asked = runtime.tasks.asked_to_stop();
            let server =
                serve(runtime, listener, Limits::default(), Arc::new(Canned), stop.clone());
            let ends = async {
                println!("{}", asked.await);
                stop.cancel();
            };
            tokio::join!(biased; server, ends);
            Ok(())
        }
        ["load", to, connections, in_flight, seconds] => {
            let numbers = [connections.parse()?, in_flight.parse()?, seconds.parse()?];
            load(runtime, to, numbers).await
        }
        _ => Err("serve ADDRESS, or: load ADDRESS CONNECTIONS IN_FLIGHT SECONDS".into()),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    real::run(play)?
}
