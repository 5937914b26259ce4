//! A room, as stored, and what whoever runs the broadcasts is told of it.

use serde::{Deserialize, Serialize};

use super::{BroadcastSwitch, RecordSetting, RoomSettings, Visibility};

/// How the speakers share the picture of the broadcast.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Everybody the same size.
    #[default]
    Grid,
    /// Whoever speaks is big.
    ActiveSpeaker,
    /// One identity fills the picture; the others are heard.
    Single(String),
}

/// A change that whoever runs the broadcasts must follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomOrder {
    /// Broadcast the stage so from now on.
    Broadcast {
        /// Where.
        room: String,
        /// Or not at all.
        on: bool,
        /// Whether it is kept.
        record: bool,
        /// How the speakers are arranged.
        layout: Layout,
    },
    /// The room is gone: end its broadcast.
    Deleted {
        /// Which.
        room: String,
    },
}

/// A room, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// `[A-Za-z0-9_-]{1,64}`, unique.
    pub name: String,
    /// For people.
    pub title: String,
    /// How its broadcast is laid out.
    pub layout: Layout,
    /// When it is on the air.
    pub broadcast: BroadcastSwitch,
    /// Who may watch it.
    pub visibility: Visibility,
    /// Whether its broadcasts are kept.
    pub record: RecordSetting,
    /// The application's own words.
    pub metadata: String,
    /// UTC, milliseconds since the Unix epoch.
    pub created_at_utc_ms: i64,
    /// How long it may be empty before it is closed, seconds; 0: for ever.
    pub idle_end_seconds: u32,
    /// LiveKit's participants at once; 0: as many as the SFU is configured for.
    pub participants_max: u32,
}

impl Room {
    /// One that stays until it is deleted, of any number of participants.
    pub fn new(name: &str, created_at_utc_ms: i64, settings: RoomSettings) -> Self {
        Self {
            name: name.to_owned(),
            title: name.to_owned(),
            layout: Layout::Grid,
            broadcast: BroadcastSwitch::new(settings.broadcast),
            visibility: settings.visibility,
            record: settings.record,
            metadata: String::new(),
            created_at_utc_ms,
            idle_end_seconds: 0,
            participants_max: 0,
        }
    }

    /// Names this very room: one that is made again under its name has another. Made of the moment of its making, so
    /// two rooms of one name would have to be made within a millisecond to share it.
    pub(crate) fn sid(&self) -> String {
        format!("RM_{:x}", self.created_at_utc_ms)
    }

    /// In the words of LiveKit's protocol, which has no title or layout; nobody is in it yet.
    pub(crate) fn as_livekit(&self) -> livekit_protocol::Room {
        livekit_protocol::Room {
            sid: self.sid(),
            name: self.name.clone(),
            metadata: self.metadata.clone(),
            creation_time: self.created_at_utc_ms / 1000,
            creation_time_ms: self.created_at_utc_ms,
            empty_timeout: self.idle_end_seconds,
            departure_timeout: self.idle_end_seconds,
            max_participants: self.participants_max,
            ..livekit_protocol::Room::default()
        }
    }
}
