//! A server that answers every request with a canned SEND_OK: the wall that no broker can pass on
//! the same machine with the same generator.

use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use protocol::{Command, ResponseCode, frame};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::send::BenchError;

/// Listens until it is killed.
pub(crate) async fn run(listen: SocketAddr) -> Result<(), BenchError> {
    let listener = TcpListener::bind(listen).await?;
    println!("echo on {listen}");
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
            let opaque = opaque(input.get(8..bytes).unwrap_or_default());
            input.advance(bytes);
            let mut canned = Command::request(ResponseCode::SUCCESS);
            canned.opaque = opaque;
            canned.flag = protocol::FLAG_RESPONSE;
            canned.set_field("msgId", "7F00000100002A9F0000000000000000");
            canned.set_field("queueId", "0");
            canned.set_field("queueOffset", "0");
            if frame::put_frame(&canned, &mut output).is_err() {
                return;
            }
        }
        if stream.write_all(&output).await.is_err() {
            return;
        }
        output.clear();
    }
}

/// The number behind `"opaque":`, without reading the rest of the header.
fn opaque(header: &[u8]) -> i32 {
    const NAME: &[u8] = b"\"opaque\":";
    let Some(at) = header.windows(NAME.len()).position(|window| window == NAME) else { return 0 };
    header
        .iter()
        .skip(at + NAME.len())
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0_i32, |number, digit| number.wrapping_mul(10).wrapping_add(i32::from(digit - b'0')))
}
