//! How much goes through: per topic, per group, and in all.
//!
//! A [`Meter`] counts; every ten seconds, ten minutes and hour a snapshot of it is kept, and rates
//! are read between the oldest and the newest snapshot of a minute, an hour or a day.
//!
//! Source: `store/stats/BrokerStatsManager.java`, `common/stats/StatsItem.java`.

use std::collections::{BTreeMap, VecDeque};

use protocol::{Text, names};

const SECOND_MS: i64 = 1_000;
const TEN_SECONDS_MS: i64 = 10 * SECOND_MS;
const TEN_MINUTES_MS: i64 = 600 * SECOND_MS;
const HOUR_MS: i64 = 3_600 * SECOND_MS;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Snapshot {
    at_ms: i64,
    value: u64,
    times: u64,
}

/// A sum with its number of summands, and their recent past.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meter {
    value: u64,
    times: u64,
    minute: VecDeque<Snapshot>,
    hour: VecDeque<Snapshot>,
    day: VecDeque<Snapshot>,
}

/// What a meter did in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rate {
    /// Sum of the window.
    pub sum: u64,
    /// Sum per second.
    pub per_second: f64,
    /// Sum per summand.
    pub average: f64,
}

/// A window of a meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    /// Snapshots ten seconds apart.
    Minute,
    /// Snapshots ten minutes apart.
    Hour,
    /// Snapshots an hour apart.
    Day,
}

impl Window {
    const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    const fn step_ms(self) -> i64 {
        match self {
            Self::Minute => TEN_SECONDS_MS,
            Self::Hour => TEN_MINUTES_MS,
            Self::Day => HOUR_MS,
        }
    }

    const fn snapshots_max(self) -> usize {
        match self {
            Self::Minute | Self::Hour => 7,
            Self::Day => 25,
        }
    }
}

impl Meter {
    /// Adds one summand.
    pub(crate) fn add(&mut self, value: u64) {
        self.value += value;
        self.times += 1;
    }

    /// The sum so far.
    pub(crate) fn total(&self) -> u64 {
        self.value
    }

    fn snapshots(&self, window: Window) -> &VecDeque<Snapshot> {
        match window {
            Window::Minute => &self.minute,
            Window::Hour => &self.hour,
            Window::Day => &self.day,
        }
    }

    /// Keeps a snapshot of a window.
    fn sample(&mut self, window: Window, now_ms: i64) {
        let now = Snapshot { at_ms: now_ms, value: self.value, times: self.times };
        let snapshots = match window {
            Window::Minute => &mut self.minute,
            Window::Hour => &mut self.hour,
            Window::Day => &mut self.day,
        };
        if snapshots.is_empty() {
            snapshots
                .push_back(Snapshot { at_ms: now_ms - window.step_ms(), ..Snapshot::default() });
        }
        snapshots.push_back(now);
        if window.snapshots_max() < snapshots.len() {
            snapshots.pop_front();
        }
    }

    /// What happened between the oldest and the newest snapshot of a window.
    pub(crate) fn rate(&self, window: Window) -> Rate {
        let snapshots = self.snapshots(window);
        let (Some(first), Some(last)) = (snapshots.front(), snapshots.back()) else {
            return Rate::default();
        };
        let sum = last.value - first.value;
        let times = last.times - first.times;
        let span_ms = last.at_ms - first.at_ms;
        Rate {
            sum,
            per_second: if 0 < span_ms {
                as_f64(sum) * 1000.0 / as_f64(span_ms.unsigned_abs())
            } else {
                0.0
            },
            average: if 0 < times { as_f64(sum) / as_f64(times) } else { 0.0 },
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people to look at")]
fn as_f64(value: u64) -> f64 {
    value as f64
}

/// Numbers and bytes of one thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flow {
    /// Messages.
    pub messages: Meter,
    /// Bytes of their records.
    pub bytes: Meter,
}

/// The counters that are shown as totals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Messages stored.
    pub put: Meter,
    /// Bytes of records stored.
    pub put_bytes: u64,
    /// Sends that the store refused.
    pub put_failed: u64,
    /// Pulls that found something.
    pub found: Meter,
    /// Pulls that found nothing.
    pub missed: Meter,
    /// Messages handed out.
    pub transferred: Meter,
    /// Messages stored in topics that are not the system's.
    pub user_put: u64,
    /// Messages handed out of topics that are not the system's.
    pub user_got: u64,
}

/// Every counter.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    put: BTreeMap<Text, Flow>,
    got: BTreeMap<Text, BTreeMap<Text, Flow>>,
    sent_back: BTreeMap<Text, BTreeMap<Text, Meter>>,
    /// In all.
    pub totals: Totals,
    sampled_ms: [i64; 3],
}

fn of<'a, V: Default>(table: &'a mut BTreeMap<Text, V>, key: &Text) -> &'a mut V {
    if !table.contains_key(key.as_str()) {
        table.insert(key.detached(), V::default());
    }
    table.entry(key.clone()).or_default()
}

impl Stats {
    /// Messages were stored.
    pub(crate) fn stored(&mut self, topic: &Text, messages: u64, bytes: u64) {
        let flow = of(&mut self.put, topic);
        flow.messages.add(messages);
        flow.bytes.add(bytes);
        self.totals.put.add(messages);
        self.totals.put_bytes += bytes;
        if !names::is_system_topic(topic) {
            self.totals.user_put += messages;
        }
    }

    /// A pull found messages; none is a miss.
    pub(crate) fn pulled(&mut self, topic: &Text, group: &Text, messages: u64, bytes: u64) {
        if messages == 0 {
            self.totals.missed.add(1);
            return;
        }
        let flow = of(of(&mut self.got, topic), group);
        flow.messages.add(messages);
        flow.bytes.add(bytes);
        self.totals.found.add(1);
        self.totals.transferred.add(messages);
        if !names::is_system_topic(topic) {
            self.totals.user_got += messages;
        }
    }

    /// A consumer sent a message back.
    pub(crate) fn sent_back(&mut self, topic: &Text, group: &Text) {
        of(of(&mut self.sent_back, topic), group).add(1);
    }

    /// Messages per second stored in a topic.
    pub(crate) fn put_rate(&self, topic: &str) -> f64 {
        self.put.get(topic).map_or(0.0, |flow| flow.messages.rate(Window::Minute).per_second)
    }

    /// Messages per second that a group took from a topic.
    pub(crate) fn get_rate(&self, topic: &str, group: &str) -> f64 {
        self.got
            .get(topic)
            .and_then(|groups| groups.get(group))
            .map_or(0.0, |flow| flow.messages.rate(Window::Minute).per_second)
    }

    /// A meter by RocketMQ's name and key: a topic, or `topic@group`.
    pub(crate) fn find(&self, name: &str, key: &str) -> Option<&Meter> {
        let group = || {
            let (topic, group) = key.split_once('@')?;
            self.got.get(topic)?.get(group)
        };
        match name {
            "TOPIC_PUT_NUMS" => self.put.get(key).map(|flow| &flow.messages),
            "TOPIC_PUT_SIZE" => self.put.get(key).map(|flow| &flow.bytes),
            "GROUP_GET_NUMS" => group().map(|flow| &flow.messages),
            "GROUP_GET_SIZE" => group().map(|flow| &flow.bytes),
            "SNDBCK_PUT_NUMS" => {
                let (topic, group) = key.split_once('@')?;
                self.sent_back.get(topic)?.get(group)
            }
            "BROKER_PUT_NUMS" => Some(&self.totals.put),
            "BROKER_GET_NUMS" => Some(&self.totals.transferred),
            _ => None,
        }
    }

    /// Forgets a topic.
    pub(crate) fn remove_topic(&mut self, topic: &str) {
        self.put.remove(topic);
        self.got.remove(topic);
        self.sent_back.remove(topic);
    }

    /// Forgets a group.
    pub(crate) fn remove_group(&mut self, group: &str) {
        for groups in self.got.values_mut() {
            groups.remove(group);
        }
        for groups in self.sent_back.values_mut() {
            groups.remove(group);
        }
    }

    /// Keeps snapshots when their time has come.
    pub(crate) fn tick(&mut self, now_ms: i64) {
        for (window, sampled_ms) in Window::ALL.into_iter().zip(0..) {
            let Some(sampled_at) = self.sampled_ms.get_mut(sampled_ms) else { continue };
            // A clock that went back must not stop the sampling.
            let due = now_ms < *sampled_at || window.step_ms() <= now_ms - *sampled_at;
            if !due {
                continue;
            }
            *sampled_at = now_ms;
            let flows =
                self.put.values_mut().chain(self.got.values_mut().flat_map(|g| g.values_mut()));
            for flow in flows {
                flow.messages.sample(window, now_ms);
                flow.bytes.sample(window, now_ms);
            }
            for meter in self.sent_back.values_mut().flat_map(|groups| groups.values_mut()) {
                meter.sample(window, now_ms);
            }
            let totals = &mut self.totals;
            for meter in
                [&mut totals.put, &mut totals.found, &mut totals.missed, &mut totals.transferred]
            {
                meter.sample(window, now_ms);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_between_snapshots() {
        let mut meter = Meter::default();
        meter.add(100);
        meter.add(200);
        meter.sample(Window::Minute, 10_000);
        assert_eq!(Rate { sum: 300, per_second: 30.0, average: 150.0 }, meter.rate(Window::Minute));
        for tick in 2..20 {
            meter.sample(Window::Minute, tick * 10_000);
        }
        assert_eq!(0, meter.rate(Window::Minute).sum);
        assert_eq!(Rate::default(), meter.rate(Window::Day));
        assert_eq!(300, meter.total());
    }

    #[test]
    fn meters_are_found_by_rocketmqs_names() {
        let mut stats = Stats::default();
        let (topic, group) = (Text::from("t"), Text::from("g"));
        stats.stored(&topic, 2, 500);
        stats.pulled(&topic, &group, 2, 500);
        stats.pulled(&topic, &group, 0, 0);
        stats.tick(20_000);
        assert_eq!(2, stats.find("TOPIC_PUT_NUMS", "t").unwrap().total());
        assert_eq!(500, stats.find("GROUP_GET_SIZE", "t@g").unwrap().total());
        assert!(stats.find("TOPIC_PUT_NUMS", "u").is_none());
        assert!(stats.find("GROUP_GET_NUMS", "t").is_none());
        assert!(stats.find("NOPE", "t").is_none());
        assert!((stats.put_rate("t") - 0.2).abs() < 1e-9);
        assert!((stats.get_rate("t", "g") - 0.2).abs() < 1e-9);
        assert_eq!((1, 1), (stats.totals.found.total(), stats.totals.missed.total()));
        stats.remove_topic("t");
        assert!(stats.find("TOPIC_PUT_NUMS", "t").is_none());
    }
}
