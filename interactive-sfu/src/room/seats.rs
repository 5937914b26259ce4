//! The seats of a room: who has one, who may have one more.
//!
//! A seat belongs to an identity, however many sessions it has. It begins as a lease ([`Seats::lease`]) or with a
//! session ([`Seats::sit`]), and ends with the last session ([`Seats::stand`]) or with the lease ([`Seats::expire`]).
//! Taken and leased seats together never exceed the limit, and no class is given a seat that is reserved for another.
//! Pure: `now` comes in.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use access::limits::SEAT_LEASE_MS;
use access::{ByClass, Class, Identity};

use super::now::Now;
use crate::control::{Admission, JoinRequest, NoSeat, SeatLimits};

/// How long a lease is good for, and so how long a restarted server waits for those that the last one granted.
pub(crate) const LEASE: Duration = Duration::from_millis(SEAT_LEASE_MS);

/// The seats of a room.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    limits: Option<SeatLimits>,
    /// The configuration's limit, which no room exceeds.
    max: u32,
    seats: HashMap<Identity, Seat>,
    /// Seats by class, leased ones among them.
    given: ByClass,
    /// When the first lease ends, or earlier.
    expires_at: Option<Instant>,
}

#[derive(Debug)]
struct Seat {
    class: Class,
    /// The lease, until the identity comes.
    lease: Option<Instant>,
    sessions: u32,
    /// Of these, sessions that others are told of.
    seen: u32,
}

/// Somebody who asks for a seat.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Applicant<'a> {
    pub identity: &'a Identity,
    pub class: Class,
    /// When a lease ends that the token carries, milliseconds since the Unix epoch.
    pub leased_until_utc_ms: Option<i64>,
}

impl<'a> Applicant<'a> {
    /// Somebody who comes by WHIP or WHEP.
    pub(crate) fn of(request: &'a JoinRequest) -> Self {
        let JoinRequest { identity, class, leased_until_utc_ms, .. } = request;
        Self { identity, class: *class, leased_until_utc_ms: *leased_until_utc_ms }
    }
}

impl Seats {
    /// No seats yet; at most `max` whatever the limits say.
    pub(crate) fn new(max: u32) -> Self {
        Self { max, ..Self::default() }
    }

    /// The limits of a room that has none yet.
    pub(crate) fn limit_first(&mut self, limits: SeatLimits) {
        self.limits.get_or_insert(limits);
    }

    /// Other limits from now on. Nobody loses a seat.
    pub(crate) fn limit(&mut self, limits: SeatLimits) {
        self.limits = Some(limits);
    }

    /// The limits as they were given.
    pub(crate) fn limits_given(&self) -> SeatLimits {
        self.limits.unwrap_or_default()
    }

    /// The limits, with the number that counts.
    pub(crate) fn limits(&self) -> SeatLimits {
        let limits = self.limits_given();
        let max = if limits.max == 0 { self.max } else { limits.max.min(self.max) };
        SeatLimits { max, ..limits }
    }

    /// Gives a seat for the length of a lease. An identity that is connected keeps its seat; one that has a lease gets
    /// it anew. Returns whether the lease is one more.
    pub(crate) fn lease(&mut self, applicant: Applicant<'_>, admission: Admission, now: Now) -> Result<bool, NoSeat> {
        self.expire(now.instant);
        let until = now.instant + LEASE;
        let is_new = match self.seats.get_mut(applicant.identity) {
            Some(seat) => {
                if let Some(lease) = &mut seat.lease {
                    *lease = until;
                }
                false
            }
            None => {
                self.check(applicant, admission, now)?;
                self.give(applicant, Some(until));
                true
            }
        };
        self.expires_at = Some(self.expires_at.map_or(until, |first| first.min(until)));
        Ok(is_new)
    }

    /// A session of an identity begins. Returns how it has its seat.
    pub(crate) fn sit(&mut self, applicant: Applicant<'_>, admission: Admission, now: Now) -> Result<Sat, NoSeat> {
        self.expire(now.instant);
        if let Some(seat) = self.seats.get_mut(applicant.identity) {
            seat.sessions += 1;
            return Ok(if seat.lease.take().is_some() { Sat::ByLease } else { Sat::Again });
        }
        self.check(applicant, admission, now)?;
        self.give(applicant, None);
        Ok(Sat::Newly)
    }

    /// A session of an identity has ended. Returns whether its seat is free now.
    pub(crate) fn stand(&mut self, identity: &Identity) -> bool {
        let Some(seat) = self.seats.get_mut(identity) else { return false };
        seat.sessions = seat.sessions.saturating_sub(1);
        let is_free = seat.sessions == 0 && seat.lease.is_none();
        if is_free {
            self.take_back(identity);
        }
        is_free
    }

    /// A session that others are told of begins. Returns whether it is the first of its identity.
    pub(crate) fn appear(&mut self, identity: &Identity) -> bool {
        let Some(seat) = self.seats.get_mut(identity) else { return false };
        seat.seen += 1;
        seat.seen == 1
    }

    /// A session that others were told of ends. Returns whether it is the last of its identity.
    pub(crate) fn disappear(&mut self, identity: &Identity) -> bool {
        let Some(seat) = self.seats.get_mut(identity) else { return false };
        seat.seen = seat.seen.saturating_sub(1);
        seat.seen == 0
    }

    /// Takes a lease back that nobody was told of.
    pub(crate) fn withdraw(&mut self, identity: &Identity) {
        if self.seats.get(identity).is_some_and(|seat| seat.lease.is_some()) {
            self.take_back(identity);
        }
    }

    /// Ends the leases that are over. Returns how many.
    pub(crate) fn expire(&mut self, now: Instant) -> usize {
        if self.expires_at.is_none_or(|first| now < first) {
            return 0;
        }
        let leases = self.seats.iter().filter_map(|(identity, seat)| Some((identity, seat.lease?)));
        let over: Vec<Identity> =
            leases.clone().filter(|(_, until)| *until <= now).map(|(identity, _)| identity.clone()).collect();
        self.expires_at = leases.map(|(_, until)| until).filter(|until| *until > now).min();
        over.iter().for_each(|identity| self.take_back(identity));
        over.len()
    }

    /// The class of an identity's seat.
    pub(crate) fn class(&self, identity: &Identity) -> Option<Class> {
        self.seats.get(identity).map(|seat| seat.class)
    }

    /// Leases that nobody has come for yet, by class.
    pub(crate) fn leased(&self) -> ByClass {
        let mut leased = ByClass::default();
        self.seats.values().filter(|seat| seat.lease.is_some()).for_each(|seat| *leased.get_mut(seat.class) += 1);
        leased
    }

    /// Seats that are taken or leased, by class.
    pub(crate) fn given(&self) -> ByClass {
        self.given
    }

    /// The sessions of everybody who has a seat; 0: a lease.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn sessions(&self) -> impl Iterator<Item = (&Identity, u32)> {
        self.seats.iter().map(|(identity, seat)| (identity, seat.sessions))
    }

    /// Whether nobody has a seat.
    pub(crate) fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Whether one more seat may be given.
    fn check(&self, applicant: Applicant<'_>, admission: Admission, now: Now) -> Result<(), NoSeat> {
        let (limits, class) = (self.limits(), applicant.class);
        match admission {
            Admission::Busy if class > Class::Host => return Err(NoSeat::NodeBusy),
            Admission::Draining => return Err(NoSeat::NodeDrains),
            Admission::Open | Admission::Busy => {}
        }
        let given = self.given.total();
        let now_utc_ms = now.utc_ms();
        if now_utc_ms < limits.held_until_utc_ms {
            // Seats may have been leased that this process does not know of: the tokens of those who have them say so.
            let is_leased = applicant.leased_until_utc_ms.is_some_and(|until| now_utc_ms < until);
            return if is_leased && given < limits.max { Ok(()) } else { Err(NoSeat::NodeBusy) };
        }
        let unfilled = limits.reserved.less(&self.given);
        let has_own = unfilled.get(class) > 0;
        if given >= limits.max {
            Err(NoSeat::RoomFull)
        } else if class > limits.lowest_class || !has_own && given.saturating_add(unfilled.total()) >= limits.max {
            Err(NoSeat::ClassReserved)
        } else {
            Ok(())
        }
    }

    fn give(&mut self, applicant: Applicant<'_>, lease: Option<Instant>) {
        let class = applicant.class;
        let seat = Seat { class, lease, sessions: u32::from(lease.is_none()), seen: 0 };
        self.seats.insert(applicant.identity.clone(), seat);
        *self.given.get_mut(class) += 1;
    }

    fn take_back(&mut self, identity: &Identity) {
        if let Some(seat) = self.seats.remove(identity) {
            *self.given.get_mut(seat.class) -= 1;
        }
    }
}

/// How the identity of a session that begins has its seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sat {
    /// The identity had none.
    Newly,
    /// The identity had a lease.
    ByLease,
    /// The identity has other sessions.
    Again,
}

#[cfg(test)]
mod tests;
