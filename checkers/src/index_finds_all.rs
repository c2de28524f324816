//! C15 INDEX-COMMITLOG: a query by key gives exactly the records that hold the key.
//!
//! Compared with a scan of the commit log.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    audit_facts::KeyQuery,
    history::History,
    ids::{NodeId, TopicId},
    store_facts::StoreImage,
    verdict::{Findings, Pointer},
};

/// An index keeps seconds; a record this close to an edge of the range may be in or out.
const EDGE_MS: i64 = 1_000;

/// Every query by key.
#[must_use]
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "C15",
        "INDEX-COMMITLOG",
        "A query by key gives exactly the records that hold the key in the range asked.",
        "Nothing about records stored within a second of an edge of the range.",
        "queries",
    );
    let images: BTreeMap<NodeId, &StoreImage> =
        history.stores.iter().filter(|image| image.at_rest).map(|one| (one.node, one)).collect();
    let mut keyed = BTreeMap::new();
    for image in images.values() {
        keyed.insert(image.node, by_key(history, image));
    }
    for query in &history.key_queries {
        if let Some(keyed) = keyed.get(&query.broker) {
            findings.count();
            check_query(history, &mut findings, keyed, query);
        }
    }
    findings
}

/// Positions and store times of the records that hold a key.
type Keyed<'a> = BTreeMap<(TopicId, &'a str), Vec<(u64, i64)>>;

fn by_key<'a>(history: &History, image: &'a StoreImage) -> Keyed<'a> {
    let mut keyed = Keyed::new();
    for record in &image.log {
        let Some(fact) = history.queue_fact(record.queue) else { continue };
        for key in record.keys.iter().collect::<BTreeSet<_>>() {
            let place = (record.physical, record.store_ms);
            keyed.entry((fact.topic, key.as_str())).or_default().push(place);
        }
    }
    keyed
}

fn check_query(history: &History, findings: &mut Findings, keyed: &Keyed<'_>, query: &KeyQuery) {
    let place = (query.topic, query.key.as_str());
    let holders = keyed.get(&place).map_or(&[][..], Vec::as_slice);
    let answered: BTreeSet<u64> = query.answered.iter().copied().collect();
    let name = history.node_name(query.broker);
    let what = format!("a query for key {} of {}", query.key, history.topic_name(query.topic));
    let mut violate = |words: String| {
        let words = format!("{what} on {name} {words}");
        findings.violate(history.ended, words, vec![Pointer::Node(query.broker)]);
    };
    if answered.len() != query.answered.len() {
        violate("gave a record twice".to_owned());
    }
    let allowed = |at: i64| {
        query.begin_ms.saturating_sub(EDGE_MS) <= at && at <= query.end_ms.saturating_add(EDGE_MS)
    };
    let wrong = answered
        .iter()
        .find(|physical| !holders.iter().any(|(known, at)| known == *physical && allowed(*at)));
    if let Some(physical) = wrong {
        violate(format!("gave the record at {physical}, which does not hold it in that range"));
    }
    let due = |at: i64| {
        query.begin_ms.saturating_add(EDGE_MS) <= at && at <= query.end_ms.saturating_sub(EDGE_MS)
    };
    let full = u32::try_from(answered.len()).is_ok_and(|count| query.messages_max <= count);
    if !full {
        let missing = holders.iter().find(|(known, at)| due(*at) && !answered.contains(known));
        if let Some((physical, _)) = missing {
            violate(format!("did not give the record at {physical}, which holds it"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{promises::Flush, sample::Sample};

    fn asked(key: &str, answered: &[u64]) -> Findings {
        let mut sample = Sample::new(Flush::Async);
        sample.store_with(&[1, 2]);
        sample.history.key_queries.push(KeyQuery {
            broker: sample.broker,
            topic: sample.topic,
            key: key.to_owned(),
            messages_max: 32,
            begin_ms: -10_000,
            end_ms: 10_000,
            answered: answered.to_vec(),
        });
        check(&sample.history)
    }

    #[test]
    fn exactly_the_holders_pass() {
        assert!(asked("key-2", &[200]).kept());
        assert!(asked("key-9", &[]).kept());
    }

    #[test]
    fn a_missing_a_foreign_and_a_doubled_record_are_found() {
        assert!(asked("key-2", &[]).violations[0].words.contains("did not give"));
        assert!(asked("key-2", &[0, 200]).violations[0].words.contains("does not hold it"));
        assert!(asked("key-2", &[200, 200]).violations[0].words.contains("twice"));
    }
}
