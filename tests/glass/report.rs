//! The table.

use std::fmt;

use rig::process::cpu_model;
use rig::stats::{quantile, slope};

use crate::cli::Options;
use crate::latency::{Latency, Summary};
use crate::watch::{PlayerState, ServerUse};

const MIB: f64 = 1024.0 * 1024.0;
/// More gaps than this are not listed.
const GAPS_SHOWN: usize = 10;

/// All that a run found.
pub(crate) struct Report {
    pub options: Options,
    pub summary: Summary,
    /// The player's counts when sampling began, and when it ended.
    pub before: PlayerState,
    pub after: PlayerState,
    pub server: Vec<ServerUse>,
    /// Each beep after its flash, at the beginning, and at the end of a long run.
    pub lip_sync_ms: Vec<Vec<f64>>,
    pub ladder: Vec<(String, f64)>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { frames, illegible, glass, hls, date, gaps, stay_ms_max, frames_per_second } = &self.summary;
        writeln!(f, "machine   {}", cpu_model())?;
        writeln!(
            f,
            "run       {} s of {} in headless Chromium, {}p at ×{:.2}, player's target {:.0} ms",
            self.options.seconds, self.options.room, self.after.height, self.after.rate, self.after.target_ms
        )?;
        writeln!(f, "\n{:34} {:>8} {:>8} {:>8} {:>12}", "latency, ms", "p50", "p95", "max", "drift ms/min")?;
        for (name, latency) in [("burned in, to screen", glass), ("hls.latency", hls), ("now − hls.playingDate", date)]
        {
            let Latency { p50, p95, max, drift_per_minute } = latency;
            writeln!(f, "{name:34} {p50:8.0} {p95:8.0} {max:8.0} {drift_per_minute:12.1}")?;
        }
        writeln!(
            f,
            "\nframes    {frames} shown, {frames_per_second:.1}/s; {illegible} illegible; {} dropped of {} decoded",
            self.after.dropped - self.before.dropped,
            self.after.decoded - self.before.decoded
        )?;
        let stalls = self.after.waiting - self.before.waiting;
        writeln!(
            f,
            "stalls    {stalls} waiting events; {} gaps over 250 ms, the longest stay of a frame {stay_ms_max:.0} ms",
            gaps.len()
        )?;
        for (second, stay_ms) in gaps.iter().take(GAPS_SHOWN) {
            writeln!(f, "gap       {stay_ms:.0} ms, {second:.0} s in")?;
        }
        for (when, offsets) in ["at first", "in the end"].iter().zip(&self.lip_sync_ms) {
            fmt_lip_sync(f, when, offsets)?;
        }
        self.fmt_server(f)?;
        for (name, value) in &self.ladder {
            writeln!(f, "ladder    {name} {value}")?;
        }
        Ok(())
    }
}

impl Report {
    fn fmt_server(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(first), Some(last)) = (self.server.first(), self.server.last()) else { return Ok(()) };
        let (Some(from), Some(to)) = (first.resident, last.resident) else {
            return writeln!(f, "server    unknown without --pid");
        };
        let minutes = |at: std::time::Instant| (at - first.at).as_secs_f64() / 60.0;
        let grows: Vec<(f64, f64)> =
            self.server.iter().filter_map(|one| Some((minutes(one.at), one.resident? as f64 / MIB))).collect();
        let cpu_s = first.cpu.zip(last.cpu).map_or(f64::NAN, |(from, to)| to.saturating_sub(from).as_secs_f64());
        writeln!(
            f,
            "server    memory {:.1} → {:.1} MiB, {:+.2} MiB/min; CPU {:.0} % of a core",
            from as f64 / MIB,
            to as f64 / MIB,
            slope(&grows),
            100.0 * cpu_s / (last.at - first.at).as_secs_f64()
        )
    }
}

fn fmt_lip_sync(f: &mut fmt::Formatter<'_>, when: &str, offsets: &[f64]) -> fmt::Result {
    if offsets.is_empty() {
        return writeln!(f, "lip sync  {when}: no flash with its beep in what was recorded");
    }
    let apart: Vec<f64> = offsets.iter().map(|offset| offset.abs()).collect();
    let [p50, p95] = [0.5, 0.95].map(|share| quantile(&apart, share));
    let middle = quantile(offsets, 0.5);
    writeln!(
        f,
        "lip sync  {when}: beep − flash median {middle:+.0} ms; apart p50 {p50:.0} p95 {p95:.0} ms; {} pairs, from the segments",
        offsets.len()
    )
}
