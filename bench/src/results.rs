//! What was measured, and what follows from it: medians, spreads, ratios, goals.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    peers::Who,
    rows::{Goal, Metric, Row},
};

/// One turn of one side: a value per quantity.
pub(crate) type Turn = BTreeMap<Metric, f64>;

/// A row's turns, round by round.
pub(crate) struct Measured {
    pub(crate) row: &'static Row,
    pub(crate) turns: BTreeMap<Who, Vec<Turn>>,
    /// Latency in microseconds at each of [`QUANTILES`], over all rounds.
    pub(crate) curves: BTreeMap<Who, Vec<u64>>,
    /// Why a side has no turns or too few.
    pub(crate) troubles: Vec<String>,
}

/// Where latency curves are read.
pub(crate) const QUANTILES: &[f64] = &[
    0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999, 0.9995,
    0.9999,
];

/// All of a run.
pub(crate) struct Results {
    /// Machine, commit, settings of the run.
    pub(crate) facts: Value,
    /// Who the peer is called.
    pub(crate) peer: String,
    pub(crate) load_before: String,
    pub(crate) load_after: String,
    pub(crate) rows: Vec<Measured>,
    /// Parts that could not be measured, and why.
    pub(crate) missing: Vec<String>,
}

/// The middle of some values, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// `None` of no values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let upper = *values.get(values.len() / 2)?;
        let lower = *values.get(values.len().checked_sub(1)? / 2)?;
        Some(Self {
            median: f64::midpoint(lower, upper),
            least: *values.first()?,
            most: *values.last()?,
        })
    }

    fn json(self) -> Value {
        json!({ "median": self.median, "min": self.least, "max": self.most })
    }
}

/// How a goal was met.
pub(crate) struct Judged {
    pub(crate) text: String,
    /// `None`: what it compares with was not measured.
    pub(crate) met: Option<bool>,
}

impl Measured {
    pub(crate) fn values(&self, who: Who, metric: Metric) -> impl Iterator<Item = f64> {
        let turns = self.turns.get(&who).into_iter().flatten();
        turns.filter_map(move |turn| turn.get(&metric).copied())
    }

    pub(crate) fn spread(&self, who: Who, metric: Metric) -> Option<Spread> {
        Spread::of(self.values(who, metric))
    }

    /// The quantities that any side has.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let turns = self.turns.values().flatten();
        let mut metrics: Vec<Metric> = turns.flat_map(|turn| turn.keys().copied()).collect();
        metrics.sort_unstable();
        metrics.dedup();
        metrics
    }

    /// How many times better Gantry was than another, round by round: rounds lie side by side in
    /// time, so that a machine that slows down slows down both.
    pub(crate) fn ahead_of(&self, other: Who, metric: Metric) -> Option<Spread> {
        let pairs = self.values(Who::Gantry, metric).zip(self.values(other, metric));
        Spread::of(pairs.map(
            |(ours, theirs)| {
                if metric.more_is_better() { ours / theirs } else { theirs / ours }
            },
        ))
    }

    /// Whether each goal of the row was met by the median.
    pub(crate) fn judged(&self) -> Vec<Judged> {
        self.row.goals.iter().map(|goal| self.judge(*goal)).collect()
    }

    fn judge(&self, goal: Goal) -> Judged {
        match goal {
            Goal::OfEcho(metric, share) => Judged {
                text: format!("{} >= {:.0} % of echo", metric.name(), share * 100.0),
                met: self.ahead_of(Who::Echo, metric).map(|ahead| share <= ahead.median),
            },
            Goal::AheadOfPeer(metric, times) => Judged {
                text: format!("{} >= {times}x better", metric.name()),
                met: self.ahead_of(Who::Peer, metric).map(|ahead| times <= ahead.median),
            },
            Goal::AtMost(metric, most) => Judged {
                text: format!("{} <= {most}", metric.name()),
                met: self.spread(Who::Gantry, metric).map(|ours| ours.median <= most),
            },
        }
    }

    fn json(&self, name: impl Fn(Who) -> String) -> Value {
        let sides: serde_json::Map<String, Value> = self
            .turns
            .iter()
            .map(|(who, turns)| {
                let rounds: Vec<Value> = turns.iter().map(turn_json).collect();
                let of = |metric| self.spread(*who, metric).map(Spread::json);
                let spread: serde_json::Map<String, Value> = self
                    .metrics()
                    .into_iter()
                    .filter_map(|metric| Some((metric.name().to_owned(), of(metric)?)))
                    .collect();
                (
                    name(*who),
                    json!({ "rounds": rounds, "spread": spread,
                    "latency_us": self.curves.get(who) }),
                )
            })
            .collect();
        let ahead = |other| {
            self.metrics()
                .into_iter()
                .filter_map(|metric| {
                    Some((metric.name().to_owned(), self.ahead_of(other, metric)?.json()))
                })
                .collect::<serde_json::Map<String, Value>>()
        };
        let goals: Vec<Value> = self
            .judged()
            .into_iter()
            .map(|judged| json!({ "goal": judged.text, "met": judged.met }))
            .collect();
        json!({
            "name": self.row.name, "title": self.row.title, "sides": sides,
            "times_better_than_peer": ahead(Who::Peer), "times_better_than_echo": ahead(Who::Echo),
            "goals": goals, "troubles": self.troubles,
        })
    }
}

fn turn_json(turn: &Turn) -> Value {
    turn.iter().map(|(metric, value)| (metric.name().to_owned(), Value::from(*value))).collect()
}

impl Results {
    /// The name of a side.
    pub(crate) fn name(&self, who: Who) -> String {
        match who {
            Who::Gantry => "Gantry".to_owned(),
            Who::Peer => self.peer.clone(),
            Who::Echo => "echo".to_owned(),
        }
    }

    /// How busy others kept the machine while something was measured.
    pub(crate) fn foreign(&self) -> Option<Spread> {
        let sides = [Who::Gantry, Who::Peer, Who::Echo];
        let all = self.rows.iter().flat_map(|row| {
            sides.into_iter().flat_map(|who| row.values(who, Metric::ForeignCores))
        });
        Spread::of(all)
    }

    /// Everything, for programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "facts": self.facts, "peer": self.peer,
            "load_before": self.load_before, "load_after": self.load_after,
            "foreign_cores": self.foreign().map(Spread::json),
            "latency_quantiles": QUANTILES, "missing": self.missing,
            "rows": self.rows.iter().map(|row| row.json(|who| self.name(who))).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::rows::ROWS;

    fn turns(rates: &[f64], p99: f64) -> Vec<Turn> {
        let turn = |rate: &f64| Turn::from([(Metric::Rate, *rate), (Metric::P99, p99)]);
        rates.iter().map(turn).collect()
    }

    /// Two rounds of the first row: four times Java's rate, 90 % of the echo's.
    pub(crate) fn example() -> Results {
        let turns = BTreeMap::from([
            (Who::Gantry, turns(&[80_000.0, 100_000.0], 1_500.0)),
            (Who::Peer, turns(&[20_000.0, 25_000.0], 18_000.0)),
            (Who::Echo, turns(&[100_000.0, 100_000.0], 1_000.0)),
        ]);
        let curves = BTreeMap::from([(Who::Gantry, vec![7; QUANTILES.len()])]);
        let row = Measured { row: &ROWS[0], turns, curves, troubles: Vec::new() };
        Results {
            facts: json!({ "cores": 2 }),
            peer: "Java 5.5.0".to_owned(),
            load_before: "0.10 0.20 0.30".to_owned(),
            load_after: "2.00 1.00 0.50".to_owned(),
            rows: vec![row],
            missing: vec!["pull: not <asked> for".to_owned()],
        }
    }

    #[test]
    fn the_spread_of_even_and_odd_counts() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([f64::NAN]), None);
        let spread = Spread::of([3.0, 1.0]).unwrap();
        assert_eq!((spread.median, spread.least, spread.most), (2.0, 1.0, 3.0));
        assert_eq!(Spread::of([9.0, 1.0, 2.0]).unwrap().median, 2.0);
    }

    #[test]
    fn ratios_are_of_rounds_side_by_side_and_point_the_same_way_for_every_quantity() {
        let results = example();
        let row = &results.rows[0];
        let ahead = row.ahead_of(Who::Peer, Metric::Rate).unwrap();
        assert_eq!((ahead.median, ahead.least, ahead.most), (4.0, 4.0, 4.0));
        assert_eq!(row.ahead_of(Who::Peer, Metric::P99).unwrap().median, 12.0);
        assert_eq!(row.ahead_of(Who::Peer, Metric::Threads), None);
    }

    #[test]
    fn goals_are_met_missed_or_not_measured() {
        let judged: Vec<Option<bool>> =
            example().rows[0].judged().into_iter().map(|judged| judged.met).collect();
        assert_eq!(judged, [Some(true), Some(true), None, None]);
        let mut slower = example();
        slower.rows[0].turns.insert(Who::Gantry, turns(&[70_000.0, 70_000.0], 2_000.0));
        let judged = slower.rows[0].judged();
        assert_eq!(judged[0].met, Some(false));
        assert_eq!(judged[1].met, Some(false));
    }

    #[test]
    fn the_json_holds_rounds_spreads_ratios_and_what_is_missing() {
        let json = example().json();
        let row = &json["rows"][0];
        assert_eq!(row["sides"]["Gantry"]["rounds"][1]["messages/s"], 100_000.0);
        assert_eq!(row["sides"]["Java 5.5.0"]["spread"]["p99"]["median"], 18_000.0);
        assert_eq!(row["times_better_than_peer"]["messages/s"]["median"], 4.0);
        assert_eq!(row["goals"][0]["met"], true);
        assert_eq!(json["missing"][0], "pull: not <asked> for");
    }
}
