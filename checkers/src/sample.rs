//! Small histories for tests: one broker, one topic with two queues, one producer, one group.

use crate::{
    audit_facts::*,
    fault_facts::*,
    history::*,
    ids::{GroupId, MessageId, Moment, NodeId, QueueId, TopicId},
    promises::{Ack, Flush, Role},
    store_facts::{Boot, LogRecord, QueueImage, StoreImage, Unit},
};

/// A history under construction, with the ids that every test needs.
pub(crate) struct Sample {
    pub(crate) history: History,
    pub(crate) broker: NodeId,
    pub(crate) producer: NodeId,
    pub(crate) consumer: NodeId,
    pub(crate) topic: TopicId,
    pub(crate) group: GroupId,
    pub(crate) queue: QueueId,
    pub(crate) other_queue: QueueId,
}

impl Sample {
    pub(crate) fn new(flush: Flush) -> Self {
        let mut history = History::new();
        let broker = history.add_node("broker-a", NodeKind::Broker);
        let producer = history.add_node("producer-0", NodeKind::Producer);
        let consumer = history.add_node("consumer-0", NodeKind::Consumer);
        let (topic, group) = (history.topic("orders"), history.group("readers"));
        let queue = history.queue(broker, topic, 0);
        let other_queue = history.queue(broker, topic, 1);
        history.brokers.push(BrokerFact {
            node: broker,
            flush,
            role: Role::Single,
            flush_within_ms: 10_000,
            offsets_within_ms: 5_000,
            reserved_ms: 3_600_000,
            reads_unflushed: false,
            segment_bytes: 4_096,
        });
        history.group_facts.push(GroupFact {
            group,
            mode: Mode::Concurrent,
            subscriptions: vec![(topic, Filter::All)],
            from_first: true,
            retries_max: 16,
        });
        history.ended = Moment::from_ms(100_000);
        Self { history, broker, producer, consumer, topic, group, queue, other_queue }
    }

    /// What message `number` holds.
    pub(crate) fn content(number: u64) -> Content {
        Content {
            message: Some(MessageId(number)),
            body_hash: number.wrapping_mul(31),
            body_bytes: 100,
            ..Content::default()
        }
    }

    /// A send of message `number` at `ms` that is acked 10 ms later at `offset` of the queue.
    pub(crate) fn acked(&mut self, ms: u64, number: u64, offset: i64) -> &mut SendFact {
        let queue = self.queue;
        self.sent(ms, number, Outcome::Acked { ack: Ack::SendOk, queue, offset })
    }

    /// A send of message `number` at `ms` with that outcome 10 ms later.
    pub(crate) fn sent(&mut self, ms: u64, number: u64, outcome: Outcome) -> &mut SendFact {
        let sends = &mut self.history.sends;
        let place = sends.len();
        sends.push(SendFact {
            producer: self.producer,
            topic: self.topic,
            content: Self::content(number),
            invoked: Moment::from_ms(ms),
            returned: Some(Moment::from_ms(ms + 10)),
            outcome,
            tries: 1,
            stream: None,
            delay_ms: 0,
            probe: false,
        });
        &mut sends[place]
    }

    /// A successful delivery of message `number` from `offset` of the queue.
    pub(crate) fn delivered(&mut self, ms: u64, number: u64, offset: i64) -> &mut Delivery {
        let deliveries = &mut self.history.deliveries;
        let place = deliveries.len();
        deliveries.push(Delivery {
            consumer: self.consumer,
            group: self.group,
            queue: self.queue,
            offset,
            topic: self.topic,
            content: Self::content(number),
            reconsumed: 0,
            began: Moment::from_ms(ms),
            ended: Some(Moment::from_ms(ms + 5)),
            consumed: Some(Consumed::Success),
        });
        &mut deliveries[place]
    }

    /// What was delivered last is given back to the broker.
    pub(crate) fn sent_back(&mut self, ms: u64) {
        let last = self.history.deliveries.last().expect("something was delivered");
        let sent_back = SentBack {
            group: self.group,
            unique_key: last.content.unique_key.clone().unwrap_or_default(),
            reconsumed: last.reconsumed,
            broker: self.broker,
            ack: Ack::SendOk,
            at: Moment::from_ms(ms),
        };
        self.history.sent_back.push(sent_back);
    }

    /// A fault of the broker.
    pub(crate) fn fault(&mut self, ms: u64, kind: FaultKind) {
        let nodes = vec![self.broker];
        let at = Moment::from_ms(ms);
        let words = kind.words().to_owned();
        self.history.faults.push(FaultFact { at, until: None, kind, nodes, words });
        let ready = Some(at.plus_ms(1_000));
        self.boots(self.broker, ms).ready = ready;
    }

    /// A restart.
    pub(crate) fn boots(&mut self, node: NodeId, ms: u64) -> &mut Boot {
        let at = Moment::from_ms(ms);
        let (refused, gave_up) = (None, None);
        self.history.boots.push(Boot { node, at, ready: Some(at), refused, gave_up, first: false });
        let boots = &mut self.history.boots;
        let place = boots.len() - 1;
        &mut boots[place]
    }

    /// The queue at the end: these messages from offset 0 on.
    pub(crate) fn ends_with(&mut self, numbers: &[u64]) -> &mut QueueEnd {
        let record = |(place, &number): (usize, &u64)| EndRecord {
            offset: i64::try_from(place).unwrap(),
            physical: u64::try_from(place).unwrap() * 200,
            store_ms: 1_000 + i64::try_from(place).unwrap() * 10,
            content: Self::content(number),
            reconsumed: 0,
            origin: None,
        };
        let records: Vec<_> = numbers.iter().enumerate().map(record).collect();
        let max = i64::try_from(records.len()).unwrap();
        let end = QueueEnd { queue: self.queue, min: 0, max, records, complete: true };
        self.history.queue_ends.push(end);
        self.history.queue_ends.last_mut().unwrap()
    }

    /// Where the group stands in the queue at the end.
    pub(crate) fn group_at(&mut self, committed: Option<i64>, max: i64) {
        let (group, queue) = (self.group, self.queue);
        self.history.group_ends.push(GroupEnd { group, queue, committed, max });
    }

    /// A store at rest that holds these messages in the queue, each of 200 bytes.
    pub(crate) fn store_with(&mut self, numbers: &[u64]) -> &mut StoreImage {
        let mut log = Vec::new();
        let mut units = Vec::new();
        for (place, &number) in numbers.iter().enumerate() {
            let (physical, offset) = (place as u64 * 200, i64::try_from(place).unwrap());
            log.push(LogRecord {
                physical,
                size: 200,
                queue: self.queue,
                offset,
                tags_code: Some(0),
                store_ms: 1_000 + offset * 10,
                keys: vec![format!("key-{number}")],
                message: Some(MessageId(number)),
                hash: number,
            });
            units.push(Unit { index: offset, physical, size: 200, tags_code: 0 });
        }
        let max = i64::try_from(numbers.len()).unwrap();
        let queue = QueueImage { queue: self.queue, min: Some(0), max: Some(max), units };
        self.history.stores.push(StoreImage {
            node: self.broker,
            at: self.history.ended,
            at_rest: true,
            segments: vec![0],
            log_end: numbers.len() as u64 * 200,
            log,
            queues: vec![queue],
            configs: Vec::new(),
        });
        self.history.stores.last_mut().unwrap()
    }
}
