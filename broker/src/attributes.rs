//! Attributes of topics and groups, and how an administrator changes them.
//!
//! A change is written `+key=value` or `-key`, several separated by commas. While a topic is
//! created only `+` makes sense; afterwards some keys cannot be changed any more.
//!
//! Source: `common/attribute/{AttributeParser,AttributeUtil}.java`, `common/TopicAttributes.java`.

use std::collections::BTreeMap;

use protocol::Text;

/// Names and values.
pub(crate) type Attributes = BTreeMap<Text, Text>;

/// The attribute that names a topic's message type.
pub(crate) const MESSAGE_TYPE: &str = "message.type";
/// The attribute that names a topic's kind of consume queue.
pub(crate) const QUEUE_TYPE: &str = "queue.type";
/// The attribute that says how old messages go.
pub(crate) const CLEANUP_POLICY: &str = "cleanup.policy";

struct Known {
    name: &'static str,
    changeable: bool,
    values: &'static [&'static str],
}

const TOPIC: &[Known] = &[
    Known { name: QUEUE_TYPE, changeable: false, values: &["BatchCQ", "SimpleCQ"] },
    Known { name: CLEANUP_POLICY, changeable: false, values: &["DELETE", "COMPACTION"] },
    Known {
        name: MESSAGE_TYPE,
        changeable: true,
        values: &[
            "UNSPECIFIED",
            "NORMAL",
            "FIFO",
            "DELAY",
            "TRANSACTION",
            "MIXED",
            "LITE",
            "PRIORITY",
        ],
    },
    Known { name: "lite.topic.expiration", changeable: true, values: &[] },
];

/// Reads `+a=b,-c` into its parts.
pub(crate) fn parse(change: &str) -> Result<Attributes, String> {
    let mut parsed = Attributes::new();
    for part in change.split(',').filter(|part| !part.is_empty()) {
        let (key, value) = match part.split_once('=') {
            Some((key, _)) if !key.contains('+') => {
                return Err(format!("add/alter attribute format is wrong: {key}"));
            }
            Some(pair) => pair,
            None if !part.contains('-') => {
                return Err(format!("delete attribute format is wrong: {part}"));
            }
            None => (part, ""),
        };
        if parsed.insert(Text::from(key), Text::from(value)).is_some() {
            return Err(format!("key duplication: {key}"));
        }
    }
    Ok(parsed)
}

/// What a topic's attributes are after a change; `current` is `None` while it is created.
pub(crate) fn alter(
    current: Option<&Attributes>,
    change: &Attributes,
) -> Result<Attributes, String> {
    let mut altered = current.cloned().unwrap_or_default();
    for (signed, value) in change {
        let mut letters = signed.chars();
        let sign = letters.next();
        let key = letters.as_str();
        if key.is_empty() || key.contains(['+', '-']) {
            return Err("kv string format wrong.".to_owned());
        }
        let known = TOPIC.iter().find(|known| known.name == key);
        let exists = current.is_some_and(|current| current.contains_key(key));
        match (sign, current) {
            (Some('+'), _) => {}
            (_, None) => {
                return Err(format!(
                    "only add attribute is supported while creating topic. key: {key}"
                ));
            }
            (Some('-'), Some(_)) if exists => {}
            (Some('-'), Some(_)) => {
                return Err(format!("attempt to delete a nonexistent key: {key}"));
            }
            _ => return Err(format!("wrong format key: {key}")),
        }
        let Some(known) = known else { return Err(format!("unsupported key: {key}")) };
        if current.is_some() && !known.changeable {
            return Err(format!("attempt to update an unchangeable attribute. key: {key}"));
        }
        if sign == Some('-') {
            altered.remove(key);
        } else if known.values.is_empty() || known.values.contains(&value.as_str()) {
            altered.insert(Text::from(key), value.detached());
        } else {
            return Err(format!("value is not in set: {:?}", known.values));
        }
    }
    Ok(altered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(current: Option<&str>, change: &str) -> Result<String, String> {
        let current = match current {
            Some(text) => Some(alter(None, &parse(text)?)?),
            None => None,
        };
        let altered = alter(current.as_ref(), &parse(change)?)?;
        Ok(altered
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect::<Vec<_>>()
            .join(","))
    }

    #[test]
    fn attributes_are_added_changed_and_removed() {
        assert_eq!(Ok("message.type=FIFO".into()), changed(None, "+message.type=FIFO"));
        let old = Some("+message.type=FIFO,+queue.type=SimpleCQ");
        assert_eq!(
            Ok("message.type=DELAY,queue.type=SimpleCQ".into()),
            changed(old, "+message.type=DELAY")
        );
        assert_eq!(Ok("queue.type=SimpleCQ".into()), changed(old, "-message.type"));
        assert_eq!(Ok(String::new()), changed(None, ""));
    }

    #[test]
    fn impossible_changes_say_why() {
        assert!(changed(None, "-message.type").unwrap_err().contains("only add"));
        assert!(changed(Some(""), "-message.type").unwrap_err().contains("nonexistent"));
        assert!(changed(Some(""), "+queue.type=BatchCQ").unwrap_err().contains("unchangeable"));
        assert!(changed(None, "+color=red").unwrap_err().contains("unsupported key: color"));
        assert!(changed(None, "+message.type=ODD").unwrap_err().contains("not in set"));
        assert!(changed(None, "message.type=FIFO").unwrap_err().contains("format is wrong"));
    }
}
