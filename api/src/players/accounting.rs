//! The players of all rooms, by room and session.
//!
//! A session whose id was given by an events socket is verified: its viewer is counted there, by identity. All others
//! are counted here alone and apart, because anybody may make up any number of them. No I/O and no clock: `now` comes
//! in. Driven by [`super::Players`].
//!
//! Bounded: so many verified sessions and as many others, each forgotten when it is silent; [`ROOMS_NAMED_MAX`] rooms
//! with figures of their own, and one tally for the rest. A room's figures are forgotten [`LINGER`] after its last
//! session.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use access::RoomName;

use super::report::{PlayState, Report};
use super::session::Session;
use super::tally::Tally;

/// Rooms that have figures of their own.
pub(super) const ROOMS_NAMED_MAX: usize = 100;
/// The time between two searches for silent sessions.
const SWEEP: Duration = Duration::from_secs(1);
/// The figures of a room that no player watches are kept for so long.
pub(super) const LINGER: Duration = Duration::from_secs(600);

/// Sessions by state, in the order of [`PlayState::ALL`].
pub(super) type ByState = [u32; PlayState::ALL.len()];

/// Figures of verified sessions, and of the others.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pub(super) verified: Tally,
    pub(super) others: Tally,
}

/// Sessions by state: verified ones, and the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) verified: ByState,
    pub(super) others: ByState,
}

impl Counts {
    fn of(&mut self, is_verified: bool) -> &mut ByState {
        if is_verified { &mut self.verified } else { &mut self.others }
    }

    /// Those that watch, and are not counted as somebody's elsewhere.
    fn unverified(&self) -> u32 {
        let viewing = PlayState::ALL.iter().zip(self.others).filter(|(state, _)| state.is_viewing());
        viewing.map(|(_, count)| count).sum()
    }

    pub(super) fn add(&mut self, more: &Self) {
        for (counts, more) in [(&mut self.verified, more.verified), (&mut self.others, more.others)] {
            counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        }
    }
}

/// A player, as a report names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Player<'a> {
    pub(crate) room: &'a RoomName,
    pub(crate) session: &'a str,
    /// An events socket gave the session its id.
    pub(crate) is_verified: bool,
    /// Whether the metrics may name the room.
    pub(crate) may_name: bool,
}

/// The fate of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Counted,
    Repeated,
    /// As many sessions are kept as may be.
    Full,
}

/// The figures of all rooms.
#[derive(Debug)]
pub(super) struct Overview<'a> {
    /// Rooms with figures of their own, sorted by name.
    pub(super) named: Vec<(&'a RoomName, Counts, &'a Figures)>,
    /// All others together.
    pub(super) rest: (Counts, Figures),
}

#[derive(Debug, Default)]
struct Room {
    sessions: HashMap<Box<str>, (bool, Session)>,
    counts: Counts,
    /// The room's own; `None`: it is summed with others.
    figures: Option<Box<Figures>>,
    empty_since: Option<Instant>,
}

/// The players of all rooms.
#[derive(Debug)]
pub(super) struct Accounting {
    /// Of verified sessions, and of the others.
    sessions_max: usize,
    verified: usize,
    others: usize,
    rooms: HashMap<RoomName, Room>,
    named: usize,
    /// Of rooms without figures of their own.
    rest: Box<Figures>,
    sweep_at: Option<Instant>,
}

impl Accounting {
    pub(super) fn new(sessions_max: usize) -> Self {
        Self {
            sessions_max,
            verified: 0,
            others: 0,
            rooms: HashMap::new(),
            named: 0,
            rest: Box::default(),
            sweep_at: None,
        }
    }

    /// Counts a report of a player.
    pub(super) fn take(&mut self, player: Player<'_>, report: &Report, now: Instant) -> Taken {
        self.sweep(now);
        let known = self.rooms.get(player.room).and_then(|room| room.sessions.get(player.session));
        let is_verified = known.map_or(player.is_verified, |(is_verified, _)| *is_verified);
        if known.is_none() {
            // A player whose first word is farewell was never here.
            if report.state == Some(PlayState::Over) && report.errors == 0 {
                return Taken::Counted;
            }
            let kept = if is_verified { &mut self.verified } else { &mut self.others };
            if *kept >= self.sessions_max {
                return Taken::Full;
            }
            *kept += 1;
        }
        let is_new = known.is_none();
        let room = self.rooms.entry(player.room.clone()).or_default();
        if player.may_name && room.figures.is_none() && room.sessions.is_empty() && self.named < ROOMS_NAMED_MAX {
            self.named += 1;
            room.figures = Some(Box::default());
        }
        room.empty_since = None;
        let figures = room.figures.as_mut().unwrap_or(&mut self.rest);
        let tally = if is_verified { &mut figures.verified } else { &mut figures.others };
        let counts = room.counts.of(is_verified);
        if is_new {
            tally.sessions += 1;
            counts[PlayState::Unknown as usize] += 1;
        }
        let kept = room.sessions.entry(player.session.into());
        let (_, session) = kept.or_insert_with(|| (is_verified, Session::new(now)));
        let before = session.state;
        let is_counted = session.follow(report, now, tally);
        counts[before as usize] = counts[before as usize].saturating_sub(1);
        counts[session.state as usize] += 1;
        if is_counted { Taken::Counted } else { Taken::Repeated }
    }

    /// Forgets players that were silent for too long, and rooms without players.
    fn sweep(&mut self, now: Instant) {
        if self.sweep_at.is_some_and(|at| now < at) {
            return;
        }
        self.sweep_at = Some(now + SWEEP);
        let (verified, others, named) = (&mut self.verified, &mut self.others, &mut self.named);
        self.rooms.retain(|_, room| {
            room.sessions.retain(|_, (is_verified, session)| {
                let is_kept = !session.is_silent(now);
                if !is_kept {
                    let counts = room.counts.of(*is_verified);
                    counts[session.state as usize] = counts[session.state as usize].saturating_sub(1);
                    let kept = if *is_verified { &mut *verified } else { &mut *others };
                    *kept = kept.saturating_sub(1);
                }
                is_kept
            });
            if !room.sessions.is_empty() {
                return true;
            }
            let since = *room.empty_since.get_or_insert(now);
            let is_kept = room.figures.is_some() && now.saturating_duration_since(since) < LINGER;
            *named -= usize::from(!is_kept && room.figures.is_some());
            is_kept
        });
    }

    /// Players of a room that watch and have no events socket that is known.
    pub(super) fn unverified(&mut self, room: &str, now: Instant) -> u32 {
        self.sweep(now);
        self.rooms.get(room).map_or(0, |room| room.counts.unverified())
    }

    /// All figures. `may_name` says whether a room may be named still.
    pub(super) fn overview(&mut self, may_name: impl Fn(&RoomName) -> bool, now: Instant) -> Overview<'_> {
        self.sweep(now);
        let (mut counts, mut rest) = (Counts::default(), Figures::clone(&self.rest));
        let mut named = Vec::new();
        for (name, room) in &self.rooms {
            match &room.figures {
                Some(figures) if may_name(name) => named.push((name, room.counts, &**figures)),
                figures => {
                    counts.add(&room.counts);
                    if let Some(figures) = figures {
                        rest.verified.add(&figures.verified);
                        rest.others.add(&figures.others);
                    }
                }
            }
        }
        named.sort_by_key(|(name, ..)| *name);
        Overview { named, rest: (counts, rest) }
    }
}

#[cfg(test)]
mod tests;
