//! What a consumer wants of a topic.
//!
//! Source: common/filter/FilterAPI.java.

use std::collections::BTreeSet;

use protocol::{Text, body::SubscriptionData, names, properties::java_hash};

use crate::ReceivedMessage;

/// Which messages of a topic are wanted.
///
/// ```
/// use client::Filter;
/// assert_eq!(Filter::from("*"), Filter::all());
/// assert_eq!(Filter::tags(["eu", "us"]), Filter::from("eu || us"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    expression_type: Text,
    expression: Text,
    /// Sorted, as every client of a group must tell the same thing.
    tags: BTreeSet<Text>,
}

impl Filter {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self::from("*")
    }

    /// Messages with one of these tags.
    #[must_use]
    pub fn tags(tags: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        let tags: Vec<Text> = tags.into_iter().map(Into::into).collect();
        let joined = tags.iter().map(Text::as_str).collect::<Vec<_>>().join(" || ");
        Self::from(joined.as_str())
    }

    /// Messages whose properties satisfy an SQL92 expression; brokers can be set up to refuse it.
    #[must_use]
    pub fn sql(expression: impl Into<Text>) -> Self {
        let expression_type = Text::from_static("SQL92");
        Self { expression_type, expression: expression.into(), tags: BTreeSet::new() }
    }

    pub(crate) fn subscription(&self, topic: &Text, version: i64) -> SubscriptionData {
        SubscriptionData {
            class_filter_mode: false,
            codes: self.tags.iter().map(|tag| java_hash(tag)).collect(),
            expression_type: self.expression_type.clone(),
            expression: self.expression.clone(),
            sub_version: version,
            tags: self.tags.clone(),
            topic: topic.clone(),
        }
    }

    pub(crate) fn expression(&self) -> &Text {
        &self.expression
    }

    pub(crate) fn expression_type(&self) -> &Text {
        &self.expression_type
    }

    /// Whether a message is wanted. The broker compares only hashes of tags, so the client must
    /// look again.
    pub(crate) fn wants(&self, message: &ReceivedMessage) -> bool {
        self.tags.is_empty() || message.tag().is_some_and(|tag| self.tags.contains(tag))
    }
}

impl From<&str> for Filter {
    /// `*`, or tags separated by `||`.
    fn from(expression: &str) -> Self {
        let tags: BTreeSet<Text> = expression
            .split("||")
            .map(str::trim)
            .filter(|tag| !tag.is_empty() && *tag != "*")
            .map(Text::from)
            .collect();
        let everything = expression.trim().is_empty() || expression.trim() == "*";
        let expression = if everything { "*" } else { expression };
        Self { expression_type: Text::from_static("TAG"), expression: expression.into(), tags }
    }
}

/// The subscription that brings back what could not be consumed.
pub(crate) fn to_retries(group: &str) -> (Text, Filter) {
    (names::retry_topic(group), Filter::all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_told_by_name_and_by_java_hash() {
        let data = Filter::from(" A ||B|| A").subscription(&Text::from("t"), 5);
        assert_eq!(data.tags, BTreeSet::from([Text::from("A"), Text::from("B")]));
        assert_eq!(data.codes, BTreeSet::from([65, 66]));
        assert_eq!((data.expression.as_str(), data.sub_version), (" A ||B|| A", 5));
    }

    #[test]
    fn everything_and_sql_name_no_tags() {
        for filter in [Filter::all(), Filter::from(""), Filter::sql("a > 1")] {
            assert!(filter.subscription(&Text::from("t"), 0).tags.is_empty());
        }
        assert_eq!(Filter::from(" ").expression(), "*");
    }
}
