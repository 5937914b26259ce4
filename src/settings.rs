//! Every setting of the server: each crate's own configuration, one section each.
//!
//! Defaults, then the file, then the environment (`SPILLWAY__SECTION__KEY`); whatever is unknown or impossible is
//! refused by its name, before anything is bound.

mod auth;
mod fault;

use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};
use rooms::RecordSetting;
use rooms::overflow::NodeLimits;
use serde::{Deserialize, Serialize};

use crate::error::Error;
pub(crate) use auth::Auth;
use fault::{ConfigFault, in_section};

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Keys that sign and verify tokens.
    pub(crate) auth: Auth,
    /// The HTTP surface.
    pub(crate) api: api::Config,
    /// Media: ports, limits of sessions and pictures.
    pub(crate) sfu: interactive_sfu::Config,
    /// Composing and encoding.
    pub(crate) ingest: ingest::Config,
    /// Packaging, and the origin's memory.
    pub(crate) packager: packager::Config,
    /// The rooms on the air, and their recordings.
    pub(crate) broadcast: Broadcast,
    /// How much this server may carry before it takes nobody else in.
    pub(crate) node: NodeLimits,
    /// Logs, on standard error.
    pub(crate) log: Log,
    /// The times that a shutdown may take.
    pub(crate) shutdown: Shutdown,
}

/// The rooms on the air, and their recordings.
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
    /// How long after the last request for a rung's playlist or media that rung is not encoded any more, unless the
    /// broadcast is recorded; a request wakes it within a segment. The lowest rung is always encoded. Longer spares
    /// viewers who come back the wait for their quality, shorter saves CPU. Seconds, from three segments to 86400; 0:
    /// all rungs are always encoded. Default 30.
    pub(crate) rung_rest_seconds: u32,
    /// Keep segments and a playlist of the whole broadcast, so that it can be rewound and watched afterwards, of rooms
    /// whose setting `record` is `on`. `false`: nothing is kept, whatever rooms say. Default true.
    pub(crate) record: bool,
    /// The folder for recordings; it is created. Default `data/media`.
    pub(crate) folder: PathBuf,
}

impl Broadcast {
    /// `segment_ms`: the length of a segment.
    fn validate(&self, segment_ms: u32) -> Result<(), ConfigFault> {
        let (seconds, rooms) = (self.idle_end_seconds, self.rooms_on_air_max);
        if !(1..=86_400).contains(&seconds) {
            let sentence = format!("must lie between 1 and 86400; it is {seconds}");
            return Err(ConfigFault::new("idle_end_seconds", sentence));
        }
        if rooms > 1_000 {
            return Err(ConfigFault::new("rooms_on_air_max", format!("must be at most 1000; it is {rooms}")));
        }
        // A player of plain HLS asks once a segment, and a cache in between answers for half of one.
        let (rest, rest_min) = (self.rung_rest_seconds, (3 * segment_ms).div_ceil(1000));
        if rest != 0 && !(rest_min..=86_400).contains(&rest) {
            let range = format!("must lie between three segments of [ingest] segment_ms = {segment_ms} and 86400");
            return Err(ConfigFault::new("rung_rest_seconds", format!("{range}, or be 0 for never; it is {rest}")));
        }
        Ok(())
    }
}

impl Default for Broadcast {
    fn default() -> Self {
        Self {
            idle_end_seconds: 300,
            rooms_on_air_max: 4,
            rung_rest_seconds: 30,
            record: true,
            folder: "data/media".into(),
        }
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

impl Log {
    fn validate(&self) -> Result<(), ConfigFault> {
        let filter = &self.filter;
        let parsed = filter.parse::<tracing_subscriber::filter::Targets>();
        let fault = |error| ConfigFault::new("filter", format!("{filter:?} cannot be read: {error}"));
        parsed.map(drop).map_err(fault)
    }
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

/// The times that a shutdown may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Shutdown {
    /// How long after SIGTERM `/readyz` says no before anything is ended, so that balancers notice. Milliseconds;
    /// default 0.
    pub(crate) notice_ms: u32,
    /// The time that broadcasts have to write their ends and to store the segments that are queued. Milliseconds;
    /// default 10000.
    pub(crate) broadcasts_ms_max: u32,
    /// The time that players then have to fetch the last segments, and the playlists that say it is over. Milliseconds;
    /// default 1000.
    pub(crate) farewell_ms: u32,
    /// The time that answers under way may take. Milliseconds; default 3000.
    pub(crate) http_ms_max: u32,
}

impl Shutdown {
    fn validate(&self) -> Result<(), ConfigFault> {
        for (key, ms) in [
            ("notice_ms", self.notice_ms),
            ("broadcasts_ms_max", self.broadcasts_ms_max),
            ("farewell_ms", self.farewell_ms),
            ("http_ms_max", self.http_ms_max),
        ] {
            if ms > 600_000 {
                return Err(ConfigFault::new(key, format!("must be at most 600000; it is {ms}")));
            }
        }
        Ok(())
    }
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
        if !development {
            self.auth.validate().map_err(|fault| in_section("auth", &fault))?;
        }
        self.api.validate().map_err(|fault| in_section("api", &fault))?;
        self.sfu.validate().map_err(|fault| in_section("sfu", &fault))?;
        self.ingest.validate().map_err(|fault| in_section("ingest", &fault))?;
        self.packager.validate().map_err(|fault| in_section("packager", &fault))?;
        self.broadcast.validate(self.ingest.segment_ms).map_err(|fault| in_section("broadcast", &fault))?;
        self.node.validate().map_err(|bad| in_section("node", &bad))?;
        self.log.validate().map_err(|fault| in_section("log", &fault))?;
        self.shutdown.validate().map_err(|fault| in_section("shutdown", &fault))?;
        if !self.broadcast.record && self.api.livekit_rooms.record == RecordSetting::On {
            let sentence = "must not be \"on\" while [broadcast] record = false, which keeps nothing";
            return Err(ConfigFault::new("livekit_rooms.record", sentence).of_section("api"));
        }
        Ok(())
    }

    pub(crate) fn rung_rest(&self) -> Duration {
        Duration::from_secs(self.broadcast.rung_rest_seconds.into())
    }

    pub(crate) fn idle_end(&self) -> Duration {
        Duration::from_secs(self.broadcast.idle_end_seconds.into())
    }
}

#[cfg(test)]
mod tests;
