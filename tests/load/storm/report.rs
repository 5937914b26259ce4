//! The figures of a storm, and whether they may be believed.

use std::fmt;

use rig::process::cpu_model;
use rig::stats::quantile;
use serde_json::json;

use super::{Answers, StormOptions};
use crate::measure::Usage;
use crate::table::maybe;

/// The figures.
#[derive(Debug)]
pub(crate) struct StormReport {
    pub(super) options: StormOptions,
    pub(super) usage: Usage,
    pub(super) answers: Answers,
    pub(super) lateness_ms: Vec<f64>,
}

impl StormReport {
    fn ranks(samples: &[f64]) -> [f64; 3] {
        [0.5, 0.95, 0.99].map(|share| quantile(samples, share))
    }

    fn per_second(&self) -> f64 {
        self.answers.latency_ms.len() as f64 / self.usage.seconds
    }

    /// The generator was in time.
    pub(crate) fn is_valid(&self) -> bool {
        let [_, _, p99] = Self::ranks(&self.lateness_ms);
        p99 <= self.options.lateness_max
    }

    fn server_percent(&self) -> Option<f64> {
        self.usage.server_s.map(|server_s| self.usage.percent(server_s))
    }

    /// The figures for programs.
    pub(super) fn to_json(&self) -> String {
        let value = json!({
            "cpu": cpu_model(), "rate": self.options.rate, "answers_per_second": self.per_second(),
            "latency_p50_p95_p99_ms": Self::ranks(&self.answers.latency_ms), "errors": self.answers.errors,
            "lateness_p50_p95_p99_ms": Self::ranks(&self.lateness_ms), "server_cpu_percent": self.server_percent(),
            "is_valid": self.is_valid(),
        });
        format!("{value:#}\n")
    }
}

impl fmt::Display for StormReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StormOptions { rate, connections, seats, lateness_max, .. } = &self.options;
        let text = |samples: &[f64]| Self::ranks(samples).map(|ms| maybe(Some(ms), 2)).join(" / ");
        let Answers { latency_ms, kinds, errors, .. } = &self.answers;
        writeln!(f, "machine   {}", cpu_model())?;
        writeln!(
            f,
            "load      {rate} joins/s of guests, a room of {seats} seats, no media, {connections} connections kept open"
        )?;
        writeln!(
            f,
            "answers   {:.0}/s, {} in {:.1} s; errors {errors}",
            self.per_second(),
            latency_ms.len(),
            self.usage.seconds
        )?;
        kinds.iter().try_for_each(|(kind, count)| writeln!(f, "          {count} × {kind}"))?;
        writeln!(f, "latency   {} ms from when it was due (p50 / p95 / p99)", text(latency_ms))?;
        let each = self.usage.server_s.map(|server_s| server_s * 1e6 / latency_ms.len().max(1) as f64);
        writeln!(f, "server    {} % of a core, {} µs a join", maybe(self.server_percent(), 0), maybe(each, 0))?;
        let (ours, foreign) = (self.usage.percent(self.usage.generator_s), self.usage.foreign_percent());
        writeln!(f, "generator {ours:.0} % of a core; others {foreign:.0} %")?;
        let verdict = if self.is_valid() { "" } else { ": INVALID" };
        writeln!(f, "lateness  {} ms (p50 / p95 / p99, at most {lateness_max}){verdict}", text(&self.lateness_ms))
    }
}
