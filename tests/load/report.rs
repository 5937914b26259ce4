//! The table, and whether it may be believed.

use std::fmt;

use rig::process::cpu_model;
use rig::stats::quantile;
use serde_json::json;

use crate::cli::Options;
use crate::measure::Usage;

/// A generator that is busier than this, percent of a core, may be what limits the result.
const GENERATOR_BUSY: f64 = 85.0;

/// How the joins went.
pub(crate) struct Joins {
    pub usage: Usage,
    pub count: u32,
    pub took_p50_us: f64,
    pub took_p99_us: f64,
    /// How much the server grew by, all subscribers together.
    pub resident_kib: Option<f64>,
}

/// How soon newcomers had something to show, of each track: from asking to the first packet, and to the first whole keyframe.
pub(crate) struct First {
    count: usize,
    /// p50, p95, p99, milliseconds.
    packet_ms: [f64; 3],
    frame_ms: [f64; 3],
}

impl First {
    pub(crate) fn new(packet_ms: &[f64], frame_ms: &[f64]) -> Self {
        let of = |samples: &[f64]| [0.5, 0.95, 0.99].map(|share| quantile(samples, share));
        Self { count: frame_ms.len(), packet_ms: of(packet_ms), frame_ms: of(frame_ms) }
    }
}

impl fmt::Display for First {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |ms: [f64; 3]| ms.map(|ms| maybe(Some(ms), 1)).join(" / ");
        let (packet, frame) = (text(self.packet_ms), text(self.frame_ms));
        writeln!(
            f,
            "first     packet after {packet} ms, whole keyframe after {frame} ms (p50 / p95 / p99 of {})",
            self.count
        )
    }
}

/// One measurement.
pub(crate) struct Row {
    pub usage: Usage,
    /// Packets that should have arrived.
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

/// A whole run.
pub(crate) struct Report {
    pub options: Options,
    pub joins: Joins,
    /// Where media was full meanwhile.
    pub first: Option<First>,
    pub rows: Vec<Row>,
    pub silent: u64,
    pub profile: String,
    pub keyframe_requests: u64,
    pub resident_kib: Option<f64>,
}

impl Row {
    fn per_second(&self) -> f64 {
        self.received as f64 / self.usage.seconds
    }

    /// Packets a second, were the server to fill one core.
    fn per_second_and_core(&self) -> f64 {
        self.usage.server_s.map_or(f64::NAN, |cpu_s| self.received as f64 / cpu_s)
    }

    fn us_per_packet(&self) -> f64 {
        1e6 / self.per_second_and_core()
    }

    /// Lost on the way to subscribers, percent.
    fn lost_percent(&self) -> f64 {
        100.0 * self.numbered.saturating_sub(self.received) as f64 / self.numbered.max(1) as f64
    }

    /// Arrived, percent of what publishers sent times subscribers.
    fn delivered_percent(&self) -> f64 {
        100.0 * self.received as f64 / self.wanted.max(1.0)
    }
}

impl Report {
    fn foreign_percent(&self) -> f64 {
        self.rows.iter().map(|row| row.usage.foreign_percent()).fold(0.0, f64::max)
    }

    /// Other processes took so much CPU that the figures say nothing.
    pub(crate) fn is_disturbed(&self) -> bool {
        self.foreign_percent() > self.options.foreign_max
    }

    fn spread(&self, figure: impl Fn(&Row) -> f64) -> Spread {
        let mut values: Vec<f64> = self.rows.iter().map(figure).collect();
        values.sort_by(f64::total_cmp);
        let at = |i: usize| values.get(i).copied().unwrap_or(f64::NAN);
        Spread { min: at(0), median: at(values.len() / 2), max: at(values.len().saturating_sub(1)) }
    }

    /// The figures for programs.
    pub(crate) fn to_json(&self) -> String {
        let spread = |figure: fn(&Row) -> f64| {
            let s = self.spread(figure);
            json!({ "min": s.min, "median": s.median, "max": s.max })
        };
        let sum = |figure: fn(&Row) -> u64| self.rows.iter().map(figure).sum::<u64>();
        let value = json!({
            "decrypted": sum(|row| row.decrypted), "bad": sum(|row| row.bad), "silent": self.silent,
            "keyframe_requests": self.keyframe_requests,
            "cpu": cpu_model(), "srtp": self.profile, "subscribers": self.options.subscribers,
            "publishers": self.options.publishers, "pps": self.options.pps, "payload_bytes": self.options.bytes,
            "burst": self.options.burst, "repeats": self.rows.len(), "disturbed": self.is_disturbed(),
            "foreign_percent": self.foreign_percent(),
            "join_cpu_ms": self.joins.cpu_ms(), "joins_per_second": self.joins.per_second(),
            "memory_kib_per_subscriber": self.joins.kib_each(),
            "first_packet_p50_p95_p99_ms": self.first.as_ref().map(|first| first.packet_ms),
            "first_frame_p50_p95_p99_ms": self.first.as_ref().map(|first| first.frame_ms),
            "packets_per_second": spread(Row::per_second), "packets_per_second_per_core": spread(Row::per_second_and_core),
            "us_per_packet": spread(Row::us_per_packet), "lost_percent": spread(Row::lost_percent),
            "delivered_percent": spread(Row::delivered_percent),
            "latency_p50_us": spread(|row| row.latency_p50_us), "latency_p99_us": spread(|row| row.latency_p99_us),
        });
        format!("{value:#}\n")
    }
}

impl Joins {
    fn per_second(&self) -> f64 {
        f64::from(self.count) / self.usage.seconds
    }

    fn cpu_ms(&self) -> Option<f64> {
        Some(self.usage.server_s? * 1000.0 / f64::from(self.count.max(1)))
    }

    fn kib_each(&self) -> Option<f64> {
        Some(self.resident_kib? / f64::from(self.count.max(1)))
    }
}

struct Spread {
    min: f64,
    median: f64,
    max: f64,
}

/// A figure, or a dash where there is none.
fn maybe(figure: Option<f64>, decimals: usize) -> String {
    figure.filter(|figure| figure.is_finite()).map_or("-".into(), |figure| format!("{figure:.decimals$}"))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let o = &self.options;
        writeln!(f, "machine   {}", cpu_model())?;
        writeln!(
            f,
            "load      {} publishers × {} packets/s × {} B payload, {} a frame; {} subscribers of {} each; SRTP {}; RR+REMB 1/s; generator on {}",
            o.publishers,
            o.pps,
            o.bytes,
            o.burst,
            o.subscribers,
            o.tracks(),
            self.profile,
            o.pin.map_or("any CPU".into(), |cpu| format!("CPU {cpu}")),
        )?;
        self.joins.fmt(f)?;
        self.first.iter().try_for_each(|first| first.fmt(f))?;
        writeln!(
            f,
            "\n run  packets/s  pkt/s/core  µs/pkt  server%  kernel%  lost%  delivered%  p50 ms  p99 ms  lag p99 ms  gen%  foreign%  ksoftirqd%  stolen%"
        )?;
        for (i, row) in (1..).zip(&self.rows) {
            row.fmt_line(f, i)?;
        }
        self.fmt_summary(f)?;
        self.fmt_doubts(f)
    }
}

impl Joins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "joins     {} in {:.2} s, {:.0}/s; server CPU a join {} ms; took p50 {:.1} p99 {:.1} ms; memory a subscriber {} KiB",
            self.count,
            self.usage.seconds,
            self.per_second(),
            maybe(self.cpu_ms(), 2),
            self.took_p50_us / 1000.0,
            self.took_p99_us / 1000.0,
            maybe(self.kib_each(), 1),
        )
    }
}

impl Row {
    fn fmt_line(&self, f: &mut fmt::Formatter<'_>, i: usize) -> fmt::Result {
        let percent = |cpu_s: Option<f64>| maybe(cpu_s.map(|cpu_s| self.usage.percent(cpu_s)), 1);
        writeln!(
            f,
            "{i:4}  {:9.0}  {:>10}  {:>6}  {:>7}  {:>7}  {:5.2}  {:10.2}  {:6.2}  {:6.2}  {:10.2}  {:4.0}  {:>8}  {:10.1}  {:7.1}",
            self.per_second(),
            maybe(Some(self.per_second_and_core()), 0),
            maybe(Some(self.us_per_packet()), 2),
            percent(self.usage.server_s),
            percent(self.usage.server_kernel_s),
            self.lost_percent(),
            self.delivered_percent(),
            self.latency_p50_us / 1000.0,
            self.latency_p99_us / 1000.0,
            self.lateness_p99_us / 1000.0,
            self.usage.percent(self.usage.generator_s),
            percent(self.usage.foreign_s),
            self.usage.percent(self.usage.deferred_interrupts_s),
            self.usage.percent(self.usage.stolen_s),
        )
    }
}

impl Report {
    fn fmt_summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        let mut line = |name: &str, decimals: usize, figure: fn(&Row) -> f64| {
            let Spread { min, median, max } = self.spread(figure);
            let text = |value| maybe(Some(value), decimals);
            writeln!(f, "{name:22} median {:>9}   min {:>9}   max {:>9}", text(median), text(min), text(max))
        };
        line("packets/s/core", 0, Row::per_second_and_core)?;
        line("µs/packet", 2, Row::us_per_packet)?;
        line("added latency p50, ms", 2, |row| row.latency_p50_us / 1000.0)?;
        line("added latency p99, ms", 2, |row| row.latency_p99_us / 1000.0)?;
        line("lost, %", 3, Row::lost_percent)?;
        let sum = |figure: fn(&Row) -> u64| self.rows.iter().map(figure).sum::<u64>();
        writeln!(
            f,
            "sampled: {} packets decrypted, {} bad; other packets {}; keyframe requests {}; silent tracks {}; server's memory now {} KiB",
            sum(|row| row.decrypted),
            sum(|row| row.bad),
            sum(|row| row.other),
            self.keyframe_requests,
            self.silent,
            maybe(self.resident_kib, 0),
        )
    }

    fn fmt_doubts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.options.pid.is_none() {
            writeln!(
                f,
                "NOTE: without --pid nothing is known of the server's CPU and memory, nor of other processes'."
            )?;
        }
        let busiest = self.rows.iter().map(|row| row.usage.percent(row.usage.generator_s)).fold(0.0, f64::max);
        if busiest > GENERATOR_BUSY {
            writeln!(f, "NOTE: the generator itself used {busiest:.0} % of a core and may be the limit.")?;
        }
        if self.silent > 0 {
            writeln!(f, "NOTE: {} tracks never came.", self.silent)?;
        }
        if self.is_disturbed() {
            let (foreign, max) = (self.foreign_percent(), self.options.foreign_max);
            writeln!(f, "NOT JUDGED: other processes used {foreign:.0} % of a core (limit {max:.0} %).")?;
        }
        Ok(())
    }
}
