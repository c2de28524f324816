//! What fastjson takes, and what it does not.

use super::*;
use crate::limits::HEADER_DEPTH_MAX;

fn header(text: &str) -> Result<Command, JsonHeaderError> {
    read(&Text::from(text))
}

fn field(text: &str, name: &str) -> Option<String> {
    header(text).unwrap().field(name).map(|value| value.as_str().to_owned())
}

#[test]
fn a_header_without_members_has_javas_initial_values() {
    let command = header("{}").unwrap();
    assert_eq!((command.code, command.version, command.opaque, command.flag), (0, 0, 0, 0));
    assert_eq!(command.language, Language::Java);
    assert_eq!((command.remark, command.fields), (None, None));
}

#[test]
fn members_come_in_any_order_with_anything_between_them() {
    let command = header(
        "\u{FEFF} { // by hand\n 'opaque' : 12 , \"unknown\" : { \"a\" : [ 1, {}, 'x' ] }, code:11,\
         \t\"version\":\"513\", /* so */ \"language\":'GO',\"remark\":null,\"flag\":1.9, }  ",
    )
    .unwrap();
    assert_eq!((command.code, command.opaque, command.version, command.flag), (11, 12, 513, 1));
    assert_eq!(command.language, Language::Go);
    assert_eq!(command.remark, None);
}

#[test]
fn the_last_of_two_equal_names_wins() {
    assert_eq!(header(r#"{"code":1,"code":2}"#).unwrap().code, 2);
    let twice = r#"{"extFields":{"a":"1","b":"2","a":"3"}}"#;
    assert_eq!(field(twice, "a").as_deref(), Some("3"));
    assert_eq!(field(r#"{"extFields":{"a":"1","a":null}}"#, "a"), None);
    let command = header(r#"{"extFields":{"a":"1"},"extFields":null}"#).unwrap();
    assert_eq!(command.fields, None);
}

#[test]
fn a_field_that_is_no_string_becomes_its_text() {
    let text = r#"{"extFields":{"n":-12.5,"t":true,"o":{"x":[1, "}"]},"a":[1],"z":null, 7:"k"}}"#;
    assert_eq!(field(text, "n").as_deref(), Some("-12.5"));
    assert_eq!(field(text, "t").as_deref(), Some("true"));
    assert_eq!(field(text, "o").as_deref(), Some(r#"{"x":[1, "}"]}"#));
    assert_eq!(field(text, "a").as_deref(), Some("[1]"));
    assert_eq!(field(text, "z"), None);
    assert_eq!(field(text, "7").as_deref(), Some("k"));
}

#[test]
fn escapes_are_read_and_written_as_fastjson_does() {
    let text = r#"{"extFields":{"e":"\"\\\/\b\f\n\r\t\u0001\u00e9\ud83d\ude00\x41\'"}}"#;
    let value = field(text, "e").unwrap();
    assert_eq!(value, "\"\\/\u{8}\u{c}\n\r\t\u{1}é😀A'");
    let mut output = Vec::new();
    put_string("\"\\/\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}é😀", &mut output);
    assert_eq!(output, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}é😀\"".as_bytes());
    // Half a pair is no character.
    assert_eq!(field(r#"{"extFields":{"e":"\ud83dx\ude00"}}"#, "e").unwrap(), "\u{FFFD}x\u{FFFD}");
    assert_eq!(header(r#"{"remark":"\q"}"#), Err(ScanError::Escape { at: 11 }.into()));
    assert_eq!(header(r#"{"remark":"\u12"}"#), Err(ScanError::Escape { at: 11 }.into()));
}

#[test]
fn a_field_without_an_escape_is_a_view_into_the_frame() {
    let text = Text::from(r#"{"extFields":{"topic":"orders"}}"#);
    let command = read(&text).unwrap();
    let value = command.field("topic").unwrap();
    assert_eq!(value.as_ptr(), text[text.find("orders").unwrap()..].as_ptr());
}

#[test]
fn what_is_no_integer_is_named() {
    let wrong = |text: &str| header(text).unwrap_err().to_string();
    assert_eq!(wrong(r#"{"code":"ten"}"#), r#"code is "ten", not a 32-bit integer"#);
    assert_eq!(
        wrong(r#"{"opaque":99999999999}"#),
        r#"opaque is "99999999999", not a 32-bit integer"#
    );
    assert_eq!(wrong(r#"{"flag":{}}"#), r#"flag is "{}", not a 32-bit integer"#);
    assert_eq!(header(r#"{"code":-2147483648,"flag":true,"opaque":""}"#).unwrap().code, i32::MIN);
    let long = format!("{{\"version\":\"{}\"}}", "x".repeat(10_000));
    assert!(wrong(&long).len() < 128);
}

#[test]
fn what_is_no_object_is_refused_with_its_place() {
    for (text, message) in [
        ("", "expected an object at byte 0, found None"),
        ("null", "expected an object at byte 0, found Some('n')"),
        ("[1]", "expected an object at byte 0, found Some('[')"),
        ("{", "expected a name at byte 1, found None"),
        ("{\"code\"", "expected a colon at byte 7, found None"),
        ("{\"code\":1", "expected a comma or a closing brace at byte 9, found None"),
        ("{\"code\":1} x", "expected the end at byte 11, found Some('x')"),
        ("{\"code\":1}{}", "expected the end at byte 10, found Some('{')"),
        ("{\"remark\":\"abc", "expected a closing quote at byte 14, found None"),
        ("{\"x\":[}", "expected the other closing bracket at byte 6, found Some('}')"),
        ("{\"x\":/* ", "expected the end of a comment at byte 8, found None"),
        ("{\"x\":\u{1}}", "expected a value at byte 5, found Some('\\u{1}')"),
    ] {
        assert_eq!(header(text).unwrap_err().to_string(), message, "{text:?}");
    }
}

#[test]
fn depth_and_number_of_fields_have_a_limit() {
    let nested = |depth: usize| format!("{{\"x\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(header(&nested(HEADER_DEPTH_MAX)).is_ok());
    let limit = HEADER_DEPTH_MAX;
    let too_deep = header(&nested(HEADER_DEPTH_MAX + 1)).unwrap_err();
    assert_eq!(too_deep, ScanError::TooDeep { limit, at: 5 + limit }.into());
    assert!(header(&nested(1_000_000)).is_err());

    let many = |count: usize| {
        let fields: Vec<_> = (0..count).map(|index| format!("\"f{index}\":\"1\"")).collect();
        format!("{{\"extFields\":{{{}}}}}", fields.join(","))
    };
    assert!(header(&many(FIELDS_MAX)).is_ok());
    let limit = FIELDS_MAX;
    assert_eq!(header(&many(FIELDS_MAX + 1)), Err(JsonHeaderError::TooManyFields { limit }));
}

#[test]
fn integers_are_written_in_full() {
    for value in [0, 7, -1, 310, i32::MAX, i32::MIN] {
        let mut output = Vec::new();
        put_integer(value, &mut output);
        assert_eq!(output, value.to_string().as_bytes());
    }
}

#[test]
fn an_unknown_language_is_other() {
    assert_eq!(header(r#"{"language":"COBOL"}"#).unwrap().language, Language::Other);
    assert_eq!(header(r#"{"language":9}"#).unwrap().language, Language::Go);
    assert_eq!(header(r#"{"language":null}"#).unwrap().language, Language::Java);
}
