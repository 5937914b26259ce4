//! Every setting of the server: each crate's own configuration, one section each.
//!
//! Defaults, then the file, then the environment (`SPILLWAY__SECTION__KEY`); whatever is unknown or impossible is
//! refused by its name, before anything is bound.

mod fault;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use access::Keys;
use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};
use rooms::RecordSetting;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The pair that `spillway demo` runs with. Everybody knows it.
pub(crate) const DEV_KEY: &str = "devkey";
pub(crate) const DEV_SECRET: &str = "secret";
/// HS256 wants a key as long as its hash (RFC 7518 §3.2), bytes.
const SECRET_BYTES_MIN: usize = 32;

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Keys that sign and verify tokens.
    pub(crate) auth: Auth,
    /// The HTTP surface.
    pub(crate) api: api::Config,
    /// The SFU.
    pub(crate) sfu: interactive_sfu::Config,
    /// Composing and encoding.
    pub(crate) ingest: ingest::Config,
    /// Packaging, and the origin's memory.
    pub(crate) packager: packager::Config,
    /// When rooms are on the air, and where recordings go.
    pub(crate) broadcast: Broadcast,
    /// Logs, on standard error.
    pub(crate) log: Log,
    /// How the server ends.
    pub(crate) shutdown: Shutdown,
}

/// Key pairs, as LiveKit's servers have them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Auth {
    /// Name of the key: the issuer of every token. No default.
    pub(crate) key: String,
    /// The secret that tokens are signed with, at least 32 bytes: `openssl rand -hex 32`. No default.
    pub(crate) secret: Secret,
    /// A further key that is still accepted, while tokens signed with it run out. Default none.
    pub(crate) previous_key: String,
    /// The secret of `previous_key`.
    pub(crate) previous_secret: Secret,
}

/// Text that `Debug` does not show.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "(none)" } else { "(hidden)" })
    }
}

/// When rooms are on the air.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Broadcast {
    /// How long a broadcast goes on, showing its slate, when nobody is on stage. Longer spares viewers a restart when
    /// the only speaker's line breaks; shorter frees the encoders' CPU. Seconds; default 300.
    pub(crate) idle_end_seconds: u32,
    /// Rooms on the air at once. A ladder costs one to two cores; a room above this limit has its stage, and no
    /// broadcast: the room's JSON says `air_slots_taken`, and starting an egress answers `resource_exhausted`. 0: none
    /// at all. Default 4.
    pub(crate) rooms_on_air_max: u32,
    /// Keep segments and a playlist of the whole broadcast, so that it can be rewound and watched afterwards, of rooms
    /// whose setting `record` is `on`. `false`: nothing is kept, whatever rooms say. Default true.
    pub(crate) record: bool,
    /// Where recordings go: a folder, created. Default `data/media`.
    pub(crate) folder: PathBuf,
}

impl Default for Broadcast {
    fn default() -> Self {
        Self { idle_end_seconds: 300, rooms_on_air_max: 4, record: true, folder: "data/media".into() }
    }
}

/// Logs, on standard error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// `human` or `json`. Default `human`.
    pub(crate) format: LogFormat,
    /// Levels, in `tracing`'s syntax: `info`, `info,api=debug`. Default `info`.
    pub(crate) filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Human, filter: "info".into() }
    }
}

/// See [`Log::format`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Human,
    Json,
}

/// How the server ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Shutdown {
    /// How long after SIGTERM `/readyz` says no before anything is ended, so that balancers notice. Milliseconds;
    /// default 0.
    pub(crate) notice_ms: u32,
    /// How long broadcasts may take to write their ends and store what is queued. Milliseconds; default 10000.
    pub(crate) broadcasts_ms_max: u32,
    /// How long players can then still fetch that it is over, and the last of it. Milliseconds; default 1000.
    pub(crate) farewell_ms: u32,
    /// How long answers under way may take. Milliseconds; default 3000.
    pub(crate) http_ms_max: u32,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { notice_ms: 0, broadcasts_ms_max: 10_000, farewell_ms: 1_000, http_ms_max: 3_000 }
    }
}

impl Settings {
    /// Defaults, file, environment. Not validated yet.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self, Error> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Some(file) = file {
            if !file.is_file() {
                return Err(Error::Settings(format!("{} is not a file", file.display())));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        figment = figment.merge(Env::prefixed("SPILLWAY__").split("__"));
        figment.extract().map_err(|error| Error::Settings(fault::sentence(error)))
    }

    /// Refuses what cannot work, naming section and key. `development` allows the keys that everybody knows.
    pub(crate) fn validate(&self, development: bool) -> Result<(), Error> {
        let refuse = |section: &str, sentence: String| Err(Error::Settings(format!("[{section}] {sentence}")));
        if !development && let Err(sentence) = self.auth.validate() {
            return refuse("auth", sentence);
        }
        let sections: [(&str, Result<(), String>); 4] = [
            ("api", self.api.validate().map_err(|error| error.to_string())),
            ("sfu", self.sfu.validate()),
            ("ingest", self.ingest.validate().map_err(|error| error.to_string())),
            ("packager", self.packager.validate().map_err(|error| error.to_string())),
        ];
        for (section, valid) in sections {
            if let Err(sentence) = valid {
                // The section says it already.
                let sentence = sentence.strip_prefix(&format!("{section} configuration: ")).unwrap_or(&sentence);
                return refuse(section, sentence.to_owned());
            }
        }
        if let Err(error) = self.ingest.spec("room", "epoch00").validate() {
            return refuse("ingest", error.to_string());
        }
        if !(1..=86_400).contains(&self.broadcast.idle_end_seconds) {
            return refuse("broadcast", "idle_end_seconds must lie between 1 and 86400".into());
        }
        if !self.broadcast.record && self.api.livekit_rooms.record == RecordSetting::On {
            return refuse("api", "livekit_rooms.record = \"on\", but [broadcast] record = false keeps nothing".into());
        }
        if self.broadcast.rooms_on_air_max > 1_000 {
            return refuse("broadcast", "rooms_on_air_max must be at most 1000".into());
        }
        if let Err(error) = self.log.filter.parse::<tracing_subscriber::filter::Targets>() {
            return refuse("log", format!("filter = {:?} cannot be read: {error}", self.log.filter));
        }
        let waits = [self.shutdown.notice_ms, self.shutdown.broadcasts_ms_max, self.shutdown.http_ms_max];
        if waits.into_iter().any(|ms| ms > 600_000) {
            return refuse(
                "shutdown",
                "notice_ms, broadcasts_ms_max, farewell_ms and http_ms_max must be at most 600000".into(),
            );
        }
        Ok(())
    }

    pub(crate) fn idle_end(&self) -> Duration {
        Duration::from_secs(self.broadcast.idle_end_seconds.into())
    }
}

impl Auth {
    /// The keys of the demo.
    pub(crate) fn development() -> Self {
        Self { key: DEV_KEY.into(), secret: Secret(DEV_SECRET.into()), ..Self::default() }
    }

    pub(crate) fn keys(&self) -> Keys {
        let keys = Keys::new(&self.key, &self.secret.0);
        if self.previous_key.is_empty() { keys } else { keys.with(&self.previous_key, &self.previous_secret.0) }
    }

    /// The keys to sign tokens with.
    pub(crate) fn signing_keys(&self) -> Result<Keys, Error> {
        if self.key.is_empty() || self.secret.0.is_empty() {
            let sentence =
                "[auth] key and secret are not set: give the server's settings by --config, or --key and --secret";
            return Err(Error::Settings(sentence.into()));
        }
        Ok(self.keys())
    }

    fn validate(&self) -> Result<(), String> {
        if self.key.is_empty() || self.secret.0.is_empty() {
            return Err(
                "key and secret must be set: a name of your choice, and the output of `openssl rand -hex 32`".into()
            );
        }
        let pairs = [("", &self.key, &self.secret), ("previous_", &self.previous_key, &self.previous_secret)];
        for (prefix, key, secret) in pairs {
            if key == DEV_KEY || secret.0 == DEV_SECRET {
                let sentence = "are the development keys, with which everybody could sign tokens; \
                                they are for `spillway demo` alone. Make a secret with `openssl rand -hex 32`";
                return Err(format!("{prefix}key and {prefix}secret {sentence}"));
            }
            if key.is_empty() != secret.0.is_empty() {
                return Err(format!("{prefix}key and {prefix}secret must be set together"));
            }
            if !secret.0.is_empty() && secret.0.len() < SECRET_BYTES_MIN {
                return Err(format!(
                    "{prefix}secret must be at least {SECRET_BYTES_MIN} bytes long: `openssl rand -hex 32`"
                ));
            }
        }
        if self.key == self.previous_key {
            return Err("key and previous_key must differ".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
