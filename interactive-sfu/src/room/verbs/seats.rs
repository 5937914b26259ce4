//! Seats in a room: asked for, taken with a session, given up, and emptied towards the broadcast.
//!
//! Every session needs a seat, by whichever protocol it comes, but for the broadcast's own viewer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use access::{Class, Identity};
use livekit_protocol as proto;
use livekit_protocol::data_packet::Value;
use plane::Channel;
use prost::Message as _;

use super::leaving::Departure;
use crate::control::{Demote, GrantSeat, MOVE_TOPIC, NoSeat, RoomEvent, RoomSeats, SeatAnswer, Seated, SfuError};
use crate::room::machine::Room;
use crate::room::now::utc_ms;
use crate::room::participant::{Participant, ParticipantKey};
use crate::room::seats::{Applicant, LEASE, Sat};

/// The longest that somebody may take to move, so that no seat is kept by a wrong number.
const MOVE_MAX: Duration = Duration::from_secs(60);

/// Somebody who has been told to move to the broadcast.
#[derive(Debug)]
pub(in crate::room) struct Moving {
    key: ParticipantKey,
    identity: Identity,
    until: Instant,
}

impl Room {
    /// Leases a seat to an identity, if there is one for it.
    pub(in crate::room) fn grant_seat(&mut self, ask: &GrantSeat) -> SeatAnswer {
        self.seats.limit_first(ask.limits);
        let (identity, class) = (&ask.identity, ask.class);
        if self.moving.iter().any(|moving| moving.identity == *identity) {
            return SeatAnswer::Refused(NoSeat::RoomFull);
        }
        self.expire_leases();
        let node = &self.ground.node;
        let has_seat = self.seats.class(identity).is_some();
        if !has_seat && !node.has_place() {
            return SeatAnswer::Refused(NoSeat::NodeBusy);
        }
        let applicant = Applicant { identity, class, leased_until_utc_ms: ask.leased_until_utc_ms };
        match self.seats.lease(applicant, node.admission(), self.now) {
            // Another room may have taken the place meanwhile.
            Ok(true) if !node.take_place() => {
                self.seats.withdraw(identity);
                SeatAnswer::Refused(NoSeat::NodeBusy)
            }
            Ok(_) => SeatAnswer::Granted { expires_at_utc_ms: self.now.utc_ms() + LEASE.as_millis() as i64 },
            Err(why) => SeatAnswer::Refused(why),
        }
    }

    /// A seat for a session that begins.
    pub(super) fn sit(&mut self, applicant: Applicant<'_>) -> Result<Sat, SfuError> {
        self.expire_leases();
        self.seats.sit(applicant, self.ground.node.admission(), self.now).map_err(SfuError::NoSeat)
    }

    /// A place on this server for a session: that of the lease, if the identity came by one. `None`: the session is the
    /// broadcast's own. Without a place the seat is given up.
    pub(super) fn take_place(&mut self, identity: &Identity, sat: Option<Sat>) -> Result<(), SfuError> {
        if sat == Some(Sat::ByLease) || self.ground.node.take_place() {
            return Ok(());
        }
        if sat.is_some() {
            self.seats.stand(identity);
        }
        Err(SfuError::Full("this server has as many sessions as it is configured for".into()))
    }

    /// Gives a seat up that a session did not come to use.
    pub(super) fn stand_up(&mut self, identity: &Identity, sat: Option<Sat>) {
        if sat.is_some() {
            self.seats.stand(identity);
        }
        if sat == Some(Sat::ByLease) {
            self.ground.node.leave_place();
        }
    }

    /// A participant watches nothing of what it could, or watches again.
    pub(super) fn note_idle(&mut self, key: ParticipantKey, idle: bool) {
        let now = self.now.utc;
        if let Some(participant) = self.roster.get_mut(key) {
            participant.idle_since = idle.then(|| participant.idle_since.unwrap_or(now));
        }
    }

    /// Tells the rest of the server of an identity, if the session is its first that is not hidden.
    pub(super) fn appear(&mut self, identity: &Identity, class: Class, hidden: bool) {
        if !hidden && self.seats.appear(identity) {
            let (room, identity) = (self.name.clone(), identity.clone());
            self.out.event(RoomEvent::SeatTaken { room, identity, class });
        }
    }

    /// A session has ended: with the last one of its identity its seat is free.
    pub(super) fn stand(&mut self, gone: &Participant) {
        self.moving.retain(|moving| moving.key != gone.key());
        if gone.is_ours() {
            return;
        }
        if !gone.who.hidden && self.seats.disappear(&gone.who.identity) {
            let (room, identity) = (self.name.clone(), gone.who.identity.clone());
            self.out.event(RoomEvent::SeatFreed { room, identity });
        }
        self.seats.stand(&gone.who.identity);
    }

    /// Ends the leases that are over.
    pub(super) fn expire_leases(&mut self) {
        (0..self.seats.expire(self.now.instant)).for_each(|_| self.ground.node.leave_place());
    }

    /// Has an identity move to the broadcast. Its seat stays its own until it has left it, or the time is over.
    pub(in crate::room) fn demote(&mut self, demote: &Demote) -> Result<(), SfuError> {
        let theirs = self.roster.iter().filter(|one| one.who.identity == demote.identity && !one.is_ours());
        let keys: Vec<ParticipantKey> = theirs.map(Participant::key).collect();
        if keys.is_empty() {
            return Err(SfuError::UnknownParticipant);
        }
        let until = self.now.instant + Duration::from_millis(demote.within_ms.into()).min(MOVE_MAX);
        for key in &keys {
            if self.moving.iter().all(|moving| moving.key != *key) {
                self.moving.push(Moving { key: *key, identity: demote.identity.clone(), until });
            }
        }
        self.tell_move(&keys, &demote.answer);
        Ok(())
    }

    /// A message of the topic [`MOVE_TOPIC`] for LiveKit's participants among `keys`. No participant can send one.
    fn tell_move(&mut self, keys: &[ParticipantKey], answer: &str) {
        let user = proto::UserPacket {
            payload: answer.as_bytes().to_vec(),
            topic: Some(MOVE_TOPIC.to_owned()),
            ..proto::UserPacket::default()
        };
        let packet = proto::DataPacket { value: Some(Value::User(user)), ..proto::DataPacket::default() };
        let livekit = keys.iter().copied().filter(|key| self.roster.livekit(*key).is_some());
        let livekit: Vec<ParticipantKey> = livekit.collect();
        self.deliver(None, &livekit, Channel::Reliable, &packet.encode_to_vec().into());
    }

    /// Shows out whoever was to move and has not gone in time.
    pub(super) fn end_moves(&mut self) {
        let now = self.now.instant;
        let due: Vec<ParticipantKey> =
            self.moving.iter().filter(|moving| moving.until <= now).map(|moving| moving.key).collect();
        due.into_iter().for_each(|key| self.leave(key, Departure::Moved));
    }

    /// The seats as they are.
    pub(in crate::room) fn room_seats(&self) -> RoomSeats {
        let mut sessions: BTreeMap<&Identity, Vec<&Participant>> = BTreeMap::new();
        for one in self.roster.iter().filter(|one| !one.is_ours()) {
            sessions.entry(&one.who.identity).or_default().push(one);
        }
        let seated = sessions.into_iter().map(|(identity, sessions)| self.seated(identity, &sessions)).collect();
        RoomSeats {
            limits: self.seats.limits_given(),
            max: self.seats.limits().max,
            given: self.seats.given(),
            leased: self.seats.leased(),
            seated,
            is_encrypted: self.is_encrypted(),
        }
    }

    /// An identity with all its sessions.
    fn seated(&self, identity: &Identity, sessions: &[&Participant]) -> Seated {
        let idle = sessions.iter().map(|one| one.idle_since);
        // Somebody is idle who watches by no session, since the last one was left.
        let idle_since = idle.collect::<Option<Vec<_>>>().and_then(|since| since.into_iter().max());
        Seated {
            identity: identity.clone(),
            class: self.seats.class(identity).unwrap_or(Class::Anonymous),
            since_utc_ms: sessions.iter().map(|one| utc_ms(one.who.since)).min().unwrap_or_default(),
            performs: sessions.iter().any(|one| one.performs()),
            hidden: sessions.iter().all(|one| one.who.hidden),
            idle_since_utc_ms: idle_since.map(utc_ms),
            leaving: self.moving.iter().any(|moving| moving.identity == *identity),
        }
    }

    /// Whether somebody publishes a track that receivers need a key for.
    pub(in crate::room) fn is_encrypted(&self) -> bool {
        let performers = self.performers.iter().filter_map(|key| self.roster.get(*key));
        performers.flat_map(Participant::tracks).any(|track| track.is_encrypted())
    }
}
