//! The limits of a room's seats, as the SFU takes them.

use interactive_sfu::SeatLimits;
use rooms::Room;

/// The limits that a room is set to.
pub(crate) fn seat_limits(room: &Room) -> SeatLimits {
    SeatLimits { max: room.participants_max, ..SeatLimits::default() }
}
