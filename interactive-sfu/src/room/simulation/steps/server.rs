//! Calls of the server's API.

use access::Class;
use livekit_protocol as proto;

use super::wishes::own_track;
use crate::control::{Admission, CloseRoom, Command, Demote, GrantSeat, SeatLimits, SendAway, SetSeats};
use crate::room::simulation::world::{IDENTITIES, OTHERS, ROOMS, World, choose};

impl World {
    pub(super) fn mute_by_server(&mut self, who: u8, track: u8, muted: bool) {
        let Some(index) = choose(&self.clients, who) else { return };
        let client = &self.clients[index];
        let Some(track_sid) = own_track(client, track) else { return };
        let (room, identity) = (client.room.clone(), client.identity.clone());
        self.call(Command::MuteTrack(proto::MuteRoomTrackRequest { room, identity, track_sid, muted }));
    }

    pub(super) fn permit(&mut self, who: u8, can_publish: bool, can_subscribe: bool) {
        let Some(index) = choose(&self.clients, who) else { return };
        let permission = proto::ParticipantPermission {
            can_publish,
            can_subscribe,
            can_publish_data: can_publish,
            ..Default::default()
        };
        self.call(Command::UpdateParticipant(proto::UpdateParticipantRequest {
            room: self.clients[index].room.clone(),
            identity: self.clients[index].identity.clone(),
            permission: Some(permission),
            ..Default::default()
        }));
    }

    pub(super) fn remove(&mut self, n: u8) {
        let identity = IDENTITIES[choose(&IDENTITIES, n).unwrap()].to_owned();
        let room = ROOMS[choose(&ROOMS, n / 16).unwrap()].to_owned();
        self.call(Command::Remove(proto::RoomParticipantIdentity { room, identity, ..Default::default() }));
    }

    pub(super) fn close_room(&mut self, n: u8) {
        self.call(Command::CloseRoom(CloseRoom(ROOMS[choose(&ROOMS, n).unwrap()].parse().unwrap())));
    }

    pub(super) fn send_away(&mut self, n: u8) {
        self.call(Command::SendAway(SendAway(ROOMS[choose(&ROOMS, n).unwrap()].parse().unwrap())));
    }

    pub(super) fn lease(&mut self, who: u8, room: u8, class: u8) {
        let all: Vec<&str> = IDENTITIES.iter().chain(&OTHERS).copied().collect();
        let identity = all[choose(&all, who).unwrap()].parse().unwrap();
        let room = ROOMS[choose(&ROOMS, room).unwrap()].parse().unwrap();
        let class = Class::ALL[choose(&Class::ALL, class).unwrap()];
        let (limits, leased_until_utc_ms) = (SeatLimits::default(), None);
        self.call(Command::GrantSeat(GrantSeat { room, identity, class, limits, leased_until_utc_ms }));
    }

    pub(super) fn limit_seats(&mut self, room: u8, max: u8, reserved: u8) {
        let room = ROOMS[choose(&ROOMS, room).unwrap()].parse().unwrap();
        let reserved = [(Class::Host, u32::from(reserved % 2)), (Class::Viewer, u32::from(reserved % 3))];
        let reserved = reserved.into_iter().collect();
        let limits = SeatLimits { max: u32::from(max % 8), reserved, ..SeatLimits::default() };
        self.call(Command::SetSeats(SetSeats { room, limits }));
    }

    pub(super) fn demote(&mut self, who: u8) {
        let Some(index) = choose(&self.clients, who) else { return };
        let client = &self.clients[index];
        let (room, identity) = (client.room.parse().unwrap(), client.identity.parse().unwrap());
        self.call(Command::Demote(Demote { room, identity, answer: "{}".into(), within_ms: u32::from(who) * 10 }));
    }

    pub(super) fn admit(&mut self, n: u8) {
        let admissions = [Admission::Open, Admission::Open, Admission::Busy, Admission::Draining];
        self.driver.admit(admissions[choose(&admissions, n).unwrap()]);
    }
}
