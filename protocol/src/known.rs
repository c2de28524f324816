//! Texts that nearly every header holds, as constants.
//!
//! A view into a frame costs a count of references up and, later, down again, on memory that
//! another core may hold. The names of fields and most of their short values are always the same
//! few: for these the count is saved.

use crate::Text;

/// The constant that equals `text`, when there is one.
pub(crate) fn known(text: &str) -> Option<Text> {
    find(text).map(Text::from_static)
}

macro_rules! ascii {
    ($($byte:literal)*) => {
        /// The text of one letter or digit, of those that headers use alone.
        const fn one(byte: u8) -> Option<&'static str> {
            match byte {
                $($byte => match str::from_utf8(&[$byte]) {
                    Ok(text) => Some(text),
                    Err(_) => None,
                },)*
                _ => None,
            }
        }
    };
}

ascii! {
    b'0' b'1' b'2' b'3' b'4' b'5' b'6' b'7' b'8' b'9'
    b'a' b'b' b'c' b'd' b'e' b'f' b'g' b'h' b'i' b'j' b'k' b'l' b'm' b'n'
}

fn find(text: &str) -> Option<&'static str> {
    match text.as_bytes() {
        [byte] => return one(*byte),
        [] => return Some(""),
        _ => {}
    }
    // By length first: then at most a handful are compared.
    let candidates: &[&'static str] = match text.len() {
        2 => &["-1", "32", "lo"],
        3 => &["TAG", "exp", "nsd"],
        4 => &["ReqT", "oway", "true"],
        5 => &["15000", "20000", "batch", "bname", "false", "group", "msgId", "order", "topic"],
        6 => &["TBW102", "hasMsg", "offset"],
        7 => &["expType", "popTime", "queueId", "restNum", "suspend", "sysFlag"],
        8 => &["TRACE_ON", "bornTime", "clientID", "clientId", "initMode", "pollTime"],
        9 => &["attemptId", "extraInfo", "maxOffset", "minOffset", "reviveQid", "timestamp"],
        10 => &["MSG_REGION", "brokerName", "maxMsgNums", "subVersion"],
        11 => &["batchUniqId", "maxMsgBytes", "offsetDelta", "pollingFull", "queueOffset"],
        12 => &["commitOffset", "groupSysFlag", "recallHandle", "subscription", "topicSysFlag"],
        13 => &[
            "DefaultRegion",
            "consumerGroup",
            "forbiddenType",
            "invisibleTime",
            "msgOffsetInfo",
            "producerGroup",
            "requestSource",
            "transactionId",
        ],
        14 => &["expressionType", "orderCountInfo"],
        15 => &["nextBeginOffset", "startOffsetInfo"],
        20 => &["suggestWhichBrokerId", "suspendTimeoutMillis"],
        _ => &[],
    };
    // Most texts are not among them, and most of those differ in the first byte.
    let first = text.as_bytes().first();
    let same = |candidate: &&&str| candidate.as_bytes().first() == first && **candidate == text;
    candidates.iter().find(same).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_text_equals_what_was_asked_and_nothing_else_is_known() {
        for text in
            ["", "a", "0", "n", "true", "maxMsgNums", "consumerGroup", "suspendTimeoutMillis"]
        {
            assert_eq!(known(text), Some(Text::from(text)));
        }
        for text in ["z", "A", "tru", "maxMsgNum", "é", "consumerGrouq"] {
            assert_eq!(known(text), None);
        }
    }

    #[test]
    fn every_candidate_stands_under_its_own_length() {
        let names = "true false topic bname queueId sysFlag minOffset maxOffset subVersion \
                     queueOffset maxMsgNums commitOffset subscription consumerGroup invisibleTime \
                     expressionType nextBeginOffset suggestWhichBrokerId suspendTimeoutMillis \
                     msgId transactionId MSG_REGION TRACE_ON offsetDelta topicSysFlag groupSysFlag \
                     forbiddenType ReqT expType popTime reviveQid restNum startOffsetInfo \
                     orderCountInfo extraInfo maxMsgBytes TAG TBW102 DefaultRegion recallHandle";
        for name in names.split_whitespace() {
            assert!(known(name).is_some(), "{name}");
        }
    }
}
