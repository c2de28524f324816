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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use bytes::BufMut as _;
    use proptest::{collection::vec, prelude::*};
    use tokio::io::{AsyncRead, AsyncWrite};

    use super::*;

    const FRAME_BYTES_MAX: usize = 1 << 20;

    /// A peer that has sent some bytes, which come in pieces, and then closes.
    struct Sent<'a> {
        bytes: &'a [u8],
        piece: usize,
    }

    impl AsyncRead for Sent<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            room: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let count = self.piece.min(room.remaining()).min(self.bytes.len());
            let (piece, rest) = self.bytes.split_at(count);
            room.put_slice(piece);
            self.bytes = rest;
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Sent<'_> {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl Stream for Sent<'_> {
        fn peer_addr(&self) -> SocketAddr {
            SocketAddr::from(([127, 0, 0, 1], 1))
        }

        fn local_addr(&self) -> SocketAddr {
            SocketAddr::from(([127, 0, 0, 1], 2))
        }

        fn reset(self: Box<Self>) {}
    }

    /// Reads until the peer has closed or said what nobody understands: how many commands that
    /// were, and the most memory they took.
    fn swallowed(bytes: &[u8], piece: usize) -> (usize, usize) {
        let mut input = Input::new(FRAME_BYTES_MAX);
        let mut peer = Sent { bytes, piece };
        let mut context = Context::from_waker(std::task::Waker::noop());
        let (mut commands, mut memory) = (0, 0);
        loop {
            let Poll::Ready(Ok(count)) = input.poll_read(&mut peer, &mut context) else {
                panic!("a peer in memory is always ready")
            };
            memory = memory.max(input.buffer.capacity());
            loop {
                match input.take() {
                    Ok(Some(_)) => commands += 1,
                    Ok(None) => break,
                    Err(refused) => {
                        assert!(refused.to_string().len() < 1_000);
                        return (commands, memory);
                    }
                }
            }
            if count == 0 {
                return (commands, memory);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn raw_bytes(bytes in vec(any::<u8>(), 0..300), piece in 1..64_usize) {
            let (commands, memory) = swallowed(&bytes, piece);
            prop_assert!(commands <= bytes.len() / 8);
            prop_assert!(memory <= 2 * READ_BYTES_MIN + 2 * bytes.len(), "{memory} bytes");
        }

        /// A length is believed for waiting, not for memory: that comes as the bytes come.
        #[test]
        fn lengths_that_promise_more_than_comes(
            length in 4..(1_u32 << 21),
            header in 0..(1_u32 << 21),
            serialization in 0..3_u8,
            sent in 0..5_000_usize,
            piece in 1..4_096_usize,
        ) {
            let mut bytes = BytesMut::new();
            bytes.put_u32(length);
            bytes.put_u32(u32::from(serialization) << 24 | header);
            bytes.put_bytes(b' ', sent);
            let (_, memory) = swallowed(&bytes, piece);
            prop_assert!(memory <= 4 * READ_BYTES_MIN + 4 * bytes.len(), "{memory} bytes");
        }

        #[test]
        fn whole_frames_before_anything_else(
            count in 0..5_usize,
            after in vec(any::<u8>(), 0..40),
            piece in 1..64_usize,
        ) {
            let mut bytes = BytesMut::new();
            for opaque in 0..count {
                let asked = Command::request(34).with_opaque(i32::try_from(opaque).unwrap());
                protocol::frame::put_frame(&asked, &mut bytes).unwrap();
            }
            bytes.extend_from_slice(&after);
            prop_assert!(count <= swallowed(&bytes, piece).0);
        }
    }
}
