//! The decision for one room, step by step.

use super::demotion;
use super::drain::DrainPace;
use super::levels::{Excess, Levels, Shedding};
use super::moves::Moves;
use super::promotion;
use super::proposal::{DemoteReason, Proposal};
use super::run::Run;
use super::snapshot::RoomSnapshot;
use super::thresholds::Thresholds;

/// People that one step moves at most. A loop that steps once a second moves as many a second.
pub const MOVES_PER_STEP_MAX: usize = 64;
/// A snapshot that is older is not acted upon.
pub const SNAPSHOT_AGE_MS_MAX: u64 = 5000;

/// The overflow of one room: its memory between steps. Lost memory delays a stop and a demotion that was under way; it
/// moves nobody twice within a dwell, for snapshots say since when people are where they are.
#[derive(Debug, Default)]
pub struct RoomOverflow {
    moves: Moves,
    run: Run,
    shedding: Shedding,
    pace: DrainPace,
    /// When the last snapshot was taken.
    seen_at_ms: Option<u64>,
}

impl RoomOverflow {
    /// What is to be done about the room, in the order in which to do it: at most one change of the broadcast, then at
    /// most [`MOVES_PER_STEP_MAX`] people to move, all in one direction. Empty for a snapshot that has been seen, is
    /// older than one that has been seen or than [`SNAPSHOT_AGE_MS_MAX`], or is of the future.
    ///
    /// `now_ms` is of any clock that never goes back. Step once a second or so; proposals are good for a second.
    pub fn step(&mut self, snapshot: &RoomSnapshot, thresholds: &Thresholds, now_ms: u64) -> Vec<Proposal> {
        if !self.is_news(snapshot.taken_at_ms, now_ms) {
            return Vec::new();
        }
        self.seen_at_ms = Some(snapshot.taken_at_ms);
        self.moves.forget(thresholds.dwell_ms(), now_ms);
        let unsettled = self.moves.unsettled(snapshot.taken_at_ms);
        let levels = Levels::new(snapshot, thresholds, &unsettled);
        let drained = self.pace.step(snapshot, now_ms).map(|seats| Excess { seats, reason: DemoteReason::NodeDrains });
        let excess = drained.or(self.shedding.step(&levels, thresholds.demote));
        let mut proposals: Vec<Proposal> =
            self.run.step(snapshot, thresholds, excess.is_some(), now_ms).into_iter().collect();
        let people = match excess {
            Some(excess) => demotion::choose(snapshot, thresholds, excess, &mut self.moves, now_ms),
            None => promotion::choose(snapshot, thresholds, &levels, &unsettled, &mut self.moves, now_ms),
        };
        if drained.is_some() {
            self.pace.spend(people.len());
        } else if excess.is_some_and(|excess| people.len() >= excess.seats as usize) {
            self.shedding.finish();
        }
        proposals.extend(people);
        proposals
    }

    fn is_news(&self, taken_at_ms: u64, now_ms: u64) -> bool {
        taken_at_ms <= now_ms
            && now_ms - taken_at_ms <= SNAPSHOT_AGE_MS_MAX
            && self.seen_at_ms.is_none_or(|seen_at_ms| taken_at_ms > seen_at_ms)
    }

    /// People whose moves are remembered.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.moves.len()
    }
}
