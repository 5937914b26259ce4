//! The facts that one receiver has still to be told: which is next, and when.
//!
//! The facts of one room are told one after the other: a fact that failed is tried again after a pause, and the room's
//! later facts wait for it. Other rooms do not. At most [`ATTEMPTS_MAX`] attempts are under way at once. Holds numbers
//! of facts alone; what they say is read when they are told. No I/O, no clock and no dice: `now` and `chance` come in.
//! Driven by `receiver.rs`.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Instant;

use access::RoomName;

use super::sender::pause;

/// Attempts under way at once: a receiver that answers nothing holds no more connections.
pub(super) const ATTEMPTS_MAX: usize = 16;
/// Facts that are known; further ones are read when there are fewer. As many as the database keeps.
const KNOWN_MAX: usize = 20_000;

/// The facts of one receiver.
#[derive(Debug)]
pub(super) struct Backlog {
    rooms: HashMap<RoomName, Waiting>,
    /// Rooms of which no attempt is under way, by when their first fact is due.
    due: BTreeSet<(Instant, RoomName)>,
    /// Facts that are not done.
    undone: BTreeSet<i64>,
    /// Facts up to this number were added.
    read: i64,
    under_way: usize,
}

/// The facts of one room.
#[derive(Debug, Default)]
struct Waiting {
    facts: VecDeque<i64>,
    /// Failures of the first one in a row.
    failures: u32,
}

impl Backlog {
    /// Of a receiver that has been told all facts up to that one.
    pub(super) fn new(done: i64) -> Self {
        Self { rooms: HashMap::new(), due: BTreeSet::new(), undone: BTreeSet::new(), read: done, under_way: 0 }
    }

    /// There are no other facts up to that number.
    pub(super) fn read_up_to(&mut self, number: i64) {
        self.read = self.read.max(number);
    }

    /// The number after which facts are to be added.
    pub(super) fn read(&self) -> i64 {
        self.read
    }

    /// How many facts may be added.
    pub(super) fn space(&self) -> usize {
        KNOWN_MAX.saturating_sub(self.undone.len())
    }

    /// How many facts are not done.
    pub(super) fn len(&self) -> usize {
        self.undone.len()
    }

    /// All facts up to this one are done.
    pub(super) fn done_up_to(&self) -> i64 {
        self.undone.first().map_or(self.read, |first| first - 1)
    }

    /// A further fact. Facts are added in their order.
    pub(super) fn add(&mut self, fact: i64, room: RoomName, now: Instant) {
        if fact <= self.read {
            return;
        }
        self.read = fact;
        self.undone.insert(fact);
        let waiting = self.rooms.entry(room.clone()).or_default();
        if waiting.facts.is_empty() {
            self.due.insert((now, room));
        }
        waiting.facts.push_back(fact);
    }

    /// The next fact that is to be told now. Its end is to be reported: [`Backlog::done`] or [`Backlog::failed`].
    pub(super) fn next(&mut self, now: Instant) -> Option<(i64, RoomName)> {
        if self.under_way >= ATTEMPTS_MAX || self.due.first()?.0 > now {
            return None;
        }
        let (_, room) = self.due.pop_first()?;
        let fact = *self.rooms.get(&room)?.facts.front()?;
        self.under_way += 1;
        Some((fact, room))
    }

    /// The time at which [`Backlog::next`] has something; `None`: not before something else happens.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if self.under_way >= ATTEMPTS_MAX { None } else { self.due.first().map(|(at, _)| *at) }
    }

    /// The room's fact was told or is given up.
    pub(super) fn done(&mut self, room: RoomName, now: Instant) {
        let Some(waiting) = self.rooms.get_mut(&room) else { return };
        self.under_way = self.under_way.saturating_sub(1);
        waiting.failures = 0;
        if let Some(fact) = waiting.facts.pop_front() {
            self.undone.remove(&fact);
        }
        if waiting.facts.is_empty() {
            self.rooms.remove(&room);
        } else {
            self.due.insert((now, room));
        }
    }

    /// The room's fact is to be told again. Returns how often it has failed.
    pub(super) fn failed(&mut self, room: RoomName, now: Instant, chance: f64) -> u32 {
        let Some(waiting) = self.rooms.get_mut(&room) else { return 0 };
        self.under_way = self.under_way.saturating_sub(1);
        waiting.failures = waiting.failures.saturating_add(1);
        let failures = waiting.failures;
        self.due.insert((now + pause(failures, chance), room));
        failures
    }
}

#[cfg(test)]
mod tests;
