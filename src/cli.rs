//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Speakers on WebRTC, everyone else on LL-HLS.
#[derive(Debug, Parser)]
#[command(name = "spillway", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server.
    Serve {
        /// Settings, TOML. Every key can also be set by the environment: SPILLWAY__SECTION__KEY.
        #[arg(long, env = "SPILLWAY_CONFIG")]
        config: Option<PathBuf>,
    },
    /// Run the server with development keys, a room `demo` and synthetic speakers.
    Demo(Demo),
    /// Print an access token, or a playback token.
    Token(Token),
    /// Look at settings without running anything.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The address that serves HTTP.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) http: SocketAddr,
    /// The folder of the database and the recordings.
    #[arg(long, default_value = "data")]
    pub(crate) data: PathBuf,
    /// Synthetic speakers, who publish over WebRTC like anybody else.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=8))]
    pub(crate) speakers: u32,
    /// The renditions: default, data-saver, full-hd or small.
    #[arg(long, value_parser = ladder)]
    pub(crate) ladder: Option<ingest::ladder::Ladder>,
}

#[derive(Debug, Args)]
pub(crate) struct Token {
    /// The room it opens.
    #[arg(long)]
    pub(crate) room: access::RoomName,
    /// The identity of its bearer.
    #[arg(long, required_unless_present = "playback")]
    pub(crate) identity: Option<access::Identity>,
    /// A playback token instead: whoever has it may watch the room's broadcast, private or not, at
    /// /live/t/TOKEN/ROOM/index.m3u8 and at /watch/ROOM#t=TOKEN. It holds for the room as it is now, so the server's
    /// database must be where the settings say.
    #[arg(long, conflicts_with_all = ["identity", "name", "class", "publish", "admin", "create", "operator"])]
    pub(crate) playback: bool,
    /// The only addresses that the playback token holds for: 192.0.2.0/24, 2001:db8::/48, or one address. Behind a
    /// proxy that is not one of `[api] trusted_proxies` every viewer has the proxy's.
    #[arg(long, conflicts_with = "identity", value_name = "PREFIX")]
    pub(crate) address: Option<api::AddressPrefix>,
    /// The name that others see.
    #[arg(long, default_value = "")]
    pub(crate) name: String,
    /// The bearer's seat class: speaker, host, premium, viewer or anonymous.
    #[arg(long)]
    pub(crate) class: Option<access::Class>,
    /// May speak, not only watch.
    #[arg(long)]
    pub(crate) publish: bool,
    /// May change the room.
    #[arg(long)]
    pub(crate) admin: bool,
    /// May create, delete and list rooms.
    #[arg(long)]
    pub(crate) create: bool,
    /// May do everything in every room.
    #[arg(long)]
    pub(crate) operator: bool,
    /// How long it is good: 90s, 15m, 1h, 7d.
    #[arg(long, default_value = "1h", value_parser = duration)]
    pub(crate) ttl: Duration,
    /// The key that signs.
    #[arg(long, requires = "secret", conflicts_with = "config")]
    pub(crate) key: Option<String>,
    /// The secret of that key.
    #[arg(long, requires = "key", env = "SPILLWAY_SECRET", hide_env_values = true)]
    pub(crate) secret: Option<String>,
    /// Settings to take key and secret from; without, the environment's SPILLWAY__AUTH__….
    #[arg(long, env = "SPILLWAY_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether the server would accept these settings.
    Check {
        /// Settings, TOML.
        file: PathBuf,
    },
}

/// The preset is spelt as in the settings file.
fn ladder(text: &str) -> Result<ingest::ladder::Ladder, String> {
    use serde::Deserialize as _;
    use serde::de::IntoDeserializer as _;
    use serde::de::value::{Error, StrDeserializer};
    let text: StrDeserializer<'_, Error> = text.into_deserializer();
    ingest::ladder::Ladder::deserialize(text).map_err(|error| error.to_string())
}

/// `90s`, `15m`, `1h`, `7d`.
fn duration(text: &str) -> Result<Duration, String> {
    let expected = || format!("{text:?} is not a duration such as 90s, 15m, 1h or 7d");
    let unit = text.chars().last().ok_or_else(expected)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(expected()),
    };
    let count: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| expected())?;
    match count.checked_mul(seconds) {
        Some(seconds @ 1..=31_536_000) => Ok(Duration::from_secs(seconds)),
        _ => Err("a token lives between a second and a year".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn playback_token_takes_no_identity_and_access_token_no_address() {
        let parsed = |arguments: &str| {
            let words = format!("spillway token --room r {arguments}");
            Cli::try_parse_from(words.split_whitespace()).is_ok()
        };
        for (arguments, good) in [
            ("--identity ann", true),
            ("", false),
            ("--playback", true),
            ("--playback --ttl 15m --address 192.0.2.0/24", true),
            ("--playback --address 192.0.2.0/99", false),
            ("--playback --identity ann", false),
            ("--playback --publish", false),
            ("--identity ann --address 192.0.2.1", false),
        ] {
            assert_eq!(parsed(arguments), good, "{arguments}");
        }
    }

    #[test]
    fn lifetimes_are_read_with_their_unit() {
        for (text, seconds) in [("90s", Some(90)), ("15m", Some(900)), ("1h", Some(3_600)), ("7d", Some(604_800))] {
            assert_eq!(duration(text).ok().map(|d| d.as_secs()), seconds, "{text}");
        }
        for text in ["", "h", "1", "1w", "-1h", "0s", "400d", "99999999999999999999d", "1ä"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn presets_are_spelt_as_in_the_settings() {
        assert!(ladder("data-saver").is_ok() && ladder("small").is_ok());
        let error = ladder("huge").unwrap_err();
        assert!(error.contains("data-saver"), "{error}");
    }
}
