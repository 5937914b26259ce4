//! The command line.

use std::time::Duration;

use clap::{Parser, ValueEnum};
use rig::peer::SrtpOffer;
use rig::vp8::PAYLOAD_BYTES_MIN;

/// Measures what a server of WHIP and WHEP, or of LiveKit's protocol, forwards on this machine, and at what cost.
///
/// Exit status: 0 measured, 1 failed, 3 measured but disturbed by other processes.
#[derive(Clone, Debug, Parser)]
#[command(name = "spillway-load", version)]
pub(crate) struct Options {
    /// The server.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// Rooms to publish into, comma-separated; publishers are spread over them.
    #[arg(long, default_value = "demo", value_delimiter = ',')]
    pub rooms: Vec<String>,
    /// The server's process, to read its CPU and memory.
    #[arg(long)]
    pub pid: Option<u32>,
    /// How many subscribers, spread evenly over the publishers.
    #[arg(long, short = 'n', default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=15_000))]
    pub subscribers: u32,
    /// How many publishers.
    #[arg(long, short = 'm', default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub publishers: u32,
    /// A meeting of so many by LiveKit's protocol, instead of publishers and subscribers: each publishes, and watches all others.
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=100), conflicts_with_all = ["subscribers", "publishers"])]
    pub meeting: Option<u32>,
    /// Full media while subscribers join, so that it says something how soon they have a picture.
    #[arg(long)]
    pub live: bool,
    /// RTP packets a second from each publisher.
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub pps: u32,
    /// RTP payload of each packet, bytes.
    #[arg(long, default_value_t = 1160, value_parser = clap::value_parser!(u32).range(PAYLOAD_BYTES_MIN as i64..=1200))]
    pub bytes: u32,
    /// Packets a frame: they leave together, share a timestamp, and the last one has the marker.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub burst: u32,
    /// How long each measurement takes, seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// How many measurements.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub repeats: u32,
    /// Full media for so long before the first measurement, seconds.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=60))]
    pub warm_up: u64,
    /// Joins a second at most; 0: as fast as they go.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=5_000))]
    pub join_rate: u32,
    /// Joins in flight at a time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub join_threads: u32,
    /// How peers join.
    #[arg(long, value_enum, default_value_t = Protocol::Whip)]
    pub protocol: Protocol,
    /// The SRTP profiles to offer.
    #[arg(long, value_enum, default_value_t = Srtp::Gcm)]
    pub srtp: Srtp,
    /// Every so-many-th subscriber decrypts all it receives and takes receive timestamps.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=15_000))]
    pub sample: u32,
    /// What subscribers claim to be able to receive (REMB), kilobits a second.
    #[arg(long, default_value_t = 20_000)]
    pub remb_kbps: u64,
    /// The key that tokens are issued by; empty: no token is sent.
    #[arg(long, default_value = "devkey", env = "SPILLWAY_KEY")]
    pub key: String,
    /// The secret that tokens are signed with.
    #[arg(long, default_value = "secret", env = "SPILLWAY_SECRET", hide_env_values = true)]
    pub secret: String,
    /// Bind the generator to this CPU.
    #[arg(long)]
    pub pin: Option<usize>,
    /// CPU of other processes above which a run is not judged, percent of a core.
    #[arg(long, default_value_t = 20.0)]
    pub foreign_max: f64,
    /// Write the figures as JSON to this file, too.
    #[arg(long)]
    pub json: Option<std::path::PathBuf>,
}

/// How peers join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// WHIP and WHEP.
    Whip,
    /// LiveKit's, on a WebSocket.
    Livekit,
}

/// SRTP profiles to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Srtp {
    /// AES-CM and AEAD-AES-128-GCM, as browsers do.
    Gcm,
    /// AES-CM-128-HMAC-SHA1-80 alone.
    Cm,
}

impl Options {
    /// With all that a meeting means.
    pub(crate) fn resolved(mut self) -> Self {
        if let Some(attendees) = self.meeting {
            (self.publishers, self.subscribers, self.protocol) = (attendees, attendees, Protocol::Livekit);
        }
        self
    }

    /// Tracks that each subscriber gets.
    pub(crate) fn tracks(&self) -> usize {
        self.meeting.map_or(1, |attendees| attendees as usize - 1)
    }

    /// What the ClientHello lists.
    pub(crate) fn srtp_offer(&self) -> SrtpOffer {
        match self.srtp {
            Srtp::Gcm => SrtpOffer::Gcm,
            Srtp::Cm => SrtpOffer::CmOnly,
        }
    }

    /// When a run has hung: far beyond what it can take.
    pub(crate) fn time_max(&self) -> Duration {
        let joins_per_second = if self.join_rate == 0 { 50 } else { u64::from(self.join_rate.min(50)) };
        let joining_s = u64::from(self.subscribers + self.publishers) * 2 / joins_per_second;
        Duration::from_secs(60 + joining_s + self.warm_up + self.seconds * u64::from(self.repeats))
    }

    /// 90 kHz ticks a frame.
    pub(crate) fn ticks_per_frame(&self) -> u32 {
        (90_000 * self.burst / self.pps).max(1)
    }
}
