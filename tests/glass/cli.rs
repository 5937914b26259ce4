//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Measures glass-to-glass latency, smoothness and lip sync of a running `spillway demo` on this machine.
#[derive(Debug, Parser)]
#[command(name = "spillway-glass", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub options: Options,
}

/// What else it can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Starts a demo of its own and saves a picture of the watch page while it plays.
    Screenshot(Screenshot),
}

/// How to take the picture.
#[derive(Clone, Debug, Args)]
pub(crate) struct Screenshot {
    /// The PNG to write.
    #[arg(long)]
    pub out: PathBuf,
    /// Synthetic speakers on the stage.
    #[arg(long, default_value_t = 2)]
    pub speakers: u32,
    /// The ladder's preset.
    #[arg(long, default_value = "default")]
    pub ladder: String,
    /// The page's light colours instead of its dark ones.
    #[arg(long)]
    pub light: bool,
}

/// How to measure.
#[derive(Clone, Debug, Args)]
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
    /// How much of the broadcast to record for lip sync, seconds, at the beginning and, of a run of four times that, in
    /// the end; 0: none.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=120))]
    pub record: u64,
}
