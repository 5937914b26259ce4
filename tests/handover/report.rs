//! The table.

use std::fmt;
use std::time::Duration;

use rig::process::cpu_model;
use rig::stats::quantile;

use crate::cli::Options;
use crate::judge::{Path, Verdict};

/// A move.
pub(crate) struct Move {
    /// From the word to move to its end.
    pub took: Duration,
    pub verdict: Verdict,
}

/// All that a run found.
pub(crate) struct Report {
    pub options: Options,
    pub seed: u64,
    pub moves: Vec<Move>,
}

/// A figure of a move, and its name.
type Row = (&'static str, fn(&Move) -> Option<f64>);

const ROWS: [Row; 10] = [
    ("error of programme time", |one| Some(one.verdict.error_ms.abs())),
    ("  skipped", |one| Some(one.verdict.error_ms.max(0.0))),
    ("error of sound", |one| one.verdict.sound_error_ms.map(f64::abs)),
    ("  skipped", |one| one.verdict.sound_error_ms.map(|error| error.max(0.0))),
    ("black", |one| Some(one.verdict.black_ms)),
    ("silent", |one| Some(one.verdict.silent_ms)),
    ("one picture stood", |one| Some(one.verdict.still_ms)),
    ("broadcast's picture after its date", |one| one.verdict.broadcast_late_ms),
    ("behind live, before", |one| Some(one.verdict.behind_ms[0])),
    ("behind live, after", |one| Some(one.verdict.behind_ms[1])),
];

impl Report {
    fn to(&self, to: Path) -> impl Iterator<Item = &Move> {
        self.moves.iter().filter(move |one| one.verdict.to == to)
    }

    /// Whether the bounds of the command line hold, in both directions.
    pub(crate) fn is_within_bounds(&self) -> bool {
        let p95 = |to, figure: fn(&Move) -> f64| quantile(&self.to(to).map(figure).collect::<Vec<_>>(), 0.95);
        let gap = |one: &Move| one.verdict.black_ms.max(one.verdict.silent_ms);
        [Path::Seat, Path::Broadcast].into_iter().all(|to| {
            let error_ms = p95(to, |one| one.verdict.error_ms.abs());
            self.options.error_ms_max.is_none_or(|max| error_ms <= max)
                && self.options.gap_ms_max.is_none_or(|max| p95(to, gap) <= max)
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { moves, speakers, ladder, delay_ms, loss_percent, .. } = &self.options;
        let network = match self.options.impairment() {
            Some(_) => format!("{delay_ms} ms one way, {loss_percent} % lost"),
            None => "loopback".to_owned(),
        };
        writeln!(f, "machine   {}", cpu_model())?;
        writeln!(
            f,
            "run       {moves} moves each way, {speakers} speakers, ladder {ladder}, {network}, SEED={}",
            self.seed
        )?;
        for to in [Path::Seat, Path::Broadcast] {
            writeln!(f, "\n{:34} {:>8} {:>8} {:>8}", format!("to the {}, ms", to.name()), "p50", "p95", "max")?;
            for (name, figure) in ROWS {
                let values: Vec<f64> = self.to(to).filter_map(figure).collect();
                let [p50, p95, max] = [0.5, 0.95, 1.0].map(|share| quantile(&values, share));
                writeln!(f, "{name:34} {p50:>8.0} {p95:>8.0} {max:>8.0}")?;
            }
            let took: Vec<f64> = self.to(to).map(|one| one.took.as_secs_f64()).collect();
            let [p50, p95, max] = [0.5, 0.95, 1.0].map(|share| quantile(&took, share));
            writeln!(f, "{:34} {p50:>8.1} {p95:>8.1} {max:>8.1}", "took, s")?;
            writeln!(f, "{:34} {:>8}", "beeps missed", self.to(to).map(|one| one.verdict.beeps_missed).sum::<u32>())?;
        }
        Ok(())
    }
}
