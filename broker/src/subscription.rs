//! Which messages of a topic a consumer wants.
//!
//! Tags are compared by Java's hash of the whole tag text, as the consume queue stores it; the
//! client compares the text itself.

use protocol::{body::SubscriptionData, properties::java_hash};

/// A tag filter over consume queue entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum TagFilter {
    /// Everything.
    #[default]
    All,
    /// Messages with one of these tag hashes, sorted.
    Codes(Vec<i32>),
}

impl TagFilter {
    /// Reads `*` or `TagA || TagB`. An empty text means everything; nothing but bars is an error.
    pub(crate) fn parse(expression: &str) -> Option<Self> {
        let expression = expression.trim();
        if expression.is_empty() || expression == "*" {
            return Some(Self::All);
        }
        let mut codes: Vec<i32> = expression
            .split("||")
            .map(str::trim)
            .filter(|tag| !tag.is_empty())
            .map(java_hash)
            .collect();
        codes.sort_unstable();
        codes.dedup();
        if codes.is_empty() { None } else { Some(Self::Codes(codes)) }
    }

    /// The filter of a heartbeat's subscription. A client that sends tags without their hashes
    /// means the same.
    pub(crate) fn of(subscription: &SubscriptionData) -> Self {
        if subscription.expression == "*" || subscription.class_filter_mode {
            return Self::All;
        }
        let mut codes = subscription.codes.clone();
        if codes.is_empty() {
            codes.extend(subscription.tags.iter().map(|tag| java_hash(tag)));
        }
        Self::Codes(codes.into_iter().collect())
    }

    /// Whether a consume queue entry passes.
    pub(crate) fn matches(&self, tags_code: i64) -> bool {
        match self {
            Self::All => true,
            Self::Codes(codes) => {
                // Hashes are 32 bits wide and stored sign-extended.
                i32::try_from(tags_code).is_ok_and(|code| codes.binary_search(&code).is_ok())
            }
        }
    }
}

/// Whether an expression is about tags; no type at all means tags.
pub(crate) fn is_tag_type(expression_type: Option<&str>) -> bool {
    expression_type.is_none_or(|kind| kind.is_empty() || kind == "TAG")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_match_by_their_hash() {
        let filter = TagFilter::parse(" TagA||TagB || ").unwrap();
        assert!(filter.matches(2_598_919));
        assert!(filter.matches(2_598_920));
        assert!(!filter.matches(0));
        assert!(!filter.matches(2_598_919 + (1 << 32)));
        assert_eq!(Some(TagFilter::All), TagFilter::parse("*"));
        assert_eq!(Some(TagFilter::All), TagFilter::parse(""));
        assert!(TagFilter::All.matches(0));
    }

    #[test]
    fn an_expression_of_nothing_but_bars_is_refused() {
        assert_eq!(None, TagFilter::parse("||"));
    }
}
