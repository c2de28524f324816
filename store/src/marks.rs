//! What the store wants to know of a message's properties: its tag, its keys, its delay.

use protocol::{
    names::SCHEDULE_TOPIC,
    properties::{self, java_hash},
    sys_flag,
};

use crate::index::{key_hash, tag_hash};

/// Found in one pass over the text of the properties; of two equal names the last counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks<'a> {
    tags: Option<&'a str>,
    keys: Option<&'a str>,
    unique_key: Option<&'a str>,
    delay: Option<&'a str>,
}

impl<'a> Marks<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let mut marks = Self::default();
        for (name, value) in properties::entries(text) {
            match name {
                properties::TAGS => marks.tags = Some(value),
                properties::KEYS => marks.keys = Some(value),
                properties::UNIQ_KEY => marks.unique_key = Some(value),
                properties::DELAY => marks.delay = Some(value),
                _ => {}
            }
        }
        marks
    }

    /// What a slot of this message holds to filter by. For a delayed message it is the time of
    /// delivery instead (store/CommitLog.java, `checkMessageAndReturnSize`).
    pub(crate) fn slot_tag(&self, topic: &str, stored_ms: i64, levels_ms: &[i64]) -> i64 {
        if topic == SCHEDULE_TOPIC
            && let Some(level) = self.delay.and_then(|level| level.parse::<usize>().ok())
            && 0 < level
        {
            let delay_ms = levels_ms.get(level.min(levels_ms.len()).wrapping_sub(1));
            return stored_ms.saturating_add(delay_ms.copied().unwrap_or(1000));
        }
        self.tags.map_or(0, |tags| i64::from(java_hash(tags)))
    }

    /// All keys: the unique one, then the words of KEYS.
    pub(crate) fn all_keys(&self) -> impl Iterator<Item = &'a str> {
        let words = self.keys.unwrap_or_default().split(properties::KEY_SEPARATOR);
        self.unique_key.into_iter().chain(words.filter(|word| !word.is_empty()))
    }

    /// Whether it has this tag.
    pub(crate) fn has_tag(&self, tag: &str) -> bool {
        self.tags == Some(tag)
    }

    /// The hashes of all that the index files a message under: its keys, and since 5.4 its tag.
    pub(crate) fn index_hashes(&self, topic: &str) -> impl Iterator<Item = u32> {
        let tags = self.tags.into_iter().map(move |tag| tag_hash(topic, tag));
        self.all_keys().map(move |key| key_hash(topic, key)).chain(tags)
    }
}

/// Whether a consume queue holds messages with this flag. Both ends of a transaction have no
/// place in a queue; a batch in one record belongs to a queue of another kind.
pub(crate) fn is_queued(flag: i32) -> bool {
    let transaction = sys_flag::transaction(flag);
    let committed = matches!(transaction, sys_flag::TRANSACTION_NOT | sys_flag::TRANSACTION_COMMIT);
    committed && !sys_flag::has(flag, sys_flag::INNER_BATCH)
}

/// Whether the keys of messages with this flag are indexed.
pub(crate) fn is_indexed(flag: i32) -> bool {
    sys_flag::transaction(flag) != sys_flag::TRANSACTION_ROLLBACK
}

/// Whether a topic can be the name of a directory: a record off a disk may claim any.
pub(crate) fn is_topic(topic: &str) -> bool {
    let bytes = topic.len();
    (1..=255).contains(&bytes)
        && topic != "."
        && topic != ".."
        && !topic.contains(['/', '\\', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_filed_under_its_unique_key_first_and_then_under_each_word_of_its_keys() {
        let text = "KEYS\u{1}b  a\u{2}UNIQ_KEY\u{1}u\u{2}TAGS\u{1}T\u{2}";
        let marks = Marks::of(text);
        assert_eq!(marks.all_keys().collect::<Vec<_>>(), ["u", "b", "a"]);
        assert_eq!(marks.index_hashes("t").last(), Some(key_hash("t", "T#T")));
        assert_eq!(marks.slot_tag("orders", 7, &[]), 84);
    }

    #[test]
    fn a_delayed_message_is_filed_under_the_time_of_its_delivery() {
        let levels = [1000, 5000];
        for (delay, expected) in [("2", 5007), ("99", 5007), ("0", 0), ("x", 0)] {
            let text = format!("DELAY\u{1}{delay}\u{2}");
            let marks = Marks::of(&text);
            assert_eq!(marks.slot_tag(SCHEDULE_TOPIC, 7, &levels), expected);
            assert_eq!(marks.slot_tag("orders", 7, &levels), 0);
        }
    }

    #[test]
    fn a_topic_that_would_climb_out_of_its_directory_is_none() {
        assert!(is_topic("%RETRY%group"));
        for topic in ["", ".", "..", "a/b", "a\\b", "a\0b"] {
            assert!(!is_topic(topic), "{topic:?}");
        }
    }
}
