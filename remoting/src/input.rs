//! Bytes from a peer, and the commands in them.

use std::{
    future::Future,
    io,
    mem::MaybeUninit,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use protocol::{
    Command,
    frame::{FrameError, frame_bytes, take_frame},
};
use runtime::Stream;
use tokio::io::{AsyncReadExt, ReadBuf};

use crate::{
    Ending,
    limits::{READ_BYTES_MAX, READ_BYTES_MIN},
};

/// What was read and is not yet a whole frame.
pub(crate) struct Input {
    buffer: BytesMut,
    frame_bytes_max: usize,
    /// Room for the next read. Doubles when a read fills it, falls back after a quiet time.
    read_bytes: usize,
    /// No frame has been understood yet.
    first: bool,
}

impl Input {
    pub(crate) fn new(frame_bytes_max: usize) -> Self {
        Self { buffer: BytesMut::new(), frame_bytes_max, read_bytes: READ_BYTES_MIN, first: true }
    }

    /// Reads once. 0 means that the peer has closed its side.
    pub(crate) fn poll_read(
        &mut self,
        stream: &mut dyn Stream,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.buffer.capacity() == 0 {
            return self.poll_first_read(stream, context);
        }
        // A long frame gets its memory as it arrives, not as its length promises: what has come
        // so far is doubled at most.
        self.buffer.reserve(self.read_bytes.max(self.buffer.len().min(READ_BYTES_MAX)));
        let room = self.buffer.capacity() - self.buffer.len();
        let read = pin!(stream.read_buf(&mut self.buffer)).poll(context);
        if let Poll::Ready(Ok(count)) = read
            && count == room
        {
            self.read_bytes = (2 * self.read_bytes).min(READ_BYTES_MAX);
        }
        read
    }

    /// Reads into the stack: a connection that only waits for bytes has no buffer.
    fn poll_first_read(
        &mut self,
        stream: &mut dyn Stream,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut room = [const { MaybeUninit::uninit() }; READ_BYTES_MIN];
        let mut read = ReadBuf::uninit(&mut room);
        ready!(Pin::new(stream).poll_read(context, &mut read))?;
        let bytes = read.filled();
        if !bytes.is_empty() {
            self.buffer.reserve(self.read_bytes.max(bytes.len()));
            self.buffer.extend_from_slice(bytes);
        }
        Poll::Ready(Ok(bytes.len()))
    }

    /// The next command. `None`: read more first.
    pub(crate) fn take(&mut self) -> Result<Option<Command>, Ending> {
        self.checked_take().map_err(|cause| {
            let looks_like = self.first.then(|| looks_like(&self.buffer)).flatten();
            Ending::Undecodable { cause, looks_like }
        })
    }

    fn checked_take(&mut self) -> Result<Option<Command>, FrameError> {
        match frame_bytes(&self.buffer)? {
            Some(frame_bytes) if self.frame_bytes_max < frame_bytes => {
                Err(FrameError::TooLong { frame_bytes, limit_bytes: self.frame_bytes_max })
            }
            Some(frame_bytes) if frame_bytes <= self.buffer.len() => {
                let command = take_frame(&mut self.buffer)?;
                self.first = false;
                Ok(command)
            }
            _ => Ok(None),
        }
    }

    /// Bytes of a frame that is not complete.
    pub(crate) fn rest_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Gives memory back that is not in use.
    pub(crate) fn shrink(&mut self) {
        self.read_bytes = READ_BYTES_MIN;
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }
}

/// What a peer speaks that knocked at the wrong door.
fn looks_like(start: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 7] = [
        (b"\x16\x03", "TLS, which is not spoken here"),
        (b"PROXY ", "the HAProxy protocol, which is not spoken here"),
        (b"\r\n\r\n\0\r\nQUIT\n", "the HAProxy protocol, which is not spoken here"),
        (b"GET ", "HTTP"),
        (b"POST ", "HTTP"),
        (b"PRI * HTTP/2", "HTTP/2 (gRPC)"),
        (b"AMQP", "AMQP"),
    ];
    KNOWN.iter().find(|(prefix, _)| start.starts_with(prefix)).map(|(_, name)| *name)
}
