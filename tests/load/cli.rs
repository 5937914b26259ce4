//! The command line.

use std::time::Duration;

use clap::{Parser, ValueEnum};
use rig::livekit::Kind;
use rig::peer::SrtpOffer;
use rig::vp8::{self, PAYLOAD_BYTES_MIN};
use rig::{Error, Result, opus};

use crate::commands::Command;
use crate::measure::Processes;

/// Measures what a server of WHIP and WHEP, or of LiveKit's protocol, forwards on this machine, and at what cost.
///
/// Exit status: 0 measured, 1 failed, 3 measured but disturbed by other processes.
#[derive(Debug, Parser)]
#[command(name = "spillway-load", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub options: Options,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// A measurement.
#[derive(Clone, Debug, clap::Args)]
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
    /// Each subscriber watches all publishers of its room; LiveKit's protocol only.
    #[arg(long)]
    pub all: bool,
    /// A meeting of so many by LiveKit's protocol, instead of publishers and subscribers: each publishes, and watches
    /// all others.
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=200), conflicts_with_all = ["subscribers", "publishers", "all"])]
    pub meeting: Option<u32>,
    /// No publishers: subscribers watch this participant, whom another generator's publisher is. LiveKit's protocol
    /// only.
    #[arg(long, conflicts_with_all = ["publishers", "all", "meeting"])]
    pub watch: Option<String>,
    /// Begins the identities of all who join.
    #[arg(long, default_value = "load")]
    pub prefix: String,
    /// Where publishers post their offers.
    #[arg(long, default_value = "/whip/{room}")]
    pub whip: String,
    /// Where subscribers post their offers.
    #[arg(long, default_value = "/whep/{room}?participant={publisher}")]
    pub whep: String,
    /// Publish sound (Opus) rather than pictures; LiveKit's protocol only.
    #[arg(long, conflicts_with = "burst")]
    pub sound: bool,
    /// Full media while subscribers join, so that it says something how soon they have a picture.
    #[arg(long)]
    pub live: bool,
    /// RTP packets a second from each publisher.
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub pps: u32,
    /// RTP packets a second from each publisher while subscribers join: enough to be live.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub idle_pps: u32,
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
    /// Subscribers bring up the association of their data channels, as browsers do, and read datagrams whole; LiveKit's
    /// protocol only.
    #[arg(long)]
    pub data: bool,
    /// Another process that belongs to the measurement: its CPU is not others'.
    #[arg(long)]
    pub beside: Option<u32>,
    /// Joins a second at most; 0: as fast as they go.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=5_000))]
    pub join_rate: u32,
    /// Joins in flight at a time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub join_threads: u32,
    /// Measure the joins of the last so many subscribers alone, who find all others there. Their CPU is told less what
    /// the server uses without them.
    #[arg(long)]
    pub joins_measured: Option<u32>,
    /// After each measurement seal and send the same packets to as many sockets from this CPU, and do nothing else: the
    /// floor.
    #[arg(long)]
    pub floor: Option<usize>,
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
    /// AEAD-AES-128-GCM alone: of two, many servers take the one that is listed first.
    GcmOnly,
    /// AES-CM-128-HMAC-SHA1-80 alone.
    Cm,
}

impl Options {
    /// With all that a meeting means; `Err` where options contradict each other.
    pub(crate) fn resolved(mut self) -> Result<Self> {
        if let Some(attendees) = self.meeting {
            (self.publishers, self.subscribers, self.protocol) = (attendees, attendees, Protocol::Livekit);
        }
        if self.watch.is_some() {
            self.publishers = 0;
        }
        let rooms = self.rooms.len() as u32;
        let contradictions = [
            (
                "--all, --watch, --sound and --data need --protocol livekit",
                self.protocol == Protocol::Whip && self.needs_livekit(),
            ),
            ("--all needs as many publishers in each room", self.all && !self.publishers.is_multiple_of(rooms)),
            ("--meeting and --watch are of one room", (self.meeting.is_some() || self.watch.is_some()) && rooms > 1),
            ("--joins-measured is more than there are", self.joins_measured > Some(self.subscribers)),
        ];
        match contradictions.into_iter().find(|(_, is)| *is) {
            Some((what, _)) => Err(Error::Child(what.to_owned())),
            None => Ok(self),
        }
    }

    fn needs_livekit(&self) -> bool {
        self.all || self.watch.is_some() || self.sound || self.data
    }

    /// Tracks that each subscriber gets.
    pub(crate) fn tracks(&self) -> usize {
        let publishers = self.publishers as usize;
        match self.meeting {
            Some(_) => publishers - 1,
            None if self.all => publishers / self.rooms.len(),
            None => 1,
        }
    }

    /// Packets that should arrive for each that is published, if so many subscribers are there.
    pub(crate) fn fan_out(&self, subscribers: u32) -> f64 {
        f64::from(subscribers) / f64::from(self.publishers) * self.tracks() as f64
    }

    /// Of the tracks.
    pub(crate) fn kind(&self) -> Kind {
        if self.sound { Kind::Sound } else { Kind::Picture }
    }

    /// Sockets that the generator has open.
    pub(crate) fn sockets(&self) -> u64 {
        let (subscribers, publishers) = (u64::from(self.subscribers), u64::from(self.publishers));
        let joined = match self.protocol {
            Protocol::Whip => subscribers + publishers,
            // Those of a meeting publish and watch with one signal connection.
            Protocol::Livekit if self.meeting.is_some() => 3 * subscribers,
            Protocol::Livekit => 2 * (subscribers + publishers),
        };
        joined + if self.floor.is_some() { subscribers } else { 0 } + u64::from(self.join_threads)
    }

    /// Whose CPU is measured.
    pub(crate) fn processes(&self) -> Processes {
        Processes { server: self.pid, beside: self.beside }
    }

    /// What the ClientHello lists.
    pub(crate) fn srtp_offer(&self) -> SrtpOffer {
        match self.srtp {
            Srtp::Gcm => SrtpOffer::Gcm,
            Srtp::GcmOnly => SrtpOffer::GcmOnly,
            Srtp::Cm => SrtpOffer::CmOnly,
        }
    }

    /// When a run has hung: far beyond what it can take.
    pub(crate) fn time_max(&self) -> Duration {
        let joins_per_second = if self.join_rate == 0 { 50 } else { u64::from(self.join_rate.min(50)) };
        let joining_s = u64::from(self.subscribers + self.publishers) * 2 / joins_per_second;
        let rows = u64::from(self.repeats) * if self.floor.is_some() { 2 } else { 1 };
        Duration::from_secs(60 + joining_s + self.warm_up + (self.seconds + 1) * rows)
    }

    /// Ticks a frame, of the clock of the kind that is published.
    pub(crate) fn ticks_per_frame(&self) -> u32 {
        let clock_hz = if self.sound { opus::CLOCK_HZ } else { vp8::CLOCK_HZ };
        (clock_hz * self.burst / self.pps).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(arguments: &[&str]) -> Result<Options> {
        let line = ["spillway-load", "--protocol", "livekit"].iter().chain(arguments);
        Arguments::try_parse_from(line).unwrap().options.resolved()
    }

    #[test]
    fn tracks_and_fan_out_follow_from_who_watches_whom() {
        for (arguments, tracks, fan_out) in [
            (&["-m", "20", "-n", "400"][..], 1, 20.0),
            (&["-m", "10", "-n", "1000", "--all"], 10, 1000.0),
            (&["-m", "10", "-n", "1000", "--all", "--rooms", "a,b"], 5, 500.0),
            (&["--meeting", "150"], 149, 149.0),
        ] {
            let options = resolved(arguments).unwrap();
            assert_eq!((options.tracks(), options.fan_out(options.subscribers)), (tracks, fan_out), "{arguments:?}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for arguments in [
            &["--protocol", "whip", "--sound"][..],
            &["-m", "3", "--all", "--rooms", "a,b"],
            &["--meeting", "4", "--rooms", "a,b"],
            &["-n", "10", "--joins-measured", "11"],
        ] {
            let line = ["spillway-load"].iter().chain(arguments);
            let options = Arguments::try_parse_from(line).unwrap().options;
            assert!(options.resolved().is_err(), "{arguments:?}");
        }
    }
}
