//! The choice of who gets a free seat.

use access::{ByClass, Class};

use super::decide::MOVES_PER_STEP_MAX;
use super::levels::Levels;
use super::moves::{Direction, Moves, Unsettled};
use super::proposal::Proposal;
use super::snapshot::{CANDIDATES_MAX, RoomSnapshot, Watching};
use super::thresholds::{Promotion, Thresholds};

/// The people who get a seat, the highest class first, within a class whoever asked first. Each is remembered.
pub(super) fn choose(
    snapshot: &RoomSnapshot,
    thresholds: &Thresholds,
    levels: &Levels,
    unsettled: &Unsettled,
    moves: &mut Moves,
    now_ms: u64,
) -> Vec<Proposal> {
    let mut chosen = Vec::new();
    if snapshot.seats.is_held || thresholds.promote == Promotion::Never {
        return chosen;
    }
    let people_max = MOVES_PER_STEP_MAX.min(levels.node_spare as usize);
    let mut seats = snapshot.seats.occupied().plus(&unsettled.to_seat);
    for watching in in_order(&snapshot.audience.candidates) {
        if chosen.len() >= people_max || seats.total() >= levels.low {
            break;
        }
        if is_wanted(watching, thresholds, now_ms)
            && has_seat_for(watching.class, &seats, &thresholds.reserved, levels.seats_max)
            && moves.permits(&watching.identity)
        {
            let class_seats = seats.get_mut(watching.class);
            *class_seats = class_seats.saturating_add(1);
            moves.remember(&watching.identity, watching.class, Direction::ToSeat, now_ms);
            chosen.push(Proposal::Promote { identity: watching.identity.clone(), class: watching.class });
        }
    }
    chosen
}

/// Whether somebody is to have a seat if there is one: their class gets seats, they want one, and their dwell is over.
fn is_wanted(watching: &Watching, thresholds: &Thresholds, now_ms: u64) -> bool {
    let wants = match thresholds.promote {
        Promotion::Never => false,
        Promotion::Ask => watching.asked_since_ms.is_some(),
        Promotion::Auto => watching.asked_since_ms.is_some() || !watching.asked_for_broadcast,
    };
    let dwelt =
        watching.on_broadcast_since_ms.is_none_or(|since_ms| now_ms.saturating_sub(since_ms) >= thresholds.dwell_ms());
    wants && dwelt && thresholds.admits(watching.class)
}

/// The SFU's rule for one more seat: the class has a reserved one free, or one is free beyond all that are reserved.
pub(super) fn has_seat_for(class: Class, seats: &ByClass, reserved: &ByClass, seats_max: u32) -> bool {
    let total = seats.total();
    let unfilled = reserved.less(seats).total();
    total < seats_max && (seats.get(class) < reserved.get(class) || total.saturating_add(unfilled) < seats_max)
}

/// The candidates in the order in which they are served. Of equals, whoever waits for the broadcast comes before those
/// who watch it, and among these whoever has watched it longest.
fn in_order(candidates: &[Watching]) -> Vec<&Watching> {
    let mut order: Vec<&Watching> = candidates.iter().take(CANDIDATES_MAX).collect();
    order.sort_unstable_by(|one, other| key(one).cmp(&key(other)));
    order
}

fn key(watching: &Watching) -> (Class, u64, Option<u64>, &str) {
    let asked_since_ms = watching.asked_since_ms.unwrap_or(u64::MAX);
    (watching.class, asked_since_ms, watching.on_broadcast_since_ms, &watching.identity)
}
