//! The facts, and their form in JSON.

use access::{ByClass, Class, Identity, RoomName, random_id};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Room;
use crate::directory::now_utc_ms;
use crate::overflow::{Reason, StartReason, StopReason, Thresholds};

/// People of one fact.
const VIEWERS_MAX: usize = 256;

/// Something that happened in a room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// The same whenever the fact is told: receivers know by it what they have been told already.
    pub id: String,
    /// The room.
    pub room: RoomName,
    /// When it happened. UTC, milliseconds since the Unix epoch.
    pub at_utc_ms: i64,
    /// The happening.
    #[serde(flatten)]
    pub kind: FactKind,
}

/// The kinds of facts. In JSON `event` is the kind's word, and `details` an object with its fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event", content = "details")]
pub enum FactKind {
    /// The thresholds of the room's overflow changed.
    RoomAudienceChanged {
        /// The thresholds from now on.
        audience: Thresholds,
    },
    /// The room went on the air. Its playlist can be had some seconds later.
    BroadcastStarted {
        /// Why.
        reason: StartReason,
    },
    /// The room went off the air.
    BroadcastEnded {
        /// Why.
        reason: EndReason,
    },
    /// Seats were kept for people on the broadcast, and they were told.
    ViewersPromoted {
        /// Why.
        reason: Reason,
        /// The people.
        viewers: Vec<MovedViewer>,
    },
    /// People with seats were told to move to the broadcast.
    ViewersDemoted {
        /// Why.
        reason: Reason,
        /// The people.
        viewers: Vec<MovedViewer>,
    },
    /// The size of the room's audience changed, identities. At most once a minute and room, and when the room empties.
    AudienceCounted {
        /// Those with a seat.
        interactive: u32,
        /// Those who watch the broadcast.
        broadcast: u32,
        /// Both.
        total: u32,
        /// The most that were there at once.
        peak: u32,
        /// All of them by class.
        by_class: ByClass,
    },
}

/// Somebody who was moved between seat and broadcast.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedViewer {
    /// The person.
    pub identity: Identity,
    /// Their class.
    pub class: Class,
}

/// Why a broadcast ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The room's `broadcast` was set to `off`, or nobody needs it where it is `auto`.
    SwitchedOff,
    /// The room has end-to-end encrypted tracks.
    Encrypted,
    /// It lingered, and nobody needed it.
    Unneeded,
    /// Nobody was on stage for long.
    StageEmpty,
    /// `record` changed: the next broadcast follows at once.
    RecordChanged,
    /// The room was deleted.
    RoomDeleted,
    /// The server shuts down.
    Shutdown,
    /// It ended by itself; it is tried again.
    Failed,
}

impl From<StopReason> for EndReason {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::SwitchedOff => Self::SwitchedOff,
            StopReason::Encrypted => Self::Encrypted,
            StopReason::Unneeded => Self::Unneeded,
        }
    }
}

impl Fact {
    pub(super) fn now(room: RoomName, kind: FactKind) -> Self {
        Self { id: random_id("EV"), room, at_utc_ms: now_utc_ms(), kind }
    }

    /// The fact that follows from a change; `None`: receivers are not told of such changes.
    pub(crate) fn of_change(before: &Room, after: &Room) -> Option<Self> {
        let audience = after.audience;
        (audience != before.audience).then(|| Self::now(after.name.clone(), FactKind::RoomAudienceChanged { audience }))
    }
}

impl FactKind {
    /// Somebody was told to come to a seat.
    pub fn promoted(reason: Reason, identity: Identity, class: Class) -> Self {
        Self::ViewersPromoted { reason, viewers: vec![MovedViewer { identity, class }] }
    }

    /// Somebody was told to leave their seat.
    pub fn demoted(reason: Reason, identity: Identity, class: Class) -> Self {
        Self::ViewersDemoted { reason, viewers: vec![MovedViewer { identity, class }] }
    }

    /// Takes the people of `later` into this fact, if both are one move for one reason. Returns whether it did.
    pub(super) fn take_in(&mut self, later: &Self) -> bool {
        let (before, more) = match (self, later) {
            (Self::ViewersPromoted { reason, viewers }, Self::ViewersPromoted { reason: other, viewers: more })
            | (Self::ViewersDemoted { reason, viewers }, Self::ViewersDemoted { reason: other, viewers: more })
                if reason == other =>
            {
                (viewers, more)
            }
            _ => return false,
        };
        let fits = before.len() + more.len() <= VIEWERS_MAX;
        if fits {
            before.extend_from_slice(more);
        }
        fits
    }

    /// The kind's word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RoomAudienceChanged { .. } => "room_audience_changed",
            Self::BroadcastStarted { .. } => "broadcast_started",
            Self::BroadcastEnded { .. } => "broadcast_ended",
            Self::ViewersPromoted { .. } => "viewers_promoted",
            Self::ViewersDemoted { .. } => "viewers_demoted",
            Self::AudienceCounted { .. } => "audience_counted",
        }
    }

    /// The kind's fields, a JSON object.
    pub fn details(&self) -> Value {
        serde_json::to_value(self)
            .ok()
            .and_then(|mut kind| kind.get_mut("details").map(Value::take))
            .unwrap_or_default()
    }
}
