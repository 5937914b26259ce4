//! The figures of a spike as text.

use std::fmt;

use super::series::{Point, Ranks, Spike};
use crate::table::maybe;

/// A line for every so many seconds.
const LINE_EVERY: u32 = 5;

fn ranks(ranks: Option<Ranks>, decimals: usize) -> String {
    ranks.map_or("-".into(), |ranks| ranks.map(|figure| maybe(Some(figure), decimals)).join(" / "))
}

impl fmt::Display for Spike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "machine   {}", self.machine)?;
        writeln!(f, "load      {}: {}", self.label, self.load)?;
        writeln!(
            f,
            "\n   s  arrived  whep  livekit  hls  failed  join p50/p95/p99 ms     behind p50/p95/p99 ms   lost%  server%  MiB  gen%  late p50/p99/most ms"
        )?;
        let last = self.points.last().map(|point| point.second);
        let shown = |point: &&Point| point.second.is_multiple_of(LINE_EVERY) || Some(point.second) == last;
        self.points.iter().filter(shown).try_for_each(|point| point.fmt_line(f))?;
        self.fmt_totals(f)
    }
}

impl Point {
    fn fmt_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [whep, livekit, hls] = self.watching;
        writeln!(
            f,
            "{:>4}  {:>7}  {whep:>4}  {livekit:>7}  {hls:>3}  {:>6}  {:<22}  {:<22}  {:>5}  {:>7}  {:>3}  {:>4}  {}",
            self.second,
            self.arrived,
            self.failed,
            ranks(self.join_ms, 0),
            ranks(self.edge_ms, 0),
            maybe(self.lost_percent, 2),
            maybe(self.server_cpu_percent, 0),
            maybe(self.server_mib, 0),
            maybe(self.generator_cpu_percent, 0),
            ranks(self.lateness_ms, 1),
        )
    }
}

impl Spike {
    fn fmt_totals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let totals = &self.totals;
        let [whep, livekit, hls] = totals.watching;
        writeln!(
            f,
            "\nwatching  {whep} by WHEP, {livekit} by LiveKit's protocol, {hls} by LL-HLS, of {}",
            totals.arrived
        )?;
        writeln!(f, "join      arrival to first media {} ms (p50 / p95 / p99)", ranks(totals.join_ms, 0))?;
        if totals.answer_ms.is_some() {
            writeln!(
                f,
                "          arrival to answer {} ms; told to wait {} times",
                ranks(totals.answer_ms, 1),
                totals.told_to_wait
            )?;
        }
        writeln!(f, "seats     {} packets, {} % lost", totals.packets, maybe(totals.lost_percent, 4))?;
        if totals.requests > 0 {
            writeln!(
                f,
                "players   {} requests, {} failed; a part {} ms; behind the programme {} ms",
                totals.requests,
                totals.requests_failed,
                ranks(totals.part_ms, 1),
                ranks(totals.edge_ms, 0),
            )?;
        }
        for fault in &self.faults {
            writeln!(f, "fault     {} × {}: {}", fault.count, fault.kind, fault.first)?;
        }
        writeln!(f, "others    {} % of a core", maybe(totals.foreign_percent, 0))?;
        let late = if self.is_valid() { "" } else { ": INVALID, the generator was what limited it" };
        let max = self.lateness_ms_max;
        writeln!(f, "lateness  {} ms (p50 / p99 / most; p99 at most {max}){late}", ranks(totals.lateness_ms, 1))?;
        for (goal, figure, is_met) in self.goals() {
            writeln!(f, "goal      {goal}: {figure}, {}", if is_met { "met" } else { "MISSED" })?;
        }
        Ok(())
    }
}
