//! A room in the words of LiveKit's protocol.

use livekit_protocol as proto;
use rooms::Room;

/// The room; nobody is in it yet. The protocol has no title or layout.
pub(crate) fn as_livekit(room: &Room) -> proto::Room {
    proto::Room {
        sid: room.sid(),
        name: room.name.to_string(),
        metadata: room.metadata.clone(),
        creation_time: room.created_at_utc_ms / 1000,
        creation_time_ms: room.created_at_utc_ms,
        empty_timeout: room.idle_end_seconds,
        departure_timeout: room.idle_end_seconds,
        max_participants: room.audience.seats_max,
        ..proto::Room::default()
    }
}
