//! The world itself, played with small programs instead of the product.

use std::{
    collections::BTreeSet,
    future::poll_fn,
    io::{self, ErrorKind},
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use runtime::{OpenMode, Runtime, Stream};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::{AtRisk, Bounds, Broken, Death, Kind, Node, World, run, world::locked};

const CALL_WITHIN: Duration = Duration::from_secs(3);

fn address(node: &Node) -> SocketAddr {
    SocketAddr::new(node.ip(), 7)
}

/// Answers every connection with what it sent.
fn serve_echo(runtime: &Runtime) {
    let inner = runtime.clone();
    let serve = async move {
        let mut listener = inner.net.listen("0.0.0.0:7".parse().unwrap()).await.unwrap();
        while let Ok((mut stream, _)) = listener.accept().await {
            let echo = async move {
                let mut buffer = vec![0; 1000];
                while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                    if stream.write_all(&buffer[..count]).await.is_err() {
                        return;
                    }
                }
            };
            inner.tasks.spawn("echo", Box::pin(echo));
        }
    };
    runtime.tasks.spawn("serve", Box::pin(serve));
}

async fn ask(stream: &mut Box<dyn Stream>, text: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(text).await?;
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// Runs a task on a node and gives what it gave; `None` if the process died before that.
async fn on<T: Send + 'static>(
    process: &crate::Process,
    task: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let (tell, told) = tokio::sync::oneshot::channel();
    let body = async move { drop(tell.send(task.await)) };
    process.runtime.tasks.spawn("test", Box::pin(body));
    told.await.ok()
}

/// A server, a client, and a play with both.
fn two<T, F>(seed: u64, play: impl FnOnce(Two) -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let (_, outcome) = run(seed, Bounds::default(), |world| async move {
        let server = Node::new(&world, 1, "server");
        let client = Node::new(&world, 2, "client");
        serve_echo(&server.boot().runtime);
        let process = client.boot();
        play(Two { world, server, client, process }).await
    });
    outcome.unwrap()
}

struct Two {
    world: Arc<World>,
    server: Arc<Node>,
    client: Arc<Node>,
    process: crate::Process,
}

impl Two {
    async fn connect(&self) -> Option<io::Result<Box<dyn Stream>>> {
        let connect = self.process.runtime.net.connect(address(&self.server), CALL_WITHIN);
        on(&self.process, connect).await
    }

    fn cut(&self, both: bool) {
        self.world.with_net(|net, _| {
            net.cut(2, 1);
            if both {
                net.cut(1, 2);
            }
        });
    }

    fn heal(&self) {
        self.world.with_net(|net, _| net.heal(&self.world));
    }
}

/// Some traffic with a crash in it; gives the trace hash.
fn busy(seed: u64) -> u64 {
    let (world, outcome) = run(seed, Bounds::default(), |world| async move {
        let server = Node::new(&world, 1, "server");
        serve_echo(&server.boot().runtime);
        for id in 2..6 {
            let client = Node::new(&world, id, format!("client-{id}")).boot();
            let runtime = client.runtime.clone();
            let at = address(&server);
            let talk = async move {
                for round in 0..50_u64 {
                    if let Ok(mut stream) = runtime.net.connect(at, CALL_WITHIN).await {
                        let text = vec![b'x'; usize::try_from(round * 40).unwrap()];
                        ask(&mut stream, &text).await.ok();
                    }
                    let pause = runtime.entropy.below(200_000);
                    runtime.clock.sleep(Duration::from_micros(pause)).await;
                    let file = runtime.disk.open(Path::new("/log"), OpenMode::Create).unwrap();
                    file.write_all_at(round * 8, &round.to_be_bytes()).unwrap();
                    file.sync().await.unwrap();
                }
            };
            client.runtime.tasks.spawn("talk", Box::pin(talk));
        }
        world.pass(Duration::from_millis(1500)).await;
        server.die(Death::PowerCut);
        world.pass(Duration::from_millis(700)).await;
        serve_echo(&server.boot().runtime);
        world.pass(Duration::from_secs(30)).await;
    });
    outcome.unwrap();
    world.trace_hash()
}

#[test]
fn a_seed_gives_one_course_and_another_seed_another() {
    let hashes: BTreeSet<u64> = (0..20).map(busy).collect();
    assert_eq!(hashes.len(), 20);
    assert_eq!(hashes, (0..20).map(busy).collect());
}

#[test]
fn bytes_come_back_in_order_however_they_are_chopped() {
    for seed in 0..30 {
        two(seed, |two| async move {
            let mut stream = two.connect().await.unwrap().unwrap();
            let text: Vec<u8> = (0..100_000_u32).map(|at| (at % 251).to_le_bytes()[0]).collect();
            let sent = text.clone();
            let back = on(&two.process, async move {
                // Both directions at once: the windows are smaller than the text.
                let mut back = vec![];
                let mut written = 0;
                let mut buffer = vec![0; 777];
                while back.len() < sent.len() {
                    let more = sent.len().min(written + 900);
                    written += stream.write(&sent[written..more]).await.unwrap();
                    let count = stream.read(&mut buffer).await.unwrap();
                    back.extend_from_slice(&buffer[..count]);
                }
                back
            });
            assert_eq!(back.await.unwrap(), text);
        });
    }
}

#[test]
fn nobody_listening_is_refused_at_once_but_a_partition_times_out() {
    two(1, |two| async move {
        let closed = SocketAddr::new(two.server.ip(), 8);
        let connect = two.process.runtime.net.connect(closed, CALL_WITHIN);
        let before = two.world.now();
        let refused = on(&two.process, connect).await.unwrap().map(drop).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert!(two.world.now() - before < 10_000_000);
        for both in [true, false] {
            two.cut(both);
            let before = two.world.now();
            let late = two.connect().await.unwrap().map(drop).unwrap_err();
            assert_eq!(late.kind(), ErrorKind::TimedOut);
            assert!(3_000_000_000 <= two.world.now() - before);
            two.heal();
        }
        assert!(two.connect().await.unwrap().is_ok());
    });
}

#[test]
fn a_healed_partition_delivers_late_what_was_sent_into_it() {
    two(3, |two| async move {
        let mut stream = two.connect().await.unwrap().unwrap();
        two.cut(true);
        let world = two.world.clone();
        let answer = on(&two.process, async move { ask(&mut stream, b"hello").await.unwrap() });
        let heal = async {
            world.pass(Duration::from_secs(10)).await;
            two.heal();
        };
        let (answer, ()) = tokio::join!(answer, heal);
        assert_eq!(answer.unwrap(), b"hello");
        assert!(10_000_000_000 < world.now());
    });
}

#[test]
fn a_killed_process_is_noticed_and_a_power_cut_is_not() {
    for seed in 0..20 {
        two(seed, |two| async move {
            let mut stream = two.connect().await.unwrap().unwrap();
            let after = Arc::new(Mutex::new(None));
            let noticed = after.clone();
            let world = two.world.clone();
            on(&two.process, async move {
                ask(&mut stream, b"warm").await.unwrap();
                stream
            })
            .await
            .map(|mut stream| {
                let read = async move {
                    let end = stream.read(&mut [0; 8]).await;
                    *locked(&noticed) = Some((world.now(), end.map_err(|error| error.kind())));
                };
                two.process.runtime.tasks.spawn("read", Box::pin(read));
            })
            .unwrap();
            two.world.pass(Duration::from_secs(1)).await;
            let how = if two.world.seed() % 2 == 0 { Death::Kill } else { Death::PowerCut };
            two.server.die(how);
            two.world.pass(Duration::from_secs(60)).await;
            let end = locked(&after).take();
            match how {
                Death::Kill => {
                    let (_, end) = end.expect("a FIN or a reset");
                    assert!(matches!(end, Ok(0) | Err(ErrorKind::ConnectionReset)), "{end:?}");
                }
                _ => assert_eq!(end, None, "silence"),
            }
        });
    }
}

#[test]
fn a_machine_that_lost_power_resets_old_connections_when_it_is_back() {
    two(5, |two| async move {
        let mut stream = two.connect().await.unwrap().unwrap();
        two.server.die(Death::PowerCut);
        let world = two.world.clone();
        let answer = on(&two.process, async move { ask(&mut stream, b"anybody?").await });
        let boot = async {
            world.pass(Duration::from_secs(5)).await;
            serve_echo(&two.server.boot().runtime);
        };
        let (answer, ()) = tokio::join!(answer, boot);
        assert_eq!(answer.unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert!(5_000_000_000 < world.now());
    });
}

#[test]
fn a_half_close_ends_one_direction_only() {
    two(6, |two| async move {
        let mut stream = two.connect().await.unwrap().unwrap();
        let rest = on(&two.process, async move {
            stream.write_all(b"all I have").await.unwrap();
            stream.shutdown().await.unwrap();
            assert_eq!(stream.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            let mut rest = vec![];
            stream.read_to_end(&mut rest).await.unwrap();
            rest
        });
        assert_eq!(rest.await.unwrap(), b"all I have");
    });
}

#[test]
fn a_reader_that_stops_reading_stops_the_writer() {
    two(7, |two| async move {
        let silent = Node::new(&two.world, 3, "silent");
        let runtime = silent.boot().runtime;
        let mut listener = runtime.net.listen("0.0.0.0:7".parse().unwrap()).await.unwrap();
        let at = address(&silent);
        let connect = two.process.runtime.net.connect(at, CALL_WITHIN);
        let mut stream = on(&two.process, connect).await.unwrap().unwrap();
        let (mut other, _) = listener.accept().await.unwrap();
        let filled = poll_fn(|cx| {
            let mut taken = 0;
            while let std::task::Poll::Ready(Ok(count)) =
                Pin::new(&mut stream).poll_write(cx, &[1; 4096])
            {
                taken += count;
            }
            std::task::Poll::Ready(taken)
        });
        let taken = filled.await;
        assert!((4096..=1 << 20).contains(&taken), "{taken}");
        let mut buffer = vec![0; taken];
        other.read_exact(&mut buffer).await.unwrap();
        two.world.pass(Duration::from_secs(1)).await;
        assert!(stream.write(&[1; 10]).await.is_ok());
    });
}

#[test]
fn a_dead_process_changes_nothing_any_more() {
    two(8, |two| async move {
        let runtime = two.process.runtime.clone();
        let file = runtime.disk.open(Path::new("/f"), OpenMode::Create).unwrap();
        file.write_all_at(0, b"before").unwrap();
        let stream = two.connect().await.unwrap().unwrap();
        two.client.die(Death::Kill);
        assert!(file.write_all_at(0, b"after!").is_err());
        assert!(runtime.disk.remove_file(Path::new("/f")).is_err());
        drop(stream);
        drop(file);
        let again = two.client.boot().runtime;
        assert_eq!(&again.disk.read(Path::new("/f")).unwrap()[..], b"before");
    });
}

#[test]
fn a_process_can_die_between_any_two_of_its_effects() {
    for effects in 1..20 {
        two(9, move |two| async move {
            let runtime = two.process.runtime.clone();
            two.client.die_after(effects, Death::Kill);
            on(&two.process, async move {
                let file = runtime.disk.open(Path::new("/f"), OpenMode::Create).unwrap();
                for at in 0.. {
                    file.write_all_at(at, &[1]).ok();
                    runtime.clock.sleep(Duration::from_millis(1)).await;
                }
            })
            .await;
            assert_eq!(two.process.ended().await, Death::Kill);
            let disk = two.client.boot().runtime.disk;
            // One effect created the file, one was the death.
            let len = disk.entry(Path::new("/f")).map_or(0, |entry| entry.len);
            assert_eq!(len, effects.saturating_sub(2));
        });
    }
}

#[test]
fn a_lock_is_free_after_the_death_of_its_holder_only() {
    two(10, |two| async move {
        let path = Path::new("/lock");
        let held = two.process.runtime.disk.lock(path).unwrap();
        let refused = two.process.runtime.disk.lock(path).map(drop).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::WouldBlock);
        two.client.die(Death::Kill);
        let again = two.client.boot().runtime;
        let second = again.disk.lock(path).unwrap();
        drop(held);
        assert!(again.disk.lock(path).is_err(), "the dead must not unlock for the living");
        drop(second);
        again.disk.lock(path).unwrap();
    });
}

#[test]
fn a_power_cut_keeps_what_was_synced_under_names_that_were() {
    for (seed, at_risk) in [AtRisk::Kept, AtRisk::Lost, AtRisk::Torn].into_iter().enumerate() {
        two(seed as u64, move |two| async move {
            let disk = two.process.runtime.disk.clone();
            on(&two.process, async move {
                disk.create_dir_all(Path::new("/store/log")).unwrap();
                let file = disk.open(Path::new("/store/log/0"), OpenMode::Create).unwrap();
                file.preallocate(1 << 30).unwrap();
                file.write_all_at(0, b"synced").unwrap();
                file.sync().await.unwrap();
                for directory in ["/", "/store", "/store/log"] {
                    disk.sync_dir(Path::new(directory)).await.unwrap();
                }
                file.write_all_at(6, b" and not").unwrap();
                disk.open(Path::new("/store/log/1"), OpenMode::Create).unwrap();
            })
            .await
            .unwrap();
            locked(&two.client.disk).ailments.at_risk = at_risk;
            two.client.die(Death::PowerCut);
            let disk = two.client.boot().runtime.disk;
            let file = disk.open(Path::new("/store/log/0"), OpenMode::Read).unwrap();
            assert_eq!(file.len().unwrap(), 1 << 30);
            let start = file.read_bytes(0, 14).unwrap();
            assert_eq!(&start[..6], b"synced");
            match at_risk {
                AtRisk::Kept => assert_eq!(&start[6..], b" and not"),
                AtRisk::Lost => assert_eq!(start[6..], [0; 8]),
                AtRisk::Torn => {}
            }
            let other = disk.exists(Path::new("/store/log/1"));
            assert!(at_risk == AtRisk::Torn || other == (at_risk == AtRisk::Kept));
        });
    }
}

#[test]
fn a_full_disk_refuses_new_space_and_takes_what_was_reserved() {
    two(12, |two| async move {
        let disk = two.process.runtime.disk.clone();
        locked(&two.client.disk).ailments.capacity = 1 << 20;
        let file = disk.open(Path::new("/f"), OpenMode::Create).unwrap();
        file.preallocate(512 << 10).unwrap();
        let full = file.preallocate(2 << 20).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        assert_eq!(disk.usage(Path::new("/")).unwrap().free_bytes, 512 << 10);
        locked(&two.client.disk).ailments.full = true;
        file.write_all_at(0, &[1; 512 << 10]).unwrap();
        assert_eq!(file.write_at(512 << 10, &[1]).unwrap_err().kind(), ErrorKind::StorageFull);
        let created = disk.open(Path::new("/g"), OpenMode::Create).map(drop).unwrap_err();
        assert_eq!(created.kind(), ErrorKind::StorageFull);
        disk.remove_file(Path::new("/f")).unwrap();
        drop(file);
        locked(&two.client.disk).ailments.full = false;
        assert_eq!(disk.usage(Path::new("/")).unwrap().free_bytes, 1 << 20);
    });
}

#[test]
fn a_paused_process_does_nothing_and_then_goes_on() {
    two(13, |two| async move {
        let ticks = Arc::new(Mutex::new(0));
        let (counted, runtime) = (ticks.clone(), two.process.runtime.clone());
        let tick = async move {
            loop {
                runtime.clock.sleep(Duration::from_secs(1)).await;
                *locked(&counted) += 1;
            }
        };
        two.process.runtime.tasks.spawn("tick", Box::pin(tick));
        two.world.pass(Duration::from_millis(3500)).await;
        assert_eq!(*locked(&ticks), 3);
        two.client.pause();
        two.world.pass(Duration::from_secs(10)).await;
        assert_eq!(*locked(&ticks), 3);
        two.client.resume();
        two.world.pass(Duration::from_millis(1700)).await;
        assert_eq!(*locked(&ticks), 5);
    });
}

#[test]
fn a_sleep_follows_its_own_clock_also_when_the_rate_changes_meanwhile() {
    two(14, |two| async move {
        let runtime = two.process.runtime.clone();
        let start = two.world.now();
        let sleep = on(&two.process, async move {
            runtime.clock.sleep(Duration::from_secs(1000)).await;
        });
        let drift = async {
            two.world.pass(Duration::from_secs(500)).await;
            two.client.set_clocks(|clocks, now| clocks.drift(now, 250_000));
        };
        tokio::join!(sleep, drift);
        let took = (two.world.now() - start) / 1_000_000_000;
        assert_eq!(took, 900);
    });
}

#[test]
fn a_panic_of_the_product_is_a_broken_promise() {
    let (world, outcome) = run(1, Bounds::default(), |world| async move {
        let node = Node::new(&world, 1, "broker-a");
        let fail = async { panic!("offset went back") };
        node.boot().runtime.tasks.spawn("core", Box::pin(fail));
        world.pass(Duration::from_secs(1)).await;
    });
    let Err(Broken::Panic { node, task, text }) = outcome else { panic!("{outcome:?}") };
    assert_eq!((node.as_str(), task), ("broker-a", "core"));
    assert!(text.contains("offset went back"), "{text}");
    assert!(world.take_story().0.iter().any(|seen| seen.kind == Kind::Death));
}

#[test]
fn a_run_that_cannot_end_is_ended() {
    let bounds = Bounds { time: Duration::from_secs(10), polls: 10_000 };
    let spin = run(1, bounds, |world| async move {
        let node = Node::new(&world, 1, "spinner");
        let task = async {
            loop {
                madsim::task::yield_now().await
            }
        };
        node.boot().runtime.tasks.spawn("spin", Box::pin(task));
        world.pass(Duration::from_secs(9)).await;
    });
    assert!(matches!(spin.1, Err(Broken::OutOfPolls { task: "spin", .. })), "{:?}", spin.1);
    let late = run(1, bounds, |world| async move { world.pass(Duration::from_secs(11)).await });
    assert_eq!(late.1, Err(Broken::OutOfTime { seconds: 10 }));
    let stuck = run(1, bounds, |_| std::future::pending::<()>());
    assert_eq!(stuck.1, Err(Broken::Stuck));
    let fails = |broken: bool| assert!(!broken, "a bug of the stand");
    let wrong = run(1, bounds, move |_| async move { fails(true) });
    let Err(Broken::Simulator { text }) = wrong.1 else { panic!("{:?}", wrong.1) };
    assert_eq!(text, "a bug of the stand");
}

#[test]
fn time_is_skipped_and_exact() {
    let (world, outcome) = run(1, Bounds::default(), |world| async move {
        let before = world.now();
        world.pass(Duration::from_nanos(1)).await;
        assert_eq!(world.now() - before, 1);
        world.pass(Duration::from_secs(3600)).await;
        assert_eq!(world.now() - before, 3_600_000_000_001);
    });
    outcome.unwrap();
    assert_eq!(world.polls(), 0);
}
