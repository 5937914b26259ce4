//! How many of a room's seats are above or below the watermarks, the room's own and those the node leaves it.
//!
//! A node's load is taken to be proportional to its seats: a room that gives up a tenth of its seats gives up a tenth
//! of its share. The stricter of room and node wins. Moves that the snapshot may not show yet count against moving: to
//! a seat as if they had arrived, to the broadcast as if they had left.

use super::moves::Unsettled;
use super::node_load::Admission;
use super::proposal::DemoteReason;
use super::snapshot::RoomSnapshot;
use super::thresholds::{Demotion, Thresholds};

/// Seats of one room at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Levels {
    /// Seats that there are: the stricter of the thresholds and of what the SFU allows.
    pub(super) seats_max: u32,
    /// The high watermark. Seats.
    pub(super) high: u32,
    /// The low watermark. Seats.
    pub(super) low: u32,
    /// Seats of people who are there and stay.
    pub(super) staying: u32,
    /// The most seats that the node bears here, where it is busy. Seats.
    pub(super) node_target: Option<u32>,
    /// Seats that the node bears beyond those that are occupied and promised.
    pub(super) node_spare: u32,
}

impl Levels {
    pub(super) fn new(snapshot: &RoomSnapshot, thresholds: &Thresholds, unsettled: &Unsettled) -> Self {
        let seats_max = match thresholds.seats_max {
            0 => snapshot.seats.limit,
            seats_max => seats_max.min(snapshot.seats.limit),
        };
        let occupied = snapshot.seats.occupied().total();
        Self {
            seats_max,
            high: percent_of(seats_max, thresholds.high_watermark),
            low: percent_of(seats_max, thresholds.low_watermark),
            staying: occupied.saturating_sub(unsettled.to_broadcast.total()),
            node_target: node_target(snapshot, occupied),
            node_spare: node_spare(snapshot, occupied).saturating_sub(unsettled.to_seat.total()),
        }
    }
}

/// Percent of the seats, rounded up, so that small rooms fill: 90 % of one seat is one.
fn percent_of(seats: u32, percent: u32) -> u32 {
    let share = (u64::from(seats) * u64::from(percent)).div_ceil(100);
    u32::try_from(share).unwrap_or(u32::MAX).min(seats)
}

/// The seats at which the usage of a busy node would be low enough to open.
fn node_target(snapshot: &RoomSnapshot, occupied: u32) -> Option<u32> {
    let usage = snapshot.node.load.usage_permille(&snapshot.node.limits);
    let open = snapshot.node.limits.open_permille();
    (snapshot.node.admission == Admission::Busy && usage > open).then(|| scaled(occupied, open, usage))
}

/// The seats that may be added before the usage of the node is above the level at which it would open. One where the
/// room has no seat to reckon with.
fn node_spare(snapshot: &RoomSnapshot, occupied: u32) -> u32 {
    let usage = snapshot.node.load.usage_permille(&snapshot.node.limits);
    let open = snapshot.node.limits.open_permille();
    match (snapshot.node.admission, occupied) {
        (Admission::Busy | Admission::Draining, _) => 0,
        (Admission::Open, _) if usage >= open => 0,
        (Admission::Open, _) if usage == 0 => u32::MAX,
        (Admission::Open, 0) => 1,
        (Admission::Open, _) => scaled(occupied, open - usage, usage),
    }
}

/// `seats` × `part` ÷ `whole`, rounded down.
fn scaled(seats: u32, part: u32, whole: u32) -> u32 {
    u32::try_from(u64::from(seats) * u64::from(part) / u64::from(whole.max(1))).unwrap_or(u32::MAX)
}

/// A number of people who are to be moved out of their seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Excess {
    /// People; 0 where a drain pauses.
    pub(super) seats: u32,
    /// Why.
    pub(super) reason: DemoteReason,
}

/// Whether a room is on its way down from its high watermark to its low one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shedding {
    is_over: bool,
}

impl Shedding {
    /// The people who are to be moved now, for the room or for its busy node. `None`: nobody.
    pub(super) fn step(&mut self, levels: &Levels, demote: Demotion) -> Option<Excess> {
        self.is_over = levels.staying > if self.is_over { levels.low } else { levels.high };
        let of_room = if self.is_over { levels.staying.saturating_sub(levels.low) } else { 0 };
        let of_node = levels.node_target.map_or(0, |target| levels.staying.saturating_sub(target));
        let excess = match of_node > of_room {
            true => Excess { seats: of_node, reason: DemoteReason::NodeBusy },
            false => Excess { seats: of_room, reason: DemoteReason::RoomFull },
        };
        (demote != Demotion::Never && excess.seats > 0).then_some(excess)
    }

    /// All who were to be moved are on their way: the next begins above the high watermark again.
    pub(super) fn finish(&mut self) {
        self.is_over = false;
    }
}
