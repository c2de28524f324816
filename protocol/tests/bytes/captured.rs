//! Frames that Java RocketMQ 5.5.0 processes exchanged, one JSON object per line.

use bytes::{Bytes, BytesMut};

/// One captured frame.
pub(crate) struct Captured {
    /// File and label: where to look when a test fails.
    pub(crate) place: String,
    /// As JSON: `code`, `opaque`, `header_json`, ..
    pub(crate) facts: serde_json::Value,
    /// The bytes that were kept, length prefix included.
    pub(crate) frame: Bytes,
    /// How long the whole frame was; more than was kept when its body was cut.
    pub(crate) whole_bytes: usize,
}

impl Captured {
    /// The frame, the part of the body that was not kept replaced by zeroes.
    pub(crate) fn padded(&self) -> BytesMut {
        let mut frame = BytesMut::from(&self.frame[..]);
        frame.resize(self.whole_bytes, 0);
        frame
    }
}

const FILES: [(&str, &str); 18] = [
    ("acting_master", include_str!("../golden/frames/acting_master.jsonl")),
    ("admin", include_str!("../golden/frames/admin.jsonl")),
    ("admin_raw", include_str!("../golden/frames/admin_raw.jsonl")),
    ("broker_namesrv", include_str!("../golden/frames/broker_namesrv.jsonl")),
    ("client_admin_setup", include_str!("../golden/frames/client_admin_setup.jsonl")),
    ("client_consume", include_str!("../golden/frames/client_consume.jsonl")),
    ("client_heartbeat", include_str!("../golden/frames/client_heartbeat.jsonl")),
    ("client_namesrv", include_str!("../golden/frames/client_namesrv.jsonl")),
    ("client_orderly", include_str!("../golden/frames/client_orderly.jsonl")),
    ("client_pop", include_str!("../golden/frames/client_pop.jsonl")),
    ("client_pull_raw", include_str!("../golden/frames/client_pull_raw.jsonl")),
    ("client_request_reply", include_str!("../golden/frames/client_request_reply.jsonl")),
    ("client_send", include_str!("../golden/frames/client_send.jsonl")),
    ("client_trace", include_str!("../golden/frames/client_trace.jsonl")),
    ("client_transaction", include_str!("../golden/frames/client_transaction.jsonl")),
    ("controller", include_str!("../golden/frames/controller.jsonl")),
    ("rocketmq_serialized", include_str!("../golden/frames/rocketmq_serialized.jsonl")),
    ("slave_sync", include_str!("../golden/frames/slave_sync.jsonl")),
];

/// All of them.
pub(crate) fn frames() -> Vec<Captured> {
    let mut frames = Vec::new();
    for (file, lines) in FILES {
        for (number, line) in lines.lines().enumerate() {
            let facts: serde_json::Value = serde_json::from_str(line).expect(file);
            let frame = hexadecimal(facts["frame_hex"].as_str().expect("a frame"));
            let whole =
                facts["frame_len"].as_u64().map(|bytes| usize::try_from(bytes).expect(file));
            let label = facts["label"].as_str().expect("a label");
            let place = format!("{file}.jsonl line {} ({label})", number + 1);
            frames.push(Captured {
                place,
                whole_bytes: whole.unwrap_or(frame.len()),
                facts,
                frame: Bytes::from(frame),
            });
        }
    }
    assert_eq!(frames.len(), 1487);
    frames
}

pub(crate) fn hexadecimal(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("two digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}
