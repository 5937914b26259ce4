//! The command line.

use clap::Parser;

/// Measures glass-to-glass latency, smoothness and lip sync of a running `spillway demo` on this machine.
#[derive(Clone, Debug, Parser)]
#[command(name = "spillway-glass", version)]
pub(crate) struct Options {
    /// The server.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// Its room.
    #[arg(long, default_value = "demo")]
    pub room: String,
    /// The server's process, to read its CPU and memory.
    #[arg(long)]
    pub pid: Option<u32>,
    /// How long to measure, seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=7200))]
    pub seconds: u64,
    /// How long the player may settle before that, seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=120))]
    pub settle: u64,
    /// How much of the broadcast to record for lip sync, seconds; 0: none.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=120))]
    pub record: u64,
}
