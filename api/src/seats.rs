//! The limits of a room's seats, as the SFU takes them.

use interactive_sfu::SeatLimits;
use rooms::{Room, Rooms};

/// The limits that a room is set to. After a restart they hold the room for the leases of before.
pub fn seat_limits(rooms: &Rooms, room: &Room) -> SeatLimits {
    SeatLimits {
        max: room.audience.seats_max,
        reserved: room.audience.reserved,
        lowest_class: room.audience.lowest_class,
        held_until_utc_ms: rooms.seats_held_until_utc_ms(&room.name),
    }
}
