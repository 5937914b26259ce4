//! The end of all connections of a shard, spread so that their clients do not all come back at once.

use std::time::{Duration, Instant};

use super::Shard;
use super::connection::Ended;
use crate::events::framing::close;

/// The end of all connections, one after the other.
pub(super) struct Ending {
    began: Instant,
    within: Duration,
    places: Vec<usize>,
    closed: usize,
}

impl Shard {
    /// Begins to close everybody.
    pub(super) fn begin_ending(&mut self, within: Duration) {
        let places = self.connections.iter().map(|(place, _)| place).collect();
        self.ending = Some(Ending { began: self.now, within, places, closed: 0 });
    }

    /// Closes the next connections of an end of all.
    pub(super) fn go_on_ending(&mut self) {
        let Some(mut ending) = self.ending.take() else { return };
        let elapsed = self.now.duration_since(ending.began);
        let share = (elapsed.as_secs_f64() / ending.within.as_secs_f64().max(0.001)).min(1.0);
        let due = (ending.places.len() as f64 * share).ceil() as usize;
        while ending.closed < due {
            self.close(ending.places[ending.closed], close::AWAY, "the server goes down", Ended::Shutdown);
            ending.closed += 1;
        }
        if elapsed >= ending.within * 2 {
            let left: Vec<usize> = self.connections.iter().map(|(place, _)| place).collect();
            left.into_iter().for_each(|place| self.remove(place, Ended::Shutdown));
        } else {
            self.ending = Some(ending);
        }
    }
}
