//! The table that a run prints.

use std::fmt;

use rig::process::cpu_model;

use crate::report::{First, Joins, Report, Row, Spread};

/// A generator that is busier than this, percent of a core, may be what limits the result.
const GENERATOR_BUSY: f64 = 85.0;

/// A figure, or a dash where there is none.
pub(crate) fn maybe(figure: Option<f64>, decimals: usize) -> String {
    figure.filter(|figure| figure.is_finite()).map_or("-".into(), |figure| format!("{figure:.decimals$}"))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "machine   {}", cpu_model())?;
        writeln!(f, "load      {}", self.load())?;
        self.joins.fmt(f, self.options.subscribers)?;
        if self.options.meeting.is_some() {
            writeln!(f, "          (of a meeting's joins the watching alone: all had published before)")?;
        }
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
    fn fmt(&self, f: &mut fmt::Formatter<'_>, subscribers: u32) -> fmt::Result {
        write!(
            f,
            "joins     {} in {:.2} s, {:.0}/s; server CPU a join {} ms; took p50 {:.1} p99 {:.1} ms; memory a subscriber {} KiB; \
             {:.1} % of all succeeded",
            self.count,
            self.usage.seconds,
            self.per_second(),
            maybe(self.cpu_ms(), 2),
            self.took_p50_us / 1000.0,
            self.took_p99_us / 1000.0,
            maybe(self.kib_each, 1),
            self.succeeded_percent(subscribers),
        )?;
        match &self.base {
            Some(base) => writeln!(
                f,
                "; {} of this generator were there before, and the server's {} % of a core without joins are taken off",
                self.there,
                maybe(base.server_s.map(|cpu_s| base.percent(cpu_s)), 1),
            ),
            None => writeln!(f),
        }
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

impl Row {
    fn fmt_line(&self, f: &mut fmt::Formatter<'_>, i: usize) -> fmt::Result {
        let percent = |cpu_s: Option<f64>| maybe(cpu_s.map(|cpu_s| self.usage.percent(cpu_s)), 1);
        writeln!(
            f,
            "{i:4}  {:9.0}  {:>10}  {:>6}  {:>7}  {:>7}  {:5.2}  {:>10}  {:6.2}  {:6.2}  {:10.2}  {:4.0}  {:>8}  {:10.1}  {:7.1}",
            self.per_second(),
            maybe(Some(self.per_second_and_core()), 0),
            maybe(Some(self.us_per_packet()), 2),
            percent(self.usage.server_s),
            percent(self.usage.server_kernel_s),
            self.lost_percent(),
            maybe(Some(self.delivered_percent()), 2),
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

fn fmt_spread(f: &mut fmt::Formatter<'_>, name: &str, decimals: usize, spread: Spread) -> fmt::Result {
    let text = |value| maybe(Some(value), decimals);
    let Spread { min, median, max } = spread;
    writeln!(f, "{name:22} median {:>9}   min {:>9}   max {:>9}", text(median), text(min), text(max))
}

impl Report {
    fn fmt_summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        for (name, decimals, figure) in [
            ("packets/s/core", 0, Row::per_second_and_core as fn(&Row) -> f64),
            ("µs/packet", 2, Row::us_per_packet),
            ("added latency p50, ms", 2, |row| row.latency_p50_us / 1000.0),
            ("added latency p99, ms", 2, |row| row.latency_p99_us / 1000.0),
            ("lost, %", 3, Row::lost_percent),
        ] {
            fmt_spread(f, name, decimals, self.spread(figure))?;
        }
        if !self.floor.is_empty() {
            fmt_spread(f, "floor, packets/s/core", 0, self.floor())?;
            fmt_spread(f, "share of the floor", 2, self.share_of_floor())?;
        }
        let sum = |figure: fn(&Row) -> u64| self.rows.iter().map(figure).sum::<u64>();
        writeln!(
            f,
            "sampled: {} packets decrypted, {} bad; other packets {}; keyframe requests {}; silent tracks {}; ended by the server {}; server's memory now {} KiB",
            sum(|row| row.decrypted),
            sum(|row| row.bad),
            sum(|row| row.other),
            self.keyframe_requests,
            self.silent,
            self.ended,
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
        if let Some(failure) = &self.joins.first_failure {
            writeln!(f, "NOTE: {} joins failed; the first: {failure}", self.joins.failed)?;
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
