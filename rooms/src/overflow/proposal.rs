//! The proposals of the overflow decision, and the reasons that are told to people.

use access::{Class, Identity};
use serde::{Deserialize, Serialize};

/// Something to be done about a room. A change of the broadcast is proposed again every ten seconds until a snapshot
/// shows it; a move that failed is proposed again when the person's dwell is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposal {
    /// Put the room on the air.
    StartBroadcast(StartReason),
    /// Take the room off the air.
    StopBroadcast(StopReason),
    /// Move somebody to a seat.
    Promote {
        /// The person.
        identity: Identity,
        /// Their class, which the seat is asked for.
        class: Class,
    },
    /// Move somebody to the broadcast, which is on the air.
    Demote {
        /// The person.
        identity: Identity,
        /// Why they are moved, to be told to them.
        reason: DemoteReason,
    },
}

/// Why a broadcast starts. For logs, the console and webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartReason {
    /// The setting is `on`, and somebody is on stage.
    AlwaysOn,
    /// Somebody waits for the broadcast.
    Waiting,
    /// The room has `broadcast_start_at` viewers.
    Viewers,
    /// People are to be moved out of their seats.
    Overflow,
}

/// Why a broadcast stops. For logs, the console and webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The setting is `off`.
    SwitchedOff,
    /// The room has end-to-end encrypted tracks.
    Encrypted,
    /// It lingered, and nobody needed it.
    Unneeded,
}

/// Why somebody is moved to the broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DemoteReason {
    /// The room is above its high watermark.
    RoomFull,
    /// The node is busy.
    NodeBusy,
    /// The node drains.
    NodeDrains,
}

impl DemoteReason {
    /// The reason as clients are told it.
    pub fn reason(self) -> Reason {
        match self {
            Self::RoomFull => Reason::RoomFull,
            Self::NodeBusy => Reason::NodeBusy,
            Self::NodeDrains => Reason::NodeDrains,
        }
    }

    /// Why the person was moved and what would bring them back, for the person to read.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::RoomFull => {
                "The room's seats are nearly all taken, so you watch the broadcast; ask for a seat to come back when \
                 there is room."
            }
            Self::NodeBusy => {
                "The server is at its limit, so you watch the broadcast; ask for a seat to come back when it is calmer."
            }
            Self::NodeDrains => {
                "The server is about to shut down, so you watch the broadcast; seats come back with the next server."
            }
        }
    }
}

/// The wire words for why somebody is where they are, or was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A seat was free.
    Seat,
    /// Every seat that the class may take is taken.
    RoomFull,
    /// The node is at its limit.
    NodeBusy,
    /// The node is about to end.
    NodeDrains,
    /// The free seats are kept for other classes, or the class gets none.
    ClassReserved,
    /// The broadcast was asked for.
    AskedForBroadcast,
    /// A host of the room moved them.
    ByHost,
    /// The room is not broadcast.
    NotOnAir,
    /// The room's tracks are end-to-end encrypted, so it cannot be broadcast.
    Encrypted,
}

impl Reason {
    /// The word for it in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seat => "seat",
            Self::RoomFull => "room_full",
            Self::NodeBusy => "node_busy",
            Self::NodeDrains => "node_drains",
            Self::ClassReserved => "class_reserved",
            Self::AskedForBroadcast => "asked_for_broadcast",
            Self::ByHost => "by_host",
            Self::NotOnAir => "not_on_air",
            Self::Encrypted => "encrypted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_serialize_as_their_words() {
        for reason in [
            Reason::Seat,
            Reason::RoomFull,
            Reason::NodeBusy,
            Reason::NodeDrains,
            Reason::ClassReserved,
            Reason::AskedForBroadcast,
            Reason::ByHost,
            Reason::NotOnAir,
            Reason::Encrypted,
        ] {
            assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{}\"", reason.as_str()));
        }
    }
}
