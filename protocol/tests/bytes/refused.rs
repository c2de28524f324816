//! What no frame may be: each is refused with an error that names the thing, the value and the
//! limit. What Java reads leniently and we do too has its test here as well.

use bytes::{Bytes, BytesMut};
use protocol::{
    Command,
    frame::{FrameError, frame_bytes, put_frame, take_frame},
};

use crate::hostile::framed;

const JSON: u8 = 0;
const BINARY: u8 = 1;

fn taken(mut frame: BytesMut) -> Result<Option<Command>, FrameError> {
    take_frame(&mut frame)
}

fn told(frame: BytesMut) -> String {
    taken(frame).unwrap_err().to_string()
}

/// A binary header: its fixed part, and whatever follows it.
fn binary(rest: &[&[u8]]) -> Vec<u8> {
    let mut header = vec![0, 11, 0, 2, 1, 0, 0, 0, 9, 0, 0, 0, 0];
    header.extend(rest.concat());
    header
}

/// The fields of a binary header.
fn fields(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
        bytes.extend(*name);
        bytes.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        bytes.extend(*value);
    }
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    binary(&[&[0; 4], &length, &bytes])
}

#[test]
fn a_truncated_frame_waits_and_a_truncated_header_is_refused() {
    let mut whole = BytesMut::new();
    put_frame(&Command::request(34).with_body("body"), &mut whole).unwrap();
    for cut in 0..whole.len() {
        assert_eq!(taken(BytesMut::from(&whole[..cut])), Ok(None));
    }
    let cut = "JSON header: expected a comma or a closing brace at byte 9, found None";
    assert_eq!(told(framed(JSON, b"{\"code\":1", b"")), cut);
    let cut = "binary header: the fixed part needs 13 bytes, the header has 2 left";
    assert_eq!(told(framed(BINARY, &[0, 11], b"")), cut);
    let cut = "binary header: the remark needs 256 bytes, the header has 2 left";
    assert_eq!(told(framed(BINARY, &binary(&[&[0, 0, 1, 0], b"ok"]), b"")), cut);
}

#[test]
fn an_oversized_frame_is_refused_by_its_first_bytes() {
    let length = |bytes: u32| frame_bytes(&bytes.to_be_bytes());
    assert_eq!(length(16 * 1024 * 1024 - 4), Ok(None));
    let told = length(16 * 1024 * 1024 - 3).unwrap_err().to_string();
    assert_eq!(told, "a frame of 16777217 bytes exceeds the limit of 16777216 bytes");
    // What an HTTP client sends, read as a length.
    let told = frame_bytes(b"GET / HTTP/1.1\r\n").unwrap_err().to_string();
    assert_eq!(told, "a frame of 1195725860 bytes exceeds the limit of 16777216 bytes");
}

#[test]
fn a_header_that_reaches_past_its_frame_is_refused() {
    let mut frame = framed(JSON, b"{}", b"");
    frame[7] = 3;
    assert_eq!(told(frame), "a header of 3 bytes in a frame with room for 2");
}

#[test]
fn a_negative_length_is_refused() {
    let told_length = |length: i32| frame_bytes(&length.to_be_bytes()).unwrap_err().to_string();
    let limit = "is less than the 4 bytes of a header length";
    for length in [-1, i32::MIN, 0, 3] {
        assert_eq!(told_length(length), format!("a frame length of {length} {limit}"));
    }
    let remark = framed(BINARY, &binary(&[&[0xFF; 4]]), b"");
    assert_eq!(told(remark), "binary header: the length of the remark is -1");
    let all = framed(BINARY, &binary(&[&[0; 4], &[0x80, 0, 0, 0]]), b"");
    assert_eq!(told(all), "binary header: the length of all fields is -2147483648");
    let name = framed(BINARY, &binary(&[&[0; 4], &[0, 0, 0, 6], &[0xFF; 6]]), b"");
    assert_eq!(told(name), "binary header: the length of the name of a field is -1");
    let value = [&[0, 0, 0, 7][..], &[0, 1, b'a', 0xFF, 0xFF, 0xFF, 0xFE]];
    let value = framed(BINARY, &binary(&[&[0; 4], value[0], value[1]]), b"");
    assert_eq!(told(value), "binary header: the length of the value of a field is -2");
}

#[test]
fn a_text_that_is_not_utf8_is_refused_with_its_place() {
    let header = b"{\"remark\":\"\xC3(\"}";
    assert_eq!(told(framed(JSON, header, b"")), "header: not UTF-8 from byte 11 of 15");
    let remark = framed(BINARY, &binary(&[&[0, 0, 0, 2], b"a\xFF", &[0; 4]]), b"");
    assert_eq!(told(remark), "binary header: the remark: not UTF-8 from byte 1 of 2");
    let name = framed(BINARY, &fields(&[(b"\xFE", b"v")]), b"");
    assert_eq!(told(name), "binary header: the name of a field: not UTF-8 from byte 0 of 1");
    let value = framed(BINARY, &fields(&[(b"n", b"ok\xED\xA0\x80")]), b"");
    assert_eq!(told(value), "binary header: the value of a field: not UTF-8 from byte 2 of 5");
    // A body is bytes; nobody asks whether it is a text.
    let body = taken(framed(JSON, b"{}", b"\xFF")).unwrap().unwrap().body;
    assert_eq!(body, Bytes::from_static(b"\xFF"));
}

#[test]
fn a_deeply_nested_header_is_refused_at_its_limit() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for member in ["extFields", "unknown"] {
            let nested = |depth: usize| {
                let (open, close) = (open.repeat(depth), close.repeat(depth));
                framed(JSON, format!("{{\"{member}\":{{\"a\":{open}1{close}}}}}").as_bytes(), b"")
            };
            assert!(taken(nested(60)).is_ok(), "{member} {open}");
            for depth in [70, 200_000] {
                let told = told(nested(depth));
                assert!(told.contains("64"), "{member} {open}: {told}");
            }
        }
    }
}

#[test]
fn the_last_of_duplicated_keys_wins_in_both_serialisations() {
    let header = br#"{"code":1,"extFields":{"a":"1","b":"2","a":"3"},"code":2}"#;
    let command = taken(framed(JSON, header, b"")).unwrap().unwrap();
    assert_eq!((command.code, command.field("a").unwrap().as_str()), (2, "3"));
    assert_eq!(command.fields.unwrap().len(), 2);
    let header = fields(&[(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]);
    let command = taken(framed(BINARY, &header, b"")).unwrap().unwrap();
    assert_eq!(command.field("a").unwrap().as_str(), "3");
    assert_eq!(command.fields.unwrap().len(), 2);
}

#[test]
fn more_fields_than_any_header_has_are_refused() {
    let many: Vec<String> = (0..257).map(|index| format!("\"f{index}\":\"\"")).collect();
    let header = format!("{{\"extFields\":{{{}}}}}", many.join(","));
    assert_eq!(told(framed(JSON, header.as_bytes(), b"")), "JSON header: more than 256 fields");
    let names: Vec<String> = (0..257).map(|index| format!("f{index}")).collect();
    let many: Vec<(&[u8], &[u8])> = names.iter().map(|name| (name.as_bytes(), &b""[..])).collect();
    assert_eq!(told(framed(BINARY, &fields(&many), b"")), "binary header: more than 256 fields");
}

/// The version of a peer is a number it says about itself: the next release must not be refused.
#[test]
fn an_unknown_version_is_kept_as_it_came_and_an_unknown_serialisation_is_refused() {
    for version in [0, -1, 99_999, i32::MAX] {
        let header = format!("{{\"code\":105,\"version\":{version}}}");
        let command = taken(framed(JSON, header.as_bytes(), b"")).unwrap().unwrap();
        assert_eq!((command.code, command.version), (105, version));
    }
    let mut header = binary(&[&[0; 8]]);
    (header[3], header[4]) = (0x7F, 0xFF);
    let command = taken(framed(BINARY, &header, b"")).unwrap().unwrap();
    assert_eq!(command.version, 0x7FFF);
    let told = told(framed(2, b"{}", b""));
    assert_eq!(told, "unknown header serialisation 2; known are 0 (JSON) and 1 (ROCKETMQ)");
}
