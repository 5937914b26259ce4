//! The effect of each step.

use std::time::Duration;

use bytes::Bytes;
use livekit_protocol as proto;
use livekit_protocol::signal_request::Message as Request;
use plane::{Channel, PeerId, Quality, Report};
use prost::Message as _;

use super::Step;
use super::client::Client;
use super::descriptions::{self, Line};
use super::world::{IDENTITIES, OTHERS, ROOMS, World, choose};
use crate::control::{
    Admission, Client as About, CloseRoom, Command, ConnectRequest, Demote, GrantSeat, JoinRequest, Patch, Reply,
    SeatLimits, SetSeats, SfuError,
};
use crate::room::machine::Signal;
use access::{Class, Grants, nobody};

impl World {
    pub(super) fn take(&mut self, step: &Step) {
        match *step {
            Step::Join { who, room, single, publishes, subscribes, hidden, auto } => {
                let identity = IDENTITIES[choose(&IDENTITIES, who).unwrap()];
                let room = ROOMS[choose(&ROOMS, room).unwrap()];
                let grants = Self::grants(identity, publishes, subscribes, hidden);
                let request = Self::request(room, grants, single, auto, None);
                let Ok(connected) = self.driver.connect(request, self.now) else { return };
                // Whoever had no socket is not told that another has taken their place.
                self.clients.retain(|c| c.inbox.is_some() || c.identity != identity || c.room != room);
                self.clients.push(Client {
                    identity: identity.into(),
                    room: room.into(),
                    single,
                    sid: String::new(),
                    connection: connected.connection,
                    cell: connected.cell,
                    key: connected.key,
                    inbox: Some(connected.inbox),
                    ended: false,
                    resumes: false,
                    resumed: 0,
                    own: proto::ParticipantInfo::default(),
                    others: Default::default(),
                    count: 0,
                    offers: Default::default(),
                    owes_offer: single,
                    published: Vec::new(),
                    receiving: Vec::new(),
                    faults: Vec::new(),
                    garbles: false,
                    messages: 0,
                });
            }
            Step::LoseSocket(n) => {
                let Some(at) = choose(&self.clients, n) else { return };
                let client = &mut self.clients[at];
                if let (Some(_), Some(key)) = (client.inbox.take(), client.key) {
                    self.driver.disconnected(&client.cell, key, client.connection, self.now);
                }
            }
            Step::Resume(n) => self.resume(n),
            Step::Leave(n) => {
                let Some(at) = choose(&self.clients, n) else { return };
                self.say(at, Request::Leave(proto::LeaveRequest::default()));
            }
            Step::Stale(n) => {
                let Some(at) = choose(&self.clients, n) else { return };
                let client = &self.clients[at];
                let Some(key) = client.key else { return };
                let leave = Request::Leave(proto::LeaveRequest::default());
                let (signal, before) = (Signal::read(Some(leave), 0), client.connection.wrapping_sub(1));
                self.driver.signal(&client.cell, key, before, signal, self.now);
                self.driver.disconnected(&client.cell, key, before, self.now);
            }
            Step::Publish(n, video) => {
                let Some(at) = choose(&self.clients, n) else { return };
                self.counter += 1;
                let cid = format!("track{}", self.counter);
                let source = if video { proto::TrackSource::Camera } else { proto::TrackSource::Microphone };
                let kind = if video { proto::TrackType::Video } else { proto::TrackType::Audio };
                self.say(
                    at,
                    Request::AddTrack(proto::AddTrackRequest {
                        cid: cid.clone(),
                        r#type: kind.into(),
                        source: source.into(),
                        ..Default::default()
                    }),
                );
                let client = &mut self.clients[at];
                client.published.push(Line { cid, video, active: true });
                client.owes_offer = true;
            }
            Step::Unpublish(n, line) => {
                let Some(at) = choose(&self.clients, n) else { return };
                let client = &mut self.clients[at];
                let Some(line) = choose(&client.published, line) else { return };
                client.published[line].active = false;
                client.owes_offer = true;
            }
            Step::Answer(n) => {
                let Some(at) = choose(&self.clients, n) else { return };
                if let Some(answer) = self.clients[at].answer() {
                    self.say(at, answer);
                }
            }
            Step::Offer(n) => {
                let Some(at) = choose(&self.clients, n).filter(|at| self.clients[*at].owes_offer) else { return };
                let offer = self.clients[at].offer();
                self.say(at, offer);
            }
            Step::Mute(n, track, muted) => {
                let Some(at) = choose(&self.clients, n) else { return };
                let Some(sid) = Self::own_track(&self.clients[at], track) else { return };
                self.say(at, Request::Mute(proto::MuteTrackRequest { sid, muted }));
            }
            Step::Subscribe(n, track, subscribe) => {
                let Some(at) = choose(&self.clients, n) else { return };
                let Some(sid) = Self::seen_track(&self.clients[at], track) else { return };
                let track_sids = vec![sid];
                self.say(
                    at,
                    Request::Subscription(proto::UpdateSubscription { track_sids, subscribe, ..Default::default() }),
                );
            }
            Step::Setting(n, track, disabled) => {
                let Some(at) = choose(&self.clients, n) else { return };
                let Some(sid) = Self::seen_track(&self.clients[at], track) else { return };
                let track_sids = vec![sid; 500];
                self.say(
                    at,
                    Request::TrackSetting(proto::UpdateTrackSettings { track_sids, disabled, ..Default::default() }),
                );
            }
            Step::Audience(n, all_participants) => {
                let Some(at) = choose(&self.clients, n) else { return };
                let only = proto::TrackPermission {
                    participant_identity: IDENTITIES[choose(&IDENTITIES, n / 8).unwrap()].into(),
                    all_tracks: true,
                    ..Default::default()
                };
                let track_permissions = vec![only];
                self.say(
                    at,
                    Request::SubscriptionPermission(proto::SubscriptionPermission {
                        all_participants,
                        track_permissions,
                    }),
                );
            }
            Step::Rename(n, name) => {
                let Some(at) = choose(&self.clients, n) else { return };
                self.say(
                    at,
                    Request::UpdateMetadata(proto::UpdateParticipantMetadata {
                        name: format!("name {name}"),
                        ..Default::default()
                    }),
                );
            }
            Step::MuteByServer(n, track, muted) => {
                let Some(at) = choose(&self.clients, n) else { return };
                let client = &self.clients[at];
                let Some(track_sid) = Self::own_track(client, track) else { return };
                let (room, identity) = (client.room.clone(), client.identity.clone());
                let request = proto::MuteRoomTrackRequest { room, identity, track_sid, muted };
                self.call(Command::MuteTrack(request));
            }
            Step::Permit(n, can_publish, can_subscribe) => {
                let Some(at) = choose(&self.clients, n) else { return };
                let permission = proto::ParticipantPermission { can_publish, can_subscribe, ..Default::default() };
                self.call(Command::UpdateParticipant(proto::UpdateParticipantRequest {
                    room: self.clients[at].room.clone(),
                    identity: self.clients[at].identity.clone(),
                    permission: Some(permission),
                    ..Default::default()
                }));
            }
            Step::Remove(n) => {
                let identity = IDENTITIES[choose(&IDENTITIES, n).unwrap()];
                let room = ROOMS[choose(&ROOMS, n / 16).unwrap()];
                let (room, identity) = (room.to_owned(), identity.to_owned());
                self.call(Command::Remove(proto::RoomParticipantIdentity { room, identity, ..Default::default() }));
            }
            Step::CloseRoom(n) => {
                self.call(Command::CloseRoom(CloseRoom(ROOMS[choose(&ROOMS, n).unwrap()].parse().unwrap())))
            }
            Step::Lease { who, room, class } => {
                let all: Vec<&str> = IDENTITIES.iter().chain(&OTHERS).copied().collect();
                let identity = all[choose(&all, who).unwrap()].parse().unwrap();
                let room = ROOMS[choose(&ROOMS, room).unwrap()].parse().unwrap();
                let class = Class::ALL[choose(&Class::ALL, class).unwrap()];
                let limits = SeatLimits::default();
                self.call(Command::GrantSeat(GrantSeat { room, identity, class, limits }));
            }
            Step::LimitSeats { room, max, reserved } => {
                let room = ROOMS[choose(&ROOMS, room).unwrap()].parse().unwrap();
                let reserved = [(Class::Host, u32::from(reserved % 2)), (Class::Viewer, u32::from(reserved % 3))];
                let reserved = reserved.into_iter().collect();
                let limits = SeatLimits { max: u32::from(max % 8), reserved, ..SeatLimits::default() };
                self.call(Command::SetSeats(SetSeats { room, limits }));
            }
            Step::Demote(n) => {
                let Some(at) = choose(&self.clients, n) else { return };
                let (room, identity) = (&self.clients[at].room, &self.clients[at].identity);
                self.call(Command::Demote(Demote {
                    room: room.parse().unwrap(),
                    identity: identity.parse().unwrap(),
                    answer: "{}".into(),
                    within_ms: u32::from(n) * 10,
                }));
            }
            Step::Admit(n) => {
                let admission = [Admission::Open, Admission::Open, Admission::Busy, Admission::Draining];
                self.driver.admit(admission[choose(&admission, n).unwrap()]);
            }
            Step::Whip { who, room, video, hidden } => self.session(true, who, room, video, hidden),
            Step::Whep { who, room } => self.session(false, who, room, true, false),
            Step::EndSession(n) => {
                let Some(at) = choose(&self.sessions, n) else { return };
                let (room, id) = self.sessions.swap_remove(at);
                // It may be gone for other reasons; and a room that is not its own has no such session.
                self.leave("elsewhere", &id);
                self.leave(room, &id);
            }
            Step::Restart(n) => {
                let Some(at) = choose(&self.sessions, n) else { return };
                let (room, session) = self.sessions[at].clone();
                let fragment = format!("a=ice-ufrag:u{n:03}\r\na=ice-pwd:0123456789012345678901\r\n");
                self.call(Command::Patch(Patch {
                    room: room.parse().unwrap(),
                    session,
                    if_match: Some("*".into()),
                    fragment,
                }));
            }
            Step::Connect => {
                self.connect_one();
            }
            Step::TellGone => {
                self.tell_gone();
            }
            Step::Break(n) => {
                if let Some(peer) = self.some_peer(n).and_then(|id| self.plane.peers.get_mut(&id.serial)) {
                    peer.dead = true;
                }
            }
            Step::Loudness(n, step) => {
                let Some(id) = self.some_peer(n) else { return };
                self.report(Report::Loudness { peer: id, step: step % 9 });
                let quality = [Quality::Poor, Quality::Good, Quality::Excellent][usize::from(step % 3)];
                self.report(Report::Quality { peer: id, quality });
                self.report(Report::Paused { peer: id, section: usize::from(step % 4), paused: step % 2 == 0 });
                // Nobody's, and one that has no such section.
                let nobody = PeerId { shard: 1, serial: u32::MAX };
                self.report(Report::Loudness { peer: nobody, step: step % 9 });
                self.report(Report::Paused { peer: id, section: usize::MAX, paused: true });
            }
            Step::OpenData(n) => {
                let connected = |id: &PeerId| self.plane.peers[&id.serial].connected;
                let Some(id) = self.some_peer(n).filter(connected) else { return };
                self.report(Report::DataOpened { peer: id, channel: Channel::Reliable });
            }
            Step::Message(n) => {
                let connected = |id: &PeerId| self.plane.peers[&id.serial].connected;
                let Some(id) = self.some_peer(n).filter(connected) else { return };
                let user = proto::UserPacket { payload: vec![n; 10], ..Default::default() };
                let packet =
                    proto::DataPacket { value: Some(proto::data_packet::Value::User(user)), ..Default::default() };
                let channel = if n % 2 == 0 { Channel::Reliable } else { Channel::Lossy };
                self.report(Report::Data { peer: id, channel, message: packet.encode_to_vec().into() });
                self.report(Report::Data { peer: id, channel, message: Bytes::from_static(&[0xff]) });
            }
            Step::Wait(ms) => self.wait(ms.into()),
            Step::SetClock(seconds) => {
                let seconds = i64::from(seconds);
                let by = Duration::from_secs(seconds.unsigned_abs());
                self.now.utc = if seconds < 0 { self.now.utc - by } else { self.now.utc + by };
            }
            Step::Garbled { who, kind, ref flips } => self.say_garbled(who, kind, flips),
            Step::Settle => self.settle(),
        }
    }

    fn own_track(client: &Client, n: u8) -> Option<String> {
        let at = choose(&client.own.tracks, n)?;
        Some(client.own.tracks[at].sid.clone())
    }

    fn seen_track(client: &Client, n: u8) -> Option<String> {
        let seen: Vec<&proto::TrackInfo> = client.others.values().flat_map(|one| &one.tracks).collect();
        choose(&seen, n).map(|at| seen[at].sid.clone())
    }

    fn resume(&mut self, n: u8) {
        let Some(at) = choose(&self.clients, n) else { return };
        let client = &mut self.clients[at];
        let grants = Self::grants(&client.identity, true, true, false);
        let request = Self::request(&client.room, grants, client.single, true, Some(client.sid.clone()));
        let Ok(connected) = self.driver.connect(request, self.now) else { return };
        // Its last words on the old connection are heard no more.
        client.offers.clear();
        client.inbox = Some(connected.inbox);
        client.resumes = true;
        (client.cell, client.key) = (connected.cell, connected.key);
        if connected.key.is_some() {
            client.connection = connected.connection;
            // It offers ICE anew on the connections that it offers on.
            client.owes_offer |= client.single;
        }
    }

    /// A viewer by WHEP, who is not hidden.
    pub(super) fn whep(&mut self, who: u8, participant: Option<&str>) -> Result<(), SfuError> {
        let identity = OTHERS[choose(&OTHERS, who).unwrap()];
        let request = JoinRequest {
            room: ROOMS[0].parse().unwrap(),
            identity: identity.parse().unwrap(),
            name: identity.into(),
            participant: participant.map(|identity| identity.parse().unwrap()),
            local: false,
            hidden: false,
            class: Class::Viewer,
            leased_until_utc_ms: None,
            seats: SeatLimits::default(),
            offer: descriptions::session(false, true),
        };
        self.driver.call(Command::Subscribe(request), self.now).map(drop)
    }

    fn session(&mut self, publishes: bool, who: u8, room: u8, video: bool, hidden: bool) {
        let identity = OTHERS[choose(&OTHERS, who).unwrap()];
        let room = ROOMS[choose(&ROOMS, room).unwrap()];
        let request = JoinRequest {
            room: room.parse().unwrap(),
            identity: identity.parse().unwrap(),
            name: identity.into(),
            participant: (who >= 128 && !publishes).then(|| IDENTITIES[usize::from(who % 7)].parse().unwrap()),
            local: false,
            hidden,
            class: if publishes { Class::Speaker } else { Class::Viewer },
            leased_until_utc_ms: None,
            seats: SeatLimits::default(),
            offer: descriptions::session(publishes, video),
        };
        let command = if publishes { Command::Publish(request) } else { Command::Subscribe(request) };
        if let Ok(Reply::Joined(joined)) = self.driver.call(command, self.now) {
            self.sessions.push((room, joined.session));
        }
    }

    fn grants(identity: &str, publishes: bool, subscribes: bool, hidden: bool) -> Grants {
        Grants {
            identity: identity.parse().ok(),
            name: identity.to_uppercase(),
            room_join: true,
            can_publish: publishes,
            can_subscribe: subscribes,
            can_publish_data: true,
            can_update_own_metadata: true,
            hidden,
            ..nobody()
        }
    }

    fn request(
        room: &str,
        grants: Grants,
        single: bool,
        auto_subscribe: bool,
        resume: Option<String>,
    ) -> ConnectRequest {
        ConnectRequest {
            room: room.parse().unwrap(),
            identity: grants.identity.clone().unwrap(),
            grants,
            about: proto::Room { name: room.into(), ..Default::default() },
            seats: SeatLimits::default(),
            ice_servers: vec![],
            local: true,
            resume,
            client: About { auto_subscribe, single_connection: single, sdk: "simulated".into(), protocol: 16 },
            requests: vec![],
        }
    }
}
