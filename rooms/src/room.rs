//! A room, as stored.

use access::RoomName;
use access::limits::IDENTITY_BYTES_MAX;
use serde::{Deserialize, Serialize};

use crate::overflow::Thresholds;
use crate::{BroadcastSwitch, Error, RecordSetting, RoomSettings, Visibility};

/// A longer title is refused, bytes.
const TITLE_BYTES_MAX: usize = 200;

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

/// A room, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Unique.
    pub name: RoomName,
    /// For people, at most 200 bytes.
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
    /// How it overflows from its seats to its broadcast.
    pub audience: Thresholds,
}

impl Room {
    /// One that stays until it is deleted, of any number of participants.
    pub fn new(name: RoomName, created_at_utc_ms: i64, settings: RoomSettings) -> Self {
        Self {
            title: name.to_string(),
            name,
            layout: Layout::Grid,
            broadcast: BroadcastSwitch::new(settings.broadcast),
            visibility: settings.visibility,
            record: settings.record,
            metadata: String::new(),
            created_at_utc_ms,
            idle_end_seconds: 0,
            audience: Thresholds::default(),
        }
    }

    /// Names this very room: one that is made again under its name has another. Made of the moment of its making, so
    /// two rooms of one name would have to be made within a millisecond to share it.
    pub fn sid(&self) -> String {
        format!("RM_{:x}", self.created_at_utc_ms)
    }

    /// Refuses texts that are too long, or that PostgreSQL cannot store.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        if self.title.len() > TITLE_BYTES_MAX || self.title.chars().any(char::is_control) {
            return Err(Error::Invalid(format!(
                "title must be at most {TITLE_BYTES_MAX} bytes without control characters"
            )));
        }
        if self.metadata.contains('\0') {
            return Err(Error::Invalid("metadata must hold no character NUL".to_owned()));
        }
        self.audience.validate().map_err(|bad| Error::Invalid(format!("audience.{bad}")))?;
        match &self.layout {
            Layout::Single(identity) if identity.is_empty() || identity.len() > IDENTITY_BYTES_MAX => {
                let sentence = format!("layout.single must name an identity of at most {IDENTITY_BYTES_MAX} bytes");
                Err(Error::Invalid(sentence))
            }
            Layout::Single(_) | Layout::Grid | Layout::ActiveSpeaker => Ok(()),
        }
    }
}
