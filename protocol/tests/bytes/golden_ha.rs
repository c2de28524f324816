//! Replication as a Java 5.5.0 master and its slave speak it.
//!
//! First connection: an empty slave, three messages before it and two while it is there. Second:
//! the same slave after a restart.

use bytes::{Bytes, BytesMut};
use proptest::{collection::vec, prelude::*};
use protocol::{
    ha::{HaError, plain},
    limits::TRANSFER_BYTES_MAX,
};

use crate::captured::hexadecimal;

struct Connection {
    /// Every word in the order in which it was said, as JSON.
    words: &'static str,
    to_master: &'static str,
    to_slave: &'static str,
}

const CONNECTIONS: [Connection; 2] = [
    Connection {
        words: include_str!("../golden/ha/default_conn1.jsonl"),
        to_master: include_str!("../golden/ha/default_conn1_slave_to_master.hex"),
        to_slave: include_str!("../golden/ha/default_conn1_master_to_slave.hex"),
    },
    Connection {
        words: include_str!("../golden/ha/default_conn2.jsonl"),
        to_master: include_str!("../golden/ha/default_conn2_slave_to_master.hex"),
        to_slave: include_str!("../golden/ha/default_conn2_master_to_slave.hex"),
    },
];

impl Connection {
    fn words_of(&self, direction: &str) -> Vec<serde_json::Value> {
        let words = self.words.lines().map(|line| serde_json::from_str(line).unwrap());
        words.filter(|word: &serde_json::Value| word["dir"] == direction).collect()
    }
}

/// The bytes of one direction.
fn stream(digits: &str) -> Vec<u8> {
    hexadecimal(&digits.split_whitespace().collect::<String>())
}

/// Everything that can be taken from a stream that arrives in pieces.
fn taken<T>(
    stream: &[u8],
    piece_bytes: usize,
    take: impl Fn(&mut BytesMut) -> Result<Option<T>, HaError>,
) -> (Vec<T>, BytesMut) {
    let (mut words, mut input) = (Vec::new(), BytesMut::new());
    for piece in stream.chunks(piece_bytes) {
        input.extend_from_slice(piece);
        while let Some(word) = take(&mut input).unwrap() {
            words.push(word);
        }
    }
    (words, input)
}

#[test]
fn every_report_of_a_java_slave_is_read_and_written_again_byte_for_byte() {
    for connection in CONNECTIONS {
        let stream = stream(connection.to_master);
        let (reports, rest) = taken(&stream, 3, plain::take_report);
        assert!(rest.is_empty());
        let said = connection.words_of("slave_to_master");
        let said = said.iter().map(|word| word["max_offset"].as_u64().unwrap());
        assert_eq!(said.collect::<Vec<_>>(), reports);

        let mut again = BytesMut::new();
        reports.iter().for_each(|&end| plain::put_report(end, &mut again));
        assert_eq!(stream, again);
    }
}

#[test]
fn every_transfer_of_a_java_master_is_read_and_written_again_byte_for_byte() {
    for connection in CONNECTIONS {
        let stream = stream(connection.to_slave);
        let (transfers, rest) = taken(&stream, 100, plain::take_transfer);
        assert!(rest.is_empty());
        let said = connection.words_of("master_to_slave");
        assert_eq!(said.len(), transfers.len());
        for (said, transfer) in said.iter().zip(&transfers) {
            assert_eq!(said["offset"].as_u64(), Some(transfer.at));
            assert_eq!(said["body_size"].as_u64(), Some(transfer.bytes.len() as u64));
            assert_eq!(said["body_size"] == 0, transfer.is_heartbeat());
        }

        let mut again = BytesMut::new();
        for transfer in &transfers {
            plain::put_transfer_head(transfer.at, transfer.bytes.len(), &mut again);
            again.extend_from_slice(&transfer.bytes);
        }
        assert_eq!(stream, again);
    }
}

#[test]
fn the_bytes_of_a_transfer_begin_with_a_record_that_says_where_it_lies() {
    let stream = stream(CONNECTIONS[0].to_slave);
    let (transfers, _) = taken(&stream, stream.len(), plain::take_transfer);
    for transfer in transfers.iter().filter(|transfer| !transfer.is_heartbeat()) {
        let mut bytes = transfer.bytes.clone();
        let mut at = transfer.at;
        while !bytes.is_empty() {
            let protocol::record::Start::Record { total_bytes } =
                protocol::record::start(&bytes).unwrap()
            else {
                panic!("no record at {at}")
            };
            let record = protocol::record::RecordView::parse(bytes.split_to(total_bytes)).unwrap();
            assert_eq!(u64::try_from(record.physical_offset()), Ok(at));
            at += total_bytes as u64;
        }
    }
}

#[test]
fn what_no_peer_says_is_refused_with_value_and_limit() {
    let report = plain::take_report(&mut BytesMut::from(&(-1i64).to_be_bytes()[..]));
    assert_eq!(report, Err(HaError::OffsetNegative { offset: -1 }));
    for said in [-1, i32::try_from(TRANSFER_BYTES_MAX).unwrap() + 1, i32::MAX] {
        let mut input = BytesMut::from(&7i64.to_be_bytes()[..]);
        input.extend_from_slice(&said.to_be_bytes());
        let told = plain::take_transfer(&mut input).unwrap_err().to_string();
        assert_eq!(told, format!("a transfer of {said} bytes at offset 7, the limit is 4194292"));
    }
}

proptest! {
    #[test]
    fn transfers_survive_the_way_however_they_are_cut(
        transfers in vec((0..u64::MAX / 2, vec(any::<u8>(), 0..300)), 0..8),
        piece_bytes in 1..64usize,
    ) {
        let mut stream = BytesMut::new();
        for (at, bytes) in &transfers {
            plain::put_transfer_head(*at, bytes.len(), &mut stream);
            stream.extend_from_slice(bytes);
        }
        let (arrived, rest) = taken(&stream, piece_bytes, plain::take_transfer);
        prop_assert!(rest.is_empty());
        let sent: Vec<_> = transfers
            .into_iter()
            .map(|(at, bytes)| plain::Transfer { at, bytes: Bytes::from(bytes) })
            .collect();
        prop_assert_eq!(sent, arrived);
    }

    #[test]
    fn any_bytes_are_taken_or_refused_and_never_more_given_out_than_came_in(
        bytes in vec(any::<u8>(), 0..200),
    ) {
        let mut input = BytesMut::from(&bytes[..]);
        let mut given = 0;
        while let Ok(Some(transfer)) = plain::take_transfer(&mut input) {
            given += plain::TRANSFER_HEAD_BYTES + transfer.bytes.len();
        }
        prop_assert_eq!(given + input.len(), bytes.len());
        let mut input = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = plain::take_report(&mut input) {}
        prop_assert!(input.len() <= bytes.len());
    }
}
