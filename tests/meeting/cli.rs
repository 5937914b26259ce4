//! The command line.

use clap::{Parser, ValueEnum};
use rig::meeting_page::Way;

/// Measures how a browser joins a meeting of LiveKit's protocol: tracks, time, signalling and the server's CPU.
#[derive(Clone, Debug, Parser)]
#[command(name = "spillway-meeting", version)]
pub(crate) struct Options {
    /// The server.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// The room.
    #[arg(long, default_value = "meeting")]
    pub room: String,
    /// The server's process, to read its CPU.
    #[arg(long)]
    pub pid: Option<u32>,
    /// Native participants with camera and microphone.
    #[arg(long, short = 'n', default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub participants: u32,
    /// Joins of each kind.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub joins: u32,
    /// The browser.
    #[arg(long, value_enum, default_value_t = Program::Chromium)]
    pub browser: Program,
    /// Two peer connections (`/rtc`) instead of one (`/rtc/v1`).
    #[arg(long)]
    pub two_connections: bool,
    /// The client asks for the size that each picture is shown in.
    #[arg(long)]
    pub adaptive_stream: bool,
    /// The key that tokens are issued by.
    #[arg(long, default_value = "devkey", env = "SPILLWAY_KEY")]
    pub key: String,
    /// The secret that tokens are signed with.
    #[arg(long, default_value = "secret", env = "SPILLWAY_SECRET", hide_env_values = true)]
    pub secret: String,
    /// A join has failed after so long, seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=600))]
    pub seconds_max: u64,
}

/// Browsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Program {
    /// By Playwright, with what its WebSocket carries.
    Chromium,
    /// By WebDriver BiDi, which does not tell of WebSockets.
    Firefox,
}

impl Options {
    /// How pages join.
    pub(crate) fn way(&self) -> Way {
        Way { two_connections: self.two_connections, adaptive_stream: self.adaptive_stream }
    }
}
