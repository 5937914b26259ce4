//! The pace of a drain: how many seats a room gives up now, and when the last of them is given up at the latest.
//!
//! The node's rate is divided among its rooms by their seats. A room earns its share with time, in millionths of a
//! seat, and saves no more than a second of it (or one seat), so that a pause of the loop brings no burst.

use super::decide::MOVES_PER_STEP_MAX;
use super::node_load::NodeLimits;
use super::snapshot::RoomSnapshot;

const SEAT: u64 = 1_000_000;
const SECOND_MS: u64 = 1000;
/// Seconds for broadcasts to start, and for the last who are moved to leave their seats.
const GRACE_S: u32 = 30;

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

/// Seconds within which a node of rooms with so many seats each has moved everybody who can be moved. Whoever is there
/// after that cannot be moved: their room is not broadcast. `on_stage`: somebody is on stage, so that seats are moved
/// after [`NodeLimits::drain_stage_seconds`] too.
pub fn drain_seconds_max(seats_of_rooms: &[u32], on_stage: bool, limits: &NodeLimits) -> u32 {
    let seats: u64 = seats_of_rooms.iter().copied().map(u64::from).sum();
    let largest = seats_of_rooms.iter().copied().max().unwrap_or(0);
    let paced = seats.div_ceil(u64::from(limits.drain_seats_per_second.max(1)));
    let by_rate = u32::try_from(paced).unwrap_or(u32::MAX).saturating_add(largest.div_ceil(MOVES_PER_STEP_MAX as u32));
    let stage = if on_stage { limits.drain_stage_seconds } else { 0 };
    by_rate.max(stage).saturating_add(GRACE_S)
}

/// The room's share of a second's seats, millionths of a seat.
fn share_of_second(snapshot: &RoomSnapshot) -> u64 {
    let rate = u128::from(snapshot.node.limits.drain_seats_per_second) * u128::from(SEAT);
    let room = u128::from(snapshot.seats.occupied().total());
    let share = rate * room / u128::from(snapshot.node.seats_taken).max(room).max(1);
    // At most the rate: 2³² seats a second are less than 2⁵² millionths.
    u64::try_from(share).unwrap_or(u64::MAX / SECOND_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drain_takes_as_long_as_its_rate_its_largest_room_or_its_stage_and_a_grace() {
        let limits = NodeLimits { drain_seats_per_second: 50, drain_stage_seconds: 300, ..NodeLimits::default() };
        for (seats, on_stage, seconds) in [
            (&[][..], false, 30),
            (&[1], false, 32),
            (&[100, 100], false, 4 + 2 + 30),
            (&[6400], false, 128 + 100 + 30),
            (&[100], true, 330),
            (&[u32::MAX, u32::MAX], true, u32::MAX / 25 + u32::MAX / 64 + 2 + 30),
        ] {
            let got = drain_seconds_max(seats, on_stage, &limits);
            assert!(got.abs_diff(seconds) <= 1, "{seats:?}: {got} s, not {seconds}");
        }
    }
}
