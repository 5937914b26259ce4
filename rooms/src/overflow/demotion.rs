//! The choice of who leaves their seat for the broadcast.

use std::cmp::{Ordering, Reverse};

use access::Class;

use super::decide::MOVES_PER_STEP_MAX;
use super::levels::Excess;
use super::moves::{Direction, Moves};
use super::proposal::{DemoteReason, Proposal};
use super::snapshot::{CANDIDATES_MAX, RoomSnapshot, Seated};
use super::thresholds::{Demotion, Thresholds};

/// The people who are to be moved, first those who are to go first. None while the broadcast is not on the air. Each
/// is remembered.
pub(super) fn choose(
    snapshot: &RoomSnapshot,
    thresholds: &Thresholds,
    excess: Excess,
    moves: &mut Moves,
    now_ms: u64,
) -> Vec<Proposal> {
    let mut chosen = Vec::new();
    if !snapshot.may_run() || !snapshot.broadcast.is_on_air() {
        return chosen;
    }
    let people_max = MOVES_PER_STEP_MAX.min(excess.seats as usize);
    let mut seats = snapshot.seats.occupied();
    for seated in in_order(&snapshot.seats.candidates, thresholds.demote) {
        if chosen.len() >= people_max {
            break;
        }
        let may_go = match excess.reason {
            DemoteReason::NodeDrains => drains(seated, snapshot, now_ms) && !moves.is_leaving(&seated.identity, now_ms),
            DemoteReason::RoomFull | DemoteReason::NodeBusy => {
                is_movable(seated, thresholds, now_ms)
                    && seats.get(seated.class) > thresholds.reserved.get(seated.class)
                    && moves.permits(&seated.identity)
            }
        };
        if may_go {
            let class_seats = seats.get_mut(seated.class);
            *class_seats = class_seats.saturating_sub(1);
            moves.remember(&seated.identity, seated.class, Direction::ToBroadcast, now_ms);
            chosen.push(Proposal::Demote { identity: seated.identity.clone(), reason: excess.reason });
        }
    }
    chosen
}

/// Speakers, hosts and whoever is on stage keep their seats, and so does everybody for a dwell.
fn is_movable(seated: &Seated, thresholds: &Thresholds, now_ms: u64) -> bool {
    !is_protected(seated) && now_ms.saturating_sub(seated.seated_since_ms) >= thresholds.dwell_ms()
}

fn is_protected(seated: &Seated) -> bool {
    seated.on_stage || matches!(seated.class, Class::Speaker | Class::Host)
}

/// Whether a drain may move somebody: everybody, the stage not before `drain_stage_seconds`.
fn drains(seated: &Seated, snapshot: &RoomSnapshot, now_ms: u64) -> bool {
    let drained_ms = now_ms.saturating_sub(snapshot.node.draining_since_ms.unwrap_or(now_ms));
    !seated.on_stage || drained_ms >= u64::from(snapshot.node.limits.drain_stage_seconds) * 1000
}

/// The candidates in the order in which they are to go. Of equals, the last to sit down goes first.
fn in_order(candidates: &[Seated], demote: Demotion) -> Vec<&Seated> {
    let mut order: Vec<&Seated> = candidates.iter().take(CANDIDATES_MAX).collect();
    order.sort_unstable_by(|one, other| {
        let protected = (one.on_stage, is_protected(one)).cmp(&(other.on_stage, is_protected(other)));
        let idle = idle_since(one).cmp(&idle_since(other));
        let class = other.class.cmp(&one.class);
        let policy = match demote {
            Demotion::IdleFirst => idle.then(class),
            Demotion::Never | Demotion::LowestClassFirst => class.then(idle),
        };
        let seated = Reverse(one.seated_since_ms).cmp(&Reverse(other.seated_since_ms));
        protected.then(policy).then(seated).then_with(|| text_order(one, other))
    });
    order
}

fn idle_since(seated: &Seated) -> u64 {
    seated.idle_since_ms.unwrap_or(u64::MAX)
}

fn text_order(one: &Seated, other: &Seated) -> Ordering {
    one.identity.cmp(&other.identity)
}
