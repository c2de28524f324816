//! The open loop: requests leave at their times, answered or not.

use std::{
    io::ErrorKind,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::{Buf, BytesMut};
use protocol::frame;
use tokio::{
    io::AsyncReadExt,
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
    time::timeout,
};

use crate::{
    asked::Asked,
    error::BenchError,
    frames::Prepared,
    load::{self, Load, Tally, Window},
};

/// What the sending and the reading half of a connection share.
#[derive(Default)]
struct Shared {
    asked: Mutex<Asked>,
    /// Nothing more will be asked.
    is_over: AtomicBool,
}

impl Shared {
    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sending half of a connection.
struct Lane {
    number: u32,
    prepared: Prepared,
    writer: OwnedWriteHalf,
    shared: Arc<Shared>,
}

/// Readers as tasks, and one thread that lets requests go at their times.
///
/// A thread, because timers of the executor are no finer than a millisecond.
pub(crate) async fn start(
    load: &Load,
    rate: u32,
    window: Window,
    loops: &mut JoinSet<Result<Tally, BenchError>>,
) -> Result<(), BenchError> {
    let mut lanes = Vec::new();
    for number in 0..load.connections {
        let stream = TcpStream::connect(load.broker).await?;
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        let shared = Arc::new(Shared::default());
        loops.spawn(read_all(load.clone(), reader, Arc::clone(&shared), window));
        lanes.push(Lane { number, prepared: load.prepared(number)?, writer, shared });
    }
    std::thread::spawn(move || {
        let_go(&mut lanes, Duration::from_secs(1) / rate.max(1), window);
        for lane in lanes {
            lane.shared.is_over.store(true, Ordering::Release);
            // A writer that is merely dropped would end the connection before its last answers.
            lane.writer.forget();
        }
    });
    Ok(())
}

/// Writes every request of the window, the late ones too; ends early when a peer hangs up.
fn let_go(lanes: &mut [Lane], gap: Duration, window: Window) {
    let mut output = BytesMut::new();
    for turn in 0_u32.. {
        let intended = window.start + gap * turn;
        if window.until <= intended {
            return;
        }
        let which = usize::try_from(turn).unwrap_or(0) % lanes.len().max(1);
        let Some(lane) = lanes.get_mut(which) else { return };
        std::thread::sleep(intended.saturating_duration_since(Instant::now()));
        let opaque = lane.shared.asked().ask(intended);
        lane.prepared.put(opaque, u64::from(lane.number), load::now_ms(), &mut output);
        while !output.is_empty() {
            match lane.writer.try_write(&output) {
                Ok(bytes) => output.advance(bytes),
                Err(full) if full.kind() == ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_micros(20));
                }
                Err(_) => return,
            }
        }
    }
}

/// Reads answers until all that was asked is answered.
async fn read_all(
    load: Load,
    mut reader: OwnedReadHalf,
    shared: Arc<Shared>,
    window: Window,
) -> Result<Tally, BenchError> {
    let mut tally = Tally::default();
    let mut input = BytesMut::with_capacity(64 << 10);
    loop {
        if shared.is_over.load(Ordering::Acquire) && shared.asked().unanswered() == 0 {
            return Ok(tally);
        }
        // Wakes now and then to see whether the window is over.
        match timeout(Duration::from_millis(20), reader.read_buf(&mut input)).await {
            Ok(Ok(0)) => return Err(BenchError::Closed(load.broker)),
            Ok(read) => read?,
            Err(_) => continue,
        };
        let now = Instant::now();
        while let Some(bytes) = frame::frame_bytes(&input)?.filter(|bytes| *bytes <= input.len()) {
            let answer = input.get(..bytes).unwrap_or_default();
            let (since, messages) = load::take(&load, answer, &mut shared.asked(), &mut tally);
            if let Some(since) = since.filter(|since| window.from <= *since && 0 < messages) {
                tally.record(now.saturating_duration_since(since), messages);
            }
            input.advance(bytes);
        }
    }
}
