//! The command line.

use clap::Parser;

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
    /// Fails if 95 % of the moves are not within this error of programme time, milliseconds.
    #[arg(long)]
    pub error_ms_max: Option<f64>,
    /// Fails if 95 % of the moves are not within this gap, black or silent, milliseconds.
    #[arg(long)]
    pub gap_ms_max: Option<f64>,
}
