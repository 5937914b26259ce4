//! The figures of a run, and whether they may be believed. `table.rs` prints them.

use rig::process::cpu_model;
use rig::stats::quantile;
use serde_json::{Value, json};

use crate::cli::Options;
use crate::floor::Cost;
use crate::measure::Usage;

/// How the joins went.
pub(crate) struct Joins {
    /// What was used while they joined.
    pub usage: Usage,
    /// What the server used before, without joins; where some joins were measured apart.
    pub base: Option<Usage>,
    /// Subscribers that were there before.
    pub there: u32,
    pub count: u32,
    /// Of all subscribers.
    pub failed: u32,
    pub first_failure: Option<String>,
    pub took_p50_us: f64,
    pub took_p99_us: f64,
    /// How much the server grew by for each subscriber, over all joins.
    pub kib_each: Option<f64>,
}

impl Joins {
    pub(crate) fn per_second(&self) -> f64 {
        f64::from(self.count) / self.usage.seconds
    }

    /// Of the server's CPU, less what it uses without joins.
    pub(crate) fn cpu_ms(&self) -> Option<f64> {
        let without = self.base.map_or(Some(0.0), |base| Some(base.server_s? / base.seconds * self.usage.seconds))?;
        Some((self.usage.server_s? - without) * 1000.0 / f64::from(self.count.max(1)))
    }

    /// Of all subscribers, percent.
    pub(crate) fn succeeded_percent(&self, subscribers: u32) -> f64 {
        100.0 * f64::from(subscribers - self.failed.min(subscribers)) / f64::from(subscribers.max(1))
    }
}

/// How soon newcomers had something to show, of each track: from asking to the first packet, and to the first whole
/// keyframe.
pub(crate) struct First {
    pub count: usize,
    /// p50, p95, p99, milliseconds.
    pub packet_ms: [f64; 3],
    pub frame_ms: [f64; 3],
}

impl First {
    pub(crate) fn new(packet_ms: &[f64], frame_ms: &[f64]) -> Self {
        let of = |samples: &[f64]| [0.5, 0.95, 0.99].map(|share| quantile(samples, share));
        Self { count: frame_ms.len(), packet_ms: of(packet_ms), frame_ms: of(frame_ms) }
    }
}

/// One measurement.
pub(crate) struct Row {
    pub usage: Usage,
    /// Packets that should have arrived; NaN where another generator publishes.
    pub wanted: f64,
    /// Packets that did.
    pub received: u64,
    /// Packets that were sent to subscribers, by sequence number.
    pub numbered: u64,
    pub other: u64,
    pub decrypted: u64,
    pub bad: u64,
    pub latency_p50_us: f64,
    pub latency_p99_us: f64,
    pub lateness_p99_us: f64,
}

impl Row {
    pub(crate) fn per_second(&self) -> f64 {
        self.received as f64 / self.usage.seconds
    }

    /// Packets a second, were the server to fill one core.
    pub(crate) fn per_second_and_core(&self) -> f64 {
        self.usage.server_s.map_or(f64::NAN, |cpu_s| self.received as f64 / cpu_s)
    }

    pub(crate) fn us_per_packet(&self) -> f64 {
        1e6 / self.per_second_and_core()
    }

    /// Lost on the way to subscribers, percent.
    pub(crate) fn lost_percent(&self) -> f64 {
        100.0 * self.numbered.saturating_sub(self.received) as f64 / self.numbered.max(1) as f64
    }

    fn to_json(&self) -> Value {
        json!({
            "lost_percent": self.lost_percent(), "delivered_percent": self.delivered_percent(), "latency_p50_us": self.latency_p50_us,
            "latency_p99_us": self.latency_p99_us, "bad": self.bad, "foreign_percent": self.usage.foreign_percent(),
            "generator_percent": self.usage.percent(self.usage.generator_s),
            "server_percent": self.usage.server_s.map(|cpu_s| self.usage.percent(cpu_s)),
        })
    }

    /// Arrived, percent of what publishers sent times subscribers.
    pub(crate) fn delivered_percent(&self) -> f64 {
        100.0 * self.received as f64 / self.wanted
    }
}

/// A whole run.
pub(crate) struct Report {
    pub options: Options,
    pub joins: Joins,
    /// Where media was full meanwhile.
    pub first: Option<First>,
    pub rows: Vec<Row>,
    /// One for each row, or none.
    pub floor: Vec<Cost>,
    pub silent: u64,
    /// Subscribers whose session the server has ended.
    pub ended: u64,
    pub profile: String,
    pub keyframe_requests: u64,
    pub resident_kib: Option<f64>,
}

/// A figure of several measurements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub min: f64,
    pub median: f64,
    pub max: f64,
}

impl Spread {
    pub(crate) fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |i: usize| values.get(i).copied().unwrap_or(f64::NAN);
        Self { min: at(0), median: at(values.len() / 2), max: at(values.len().saturating_sub(1)) }
    }

    fn to_json(self) -> Value {
        json!({ "min": self.min, "median": self.median, "max": self.max })
    }
}

impl Report {
    pub(crate) fn foreign_percent(&self) -> f64 {
        self.rows.iter().map(|row| row.usage.foreign_percent()).fold(0.0, f64::max)
    }

    /// Other processes took so much CPU that the figures say nothing.
    pub(crate) fn is_disturbed(&self) -> bool {
        self.foreign_percent() > self.options.foreign_max
    }

    pub(crate) fn spread(&self, figure: impl Fn(&Row) -> f64) -> Spread {
        Spread::new(self.rows.iter().map(figure))
    }

    /// The floor's packets a second and core.
    pub(crate) fn floor(&self) -> Spread {
        Spread::new(self.floor.iter().map(Cost::per_second_and_core))
    }

    /// The server's packets a second and core by the floor's, of each measurement and the floor right after it.
    pub(crate) fn share_of_floor(&self) -> Spread {
        let pairs = self.rows.iter().zip(&self.floor);
        Spread::new(pairs.map(|(row, floor)| row.per_second_and_core() / floor.per_second_and_core()))
    }

    /// What was sent to whom, in one line.
    pub(crate) fn load(&self) -> String {
        let o = &self.options;
        let (kind, protocol) = (if o.sound { "sound" } else { "picture" }, format!("{:?}", o.protocol));
        format!(
            "{} publishers of {kind} × {} packets/s × {} B payload, {} a frame; {} subscribers of {} each; {}; SRTP {}; RR+REMB 1/s; \
             generator on {}",
            o.publishers,
            o.pps,
            o.bytes,
            o.burst,
            o.subscribers,
            o.tracks(),
            protocol.to_lowercase(),
            self.profile,
            o.pin.map_or("any CPU".into(), |cpu| format!("CPU {cpu}")),
        )
    }

    /// The figures for programs.
    pub(crate) fn to_json(&self) -> String {
        let spread = |figure: fn(&Row) -> f64| self.spread(figure).to_json();
        let sum = |figure: fn(&Row) -> u64| self.rows.iter().map(figure).sum::<u64>();
        let (o, joins) = (&self.options, &self.joins);
        let value = json!({
            "cpu": cpu_model(), "load": self.load(), "srtp": self.profile,
            "subscribers": o.subscribers, "publishers": o.publishers, "pps": o.pps, "payload_bytes": o.bytes, "burst": o.burst,
            "repeats": self.rows.len(), "disturbed": self.is_disturbed(), "foreign_percent": self.foreign_percent(),
            "decrypted": sum(|row| row.decrypted), "bad": sum(|row| row.bad), "silent": self.silent,
            "keyframe_requests": self.keyframe_requests,
            "joined": joins.count, "joins_failed": joins.failed, "join_success_percent": joins.succeeded_percent(o.subscribers),
            "join_cpu_ms": joins.cpu_ms(), "joins_per_second": joins.per_second(),
            "join_p50_ms": joins.took_p50_us / 1000.0, "join_p99_ms": joins.took_p99_us / 1000.0,
            "memory_kib_per_subscriber": joins.kib_each,
            "first_packet_p50_p95_p99_ms": self.first.as_ref().map(|first| first.packet_ms),
            "first_frame_p50_p95_p99_ms": self.first.as_ref().map(|first| first.frame_ms),
            "packets_per_second": spread(Row::per_second), "packets_per_second_per_core": spread(Row::per_second_and_core),
            "us_per_packet": spread(Row::us_per_packet), "lost_percent": spread(Row::lost_percent),
            "delivered_percent": spread(Row::delivered_percent),
            "latency_p50_us": spread(|row| row.latency_p50_us), "latency_p99_us": spread(|row| row.latency_p99_us),
            "ended": self.ended,
            "rows": self.rows.iter().map(|row| row.to_json()).collect::<Vec<_>>(),
            "floor_packets_per_second_per_core": self.floor().to_json(), "share_of_floor": self.share_of_floor().to_json(),
        });
        format!("{value:#}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_that_are_measured_apart_are_told_less_what_the_server_uses_anyway() {
        let usage = |seconds, server_s| Usage { seconds, server_s: Some(server_s), ..Usage::default() };
        let mut joins = Joins {
            usage: usage(2.0, 0.5),
            base: None,
            there: 900,
            count: 100,
            failed: 1,
            first_failure: None,
            took_p50_us: 0.0,
            took_p99_us: 0.0,
            kib_each: None,
        };
        assert_eq!(joins.cpu_ms(), Some(5.0));
        joins.base = Some(usage(4.0, 0.4));
        assert_eq!(joins.cpu_ms(), Some(3.0));
        assert_eq!(joins.succeeded_percent(1000), 99.9);
    }

    #[test]
    fn a_spread_is_of_the_sorted_values() {
        assert_eq!(Spread::new([3.0, 1.0, 2.0]), Spread { min: 1.0, median: 2.0, max: 3.0 });
        assert!(Spread::new([]).median.is_nan());
    }
}
