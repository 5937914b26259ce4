//! The figures of a spike: by the second for plots, and over all of it to judge. Pure; written and read as JSON.

use rig::stats::quantile;
use serde::{Deserialize, Serialize};

use super::record::{Sample, Second, Seconds};

/// Of all viewers, percent.
pub(crate) const ERROR_PERCENT_MAX: f64 = 0.5;
/// Of the packets to seated viewers, percent.
pub(crate) const LOST_PERCENT_MAX: f64 = 1.0;
/// From arrival to the first media, 95 of a hundred viewers.
pub(crate) const JOIN_P95_MS_MAX: f64 = 500.0;

/// Three figures of one kind, by rising rank.
pub(crate) type Ranks = [f64; 3];

/// One second; the viewers are those at its end.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Point {
    /// From 1.
    pub second: u32,
    pub arrived: u32,
    /// Viewers by path: WHEP, LiveKit's protocol, LL-HLS.
    pub watching: [u32; 3],
    /// Viewers for whom something went wrong so far.
    pub failed: u32,
    pub told_to_wait: u32,
    pub requests: u64,
    pub requests_failed: u64,
    /// p50, p95, p99, milliseconds.
    pub answer_ms: Option<Ranks>,
    pub join_ms: Option<Ranks>,
    pub part_ms: Option<Ranks>,
    pub edge_ms: Option<Ranks>,
    /// p50, p99, most, milliseconds.
    pub lateness_ms: Option<Ranks>,
    /// Packets to seated viewers in this second, and of them lost, percent.
    pub packets: u64,
    pub lost_percent: Option<f64>,
    /// Percent of a core.
    pub server_cpu_percent: Option<f64>,
    pub generator_cpu_percent: Option<f64>,
    pub server_mib: Option<f64>,
}

/// Over the whole spike.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Totals {
    pub arrived: u32,
    pub watching: [u32; 3],
    pub failed: u32,
    pub told_to_wait: u32,
    pub requests: u64,
    pub requests_failed: u64,
    pub answer_ms: Option<Ranks>,
    pub join_ms: Option<Ranks>,
    pub part_ms: Option<Ranks>,
    pub edge_ms: Option<Ranks>,
    pub lateness_ms: Option<Ranks>,
    pub packets: u64,
    pub lost_percent: Option<f64>,
    /// CPU of other processes, percent of a core; `None` without the server's pid.
    pub foreign_percent: Option<f64>,
}

/// Something that went wrong, how often, and how it read the first time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FaultKind {
    pub kind: String,
    pub count: u64,
    pub first: String,
}

/// A spike on one server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Spike {
    /// The server's name.
    pub label: String,
    pub machine: String,
    /// The load, and where server and generator ran, in a sentence.
    pub load: String,
    /// Beyond this lateness (p99) the generator, and not the server, is measured.
    pub lateness_ms_max: f64,
    pub totals: Totals,
    pub faults: Vec<FaultKind>,
    pub points: Vec<Point>,
}

impl Totals {
    /// Viewers for whom something went wrong, percent.
    pub(crate) fn error_percent(&self) -> f64 {
        100.0 * f64::from(self.failed) / f64::from(self.arrived.max(1))
    }

    pub(crate) fn join_p95_ms(&self) -> f64 {
        self.join_ms.map_or(f64::INFINITY, |[_, p95, _]| p95)
    }

    pub(crate) fn lateness_p99_ms(&self) -> f64 {
        self.lateness_ms.map_or(0.0, |[_, p99, _]| p99)
    }
}

impl Spike {
    /// The generator was in time, so the figures are the server's.
    pub(crate) fn is_valid(&self) -> bool {
        self.totals.lateness_p99_ms() <= self.lateness_ms_max
    }

    /// Each goal, the figure, and whether it is met.
    pub(crate) fn goals(&self) -> [(&'static str, String, bool); 3] {
        let totals = &self.totals;
        let (error, join, lost) = (totals.error_percent(), totals.join_p95_ms(), totals.lost_percent);
        let lost_text = lost.map_or("no seats".into(), |lost| format!("{lost:.3} %"));
        [
            ("error < 0.5 %", format!("{error:.2} %"), error < ERROR_PERCENT_MAX),
            ("seated viewers' packet loss < 1 %", lost_text, lost.is_none_or(|lost| lost < LOST_PERCENT_MAX)),
            ("join p95 < 500 ms", format!("{join:.0} ms"), join < JOIN_P95_MS_MAX),
        ]
    }

    /// The figures of `seconds`; whoever makes this adds the words.
    pub(crate) fn of(seconds: &Seconds) -> Self {
        let (mut points, mut last) = (Vec::<Point>::new(), Second::default());
        for second in &seconds.seconds {
            points.push(point(points.last(), second, &last));
            last.packets = second.packets.or(last.packets);
            last.server_cpu = second.server_cpu.or(last.server_cpu);
            last.generator_cpu = second.generator_cpu.or(last.generator_cpu);
        }
        let faults = seconds.faults.iter().map(|(kind, (count, first))| {
            let kind = (*kind).to_owned();
            FaultKind { kind, count: *count, first: first.clone() }
        });
        let totals = totals(&seconds.seconds, &points);
        Self { totals, faults: faults.collect(), points, ..Self::default() }
    }
}

fn point(before: Option<&Point>, second: &Second, last: &Second) -> Point {
    let (nobody, ranks) = (Point::default(), |sample| ranks(second.samples(sample), [0.5, 0.95, 0.99]));
    let before = before.unwrap_or(&nobody);
    let mut watching = before.watching;
    for (index, count) in watching.iter_mut().enumerate() {
        *count = (*count + second.began[index]).saturating_sub(second.stopped[index]);
    }
    let percent = |now: Option<std::time::Duration>, before: Option<std::time::Duration>| {
        Some(now?.saturating_sub(before?).as_secs_f64() * 100.0)
    };
    let (received, numbered) = second
        .packets
        .zip(last.packets)
        .map_or((0, 0), |(now, before)| (now.0.saturating_sub(before.0), now.1.saturating_sub(before.1)));
    Point {
        second: before.second + 1,
        arrived: before.arrived + second.arrived,
        watching,
        failed: before.failed + second.failed,
        told_to_wait: second.told_to_wait,
        requests: second.requests,
        requests_failed: second.requests_failed,
        answer_ms: ranks(Sample::Answer),
        join_ms: ranks(Sample::Join),
        part_ms: ranks(Sample::Part),
        edge_ms: ranks(Sample::Edge),
        lateness_ms: self::ranks(second.samples(Sample::Lateness), [0.5, 0.99, 1.0]),
        packets: received,
        lost_percent: lost_percent(received, numbered),
        server_cpu_percent: percent(second.server_cpu, last.server_cpu),
        generator_cpu_percent: percent(second.generator_cpu, last.generator_cpu),
        server_mib: second.server_bytes.map(|bytes| bytes as f64 / f64::from(1 << 20)),
    }
}

fn totals(seconds: &[Second], points: &[Point]) -> Totals {
    let ranks_of = |sample, shares| {
        let all: Vec<f64> = seconds.iter().flat_map(|second| second.samples(sample)).copied().collect();
        ranks(&all, shares)
    };
    let (sum, usual) = (|figure: fn(&Point) -> u64| points.iter().map(figure).sum(), [0.5, 0.95, 0.99]);
    let last = points.last().cloned().unwrap_or_default();
    let (received, numbered) = seconds.iter().rev().find_map(|second| second.packets).unwrap_or_default();
    Totals {
        arrived: last.arrived,
        watching: last.watching,
        failed: last.failed,
        told_to_wait: seconds.iter().map(|second| second.told_to_wait).sum(),
        requests: sum(|point| point.requests),
        requests_failed: sum(|point| point.requests_failed),
        answer_ms: ranks_of(Sample::Answer, usual),
        join_ms: ranks_of(Sample::Join, usual),
        part_ms: ranks_of(Sample::Part, usual),
        edge_ms: ranks_of(Sample::Edge, usual),
        lateness_ms: ranks_of(Sample::Lateness, [0.5, 0.99, 1.0]),
        packets: received,
        lost_percent: lost_percent(received, numbered),
        foreign_percent: None,
    }
}

fn ranks(samples: &[f64], shares: [f64; 3]) -> Option<Ranks> {
    (!samples.is_empty()).then(|| shares.map(|share| quantile(samples, share)))
}

fn lost_percent(received: u64, numbered: u64) -> Option<f64> {
    (numbered > 0).then(|| 100.0 * numbered.saturating_sub(received) as f64 / numbered as f64)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::spike::record::{Delivery, Fault, Record};

    /// Two seconds: five arrive, four begin to watch, one fails before and one after that.
    fn seconds() -> Seconds {
        let record = Record::new(Instant::now(), 1);
        record.now(|second| {
            second.arrived = 5;
            second.began = [1, 1, 0];
            second.packets = Some((100, 100));
            second.server_cpu = Some(Duration::from_millis(100));
        });
        record.fault(Fault { kind: "join", error: "503".into() }, None);
        (10..20).for_each(|ms| record.sample(Sample::Join, Duration::from_millis(ms)));
        let mut all = record.take();
        let record = Record::new(Instant::now(), 1);
        record.now(|second| {
            second.began = [0, 0, 2];
            second.packets = Some((290, 300));
            second.server_cpu = Some(Duration::from_millis(600));
        });
        record.fault(Fault { kind: "part", error: "404".into() }, Some(Delivery::Broadcast));
        (80..90).for_each(|ms| record.sample(Sample::Lateness, Duration::from_millis(ms)));
        all.seconds.extend(record.take().seconds);
        all
    }

    #[test]
    fn viewers_add_up_and_counters_of_the_process_are_told_by_the_second() {
        let spike = Spike::of(&seconds());
        let [first, second] = &spike.points[..] else { panic!() };
        assert_eq!((first.arrived, first.watching, first.failed), (5, [1, 1, 0], 1));
        assert_eq!((second.arrived, second.watching, second.failed), (5, [1, 1, 1], 2));
        assert_eq!((first.lost_percent, second.lost_percent, second.packets), (None, Some(5.0), 190));
        assert_eq!((first.server_cpu_percent, second.server_cpu_percent), (None, Some(50.0)));
        let totals = &spike.totals;
        assert_eq!((totals.error_percent(), totals.join_p95_ms()), (40.0, 19.0));
        assert!((totals.lost_percent.unwrap() - 10.0 / 3.0).abs() < 1e-9);
        assert_eq!(spike.faults[0], FaultKind { kind: "join".into(), count: 1, first: "503".into() });
    }

    #[test]
    fn goals_are_met_or_missed_and_a_late_generator_makes_the_spike_invalid() {
        let mut spike = Spike { lateness_ms_max: 20.0, ..Spike::of(&seconds()) };
        assert_eq!(spike.goals().map(|(_, _, met)| met), [false, false, true]);
        assert!(!spike.is_valid());
        (spike.totals.failed, spike.totals.lost_percent) = (0, None);
        spike.totals.lateness_ms = Some([0.1, 20.0, 90.0]);
        assert!(spike.is_valid() && spike.goals().iter().all(|(_, _, met)| *met));
        spike.totals.join_ms = None;
        assert!(!spike.goals()[2].2, "nobody who watches is no fast join");
    }

    #[test]
    fn json_gives_the_same_spike_again() {
        let spike = Spike::of(&seconds());
        let text = serde_json::to_string(&spike).unwrap();
        let again: Spike = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
    }
}
