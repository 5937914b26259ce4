//! Participants of LiveKit's protocol: how they come, stay through a lost connection, and go.
//!
//! What they ask is in `requests`, what they publish in `publishing`, what they are sent in `subscribing`, their
//! messages in `data`; `dynacast` asks publishers for no more than is looked at; `moderation` is what the server's API
//! does.

mod data;
mod dynacast;
mod moderation;
mod publishing;
mod requests;
mod subscribing;
mod upkeep;

use std::cell::Cell;
use std::collections::{HashMap, HashSet, VecDeque};

use livekit_protocol as proto;
use livekit_protocol::DisconnectReason;
use livekit_protocol::leave_request::Action;
use livekit_protocol::participant_info::State as Presence;
use livekit_protocol::signal_response::Message;
use plane::{NewPeer, Order, PeerId, Quality};
use tokio::sync::mpsc;

use super::Authority;
use crate::control::{Client, ConnectRequest, NoticeKind, SfuError};
use crate::ids::random_text;
use crate::room::member::{Audience, Downlink, Link, Links, Member, Signal, Uplink};
use crate::room::now::Now;
use crate::room::state::{Owner, State};
use crate::signalling::livekit::info;
use crate::signalling::livekit::message::{Outgoing, leave};

/// Messages that may wait for a client; one that lags further is cut off, and may resume.
const OUTBOX: usize = 512;
/// Characters of the random part of a participant's sid.
const SID_LEN: usize = 12;
/// How often clients are to ping, and how long they wait for the answer. Seconds.
const PING_INTERVAL_S: i32 = 5;
const PING_TIMEOUT_S: i32 = 15;

/// A signal connection that was let in.
pub(crate) struct Connected {
    pub sid: String,
    pub connection: u32,
    pub inbox: mpsc::Receiver<Outgoing>,
}

impl Authority {
    /// A client connects: to join, or to resume.
    pub(crate) fn connect(&self, request: ConnectRequest, now: Now) -> Result<Connected, SfuError> {
        let mut state = self.lock();
        if state.closed {
            return Err(SfuError::ShuttingDown);
        }
        let (outbox, inbox) = mpsc::channel(OUTBOX);
        state.next_connection = state.next_connection.wrapping_add(1);
        let signal = Signal { outbox, connection: state.next_connection, lags: Cell::new(false) };
        let connection = signal.connection;
        let sid = match request.resume.clone() {
            Some(sid) => {
                if !self.resume(&mut state, &sid, &request, signal, now) {
                    return Ok(refused(leave(DisconnectReason::StateMismatch, Action::Reconnect)));
                }
                sid
            }
            None => self.join(&mut state, request, signal, now)?,
        };
        Ok(Connected { sid, connection, inbox })
    }

    fn join(&self, state: &mut State, request: ConnectRequest, signal: Signal, now: Now) -> Result<String, SfuError> {
        let before = state.sid_by_identity(&request.room, &request.grants.identity);
        if let Some(before) = before.map(str::to_owned) {
            self.dismiss(state, &before, DisconnectReason::DuplicateIdentity, Action::Disconnect);
        }
        let there = state.rooms.get(&request.room).map_or(0, |room| room.members.len());
        let configured = self.config.participants_per_room_max;
        let most = Some(request.about.max_participants).filter(|max| *max > 0).unwrap_or(configured).min(configured);
        if there >= most as usize {
            return Err(SfuError::Full("the room is full".into()));
        }
        self.has_room(state)?;
        let Client { sdk, protocol, .. } = &request.client;
        tracing::debug!(sdk, protocol, "a participant joins");
        let permission = info::permission(&request.grants);
        let named = state.rooms.get(&request.room).map_or(0, |room| room.listed.len());
        let listed = !permission.hidden && (permission.can_publish || named < self.config.listed_max as usize);
        let single = request.client.single_connection;
        let subscribes = permission.can_subscribe && !single;
        let sid = format!("PA_{}", random_text(SID_LEN));
        let member = Member {
            sid: sid.clone(),
            room: request.room,
            identity: request.grants.identity,
            name: request.grants.name,
            metadata: request.grants.metadata,
            attributes: request.grants.attributes,
            permission,
            standing: request.grants.standing,
            listed,
            local: request.local,
            since: now.utc,
            auto_subscribe: request.client.auto_subscribe,
            state: Presence::Joined,
            version: 1,
            signal: Some(signal),
            lost_at: None,
            links: Links::new(single),
            uplink: Uplink::default(),
            downlink: Downlink::new(single, rand::random_range(0x1000_0000..0x7000_0000)),
            audience: Audience::default(),
            chosen: HashMap::new(),
            settings: HashMap::new(),
            on_stage: false,
            refresh_at: now.instant + upkeep::TOKEN_RENEWED,
            loudness: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            data_open: false,
            last_sequence: 0,
            left_out: HashSet::new(),
            undecodable: HashSet::new(),
        };
        let mut room = request.about;
        room.num_participants = state.count(&member.room) + u32::from(!member.hidden());
        let others = state.roll(&member.room, &member.identity);
        let join = proto::JoinResponse {
            room: Some(room.clone()),
            participant: Some(member.info()),
            server_version: info::SERVER_VERSION.to_owned(),
            ice_servers: request.ice_servers,
            // Who has a subscriber connection has it first, as most do nothing else; who has one connection offers at
            // once.
            subscriber_primary: subscribes,
            ping_interval: PING_INTERVAL_S,
            ping_timeout: PING_TIMEOUT_S,
            server_info: Some(info::server()),
            ..proto::JoinResponse::default()
        };
        member.tell(Outgoing::join(&join, &others));
        let shard = self.shard_for(state, &member.room);
        let updates: Vec<_> = state.performers_of(&member.room).filter(|m| m.on_stage).map(Member::quality).collect();
        if !updates.is_empty() {
            member.tell(Message::ConnectionQuality(proto::ConnectionQualityUpdate { updates }));
        }
        let speaking = state.speaking(&member.room);
        if !speaking.is_empty() {
            member.tell(Message::SpeakersChanged(proto::SpeakersChanged { speakers: speaking }));
        }
        state.add_member(member, shard);
        if let Some(of) = state.rooms.get_mut(&room.name) {
            of.about = Some(room);
        }
        self.announce_soon(state, &sid);
        self.resubscribe(state, &sid);
        Ok(sid)
    }

    /// `false`: there is no such session any more.
    fn resume(&self, state: &mut State, sid: &str, request: &ConnectRequest, signal: Signal, now: Now) -> bool {
        let fits = |m: &&mut Member| m.room == request.room && m.identity == request.grants.identity;
        let Some(member) = state.members.get_mut(sid).filter(fits) else { return false };
        let single = member.links.is_single();
        let lost = !single && member.links.down().is_none() && member.permission.can_subscribe;
        let lost_at = member.lost_at.unwrap_or(now.instant);
        let missed =
            state.rooms.get(&request.room).and_then(|room| Some(room.departures.missed(lost_at)?.cloned().collect()));
        let missed: Option<Vec<proto::ParticipantInfo>> = missed;
        if lost || missed.is_none() || single != request.client.single_connection {
            self.dismiss(state, sid, DisconnectReason::StateMismatch, Action::Reconnect);
            return false;
        }
        let Some(member) = state.members.get_mut(sid) else { return false };
        // An older connection that is still there ends with its sender.
        (member.signal, member.lost_at) = (Some(signal), None);
        member.tell(Message::Reconnect(proto::ReconnectResponse {
            ice_servers: request.ice_servers.clone(),
            server_info: Some(info::server()),
            // What came after it, the client sends again.
            last_message_seq: member.last_sequence,
            ..proto::ReconnectResponse::default()
        }));
        let Some(member) = state.members.get(sid) else { return false };
        let others = state.others(member);
        // Clients know others by identity: who left and came back is there.
        let mut participants = missed.unwrap_or_default();
        participants
            .retain(|gone| gone.identity != member.identity && !others.iter().any(|o| o.identity == gone.identity));
        participants.push(member.info());
        participants.extend(others);
        member.tell(Message::Update(proto::ParticipantUpdate { participants }));
        member.tell(Message::RoomUpdate(proto::RoomUpdate { room: Some(request.about.clone()) }));
        self.restart_downlink(state, sid);
        true
    }

    /// A signal connection ended. The session waits for it to be resumed.
    pub(crate) fn disconnected(&self, sid: &str, connection: u32, now: Now) {
        let mut state = self.lock();
        let Some(member) = state.members.get_mut(sid) else { return };
        if member.signal.take_if(|signal| signal.connection == connection).is_some() {
            member.lost_at = Some(now.instant);
        }
    }

    /// A peer connection of theirs loses more than before, or less.
    pub(in super::super) fn path_changed(&self, state: &mut State, sid: &str, peer: PeerId, quality: Quality) {
        let Some(member) = state.members.get_mut(sid) else { return };
        if let Some(link) = member.links.of_mut(peer) {
            link.quality = quality;
        }
        let (room, updates) = (member.room.clone(), vec![member.quality()]);
        let news = Outgoing::from(Message::ConnectionQuality(proto::ConnectionQualityUpdate { updates }));
        // How well a viewer receives is nobody's business but their own.
        if !member.on_stage {
            return member.tell(news);
        }
        state.members_of(&room).for_each(|other| other.tell(news.clone()));
    }

    /// Ends a participant's session, and tells everybody, them first.
    pub(in super::super) fn dismiss(&self, state: &mut State, sid: &str, reason: DisconnectReason, action: Action) {
        let Some(mut member) = state.remove_member(sid) else { return };
        tracing::debug!(sid, reason = reason.as_str_name(), "ending a participant's session");
        member.tell(leave(reason, action));
        for peer in member.links.iter().map(|link| link.peer) {
            self.plane.order(Order::Remove { peer });
        }
        member.state = Presence::Disconnected;
        member.version += 1;
        let published = !member.uplink.tracks.is_empty();
        if member.listed {
            let mut told = member.info();
            told.disconnect_reason = reason.into();
            told.tracks.clear();
            state.departed(&member.room, &told);
            if let Some(room) = state.rooms.get_mut(&member.room) {
                room.departed.push(told);
            }
        }
        if member.on_stage {
            self.left_stage(&member.room, &member.identity, sid.into());
        }
        if published {
            self.stage_changed(state, &member.room);
        }
    }

    /// A peer connection of theirs is up.
    pub(super) fn member_connected(&self, state: &mut State, sid: &str, peer: PeerId) {
        let Some(member) = state.members.get_mut(sid) else { return };
        if let Some(link) = member.links.of_mut(peer) {
            link.connected = true;
        }
        if member.state != Presence::Active {
            member.state = Presence::Active;
            self.announce_soon(state, sid);
            self.record(state, sid, NoticeKind::ParticipantJoined, None);
        }
        if self.refresh_stage(state, sid)
            && let Some(room) = state.members.get(sid).map(|member| member.room.clone())
        {
            self.reassign_sections(state, &room);
        }
    }

    /// What happened to somebody, for the record.
    pub(super) fn record(&self, state: &State, sid: &str, kind: NoticeKind, track: Option<proto::TrackInfo>) {
        if let Some(member) = state.members.get(sid).filter(|member| !member.hidden()) {
            state.notice(&member.room, kind, Some(member.info()), track);
        }
    }

    /// A peer connection of theirs is gone: without it the session has no use, and a client that is still there starts
    /// anew.
    pub(super) fn member_lost(&self, state: &mut State, sid: &str, peer: PeerId) {
        if let Some(member) = state.members.get_mut(sid) {
            member.links.lose(peer);
        }
        self.dismiss(state, sid, DisconnectReason::MediaFailure, Action::Reconnect);
    }

    /// A peer connection for a participant.
    fn new_link(&self, state: &mut State, sid: &str) -> Option<Link> {
        let member = state.members.get(sid)?;
        let shard = self.shard_for(state, &member.room);
        let peer = state.new_peer(shard);
        let new = NewPeer::bare(peer);
        let link = Link::new(peer, new.ice.clone());
        self.plane.order(Order::Add(Box::new(new)));
        state.owns(peer, Owner::Member(sid.to_owned()));
        Some(link)
    }
}

/// Nobody's connection: one message, and its end.
fn refused(message: Message) -> Connected {
    let (outbox, inbox) = mpsc::channel(1);
    drop(outbox.try_send(message.into()));
    Connected { sid: String::new(), connection: 0, inbox }
}

#[cfg(test)]
mod tests;
