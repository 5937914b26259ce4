//! Snapshots for the overflow decision, out of what the SFU and the registry of broadcasts say. Pure.

use access::ByClass;
use api::{AudienceSnapshot, BroadcastRun, OnBroadcast};
use interactive_sfu::RoomSeats;
use rooms::Room;
use rooms::overflow::{Audience, BroadcastState, CANDIDATES_MAX, NodeSnapshot, RoomSnapshot, Seated, Seats, Watching};

use super::Now;

/// How lately a player must have asked for a playlist or media to be taken to watch. Longer than a cache keeps a
/// playlist, and than a player waits between two of them.
const WATCHED_MS: i64 = 15_000;

/// A room as it is found.
pub(crate) struct RoomFacts<'a> {
    pub(crate) room: &'a Room,
    pub(crate) seats: &'a RoomSeats,
    pub(crate) has_stage: bool,
    /// People whom the events sockets know.
    pub(crate) audience: AudienceSnapshot,
    /// Somebody waits for the broadcast.
    pub(crate) is_waited_for: bool,
    /// `None`: the room has no broadcast.
    pub(crate) broadcast: Option<BroadcastRun>,
}

/// The memory of a room's broadcast between steps.
#[derive(Debug, Default)]
pub(crate) struct RunMemory {
    /// The broadcast is to run, or to stop.
    is_wanted: bool,
    started_ms: Option<u64>,
    /// A viewer was there in the last step, or since when none has been.
    had_viewer: bool,
    last_viewer_gone_ms: Option<u64>,
    /// The room had no people and no broadcast in the last step.
    is_empty: bool,
}

impl RunMemory {
    /// The broadcast was ordered to start.
    pub(crate) fn started(&mut self, now_ms: u64) {
        if !self.is_wanted {
            (self.started_ms, self.last_viewer_gone_ms) = (Some(now_ms), None);
        }
        self.is_wanted = true;
    }

    /// The broadcast was ordered to stop.
    pub(crate) fn stopped(&mut self) {
        self.is_wanted = false;
    }

    /// Whether nothing is to be remembered.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_empty && !self.is_wanted
    }

    /// The room at this instant.
    pub(crate) fn snapshot(&mut self, facts: &RoomFacts<'_>, node: NodeSnapshot, now: Now) -> RoomSnapshot {
        let known = facts.audience.audience.broadcast;
        // Players without an events socket are seen by their requests alone: there are some, and nobody knows how many.
        let is_asked_for = facts.broadcast.as_ref().is_some_and(|run| is_recent(run.asked_at_utc_ms, now));
        self.note_viewers(is_asked_for || known > 0, now.ms());
        let is_waiting = facts.is_waited_for && !facts.broadcast.as_ref().is_some_and(|run| run.is_live);
        self.is_empty = facts.seats.given.total() == 0 && known == 0 && !is_waiting && facts.broadcast.is_none();
        let mut people = people(&facts.audience);
        people.anonymous += u32::from(known == 0 && (is_asked_for || is_waiting));
        RoomSnapshot {
            taken_at_ms: now.ms(),
            setting: facts.room.broadcast.setting,
            is_encrypted: facts.seats.is_encrypted,
            seats: seats(facts.seats, now),
            audience: Audience {
                people,
                waiting: u32::from(is_waiting),
                candidates: facts.audience.on_broadcast.iter().map(|one| watching(one, now)).collect(),
            },
            broadcast: self.state(facts),
            node,
        }
    }

    fn note_viewers(&mut self, is_watched: bool, now_ms: u64) {
        if self.had_viewer && !is_watched {
            self.last_viewer_gone_ms = Some(now_ms);
        }
        self.had_viewer = is_watched;
    }

    fn state(&self, facts: &RoomFacts<'_>) -> BroadcastState {
        let started_ms = self.started_ms.unwrap_or_default();
        match &facts.broadcast {
            Some(run) if run.has_ended => BroadcastState::Off { last_started_ms: self.started_ms },
            Some(_) if !self.is_wanted && self.started_ms.is_some() => BroadcastState::Ending,
            Some(run) if run.is_live => {
                BroadcastState::OnAir { started_ms, last_viewer_gone_ms: self.last_viewer_gone_ms }
            }
            Some(_) => BroadcastState::Starting { started_ms },
            None if self.is_wanted && facts.has_stage => BroadcastState::Starting { started_ms },
            None => BroadcastState::Off { last_started_ms: self.started_ms },
        }
    }
}

fn is_recent(utc_ms: i64, now: Now) -> bool {
    now.utc_ms().saturating_sub(utc_ms) < WATCHED_MS
}

/// A moment of the wall clock on the clock that never goes back.
fn since(utc_ms: i64, now: Now) -> u64 {
    let ago_ms = now.utc_ms().saturating_sub(utc_ms).max(0);
    now.ms().saturating_sub(u64::try_from(ago_ms).unwrap_or_default())
}

/// People on the broadcast by class; of those beyond the list the class is not told.
fn people(audience: &AudienceSnapshot) -> ByClass {
    let mut people = ByClass::default();
    audience.on_broadcast.iter().for_each(|one| *people.get_mut(one.class) += 1);
    people.anonymous += audience.audience.broadcast.saturating_sub(people.total());
    people
}

fn watching(one: &OnBroadcast, now: Now) -> Watching {
    Watching {
        identity: one.identity.clone(),
        class: one.class,
        asked_since_ms: one.asked_for_seat_utc_ms.map(|utc_ms| since(utc_ms, now)),
        on_broadcast_since_ms: Some(since(one.since_utc_ms, now)),
        asked_for_broadcast: false,
    }
}

fn seats(seats: &RoomSeats, now: Now) -> Seats {
    let since = |utc_ms| since(utc_ms, now);
    let mut candidates: Vec<Seated> = seats
        .seated
        .iter()
        .filter(|one| !one.leaving && !one.hidden)
        .map(|one| Seated {
            identity: one.identity.clone(),
            class: one.class,
            seated_since_ms: since(one.since_utc_ms),
            idle_since_ms: one.idle_since_utc_ms.map(since),
            on_stage: one.performs,
        })
        .collect();
    // Those who have been idle longest, then the lowest classes.
    candidates.sort_unstable_by_key(|one| (one.idle_since_ms.unwrap_or(u64::MAX), std::cmp::Reverse(one.class)));
    candidates.truncate(CANDIDATES_MAX);
    Seats {
        limit: seats.max,
        taken: seats.given.less(&seats.leased),
        leased: seats.leased,
        on_stage: u32::try_from(seats.seated.iter().filter(|one| one.performs).count()).unwrap_or(u32::MAX),
        is_held: now.utc_ms() < seats.limits.held_until_utc_ms,
        candidates,
    }
}

#[cfg(test)]
mod tests;
