//! The work of a shard that time gives rise to: pings, and the end of connections that do not answer or read.

use super::connection::{Connection, Ended};
use super::{PHASES, Shard};
use crate::events::framing::{close, ping_frame};
use crate::metrics;

/// A connection of which nothing was heard for so many tenths of the ping interval is gone.
const SILENCE_TENTHS: u32 = 24;
/// A connection that takes nothing of what waits for it for so long is gone, milliseconds.
const STALL_MS: u32 = 10_000;
/// A connection for which something always waits for so long is gone, milliseconds: it would keep old frames in memory.
const BEHIND_MS: u32 = 60_000;

impl Shard {
    /// The phase's share of the connections: pings, and ends. Of those behind and closing, all.
    pub(super) fn look_after(&mut self) {
        let now_ms = self.now_ms();
        let silence_ms = self.core.ping_interval.as_millis() as u32 / 10 * SILENCE_TENTHS;
        let last = self.connections.capacity();
        for place in (self.phase as usize..last).step_by(PHASES as usize) {
            let Some(connection) = self.connections.get(place) else { continue };
            if now_ms.wrapping_sub(connection.heard_ms) >= silence_ms {
                self.close(place, close::POLICY, "nothing was heard", Ended::Silent);
                self.remove(place, Ended::Silent);
            } else {
                self.send(place, ping_frame());
            }
        }
        let stalled = |place: &usize| {
            self.connections.get(*place).is_some_and(|one| {
                now_ms.wrapping_sub(one.taken_ms) >= STALL_MS || now_ms.wrapping_sub(one.behind_ms) >= BEHIND_MS
            })
        };
        let stalled: Vec<usize> = self.behind.iter().copied().filter(stalled).collect();
        stalled.into_iter().for_each(|place| self.remove(place, Ended::Behind));
        let is_due = |one: &Connection| one.cut_at_ms.is_some_and(|at| now_ms.wrapping_sub(at) < u32::MAX / 2);
        let due = self.closing.iter().copied().filter(|place| self.connections.get(*place).is_some_and(is_due));
        let due: Vec<(usize, Ended)> = due.map(|place| (place, self.connections[place].ended)).collect();
        due.into_iter().for_each(|(place, ended)| self.remove(place, ended));
        let waiting = self.behind.iter().filter_map(|place| self.connections.get(*place));
        metrics::events_backlog(self.index, waiting.map(|one| one.backlog.waiting_bytes()).sum());
    }
}
