//! The options of a spike.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;
use rig::{Error, Result};

use super::curve::Curve;

/// How viewers come to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// They ask for it, and take the seat or the broadcast that they are told of.
    Join,
    /// All by LiveKit's protocol, from any server that has it.
    Livekit,
}

/// Options of a spike.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SpikeOptions {
    /// The server, by its address.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// The room, which is made.
    #[arg(long, default_value = "spike")]
    pub room: String,
    /// The server's process, to read its CPU and memory.
    #[arg(long)]
    pub pid: Option<u32>,
    /// How many viewers arrive.
    #[arg(long, short = 'n', default_value_t = 1500, value_parser = clap::value_parser!(u32).range(1..=9_000))]
    pub viewers: u32,
    /// Within how long they arrive, seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// How long all of them watch after that, seconds.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub hold: u64,
    /// The shape of the audience's growth.
    #[arg(long, value_enum, default_value_t = Curve::Surge)]
    pub curve: Curve,
    /// How viewers come to watch.
    #[arg(long, value_enum, default_value_t = By::Join)]
    pub by: By,
    /// Seats for viewers. Others watch the broadcast.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=5_000))]
    pub seats: u32,
    /// Viewers from which the broadcast runs; 0: once somebody needs it. By default three quarters of the seats.
    #[arg(long)]
    pub broadcast_start_at: Option<u32>,
    /// Speakers, each with a picture of 320 × 180 pixels and a tone.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=8))]
    pub speakers: u32,
    /// The key that tokens are issued by.
    #[arg(long, default_value = "devkey", env = "SPILLWAY_KEY")]
    pub key: String,
    /// The secret that tokens are signed with.
    #[arg(long, default_value = "secret", env = "SPILLWAY_SECRET", hide_env_values = true)]
    pub secret: String,
    /// Bind the generator to this CPU.
    #[arg(long)]
    pub pin: Option<usize>,
    /// The CPUs that the server is bound to, for the report.
    #[arg(long, default_value = "")]
    pub on: String,
    /// Lateness of the generator (p99) above which the figures say nothing, milliseconds.
    #[arg(long, default_value_t = 20.0)]
    pub lateness_max: f64,
    /// The server's name in reports.
    #[arg(long, default_value = "Spillway")]
    pub label: String,
    /// Write the figures as JSON to this file, for `spike-report`.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

impl SpikeOptions {
    /// Viewers ask where to watch.
    pub(crate) fn asks(&self) -> bool {
        self.by == By::Join
    }

    /// The identity of a speaker.
    pub(crate) fn speaker(&self, number: u32) -> String {
        format!("speaker-{number}")
    }

    pub(crate) fn broadcast_start_at(&self) -> u32 {
        self.broadcast_start_at.unwrap_or(self.seats * 3 / 4)
    }

    /// The media that a seated viewer claims to be able to receive.
    pub(crate) fn remb_bits_per_second(&self) -> u64 {
        20_000_000
    }

    /// The address of the server, which must be one.
    pub(crate) fn server(&self) -> Result<SocketAddr> {
        let address = self.url.trim_start_matches("http://").trim_end_matches('/');
        address.parse().map_err(|_| Error::Child(format!("{} is no address such as http://127.0.0.1:8080", self.url)))
    }

    /// The load in a sentence.
    pub(crate) fn load(&self) -> String {
        let Self { viewers, seconds, hold, seats, speakers, .. } = self;
        let curve = format!("{:?}", self.curve).to_lowercase();
        let ways = match self.by {
            By::Join => {
                format!("{seats} seats by WHEP and LiveKit's protocol in turn, all others by LL-HLS on the lowest rung")
            }
            By::Livekit => "all by LiveKit's protocol".to_owned(),
        };
        let generator = self.pin.map_or("any CPU".into(), |cpu| format!("CPU {cpu}"));
        let on = if self.on.is_empty() { String::new() } else { format!("; server on {}", self.on) };
        format!(
            "{viewers} viewers within {seconds} s ({curve}), {hold} s more at the top; {ways}; {speakers} speaker of 320 × 180, 15 pictures/s, \
             and sound{on}; generator on {generator}"
        )
    }
}
