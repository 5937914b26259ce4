//! The memory of one room's moves: who was moved lately, and which moves snapshots do not show yet.
//!
//! People who are remembered are moved again by a drain alone, so the memory keeps everybody for a dwell. It is
//! bounded: when [`MOVES_MAX`] people are remembered, no more are moved until the first of them is forgotten.

use std::collections::{HashMap, VecDeque};

use access::{ByClass, Class, Identity};

/// How long a move may take to be carried out and to show in a snapshot. Until then it counts beside the snapshot.
pub(super) const SETTLE_MS: u64 = 10_000;
/// People that are remembered.
pub(super) const MOVES_MAX: usize = 8192;

/// The direction of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    ToSeat,
    ToBroadcast,
}

#[derive(Clone, Copy, Debug)]
struct Move {
    at_ms: u64,
    class: Class,
    direction: Direction,
}

/// Moves that the snapshot at hand may not show yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unsettled {
    /// People on their way to a seat.
    pub(super) to_seat: ByClass,
    /// People on their way to the broadcast.
    pub(super) to_broadcast: ByClass,
}

/// The people who were moved lately.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// The last move of everybody who is remembered.
    latest: HashMap<Identity, Move>,
    /// All moves that are remembered, oldest first. A drain may leave two of one person.
    order: VecDeque<(u64, Identity)>,
}

impl Moves {
    /// Forgets moves that are `dwell_ms` old.
    pub(super) fn forget(&mut self, dwell_ms: u64, now_ms: u64) {
        while self.order.front().is_some_and(|(at_ms, _)| now_ms.saturating_sub(*at_ms) >= dwell_ms) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((at_ms, identity)) = self.order.pop_front() else { return };
        if self.latest.get(&identity).is_some_and(|latest| latest.at_ms == at_ms) {
            self.latest.remove(&identity);
        }
    }

    /// Whether somebody may be moved: they are not remembered, and there is room to remember them.
    pub(super) fn permits(&self, identity: &Identity) -> bool {
        self.order.len() < MOVES_MAX && !self.latest.contains_key(identity)
    }

    /// Whether somebody is on their way to the broadcast.
    pub(super) fn is_leaving(&self, identity: &Identity, now_ms: u64) -> bool {
        self.latest.get(identity).is_some_and(|latest| {
            latest.direction == Direction::ToBroadcast && now_ms.saturating_sub(latest.at_ms) < SETTLE_MS
        })
    }

    /// Remembers a move. Where the memory is full, as by a drain, the oldest goes.
    pub(super) fn remember(&mut self, identity: &Identity, class: Class, direction: Direction, now_ms: u64) {
        if self.order.len() >= MOVES_MAX {
            self.forget_oldest();
        }
        self.latest.insert(identity.clone(), Move { at_ms: now_ms, class, direction });
        self.order.push_back((now_ms, identity.clone()));
    }

    /// The moves that a snapshot taken at `taken_at_ms` may not show.
    pub(super) fn unsettled(&self, taken_at_ms: u64) -> Unsettled {
        let mut unsettled = Unsettled::default();
        for (at_ms, identity) in self.order.iter().rev() {
            if at_ms.saturating_add(SETTLE_MS) <= taken_at_ms {
                break;
            }
            let Some(latest) = self.latest.get(identity).filter(|latest| latest.at_ms == *at_ms) else { continue };
            let counts = match latest.direction {
                Direction::ToSeat => &mut unsettled.to_seat,
                Direction::ToBroadcast => &mut unsettled.to_broadcast,
            };
            let count = counts.get_mut(latest.class);
            *count = count.saturating_add(1);
        }
        unsettled
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.order.len().max(self.latest.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(number: usize) -> Identity {
        format!("viewer-{number}").parse().unwrap()
    }

    #[test]
    fn a_move_is_unsettled_for_ten_seconds_and_remembered_for_the_dwell() {
        let mut moves = Moves::default();
        moves.remember(&identity(1), Class::Host, Direction::ToSeat, 1000);
        moves.remember(&identity(2), Class::Viewer, Direction::ToBroadcast, 5000);
        let counts = |moves: &Moves, taken_at_ms| {
            let unsettled = moves.unsettled(taken_at_ms);
            (unsettled.to_seat.host, unsettled.to_broadcast.viewer)
        };
        assert_eq!(counts(&moves, 10_999), (1, 1));
        assert_eq!(counts(&moves, 11_000), (0, 1));
        assert_eq!(counts(&moves, 15_000), (0, 0));
        moves.forget(60_000, 60_999);
        assert!(!moves.permits(&identity(1)));
        moves.forget(60_000, 61_000);
        assert!(moves.permits(&identity(1)) && !moves.permits(&identity(2)));
    }

    #[test]
    fn a_full_memory_permits_nobody_and_a_drain_forgets_the_oldest() {
        let mut moves = Moves::default();
        for number in 0..MOVES_MAX {
            assert!(moves.permits(&identity(number)));
            moves.remember(&identity(number), Class::Viewer, Direction::ToSeat, number as u64);
        }
        assert!(!moves.permits(&identity(MOVES_MAX)));
        moves.remember(&identity(1), Class::Viewer, Direction::ToBroadcast, 20_000);
        assert_eq!((moves.order.len(), moves.latest.contains_key(&identity(0))), (MOVES_MAX, false));
        moves.remember(&identity(0), Class::Viewer, Direction::ToBroadcast, 20_000);
        assert!(moves.is_leaving(&identity(1), 20_001), "the older of two moves was forgotten, not the newer");
        moves.forget(60_000, 90_000);
        assert_eq!(moves.len(), 0);
    }
}
