//! The pace of a drain: how many seats a room gives up now.
//!
//! The node's rate is divided among its rooms by their seats. A room earns its share with time, in millionths of a
//! seat, and saves no more than a second of it (or one seat), so that a pause of the loop brings no burst.

use super::snapshot::RoomSnapshot;

const SEAT: u64 = 1_000_000;
const SECOND_MS: u64 = 1000;

/// The pace of one room.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DrainPace {
    /// Earned and not yet used, millionths of a seat.
    credit: u64,
    /// When it earned last; `None`: the node does not drain.
    earned_at_ms: Option<u64>,
}

impl DrainPace {
    /// The seats that may be given up now; `None` where the node does not drain.
    pub(super) fn step(&mut self, snapshot: &RoomSnapshot, now_ms: u64) -> Option<u32> {
        if snapshot.node.draining_since_ms.is_none() {
            *self = Self::default();
            return None;
        }
        let elapsed_ms = now_ms.saturating_sub(self.earned_at_ms.replace(now_ms).unwrap_or(now_ms)).min(SECOND_MS);
        let a_second = share_of_second(snapshot);
        self.credit = (self.credit + a_second * elapsed_ms / SECOND_MS).min(a_second.max(SEAT));
        Some(u32::try_from(self.credit / SEAT).unwrap_or(u32::MAX))
    }

    /// Takes off what was used.
    pub(super) fn spend(&mut self, seats: usize) {
        self.credit = self.credit.saturating_sub(seats as u64 * SEAT);
    }
}

/// The room's share of a second's seats, millionths of a seat.
fn share_of_second(snapshot: &RoomSnapshot) -> u64 {
    let rate = u128::from(snapshot.node.limits.drain_seats_per_second) * u128::from(SEAT);
    let room = u128::from(snapshot.seats.occupied().total());
    let share = rate * room / u128::from(snapshot.node.seats_taken).max(room).max(1);
    // At most the rate: 2³² seats a second are less than 2⁵² millionths.
    u64::try_from(share).unwrap_or(u64::MAX / SECOND_MS)
}
