//! What the reader takes and the writer gives, against texts that RocketMQ wrote.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::{DEPTH_MAX, JsonError, Key, Number, Style, Value, Wrong, quote, read, write};
use crate::Text;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Queue {
    broker_name: Text,
    queue_id: i32,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Sheet {
    by_number: BTreeMap<i64, Text>,
    by_queue: BTreeMap<Queue, i64>,
    enabled: bool,
    names: Vec<Text>,
    rate: f64,
    remark: Option<Text>,
}

fn sheet(text: &str) -> Result<Sheet, JsonError> {
    read(text.as_bytes())
}

fn text_of(style: Style, value: &impl Serialize) -> String {
    String::from_utf8(write(value, style)).unwrap()
}

fn full() -> Sheet {
    let queue = |queue_id| Queue { broker_name: "broker-a".into(), queue_id };
    Sheet {
        by_number: [(0, "x".into()), (12, "é\u{1}".into())].into(),
        by_queue: [(queue(0), 5), (queue(1), -6)].into(),
        enabled: true,
        names: vec!["a".into(), "b".into()],
        rate: 0.3,
        remark: None,
    }
}

#[test]
fn integer_keys_stand_bare_and_object_keys_stand_as_objects_on_the_wire() {
    assert_eq!(
        text_of(Style::WIRE, &full()),
        "{\"byNumber\":{0:\"x\",12:\"é\\u0001\"},\"byQueue\":{{\"brokerName\":\"broker-a\",\
         \"queueId\":0}:5,{\"brokerName\":\"broker-a\",\"queueId\":1}:-6},\"enabled\":true,\
         \"names\":[\"a\",\"b\"],\"rate\":0.3}"
    );
}

#[test]
fn standard_json_quotes_its_keys_and_is_ascii() {
    let written = text_of(Style::STANDARD, &full());

    assert!(written.is_ascii());
    assert!(written.contains(r#"{"0":"x","12":"\u00e9\u0001"}"#), "{written}");
    assert!(written.contains(r#"{"brokerName":"broker-a","queueId":0}:5"#), "{written}");
    assert_eq!(sheet(&written), Ok(full()));
}

#[test]
fn files_have_a_line_per_member_and_numbers_share_one() {
    let value = Value::from_json(br#"{"a":{},"b":[5,16],"c":["x","y"],"d":{1:2},"e":[]}"#).unwrap();

    assert_eq!(
        text_of(Style::FILE, &value),
        "{\n\t\"a\":{},\n\t\"b\":[5,16],\n\t\"c\":[\n\t\t\"x\",\n\t\t\"y\"\n\t],\n\t\"d\":{\
         \n\t\t1:2\n\t},\n\t\"e\":[]\n}"
    );
}

#[test]
fn every_style_reads_back_to_what_was_written() {
    for style in [Style::WIRE, Style::STANDARD, Style::FILE] {
        assert_eq!(sheet(&text_of(style, &full())), Ok(full()), "{style:?}");
    }
}

#[test]
fn a_member_that_is_null_is_left_out_and_one_in_a_list_is_not() {
    let value = Value::Object(vec![
        (Key::Text("a".into()), Value::Null),
        (Key::Text("b".into()), Value::List(vec![Value::Null])),
    ]);

    assert_eq!(text_of(Style::WIRE, &value), r#"{"b":[null]}"#);
}

#[test]
fn the_reader_takes_what_fastjson_takes() {
    let expected = Sheet { names: vec!["a'b".into(), "7".into()], enabled: true, ..full() };

    let read = sheet(
        "\u{feff}// a comment\n{ 'byNumber' : {'0':'x', 12:\"\\u00e9\\x01\",}, /* another */
          byQueue:{{brokerName:\"broker-a\",'queueId':\"0\"}:5.9,{\"brokerName\":\"broker-a\",
          \"queueId\":1L}:\"-6\"}, unknown:{{1:2}:[1,[2,{x:NaNa}]],y:'z'},
          \"names\":['a\\'b',7,], \"enabled\":\"TRUE\", \"rate\":'0.3', \"remark\":null }"
            .replace("NaNa", "null")
            .as_str(),
    );

    assert_eq!(read, Ok(expected));
}

#[test]
fn null_is_the_default_and_a_single_value_is_a_list() {
    let read =
        sheet(r#"{"byNumber":null,"byQueue":null,"enabled":null,"names":"one","rate":null}"#);

    assert_eq!(read, Ok(Sheet { names: vec!["one".into()], ..Sheet::default() }));
}

#[test]
fn an_object_where_text_is_wanted_is_its_own_text() {
    let read = sheet(r#"{"remark":{"a" : [1, 2]}}"#).unwrap();

    assert_eq!(read.remark, Some(Text::from(r#"{"a" : [1, 2]}"#)));
}

#[test]
fn half_a_utf16_pair_becomes_the_replacement_character() {
    let read: Vec<Text> = read(br#"["\ud83d\ude00","\ud83d","\ud83dx","\ud83d\u0041"]"#).unwrap();

    assert_eq!(read, ["😀", "\u{fffd}", "\u{fffd}x", "\u{fffd}A"].map(Text::from));
}

#[test]
fn an_error_names_the_member_the_value_and_the_place() {
    let shown = |text: &str| {
        let shown = sheet(text).unwrap_err().to_string();
        shown.split_once(" (byte ").unwrap().0.to_owned()
    };

    assert_eq!(shown(r#"{"byNumber":{0:"x","one":"y"}}"#), "byNumber: `one` is not a whole number");
    assert_eq!(shown(r#"{"enabled":"maybe"}"#), "enabled: `maybe` is not true or false");
    assert_eq!(
        shown(r#"{"byQueue":{{"queueId":5000000000}:1}}"#),
        "byQueue.queueId: invalid value: integer `5000000000`, expected i32"
    );
    assert_eq!(
        shown(r#"{"names":["a"}"#),
        "names: found `}` where a comma or the end of the list should be"
    );
    assert_eq!(shown(r#"{"rate":NaN}"#), "rate: `NaN` is not a number");
    assert_eq!(shown("{} x"), "more text after the end of the value");
    assert_eq!(
        shown(r#"{"remark":"abc"#),
        "remark: the text ends where the closing quote should be"
    );
    assert_eq!(shown(r#"{"remark":"a","remark":"b"}"#), "duplicate field `remark`");
    assert_eq!(sheet("{} x").unwrap_err().at_bytes, 3);
    assert_eq!(read::<Value>(b"\"\xff\"").unwrap_err().wrong, Wrong::NotUtf8);
}

#[test]
fn nesting_is_refused_at_its_limit_also_in_members_nobody_wants() {
    let nested = |depth: u32| {
        let brackets = usize::try_from(depth).unwrap();
        format!("{}{}", "[".repeat(brackets), "]".repeat(brackets))
    };
    let limit = Wrong::TooDeep { limit: DEPTH_MAX };

    assert!(Value::from_json(nested(DEPTH_MAX).as_bytes()).is_ok());
    assert_eq!(Value::from_json(nested(DEPTH_MAX + 1).as_bytes()).unwrap_err().wrong, limit);
    assert_eq!(Value::from_json(nested(1_000_000).as_bytes()).unwrap_err().wrong, limit);
    let unknown = format!("{{\"unknown\":{}}}", nested(DEPTH_MAX));
    assert_eq!(sheet(&unknown).unwrap_err().wrong, limit);
    let keys = "{".repeat(100_000);
    assert_eq!(Value::from_json(keys.as_bytes()).unwrap_err().wrong, limit);
}

#[test]
fn a_body_of_nothing_but_empty_objects_is_refused() {
    let body = format!("[{}]", "{},".repeat(1_000_000));

    let wrong = read::<Vec<Sheet>>(body.as_bytes()).unwrap_err().wrong;

    let limit = 4096 + body.len() / 8;
    assert_eq!(wrong, Wrong::TooMany { limit, text_bytes: body.len() });
}

#[test]
fn an_error_does_not_repeat_a_long_token() {
    let error = sheet(&format!("{{\"rate\":{}}}", "x".repeat(1 << 20))).unwrap_err();

    assert!(error.to_string().len() < 100, "{error}");
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Boolean(true)),
        any::<i64>().prop_map(|value| Value::Number(Number::Whole(value))),
        any::<f64>()
            .prop_filter("has a text", |value| value.is_finite())
            .prop_map(|value| Value::Number(Number::Decimal(value))),
        ".{0,8}".prop_map(|text| Value::Text(text.into())),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        let plain = prop_oneof![
            ".{0,8}".prop_map(|text| Key::Text(text.into())),
            any::<i64>().prop_map(Key::Whole),
        ];
        let by_object = proptest::collection::vec((plain.clone(), inner.clone()), 0..3);
        let key = prop_oneof![4 => plain, 1 => by_object.prop_map(Key::Object)];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            proptest::collection::vec((key, inner), 0..6).prop_map(Value::Object),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(value in any_value()) {
        for style in [Style::WIRE, Style::FILE] {
            prop_assert_eq!(&Value::from_json(&value.to_json(style)).unwrap(), &value);
        }
    }

    #[test]
    fn text_survives_both_ways_of_quoting(text in any::<String>()) {
        for style in [Style::WIRE, Style::STANDARD] {
            let written = Value::Text(text.as_str().into()).to_json(style);
            prop_assert_eq!(read::<Text>(&written).unwrap(), text.as_str());
            prop_assert_eq!(serde_json::from_slice::<String>(&written).unwrap(), text.as_str());
        }
    }

    #[test]
    fn raw_bytes_never_panic_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(Value::from_json(&bytes));
        drop(read::<Sheet>(&bytes));
    }

    #[test]
    fn almost_json_never_panics_the_reader(
        text in "([{}\\[\\],:\"'\\\\/* u]|null|true|-?[0-9]{1,3}|\"names\"|é|x){0,40}",
    ) {
        drop(Value::from_json(text.as_bytes()));
        drop(sheet(&text));
    }

    #[test]
    fn a_cut_or_bent_body_never_panics_the_reader(at in 0_usize..160, byte in any::<u8>()) {
        let whole = write(&full(), Style::WIRE);
        drop(read::<Sheet>(&whole[..at.min(whole.len())]));
        let mut bent = whole.clone();
        if let Some(place) = bent.get_mut(at) {
            *place = byte;
        }
        drop(read::<Sheet>(&bent));
    }
}

#[test]
fn control_characters_are_escaped_as_fastjson_does() {
    let mut out = Vec::new();
    quote("a\"\\/\u{8}\t\n\u{c}\r\u{1}\u{1f}\u{7f}é", &mut out);

    assert_eq!(
        String::from_utf8(out).unwrap(),
        "\"a\\\"\\\\/\\b\\t\\n\\f\\r\\u0001\\u001f\u{7f}é\""
    );
}
