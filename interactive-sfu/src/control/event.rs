//! Events of rooms.

use access::{Class, Identity, RoomName};
use livekit_protocol::{ParticipantInfo, TrackInfo};
use serde::{Deserialize, Serialize};

use super::{SessionId, Speaker};

/// Something that happened in a room. Sent to every subscriber of [`Sfu::events`](crate::Sfu::events). The hidden are
/// not told of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RoomEvent {
    /// Somebody is there where nobody was.
    RoomStarted {
        /// The room.
        room: RoomName,
    },
    /// The last one is gone.
    RoomFinished {
        /// The room.
        room: RoomName,
    },
    /// A participant's media can flow.
    ParticipantJoined {
        /// The room.
        room: RoomName,
        /// The participant.
        participant: Box<ParticipantInfo>,
    },
    /// A participant is gone.
    ParticipantLeft {
        /// The room.
        room: RoomName,
        /// The participant, as last seen.
        participant: Box<ParticipantInfo>,
    },
    /// A participant publishes one track more.
    TrackPublished {
        /// The room.
        room: RoomName,
        /// The publisher.
        participant: Box<ParticipantInfo>,
        /// The track.
        track: Box<TrackInfo>,
    },
    /// A participant publishes one track less.
    TrackUnpublished {
        /// The room.
        room: RoomName,
        /// The publisher.
        participant: Box<ParticipantInfo>,
        /// The track.
        track: Box<TrackInfo>,
    },
    /// An identity has come: its first session that is not hidden began, by whichever protocol.
    SeatTaken {
        /// The room.
        room: RoomName,
        /// The identity that came.
        identity: Identity,
        /// Their class.
        class: Class,
    },
    /// An identity has gone: its last session that is not hidden ended.
    SeatFreed {
        /// The room.
        room: RoomName,
        /// The identity that went.
        identity: Identity,
    },
    /// A speaker's media flows: their peer connection is up.
    SpeakerJoined {
        /// The room.
        room: RoomName,
        /// The speaker.
        speaker: Speaker,
    },
    /// A speaker is gone.
    SpeakerLeft {
        /// The room.
        room: RoomName,
        /// The speaker's identity.
        identity: Identity,
        /// The session that ended: a newer one of the same identity goes on.
        session: SessionId,
    },
}

impl RoomEvent {
    /// The room where it happened.
    pub fn room(&self) -> &RoomName {
        match self {
            Self::RoomStarted { room }
            | Self::RoomFinished { room }
            | Self::ParticipantJoined { room, .. }
            | Self::ParticipantLeft { room, .. }
            | Self::TrackPublished { room, .. }
            | Self::TrackUnpublished { room, .. }
            | Self::SeatTaken { room, .. }
            | Self::SeatFreed { room, .. }
            | Self::SpeakerJoined { room, .. }
            | Self::SpeakerLeft { room, .. } => room,
        }
    }
}
