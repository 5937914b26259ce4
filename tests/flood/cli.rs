//! The command line, and what each flood is.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use rig::Result;
use rig::floods::signals::{self, Asked};
use rig::floods::{Attack, Target, data, http, sessions, tcp};
use rig::peer::Credentials;

/// Floods a server on this machine beside innocent clients, and measures what that costs them.
#[derive(Debug, Parser)]
#[command(name = "spillway-flood", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// One flood, beside `spillway-load`.
    Run(Options),
    /// The table of runs whose figures lie in a folder, in files named FLOOD.SERVER.REPEAT.json.
    Table {
        /// The folder.
        folder: PathBuf,
    },
}

/// One run.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// The flood.
    #[arg(value_enum)]
    pub flood: Flood,
    /// The port of the server's HTTP surface. Innocents use it at 127.0.0.1; the attacker at the machine's outside
    /// address, where it has one: the server is to listen there, too.
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// The server's process.
    #[arg(long)]
    pub pid: u32,
    /// The room.
    #[arg(long, default_value = "demo")]
    pub room: String,
    /// Innocent subscribers.
    #[arg(long, short = 'n', default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub innocents: u32,
    /// RTP packets a second from their publisher.
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub pps: u32,
    /// How long each measurement takes, seconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Measurements under the flood; one before it and one after it are taken as well.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=48))]
    pub rows: u32,
    /// Connections of floods that hold connections; default: as many as the flood has by itself.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=15_000))]
    pub connections: Option<u32>,
    /// What HTTP readers ask for; default: something large that anybody may get.
    #[arg(long)]
    pub path: Option<String>,
    /// Identities that offers come from, one token each.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub identities: u32,
    /// Bind the attacker and the innocents to this CPU.
    #[arg(long)]
    pub pin: Option<usize>,
    /// The load generator's binary; default: the one beside this program.
    #[arg(long)]
    pub load: Option<PathBuf>,
    /// The key that tokens are issued by.
    #[arg(long, default_value = "devkey", env = "SPILLWAY_KEY")]
    pub key: String,
    /// The secret that tokens are signed with.
    #[arg(long, default_value = "secret", env = "SPILLWAY_SECRET", hide_env_values = true)]
    pub secret: String,
    /// Write the figures as JSON to this file, too.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// What the attacker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Flood {
    /// Messages of one byte to the whole room on the lossy data channel, as fast as they are taken.
    DataSmall,
    /// Reliable messages, 2 MB/s, to one victim who reads slowly and is the attacker's, too.
    DataVictim,
    /// Mutes and unmutes by signal, bursts of 500, each on a new WebSocket.
    Mutes,
    /// Subscription permissions that change all the time, in such bursts.
    Permissions,
    /// Track settings that name one track thousands of times, in such bursts.
    Settings,
    /// Updates of metadata of 32 KiB, in such bursts.
    Metadata,
    /// WHEP offers of one token, as fast as they are answered, of which none ever connects.
    Offers,
    /// Strangers on the media port's TCP that stream frames of no bytes, and connect again when they are closed.
    TcpFrames,
    /// Strangers on the media port's TCP that connect as fast as they can, and say nothing.
    TcpSilence,
    /// HTTP/2 connections that ask for a large object on every stream, and read nothing.
    UnreadAnswers,
    /// HTTP/1.1 connections with heads that never end.
    SlowHeads,
    /// Connections that say nothing.
    HeldConnections,
}

impl Flood {
    /// As it is named on the command line and in tables.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned())
    }

    /// Innocents are of LiveKit's protocol: those by WHEP are told nothing.
    pub(crate) fn is_of_livekit(self) -> bool {
        self.has_data() || matches!(self, Self::Mutes | Self::Permissions | Self::Settings | Self::Metadata)
    }

    /// Innocents have data channels.
    pub(crate) fn has_data(self) -> bool {
        matches!(self, Self::DataSmall | Self::DataVictim)
    }

    /// Begins it.
    pub(crate) fn start(self, target: &Target, credentials: &Credentials, options: &Options) -> Result<Attack> {
        let connections = |default: usize| options.connections.map_or(default, |count| count as usize);
        Ok(match self {
            Self::DataSmall => data::small_to_all(target, credentials),
            Self::DataVictim => data::large_to_victim(target, credentials),
            Self::Mutes => signals::ask(target, Asked::Mutes),
            Self::Permissions => signals::ask(target, Asked::Permissions),
            Self::Settings => signals::ask(target, Asked::Settings),
            Self::Metadata => signals::ask(target, Asked::Metadata),
            Self::Offers => sessions::offers(target, options.identities, credentials, connections(1)),
            Self::TcpFrames => tcp::frames(target, tcp::media(target, credentials)?, &[0, 0], connections(1)),
            Self::TcpSilence => tcp::silence(target, tcp::media(target, credentials)?, connections(300)),
            Self::UnreadAnswers => {
                let path = options.path.clone().map_or_else(|| http::large_object(&target.http, &target.room), Ok)?;
                http::unread_answers(target, &path, connections(64))
            }
            Self::SlowHeads => http::slow_heads(target, connections(6000)),
            Self::HeldConnections => http::held_connections(target, connections(6000)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_of_each_flood_is_read() {
        for flood in Flood::value_variants() {
            let name = flood.name();
            let arguments = Arguments::try_parse_from(["spillway-flood", "run", &name, "--pid", "1"]).unwrap();
            assert!(matches!(arguments.command, Command::Run(options) if options.flood == *flood));
        }
    }
}
