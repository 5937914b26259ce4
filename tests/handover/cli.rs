//! The command line.

use std::time::Duration;

use clap::Parser;
use rig::link::Impairment;

/// Measures moves between a seat and the broadcast, in a demo of its own.
#[derive(Clone, Debug, Parser)]
#[command(name = "spillway-handover", version)]
pub(crate) struct Options {
    /// Moves in each direction.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub moves: u32,
    /// Repeats the random waits between moves; by default another seed each time, which the report names.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Synthetic speakers on the stage.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=9))]
    pub speakers: u32,
    /// The ladder's preset.
    #[arg(long, default_value = "small")]
    pub ladder: String,
    /// Longest wait between two moves, seconds; the shortest is two.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=600))]
    pub wait_s: u32,
    /// Puts a network of this delay between server and browser, milliseconds one way. Needs root.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=5_000))]
    pub delay_ms: u32,
    /// And of this loss, percent of the packets of each direction. Needs root.
    #[arg(long, default_value_t = 0.0)]
    pub loss_percent: f64,
    /// Fails if 95 % of the moves are not within this error of programme time, milliseconds.
    #[arg(long)]
    pub error_ms_max: Option<f64>,
    /// Fails if 95 % of the moves are not within this gap, black or silent, milliseconds.
    #[arg(long)]
    pub gap_ms_max: Option<f64>,
}

impl Options {
    /// The network between server and browser; `None`: loopback.
    pub(crate) fn impairment(&self) -> Option<Impairment> {
        let (delay, loss) = (Duration::from_millis(self.delay_ms.into()), self.loss_percent.clamp(0.0, 100.0) / 100.0);
        (!delay.is_zero() || loss > 0.0).then(|| Impairment { loss, ..Impairment::slow(delay) })
    }
}
