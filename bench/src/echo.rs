//! A server that answers every request with a canned SEND_OK: the wall that no broker can pass on
//! the same machine with the same generator.

use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use protocol::{Command, ResponseCode, Serialization, frame};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{error::BenchError, frames};

/// Listens until it is killed.
pub(crate) async fn run(listen: SocketAddr) -> Result<(), BenchError> {
    let listener = TcpListener::bind(listen).await?;
    println!("echo on {listen}");
    serve(listener).await
}

/// Answers whoever connects.
pub(crate) async fn serve(listener: TcpListener) -> Result<(), BenchError> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(answer_all(stream));
    }
}

async fn answer_all(mut stream: TcpStream) {
    let mut input = BytesMut::with_capacity(64 << 10);
    let mut output = BytesMut::with_capacity(16 << 10);
    loop {
        match stream.read_buf(&mut input).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        while let Ok(Some(bytes)) = frame::frame_bytes(&input) {
            let Some(asked) = input.get(..bytes) else { break };
            if put_canned(asked, &mut output).is_none() {
                return;
            }
            input.advance(bytes);
        }
        if stream.write_all(&output).await.is_err() {
            return;
        }
        output.clear();
    }
}

/// The answer to a send, under the number of the request and in its serialisation.
fn put_canned(asked: &[u8], output: &mut BytesMut) -> Option<()> {
    let mut canned = Command::request(ResponseCode::SUCCESS);
    canned.opaque = frames::seen(asked)?.opaque;
    canned.flag = protocol::FLAG_RESPONSE;
    canned.serialization = Serialization::from_byte(*asked.get(4)?)?;
    canned.set_field("msgId", "7F00000100002A9F0000000000000000");
    canned.set_field("queueId", "0");
    canned.set_field("queueOffset", "0");
    frame::put_frame(&canned, output).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::Prepared;

    #[test]
    fn the_canned_answer_is_a_success_under_the_same_number() {
        for serialization in [Serialization::Json, Serialization::Binary] {
            let (mut asked, mut answer) = (BytesMut::new(), BytesMut::new());
            let mut send = Prepared::send("t", 0, 10, serialization).unwrap();
            send.put(1_000_000_077, 1, 1_700_000_000_000, &mut asked);
            put_canned(&asked, &mut answer).unwrap();
            let answer = frame::take_frame(&mut answer).unwrap().unwrap();
            assert_eq!(
                (answer.opaque, answer.code, answer.is_response()),
                (1_000_000_077, 0, true)
            );
            assert_eq!(answer.serialization, serialization);
        }
    }
}
