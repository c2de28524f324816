//! What a recovered store must hold.

use bytes::Bytes;
use runtime::Disk;
use store::{GetStatus, Opened, Store, Want};

use super::{
    Trouble,
    player::table_of,
    script::Recipient,
    sent::{COMMON_KEY, Expected, FLEETING, LASTING, Sent, topic_of},
    stage::Stage,
};

/// What a recovery came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// First byte of the log.
    pub(super) start: u64,
    /// End of the log.
    pub(super) end: u64,
    /// The offset that the next message of each queue would get, summed up.
    pub(super) next: i64,
    /// The version of the table.
    pub(super) table: u64,
}

const QUEUES: [Recipient; 4] =
    [Recipient::Lasting(0), Recipient::Lasting(1), Recipient::Lasting(2), Recipient::Fleeting];

fn queue_id(queue: Recipient) -> i32 {
    match queue {
        Recipient::Lasting(queue_id) => queue_id,
        Recipient::Fleeting | Recipient::Prepared => 0,
    }
}

/// Looks through all of a store that has just been opened: it holds what was sent, up to its end
/// and not a byte else, and every way to a message leads to it.
pub(super) fn look(
    (store, opened, stage): (&Store, &Opened, &Stage),
    expected: &Expected,
) -> Result<Verdict, Trouble> {
    let extent = store.extent();
    let (start, end) = (extent.start, extent.end);
    if opened.unqueued != 0 || opened.end != end || extent.durable != end {
        return Err(Trouble::from(format!("an odd start: {opened:?}, {extent:?}")));
    }
    let there = |sent: &&Sent| start <= sent.start && sent.end <= end;
    let there: Vec<&Sent> = expected.sent.iter().filter(there).collect();
    let torn = expected.sent.iter().find(|sent| sent.start < end && end < sent.end);
    if let Some(torn) = torn {
        return Err(Trouble::from(format!("the log ends at {end}, inside of {}", at(torn))));
    }
    for sent in &there {
        let record = store.view(sent.start);
        let record = record.map_err(|error| format!("{} is not in the log: {error}", at(sent)))?;
        if record != sent.bytes {
            return Err(Trouble::from(format!("{} has other bytes", at(sent))));
        }
    }
    keys(store, &there)?;
    for queue in QUEUES {
        if queue != Recipient::Fleeting || is_settled(expected, end) {
            exactly(store, queue, expected, (start, end))?;
        } else {
            nothing_else(store, queue, expected)?;
        }
    }
    let known = |name: &&store::QueueName| {
        QUEUES
            .iter()
            .any(|queue| *name.topic == *topic_of(*queue) && name.queue_id == queue_id(*queue))
    };
    if let Some(unknown) = store.queues().find(|name| !known(name)) {
        return Err(Trouble::from(format!("{unknown} was never written to")));
    }
    let next = QUEUES.iter().map(|queue| store.next_offset(topic_of(*queue), queue_id(*queue)));
    let table = table_of(stage as &dyn Disk)?;
    Ok(Verdict { start, end, next: next.sum(), table })
}

/// Whether what was promised holds of what was found.
pub(super) fn bounds(found: &Verdict, expected: &Expected, end: u64) -> Result<(), Trouble> {
    let (before, after) = (&expected.before, &expected.after);
    if found.end < end {
        return Err(Trouble::from(format!(
            "the log ends at {}, but was safe up to {end}",
            found.end
        )));
    }
    if found.start < before.start || after.start < found.start && found.start != found.end {
        let (least, most) = (before.start, after.start);
        let start = found.start;
        return Err(Trouble::from(format!("the log begins at {start}, not in {least}..={most}")));
    }
    if found.table < before.table || before.table.max(after.table) + 1 < found.table {
        let (least, found) = (before.table, found.table);
        return Err(Trouble::from(format!("the table is of version {found}, {least} was saved")));
    }
    Ok(())
}

fn at(sent: &Sent) -> String {
    let Sent { queue, offset, start, end, key, .. } = sent;
    format!("message {key} ({queue:?} offset {offset}, bytes {start}..{end})")
}

/// Each message is found by its own key, once, and all of a topic by the key that all have.
fn keys(store: &Store, there: &[&Sent]) -> Result<(), Trouble> {
    for topic in [LASTING, FLEETING] {
        let of_topic: Vec<&&Sent> = there.iter().filter(|sent| sent.topic() == topic).collect();
        let found = store.query(topic, COMMON_KEY, usize::MAX, 0, i64::MAX);
        let found = found.map_err(|error| format!("cannot query {topic}: {error}"))?.records;
        // No query gives more than this; the newest come first.
        let most = store.config().get.query_messages;
        let newest = of_topic.len().saturating_sub(most);
        if found.len() != of_topic.len() - newest {
            let (found, there) = (found.len(), of_topic.len());
            return Err(Trouble::from(format!("the index knows {found} of {there} of {topic}")));
        }
        for (sent, found) in of_topic[newest..].iter().zip(&found) {
            if *found != sent.bytes {
                return Err(Trouble::from(format!("the index lacks {}", at(sent))));
            }
        }
    }
    for sent in there.iter().rev().take(KEYS_LOOKED_UP) {
        let found = store.query(sent.topic(), &sent.key, 8, 0, i64::MAX);
        let found = found.map_err(|error| format!("cannot query {}: {error}", sent.key))?.records;
        if found.len() != 1 || found[0] != sent.bytes {
            let found = found.len();
            return Err(Trouble::from(format!("{found} records are found under {}", at(sent))));
        }
    }
    Ok(())
}

/// How many of the newest messages are looked up by the key that they alone have.
const KEYS_LOOKED_UP: usize = 8;

/// Whether the topic that is removed now and then has certainly not been removed since the last
/// message that the log has of it.
fn is_settled(expected: &Expected, end: u64) -> bool {
    let (before, after) = (&expected.before, &expected.after);
    let fleeting = |sent: &&Sent| sent.queue == Recipient::Fleeting && sent.end <= end;
    let newest = expected.sent.iter().filter(fleeting).map(|sent| sent.life).max();
    before.life == after.life && !before.deleted && newest == Some(before.life)
}

/// Everything that a queue shows, with offsets.
pub(super) fn queue_of(store: &Store, queue: Recipient) -> Result<Vec<(i64, Bytes)>, Trouble> {
    let (topic, queue_id) = (topic_of(queue), queue_id(queue));
    let (min, max) = (store.min_offset(topic, queue_id), store.max_offset(topic, queue_id));
    let mut shown = Vec::new();
    let mut next = min;
    while next < max {
        let got = store.get(topic, queue_id, next, Want::any(32));
        let got = got.map_err(|error| format!("cannot read {queue:?} at {next}: {error}"))?;
        if got.status != GetStatus::Found || got.next_offset <= next {
            let status = got.status;
            return Err(Trouble::from(format!("{queue:?} at {next} of {min}..{max}: {status:?}")));
        }
        for record in got.records {
            shown.push((next, record));
            next += 1;
        }
        if next != got.next_offset {
            return Err(Trouble::from(format!("{queue:?} has a gap before {}", got.next_offset)));
        }
    }
    Ok(shown)
}

/// A queue shows the messages that the log has of it, at their offsets, and the next one gets the
/// next offset, even if all others have expired.
fn exactly(
    store: &Store,
    queue: Recipient,
    expected: &Expected,
    (start, end): (u64, u64),
) -> Result<(), Trouble> {
    let shown = queue_of(store, queue)?;
    let life = expected.before.life;
    let mine = |sent: &&Sent| {
        let lives = queue != Recipient::Fleeting || sent.life == life;
        sent.queue == queue && sent.end <= end && lives
    };
    let mine: Vec<&Sent> = expected.sent.iter().filter(mine).collect();
    let there: Vec<&&Sent> = mine.iter().filter(|sent| start <= sent.start).collect();
    for (sent, (offset, record)) in there.iter().zip(&shown) {
        if sent.offset != *offset || sent.bytes != *record {
            return Err(Trouble::from(format!(
                "{queue:?} shows another at {offset}: {}",
                at(sent)
            )));
        }
    }
    if there.len() != shown.len() {
        let (there, shown) = (there.len(), shown.len());
        return Err(Trouble::from(format!("{queue:?} shows {shown} of {there} messages")));
    }
    let next = store.next_offset(topic_of(queue), queue_id(queue));
    let due = mine.last().map_or(0, |last| last.offset + 1);
    if next != due {
        return Err(Trouble::from(format!("{queue:?} would go on at {next} instead of {due}")));
    }
    Ok(())
}

/// A queue shows nothing that was never sent there.
fn nothing_else(store: &Store, queue: Recipient, expected: &Expected) -> Result<(), Trouble> {
    for (offset, record) in queue_of(store, queue)? {
        let same =
            |sent: &Sent| sent.queue == queue && sent.offset == offset && sent.bytes == record;
        if !expected.sent.iter().any(same) {
            return Err(Trouble::from(format!("{queue:?} shows at {offset} what was never sent")));
        }
    }
    Ok(())
}
