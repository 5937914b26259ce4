//! Counts a room's audience, by identity.
//!
//! An identity counts once, however many sockets and paths it has: as interactive where it has a seat in the SFU, else
//! as broadcast while a socket of it says that it watches the broadcast. Whoever performs is no audience. No I/O and no
//! clock: `now` comes in as UTC in milliseconds. Driven by `room.rs`.

use std::collections::HashMap;

use access::{Class, Identity};
use serde::{Deserialize, Serialize};

use super::seats::Seated;

/// How a client's player stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Playing {
    /// The picture moves.
    Playing,
    /// The viewer paused it.
    Paused,
    /// It waits for media.
    Stalled,
}

/// The path by which somebody watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// A seat in the SFU.
    Interactive,
    /// LL-HLS.
    Broadcast,
}

/// The size of an audience, identities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// Those with a seat.
    pub interactive: u32,
    /// Those who watch the broadcast, and have no seat.
    pub broadcast: u32,
    /// The most that were there at once.
    pub peak: u32,
    /// All of them by class, in the order of [`Class::ALL`].
    pub by_class: [u32; Class::ALL.len()],
}

impl Audience {
    /// Everybody, by whichever path.
    pub fn total(&self) -> u32 {
        self.interactive + self.broadcast
    }
}

/// Somebody who watches the broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnBroadcast {
    /// The identity that counts once.
    pub identity: Identity,
    /// The seat class.
    pub class: Class,
    /// Since when, UTC, milliseconds.
    pub since_utc_ms: i64,
    /// The player of their newest socket, and since when it stands so, UTC, milliseconds.
    pub playing: Playing,
    /// See `playing`.
    pub playing_since_utc_ms: i64,
    /// When they asked for a seat, UTC, milliseconds. `None`: they want none.
    pub asked_for_seat_utc_ms: Option<i64>,
}

/// One player, by the number of its socket.
#[derive(Clone, Copy, Debug)]
struct Player {
    socket: u64,
    class: Class,
    playing: Playing,
    since_utc_ms: i64,
}

/// Somebody with a seat, a player or a wish.
#[derive(Debug, Default)]
struct Person {
    /// The class of their seat, and whether they perform.
    seat: Option<(Class, bool)>,
    /// The newest last.
    players: Vec<Player>,
    since_utc_ms: i64,
    asked_utc_ms: Option<i64>,
}

impl Person {
    /// How they watch.
    fn watches(&self) -> Option<(Delivery, Class)> {
        match (self.seat, self.players.last()) {
            (Some((class, _)), _) => Some((Delivery::Interactive, class)),
            (None, Some(player)) => Some((Delivery::Broadcast, player.class)),
            (None, None) => None,
        }
    }

    /// The same of the audience alone.
    fn counted(&self) -> Option<(Delivery, Class)> {
        let performs = self.seat.is_some_and(|(_, performs)| performs);
        self.watches().filter(|_| !performs)
    }
}

/// A room's audience.
#[derive(Debug, Default)]
pub(super) struct Presence {
    people: HashMap<Identity, Person>,
    audience: Audience,
}

impl Presence {
    /// How many are there.
    pub(super) fn audience(&self) -> Audience {
        self.audience
    }

    /// The path of an identity; `None`: it watches by none.
    pub(super) fn delivery(&self, identity: &Identity) -> Option<Delivery> {
        self.watches(identity).map(|(delivery, _)| delivery)
    }

    /// The path of an identity, and its class.
    pub(super) fn watches(&self, identity: &Identity) -> Option<(Delivery, Class)> {
        self.people.get(identity)?.watches()
    }

    /// A socket is gone.
    pub(super) fn leaves(&mut self, identity: &Identity, socket: u64) {
        if self.people.contains_key(identity) {
            self.change(identity, |person| person.players.retain(|player| player.socket != socket));
        }
    }

    /// The player of a socket stands so. `None`: it plays the broadcast no more.
    pub(super) fn plays(&mut self, identity: &Identity, class: Class, socket: u64, playing: Option<Playing>, now: i64) {
        self.change(identity, |person| {
            let at = person.players.iter().position(|player| player.socket == socket);
            let before = at.map(|at| person.players.remove(at));
            let Some(playing) = playing else { return };
            if before.is_none() && person.players.is_empty() {
                person.since_utc_ms = now;
            }
            let unchanged = before.filter(|before| before.playing == playing);
            let since_utc_ms = unchanged.map_or(now, |before| before.since_utc_ms);
            person.players.push(Player { socket, class, playing, since_utc_ms });
        });
    }

    /// An identity wants a seat, since now if it did not before, or wants none.
    pub(super) fn asks(&mut self, identity: &Identity, wants: bool, now: i64) {
        self.change(identity, |person| person.asked_utc_ms = wants.then(|| person.asked_utc_ms.unwrap_or(now)));
    }

    /// Those who have seats now.
    pub(super) fn seats(&mut self, seated: &[Seated]) {
        let seated: HashMap<&Identity, (Class, bool)> =
            seated.iter().map(|one| (&one.identity, (one.class, one.performs))).collect();
        let gone = self.people.iter().filter(|(identity, one)| one.seat.is_some() && !seated.contains_key(identity));
        let gone: Vec<Identity> = gone.map(|(identity, _)| identity.clone()).collect();
        gone.iter().for_each(|identity| self.change(identity, |person| person.seat = None));
        for (identity, seat) in seated {
            if self.people.get(identity).is_none_or(|person| person.seat != Some(seat)) {
                self.change(identity, |person| person.seat = Some(seat));
            }
        }
    }

    /// Those who watch the broadcast, at most `listed_max`: those who asked for a seat first, in the order in which
    /// they did, then by class, then by when they came.
    pub(super) fn on_broadcast(&self, listed_max: usize) -> Vec<OnBroadcast> {
        let listed = self.people.iter().filter(|(_, person)| person.seat.is_none());
        let listed = listed.filter_map(|(identity, person)| {
            let player = person.players.last()?;
            Some(OnBroadcast {
                identity: identity.clone(),
                class: player.class,
                since_utc_ms: person.since_utc_ms,
                playing: player.playing,
                playing_since_utc_ms: player.since_utc_ms,
                asked_for_seat_utc_ms: person.asked_utc_ms,
            })
        });
        let mut listed: Vec<OnBroadcast> = listed.collect();
        let order = |one: &OnBroadcast| {
            (one.asked_for_seat_utc_ms.is_none(), one.asked_for_seat_utc_ms, one.class as u8, one.since_utc_ms)
        };
        listed.sort_by_key(order);
        listed.truncate(listed_max);
        listed
    }

    fn change(&mut self, identity: &Identity, change: impl FnOnce(&mut Person)) {
        let person = self.people.entry(identity.clone()).or_default();
        let before = person.counted();
        change(person);
        let after = person.counted();
        if person.watches().is_none() && person.asked_utc_ms.is_none() {
            self.people.remove(identity);
        }
        if before == after {
            return;
        }
        for (counted, by) in [(before, -1), (after, 1)] {
            if let Some((delivery, class)) = counted {
                let path = match delivery {
                    Delivery::Interactive => &mut self.audience.interactive,
                    Delivery::Broadcast => &mut self.audience.broadcast,
                };
                *path = path.saturating_add_signed(by);
                let of_class = &mut self.audience.by_class[class as usize];
                *of_class = of_class.saturating_add_signed(by);
            }
        }
        self.audience.peak = self.audience.peak.max(self.audience.total());
    }
}

#[cfg(test)]
mod tests;
